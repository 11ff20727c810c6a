"""A scan and a photo, checked together, as an `Acquisition`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_of, grid_or_none
from xrfsr.core.grid import Axis, Grid
from xrfsr.core.mistakes import is_like_photo, is_like_scan
from xrfsr.core.photo import ensure_photo
from xrfsr.core.photo_resolution import finest_scale, is_resolved, native_pixel
from xrfsr.core.provenance import method_of
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.methods import Method, MethodOptions
from xrfsr.operators import Downsampling, Footprint
from xrfsr.operators.resample import beam_in_mm, fine_grid
from xrfsr.pipeline.acquisition import Acquisition, Arrays, Geometry
from xrfsr.pipeline.photo_place import PhotoPlace
from xrfsr.utils.describe import listing

__all__ = ["SMALLEST", "Beam", "Loaded", "check", "is_lazy", "load", "over"]

SMALLEST = 8  # coarse pixels along a side; below, there is nothing to learn from
COARSER = 1.01  # a photo pixel may be this much larger than the fine one before it counts as too coarse
# How many times an exactly consistent result may multiply the noise of the scan (standard deviations, in the mean over
# its pixels) before we warn, and before we refuse. A Gaussian beam as wide as the pixel has 3, one of 1.25 pixels 5,
# one of 1.5 pixels 13; on simulated scans with Poisson noise, footprint="area" does better from about 1.2 pixels on.
NOISY, DROWNED = 4.0, 13.0


@dataclass(frozen=True, slots=True)
class Beam:
    """Footprint of a pixel of the scan, as the user gave it.

    Attributes
    ----------
    footprint : {"area", "gaussian", "decimate"}
        Kind of footprint.
    fwhm, smear
        Lengths as `xrfsr.core.units.pair_to_mm` takes them, or None.
    """

    footprint: Footprint = "area"
    fwhm: Any = None
    smear: Any = None


class Loaded(NamedTuple):
    """What a method works on.

    Attributes
    ----------
    scan : xarray.Dataset
        Scan in standard form, with the variables that are used.
    acquisition : Acquisition
        Arrays of scan and photo on the grids of one U.
    photo : xarray.DataArray, optional
        Part of the photo that is used, in standard form.
    """

    scan: xr.Dataset
    acquisition: Acquisition
    photo: xr.DataArray | None


def check(
    obj: xr.Dataset | xr.DataArray,
    rgb: xr.DataArray | None,
    scale: float,
    beam: Beam,
    *,
    uses_photo: bool,
    consistent: bool,
) -> tuple[xr.Dataset, xr.DataArray | None, Downsampling]:
    """Return scan and photo in standard form, and U between the grids of the result and of the scan.

    Parameters
    ----------
    obj, rgb, scale, beam
        Scan, photo, ratio of pixel sizes and footprint, as the user gave them.
    uses_photo, consistent : bool
        Whether a photo is needed, and whether the result has to agree with the scan exactly.

    Raises
    ------
    InvalidInput
        Naming every fault of the scan, the photo, and how they fit. The values of Dask arrays are checked when they are
        computed.
    """
    faults: list[str] = []
    scan = photo = fine = None
    with collect_faults(faults, "scan"):
        scan = ensure_scan(obj)
    with collect_faults(faults, "photo"):
        photo = _photo(rgb) if uses_photo else None
    if is_like_photo(obj) and is_like_scan(rgb):
        faults = ["scan and photo are swapped; write scan.xrfsr.superresolve(photo)"]
    # Grids can be compared also where the values are at fault; why there is none was reported above.
    coarse = None if is_like_photo(obj) else grid_or_none(obj)
    sharp = grid_or_none(rgb) if uses_photo and not is_like_scan(rgb) else None
    probe = coarse if coarse is not None else Grid.from_shape((SMALLEST, SMALLEST), 1.0)
    if min(probe.shape) < SMALLEST:
        rows, columns = probe.shape
        faults.append(f"the scan has {rows} x {columns} pixels; at least {SMALLEST} x {SMALLEST} are needed: crop less")
    with collect_faults(faults):
        fine = fine_grid(probe, scale)
        if sharp is not None and coarse is not None:
            faults += _misfit(sharp, fine, coarse, native_pixel(rgb))
    if scan is not None and (made := method_of(scan)):
        text = (
            f"the scan is itself a result, of method {made!r}: its detail is estimated, not measured; pass the scan "
            "that it was made of"
        )
        if faults:
            faults.append(text)
        else:
            warn(text)
    lengths: dict[str, Any] = {}
    with collect_faults(faults):
        lengths = beam_in_mm(beam.fwhm, beam.smear)
        # Only to look at the arguments: U itself may be huge where the scale is a mistake.
        Downsampling.between(probe, probe, beam.footprint, **lengths)
    if faults or scan is None or fine is None:
        raise InvalidInput("input", faults)

    U = Downsampling.between(fine, grid_of(scan), beam.footprint, **lengths)
    if consistent:
        _look_at_noise(U)
    return scan, photo, U


def load(
    obj: xr.Dataset | xr.DataArray,
    rgb: xr.DataArray | None,
    scale: float,
    beam: Beam,
    method: Method[Any],
    options: MethodOptions | None = None,
    reach: float = 0.0,
    *,
    uncertainty: bool = False,
) -> Loaded:
    """Return scan and photo in standard form, and as arrays on the grids of one U.

    Nothing in Dask is computed. Only the part of the photo over the scan is used, and what is within `reach` coarse
    pixels, by which it may be moved; and the uncertainty only by methods that need it, or for that of the result.

    Raises
    ------
    InvalidInput
        See `check`.
    """
    scan, photo, U = check(obj, rgb, scale, beam, uses_photo=method.uses_photo, consistent=method.consistent)
    if others := [name for name, map_ in scan.data_vars.items() if set(map_.dims) == {"y", "x"}]:
        warn(
            f"variables that are no lines are left out: {listing(others)}; name the map of an element by its line, "
            "such as 'Pb-L', and bring other maps to the result's grid with .xrfsr.resample(like=fine)"
        )
    used = ["intensity"]
    needed = uncertainty or (options is not None and method.uses_uncertainty(options))
    if needed and "uncertainty" in scan:
        used.append("uncertainty")
    scan = scan[used]  # other variables, a cube of spectra for instance, are not read
    # Files that are not in Dask are read now.
    scan = scan if is_lazy(scan) else scan.compute()
    way = None
    if photo is not None:
        far = (reach * U.coarse.spacing[0], reach * U.coarse.spacing[1])
        photo = over(photo, U.fine, far)
        way = PhotoPlace.of(grid_of(photo), U.fine, far)
        photo = photo if is_lazy(photo) else photo.compute()
    frame = Geometry(
        U,
        way,
        tuple(scan["line"].values.tolist()),
        tuple(scan["kind"].values.tolist()),
        scan["intensity"].attrs["units"],
    )
    arrays = Arrays(
        scan["intensity"].data,
        scan["valid"].data if "valid" in scan.coords else None,
        scan["uncertainty"].data if "uncertainty" in scan else None,
        None if photo is None else photo.data,
    )
    return Loaded(scan, Acquisition(frame, arrays), photo)


def is_lazy(obj: xr.Dataset | xr.DataArray) -> bool:
    """Return whether any variable is a Dask array."""
    coords = obj.coords.variables.values()
    held = [obj.variable] if isinstance(obj, xr.DataArray) else list(obj.variables.values())
    return any(variable.chunks is not None for variable in (*held, *coords))


def _photo(rgb: xr.DataArray | None) -> xr.DataArray:
    if rgb is None:
        raise InvalidInput(
            "photo",
            [
                "none was given; open one with xrfsr.open_photo(path, like=scan), or use method='kriging', which needs "
                "none"
            ],
        )
    return ensure_photo(rgb)


def over(photo: xr.DataArray, fine: Grid, reach: tuple[float, float] = (0.0, 0.0)) -> xr.DataArray:
    """Crop a photo to the pixels that `fine` needs, and to those within `reach` mm along y and x."""
    grid = grid_of(photo)
    part = {}
    for name, p, f, far in (("y", grid.y, fine.y, reach[0]), ("x", grid.x, fine.x, reach[1])):
        low, high = f.edges
        margin = abs(p.step) + abs(f.step) + far
        near = np.flatnonzero((p.centres > low - margin) & (p.centres < high + margin))
        part[name] = slice(int(near[0]), int(near[-1]) + 1)
    return photo.isel(part)


def _look_at_noise(U: Downsampling) -> None:
    """Warn or refuse where agreeing exactly with the scan means multiplying its noise."""
    gain = U.right_inverse().noise_gain
    beam = " x ".join(f"{width:g}" for width in U.fwhm or ())
    text = (
        f"a beam of {beam} mm on pixels of {_size(U.coarse)} mm: to agree with the scan exactly, the result multiplies "
        f"its noise {gain:.2g}-fold; average the scan to larger pixels (.xrfsr.resample), or use footprint='area', "
        "which leaves the blur of the beam in the maps"
    )
    if gain > DROWNED:
        raise InvalidInput("footprint", [text])
    if gain > NOISY:
        warn(text)


def _misfit(photo: Grid, fine: Grid, coarse: Grid, native: tuple[float, float] | None) -> list[str]:
    """Return what keeps a photo, whose file has pixels of `native` mm, from guiding a reconstruction on `fine`."""
    faults = []
    covered, needed = (
        ", ".join(f"{name} {axis.edges[0]:g} to {axis.edges[1]:g}" for name, axis in (("y", grid.y), ("x", grid.x)))
        for grid in (photo, fine)
    )
    if _counts_pixels(photo) and not _counts_pixels(coarse):
        return [
            f"the photo seems to have pixel numbers in place of mm: it covers {covered} mm, the scan {needed} mm; "
            "place it with xrfsr.as_photo(photo, like=scan) if both show the same area, otherwise with "
            "xrfsr.register(photo, scan)"
        ]
    rows, columns = _shown(photo.y, coarse.y), _shown(photo.x, coarse.x)
    whole = rows.all() and columns.all()
    if not whole and _shown(photo.x, coarse.y).all() and _shown(photo.y, coarse.x).all():
        faults.append(
            f"y and x of the photo seem to be exchanged: it covers {covered} mm, the scan {needed} mm; exchange them: "
            "photo.rename(y='x', x='y')"
        )
    elif not (rows.any() and columns.any()):
        faults.append(
            f"photo and scan do not overlap: the photo covers {covered} mm, the scan {needed} mm; bring the photo into "
            "the millimetre frame of the scan: xrfsr.as_photo(rgb, like=scan) if both show the same area, otherwise "
            "xrfsr.register(rgb, scan)"
        )
    elif not whole:
        faults.append(
            f"the photo covers only part of the scan: {covered} mm of {needed} mm; {_crop(coarse, rows, columns)}"
        )
    ratios = [p / f for p, f in zip(photo.spacing, fine.spacing, strict=True)]
    if max(ratios) > COARSER:
        # In whole pixels, to which the fine grid is rounded.
        possible = min(
            np.floor(c.extent / abs(p.step) + 1e-6) / c.size for c, p in ((coarse.y, photo.y), (coarse.x, photo.x))
        )
        possible = np.floor(possible * 100 + 1e-6) / 100
        remedy = f"use scale={possible:g} or less" if possible > 1 else "use a sharper photo"
        faults.append(
            f"the photo is coarser than the result: its pixels are {_size(photo)} mm, those asked for "
            f"{_size(fine)} mm; {remedy}"
        )
    elif native is not None and not is_resolved(native, fine):
        largest = finest_scale(native, coarse)
        remedy = f"use scale={largest:g} or less, or register" if largest > 1 else "register"
        faults.append(
            f"the photo resolves less than the result asks for: its file has pixels of {_lengths(native)} mm, and the "
            f"{_size(photo)} mm of the registered photo are interpolated; {remedy} a photo with more pixels, or use "
            "method='kriging', which needs no photo"
        )
    return faults


def _counts_pixels(grid: Grid) -> bool:
    """Return whether the coordinates of a grid are 0, 1, 2, ... or 1, 2, 3, ..."""
    return grid.spacing == (1, 1) and {grid.y.first, grid.x.first} <= {0, 1}


def _crop(coarse: Grid, rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> str:
    """Return how to crop the scan to the pixels that the photo shows, if enough are left."""
    shown = (int(rows.sum()), int(columns.sum()))
    if min(shown) < SMALLEST:
        return (
            f"it shows {shown[0]} x {shown[1]} pixels of it and at least {SMALLEST} x {SMALLEST} are needed, so check "
            "that both are in the same millimetre frame"
        )
    # At edges, not at centres, so that rounding the numbers does no harm.
    bounds = ", ".join(
        f"{name}=slice({c.centres[on][0] - c.step / 2:.10g}, {c.centres[on][-1] + c.step / 2:.10g})"
        for name, c, on in (("y", coarse.y, rows), ("x", coarse.x, columns))
    )
    return f"crop the scan to it: .sel({bounds})"


def _size(grid: Grid) -> str:
    return _lengths(grid.spacing)


def _lengths(pixel: tuple[float, float]) -> str:
    return " x ".join(f"{length:.4g}" for length in pixel)


def _shown(photo: Axis, coarse: Axis) -> NDArray[np.bool_]:
    """Return which scan pixels have their centre on the photo; the rest of them is filled with its outermost pixels."""
    low, high = photo.edges
    rounding = 1e-9 * (photo.extent + coarse.extent)
    return (coarse.centres >= low - rounding) & (coarse.centres <= high + rounding)
