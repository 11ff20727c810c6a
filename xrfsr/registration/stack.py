"""Several photos of one painting as the bands of one: visible light, infrared, UV fluorescence, an X-radiograph."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Axis, Grid
from xrfsr.core.photo import as_photo, ensure_photo, photo_on
from xrfsr.core.photo_bands import BANDS
from xrfsr.core.photo_resolution import NATIVE_PIXEL, native_pixels, set_native_pixels
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.operators.resample import regrid
from xrfsr.utils.checks import is_dask
from xrfsr.utils.describe import describe, listing

__all__ = ["is_stack", "stack_photos"]

NEAR = 1e-6  # of a pixel, by which edges may differ


def stack_photos(
    photos: Mapping[str, Any] | Sequence[Any], like: xr.Dataset | xr.DataArray | Grid | None = None
) -> xr.DataArray:
    """Stack photos of one painting as the bands of one photo, on the grid of the one with the smallest pixels.

    The others are interpolated, so that a coarse infrared image may accompany a fine photograph. A pixel that one of
    them does not show is missing in its bands, and the photo is not used there.

    Parameters
    ----------
    photos : mapping of str to photo, or sequence of photos
        Photos in the millimetres of one scan: results of `open_photo`, `as_photo` or ``register(...).photo``. The keys
        of a mapping name photos of one band; three equal bands, as which grey files open, count as one. Dask arrays
        stay lazy, and are not compared.
    like : Dataset, DataArray or Grid, optional
        Scan whose area the photos without a position (paths and arrays) show exactly, as in `as_photo`.

    Returns
    -------
    DataArray
        Photo named "rgb" (band, y, x), float32 in [0, 1], y and x in mm. ``attrs["native_pixel_mm"]`` is the smallest
        pixel size of all files, if their photos were resampled; the coordinates `native_pixel_y` and `native_pixel_x`
        are those of the file of each band, if they differ.

    Raises
    ------
    InvalidInput
        If photos are invalid or do not overlap, or bands have the same name (all faults are listed).

    Examples
    --------
    >>> import numpy as np, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> infrared = xrfsr.as_photo(np.ones((32, 32)) / 2, like=scan, bands=["infrared"])
    >>> stacked = stack_photos([rgb, infrared])
    >>> stacked.band.values.tolist(), stacked.shape
    (['red', 'green', 'blue', 'infrared'], (4, 64, 64))
    """
    faults: list[str] = []
    ready: dict[str, xr.DataArray] = {}
    for name, photo in _items(photos):
        with collect_faults(faults, f"photo {describe(name)}" if isinstance(photos, Mapping) else f"photo {name}"):
            ready[name] = _placed(photo, like)
    if not faults:
        with collect_faults(faults):
            ready = _named(ready, isinstance(photos, Mapping))
    if faults:
        raise InvalidInput("photos", faults)
    finest = min(ready.values(), key=lambda photo: float(np.prod(grid_of(photo).spacing)))
    grid = grid_of(finest)
    parts: list[xr.Variable] = []
    for name, photo in ready.items():
        with collect_faults(faults, f"photo {describe(name)}" if isinstance(photos, Mapping) else f"photo {name}"):
            parts.append(_on_grid(photo, grid))
    if faults:
        raise InvalidInput("photos", faults)
    names = [str(band) for photo in ready.values() for band in photo["band"].values]
    stacked = photo_on(grid, xr.concat([xr.DataArray(part) for part in parts], "band").data, names)
    pixels = [pixel for photo in ready.values() for pixel in native_pixels(photo)]
    set_native_pixels(stacked, pixels)
    native = [min(pixel[axis] for pixel in pixels) for axis in (0, 1)]
    if any(pixel > step * (1 + NEAR) for pixel, step in zip(native, grid.spacing, strict=True)):
        stacked.attrs[NATIVE_PIXEL] = native
    return stacked


def is_stack(photos: object) -> bool:
    """Return whether several photos were given: a mapping, or a list of paths or DataArrays, and no list of numbers."""
    if isinstance(photos, list | tuple):
        return bool(photos) and all(isinstance(photo, str | os.PathLike | xr.DataArray) for photo in photos)
    return isinstance(photos, Mapping) and not isinstance(photos, xr.Dataset | xr.DataArray)


def _items(photos: Any) -> Iterator[tuple[str, Any]]:
    example = "such as [rgb, infrared] or {'visible': rgb, 'infrared': infrared}"
    if isinstance(photos, Mapping) and not isinstance(photos, xr.Dataset):
        if not all(isinstance(name, str) and name.strip() for name in photos):
            raise InvalidInput("photos", [f"photos must have names, got {listing(photos)}; {example}"])
        pairs = list(photos.items())
    elif isinstance(photos, list | tuple):
        pairs = [(str(number), photo) for number, photo in enumerate(photos, start=1)]
    else:
        raise InvalidInput("photos", [f"photos must be a list or a dict of photos, {example}, got {describe(photos)}"])
    if not pairs:
        raise InvalidInput("photos", [f"at least one photo is needed, {example}"])
    yield from pairs


def _placed(photo: Any, like: Any) -> xr.DataArray:
    """Return a photo in the standard form; one without a position is put over the area of `like`."""
    if isinstance(photo, xr.Dataset) or (isinstance(photo, xr.DataArray) and {"y", "x"} & set(photo.coords)):
        return ensure_photo(photo)
    if like is None:
        raise InvalidInput(
            "photo",
            [
                f"it has no position in mm, got {describe(photo)}; pass like=scan if it shows exactly the scan, "
                "otherwise register it first: xrfsr.register(photo, scan).photo"
            ],
        )
    if isinstance(photo, str | os.PathLike):
        from xrfsr.io.photo import open_photo

        return open_photo(photo, like)
    return as_photo(photo, like)


def _named(photos: Mapping[str, xr.DataArray], by_name: bool) -> dict[str, xr.DataArray]:
    """Return the photos with bands of different names."""
    made = {name: _named_alone(photo, name) if by_name else photo for name, photo in photos.items()}
    bands = {name: [str(band) for band in photo["band"].values] for name, photo in made.items()}
    every = [band for names in bands.values() for band in names]
    repeated = {band for band in every if every.count(band) > 1}
    if repeated and not by_name:
        raise InvalidInput(
            "photos",
            [
                f"several photos have the bands {listing(sorted(repeated))}; name the photos: "
                "stack_photos({'visible': rgb, 'infrared': infrared})"
            ],
        )
    for name, photo in made.items():
        if len(bands[name]) > 1 and repeated & set(bands[name]):
            made[name] = photo.assign_coords(band=[f"{name} {band}" for band in bands[name]])
    every = [str(band) for photo in made.values() for band in photo["band"].values]
    if len(set(every)) < len(every):
        raise InvalidInput("photos", [f"bands must have different names, got {listing(every)}; rename the photos"])
    return made


def _named_alone(photo: xr.DataArray, name: str) -> xr.DataArray:
    """Give a photo of one band, or of one that is repeated, a name."""
    photo = photo.isel(band=[0]) if _is_grey(photo) else photo
    return photo.assign_coords(band=[name]) if photo.sizes["band"] == 1 else photo


def _is_grey(photo: xr.DataArray) -> bool:
    """Return whether a photo in memory has three equal bands."""
    if tuple(photo["band"].values) != BANDS or is_dask(photo.data):
        return False
    first, *others = photo.values
    return all(np.array_equal(first, other, equal_nan=True) for other in others)


def _on_grid(photo: xr.DataArray, grid: Grid) -> xr.Variable:
    """Resample a photo to a grid; pixels of the grid that it does not show completely are NaN."""
    own = grid_of(photo)
    if own == grid:
        return photo.variable
    spans = [_covered(axis, target) for axis, target in ((own.y, grid.y), (own.x, grid.x))]
    if any(stop <= start for start, stop in spans):
        raise InvalidInput("photo", [f"it covers {own!r} and must overlap {grid!r}; check that both have one origin"])
    rows, columns = (slice(*span) for span in spans)
    part: xr.Variable = regrid(photo, grid.crop(rows, columns)).variable
    sizes = zip(("y", "x"), spans, grid.shape, strict=True)
    padded: xr.Variable = part.pad(
        {name: (span[0], size - span[1]) for name, span, size in sizes}, constant_values=np.nan
    )
    return padded


def _covered(own: Axis, target: Axis) -> tuple[int, int]:
    """Return the first cell of a target axis that another axis covers, and the one after the last."""
    low, high = own.edges
    half, slack = abs(target.step) / 2, NEAR * abs(target.step)
    inside = np.flatnonzero((target.centres - half >= low - slack) & (target.centres + half <= high + slack))
    return (int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 0)
