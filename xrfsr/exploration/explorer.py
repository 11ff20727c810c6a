"""What a user draws on a painting: regions and a profile, with their numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.analysis import profile, region, region_statistics
from xrfsr.analysis.polygons import position_mm
from xrfsr.core.coordinates import grid_of
from xrfsr.core.units import to_mm
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.exploration.display import Shown
from xrfsr.exploration.scene import Scene
from xrfsr.utils.describe import describe, listing

__all__ = ["Explorer"]

LONGEST_NAME = 60
STATISTICS = ("mean", "median", "standard_error", "pixels", "area")


class Explorer(Shown):
    """Maps to look at, with the regions and the profile that were drawn on them; see `xrfsr.explore`.

    Jupyter shows it as the last value of a cell; `show` opens it in a browser, and ``panel serve`` shows it after
    `servable`. Every place where it is shown has its own line and zoom; regions and profile are the same in all.

    Attributes
    ----------
    regions : Dataset
        Statistics and masks of the regions.
    profile : Dataset or None
        Values of all lines along the line that was drawn.
    polygons : dict of str to ndarray
        Corners (y, x) in mm of the regions, by name.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._polygons: dict[str, NDArray[np.float64]] = {}
        self._statistics: dict[tuple[str, bytes], xr.Dataset] = {}
        self._ends: tuple[tuple[float, float], tuple[float, float]] | None = None
        self._width: float | None = None
        self._listeners: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        """Return what is explored."""
        drawn = f"regions {listing(self._polygons)}" if self._polygons else "no region"
        return f"<xrfsr.explore of {listing(self._scene.lines)}: {', '.join(self._scene.layers)}; {drawn}>"

    @property
    def polygons(self) -> dict[str, NDArray[np.float64]]:
        """Corners (y, x) in mm of every region, shape (corner, 2), by name."""
        return {name: corners.copy() for name, corners in self._polygons.items()}

    @property
    def regions(self) -> xr.Dataset:
        """Statistics and masks of the regions.

        Returns
        -------
        Dataset
            Along (region, line): `mean`, `median`, `standard_error`, `pixels` and `area` of `region_statistics`; and
            `mask` (region, y, x), bool, on the pixels of the fine maps. ``.drop_dims(["y", "x"]).to_dataframe()``
            is a table. Of lazy maps, the parts around the regions are computed once.
        """
        names, scene = list(self._polygons), self._scene
        found = [self.statistics(name) for name in names]
        masks = [region(scene.fine, list(self._polygons[name])).values for name in names]
        coords = {name: scene.fine[name].variable for name in ("y", "x", "line")}
        made: dict[str, Any] = (
            {
                name: (("region", "line"), np.array([each[name].values for each in found]).reshape(len(names), -1))
                for name in STATISTICS
            }
            if names
            else {name: (("region", "line"), np.empty((0, len(scene.lines)))) for name in STATISTICS}
        )
        made["mask"] = (("region", "y", "x"), np.array(masks, bool).reshape(len(names), *scene.grid.shape))
        result = xr.Dataset(made, {"region": ("region", np.array(names, dtype=np.str_)), **coords})
        for name in STATISTICS if found else ():
            result[name].attrs = found[0][name].attrs
        return result

    def statistics(self, name: str, line: str | None = None) -> xr.Dataset:
        """Return the statistics of one region, of all lines or one.

        Parameters
        ----------
        name : str
            Name of the region.
        line : str, optional
            Label of the line; of lazy maps only this one is computed.

        Returns
        -------
        Dataset
            Along `line`; see `xrfsr.analysis.region_statistics`.

        Raises
        ------
        InvalidInput
            If there is no such region.
        """
        self._check(name)
        corners = self._polygons[name]
        for each in ("", line or ""):
            held = self._statistics.get((each, corners.tobytes()))
            if held is not None:
                return held if line is None or each == line else held.sel(line=[line])
        maps = self._scene.fine if line is None else self._scene.fine.sel(line=[line])
        coarse = None if self._scene.scan is None else grid_of(self._scene.scan)
        found = region_statistics(maps, region(maps, list(corners)), scan=coarse)
        self._statistics[line or "", corners.tobytes()] = found
        return found

    @property
    def profile(self) -> xr.Dataset | None:
        """Values of the fine maps along the line that was drawn, as `xrfsr.analysis.profile` returns them, or None."""
        return self.profile_of(self._scene.fine)

    def profile_of(self, maps: xr.Dataset) -> xr.Dataset | None:
        """Return the profile of other maps of the painting, such as the scan; None if nothing was drawn on them."""
        if self._ends is None:
            return None
        return profile(maps, *self._ends, width=self._width)

    @property
    def ends(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Start and end (y, x) in mm of the profile, or None."""
        return self._ends

    @property
    def width(self) -> float | None:
        """Width of the profile in mm, or None for a line alone."""
        return self._width

    def add_region(self, polygon: Any, name: str | None = None) -> str:
        """Add a region, or replace the one of that name.

        Parameters
        ----------
        polygon : sequence of pairs (y, x)
            At least three corners in mm; see `xrfsr.analysis.region`.
        name : str, optional
            Name; the next free one of "region 1", "region 2", ... if left out.

        Returns
        -------
        str
            Name of the region.

        Raises
        ------
        InvalidInput
            If it is no polygon, holds no pixel of the fine maps, or the name is no text; all faults are listed.
        """
        faults: list[str] = []
        with collect_faults(faults):
            region(self._scene.fine, polygon)
        if name is None:
            name = next(each for k in range(1, 2**31) if (each := f"region {k}") not in self._polygons)
        if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_NAME:
            faults.append(f"name must be a text of 1 to {LONGEST_NAME} characters, got {describe(name)}")
        if faults:
            raise InvalidInput("region", faults)
        corners = [position_mm(corner, "corner") for corner in polygon]
        self._polygons[name.strip()] = np.array(corners, np.float64)
        self._changed()
        return name.strip()

    def remove_region(self, name: str) -> None:
        """Remove a region.

        Parameters
        ----------
        name : str
            Its name.

        Raises
        ------
        InvalidInput
            If there is no such region.
        """
        self._check(name)
        del self._polygons[name]
        self._changed()

    def draw_profile(self, start: Any, end: Any, *, width: Any = None) -> None:
        """Set the line of the profile.

        Parameters
        ----------
        start, end : pair of lengths (y, x)
            Its ends in mm, on the fine maps.
        width : length, optional
            Width of the strip that is averaged; the line alone if left out.

        Raises
        ------
        InvalidInput
            Naming every fault; see `xrfsr.analysis.profile`.
        """
        plane = self._scene.fine["intensity"].isel(line=0)
        # In place of the maps, so that nothing of them is computed.
        stand_in = xr.DataArray(np.broadcast_to(np.float32(0), plane.shape), plane.coords, plane.dims)
        profile(stand_in.reset_coords(drop=True), start, end, width=width)
        self._ends = position_mm(start, "start"), position_mm(end, "end")
        self._width = None if width is None else to_mm(width, "width")
        self._changed()

    def remove_profile(self) -> None:
        """Remove the line of the profile."""
        self._ends = None
        self._changed()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call a function after every change; return the function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def _changed(self) -> None:
        for listener in list(self._listeners):
            listener()

    def _check(self, name: Any) -> None:
        if not isinstance(name, str) or name not in self._polygons:
            there = f"there are {listing(self._polygons)}" if self._polygons else "add_region adds one"
            raise InvalidInput("region", [f"name must be that of a region, got {describe(name)}; {there}"])

    def _page(self) -> Any:
        from xrfsr.exploration.page import explorer_page

        return explorer_page(self, self._scene)
