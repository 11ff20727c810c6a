"""Reader of scans in zarr stores, which reports damaged variables by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from xrfsr.core.pile_up import pile_up_of_symbols
from xrfsr.core.scan import ensure_scan
from xrfsr.core.separate import map_names
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.io.lazy import unreadable_message
from xrfsr.io.renaming import rename_maps
from xrfsr.io.selection import select_lines
from xrfsr.io.zarr_files import FolderFiles
from xrfsr.io.zarr_marks import MARK, METADATA_FILE
from xrfsr.utils.describe import describe

__all__ = ["is_store", "open_store"]

# Variables that `ensure_scan` derives from the labels and coordinates.
DERIVED = frozenset({"line", "element", "family", "kind", "energy", "y", "x"})
STORED = {"pixel_size": "coordinates", "origin": "coordinates", "units": "units"}
MAPS = frozenset({"intensity", "uncertainty"})
V2_METADATA_FILES = frozenset({".zgroup", ".zarray", ".zmetadata", ".zattrs"})


def is_store(names: Collection[str]) -> bool:
    """Return whether a folder with these entries is a zarr store of any version."""
    return METADATA_FILE in names or not V2_METADATA_FILES.isdisjoint(names)


def open_store(
    path: Path, names: Collection[str], *, lines: object, given: Mapping[str, object], external: bool = False
) -> xr.Dataset:
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
    external : bool
        Whether symbolic links in the store may lead out of it.

    Raises
    ------
    InvalidInput
        If an argument does not apply or cannot be used, or the store is damaged; the message lists every fault.

    Warns
    -----
    UserWarning
        If chunks are missing that the program that wrote the store may have left out.
    """
    chosen: object = None
    faults = [
        f"{name}={describe(value)} was passed, but '{path}' stores its own {STORED.get(name, 'value')}; leave it out"
        for name, value in given.items()
        if value is not None
    ]
    scan: xr.Dataset | None = None
    with collect_faults(faults):
        stored = _with_present_labels(_open(path, names, external))
        chosen = lines
        if isinstance(lines, Mapping) and "line" in stored.coords:
            stored, chosen = _with_labels(stored, lines, path)
        # With Dask arrays in place of the stored ones, the check of shapes and labels reads no map.
        checked = ensure_scan(stored.chunk(), values=False)
        scan = _read_separate(stored) if map_names(stored) else _restore_lazy(checked, stored)
    if scan is not None and chosen is not None:
        known = {str(label).casefold(): str(label) for label in scan["line"].values}
        scan = scan.sel(line=list(select_lines(chosen, known, path, faults).values()))
    if faults or scan is None:
        raise InvalidInput(f"zarr store '{path}'", faults)
    return scan


def _open(path: Path, names: Collection[str], external: bool) -> xr.Dataset:
    if METADATA_FILE not in names:
        raise InvalidInput(
            "zarr store",
            [
                f"'{path}' is a zarr store of version 2, expected version 3; open it with xr.open_zarr, and write it "
                "again with .xrfsr.to_zarr"
            ],
        )
    try:
        from xrfsr.io.zarr_store import CheckedStore

        files = FolderFiles(path, external=external)
        whole, notes = _check_chunks(files)
        stored = xr.open_zarr(CheckedStore(files, whole), chunks=None, consolidated=False)
    except InvalidInput:
        raise
    # A damaged store may raise errors of JSON, missing keys, wrong shapes, or any error of a codec.
    except Exception as error:
        raise InvalidInput("zarr store", [unreadable_message(f"'{path}'", error)]) from error
    for note in notes:
        warn(note)
    # All variables get the chunks of the maps, because xarray refuses a Dataset with inconsistent chunks.
    pieces = stored["intensity"].encoding.get("preferred_chunks", {}) if "intensity" in stored else {}
    pieces = {"line": 1, **pieces}
    lazy: xr.Dataset = stored.assign(
        {
            name: xr.Variable(
                variable.dims,
                indexing.LazilyIndexedArray(_CheckedVariable(variable, f"'{name}' in '{path}'")),
                variable.attrs,
                {"preferred_chunks": {dim: pieces.get(dim, size) for dim, size in variable.sizes.items()}},
            )
            for name, variable in stored.variables.items()
            if name not in stored.indexes
        }
    )
    return lazy


def _read_separate(stored: xr.Dataset) -> xr.Dataset:
    """Return maps that are stored one by one, which are read to stack them, sorted by name as folders have no order."""
    return ensure_scan(stored[sorted(stored.data_vars, key=str)].load(), values=False)


def _with_present_labels(stored: xr.Dataset) -> xr.Dataset:
    """Write pile-up that earlier versions kept as ``Si_Cl`` in the notation that is still understood."""
    if not {"line", "kind"} <= set(stored.coords) or stored["kind"].dims != ("line",):
        return stored
    labels = stored["line"].values.tolist()
    present = [
        label if kind == "element" else pile_up_of_symbols(str(label)) or label
        for label, kind in zip(labels, stored["kind"].values.tolist(), strict=True)
    ]
    return stored if present == labels else stored.assign_coords(line=("line", present, stored["line"].attrs))


def _with_labels(stored: xr.Dataset, lines: Mapping[Any, Any], path: Path) -> tuple[xr.Dataset, list[str]]:
    """Give maps the labels that the caller has for the stored ones; return them and the labels in their order."""
    faults: list[str] = []
    labels = [str(label) for label in stored["line"].values.tolist()]
    found = rename_maps(lines, [(label,) for label in labels], path, faults)
    if faults:
        raise InvalidInput("zarr store", faults)
    part = stored.isel(line=list(found))
    return part.assign_coords(line=("line", list(found.values()), stored["line"].attrs)), list(found.values())


def _check_chunks(files: FolderFiles) -> tuple[list[str], list[str]]:
    """Check that the arrays of a store have all their chunks, without reading one.

    Returns
    -------
    whole, notes : list of str
        Arrays of which no chunk is missing, and warnings for the others.

    Raises
    ------
    InvalidInput
        If an array declares more than is stored, or a chunk is missing that this package wrote, or that would be read
        as a number in a map.
    """
    root = files.metadata(METADATA_FILE) or {}
    is_ours = MARK in (root.get("attributes") or {})
    faults: list[str] = []
    whole: list[str] = []
    notes: list[str] = []
    for name in files.children():
        what = f"'{name}' in '{files.path}'"
        layout = files.layout(name)
        if layout is None:
            continue
        faults += layout.size_faults(files.sizes, what)
        lost = layout.unwritten(files.sizes)
        if lost is None:
            whole.append(name)
        elif is_ours or (name in MAPS and not layout.fills_with_nan):
            advice = "" if is_ours else ", or write chunks of equal values too (write_empty_chunks=True)"
            faults.append(f"{what} lacks {lost}: it is incomplete; copy it again{advice}")
        else:
            value = "missing values" if layout.fills_with_nan else layout.fill
            notes.append(f"{what} lacks {lost.count} of {lost.total} chunks, which are read as {value}")
    if faults:
        raise InvalidInput("zarr store", faults)
    return whole, notes


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

    def __init__(self, variable: xr.Variable, what: str) -> None:
        self.variable, self.what = variable, what
        self.shape, self.dtype = variable.shape, variable.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._values)

    def _values(self, key: tuple[Any, ...]) -> NDArray[Any]:
        try:
            values: NDArray[Any] = self.variable[key].to_numpy()
            return values
        except (InvalidInput, MemoryError):
            raise
        except Exception as error:
            raise InvalidInput("zarr store", [unreadable_message(self.what, error)]) from error
