"""Writer of an ImageJ stack: one file with a labelled slice per map, calibrated in millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import grid_of
from xrfsr.io.imagej import DERIVED_LABEL, METHOD_NOTE, UNITS_NOTE
from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.common import iter_strips, prepare_write, warn_dropped, writing
from xrfsr.io.writers.layers import Plane, upright
from xrfsr.io.writers.ownership import SOFTWARE, tiff_obstacle
from xrfsr.io.writers.pictures import band_planes, is_colour, iter_rgb
from xrfsr.io.writers.plain_tiff import write_plain_tiff

__all__ = ["to_imagej"]


def to_imagej(
    data: xr.Dataset | xr.DataArray,
    path: str | PathLike[str],
    *,
    overwrite: bool = False,
    progress: bool | None = None,
) -> None:
    """Write a stack for ImageJ and Fiji: a slice per map, with its label, and pixels in millimetres.

    Slices are float32 with NaN for missing pixels, labelled ``Ca-K``, ``s(Ca-K)`` for uncertainties, and with their
    ``long_name`` or variable name for further maps such as ratios. The calibration gives pixel size and origin, so that
    ImageJ shows the millimetres of the scan; slices begin at the top left of the painting. A photo with red, green and
    blue is an RGB image, black where it has missing pixels; other photos have a slice for each band. `xrfsr.open_scan`
    reads stacks back without a pixel size. Lazy arrays are computed once, and written strip by strip.

    Parameters
    ----------
    data : Dataset or DataArray
        Scan or result, photo, or a single map such as a ratio.
    path : str or path
        File to write, ending in ``.tif`` or ``.tiff``. It appears once it is complete.
    overwrite : bool
        Whether to replace an existing file that xrfsr wrote; any other is never replaced.
    progress : bool, optional
        Whether to show what is done; left out, terminals and notebooks show it if it takes a second or more.

    Raises
    ------
    InvalidInput
        If the data or the path cannot be used; the message lists every fault.

    Warns
    -----
    UserWarning
        If the scan has a mask, a photo, or variables of other dimensions, which a stack cannot store.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_imagej(scan[["intensity"]].drop_vars(["visible", "visible_share"]), f"{folder}/stack.tif")
    ...     xrfsr.open_scan(f"{folder}/stack.tif").x.values[:2].tolist()
    [0.5, 1.5]
    """
    layers, target = prepare_write(
        data,
        path,
        overwrite,
        suffixes=(".tif", ".tiff"),
        kind="ImageJ stack",
        obstacle=tiff_obstacle,
        progress=progress,
    )
    warn_dropped(layers, target)
    with (
        writing(layers.stored(), target, "ImageJ stack", progress) as layers,
        atomic_write(target, "ImageJ stack", tiff_obstacle, overwrite=overwrite) as new,
    ):
        planes = list(layers.planes())
        if planes or layers.photo is None:
            _write_stack(new, planes, layers.method)
        elif is_colour(layers.photo):
            _write_photo(new, upright(layers.photo))
        else:
            _write_stack(new, band_planes(layers.photo))


def _write_stack(path: Path, planes: Sequence[Plane], method: str | None = None) -> None:
    first = upright(planes[0].values)
    labels = [DERIVED_LABEL.format(plane.title) if plane.role == "derived" else plane.title for plane in planes]
    units = planes[0].units  # uncertainties have those of the maps
    notes = [UNITS_NOTE + units, *([METHOD_NOTE + method] if method else [])]
    metadata = {"axes": "ZYX", "Labels": labels, "Info": "\n".join(notes)}
    pieces = (values for plane in planes for _, values in iter_strips(upright(plane.values)))
    shape = (len(planes), *first.shape)
    write_plain_tiff(path, shape, np.float32, pieces, imagej=True, **_tags(first, metadata))


def _write_photo(path: Path, photo: xr.DataArray) -> None:
    pieces = (np.moveaxis(pixels, 0, -1) for _, pixels, _ in iter_rgb(photo))
    shape = (photo.sizes["y"], photo.sizes["x"], 3)
    write_plain_tiff(path, shape, np.uint8, pieces, imagej=True, photometric="rgb", **_tags(photo, {}))


def _tags(array: xr.DataArray, metadata: dict[str, Any]) -> dict[str, Any]:
    grid = grid_of(array)
    dy, dx = grid.spacing
    # ImageJ has the origin as the pixel coordinate of the point (0, 0); pixel coordinates begin at outer edges.
    origin = {"xorigin": 0.0 - grid.x.edges[0] / dx, "yorigin": 0.0 - grid.y.edges[0] / dy}
    metadata = {"unit": "mm", **origin, **metadata}
    return {"resolution": (1 / dx, 1 / dy), "metadata": metadata, "software": SOFTWARE}
