"""Agreement of fine maps with the scan they were made from, in units of the scan's noise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.operators import Downsampling
from xrfsr.operators.resample import beam_in_mm
from xrfsr.trust.pairs import known, matched
from xrfsr.trust.truth_noise import SOURCES, estimate_white_noise
from xrfsr.utils.describe import describe

__all__ = ["consistency"]

UNCERTAINTY, COUNTS, ESTIMATE, UNKNOWN = SOURCES


def consistency(fine: xr.Dataset | xr.DataArray, scan: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Return the difference of averaged fine maps from the scan, in standard deviations of the scan's noise.

    Parameters
    ----------
    fine : xarray.Dataset or xarray.DataArray
        Result of `superresolve`, or other maps (line, y, x). The footprint of U is the one in the record of the result
        (``attrs["xrfsr_footprint"]`` and the lengths of its beam), ``"area"`` if there is none.
    scan : xarray.Dataset or xarray.DataArray
        Scan in the same millimetres and the same unit, with the lines of `fine`, and further ones that are left out.
        `fine` must cover it.

    Returns
    -------
    xarray.DataArray
        Map `consistency` (line, y, x) of float32 on the grid of the scan, dimensionless: (U·fine - scan) / noise. It is
        close to zero everywhere if the result is exactly consistent, and between -2 and 2 in 95 % of the pixels if it
        differs from the scan only by noise. NaN where either is missing or not `valid`, and where the noise is zero or
        unknown.

        The noise of a line is the scan's `uncertainty`, if there is one; else the square root of whole counts (of 1 for
        a count of 0); else an estimate, the same in all pixels, if the map has white noise at its finest scale and
        enough pixels to measure it. The coordinate `noise_source` (line) is ``"uncertainty"``, ``"counts"``,
        ``"estimate"`` or ``"unknown"``. If it is unknown, the map of that line is NaN; then give the scan an
        `uncertainty`. If maps are in Dask, nothing is computed, and the fine maps are read in strips of rows.

    Raises
    ------
    InvalidInput
        Naming every fault of the maps, of how they fit, and of the record of the footprint.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> fine = scan.xrfsr.superresolve(method="kriging")
    >>> bool(abs(fine.xrfsr.consistency(scan)).max() < 0.1)
    True
    >>> rough = scan.xrfsr.superresolve(method="bilinear")
    >>> bool(abs(rough.xrfsr.consistency(scan)).mean() > 1)
    True
    """
    faults: list[str] = []
    U: Downsampling | None = None
    pair = matched(fine, scan, "scan", faults)
    if pair is not None:
        with collect_faults(faults):
            beam = recorded_beam(pair[0])
            U = Downsampling.between(grid_of(pair[0]), grid_of(pair[1]), **beam)
    if faults or pair is None or U is None:
        raise InvalidInput("consistency", faults)
    maps, measured = map(known, pair)
    averaged = xr.Variable(("line", "y", "x"), averages(maps.data, U))
    counted = measured.attrs["units"] == "count"
    given = [pair[1]["uncertainty"].variable] if "uncertainty" in pair[1] else []

    def noise(maps: NDArray[Any], *sigma: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
        return noise_of(maps, sigma[0] if sigma else None, counted=counted)

    core = ["line", "y", "x"]
    sigma, source = xr.apply_ufunc(
        noise,
        measured.variable,
        *given,
        input_core_dims=[core] * (1 + len(given)),
        output_core_dims=[core, ["line"]],
        dask="parallelized",
        output_dtypes=[np.float32, np.dtype(f"<U{max(map(len, SOURCES))}")],
        dask_gufunc_kwargs={"allow_rechunk": True},
    )
    residual = measured.copy(data=((averaged - measured.variable) / sigma).data).rename("consistency")
    residual.attrs = {"long_name": "residual in standard deviations of the scan", "units": "dimensionless"}
    return residual.assign_coords(noise_source=("line", source.data))


def averages(maps: Any, U: Downsampling) -> Any:
    """Return fine maps (line, y, x) seen through U; those in Dask in strips that are about as high as their chunks."""
    if not isinstance(maps, da.Array):
        return U(maps)
    (rows, columns), strips = U.coarse.shape, []
    height = max(1, round(max(maps.chunks[1]) * rows / maps.shape[1]))
    for start in range(0, rows, height):
        stop = min(start + height, rows)
        crop = U.crop(slice(start, stop), slice(0, columns))
        strip = maps[:, crop.y, crop.x].rechunk({1: -1, 2: -1})
        chunks = (strip.chunks[0], (stop - start,), (columns,))
        strips.append(strip.map_blocks(crop.U, dtype=maps.dtype, chunks=chunks))
    joined: Any = da.concatenate(strips, axis=1)  # type: ignore[no-untyped-call]
    return joined


def noise_of(
    maps: NDArray[Any], sigma: NDArray[Any] | None, *, counted: bool
) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """Return the standard deviation of the noise of every pixel, NaN where it is unknown, and how it is known.

    Parameters
    ----------
    maps : array, shape (line, y, x)
        Scan, NaN in gaps.
    sigma : array, shape (line, y, x), optional
        Its uncertainty; NaN in the maps that have none.
    counted : bool
        Whether its unit is counts.

    Returns
    -------
    noise : array of float32, shape (line, y, x)
    source : array of text, shape (line,)
        One of `xrfsr.trust.truth_noise.SOURCES` for every map.

    Examples
    --------
    >>> counts = np.array([[[0.0, 4.0], [9.0, np.nan]]])
    >>> noise, source = noise_of(counts, None, counted=True)
    >>> noise.tolist(), source.tolist()
    ([[[1.0, 2.0], [3.0, nan]]], ['counts'])
    """
    made, source = np.full(maps.shape, np.nan, np.float32), []
    for line, plane in enumerate(maps):
        there = ~np.isnan(plane)
        if sigma is not None and np.isfinite(sigma[line]).any():
            made[line], how = sigma[line], UNCERTAINTY
        elif counted and there.any() and (plane[there] == np.round(plane[there])).all() and plane[there].min() >= 0:
            made[line], how = np.sqrt(np.maximum(plane, 1)), COUNTS
        else:
            made[line], how = estimate_white_noise(plane), ESTIMATE
        made[line][~(made[line] > 0)] = np.nan
        source.append(how if (made[line] > 0).any() else UNKNOWN)
    return made, np.array(source)


def recorded_beam(fine: xr.Dataset) -> dict[str, Any]:
    """Return the footprint in the record of a result, as `Downsampling.between` takes it.

    Raises
    ------
    InvalidInput
        If the record has lengths that are no numbers, which another program may have written.
    """
    held: Mapping[str, Any] = {**fine["intensity"].attrs, **fine.attrs}
    lengths: dict[str, Any] = {}
    for name in ("fwhm", "smear"):
        if (text := held.get(f"xrfsr_{name}_mm")) is None:
            continue
        try:
            lengths[name] = json.loads(text)
        except (TypeError, ValueError):
            fix = "write it as '[0.5, 0.5]', or leave it out: del fine.attrs[...]"
            raise InvalidInput(
                "fine", [f"attrs['xrfsr_{name}_mm'] must be lengths in mm, got {describe(text)}; {fix}"]
            ) from None
    return {"footprint": held.get("xrfsr_footprint", "area"), **beam_in_mm(**lengths)}
