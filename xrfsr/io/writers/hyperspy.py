"""Conversion of maps to a HyperSpy signal."""

from __future__ import annotations

from typing import Any

import xarray as xr

from xrfsr.core.coordinates import grid_of
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import import_optional
from xrfsr.io.writers.layers import Layers

__all__ = ["to_hyperspy"]


def to_hyperspy(scan: xr.Dataset | xr.DataArray) -> Any:
    """Convert maps to a HyperSpy signal; requires the extra ``hyperspy``.

    Parameters
    ----------
    scan : Dataset or DataArray
        Scan or result to convert.

    Returns
    -------
    hyperspy.signals.Signal2D
        Signal with the lines as navigation axis and `y` and `x` in mm as signal axes; ``LazySignal2D`` if the maps are
        Dask arrays. ``metadata.Sample`` contains the elements and the lines in order, ``original_metadata`` the
        attributes.

    Raises
    ------
    InvalidInput
        If HyperSpy is not installed, or the scan cannot be used; the message lists every fault.

    Examples
    --------
    >>> signal = scan.xrfsr.to_hyperspy()  # doctest: +SKIP
    >>> signal.inav[0].plot()  # doctest: +SKIP
    """
    ready = ensure_scan(scan, values=False)
    api = import_optional("hyperspy.api", "signals of HyperSpy", "hyperspy")
    grid, maps = grid_of(ready), ready["intensity"]
    axes: list[dict[str, Any]] = [{"name": "line", "size": maps.sizes["line"], "navigate": True}]
    axes += [
        {"name": name, "size": axis.size, "scale": axis.step, "offset": axis.first, "units": "mm", "navigate": False}
        for name, axis in (("y", grid.y), ("x", grid.x))
    ]
    labels = [str(label) for label in ready["line"].values]
    metadata = {
        "General": {"title": str(ready.attrs.get("source", "element maps"))},
        "Signal": {"quantity": f"intensity ({maps.attrs['units']})"},
        "Sample": {
            "elements": sorted({str(element) for element in ready["element"].values if element}),
            "xray_lines": labels,
        },
    }
    signal = api.signals.Signal2D(maps.data, axes=axes, metadata=metadata, original_metadata=Layers(ready).attrs)
    return signal.as_lazy() if maps.chunks and not signal._lazy else signal
