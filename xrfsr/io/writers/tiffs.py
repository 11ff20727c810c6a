"""Writer of a folder with one TIFF per map: plain values at full resolution, without axes, frames or colours."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import grid_of
from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.common import iter_strips, prepare_write, warn_dropped, writing
from xrfsr.io.writers.layers import Layers
from xrfsr.io.writers.ownership import DERIVED_FOLDER, SOFTWARE, tiffs_obstacle
from xrfsr.io.writers.pictures import band_planes, has_gaps, is_colour, iter_rgb
from xrfsr.io.writers.plain_tiff import write_plain_tiff

__all__ = ["to_tiffs"]

CENTIMETRE = 3


def to_tiffs(
    data: xr.Dataset | xr.DataArray,
    folder: str | PathLike[str],
    *,
    photo: xr.DataArray | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
) -> None:
    """Write a folder with one TIFF per map, for ImageJ, GIMP, Photoshop, PyMca and other image programs.

    ``Ca-K.tif`` contains the values of the map as float32, with NaN for missing pixels. If the scan has them, the
    uncertainty is written to ``s(Ca-K).tif``, and the mask to ``mask.tif`` (255 for valid pixels, otherwise 0). Further
    maps (y, x), such as ratios, are in the folder ``derived``. A photo with red, green and blue is ``photo.tif`` in 8
    bits, transparent where it has missing pixels; other photos have a file for each band in ``derived``. Row 0 is the
    first row of the scan. The resolution tags hold the pixels per centimetre, but `xrfsr.open_scan` still needs the
    pixel size, because many programs write arbitrary values there.

    Parameters
    ----------
    data : Dataset or DataArray
        Scan or result, photo, or a single map such as a ratio.
    folder : str or path
        Folder to create. It appears once it is complete.
    photo : DataArray, optional
        Photo to write with the maps, on any grid, such as the registered one.
    overwrite : bool
        Whether to replace an existing folder, if this function wrote all that is in it.
    progress : bool, optional
        Whether to show what is done; left out, terminals and notebooks show it if it takes a second or more.

    Raises
    ------
    InvalidInput
        If the data or the folder cannot be used; the message lists every fault.

    Warns
    -----
    UserWarning
        If the scan has variables of other dimensions, which the format cannot store.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> with tempfile.TemporaryDirectory() as place:
    ...     to_tiffs(scan[["intensity"]].drop_vars(["visible", "visible_share"]), f"{place}/maps", photo=rgb)
    ...     sorted(file.name for file in Path(place, "maps").iterdir())
    ['Ca-K.tif', 'Pb-L.tif', 'photo.tif']
    """
    layers, target = prepare_write(
        data,
        folder,
        overwrite,
        suffixes=(),
        kind="folder of TIFF files",
        obstacle=tiffs_obstacle,
        photo=photo,
        progress=progress,
    )
    warn_dropped(layers, target, mask=True, photo=True)
    with (
        writing(layers.stored(mask=True, photo=True), target, "folder of TIFF files", progress) as layers,
        atomic_write(target, "folder of TIFF files", tiffs_obstacle, overwrite=overwrite) as new,
    ):
        new.mkdir()
        _write_maps(new, layers)
        if layers.scan is not None and "valid" in layers.scan:
            _write_map(new / "mask.tif", layers.scan["valid"].astype(np.float32) * 255, np.uint8)
        if layers.photo is not None and is_colour(layers.photo):
            _write_photo(new / "photo.tif", layers.photo)


def _write_maps(folder: Path, layers: Layers) -> None:
    planes = list(layers.planes())
    if layers.photo is not None and not is_colour(layers.photo):
        planes += band_planes(layers.photo)
    taken: set[str] = set()
    for plane in planes:
        place = folder / DERIVED_FOLDER if plane.role == "derived" else folder
        place.mkdir(exist_ok=True)
        name = re.sub(r"\s*/\s*|[\0-\x1f]", "_", plane.title)
        while (path := place / f"{name}.tif").name.casefold() in taken:
            name += "_"
        if plane.role == "derived":
            taken.add(path.name.casefold())
        _write_map(path, plane.values)


def _write_map(path: Path, map_: xr.DataArray, kind: type[np.float32 | np.uint8] = np.float32) -> None:
    pieces = (values for _, values in iter_strips(map_))
    write_plain_tiff(path, map_.shape, kind, pieces, photometric="minisblack", **_tags(map_))


def _write_photo(path: Path, photo: xr.DataArray) -> None:
    extra: dict[str, Any] = {"extrasamples": ["unassalpha"]} if has_gaps(photo) else {}
    shape = (photo.sizes["y"], photo.sizes["x"], 4 if extra else 3)
    strips = ([*pixels, 255 * shown.astype(np.uint8)][: shape[2]] for _, pixels, shown in iter_rgb(photo))
    pieces = (np.stack(strip, axis=-1) for strip in strips)
    write_plain_tiff(path, shape, np.uint8, pieces, photometric="rgb", **extra, **_tags(photo))


def _tags(array: xr.DataArray) -> dict[str, Any]:
    dy, dx = grid_of(array).spacing
    resolution = {"resolution": (10 / dx, 10 / dy), "resolutionunit": CENTIMETRE}
    return {"metadata": None, "software": SOFTWARE, **resolution}
