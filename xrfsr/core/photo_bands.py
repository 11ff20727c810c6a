"""Bands of a photo: their names, and their order in arrays of any layout."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.mistakes import is_like_scan, no_photo
from xrfsr.errors import InvalidInput
from xrfsr.utils.checks import is_dask, numbers
from xrfsr.utils.describe import describe, listing

__all__ = ["ALPHA", "BANDS", "band_names", "bands_first", "order_of", "shown_bands"]

BANDS = ("red", "green", "blue")
ALPHA = "alpha"
_LETTERS = "rgba"
# Without names, the shortest axis is taken for that of the bands if it has at most this share of the others.
_SHORT = 1 / 4
_NAME_THEM = ".assign_coords(band=['infrared', 'uv', ...])"


def band_names(bands: Any) -> tuple[str, ...] | None:
    """Return the names of bands as a caller gave them; None stays None.

    Raises
    ------
    InvalidInput
        If they are not different texts.
    """
    if bands is None:
        return None
    listed = [bands] if isinstance(bands, str) else list(bands) if isinstance(bands, list | tuple) else []
    if not listed or not all(isinstance(name, str) and name.strip() for name in listed) or _repeated(listed):
        raise InvalidInput(
            "photo", [f"bands must be a list of different names, such as ['infrared', 'uv'], got {describe(bands)}"]
        )
    return tuple(listed)


def _repeated(names: Sequence[str]) -> bool:
    return len(set(names)) < len(names)


def shown_bands(names: Sequence[str]) -> list[int]:
    """Return the three bands to draw as red, green and blue: those of that name, or the first three, or one as grey.

    Examples
    --------
    >>> shown_bands(["infrared", "red", "green", "blue"]), shown_bands(["infrared", "uv"])
    ([1, 2, 3], [0, 0, 0])
    """
    if set(BANDS) <= set(names):
        return [list(names).index(band) for band in BANDS]
    return [0, 1, 2] if len(names) >= 3 else [0, 0, 0]


def order_of(photo: xr.DataArray) -> tuple[list[int], tuple[str, ...]]:
    """Return the order of the bands of a photo (band, y, x), and their names in this order.

    Red, green and blue come in this order, also if they are numbered or have no coordinate; others stay as they are.

    Raises
    ------
    InvalidInput
        If it is unclear what the bands are, or two have the same name.
    """
    count = photo.sizes["band"]
    every = list(range(count))
    stored = photo["band"].values.tolist() if "band" in photo.coords else list(range(1, count + 1))
    numbered = all(isinstance(name, int) for name in stored)
    if numbered and stored == list(range(1, count + 1)):
        return every, _unnamed(count)
    names = [
        name if isinstance(name, str) else f"{name:g}" if isinstance(name, float) else str(name) for name in stored
    ]
    if sorted(names) == sorted(BANDS):
        return [names.index(band) for band in BANDS], BANDS
    colours = [name.casefold() for name in names]
    if (numbered and sorted(stored) == [1, 2, 3]) or _is_rgb(colours):
        fix = "name them: .assign_coords(band=['red', 'green', 'blue'])"
        raise InvalidInput("photo", [f"unknown bands {describe(stored)}; {fix}"])
    if ALPHA in colours:
        fix = "xrfsr.as_photo(rgb, like=scan) marks transparent pixels as missing"
        raise InvalidInput(
            "photo", [f"band {describe(names[colours.index(ALPHA)])} is opacity, which cannot guide; {fix}"]
        )
    if _repeated(names) or not all(name.strip() for name in names):
        raise InvalidInput("photo", [f"bands must have different names, got {describe(stored)}; {_NAME_THEM}"])
    return every, tuple(names)


def _unnamed(count: int, naming: str = _NAME_THEM) -> tuple[str, ...]:
    """Return the names of bands that have none."""
    if count == len(BANDS):
        return BANDS
    if count in (2, 4):
        colour = "grey" if count == 2 else "red, green, blue"
        raise InvalidInput(
            "photo",
            [f"{count} bands without names may be {colour} and opacity; name them if all are to guide: {naming}"],
        )
    return tuple(f"band {number}" for number in range(1, count + 1))


def _is_rgb(names: Sequence[str]) -> bool:
    """Return whether names are other spellings of red, green and blue, with opacity or without."""
    short = "".join(name[:1] for name in names)
    return sorted(short) in (sorted(_LETTERS[:3]), sorted(_LETTERS)) and all(
        name in (letter, *BANDS, ALPHA) for name, letter in zip(names, short, strict=True)
    )


def bands_first(rgb: Any, bands: Sequence[str] | None = None) -> tuple[Any, Any, tuple[str, ...]]:
    """Return bands (band, H, W) from any accepted layout, the mask of transparent pixels (H, W) or None, and the names.

    Parameters
    ----------
    rgb : array
        See `xrfsr.core.photo.as_photo`.
    bands : sequence of str, optional
        Names of the bands in the order in which they are stored. Left out, three are red, green and blue, a fourth is
        opacity, and one is grey and is repeated.

    Raises
    ------
    InvalidInput
        If it is unclear which axis has the bands.
    """
    needed = "an array (band, H, W), (H, W, band) or (H, W)"
    if isinstance(rgb, str | os.PathLike | xr.Dataset) or is_like_scan(rgb):
        raise InvalidInput("photo", [no_photo(rgb, needed)])
    named = False
    if isinstance(rgb, xr.DataArray):
        rgb, named, bands = _by_name(rgb, bands)
    if isinstance(rgb, np.ma.MaskedArray):
        hidden = np.ma.getmaskarray(rgb)
        array, transparent, names = _layout(np.ma.getdata(rgb), named, bands)
        mask, _, _ = _layout(hidden, named, bands)
        return array, mask.any(axis=0) if transparent is None else mask.any(axis=0) | transparent, names
    if not is_dask(rgb):
        array = numbers(rgb, "biufc")
        if array is None:
            fix = "pass its .magnitude" if hasattr(rgb, "magnitude") else "convert it to a NumPy array of numbers"
            raise InvalidInput("photo", [f"{needed} is needed, got {describe(rgb)}; {fix}"])
        rgb = array
    return _layout(rgb, named, bands)


def _by_name(rgb: xr.DataArray, bands: Sequence[str] | None) -> tuple[Any, bool, Sequence[str] | None]:
    """Values of a DataArray with `y` before `x`, whether its dimensions prove that the bands come first, and names."""
    others = [dim for dim in rgb.dims if dim not in ("y", "x")]
    if not {"y", "x"} <= set(rgb.dims) or len(others) > 1:
        return rgb.data, False, bands
    if others and bands is None and others[0] in rgb.coords and rgb[others[0]].dims == (others[0],):
        stored = rgb[others[0]].values.tolist()
        names = [str(name) for name in stored]
        if sorted(names) == sorted(BANDS):
            rgb = rgb.isel({others[0]: [names.index(band) for band in BANDS]})
        elif sorted(names) == sorted((*BANDS, ALPHA)):
            bands = names
        elif all(isinstance(name, str) for name in stored) and not _is_rgb([name.casefold() for name in names]):
            bands = band_names(names)
    return rgb.transpose(*others, "y", "x").data, bool(others), bands


def _layout(array: Any, named: bool, bands: Sequence[str] | None) -> tuple[Any, Any, tuple[str, ...]]:
    """Bands on the first axis, the mask of pixels where opacity is zero or None, and the names."""
    shape = tuple(array.shape)
    layouts = "(3, H, W), (H, W, 3) or (H, W)"
    if 0 in shape:
        raise InvalidInput("photo", [f"'rgb' has no pixel, got shape {shape}; check how it was cropped"])
    if bands is not None:
        return _with_names(array, named, bands)
    if len(shape) == 2:
        return array[None].repeat(3, axis=0), None, BANDS
    if len(shape) != 3:
        raise InvalidInput("photo", [f"'rgb' must have shape {layouts}, got {shape}"])
    first, last = shape[0] in (1, 3, 4), shape[2] in (1, 3, 4) and not named
    if first and last:
        raise _unclear(shape)
    if not (first or last):
        first = named or _is_short(shape[0], shape[1:])
        if not first and not _is_short(shape[2], shape[:2]):
            fix = "name the bands, bands=['infrared', 'uv', ...], or select three as red, green and blue"
            raise InvalidInput("photo", [f"'rgb' must have shape {layouts}, got {shape}; {fix}"])
        array = array if first else array.transpose(2, 0, 1)
        return array, None, _unnamed(array.shape[0], "bands=['infrared', 'uv', ...]")
    array = array if first else array.transpose(2, 0, 1)
    if array.shape[0] == 1:
        return array.repeat(3, axis=0), None, BANDS
    return array[:3], array[3] == 0 if array.shape[0] == 4 else None, BANDS


def _is_short(bands: int, others: tuple[int, ...]) -> bool:
    return bands <= _SHORT * min(others)


def _unclear(shape: tuple[int, ...]) -> InvalidInput:
    return InvalidInput(
        "photo",
        [
            f"'rgb' of shape {shape} may have its bands first or last; name the dimensions: "
            "xr.DataArray(rgb, dims=('band', 'y', 'x')) or dims=('y', 'x', 'band')"
        ],
    )


def _with_names(array: Any, named: bool, bands: Sequence[str]) -> tuple[Any, Any, tuple[str, ...]]:
    """See `_layout`; the number of names says which axis has the bands."""
    shape, count = tuple(array.shape), len(bands)
    if len(shape) == 2 and count == 1:
        array = array[None]
    elif len(shape) == 3:
        first, last = shape[0] == count, shape[2] == count and not named
        if first and last:
            raise _unclear(shape)
        if last:
            array = array.transpose(2, 0, 1)
    if len(array.shape) != 3 or array.shape[0] != count:
        raise InvalidInput(
            "photo", [f"'rgb' must have {count} bands, as many as it has names ({listing(bands)}), got shape {shape}"]
        )
    opacity = [number for number, name in enumerate(bands) if name.casefold() == ALPHA]
    kept = [number for number in range(count) if number not in opacity]
    if not kept:
        raise InvalidInput("photo", [f"'rgb' must have a band besides {describe(bands[0])}, which is opacity"])
    names = tuple(bands[number] for number in kept)
    if sorted(names) == sorted(BANDS):
        kept, names = [kept[names.index(band)] for band in BANDS], BANDS
    transparent = array[opacity[0]] == 0 if opacity else None
    return array if kept == list(range(count)) else array[kept], transparent, names
