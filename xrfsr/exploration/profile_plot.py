"""Plot of a profile: fine map with its uncertainty, and the scan."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xrfsr.plot.style import SEVERAL

__all__ = ["ProfilePlot"]

FINE_COLOUR, SCAN_COLOUR = SEVERAL[:2]


class ProfilePlot:
    """Intensity of one line against the distance along the profile, in mm."""

    def __init__(self, width: int, height: int) -> None:
        from bokeh.models import ColumnDataSource, HoverTool
        from bokeh.plotting import figure

        self.figure = figure(
            width=width, height=height, toolbar_location=None, tools="", x_axis_label="distance in mm", name="profile",
            title="Profile", x_range=(0, 1), y_range=(0, 1),
        )  # fmt: skip
        self._fine = ColumnDataSource({"distance": [], "value": [], "low": [], "high": []})
        self._scan = ColumnDataSource({"distance": [], "value": []})
        self.figure.varea(
            "distance", "low", "high", source=self._fine, fill_color=FINE_COLOUR, fill_alpha=0.25,
            legend_label="fine map ± uncertainty",
        )  # fmt: skip
        curve = self.figure.line(
            "distance",
            "value",
            source=self._fine,
            color=FINE_COLOUR,
            line_width=2,
            legend_label="fine map ± uncertainty",
        )
        self.figure.line(
            "distance", "value", source=self._scan, color=SCAN_COLOUR, line_width=1.5, line_dash="dashed",
            legend_label="scan",
        )  # fmt: skip
        self.figure.add_tools(
            HoverTool(renderers=[curve], mode="vline", tooltips=[("mm", "@distance"), ("value", "@value")])
        )
        self.figure.legend.label_text_font_size = "11px"
        self.figure.legend.padding = 4
        self.figure.legend.background_fill_alpha = 0.7

    def show(self, line: str, unit: str, fine: xr.Dataset | None, scan: xr.Dataset | None) -> None:
        """Show the profile of a line (no dimension but `distance`); None where there is none."""
        self.figure.title.text = f"Profile of {line}"
        self.figure.yaxis.axis_label = unit or "intensity"
        fine_data: dict[str, Any] = {"distance": [], "value": [], "low": [], "high": []}
        if fine is not None:
            value = fine["intensity"].values
            error = fine["uncertainty"].values if "uncertainty" in fine else np.full_like(value, np.nan)
            fine_data = {
                "distance": fine["distance"].values,
                "value": value,
                "low": value - error,
                "high": value + error,
            }
        known = np.concatenate([fine_data["low"], fine_data["high"], fine_data["value"]])
        known = known[np.isfinite(known)]
        if known.size:
            margin = 0.05 * (known.max() - known.min()) or 1.0
            self.figure.x_range.update(start=0, end=float(fine_data["distance"][-1]))
            self.figure.y_range.update(start=float(known.min() - margin), end=float(known.max() + margin))
        self._fine.data = fine_data
        scan_data: dict[str, Any] = {"distance": [], "value": []}
        if scan is not None:
            scan_data = {"distance": scan["distance"].values, "value": scan["intensity"].values}
        self._scan.data = scan_data
        band, curve = self.figure.legend[0].items
        band.label = {"value": "fine map ± uncertainty" if fine is not None and "uncertainty" in fine else "fine map"}
        curve.visible = scan is not None
