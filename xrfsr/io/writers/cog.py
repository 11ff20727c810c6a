"""Cloud-Optimized GeoTIFF: a draft is written strip by strip, and GDAL's own driver copies it to the final layout."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xrfsr.core.grid import Grid
from xrfsr.io.georeference import CRS, placement
from xrfsr.io.raster import open_raster
from xrfsr.io.writers.ownership import SOFTWARE

__all__ = ["open_cog"]

BLOCK = 256
# By default, GDAL would use a twentieth of all memory as cache.
CACHE_BYTES = 64 << 20
BAND_INTERLEAVED_SINCE = (3, 11)  # release of GDAL; before, the bands of a block are always stored together


@contextmanager
def open_cog(path: Path, grid: Grid, **profile: Any) -> Iterator[Any]:
    """Yield a raster to fill; it is at `path` in its final layout once the block succeeds.

    Parameters
    ----------
    path : Path
        File to write, in a folder of its own, where the draft is written, too.
    grid : Grid
        Positions of the pixels. Rows and columns have to be written in ascending order of `y` and `x`.
    **profile
        Further items of rasterio's profile, such as ``count`` and ``dtype``.

    Raises
    ------
    OSError
        If the disk is full, which GDAL does not report.
    """
    import rasterio
    from rasterio.shutil import copy

    draft = path.with_name("draft")
    transform, tags = placement(grid)
    height, width = grid.shape
    shape: dict[str, Any] = {"driver": "GTiff", "interleave": "band", "BIGTIFF": "IF_SAFER"}
    shape |= {"height": height, "width": width, "transform": transform, "crs": CRS}
    if min(grid.shape) >= BLOCK:
        shape |= {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK}
    options = {"compress": "deflate", "predictor": "yes", "blocksize": BLOCK, "overview_resampling": "average"}
    if _gdal_release() >= BAND_INTERLEAVED_SINCE:
        # Maps are read one by one, the colours of a photo together.
        options["interleave"] = "pixel" if profile.get("photometric") == "RGB" else "band"
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES, GDAL_TIFF_INTERNAL_MASK=True, GDAL_PAM_ENABLED=False):
        with _created(draft, shape | profile) as file:
            file.update_tags(TIFFTAG_SOFTWARE=SOFTWARE, **tags)
            yield file
        _check_complete(draft)
        copy(draft, path, driver="COG", bigtiff="IF_SAFER", **options)
        _check_complete(path)
    draft.unlink()


def _gdal_release() -> tuple[int, ...]:
    import rasterio

    return tuple(map(int, rasterio.__gdal_version__.split(".")[:2]))


def _created(path: Path, profile: dict[str, Any]) -> Any:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, "w", **profile)


def _check_complete(path: Path) -> None:
    """Raise OSError unless a TIFF contains all blocks of all bands, because GDAL does not report a full disk."""
    size = path.stat().st_size
    with open_raster(path) as source:
        for band in source.indexes:
            for (row, column), _ in source.block_windows(band):
                offset = source.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=band)
                length = source.get_tag_item(f"BLOCK_SIZE_{column}_{row}", "TIFF", bidx=band)
                if offset is None or length is None or int(offset) + int(length) > size:
                    raise OSError("no space left: the file is incomplete")
