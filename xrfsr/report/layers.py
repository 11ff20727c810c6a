"""Layers of a report: the maps that it shows, computed once and reduced to what a page can hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from dask.base import compute
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.errors import collect_faults
from xrfsr.report.contents import Contents
from xrfsr.report.shrinking import block_means, factor_for, shrunk
from xrfsr.trust import consistency
from xrfsr.trust.assessment import SUPPORT, UNCERTAINTY

__all__ = ["Computed", "Layer", "compute_layers"]

# Pixels of all maps together. Twelve maps of 2048 × 2048 are shown with 1024 × 1024 pixels, their uncertainty and
# support with 683 × 683.
MAP_PIXELS, TRUST_PIXELS = 2**24, 2**23


@dataclass(frozen=True, slots=True)
class Layer:
    """Maps of one kind as they are shown.

    Attributes
    ----------
    name : {"fine", "coarse", "uncertainty", "support"}
    title : str
        What readers of the page call it.
    values : array of float32, shape (line, y, x)
        Values, NaN where nothing was measured.
    units : str
    factor : int
        By how much each side was reduced.
    pixel : (float, float)
        Height and width of a shown pixel in mm.
    corner : (float, float)
        Upper left corner in mm below and right of that of the fine maps.
    size : (float, float)
        Height and width in mm; the last row and column of shown pixels may reach beyond.
    """

    name: str
    title: str
    values: NDArray[np.float32]
    units: str
    factor: int
    pixel: tuple[float, float]
    corner: tuple[float, float]
    size: tuple[float, float]

    def halved(self) -> Layer:
        """Return the layer with half as many pixels along each side."""
        pixel = (self.pixel[0] * 2, self.pixel[1] * 2)
        return replace(self, values=block_means(self.values, 2), factor=self.factor * 2, pixel=pixel)


@dataclass(frozen=True, slots=True)
class Computed:
    """What a report computes.

    Attributes
    ----------
    layers : tuple of Layer
    rms : array of float, shape (line,), or None
        Root mean square of the difference from the scan, in standard deviations of its noise; NaN where it is unknown.
    noise_source : tuple of str
        How the noise of each line is known.
    line_values : dict of array
        Coordinates along `line` that results have.
    missing : float
        Share of the maps that was not measured.
    """

    layers: tuple[Layer, ...]
    rms: NDArray[np.float64] | None
    noise_source: tuple[str, ...]
    line_values: dict[str, NDArray[Any]]
    missing: float

    def layer(self, name: str) -> Layer | None:
        """Return the layer of a name, if there is one."""
        return next((layer for layer in self.layers if layer.name == name), None)


def compute_layers(contents: Contents) -> Computed:
    """Compute what a page shows, all of it in one pass over lazy arrays."""
    fine, scan = contents.fine, contents.scan
    planned: dict[str, tuple[str, xr.DataArray, int]] = {}
    lines, shape = fine.sizes["line"], contents.grid.shape
    factor = factor_for(shape, lines, MAP_PIXELS)
    planned["fine"] = ("Fine map" if contents.method else "Map", fine["intensity"], factor)
    if scan is not None:
        reduction = factor_for(grid_of(scan).shape, lines, MAP_PIXELS)
        planned["coarse"] = ("Scan", scan["intensity"], reduction)
    for name, title in ((UNCERTAINTY, "Uncertainty"), (SUPPORT, "Support of the photo")):
        if name in fine:
            reduction = max(factor, factor_for(shape, lines, TRUST_PIXELS))
            planned["support" if name == SUPPORT else name] = (title, fine[name], reduction)

    jobs: dict[str, Any] = {name: shrunk(array.data, factor) for name, (_, array, factor) in planned.items()}
    jobs |= {
        f"line {name}": each.data for name, each in fine.coords.items() if each.dims == ("line",) and _number(each)
    }
    if scan is not None and contents.method:
        with collect_faults([]):  # a scan that covers the maps in part only: the page says that it was not compared
            residual = consistency(fine, scan)
            jobs["squares"] = (residual.astype(np.float64) ** 2).mean(("y", "x")).data
            jobs["sources"] = residual["noise_source"].data
    made = dict(zip(jobs, compute(*jobs.values()), strict=True))  # type: ignore[no-untyped-call]

    layers = tuple(
        _layer(name, title, made[name], str(array.attrs.get("units", "")), factor, grid_of(array), contents.grid)
        for name, (title, array, factor) in planned.items()
    )
    values = {name[5:]: np.asarray(each) for name, each in made.items() if name.startswith("line ")}
    rms = np.sqrt(made["squares"]) if "squares" in made else None
    sources = tuple(str(each) for each in made.get("sources", ()))
    return Computed(layers, rms, sources, values, float(np.isnan(layers[0].values).all(axis=0).mean()))


def _number(array: xr.DataArray) -> bool:
    return array.dtype.kind in "iuf"


def _layer(
    name: str, title: str, values: NDArray[np.float32], units: str, factor: int, grid: Grid, outer: Grid
) -> Layer:
    corner = (grid.y.edges[0] - outer.y.edges[0], grid.x.edges[0] - outer.x.edges[0])
    pixel = (grid.spacing[0] * factor, grid.spacing[1] * factor)
    size = (grid.y.extent, grid.x.extent)
    plain = np.where(np.isfinite(values), values, np.float32(np.nan))
    return Layer(name, title, plain, units.replace("dimensionless", ""), factor, pixel, corner, size)
