"""Writer of a folder of tiled pictures for the viewers of museums: Deep Zoom, or the Image API of IIIF."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.photo import ensure_photo
from xrfsr.errors import InvalidInput, collect_faults, import_optional
from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.common import iter_strips, prepare_write, writing
from xrfsr.io.writers.layers import Layers, Plane, upright
from xrfsr.io.writers.ownership import SOFTWARE
from xrfsr.io.writers.pictures import has_gaps, is_colour, iter_rgb
from xrfsr.io.writers.plain_tiff import write_plain_tiff
from xrfsr.utils.describe import describe
from xrfsr.utils.thumbnails import colour_table, limits

__all__ = ["to_deepzoom"]

LIST = "layers.json"
MISSING = np.float32(-3e38)  # stands for NaN, which vips converts to any number
SAMPLED = 512  # rows and columns of which the colour scale is found
SQUARE = 1e-3  # share by which height and width of a pixel may differ: viewers know one length
TILE, OVERLAP = 512, 1
PHYSICAL = "http://iiif.io/api/annex/services/physdim"


def to_deepzoom(
    data: xr.Dataset | xr.DataArray,
    folder: str | PathLike[str],
    *,
    photo: xr.DataArray | None = None,
    pictures: Mapping[str, xr.DataArray] | None = None,
    iiif: str | None = None,
    progress: bool | None = None,
) -> None:
    """Write every map, and photos, as a pyramid of tiles, for OpenSeadragon, Mirador and other web viewers.

    ``Ca-K.dzi`` with the folder ``Ca-K_files`` is a map in the colours of magma, from zero (or below) to the value that
    0.2 % of the pixels exceed; missing pixels are transparent. Pictures show the painting upright. They contain
    colours, not values: write the values with `to_zarr` or `to_geotiff`. The file ``layers.json`` lists the layers with
    pixel size and position in mm, and the values at both ends of their colours. Lazy maps are
    computed once.

    Parameters
    ----------
    data : Dataset or DataArray
        Scan or result, photo, or a single map such as a ratio; its pixels must be square.
    folder : str or path
        Folder to create. It appears once it is complete. An existing folder is never replaced.
    photo : DataArray, optional
        Photo to write as the layer ``photo``, on any grid, such as the registered one.
    pictures : mapping of str to DataArray, optional
        Further pictures with red, green and blue by the names of their layers, such as
        ``{"false colours": fine.xrfsr.composite(red="Pb-L")}``.
    iiif : str, optional
        Address under which the folder will be published, such as ``"https://museum.org/maps"``. Layers are then written
        for the Image API 3 of IIIF at level 0, as folders ``Ca-K`` with ``info.json``, which has the address.
    progress : bool, optional
        Whether to show what is done; left out, terminals and notebooks show it if it takes a second or more.

    Raises
    ------
    InvalidInput
        If the data or the folder cannot be used, or pyvips is not installed; the message lists every fault.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
    >>> with tempfile.TemporaryDirectory() as place:
    ...     to_deepzoom(scan[["intensity"]], f"{place}/zoom", photo=rgb)
    ...     sorted(path.name for path in Path(place, "zoom").glob("*.*"))
    ['Ca-K.dzi', 'Pb-L.dzi', 'layers.json', 'photo.dzi']
    """
    faults: list[str] = []
    if iiif is not None and not (isinstance(iiif, str) and re.fullmatch(r"https?://[^\s\"'<>]+", iiif)):
        faults.append(f"iiif must be an address such as 'https://museum.org/maps', or None, got {describe(iiif)}")
    vips: Any = None
    with collect_faults(faults):
        vips = import_optional("pyvips", "tiled pictures", "deepzoom")
    found: tuple[Layers, Path] | None = None
    with collect_faults(faults):
        found = prepare_write(
            data, folder, False, suffixes=(), kind="folder of tiled pictures", photo=photo, progress=progress
        )
    shown = _pictures(pictures, faults)
    if found is None or faults:
        raise InvalidInput("folder of tiled pictures", faults)
    layers, target = found
    if layers.photo is not None:
        shown = {"photo": layers.photo, **shown}
    planes = list(layers.planes())
    for name, each in [*((plane.title, plane.values) for plane in planes), *shown.items()]:
        faults += _shape_faults(name, grid_of(each))
    faults += [
        f"the picture {name!r} must have the bands red, green and blue, got {describe(each['band'].values.tolist())}; "
        ".xrfsr.composite(...) makes one of maps, and .sel(band=...) a single band"
        for name, each in shown.items()
        if not is_colour(each)
    ]
    if faults:
        raise InvalidInput("folder of tiled pictures", faults)
    listed: list[dict[str, Any]] = []
    kind = "folder of tiled pictures"
    stored = replace(layers.stored(), photo=None, pictures=shown)
    with writing(stored, target, kind, progress) as layers, atomic_write(target, kind) as new:
        new.mkdir()
        names = _Names()
        for plane in layers.planes():
            listed.append(_write_map(vips, new, names(plane.title), plane, iiif))
        for title, picture in layers.pictures.items():
            listed.append(_write_picture(vips, new, names(title), title, picture, iiif))
        text = json.dumps({"creator": SOFTWARE, "layers": listed}, indent=1, ensure_ascii=False)
        (new / LIST).write_text(text, encoding="utf-8")


def _pictures(pictures: Any, faults: list[str]) -> dict[str, xr.DataArray]:
    """Return checked pictures by their names."""
    if pictures is None:
        return {}
    if not isinstance(pictures, Mapping) or not all(isinstance(name, str) and name.strip() for name in pictures):
        faults.append(f"pictures must map names to pictures, such as {{'photo': rgb}}, got {describe(pictures)}")
        return {}
    made = {}
    for name, each in pictures.items():
        with collect_faults(faults, f"picture {name!r}"):
            made[name] = ensure_photo(each, values=False)
    return made


def _shape_faults(name: str, grid: Grid) -> list[str]:
    dy, dx = grid.spacing
    if abs(dy - dx) <= SQUARE * dx:
        return []
    return [f"pixels of {name!r} must be square, got {dx:.4g} x {dy:.4g} mm (x, y); .xrfsr.resample() makes them so"]


class _Names:
    """Names of files for layers, each of which is given once, whatever the layers are called."""

    def __init__(self) -> None:
        self._taken = {Path(LIST).stem}

    def __call__(self, title: str) -> str:
        name = re.sub(r"[^\w()+.-]+", "_", title).strip("._")[:80] or "layer"
        while name.casefold() in self._taken:
            name += "_"
        self._taken.add(name.casefold())
        return name


def _write_map(vips: Any, folder: Path, name: str, plane: Plane, iiif: str | None) -> dict[str, Any]:
    values = upright(plane.values)
    height, width = values.shape
    steps = [max(1, size // SAMPLED) for size in (height, width)]
    seen: list[NDArray[np.float32]] = []

    def pieces() -> Iterator[NDArray[np.float32]]:
        for rows, part in iter_strips(values):
            seen.append(part[-rows.start % steps[0] :: steps[0], :: steps[1]])
            yield np.where(np.isfinite(part), part, MISSING)

    draft = folder / "draft.tif"
    write_plain_tiff(draft, (height, width), np.float32, pieces(), photometric="minisblack", metadata=None)
    low, high = limits(np.concatenate(seen))
    image = vips.Image.new_from_file(str(draft), access="sequential")
    share = (image - low) * (254 / (high - low))
    number = (share < 0).ifthenelse(1, share.rint() + 1)  # 0 is for what is missing
    number = (image <= MISSING / 2).ifthenelse(0, number).cast("uchar")
    colours = np.full((256, 4), 255, np.uint8)
    colours[:, :3] = colour_table()
    colours[0, 3] = 0
    table = vips.Image.new_from_memory(colours.tobytes(), 256, 1, 4, "uchar")
    _save(number.maplut(table).copy(interpretation="srgb"), folder, name, ".png", iiif, grid_of(values))
    draft.unlink()
    about = {"kind": plane.role, "units": plane.units, "colours": "magma", "black": low, "white": high}
    return _listed(plane.title, name, iiif, grid_of(values)) | about


def _write_picture(
    vips: Any, folder: Path, name: str, title: str, picture: xr.DataArray, iiif: str | None
) -> dict[str, Any]:
    picture = upright(picture)
    gaps = has_gaps(picture)
    shape = (picture.sizes["y"], picture.sizes["x"], 4 if gaps else 3)
    pieces = (
        np.stack([*pixels, *([255 * shown.astype(np.uint8)] if gaps else [])], axis=-1)
        for _, pixels, shown in iter_rgb(picture)
    )
    extra: dict[str, Any] = {"extrasamples": ["unassalpha"]} if gaps else {}
    draft = folder / "draft.tif"
    write_plain_tiff(draft, shape, np.uint8, pieces, photometric="rgb", metadata=None, **extra)
    image = vips.Image.new_from_file(str(draft), access="sequential")
    _save(image, folder, name, ".png" if gaps else ".jpg[Q=90]", iiif, grid_of(picture))
    draft.unlink()
    return _listed(title, name, iiif, grid_of(picture)) | {"kind": "picture"}


def _save(image: Any, folder: Path, name: str, suffix: str, iiif: str | None, grid: Grid) -> None:
    if iiif is None:
        image.dzsave(str(folder / name), suffix=suffix, tile_size=TILE - 2 * OVERLAP, overlap=OVERLAP)
        return
    image.dzsave(str(folder / name), layout="iiif3", suffix=suffix, tile_size=TILE, id=iiif.rstrip("/"))
    file = folder / name / "info.json"
    about = json.loads(file.read_text(encoding="utf-8"))
    # Centimetres for each pixel, as the annex of IIIF on physical dimensions has them.
    scale = {"physicalScale": grid.x.extent / grid.x.size / 10, "physicalUnits": "cm"}
    about["service"] = [{"@context": f"{PHYSICAL}/1/context.json", "profile": PHYSICAL, **scale}]
    if suffix == ".png":
        about["preferredFormats"], about["extraFormats"] = ["png"], ["png"]
    file.write_text(json.dumps(about, indent=1), encoding="utf-8")


def _listed(title: str, name: str, iiif: str | None, grid: Grid) -> dict[str, Any]:
    """Return what the list says of a layer: lengths in mm, (x, y)."""
    (top, _), (left, _) = grid.y.edges, grid.x.edges
    return {
        "title": title,
        "file": f"{name}.dzi" if iiif is None else f"{name}/info.json",
        "pixels": [grid.x.size, grid.y.size],
        "pixel_mm": grid.x.extent / grid.x.size,
        "pixels_per_metre": 1000 * grid.x.size / grid.x.extent,
        "left_top_mm": [left, top],
        "size_mm": [grid.x.extent, grid.y.extent],
    }
