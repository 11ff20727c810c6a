"""Writer of a workspace for XRF-Explorer: maps, photo, and the control points that lay one on the other."""

from __future__ import annotations

import json
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.errors import InvalidInput, warn
from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.common import prepare_write, warn_dropped, writing
from xrfsr.io.writers.dms import dms_names, dms_planes, write_dms
from xrfsr.io.writers.layers import Layers, Plane, upright
from xrfsr.io.writers.ownership import SOFTWARE, WORKSPACE, file_digest, workspace_obstacle
from xrfsr.io.writers.pictures import has_gaps, is_colour, iter_rgb

__all__ = ["to_xrf_explorer"]

MAPS, PHOTO, RECIPE = "maps.dms", "photo.png", "recipe.csv"
# The head of a file of the Butterfly Registrator, from which XRF-Explorer takes the last four lines.
HEAD = """Butterfly Registrator
1.0
control points
Assumes moving image(s) resized and padded to match target image dimensions
target
{photo}
moving
{maps}
x|y|x|y
"""


def to_xrf_explorer(
    data: xr.Dataset | xr.DataArray,
    folder: str | PathLike[str],
    *,
    photo: xr.DataArray | None = None,
    overwrite: bool = False,
) -> None:
    """Write a workspace for XRF-Explorer: a folder to copy into its folder of data sources.

    It has ``workspace.json``, the maps in ``maps.dms``, the photo in ``photo.png`` as the base image, and
    ``recipe.csv`` with the control points by which XRF-Explorer aligns the maps with the photo. They are computed from
    the millimetres of both, which may have different grids. Maps are those of `to_dms`, with zero for missing pixels,
    for which XRF-Explorer has no value; missing pixels of the photo are transparent. `xrfsr.open_scan` reads
    ``maps.dms``.

    Parameters
    ----------
    data : Dataset or DataArray
        Scan or result, which may hold the photo as variable `rgb`.
    folder : str or path
        Folder to create; its name is that of the data source. It appears once it is complete.
    photo : DataArray
        Photo with red, green and blue, on any grid, such as the registered one.
    overwrite : bool
        Whether to replace an existing folder that this function wrote. Once XRF-Explorer has added files to it, it is
        not replaced.

    Raises
    ------
    InvalidInput
        If the data or the folder cannot be used, or there is no photo; the message lists every fault.

    Warns
    -----
    UserWarning
        If the scan has uncertainties, a mask, missing pixels, or variables of other dimensions.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> with tempfile.TemporaryDirectory() as place:
    ...     to_xrf_explorer(scan[["intensity"]].drop_vars(["visible", "visible_share"]), f"{place}/portrait", photo=rgb)
    ...     sorted(file.name for file in Path(place, "portrait").iterdir())
    ['maps.dms', 'photo.png', 'recipe.csv', 'workspace.json']
    """
    kind = "XRF-Explorer workspace"
    layers, target = prepare_write(
        data, folder, overwrite, suffixes=(), kind=kind, obstacle=workspace_obstacle, photo=photo
    )
    picture = _colour_photo(layers, f"{kind} '{target}'")
    warn_dropped(layers, target, uncertainty=False, photo=True)
    stored = replace(layers.stored(uncertainty=False), photo=None, pictures={PHOTO: picture})
    with (
        writing(stored, target, kind, False) as layers,
        atomic_write(target, kind, workspace_obstacle, overwrite=overwrite) as new,
    ):
        new.mkdir()
        planes, picture = dms_planes(layers), layers.pictures[PHOTO]
        gaps = write_dms(new / MAPS, planes, missing=0.0)
        _write_png(new / PHOTO, picture)
        (new / RECIPE).write_text(_recipe(layers.grid, grid_of(picture)), encoding="ascii")
        workspace = _workspace(target.name, planes)
        workspace["files"] = {name: file_digest(new / name) for name in (MAPS, PHOTO, RECIPE)}
        content = json.dumps(workspace, indent=4, ensure_ascii=False)
        (new / WORKSPACE).write_text(content, encoding="utf-8")
    if gaps:
        warn(f"missing pixels are zero in '{target}', because XRF-Explorer has no value for them")


def _colour_photo(layers: Layers, what: str) -> xr.DataArray:
    faults = []
    if layers.scan is None:
        faults.append("a workspace needs element maps; pass a scan, and the photo as photo=rgb")
    if layers.photo is None:
        faults.append("a workspace needs a photo as its base image; pass photo=rgb, such as the registered one")
    elif not is_colour(layers.photo):
        names = ", ".join(str(name) for name in layers.photo["band"].values)
        faults.append(f"the photo must have the bands red, green and blue, got {names}; pass such a photo")
    if faults or layers.photo is None:
        raise InvalidInput(what, faults)
    return upright(layers.photo)


def _write_png(path: Path, photo: xr.DataArray) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    transparent = has_gaps(photo)
    pixels = np.empty((photo.sizes["y"], photo.sizes["x"], 3 + transparent), np.uint8)
    for rows, colours, shown in iter_rgb(photo):
        pixels[rows, :, :3] = np.moveaxis(colours, 0, -1)
        if transparent:
            pixels[rows, :, 3] = 255 * shown
    mark = PngInfo()
    mark.add_text("Software", SOFTWARE)
    Image.fromarray(pixels).save(path, "PNG", pnginfo=mark)


def _recipe(maps: Grid, photo: Grid) -> str:
    """Return the control points: corners of the maps in pixels of the photo, and where XRF-Explorer finds them.

    It first scales the maps, with one factor for both directions, until they fill the photo in one direction.
    """
    (height, width), (photo_height, photo_width) = maps.shape, photo.shape
    factor = min(photo_width / width, photo_height / height)
    dy, dx = photo.spacing
    columns = [((edge - photo.x.edges[0]) / dx, moving) for edge, moving in zip(maps.x.edges, (0, width), strict=True)]
    rows = [((edge - photo.y.edges[0]) / dy, moving) for edge, moving in zip(maps.y.edges, (0, height), strict=True)]
    points = [(x, y, factor * column, factor * row) for x, column in columns for y, row in rows]
    lines = ["|".join(repr(round(float(value), 6)) for value in point) for point in points]
    return HEAD.format(photo=PHOTO, maps=MAPS) + "\n".join(lines) + "\n"


def _workspace(name: str, planes: list[Plane]) -> dict[str, Any]:
    channels = [{"name": label, "channel": number, "enabled": True} for number, label in enumerate(dms_names(planes))]
    cube = {"name": "Element maps", "fileType": "dms", "dataLocation": MAPS, "recipeLocation": RECIPE}
    return {
        "name": name,
        "baseImage": {"name": "Photo", "imageLocation": PHOTO, "recipeLocation": ""},
        "contextualImages": [],
        "spectralCubes": [],
        "elementalCubes": [cube],
        "elementalChannels": channels,
        "spectralParams": {"low": 0, "high": 40, "binSize": 40 / 4096, "binned": False},
        "creator": SOFTWARE,
    }
