"""Writing to zarr v3: chunked, complete or not at all."""

from __future__ import annotations

import math
import warnings
from collections.abc import Hashable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import dequantify
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.writers.atomic import atomic_write, target_faults
from xrfsr.io.writers.zarr_checks import storage_faults
from xrfsr.utils.paths import local_path

__all__ = ["consolidate", "to_zarr", "write"]

# One line is looked at or one corner of all lines: 512 x 512 float32 are 1 MiB, small enough to pick a corner
# from and large enough to compress. Dimensions not named here stay in one piece.
CHUNKS = {"line": 1, "y": 512, "x": 512}
# Of Zstandard: higher ones save next to nothing of maps and take longer. With a checksum, so that a damaged chunk is an
# error and not a map.
ZSTD_LEVEL = 1
# Beyond this many pixels along a side, chunks would be thousands of small files: four by four go into one.
MIN_SHARDED_SIDE = 2048
CHUNKS_PER_SHARD = 4
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
        Naming everything that keeps `data` from being stored and given back unchanged: a `path` that exists or cannot
        be written to, `chunks` that do not fit, and names, indexes, variables and attributes that zarr cannot hold.

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
    faults = target_faults(target, overwrite, may_replace=_is_store(target), kind="zarr v3 store")
    dataset: xr.Dataset | None = None
    with collect_faults(faults):
        dataset = dequantify(_as_dataset(data))
        faults += _chunk_faults(chunks, dataset)
        faults += [fault.replace(repr(NAMELESS), "the DataArray") for fault in storage_faults(dataset)]
    if faults or dataset is None:
        raise InvalidInput(f"zarr store '{target}'", faults)
    with atomic_write(target, "zarr store") as new:
        write(dataset, new, chunks)
        consolidate(new)


def write(dataset: xr.Dataset, folder: Path, chunks: Mapping[str, int] | None = None) -> None:
    """Write a Dataset that can be stored to a new folder, without consolidated metadata."""
    dataset, encoding = _prepare(dataset, {**CHUNKS, **(chunks or {})})
    # Zarr writes from several threads: when one fails, others still add files while what was written is cleared.
    dataset.to_zarr(folder, mode="w-", zarr_format=3, consolidated=False, encoding=encoding)


def _is_store(path: Path) -> bool:
    try:
        return (path / "zarr.json").is_file()
    except OSError:
        return False  # and `target_faults` says why


def consolidate(store: Path) -> None:
    """Note the metadata of all groups and arrays in one place, which makes a store quick to open."""
    import zarr

    with warnings.catch_warnings():
        # Zarr warns here that its standard knows no consolidated metadata. Without them xarray warns at every
        # plain open_zarr, and readers that do not know them pass over them: the better of the two.
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        zarr.consolidate_metadata(store, zarr_format=3)


def _as_dataset(data: object) -> xr.Dataset:
    if isinstance(data, xr.Dataset):
        return data
    if not isinstance(data, xr.DataArray):
        raise InvalidInput("data", [f"a {type(data).__name__} was given; a Dataset or DataArray is needed"])
    if data.name in data.coords:
        raise InvalidInput(
            "data", [f"the DataArray has the name of its own coordinate {data.name!r}; rename it: .rename('map')"]
        )
    return data.to_dataset(name=NAMELESS if data.name is None else data.name)


def _chunk_faults(chunks: object, dataset: xr.Dataset) -> list[str]:
    if chunks is None:
        return []
    if not isinstance(chunks, Mapping):
        return [f"chunks is {chunks!r}; lengths by dimension are accepted, such as chunks={{'y': 256, 'x': 256}}"]
    faults = [
        f"chunks: {name!r} is no dimension of the data; accepted are {', '.join(map(str, dataset.sizes))}"
        for name in chunks
        if name not in dataset.sizes
    ]
    faults += [
        f"chunks: {name!r} is {length!r}; a chunk has at least one cell, so give a whole number from 1"
        for name, length in chunks.items()
        if not isinstance(length, int | np.integer) or isinstance(length, bool) or length < 1
    ]
    return faults


def _prepare(dataset: xr.Dataset, chunks: Mapping[str, int]) -> tuple[xr.Dataset, dict[Hashable, dict[str, Any]]]:
    """`dataset` as it can be stored, and the chunks and shards of its variables."""
    # Late, because zarr takes longer to load than all of this package.
    from zarr.codecs import ZstdCodec

    # What an earlier store said about chunks would contradict what is asked for here.
    dataset = dataset.drop_encoding()
    for variable in dataset.variables.values():
        if variable.attrs.get("units") == "":  # pint's word for it, but it looks like forgotten
            variable.attrs = {**variable.attrs, "units": "dimensionless"}
    encoding: dict[Hashable, dict[str, Any]] = {}
    cut = {dim for variable in dataset.variables.values() if variable.ndim > 1 for dim in variable.dims}
    for name, variable in dataset.variables.items():
        if variable.dtype.kind in "OTU":
            # Text: zarr v3 has no standard for numpy's fixed-width kind, and xarray warns of text in Dask.
            dataset[name] = variable.compute().astype(object)
        if variable.dims == (name,) or not cut.intersection(variable.dims):
            continue  # indexes, which xarray opens whole, and what shares no dimension with a map stay in one piece
        chunk = {dim: min(int(chunks.get(str(dim), size)), size) or 1 for dim, size in variable.sizes.items()}
        encoding[name] = {"chunks": tuple(chunk.values())}
        if variable.dtype.kind in "biuf":
            encoding[name]["compressors"] = (ZstdCodec(level=ZSTD_LEVEL, checksum=True),)
        shard = chunk
        if variable.ndim == 1:
            # In chunks like the maps, or the Dataset opened again would be cut in two ways along this dimension,
            # which xarray refuses to work with; but all of them in one file.
            shard = {dim: length * math.ceil(variable.sizes[dim] / length) or 1 for dim, length in chunk.items()}
        elif max(variable.sizes.get("y", 0), variable.sizes.get("x", 0)) > MIN_SHARDED_SIDE:
            shard = {dim: _shard(length, variable, dim) for dim, length in chunk.items()}
        if shard != chunk:
            encoding[name]["shards"] = tuple(shard.values())
        if dataset[name].chunks is not None:
            # Dask may then write pieces at the same time without meeting in one file.
            dataset[name] = dataset[name].chunk(shard)
    return dataset, encoding


def _shard(chunk: int, variable: xr.Variable, dim: Hashable) -> int:
    """How many cells of `dim` go into one file."""
    if dim not in ("y", "x"):
        return chunk
    if variable.chunksizes:
        # As Dask computes them, if chunks fit: each piece is then written as soon as it is there.
        pieces = variable.chunksizes[dim]
        if len(set(pieces[:-1])) == 1 and pieces[0] % chunk == 0 and pieces[-1] <= pieces[0]:
            return pieces[0]
    return chunk * min(CHUNKS_PER_SHARD, math.ceil(variable.sizes[dim] / chunk))
