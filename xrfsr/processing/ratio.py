"""Ratios of element lines."""

from __future__ import annotations

import xarray as xr

from xrfsr.core.choice import choose_line
from xrfsr.core.coordinates import dequantify
from xrfsr.core.lines import Line, parse_all, try_parse
from xrfsr.core.mistakes import is_like_photo, no_scan
from xrfsr.core.separate import stack_maps
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.checks import is_number
from xrfsr.utils.describe import describe, listing

__all__ = ["ratio"]


def ratio(obj: xr.Dataset | xr.DataArray, a: str, b: str, *, minimum: float | None = None) -> xr.DataArray:
    """Ratio of the intensities of two lines, pixel by pixel.

    Plain division of two maps keeps the units of the first. The result of this function is dimensionless.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan or fine result, or its intensity alone. Dask arrays stay lazy.
    a, b : str
        Labels of numerator and denominator, in any spelling that `xrfsr.core.lines.parse` accepts, or symbols of
        elements of which the scan has one line.
    minimum : float, optional
        Smallest denominator, in the units of the intensity. With a very small denominator the ratio is noise.

    Returns
    -------
    xarray.DataArray
        Map named ``"ratio"``, dimensionless; NaN where the denominator is zero, negative or below `minimum`, and where
        `valid` is false.

    Raises
    ------
    InvalidInput
        If a label is unknown, the scan does not contain that line, or has several lines of an element that is given
        by its symbol.

    Examples
    --------
    >>> import numpy as np
    >>> from xrfsr import as_scan
    >>> maps = np.array([[[6.0, 4.0]] * 2, [[3.0, 0.0]] * 2])
    >>> scan = as_scan(maps, lines=["Ca-K", "Pb-L"], pixel_size="0.5 mm")
    >>> ratio(scan, "Ca_K", "Pb L").values[0]
    array([ 2., nan], dtype=float32)
    """
    if not isinstance(obj, xr.Dataset | xr.DataArray) or is_like_photo(obj):
        raise InvalidInput("scan", [no_scan(obj)])
    obj = dequantify(obj)
    obj = stack_maps(obj) if isinstance(obj, xr.Dataset) else obj
    intensity = obj if isinstance(obj, xr.DataArray) else obj.get("intensity")
    if intensity is None or "line" not in intensity.dims or "line" not in intensity.coords:
        raise InvalidInput(
            "scan",
            [f"the scan must have 'intensity' with dimension and coordinate 'line', got {describe(obj)}"],
        )

    held = parse_all(intensity["line"].values.tolist())
    faults: list[str] = []
    wanted: list[Line] = []
    for label in (a, b):
        with collect_faults(faults):
            if (position := choose_line(label, held)) is not None:
                wanted.append(held[position])
                continue
            line = try_parse(label)
            spelled = f" ({line.label})" if line else ""
            available = listing(known.label for known in held)
            faults.append(f"the scan has no line {describe(label)}{spelled}; it has {available}")
    if minimum is not None and not (is_number(minimum) and minimum >= 0):
        faults.append(f"minimum must be a number ≥ 0 in the units of the intensity, got {describe(minimum)}")
    if faults:
        raise InvalidInput("ratio", faults)

    above, below = (intensity.isel(line=held.index(line), drop=True) for line in wanted)
    measured = below > 0 if minimum is None else (below > 0) & (below >= minimum)
    if "valid" in obj.coords or (isinstance(obj, xr.Dataset) and "valid" in obj):
        measured = measured & obj["valid"]
    result = (above / below.where(measured)).rename("ratio")
    result.attrs = {"long_name": " / ".join(line.label for line in wanted), "units": "dimensionless"}
    return result
