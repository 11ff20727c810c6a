"""Scan and truth of a comparison: both given, or the scan made from the truth (the protocol of Wald)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.core.scan import ensure_scan
from xrfsr.core.separate import map_names
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.operators import Downsampling
from xrfsr.operators.resample import fine_grid, resample
from xrfsr.pipeline.inputs import SMALLEST
from xrfsr.trust.measures import Measures, decibels, measure, squared_errors
from xrfsr.trust.pairs import same_grid
from xrfsr.trust.truth_noise import TruthNoise
from xrfsr.utils.describe import listing

__all__ = ["Corrected", "Reference", "maps_of", "scan_and_truth"]


def scan_and_truth(
    obj: xr.Dataset | xr.DataArray,
    scale: float,
    truth: xr.Dataset | xr.DataArray | None = None,
    *,
    remedy: str = "pass truth=... or a larger scan",
) -> tuple[xr.Dataset | xr.DataArray, xr.Dataset | xr.DataArray]:
    """Return scan and truth; without a truth, the scan made `scale` times coarser, and the scan itself.

    `remedy` is what the caller may do if the scan is too small for that.

    Raises
    ------
    InvalidInput
        Naming every fault of both, and if a scan that would be made is too small.
    """
    faults: list[str] = []
    grid = None
    with collect_faults(faults):
        obj = _stacked(obj)
    with collect_faults(faults):
        grid = fine_grid(grid_of(obj), scale)
    with collect_faults(faults, "truth"):
        truth = None if truth is None else _stacked(truth)
    if faults or grid is None:
        raise InvalidInput("scan", faults)
    if truth is None:
        # Without the last rows and columns that `scale` times as many coarser pixels would not give back.
        height, width = (_restorable(size, scale) for size in grid_of(obj).shape)
        obj = obj.isel(y=slice(height), x=slice(width))
        rows, columns = (round(size / scale) for size in (height, width))
        if min(rows, columns) < SMALLEST:
            most = min(height, width) / SMALLEST
            fix = f"use scale={np.floor(most * 10) / 10:g} or less, or " if most > 1.1 else ""
            raise InvalidInput(
                "scan",
                [
                    f"without a truth the methods get the scan made {scale:g} times coarser, {rows} x {columns} "
                    f"pixels; at least {SMALLEST} x {SMALLEST} are needed: {fix}{remedy}"
                ],
            )
        return resample(obj, scale=1 / scale), obj
    wanted, maps = maps_of(truth), maps_of(obj)
    if list(wanted.line.values) != list(maps.line.values):
        faults.append(
            f"truth has the lines {listing(wanted.line.values)}, the scan has {listing(maps.line.values)}; the "
            "same are needed, in the same order"
        )
    if not same_grid(there := grid_of(truth), grid):
        faults.append(
            f"truth has the grid {there}, the result would have {grid}; resample the truth to it, or change scale"
        )
    if faults:
        raise InvalidInput("truth", faults)
    return obj, truth


def _stacked(obj: xr.Dataset | xr.DataArray) -> xr.Dataset | xr.DataArray:
    """Return a scan that was checked, in the usual form if it has one variable for each line."""
    checked = ensure_scan(obj)
    return checked if isinstance(obj, xr.Dataset) and map_names(obj) else obj


def _restorable(size: int, scale: float) -> int:
    """Return the largest number of pixels, up to `size`, that is the same after coarsening and refining by `scale`."""
    return next(kept for kept in range(size, -1, -1) if round(round(kept / scale) * scale) == kept)


def maps_of(obj: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Return the maps of a scan or result, (line, y, x)."""
    maps = obj["intensity"] if isinstance(obj, xr.Dataset) else obj
    return maps.transpose("line", "y", "x")


@dataclass(frozen=True)
class Corrected:
    """Errors without the noise of the truth; NaN where that is all of the error.

    Attributes
    ----------
    rmse, psnr : array, shape (line,)
    pooled_rmse, pooled_psnr : array, shape ()
        Of all element lines together.
    """

    rmse: NDArray[np.float64]
    psnr: NDArray[np.float64]
    pooled_rmse: NDArray[np.float64]
    pooled_psnr: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reference:
    """True maps in memory, and what is needed to measure others against them.

    Attributes
    ----------
    maps : xarray.DataArray
        True maps (line, y, x), NaN where they are not valid.
    element : array of bool, shape (line,)
        Lines that are measured together.
    noise : TruthNoise
        Noise of the true maps.
    scale : float
        Ratio of coarse to fine pixel size.
    """

    maps: xr.DataArray
    element: NDArray[np.bool_]
    noise: TruthNoise
    scale: float

    @classmethod
    def of(
        cls, truth: xr.Dataset | xr.DataArray, scan: xr.Dataset | xr.DataArray, U: Downsampling, scale: float
    ) -> Self:
        """Read a truth, once; `U` takes it to `scan` if the scan was made from it."""
        if isinstance(truth, xr.Dataset):
            # Without variables that are not needed here, which may be large.
            truth = truth[[name for name in ("intensity", "uncertainty", "valid") if name in truth]]
        truth = truth.compute()
        maps = maps_of(truth)
        element = np.asarray(truth["kind"] == "element") if "kind" in truth.coords else np.ones(len(maps), bool)
        noise = TruthNoise.of(truth, maps_of(scan).values, U)
        known = truth if isinstance(truth, xr.Dataset) else truth.coords
        return cls(maps.where(truth["valid"]) if "valid" in known else maps, element, noise, float(scale))

    def measure(self, fine: NDArray[Any]) -> tuple[Measures, Corrected]:
        """Measure maps (line, y, x) on the grid of the truth."""
        truth = self.maps.values
        found = measure(fine, truth, self.element, grid_of(self.maps).spacing, self.scale)
        squares = squared_errors(fine, truth, found.peak)
        each, pooled = (np.sqrt(error) for error in self.noise.corrected(squares, found.peak, self.element))
        return found, Corrected(each, decibels(each), np.asarray(pooled), decibels(pooled))
