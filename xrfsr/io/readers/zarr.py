"""Scans from zarr stores: lazy, and clear about what is damaged."""

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
from xrfsr.io.selection import select_lines

__all__ = ["is_store", "open_store"]

METADATA_FILE = "zarr.json"
# What `ensure_scan` makes anew from the labels and the coordinates.
DERIVED = frozenset({"line", "element", "family", "kind", "energy", "y", "x"})
STORED = {"pixel_size": "coordinates", "origin": "coordinates", "units": "units"}
V2_METADATA_FILES = frozenset({".zgroup", ".zarray", ".zmetadata", ".zattrs"})


def is_store(names: Collection[str]) -> bool:
    """Whether a folder with these entries is a zarr store, of any version."""
    return METADATA_FILE in names or not V2_METADATA_FILES.isdisjoint(names)


def open_store(path: Path, names: Collection[str], *, lines: object, given: Mapping[str, object]) -> xr.Dataset:
    """The scan in a zarr store, as lazily indexed arrays.

    Parameters
    ----------
    path : Path
    names : collection of str
        What is in the folder.
    lines : object
        As for `open_scan`.
    given : mapping of str to object
        Further arguments of the caller by name, of which a store has no use for any.

    Raises
    ------
    InvalidInput
        Listing every argument that a store has no use for or that cannot be used, and what is wrong with the store.
    """
    faults = [
        f"{name}={value!r} was given, but '{path}' stores its own {STORED.get(name, 'choice of it')}; leave it out"
        for name, value in given.items()
        if value is not None
    ]
    scan: xr.Dataset | None = None
    with collect_faults(faults):
        stored = _open(path, names)
        # Dask stands in for what is in the file, so that checking shapes and labels reads no map.
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
                f"'{path}' is of zarr version 2, and version 3 is read here; open it with xr.open_zarr, and write it "
                "anew with .xrfsr.to_zarr"
            ],
        )
    try:
        with warnings.catch_warnings():
            # Those of others are slower to open, which is nothing to act upon here.
            warnings.filterwarnings("ignore", message="Failed to open Zarr store with consolidated metadata")
            stored = xr.open_zarr(path, chunks=None)
    # Damage shows in many ways: JSON, missing keys, wrong shapes, and whatever a codec raises.
    except Exception as error:
        raise InvalidInput("zarr store", [_damage(f"'{path}'", error)]) from error
    # One chunking for all, or xarray would find it inconsistent: that of the maps, which are the bulk.
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
    """The checked scan with its numbers as they lie in the store, where checking left them as they are."""
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


def _damage(what: str, error: Exception) -> str:
    reason = str(error) or type(error).__name__
    return f"{what} cannot be read ({reason}): damaged or incomplete, so take a copy or write it anew"


class _CheckedVariable(BackendArray):
    """A stored variable; where it cannot be read, the error names it."""

    def __init__(self, variable: xr.Variable, what: str, folder: Path) -> None:
        self.variable, self.what, self.folder = variable, what, folder
        self.shape, self.dtype = variable.shape, variable.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._values)

    def _values(self, key: tuple[Any, ...]) -> NDArray[Any]:
        try:
            values: NDArray[Any] = self.variable[key].to_numpy()
            # Zarr takes an empty file of several chunks for one that was never written, and gives NaN.
            if values.dtype.kind == "f" and np.isnan(values).any():
                _check_empty_files(self.folder)
            return values
        except MemoryError:
            raise
        except Exception as error:
            raise InvalidInput("zarr store", [_damage(self.what, error)]) from error


def _check_empty_files(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file() and not file.stat().st_size:
            raise OSError(f"'{file.relative_to(folder.parent)}' is empty")
