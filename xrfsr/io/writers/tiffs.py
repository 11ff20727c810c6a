"""Writer of a folder with one TIFF per map: plain values at full resolution, without axes, frames or colours."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import grid_of
from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.common import iter_strips, prepare_write, warn_dropped
from xrfsr.io.writers.ownership import SOFTWARE, tiffs_obstacle

__all__ = ["to_tiffs"]

CENTIMETRE = 3


def to_tiffs(scan: xr.Dataset | xr.DataArray, folder: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write a folder with one TIFF per map, for ImageJ, GIMP, Photoshop, PyMca and other image programs.

    ``Ca-K.tif`` contains the values of the map as float32, with NaN for missing pixels. If the scan has them, the
    uncertainty is written to ``s(Ca-K).tif``, and the mask to ``mask.tif`` (255 for valid pixels, otherwise 0). Row 0
    is the first row of the scan. The resolution tags hold the pixels per centimetre, but `xrfsr.open_scan` still needs
    the pixel size, because many programs write arbitrary values there.

    Parameters
    ----------
    scan : Dataset or DataArray
        Scan or result to write.
    folder : str or path
        Folder to create. It appears once it is complete.
    overwrite : bool
        Whether to replace an existing folder, if this function wrote all that is in it.

    Raises
    ------
    InvalidInput
        If the scan or the folder cannot be used; the message lists every fault.

    Warns
    -----
    UserWarning
        If the scan has further variables or coordinates, which the format cannot store.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> with tempfile.TemporaryDirectory() as place:
    ...     to_tiffs(scan[["intensity"]].drop_vars(["visible", "visible_share"]), f"{place}/maps")
    ...     sorted(file.name for file in Path(place, "maps").iterdir())
    ['Ca-K.tif', 'Pb-L.tif']
    """
    ready, target = prepare_write(
        scan, folder, overwrite, suffixes=(), kind="folder of TIFF files", obstacle=tiffs_obstacle
    )
    spacing = grid_of(ready).spacing
    warn_dropped(ready, target)
    with atomic_write(target, "folder of TIFF files", tiffs_obstacle, overwrite=overwrite) as new:
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
    # Allocate the file first and fill it strip by strip, so that a lazy map is never in memory as a whole.
    file = tifffile.memmap(
        path,
        shape=(height, width),
        dtype=dtype,
        photometric="minisblack",
        resolution=(10 / dx, 10 / dy),
        resolutionunit=CENTIMETRE,
        metadata=None,
        software=SOFTWARE,
        bigtiff=height * width * dtype.itemsize >= 2**32 - 2**20,
    )
    for rows, values in iter_strips(maps):
        file[rows] = values.astype(dtype)
    file.flush()
