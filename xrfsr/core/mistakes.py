"""What was probably passed by mistake in place of a scan or a photo, and how to go on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from xrfsr.utils.describe import describe

__all__ = ["SWAPPED", "axes_renaming", "is_like_photo", "is_like_scan", "no_photo", "no_scan", "rename_fix", "renaming"]

_OTHER_NAMES = {
    "y": ("y", "row", "rows", "height", "lat"),
    "x": ("x", "col", "cols", "column", "columns", "width", "lon"),
    "line": ("line", "lines", "element", "elements", "channel", "map", "maps", "energy"),
    "band": ("band", "bands", "channel", "channels", "colour", "color", "rgb"),
}
SWAPPED = "are scan and photo swapped? Write scan.xrfsr.superresolve(photo) and xrfsr.register(photo, scan)"


def is_like_scan(obj: object) -> bool:
    """Return whether an object has the variable or the dimension of a scan."""
    if isinstance(obj, xr.Dataset):
        return "intensity" in obj
    return isinstance(obj, xr.DataArray) and "line" in obj.dims


def is_like_photo(obj: object) -> bool:
    """Return whether an object has the variable or the dimension of a photo."""
    if isinstance(obj, xr.Dataset):
        return "rgb" in obj and "intensity" not in obj
    return isinstance(obj, xr.DataArray) and "band" in obj.dims


def no_scan(obj: object) -> str:
    """Return the fault of an object that is no Dataset, or of a photo, in place of a scan."""
    if is_like_photo(obj):
        return f"a photo was passed as the scan, {describe(obj)}; {SWAPPED}"
    fix = "xrfsr.as_scan(maps, lines, pixel_size) builds one"
    if isinstance(obj, str | os.PathLike):
        fix = "open the file first: xrfsr.open_scan(path)"
    elif isinstance(obj, xr.DataTree):
        fix = "take one node, tree['name'].to_dataset(), or all of them, tree.xrfsr.superresolve(photo)"
    elif is_like_scan(getattr(obj, "scan", None)):
        fix = "pass its scan: .scan"
    return f"a Dataset with 'intensity' (line, y, x) is needed, got {describe(obj)}; {fix}"


def no_photo(obj: object, needed: str = "a DataArray (band, y, x)") -> str:
    """Return the fault of an object that is no DataArray, or of a scan, in place of a photo.

    Parameters
    ----------
    obj : object
        What was passed.
    needed : str
        What is accepted.
    """
    if is_like_scan(obj):
        return f"a scan was passed as the photo, {describe(obj)}; {SWAPPED}"
    fix = "xrfsr.as_photo(rgb, like=scan) builds a photo from an array"
    if isinstance(obj, str | os.PathLike):
        fix = (
            "open the file first: xrfsr.open_photo(path, like=scan) if it shows the scanned area exactly, otherwise "
            "xrfsr.register(path, scan).photo"
        )
    elif isinstance(obj, xr.Dataset):
        fix = "name its variable 'rgb', or pass the variable"
    else:
        for name in ("photo", "rgb"):
            if isinstance(getattr(obj, name, None), xr.DataArray):
                fix = f"pass its photo: .{name}"
    return f"{needed} is needed, got {describe(obj)}; {fix}"


def rename_fix(dims: Sequence[Any], needed: Sequence[str]) -> str:
    """Return how to rename the dimensions of an array, if it is clear which is which, or an empty text.

    Examples
    --------
    >>> rename_fix(("channel", "row", "col"), ("line", "y", "x"))
    "rename them: .rename(channel='line', row='y', col='x')"
    >>> rename_fix(("dim_0", "dim_1", "dim_2"), ("band", "y", "x"))
    "rename them: .rename(dim_0='band', dim_1='y', dim_2='x')"
    """
    changes = _changes(dims, needed)
    return f"rename them: {_rename(changes)}" if changes else ""


def renaming(ds: xr.Dataset, needed: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the fault of all variables whose dimensions have other names, if one renaming does, in a list, or none.

    Parameters
    ----------
    ds : Dataset
        What was passed as a scan.
    needed : mapping
        Dimensions by variable.
    """
    wrong = {name: ds[name].dims for name in needed if name in ds and set(ds[name].dims) != set(needed[name])}
    changes: dict[Any, str] = {}
    for name, dims in wrong.items():
        found = _changes(dims, needed[name])
        if not found or any(changes.get(dim, to) != to for dim, to in found.items()):
            return []
        changes |= found
    if not wrong:
        return []
    first, dims = next(iter(wrong.items()))
    lines = next((dim for dim, to in changes.items() if to == "line"), "line")
    named = lines in ds.coords or "line" in ds.coords
    name_maps = "" if named else ".assign_coords(line=['Ca-K', ...])"
    return [
        f"{first!r} must have the dimensions {tuple(needed[first])} in any order, got {describe(tuple(dims))}; rename "
        f"them: {_rename(changes)}{name_maps}"
    ]


def axes_renaming(dims: Sequence[Any]) -> str:
    """Return how to rename dimensions to `y` and `x`, if it is clear which is which, or an empty text.

    Examples
    --------
    >>> axes_renaming(("channel", "row", "col"))
    ".rename(row='y', col='x')"
    """
    likely = [dim for dim in dims if any(str(dim).casefold() in _OTHER_NAMES[name] for name in ("y", "x"))]
    return _rename(_changes(likely, ("y", "x")))


def _rename(changes: Mapping[Any, str]) -> str:
    return f".rename({', '.join(f'{dim}={name!r}' for dim, name in changes.items())})" if changes else ""


def _changes(dims: Sequence[Any], needed: Sequence[str]) -> dict[Any, str]:
    """Return the new names of dimensions that have others, if it is clear which is which, or nothing."""
    if len(dims) != len(needed):
        return {}
    if [str(dim) for dim in dims] == [f"dim_{number}" for number in range(len(dims))]:
        meant = dict(zip(dims, needed, strict=True))
    else:
        meant = {dim: name for dim in dims for name in needed if str(dim).casefold() in _OTHER_NAMES[name]}
    if sorted(meant.values()) != sorted(needed):
        return {}
    return {dim: name for dim, name in meant.items() if dim != name}
