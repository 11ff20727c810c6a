"""A registered photo moved to where the scan fits it best, as a photo again."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_coords
from xrfsr.core.photo import ensure_photo
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.operators import Footprint
from xrfsr.pipeline.inputs import load
from xrfsr.pipeline.photo_place import PhotoPlace
from xrfsr.pipeline.plan import ReconstructionPlan
from xrfsr.pipeline.refine import AFFINE, REFINE
from xrfsr.pipeline.superresolve import SuperResolution
from xrfsr.utils.progress import progress_bar

__all__ = ["refine_registration"]


def refine_registration(
    rgb: xr.DataArray,
    scan: xr.Dataset | xr.DataArray,
    scale: float = 4,
    *,
    device: str = "auto",
    seed: int = 0,
    footprint: Footprint = "area",
    fwhm: Any = None,
    smear: Any = None,
    refine: Literal["shift", "affine"] = "shift",
    progress: bool | None = None,
) -> xr.DataArray:
    """Move a registered photo to where the scan fits it best.

    `superresolve` does this by itself; the function is for other uses of the photo. Every pixel of the scan is
    predicted from its neighbours, along the edges of the photo, for shifts of up to 0.75 pixels of the scan. The photo
    is moved to where these predictions are best, if blocks of the scan that were not used to find the shift confirm it
    by two standard errors, and if the photo predicts the scan better there than its mirror images do. Of large scans,
    windows with a quarter of a megapixel are used; of Dask arrays no more is computed.

    Parameters
    ----------
    rgb : xarray.DataArray
        Photo (band, y, x), registered to within half a pixel of the scan.
    scan : xarray.Dataset or xarray.DataArray
        Coarse maps.
    scale : float
        Ratio of the pixel sizes of the scan and of the result.
    device, seed, footprint, fwhm, smear
        As for `xrfsr.pipeline.superresolve.superresolve`.
    refine : {"shift", "affine"}
        Whether the photo is only moved, or also turned, stretched and sheared a little.
    progress : bool, optional
        Whether to show what is done; left out, it is shown in terminals and notebooks.

    Returns
    -------
    xarray.DataArray
        Photo (band, y, x) of float32 on the grid of the fine maps, lazy if `rgb` is. ``attrs["shift_mm"]`` holds how
        far it was moved along y and x; zeros if no shift is confirmed. With ``refine="affine"``, ``attrs["affine"]`` is
        the matrix by which distances (y, x) from the middle of the scan were multiplied before that; the unit matrix
        if no other is confirmed.

    Raises
    ------
    InvalidInput
        Naming every fault of the scan, the photo and the arguments.

    Warns
    -----
    UserWarning
        If the photo is moved by more than half a pixel of the scan.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(128, 128, seed=1, lines=["Hg-L", "Pb-L"])
    >>> wrong = rgb.copy(data=rgb.roll(x=1).values)  # by one fine pixel of 0.25 mm
    >>> y, x = xrfsr.refine_registration(wrong, scan).attrs["shift_mm"]
    >>> abs(y) < 0.1, abs(x + 0.25) < 0.1
    (True, True)
    """
    faults: list[str] = []
    beam: dict[str, Any] = {"footprint": footprint, "fwhm": fwhm, "smear": smear}
    run: dict[str, Any] = {"device": device, "seed": seed, "progress": progress, "refine": refine}
    configured = SuperResolution.from_keywords(faults, scale, {}, **run, **beam)
    if refine is None:
        faults.append(f"refine must be {', '.join(map(repr, REFINE))} here, got None")
    loaded = None
    with collect_faults(faults):
        loaded = load(scan, rgb, scale, configured.beam, configured.method, None, configured.reach)
    if faults or loaded is None:
        raise InvalidInput("registration", faults)
    acquisition = loaded.acquisition
    plan = ReconstructionPlan.of(acquisition, configured.method, configured.options, configured.run, refine=refine)
    with progress_bar(1, "place of the photo", progress):
        place = plan.place_photo(acquisition).geometry.photo
    assert place is not None
    moved = _photo_at(place, ensure_photo(rgb), acquisition.arrays.photo)
    return moved.assign_attrs(affine=[list(row) for row in place.affine]) if refine == AFFINE else moved


def _photo_at(place: PhotoPlace, photo: xr.DataArray, pixels: Any) -> xr.DataArray:
    """Return a photo, of which `pixels` is the part over the scan, on the fine grid."""
    rows, columns = (slice(0, axis.size) for axis in (place.fine.y, place.fine.x))

    def resample(array: NDArray[Any]) -> NDArray[np.float32]:
        return place.resample(array[(..., *place.slices(rows, columns))], rows, columns).astype(np.float32)

    bands = photo["band"].variable
    made = xr.apply_ufunc(
        resample,
        xr.Variable(("band", "y", "x"), pixels),
        input_core_dims=[["y", "x"]],
        output_core_dims=[["y", "x"]],
        exclude_dims={"y", "x"},
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={
            "output_sizes": dict(zip(("y", "x"), place.fine.shape, strict=True)),
            "allow_rechunk": True,
        },
    )
    coords = {"band": bands, **grid_coords(place.fine)}
    attrs = photo.attrs | {"shift_mm": [float(each) for each in place.shift]}
    return xr.DataArray(made, coords, name=photo.name, attrs=attrs)
