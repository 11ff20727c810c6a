"""Reader of scans in zarr stores, which reports damaged variables by name."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.lazy import unreadable_message
from xrfsr.io.selection import select_lines

__all__ = ["is_store", "open_store"]

METADATA_FILE = "zarr.json"
# Variables that `ensure_scan` derives from the labels and coordinates.
DERIVED = frozenset({"line", "element", "family", "kind", "energy", "y", "x"})
STORED = {"pixel_size": "coordinates", "origin": "coordinates", "units": "units"}
V2_METADATA_FILES = frozenset({".zgroup", ".zarray", ".zmetadata", ".zattrs"})


def is_store(names: Collection[str]) -> bool:
    """Return whether a folder with these entries is a zarr store of any version."""
    return METADATA_FILE in names or not V2_METADATA_FILES.isdisjoint(names)


def open_store(path: Path, names: Collection[str], *, lines: object, given: Mapping[str, object]) -> xr.Dataset:
    """Open the scan in a zarr store as lazily indexed arrays.

    Parameters
    ----------
    path : Path
        Folder of the store.
    names : collection of str
        Names of the entries in the folder.
    lines : object
        Lines to read, as in `open_scan`.
    given : mapping of str to object
        Further arguments of the caller by name, none of which applies to a store.

    Raises
    ------
    InvalidInput
        If an argument does not apply or cannot be used, or the store is damaged; the message lists every fault.
    """
    faults = [
        f"{name}={value!r} was passed, but '{path}' stores its own {STORED.get(name, 'value')}; leave it out"
        for name, value in given.items()
        if value is not None
    ]
    scan: xr.Dataset | None = None
    with collect_faults(faults):
        stored = _open(path, names)
        # With Dask arrays in place of the stored ones, the check of shapes and labels reads no map.
        scan = _restore_lazy(ensure_scan(stored.chunk(), values=False), stored)
    if scan is not None and lines is not None:
        known = {str(label).casefold(): str(label) for label in scan["line"].values}
        scan = scan.sel(line=list(select_lines(lines, known, path, faults).values()))
    if faults or scan is None:
        raise InvalidInput(f"zarr store '{path}'", faults)
    return scan


def _open(path: Path, names: Collection[str]) -> xr.Dataset:
    if METADATA_FILE not in names:
        raise InvalidInput(
            "zarr store",
            [
                f"'{path}' is a zarr store of version 2, expected version 3; open it with xr.open_zarr, and write it "
                "again with .xrfsr.to_zarr"
            ],
        )
    try:
        with warnings.catch_warnings():
            # Stores of other programs open more slowly, which the user need not act on.
            warnings.filterwarnings("ignore", message="Failed to open Zarr store with consolidated metadata")
            stored = xr.open_zarr(path, chunks=None)
    # A damaged store may raise errors of JSON, missing keys, wrong shapes, or any error of a codec.
    except Exception as error:
        raise InvalidInput("zarr store", [unreadable_message(f"'{path}'", error)]) from error
    # All variables get the chunks of the maps, because xarray refuses a Dataset with inconsistent chunks.
    pieces = stored["intensity"].encoding.get("preferred_chunks", {}) if "intensity" in stored else {}
    pieces = {"line": 1, **pieces}
    lazy: xr.Dataset = stored.assign(
        {
            name: xr.Variable(
                variable.dims,
                indexing.LazilyIndexedArray(_CheckedVariable(variable, f"'{name}' in '{path}'", path / str(name))),
                variable.attrs,
                {"preferred_chunks": {dim: pieces.get(dim, size) for dim, size in variable.sizes.items()}},
            )
            for name, variable in stored.variables.items()
            if name not in stored.indexes
        }
    )
    return lazy


def _restore_lazy(checked: xr.Dataset, stored: xr.Dataset) -> xr.Dataset:
    """Return the checked scan with the lazy arrays of the store, where the check did not change them."""
    kept: dict[Any, xr.Variable] = {}
    for name, variable in stored.variables.items():
        ready = checked.variables.get(name)
        if ready is None or name in DERIVED or (ready.dims, ready.dtype) != (variable.dims, variable.dtype):
            continue
        kept[name] = xr.Variable(variable.dims, variable._data, ready.attrs, variable.encoding)
    whole = checked.assign(kept)
    for name in DERIVED & set(whole.coords):
        whole[name].encoding["preferred_chunks"] = {"line": stored["intensity"].encoding["preferred_chunks"]["line"]}
    return whole


class _CheckedVariable(BackendArray):
    """Stored variable whose errors name it."""

    def __init__(self, variable: xr.Variable, what: str, folder: Path) -> None:
        self.variable, self.what, self.folder = variable, what, folder
        self.shape, self.dtype = variable.shape, variable.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._values)

    def _values(self, key: tuple[Any, ...]) -> NDArray[Any]:
        try:
            values: NDArray[Any] = self.variable[key].to_numpy()
            # Zarr treats an empty shard file as unwritten and returns NaN.
            if values.dtype.kind == "f" and np.isnan(values).any():
                _check_empty_files(self.folder)
            return values
        except MemoryError:
            raise
        except Exception as error:
            raise InvalidInput("zarr store", [unreadable_message(self.what, error)]) from error


def _check_empty_files(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file() and not file.stat().st_size:
            raise OSError(f"'{file.relative_to(folder.parent)}' is empty")
