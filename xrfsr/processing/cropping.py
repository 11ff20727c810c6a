"""Cropping of scans and photos in millimetres."""

from __future__ import annotations

from typing import Any

import numpy as np

from xrfsr.core.coordinates import AnyT, own_grid
from xrfsr.core.units import to_mm
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.utils.describe import describe

__all__ = ["crop"]


def crop(obj: AnyT, *, y: Any = None, x: Any = None) -> AnyT:
    """Keep the pixels whose centres are between two positions.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan, photo, result or anything else with `y` and `x` in a unit of length. Lazy arrays stay lazy.
    y, x : pair of lengths, optional
        Start and end, in mm or as text (``("2 cm", "85 mm")``), whether coordinates ascend or descend. None in a pair
        keeps that side. Pixels are never cut: they are kept if their centre is inside.

    Returns
    -------
    Dataset or DataArray
        View of the selected pixels, with their coordinates.

    Raises
    ------
    InvalidInput
        If a length is invalid, or no pixel lies inside.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> crop(scan, x=(4, "1.2 cm")).x.values.tolist()
    [4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5, 11.5]
    """
    faults: list[str] = []
    kept: dict[str, Any] = {}
    with collect_faults(faults):
        grid = own_grid(obj)
        for name, sides, axis in (("y", y, grid.y), ("x", x, grid.x)):
            if sides is None:
                continue
            with collect_faults(faults):
                low, high = _sides(name, sides)
                centres = axis.centres
                inside = np.flatnonzero((centres >= low) & (centres <= high))
                if not inside.size:
                    first, last = axis.edges
                    raise InvalidInput(
                        "part",
                        [
                            f"{name} must contain the centre of a pixel between {first:g} and {last:g} mm, in steps of "
                            f"{abs(axis.step):g}, got {describe(sides)}"
                        ],
                    )
                kept[name] = slice(int(inside[0]), int(inside[-1]) + 1)
    if faults:
        raise InvalidInput("part", faults)
    part: AnyT = obj.isel(kept)  # type: ignore[assignment]  # isel keeps the type
    return part


def _sides(name: str, sides: Any) -> tuple[float, float]:
    sides = sides.tolist() if isinstance(sides, np.ndarray) else sides
    if not isinstance(sides, tuple | list) or len(sides) != 2:
        raise InvalidInput("part", [f"{name} must be a pair of lengths such as (10, '2.5 cm'), got {describe(sides)}"])
    low, high = (end if one is None else to_mm(one, name) for one, end in zip(sides, (-np.inf, np.inf), strict=True))
    return min(low, high), max(low, high)
