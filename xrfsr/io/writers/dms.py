"""Writer of Datamuncher's ``.dms``: two lines of text, float32 maps one after the other, then their names."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from xrfsr.core.lines import try_parse
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.common import iter_strips, prepare_write, warn_dropped, writing
from xrfsr.io.writers.layers import Layers, Plane, upright

__all__ = ["dms_names", "dms_planes", "to_dms", "write_dms"]


def to_dms(data: xr.Dataset | xr.DataArray, path: str | PathLike[str]) -> None:
    """Write maps to a ``.dms`` file for Datamuncher and XRF-Explorer.

    Maps are float32 from the top left of the painting, with NaN for missing pixels, and named like ``Ca K``. Further
    maps (y, x), such as ratios, follow under their ``long_name`` or the name of their variable. `xrfsr.open_scan` reads
    the element maps back; the format stores neither pixel size nor units. Lazy maps are computed once, and written
    strip by strip.

    Parameters
    ----------
    data : Dataset or DataArray
        Scan or result, or a single map such as a ratio.
    path : str or path
        File to write, ending in ``.dms``. It appears once it is complete. An existing file is never replaced, because
        the format has no place for a mark by which xrfsr could know its own files.

    Raises
    ------
    InvalidInput
        If the data or the path cannot be used, such as a photo, which the format cannot store; the message lists every
        fault.

    Warns
    -----
    UserWarning
        If the scan has uncertainties, a mask, or variables of other dimensions, which the format cannot store.

    See Also
    --------
    to_xrf_explorer : Write a workspace with maps and photo.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_dms(scan[["intensity"]].drop_vars(["visible", "visible_share"]), f"{folder}/maps.dms")
    ...     xrfsr.open_scan(f"{folder}/maps.dms", pixel_size="1 mm").line.values.tolist()
    ['Ca-K', 'Pb-L']
    """
    layers, target = prepare_write(data, path, False, suffixes=(".dms",), kind=".dms file")
    if not dms_planes(layers):
        raise InvalidInput(
            f".dms file '{target}'",
            ["a .dms file holds maps, got a photo; write it with to_geotiff, or with its maps with to_xrf_explorer"],
        )
    warn_dropped(layers, target, uncertainty=False)
    stored = layers.stored(uncertainty=False)
    with writing(stored, target, ".dms file", False) as layers, atomic_write(target, ".dms file") as new:
        write_dms(new, dms_planes(layers))


def dms_planes(layers: Layers) -> list[Plane]:
    """Return the maps that the format can store."""
    return list(layers.planes("intensity", "derived"))


def write_dms(path: Path, planes: Sequence[Plane], *, missing: float = np.nan) -> bool:
    """Write maps, with a value for missing pixels, and return whether there are such pixels."""
    gaps = False
    height, width = planes[0].values.shape
    with path.open("xb") as file:
        file.write(f"2\n{width} {height} {len(planes)}\n".encode("ascii"))
        for plane in planes:
            for _, values in iter_strips(upright(plane.values)):
                absent = np.isnan(values)
                gaps = gaps or bool(absent.any())
                file.write(np.where(absent, np.float32(missing), values).astype("<f4").tobytes())
        file.write("\n".join(dms_names(planes)).encode())
    return gaps


def dms_names(planes: Sequence[Plane]) -> list[str]:
    """Return the names of maps as Datamuncher spells them: ``Ca K`` and ``Pb La``."""
    names = []
    for plane in planes:
        spaced = plane.name.replace("-", " ")
        same = plane.role == "intensity" and (line := try_parse(spaced)) and line.label == plane.name
        names.append(spaced if same else " ".join(plane.name.split()))
    return names
