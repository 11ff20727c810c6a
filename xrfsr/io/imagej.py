"""What ImageJ stores in a TIFF beyond the pixels: labels of the slices, and the calibration in a unit of length."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from xrfsr.core.grid import Axis, Grid

__all__ = ["DERIVED_LABEL", "METHOD_NOTE", "UNITS_NOTE", "calibrated_grid", "note", "slice_names"]

# Units that somebody has set on purpose. Without a calibration ImageJ has pixels, and inches come from printers.
MM_PER = {"mm": 1.0, "cm": 10.0, **dict.fromkeys(("um", "µm", "μm", "\\u00B5m", "micron", "microns"), 1e-3)}
# Below the first line of a label ImageJ keeps what else it knows of a slice. This means that it is no element map.
DERIVED_LABEL = "{}\nno element map"
# Beginnings of lines of ImageJ's info: of the units of the values, and of the method that made them.
UNITS_NOTE, METHOD_NOTE = "units: ", "xrfsr_method: "


def calibrated_grid(metadata: Mapping[str, Any], resolution: tuple[Any, Any], shape: tuple[int, int]) -> Grid | None:
    """Return the grid of a file of ImageJ, or None if it is not calibrated in a unit of length.

    Parameters
    ----------
    metadata : mapping
        Description of ImageJ, as tifffile reads it.
    resolution : (rational, rational)
        Pixels per unit along x and y, each as numerator and denominator.
    shape : (int, int)
        Number of rows and columns.
    """
    factor = MM_PER.get(str(metadata.get("unit", "")))
    if factor is None:
        return None
    axes = []
    for size, (pixels, units), key in zip(shape, reversed(resolution), ("yorigin", "xorigin"), strict=True):
        origin = metadata.get(key, 0.0)
        if not pixels or not units or not isinstance(origin, int | float) or not math.isfinite(origin):
            return None
        step = factor * units / pixels
        axes.append(Axis(size, step, (0.5 - origin) * step))
    return Grid(axes[0], axes[1])


def slice_names(metadata: Mapping[str, Any]) -> list[str]:
    r"""Return the names of the slices: the first lines of their labels, empty for maps that are no element maps.

    Examples
    --------
    >>> slice_names({"Labels": ["Ca-K.tif\n16-bit image", "Ca-K / Pb-L\nno element map"]})
    ['Ca-K.tif', '']
    """
    labels = metadata.get("Labels") or []
    names = []
    for label in [labels] if isinstance(labels, str) else labels:  # tifffile's form of a single label
        name = str(label).partition("\n")[0]
        names.append("" if label == DERIVED_LABEL.format(name) else name)
    return names


def note(metadata: Mapping[str, Any], start: str) -> str | None:
    """Return the rest of the line of ImageJ's info that begins with `start`, if there is one."""
    notes = str(metadata.get("Info", "")).splitlines()
    return next((line.removeprefix(start).strip() for line in notes if line.startswith(start)), None)
