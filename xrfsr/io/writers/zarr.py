"""Writer of chunked zarr v3 stores."""

from __future__ import annotations

import math
import warnings
from collections.abc import Hashable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import dequantify
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.writers.atomic import atomic_write, target_faults
from xrfsr.io.writers.ownership import DATASET, store_obstacle
from xrfsr.io.writers.zarr_checks import NAMELESS, storage_faults
from xrfsr.io.zarr_marks import marks
from xrfsr.utils.checks import switch_faults
from xrfsr.utils.dask_progress import counted_tasks
from xrfsr.utils.describe import describe, listing
from xrfsr.utils.paths import local_path
from xrfsr.utils.progress import progress_bar

__all__ = ["consolidate", "to_zarr", "write"]

# Readers want one line, or one corner of all lines: 512 x 512 float32 are 1 MiB, small enough to read a corner and
# large enough to compress. Other dimensions are not chunked.
CHUNKS = {"line": 1, "y": 512, "x": 512}
# Zstandard: higher levels hardly reduce the size of maps and take longer. A checksum makes a damaged chunk an error.
ZSTD_LEVEL = 1
# Beyond this many pixels along a side, chunks would be thousands of small files: a shard combines four by four.
MIN_SHARDED_SIDE = 2048
CHUNKS_PER_SHARD = 4
LARGE = 2**26  # bytes of a variable in memory from which on it is written by several threads
# Characters of a variable beyond which text is not stored with the width of its longest one.
MAX_FIXED_TEXT = 2**18


def to_zarr(
    data: xr.Dataset | xr.DataArray,
    path: str | PathLike[str],
    *,
    overwrite: bool = False,
    chunks: Mapping[str, int] | None = None,
    progress: bool | None = None,
) -> None:
    """Write to a zarr v3 store in a local folder.

    ``xr.open_zarr(path)`` returns an identical Dataset, and ``xr.open_dataarray(path, engine="zarr")`` an identical
    DataArray. Units are stored as text, also those of pint quantities; large maps are sharded. Dask arrays are computed
    and written chunk by chunk. The store appears under `path` only when it is complete: after an error or an
    interruption there is none, or, with `overwrite`, still the old store.

    Parameters
    ----------
    data : Dataset or DataArray
        Scan, photo or result, or data derived from them.
    path : str or path
        Folder to create, usually with the suffix ``.zarr``.
    overwrite : bool
        Whether to replace an existing store, if this function wrote all that is in it. Any other file or folder, and a
        symbolic link, is never replaced.
    chunks : mapping of str to int, optional
        Chunk length by dimension. Default: 1 for line and 512 for y and x.
    progress : bool, optional
        Whether to show what is done; left out, terminals and notebooks show it if it takes a second or more.

    Raises
    ------
    InvalidInput
        If `path` exists or cannot be written to, `chunks` do not fit, or zarr cannot store a name, index, variable or
        attribute unchanged; the message lists every fault.

    Examples
    --------
    >>> import tempfile, xarray as xr
    >>> photo = xr.DataArray([[0.0, 0.5]], dims=("y", "x"), name="grey")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_zarr(photo, f"{folder}/photo.zarr")
    ...     xr.open_dataarray(f"{folder}/photo.zarr", engine="zarr").identical(photo)
    True
    """
    target = local_path(path, "the folder to make, such as 'fine.zarr'")
    faults = switch_faults(overwrite=overwrite) + switch_faults(optional=True, progress=progress)
    faults += target_faults(target, store_obstacle, overwrite=not faults and overwrite)
    dataset: xr.Dataset | None = None
    with collect_faults(faults):
        dataset = dequantify(_as_dataset(data))
        faults += _chunk_faults(chunks, dataset)
        faults += storage_faults(dataset)
    if faults or dataset is None:
        raise InvalidInput(f"zarr store '{target}'", faults)
    with (
        progress_bar(0, f"writing {target.name}", progress),
        atomic_write(target, "zarr store", store_obstacle, overwrite=overwrite) as new,
    ):
        write(dataset.assign_attrs(marks(DATASET, dataset.variables)), new, chunks)
        consolidate(new)


def write(dataset: xr.Dataset, folder: Path, chunks: Mapping[str, int] | None = None) -> None:
    """Write a checked Dataset to a new folder, without consolidated metadata."""
    dataset, encoding = _prepare(dataset, {**CHUNKS, **(chunks or {})})
    # Zarr writes from several threads: after one fails, others may still add files while the folder is removed.
    # Chunks without a value are written too, so that a file that is absent has been lost.
    options: dict[str, Any] = {"zarr_format": 3, "consolidated": False, "write_empty_chunks": True}
    accept_fixed_text()
    delayed = dataset.to_zarr(folder, mode="w-", encoding=encoding, compute=False, **options)
    with counted_tasks("chunks") as callbacks:
        delayed.compute(callbacks=callbacks)  # type: ignore[no-untyped-call]


def consolidate(store: Path) -> None:
    """Consolidate the metadata of all groups and arrays, so that the store opens quickly."""
    import zarr

    accept_fixed_text()
    with warnings.catch_warnings():
        # Zarr warns that consolidated metadata are not part of its standard. They are still preferable: without them
        # xarray warns on every open_zarr, and readers that do not know them ignore them.
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        zarr.consolidate_metadata(store, zarr_format=3)


