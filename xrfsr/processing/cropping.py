"""A part of a scan or photo, by millimetres."""

from __future__ import annotations

from typing import Any

import numpy as np

from xrfsr.core.coordinates import AnyT, grid_of
from xrfsr.core.units import to_mm
from xrfsr.errors import InvalidInput, collect_faults

__all__ = ["crop"]


def crop(obj: AnyT, *, y: Any = None, x: Any = None) -> AnyT:
    """Keep the pixels whose centres lie between two lengths, whichever way the coordinates run.

    Parameters
    ----------
    obj : Dataset or DataArray
        A scan, a photo, a result: anything with `y` and `x` in a unit of length. Lazy arrays stay lazy.
    y, x : pair of lengths, optional
        From and to, in mm or as text (``("2 cm", "85 mm")``); None in a pair leaves that side as it is. Pixels are
        never cut: one belongs to the part if its centre does.

    Returns
    -------
    Dataset or DataArray
        A view of the same, with the coordinates that it had.

    Raises
    ------
    InvalidInput
        Naming every length that is none, a part that is empty, and how far the scan reaches.

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
        grid = grid_of(obj)
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
                            f"{name}={sides!r} holds no pixel; {name} runs from {first:g} to {last:g} mm, in steps of "
                            f"{abs(axis.step):g}"
                        ],
                    )
                kept[name] = slice(int(inside[0]), int(inside[-1]) + 1)
    if faults:
        raise InvalidInput("part", faults)
    part: AnyT = obj.isel(kept)  # type: ignore[assignment]  # of the kind it was
    return part


def _sides(name: str, sides: Any) -> tuple[float, float]:
    if isinstance(sides, str) or not hasattr(sides, "__len__") or len(sides) != 2:
        raise InvalidInput("part", [f"{name} is {sides!r}; from and to are needed, such as {name}=(10, '2.5 cm')"])
    low, high = (end if one is None else to_mm(one, name) for one, end in zip(sides, (-np.inf, np.inf), strict=True))
    return min(low, high), max(low, high)
