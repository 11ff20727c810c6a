"""Writer of GeoTIFF: one file with a named band per map, in a local coordinate system in millimetres."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import grid_of
from xrfsr.io.raster import open_raster
from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.common import STANDARD_VARIABLES, iter_strips, prepare_write, warn_dropped
from xrfsr.io.writers.ownership import SOFTWARE, tiff_obstacle

__all__ = ["to_geotiff"]

# A local system, because a painting has no position on Earth: programs then show millimetres and do not warp.
CRS = 'LOCAL_CS["painting",UNIT["millimetre",0.001]]'
BLOCK = 256


def to_geotiff(scan: xr.Dataset | xr.DataArray, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write one GeoTIFF with a band per map, for GIS programs, GDAL and rasterio.

    Bands are named after their lines, and uncertainties ``s(Ca-K)``. They are tiled float32 with NaN for missing
    pixels, the units of the maps, and coordinates in mm. `xrfsr.open_scan` reads the file back without a pixel size.
    Lazy maps are computed and written strip by strip.

    Parameters
    ----------
    scan : Dataset or DataArray
        Scan or result to write.
    path : str or path
        File to write, ending in ``.tif`` or ``.tiff``. It appears once it is complete.
    overwrite : bool
        Whether to replace an existing file that this function wrote; any other is never replaced.

    Raises
    ------
    InvalidInput
        If the scan or the path cannot be used; the message lists every fault.

    Warns
    -----
    UserWarning
        If the scan has a mask or further variables or coordinates, which the format cannot store.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_geotiff(scan[["intensity"]].drop_vars(["visible", "visible_share"]), f"{folder}/maps.tif")
    ...     xrfsr.open_scan(f"{folder}/maps.tif").line.values.tolist()
    ['Ca-K', 'Pb-L']
    """
    import rasterio
    import rioxarray  # noqa: F401 - gives xarray objects their .rio

    ready, target = prepare_write(
        scan, path, overwrite, suffixes=(".tif", ".tiff"), kind="GeoTIFF", obstacle=tiff_obstacle
    )
    grid = grid_of(ready)
    stacks = [name for name in ("intensity", "uncertainty") if name in ready]
    names = {name: [str(label) for label in ready["line"].values] for name in stacks}
    bands = [(name, number) for name in stacks for number in range(ready.sizes["line"])]
    placed = ready["intensity"].rio.set_spatial_dims("x", "y").rio.write_crs(CRS)
    profile = {
        "driver": "GTiff",
        "count": len(bands),
        "height": grid.shape[0],
        "width": grid.shape[1],
        "dtype": "float32",
        "nodata": np.nan,
        "crs": placed.rio.crs,
        "transform": placed.rio.transform(recalc=True),
        "compress": "deflate",
        "predictor": 3,
        "interleave": "band",
        "BIGTIFF": "IF_SAFER",
    }
    if min(grid.shape) >= BLOCK:
        profile |= {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK}
    warn_dropped(ready, target, STANDARD_VARIABLES - {"valid"})
    # By default, GDAL would use a twentieth of all memory as write cache.
    with (
        atomic_write(target, "GeoTIFF", tiff_obstacle, overwrite=overwrite) as new,
        rasterio.Env(GDAL_CACHEMAX=64 << 20),
    ):
        _write(new, profile, ready, bands, names)
        if not is_complete(new):
            raise OSError("no space left: the file is incomplete")


def _write(
    path: Path, profile: dict[str, Any], ready: xr.Dataset, bands: list[tuple[str, int]], names: dict[str, list[str]]
) -> None:
    from rasterio.windows import Window

    with _created(path, profile) as file:
        file.update_tags(TIFFTAG_SOFTWARE=SOFTWARE)
        for band, (name, number) in enumerate(bands, start=1):
            label = names[name][number]
            file.set_band_description(band, label if name == "intensity" else f"s({label})")
            file.set_band_unit(band, ready[name].attrs["units"])
            for rows, values in iter_strips(ready[name].isel(line=number)):
                window = Window(0, rows.start, values.shape[1], rows.stop - rows.start)
                file.write(values, band, window=window)


def _created(path: Path, profile: dict[str, Any]) -> Any:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        # For pixels of 1 mm at the origin the transform is the identity; GDAL stores it, but warns.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, "w", **profile)


def is_complete(path: Path) -> bool:
    """Return whether a TIFF contains all blocks of all bands, because GDAL does not report a full disk."""
    size = path.stat().st_size
    with open_raster(path) as source:
        for band in source.indexes:
            for (row, column), _ in source.block_windows(band):
                offset = source.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=band)
                length = source.get_tag_item(f"BLOCK_SIZE_{column}_{row}", "TIFF", bidx=band)
                if offset is None or length is None or int(offset) + int(length) > size:
                    return False
    return True
