"""Numbers as text and as tables in HTML; every text from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.exploration.scene import FINE, PHOTO, SCAN

__all__ = ["message", "number", "readout", "statistics_table", "table"]

STYLE = (
    "<style>table{border-collapse:collapse;font-size:13px}th,td{padding:2px 8px;text-align:right;"
    "border-bottom:1px solid #8886}td{white-space:nowrap}th:first-child,td:first-child{text-align:left}"
    "th[scope=row]{font-weight:400}.note{font-size:12px;opacity:.8}.fault{color:#b00020;font-weight:600}</style>"
)


def number(value: float, digits: int = 4) -> str:
    """Return a number with few digits, or a dash if there is none."""
    if not np.isfinite(value):
        return "–"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return np.format_float_positional(float(value), precision=digits, fractional=False, trim="-")
    return f"{float(value):.{digits}g}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> str:
    """Return a table in HTML; without headings, the first entry of a row is its heading."""
    head = "".join(f"<th scope='col'>{escape(each)}</th>" for each in headings)
    body = ""
    for row in rows:
        first = f"<td>{escape(row[0])}</td>" if headings else f"<th scope='row'>{escape(row[0])}</th>"
        body += f"<tr>{first}{''.join(f'<td>{escape(each)}</td>' for each in row[1:])}</tr>"
    head = f"<thead><tr>{head}</tr></thead>" if headings else ""
    return f"{STYLE}<table aria-label='{escape(label, quote=True)}'>{head}<tbody>{body}</tbody></table>"


def message(text: str, *, fault: bool = False) -> str:
    """Return a paragraph."""
    return f"{STYLE}<p class='{'fault' if fault else 'note'}'>{escape(text)}</p>" if text else ""


def statistics_table(found: dict[str, xr.Dataset], unit: str) -> str:
    """Return a table of the statistics of regions, one row for each region and line."""
    rows = []
    for name, each in found.items():
        for line in each["line"].values:
            one = each.sel(line=line)
            numbers = [number(float(one[key])) for key in ("mean", "median", "standard_error")]
            rows.append([name, str(line), *numbers, str(int(one["pixels"])), number(float(one["area"]))])
    measured = f" ({unit})" if unit else ""
    headings = ["region", "line", f"mean{measured}", "median", "standard error", "pixels", "area (mm²)"]
    return table(headings, rows, "Statistics of the regions")


def readout(y: float, x: float, line: str, unit: str, values: dict[str, dict[str, NDArray[Any]]]) -> str:
    """Return what is at a position: for scan and fine map the value with its uncertainty, the support, the colour."""
    unit = f" {unit}" if unit else ""
    rows = [["position", f"x {x:.2f} mm, y {y:.2f} mm"]]
    for source in (SCAN, FINE):
        if source in values:
            each = values[source]
            error = f" ± {number(float(each['uncertainty']), 2)}" if "uncertainty" in each else ""
            step = int(each["step"])
            blocks = f" (mean of {step} × {step} pixels; zoom in for single ones)" if step > 1 else ""
            value = float(each["intensity"])
            rows.append(
                [f"{source}, {line}", f"{number(value)}{error}{unit}{blocks}" if np.isfinite(value) else "not measured"]
            )
            if "photo_support" in each:
                rows.append(["support of the photo", number(float(each["photo_support"]), 2)])
    if PHOTO in values:
        colour = np.asarray(values[PHOTO]["rgb"], float)
        if np.isfinite(colour).all():
            rows.append(["photo: red, green, blue", ", ".join(f"{each:.2f}" for each in colour)])
    return table([], rows, "Values under the mouse")
