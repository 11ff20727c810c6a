"""Scans from zarr stores: lazy, and clear about what is damaged."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput, collecting
from xrfsr.io.names import wanted_lines
from xrfsr.scan import ensure_scan

__all__ = ["is_store", "open_store"]

MARK = "zarr.json"
MARKS_OF_VERSION_2 = frozenset({".zgroup", ".zarray", ".zmetadata", ".zattrs"})


def is_store(names: Collection[str]) -> bool:
    """Whether a folder with these entries is a zarr store, of any version."""
    return MARK in names or not MARKS_OF_VERSION_2.isdisjoint(names)


def open_store(path: Path, names: Collection[str], *, pixel_size: object, units: object, lines: object) -> xr.Dataset:
    """The scan in a zarr store; see `open_scan` for the arguments.

    Raises
    ------
    InvalidInput
        Listing every argument that a store has no use for or that cannot be used, and what is wrong with the store.
    """
    faults = [
        f"{name}={value!r} was given, but '{path}' stores its own {what}; leave it out"
        for name, value, what in (("pixel_size", pixel_size, "coordinates"), ("units", units, "units"))
        if value is not None
    ]
    scan: xr.Dataset | None = None
    with collecting(faults):
        scan = ensure_scan(_open(path, names))
    if scan is not None and lines is not None:
        known = {str(label).casefold(): str(label) for label in scan["line"].values}
        scan = scan.sel(line=list(wanted_lines(lines, known, path, faults).values()))
    if faults or scan is None:
        raise InvalidInput(f"zarr store '{path}'", faults)
    return scan


def _open(path: Path, names: Collection[str]) -> xr.Dataset:
    if MARK not in names:
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
    lazy: xr.Dataset = stored.assign(
        {
            name: variable.copy(deep=False, data=_lazily(variable, f"'{name}' in '{path}'", pieces))
            for name, variable in stored.variables.items()
            if name not in stored.indexes
        }
    )
    return lazy


def _damage(what: str, error: Exception) -> str:
    reason = str(error) or type(error).__name__
    return f"{what} cannot be read ({reason}): damaged or incomplete, so take a copy or write it anew"


def _lazily(variable: xr.Variable, what: str, pieces: dict[str, int]) -> Any:
    import dask.array

    chunks = tuple(pieces.get(str(dim), size) for dim, size in variable.sizes.items())
    # A random name, because a store can be replaced by another of the same name.
    source, meta = _Reported(variable, what), np.empty((0,) * variable.ndim, variable.dtype)
    return dask.array.from_array(source, chunks, name=False, meta=meta)  # type: ignore[no-untyped-call]


class _Reported:
    """A stored variable as an array; where it cannot be read, the error names it."""

    def __init__(self, variable: xr.Variable, what: str) -> None:
        self.variable, self.what = variable, what
        self.shape, self.dtype, self.ndim = variable.shape, variable.dtype, variable.ndim

    def __getitem__(self, key: Any) -> NDArray[Any]:
        try:
            values: NDArray[Any] = self.variable[key].to_numpy()
            return values
        except MemoryError:
            raise
        except Exception as error:
            raise InvalidInput("zarr store", [_damage(self.what, error)]) from error
