"""Conversion of maps and photos to a HyperSpy signal."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import grid_of
from xrfsr.errors import import_optional
from xrfsr.io.writers.layers import Layers, layers_of
from xrfsr.io.writers.pictures import is_colour, iter_rgb

__all__ = ["to_hyperspy"]

RGB8 = np.dtype([("R", np.uint8), ("G", np.uint8), ("B", np.uint8)])  # HyperSpy's dtype "rgb8"


def to_hyperspy(data: xr.Dataset | xr.DataArray) -> Any:
    """Convert maps or a photo to a HyperSpy signal; requires the extra ``hyperspy``.

    Parameters
    ----------
    data : Dataset or DataArray
        Scan or result, photo, or a single map such as a ratio. Of a scan the intensities are converted; convert other
        maps of it one by one.

    Returns
    -------
    hyperspy.signals.Signal2D
        Signal with `y` and `x` in mm as signal axes. Of a scan the lines are the navigation axis,
        ``metadata.Sample`` contains the elements and the lines in order, and ``original_metadata`` the attributes. A
        photo with red, green and blue is an image of the dtype ``rgb8``; of other photos the bands are the navigation
        axis. If the maps are Dask arrays, the result is a ``LazySignal2D``; photos in colour are computed.

    Raises
    ------
    InvalidInput
        If HyperSpy is not installed, or the data cannot be used; the message lists every fault.

    Examples
    --------
    >>> signal = scan.xrfsr.to_hyperspy()  # doctest: +SKIP
    >>> signal.inav[0].plot()  # doctest: +SKIP
    """
    layers = layers_of(data)
    api = import_optional("hyperspy.api", "signals of HyperSpy", "hyperspy")
    if layers.scan is not None:
        return _of_scan(api, layers, layers.scan)
    if layers.photo is not None:
        return _of_photo(api, layers.photo)
    [plane] = layers.derived
    return _signal(api, plane.values, plane.name, f"{plane.name} ({plane.units})")


def _of_scan(api: Any, layers: Layers, scan: xr.Dataset) -> Any:
    maps = scan["intensity"]
    title = str(scan.attrs.get("source", "element maps"))
    signal = _signal(api, maps, title, f"intensity ({maps.attrs['units']})", layers.attrs)
    elements = sorted({str(element) for element in scan["element"].values if element})
    signal.metadata.add_dictionary(
        {"Sample": {"elements": elements, "xray_lines": [str(label) for label in scan["line"].values]}}
    )
    return signal


def _of_photo(api: Any, photo: xr.DataArray) -> Any:
    if not is_colour(photo):
        return _signal(api, photo, "photo", "brightness")
    pixels = np.empty((photo.sizes["y"], photo.sizes["x"]), RGB8)
    for rows, colours, _ in iter_rgb(photo):
        for name, colour in zip("RGB", colours, strict=True):
            pixels[name][rows] = colour
    return _signal(api, photo.isel(band=0, drop=True).copy(data=pixels), "photo", "brightness")


def _signal(api: Any, maps: xr.DataArray, title: str, quantity: str, attrs: dict[str, Any] | None = None) -> Any:
    """Return the signal of maps (y, x), or of several along a first dimension."""
    grid = grid_of(maps)
    axes: list[dict[str, Any]] = [
        {"name": str(dim), "size": maps.sizes[dim], "navigate": True} for dim in maps.dims if dim not in ("y", "x")
    ]
    axes += [
        {"name": name, "size": axis.size, "scale": axis.step, "offset": axis.first, "units": "mm", "navigate": False}
        for name, axis in (("y", grid.y), ("x", grid.x))
    ]
    metadata = {"General": {"title": title}, "Signal": {"quantity": quantity}}
    signal = api.signals.Signal2D(maps.data, axes=axes, metadata=metadata, original_metadata=attrs or {})
    return signal.as_lazy() if maps.chunks and not signal._lazy else signal
