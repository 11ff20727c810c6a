"""Ratios of element lines, and how far they are certain."""

from __future__ import annotations

from typing import Literal, overload

import numpy as np
import xarray as xr

from xrfsr.analysis.inputs import line_position, maps_of
from xrfsr.core.cf import ANCILLARY
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.checks import is_number, switch_faults
from xrfsr.utils.describe import describe

__all__ = ["ratio"]


@overload
def ratio(
    obj: xr.Dataset | xr.DataArray,
    a: str,
    b: str,
    *,
    minimum: float | None = ...,
    uncertainty: Literal[False] = ...,
    significance: float = ...,
) -> xr.DataArray: ...


@overload
def ratio(
    obj: xr.Dataset | xr.DataArray,
    a: str,
    b: str,
    *,
    minimum: float | None = ...,
    uncertainty: Literal[True],
    significance: float = ...,
) -> xr.Dataset: ...


def ratio(
    obj: xr.Dataset | xr.DataArray,
    a: str,
    b: str,
    *,
    minimum: float | None = None,
    uncertainty: bool = False,
    significance: float = 3.0,
) -> xr.DataArray | xr.Dataset:
    r"""Ratio of the intensities of two lines, pixel by pixel, with its uncertainty if requested.

    A plain division of two maps keeps the units of the first; the result of this function is dimensionless.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan or fine result, or its intensity alone. Dask arrays stay lazy.
    a, b : str
        Labels of numerator and denominator, in any spelling that `xrfsr.core.lines.parse` accepts, or symbols of
        elements of which the scan has one line.
    minimum : float, optional
        Smallest denominator, in the units of the intensity. With a very small denominator the ratio is noise.
    uncertainty : bool
        Whether to return a Dataset with the standard deviation of the ratio and a mask of the significant pixels. The
        scan needs `uncertainty` (line, y, x), or a DataArray the coordinate of this name.
    significance : float
        Number of standard deviations by which a significant ratio exceeds zero. Then both lines exceed zero by more
        than that number of their own.

    Returns
    -------
    xarray.DataArray
        Map named ``"ratio"``, dimensionless; NaN where the denominator is zero, negative or below `minimum`, and where
        `valid` is false.
    xarray.Dataset
        With ``uncertainty=True``: this map as `ratio`, its standard deviation as `uncertainty`, also dimensionless, and
        the mask `significant`. These are variables, because xarray would leave coordinates of the ratio unchanged when
        it is multiplied, and let them replace the uncertainty of a scan to which it is assigned.

    Raises
    ------
    InvalidInput
        If a label is unknown, the scan does not contain that line, or has several lines of an element that is given
        by its symbol; if the scan has no uncertainty and it is wanted.

    Notes
    -----
    The uncertainty is that of the propagation of errors to first order, for errors of the two lines that are
    independent:

    .. math:: \sigma_r = \sqrt{\sigma_a^2 + r^2 \sigma_b^2} \, / \, b

    It is accurate where the denominator exceeds zero by several of its standard deviations, as it does where the ratio
    is significant. Errors that two lines have in common, such as those of the photo, partly cancel in the ratio, which
    then is more certain.

    References
    ----------
    JCGM 100:2008, Guide to the expression of uncertainty in measurement, section 5.1.

    Examples
    --------
    >>> import numpy as np
    >>> from xrfsr import as_scan
    >>> maps = np.array([[[6.0, 4.0]] * 2, [[3.0, 0.0]] * 2])
    >>> scan = as_scan(maps, lines=["Ca-K", "Pb-L"], pixel_size="0.5 mm", uncertainty=np.sqrt(maps))
    >>> ratio(scan, "Ca_K", "Pb L").values[0]
    array([ 2., nan], dtype=float32)
    >>> known = ratio(scan, "Ca-K", "Pb-L", uncertainty=True)
    >>> known.uncertainty.values[0].round(2), known.significant.values[0]
    (array([1.41, nan], dtype=float32), array([False, False]))
    >>> certain = known.ratio.where(known.significant)
    """
    maps = maps_of(obj)
    faults = switch_faults(uncertainty=uncertainty)
    positions: list[int] = []
    for label in (a, b):
        with collect_faults(faults):
            positions.append(line_position(label, maps.lines))
    if minimum is not None and not (is_number(minimum) and minimum >= 0):
        faults.append(f"minimum must be a number ≥ 0 in the units of the intensity, got {describe(minimum)}")
    if not (is_number(significance) and significance > 0):
        faults.append(f"significance must be a number of standard deviations > 0, got {describe(significance)}")
    if uncertainty is True and maps.uncertainty is None:
        faults.append(
            "there is no 'uncertainty' to propagate; give it to xrfsr.as_scan(..., uncertainty=...), ask "
            "superresolve for it, or leave out uncertainty=True"
        )
    if faults:
        raise InvalidInput("ratio", faults)

    above, below = (maps.of_line(position, masked=False) for position in positions)
    measured = below > 0 if minimum is None else (below > 0) & (below >= minimum)
    if maps.valid is not None:
        measured = measured & maps.valid
    below = below.where(measured)
    result = (above / below).rename("ratio")
    name = " / ".join(maps.lines[position].label for position in positions)
    result.attrs = {"long_name": name, "units": "dimensionless"}
    if not uncertainty or maps.uncertainty is None:
        return result
    own, other = (maps.uncertainty.isel(line=position, drop=True) for position in positions)
    # The hypotenuse, because squares could leave the range of single precision.
    error = xr.apply_ufunc(np.hypot, own, result * other, dask="allowed") / below
    error.attrs = {"long_name": f"standard deviation of {name}", "units": "dimensionless"}
    certain = (result > 0) & (result >= significance * error)
    certain.attrs = {"long_name": f"whether {name} exceeds 0 by at least {significance:g} standard deviations"}
    result.attrs[ANCILLARY] = "uncertainty significant"
    return xr.Dataset({"ratio": result, "uncertainty": error, "significant": certain})
