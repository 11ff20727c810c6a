"""Arguments of a registration, checked: photo, maps, and the place of the overlay."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.photo import as_photo, pixels_of
from xrfsr.core.photo_resolution import native_pixel
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.atomic import target_faults
from xrfsr.io.writers.ownership import png_obstacle
from xrfsr.operators.gaps import fill_gaps
from xrfsr.registration.stack import is_stack, stack_photos
from xrfsr.utils.paths import local_path

__all__ = ["Picture", "element_maps", "even_maps", "overlay_place"]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """Photo without a position.

    Attributes
    ----------
    pixels : ndarray of shape (band, H, W)
        Bands, float32 in [0, 1], zero where a band is missing.
    valid : ndarray of bool, (H, W)
        Mask of the pixels that all bands show.
    bands : tuple of str
        Names of the bands.
    coarseness : (float, float)
        Number of these pixels, along (y, x), to one of the file that they were interpolated from; 1 for a file.
    """

    pixels: NDArray[np.float32]
    valid: NDArray[np.bool_]
    bands: tuple[str, ...]
    coarseness: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def of(cls, rgb: Any) -> Self:
        """Read a photo, or several of the same view; see `xrfsr.register`."""
        if is_stack(rgb):
            rgb = _stacked(rgb)
        pixels, bands = _read(rgb)
        pixels = np.asarray(pixels, np.float32)
        valid = np.asarray(np.isfinite(pixels).all(axis=0), np.bool_)
        coarseness = (1.0, 1.0)
        if (native := native_pixel(rgb)) and {"y", "x"} <= set(rgb.coords):
            dy, dx = grid_of(rgb).spacing
            coarseness = max(1.0, native[0] / dy), max(1.0, native[1] / dx)
        return cls(np.where(valid, pixels, np.float32(0)), valid, bands, coarseness)


def _read(rgb: Any) -> tuple[Any, tuple[str, ...]]:
    if isinstance(rgb, str | os.PathLike):
        from xrfsr.io.photo import read_bands

        pixels, names = read_bands(rgb)
        return pixels_of(xr.DataArray(pixels, dims=("band", "y", "x")), names)
    return pixels_of(rgb)


def _stacked(photos: Any) -> xr.DataArray:
    """Return several photos as one: by their millimetres if all have them, otherwise as pictures of the same view."""
    named = isinstance(photos, Mapping)
    items = dict(photos.items() if named else enumerate(photos, start=1))
    if all(isinstance(photo, xr.DataArray) and {"y", "x"} <= set(photo.coords) for photo in items.values()):
        return stack_photos(photos)
    read = {name: _read(photo) for name, photo in items.items()}
    shapes = [pixels.shape[1:] for pixels, _ in read.values()]
    view = Grid.from_shape(max(shapes, key=lambda shape: shape[0] * shape[1], default=(1, 1)), 1.0)
    placed = {
        name: as_photo(xr.DataArray(pixels, dims=("band", "y", "x")), view, bands)
        for name, (pixels, bands) in read.items()
    }
    return stack_photos(placed if named else list(placed.values()))


def element_maps(scan: xr.Dataset, lines: Any) -> xr.Dataset:
    """Return the maps to compare with the photo: the lines chosen, or all elements."""
    from xrfsr.io.selection import select_lines

    kept = scan.isel(line=np.flatnonzero(scan["kind"].values == "element")) if lines is None else scan
    if lines is not None:
        faults: list[str] = []
        stored = {str(label).casefold(): str(label) for label in scan["line"].values}
        labels = list(select_lines(lines, stored, Path("the scan"), faults).values())
        if faults:
            raise InvalidInput("scan", faults)
        kept = scan.sel(line=labels)
    if not kept.sizes["line"]:
        raise InvalidInput(
            "scan", ["the scan has no element map to compare with the photo; choose maps with lines=[...]"]
        )
    return kept


def overlay_place(overlay: Any) -> Path | None:
    """Return the path of the overlay, if one is wanted and can be written."""
    if overlay is None:
        return None
    place = local_path(overlay, "the PNG file to write")
    if place.suffix.lower() != ".png":
        raise InvalidInput("overlay", [f"overlay must be the name of a PNG file such as 'check.png', got '{place}'"])
    if faults := target_faults(place, png_obstacle, overwrite=True):
        raise InvalidInput("overlay", faults)
    return place


def even_maps(scan: xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return square roots of the maps, whose counting noise is even, with gaps filled; and the mask of valid pixels."""
    values = np.asarray(scan["intensity"].values, np.float64)
    valid = np.asarray(np.isfinite(values).all(axis=0), np.bool_)
    if "valid" in scan.coords:
        valid &= scan["valid"].values
    roots = np.sqrt(np.maximum(np.where(valid, values, 0), 0))
    # Clip hot pixels, which would dominate every correlation.
    highest = np.quantile(roots[:, valid], 0.999, axis=1)[:, None, None] if valid.any() else np.inf
    return fill_gaps(np.minimum(roots, highest), valid), valid