def accept_fixed_text() -> None:
    """Keep zarr from warning of text of fixed width, from now on and in all threads.

    Only text of fixed width has a size that Dask knows, without which ``xr.open_zarr(path, chunks="auto")`` fails. It
    is a registered extension of zarr v3, though not part of its core. The filter is not limited to a block, because
    the filters at the end of such a block are those of its beginning: with several threads a block ends that of others.
    """
    warnings.filterwarnings("ignore", message=r"The data type \(FixedLengthUTF32")


def _as_dataset(data: object) -> xr.Dataset:
    if isinstance(data, xr.Dataset):
        return data
    if not isinstance(data, xr.DataArray):
        raise InvalidInput("data", [f"data must be a Dataset or DataArray, got {describe(data)}"])
    if data.name in data.coords:
        raise InvalidInput(
            "data", [f"the DataArray has the name of its own coordinate {data.name!r}; rename it: .rename('map')"]
        )
    return data.to_dataset(name=NAMELESS if data.name is None else data.name)


def _chunk_faults(chunks: object, dataset: xr.Dataset) -> list[str]:
    if chunks is None:
        return []
    if not isinstance(chunks, Mapping):
        return [f"chunks must map dimensions to lengths, such as chunks={{'y': 256, 'x': 256}}, got {describe(chunks)}"]
    faults = [
        f"chunks: {describe(name)} is not a dimension of the data; choose from {listing(dataset.sizes)}"
        for name in chunks
        if name not in dataset.sizes
    ]
    faults += [
        f"chunks: {describe(name)} must be an integer ≥ 1, got {describe(length)}"
        for name, length in chunks.items()
        if not isinstance(length, int | np.integer) or isinstance(length, bool) or length < 1
    ]
    return faults


def _prepare(dataset: xr.Dataset, chunks: Mapping[str, int]) -> tuple[xr.Dataset, dict[Hashable, dict[str, Any]]]:
    """Convert `dataset` for storage, and return it with the chunks and shards of its variables."""
    # Imported late, because importing zarr takes longer than importing this package.
    from zarr.codecs import ZstdCodec

    # Chunks of the store that the data came from would contradict those requested here.
    dataset = dataset.drop_encoding()
    for variable in dataset.variables.values():
        if variable.attrs.get("units") == "":  # pint's notation, which looks like missing units
            variable.attrs = {**variable.attrs, "units": "dimensionless"}
    encoding: dict[Hashable, dict[str, Any]] = {}
    cut = {dim for variable in dataset.variables.values() if variable.ndim > 1 for dim in variable.dims}
    for name, variable in dataset.variables.items():
        if variable.dtype.kind in "OTU":
            # In memory, because xarray warns about text in Dask arrays. Indexes are never in Dask, and stay in the
            # only kind of text that the core of zarr v3 has.
            held = variable.compute()
            dataset[name] = held.astype(object) if variable.dims == (name,) else _with_fixed_text(held)
        if variable.dims == (name,) or not cut.intersection(variable.dims):
            continue  # indexes, which xarray reads whole, and variables without a dimension of a map are not chunked
        chunk = {dim: min(int(chunks.get(str(dim), size)), size) or 1 for dim, size in variable.sizes.items()}
        encoding[name] = {"chunks": tuple(chunk.values())}
        if variable.dtype.kind in "biuf":
            encoding[name]["compressors"] = (ZstdCodec(level=ZSTD_LEVEL, checksum=True),)
        shard = chunk
        if variable.ndim == 1:
            # Same chunks as the maps, because xarray refuses a Dataset with inconsistent chunks; but all in one file.
            shard = {dim: length * math.ceil(variable.sizes[dim] / length) or 1 for dim, length in chunk.items()}
        elif max(variable.sizes.get("y", 0), variable.sizes.get("x", 0)) > MIN_SHARDED_SIDE:
            shard = {dim: _shard(length, variable, dim) for dim, length in chunk.items()}
        if shard != chunk:
            encoding[name]["shards"] = tuple(shard.values())
        if dataset[name].chunks is not None:
            # Dask tasks then never write to the same file at the same time.
            dataset[name] = dataset[name].chunk(shard)
        elif variable._in_memory and variable.nbytes > LARGE:
            # Written piece by piece as well, by several threads. With a name of its own, Dask need not hash the values.
            dataset[name] = dataset[name].chunk(shard, token=uuid4().hex)
    return dataset, encoding


def _with_fixed_text(variable: xr.Variable) -> xr.Variable:
    """Return text of fixed width, or an object array where that would lose something or be too large."""
    values = variable.values
    if values.dtype.kind == "U":
        return variable
    texts = values.ravel().tolist()
    plain = all(isinstance(text, str) and not text.endswith("\0") for text in texts)
    if not plain or max(map(len, texts), default=0) * len(texts) > MAX_FIXED_TEXT:
        return variable.astype(object)
    return variable.copy(data=np.array(texts, dtype=str).reshape(values.shape))


def _shard(chunk: int, variable: xr.Variable, dim: Hashable) -> int:
    """Return the length of a shard along `dim`."""
    if dim not in ("y", "x"):
        return chunk
    if variable.chunksizes:
        # The chunks of Dask, if they are multiples of the stored ones, so that each is written once it is computed.
        pieces = variable.chunksizes[dim]
        if len(set(pieces[:-1])) == 1 and pieces[0] % chunk == 0 and pieces[-1] <= pieces[0]:
            return pieces[0]
    return chunk * min(CHUNKS_PER_SHARD, math.ceil(variable.sizes[dim] / chunk))
