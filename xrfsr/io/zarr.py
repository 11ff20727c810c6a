"""Writing to zarr v3: chunked, complete or not at all."""

from __future__ import annotations

import math
import shutil
import time
import warnings
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import xarray as xr

from xrfsr.errors import InvalidInput
from xrfsr.frame import dequantified

__all__ = ["to_zarr"]

# One line is looked at or one corner of all lines: 512 x 512 float32 are 1 MiB, small enough to pick a corner
# from and large enough to compress. Dimensions not named here stay in one piece.
CHUNKS = {"line": 1, "y": 512, "x": 512}
# Beyond this many pixels along a side, chunks would be thousands of small files: four by four go into one.
SHARDED_FROM = 2048
CHUNKS_PER_SHARD = 4
CLEARING_ATTEMPTS = 100
# The name under which xarray keeps a DataArray that has none; open_dataarray takes it off again.
NAMELESS = "__xarray_dataarray_variable__"


def to_zarr(
    data: xr.Dataset | xr.DataArray,
    path: str | PathLike[str],
    *,
    overwrite: bool = False,
    chunks: Mapping[str, int] | None = None,
) -> None:
    """Write to a zarr v3 store in a local folder.

    ``xr.open_zarr(path)`` gives the Dataset back identically, ``xr.open_dataarray(path, engine="zarr")`` the
    DataArray. Units are stored as text, also of quantities in pint; large maps are sharded. Dask arrays
    are computed and written piece by piece. The store appears under `path` when it is complete: after an error
    or an interruption nothing is there, or with `overwrite` still the old one.

    Parameters
    ----------
    data : Dataset or DataArray
        A scan, a photo, a result, or anything derived from them.
    path : str or path
        The folder to make, by custom with the ending ``.zarr``.
    overwrite : bool
        Replace an existing zarr store. Anything else that exists is never replaced.
    chunks : mapping of str to int, optional
        Chunk length by dimension, in place of 1 for line and 512 for y and x.

    Raises
    ------
    InvalidInput
        If `path` exists, its parent folder does not, or `chunks` does not fit `data`.

    Examples
    --------
    >>> import tempfile, xarray as xr
    >>> photo = xr.DataArray([[0.0, 0.5]], dims=("y", "x"), name="grey")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_zarr(photo, f"{folder}/photo.zarr")
    ...     xr.open_dataarray(f"{folder}/photo.zarr", engine="zarr").identical(photo)
    True
    """
    path = Path(path)
    _check_target(path, overwrite)
    dataset = (
        data if isinstance(data, xr.Dataset) else data.to_dataset(name=NAMELESS if data.name is None else data.name)
    )
    dataset, encoding = _prepare(dataset, CHUNKS if chunks is None else {**CHUNKS, **_checked(chunks, dataset)})

    # Beside the target, so that the final step is a rename; in a folder of its own, because a temporary folder
    # is closed to others and the store should have the usual permissions.
    # Zarr writes from several threads: when one fails, others still add files while the folder is cleared.
    with _scratch(path) as scratch:
        new, old = Path(scratch, "new"), Path(scratch, "old")
        dataset.to_zarr(new, mode="w-", zarr_format=3, consolidated=False, encoding=encoding)
        _consolidate(new)
        if overwrite and path.exists():
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise


@contextmanager
def _scratch(path: Path) -> Iterator[str]:
    """A folder beside `path` that is gone afterwards, also if writers that outlive a failure still add to it."""
    folder = mkdtemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        yield folder
    finally:
        for attempt in range(CLEARING_ATTEMPTS):
            shutil.rmtree(folder, ignore_errors=attempt < CLEARING_ATTEMPTS - 1)
            if not Path(folder).exists():
                break
            time.sleep(0.05)


def _consolidate(store: Path) -> None:
    import zarr

    with warnings.catch_warnings():
        # Zarr warns here that its standard knows no consolidated metadata. Without them xarray warns at every
        # plain open_zarr, and readers that do not know them pass over them: the better of the two.
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        zarr.consolidate_metadata(store, zarr_format=3)


def _check_target(path: Path, overwrite: bool) -> None:
    if not path.parent.is_dir():
        raise InvalidInput("path", [f"the folder '{path.parent}' does not exist; make it first, or choose another"])
    if not path.exists():
        return
    if not overwrite:
        raise InvalidInput("path", [f"'{path}' exists; choose another name, or pass overwrite=True to replace it"])
    if not (path / "zarr.json").is_file():
        raise InvalidInput("path", [f"'{path}' exists and is no zarr v3 store, so it is not replaced; remove it first"])


def _checked(chunks: Mapping[str, int], dataset: xr.Dataset) -> Mapping[str, int]:
    faults = [
        f"{name!r} is no dimension of the data; accepted are {', '.join(map(str, dataset.sizes))}"
        for name in chunks
        if name not in dataset.sizes
    ]
    faults += [f"{name!r} is {length}; a chunk has at least one cell" for name, length in chunks.items() if length < 1]
    if faults:
        raise InvalidInput("chunks", faults)
    return chunks


def _prepare(dataset: xr.Dataset, chunks: Mapping[str, int]) -> tuple[xr.Dataset, dict[Hashable, dict[str, Any]]]:
    """`dataset` as it can be stored, and the chunks and shards of its variables."""
    # What an earlier store said about chunks would contradict what is asked for here.
    dataset = dequantified(dataset).drop_encoding()
    for variable in dataset.variables.values():
        if variable.attrs.get("units") == "":  # pint's word for it, but it looks like forgotten
            variable.attrs = {**variable.attrs, "units": "dimensionless"}
    encoding: dict[Hashable, dict[str, Any]] = {}
    for name, variable in dataset.variables.items():
        if variable.dtype.kind in "OTU":
            # Text: zarr v3 has no standard for numpy's fixed-width kind, and xarray warns of text in Dask.
            dataset[name] = variable.compute().astype(object)
        if variable.ndim < 2:
            continue  # coordinates stay in one piece
        chunk = {dim: min(chunks.get(str(dim), size), size) or 1 for dim, size in variable.sizes.items()}
        encoding[name] = {"chunks": tuple(chunk.values())}
        piece = chunk
        if max(variable.sizes.get("y", 0), variable.sizes.get("x", 0)) > SHARDED_FROM:
            piece = {dim: _shard(length, variable.sizes[dim], dim) for dim, length in chunk.items()}
            encoding[name]["shards"] = tuple(piece.values())
        if variable.chunks is not None:
            # Dask may then write pieces at the same time without meeting in one file.
            dataset[name] = dataset[name].chunk(piece)
    return dataset, encoding


def _shard(chunk: int, size: int, dim: Hashable) -> int:
    return chunk * min(CHUNKS_PER_SHARD, math.ceil(size / chunk)) if dim in ("y", "x") else chunk
