"""Maps of three lines as the red, green and blue of one picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.analysis.inputs import Maps, line_position, maps_of, needs_plane, same_pixels_faults
from xrfsr.core.photo import BANDS
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.checks import is_number
from xrfsr.utils.describe import describe

__all__ = ["composite"]

SAMPLED = 2**20  # pixels of a map, at most, of which percentiles are taken


def composite(
    obj: xr.Dataset | xr.DataArray,
    *,
    red: str | xr.DataArray | None = None,
    green: str | xr.DataArray | None = None,
    blue: str | xr.DataArray | None = None,
    percentiles: tuple[float, float] = (1.0, 99.0),
) -> xr.DataArray:
    """Picture in false colours of up to three maps.

    Each map is stretched linearly by itself: its low percentile becomes 0, its high percentile 1, and values beyond
    them are cut off. So do not compare the colours of two pictures.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan or fine result, or its intensity alone. Dask arrays stay lazy.
    red, green, blue : str or xarray.DataArray, optional
        Line in any spelling or by its element alone, or a map (y, x) of the same pixels, such as a ratio. A colour that
        is left out is 0 everywhere.
    percentiles : (float, float)
        Low and high percentile of the stretch, from 0 to 100. If they are equal, because few pixels have the element,
        the smallest and the largest value of the map are used instead; a constant map is 0. In maps of more than a
        million pixels, percentiles are computed from pixels at regular distances.

    Returns
    -------
    xarray.DataArray
        Picture named ``"rgb"``, (band, y, x), float32 in [0, 1] with the bands red, green and blue. It can be used like
        a photo: ``.xrfsr.plot()`` draws it and ``.xrfsr.to_geotiff(path)`` writes it. A pixel that is missing in one of
        the maps, or not `valid`, is NaN in all bands. Its ``attrs["long_name"]`` names the maps.

    Raises
    ------
    InvalidInput
        Naming every line that the scan does not have, and every map of other pixels; if no colour is given.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Fe-K", "Pb-L"])
    >>> picture = scan.xrfsr.composite(red="Pb-L", green="Fe-K", blue="Ca-K")
    >>> picture.dims, float(picture.min()), float(picture.max())
    (('band', 'y', 'x'), 0.0, 1.0)
    >>> picture.attrs["long_name"]
    'red Pb-L, green Fe-K, blue Ca-K'
    >>> two = scan.xrfsr.composite(red="Pb-L", blue=scan.xrfsr.ratio("Ca-K", "Fe-K"))
    """
    maps = maps_of(obj)
    given = dict(zip(BANDS, (red, green, blue), strict=True))
    faults = _percentile_faults(percentiles)
    if all(value is None for value in given.values()):
        faults.append("no colour was given; pass lines such as red='Pb-L', green='Fe-K', blue='Ca-K'")
    flat: list[str] = []
    with collect_faults(flat):
        needs_plane(maps.intensity)
    chosen: dict[str, xr.DataArray] = {}
    titles: list[str] = []
    for band, value in given.items():
        if value is not None and not flat:
            with collect_faults(faults):
                chosen[band], title = _map(band, value, maps)
                titles.append(f"{band} {title}")
    if faults := flat + faults:
        raise InvalidInput("composite", faults)

    coords = {name: maps.intensity.coords[name].variable for name in ("y", "x") if name in maps.intensity.coords}
    planes = {band: one.variable.transpose("y", "x").astype(np.float32) for band, one in chosen.items()}
    present = xr.Variable((), True)
    for plane in planes.values():
        present = present & plane.notnull()
    dark = next(iter(planes.values())) * np.float32(0)
    stretched = [_stretch(planes[band], percentiles) if band in planes else dark for band in BANDS]
    picture = xr.Variable.concat(stretched, "band").where(present)  # type: ignore[no-untyped-call]
    low, high = percentiles
    return xr.DataArray(
        picture.data,
        {"band": ("band", np.array(BANDS)), **coords},
        ("band", "y", "x"),
        name="rgb",
        attrs={"long_name": ", ".join(titles), "stretch": f"percentiles {low:g} and {high:g} of each map"},
    )


def _percentile_faults(percentiles: Any) -> list[str]:
    pair = percentiles if isinstance(percentiles, tuple | list) else ()
    if len(pair) == 2 and all(map(is_number, pair)) and 0 <= pair[0] < pair[1] <= 100:
        return []
    return [f"percentiles must be two numbers from 0 to 100, the lower first, got {describe(percentiles)}"]


def _map(band: str, value: Any, maps: Maps) -> tuple[xr.DataArray, str]:
    """Return the map of a colour, missing where it is not valid, and its name."""
    if not isinstance(value, xr.DataArray):
        if not isinstance(value, str):
            raise InvalidInput(
                "composite", [f"{band} must be a line such as 'Pb-L', or a map (y, x), got {describe(value)}"]
            )
        position = line_position(value, maps.lines)
        return maps.of_line(position), maps.lines[position].label
    faults = same_pixels_faults(band, value, maps.intensity)
    if value.dtype.kind not in "biuf":
        faults.append(f"{band} must hold numbers, got dtype {value.dtype}; convert it: .astype('float32')")
    if faults:
        raise InvalidInput("composite", faults)
    own = value if maps.valid is None else value.where(maps.valid)
    return own, str(value.attrs.get("long_name", value.name or "map"))


def _stretch(plane: xr.Variable, percentiles: tuple[float, float]) -> xr.Variable:
    """Return a map (y, x) stretched to [0, 1]."""
    step = max(1, int(np.ceil(np.sqrt(plane.size / SAMPLED))))
    sample = plane[::step, ::step].data
    if plane.chunks is None:
        limits: Any = _limits(sample, percentiles)
    else:
        limits = sample.rechunk(-1).map_blocks(_limits, percentiles, drop_axis=1, chunks=(2,), dtype=np.float32)
    low, high = limits[0], limits[1]
    # A map is constant if both limits are equal; then the difference is 0 or negative.
    shown: xr.Variable = ((plane - low) / np.maximum(high - low, np.finfo(np.float32).tiny)).clip(0, 1)
    return shown.astype(np.float32)


def _limits(values: NDArray[Any], percentiles: tuple[float, float]) -> NDArray[np.float32]:
    """Return the values that become 0 and 1, shape (2,)."""
    known = values[np.isfinite(values)]
    if not known.size:
        return np.array([0, 1], np.float32)
    low, high = np.percentile(known, percentiles)
    if high <= low:
        low, high = known.min(), known.max()
    return np.array([low, high], np.float32)
