"""One TIFF for each map: plain numbers at the resolution they have, without axes, frames or colours."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import grid_of
from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.common import iter_strips, prepare_write, warn_dropped

__all__ = ["to_tiffs"]

CENTIMETRE = 3


def to_tiffs(scan: xr.Dataset | xr.DataArray, folder: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write a folder with one TIFF per map, for ImageJ, GIMP, Photoshop, PyMca and whatever else shows pictures.

    ``Ca-K.tif`` holds the numbers of the map as float32, one for each pixel, NaN where there is none; beside it
    ``s(Ca-K).tif`` the uncertainty and ``mask.tif`` what is valid (255) or not (0), where the scan has them. Row 0 is
    the first row of the scan. Pixels per centimetre are told in the tags for resolution; `xrfsr.open_scan` asks for the
    pixel size nevertheless, because many programs write there what they please.

    Parameters
    ----------
    scan : Dataset or DataArray
        A scan or a result.
    folder : str or path
        The folder to make; it appears when it is complete.
    overwrite : bool
        Replace an existing folder, with all that is in it.

    Raises
    ------
    InvalidInput
        Naming every fault of scan and folder.

    Warns
    -----
    UserWarning
        Naming what the format has no place for: further variables and coordinates.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> with tempfile.TemporaryDirectory() as place:
    ...     to_tiffs(scan[["intensity"]].drop_vars(["visible", "visible_share"]), f"{place}/maps")
    ...     sorted(file.name for file in Path(place, "maps").iterdir())
    ['Ca-K.tif', 'Pb-L.tif']
    """
    ready, target = prepare_write(scan, folder, overwrite, suffixes=(), kind="folder of TIFF files")
    spacing = grid_of(ready).spacing
    warn_dropped(ready, target)
    with atomic_write(target, "folder of TIFF files") as new:
        new.mkdir()
        for number, label in enumerate(str(one) for one in ready["line"].values):
            name = label.replace("/", "_")
            _write(new / f"{name}.tif", ready["intensity"].isel(line=number), spacing)
            if "uncertainty" in ready:
                _write(new / f"s({name}).tif", ready["uncertainty"].isel(line=number), spacing)
        if "valid" in ready:
            _write(new / "mask.tif", ready["valid"].astype(np.float32) * 255, spacing, np.uint8)


def _write(
    path: Path, maps: xr.DataArray, spacing: tuple[float, float], kind: type[np.float32 | np.uint8] = np.float32
) -> None:
    import tifffile

    dtype = np.dtype(kind)
    height, width = maps.sizes["y"], maps.sizes["x"]
    dy, dx = spacing
    # Laid out first and filled strip by strip, so that a lazy map is never whole in memory.
    file = tifffile.memmap(
        path,
        shape=(height, width),
        dtype=dtype,
        photometric="minisblack",
        resolution=(10 / dx, 10 / dy),
        resolutionunit=CENTIMETRE,
        metadata=None,
        bigtiff=height * width * dtype.itemsize >= 2**32 - 2**20,
    )
    for rows, values in iter_strips(maps):
        file[rows] = values.astype(dtype)
    file.flush()
