"""Reader of a TIFF file with several maps: pages (PyMca, ImageJ and others) or bands (GeoTIFF)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrfsr.core.grid import Grid
from xrfsr.core.provenance import known_method, known_record
from xrfsr.errors import InvalidInput
from xrfsr.io.display import white_of
from xrfsr.io.georeference import DERIVED, ROLE, grid_of_raster, turn_problem
from xrfsr.io.imagej import METHOD_NOTE, UNITS_NOTE, calibrated_grid, note
from xrfsr.io.partial import partial_source
from xrfsr.io.raster import Header, Raster, open_raster, read_header, read_raster
from xrfsr.io.readers.ome import read_ome
from xrfsr.io.readers.page_names import names_of_maps, page_names
from xrfsr.io.selection import select_columns
from xrfsr.io.source import ReadOptions, ScanDescription
from xrfsr.utils.describe import listing

__all__ = ["Georeference", "TiffMaps", "describe", "georeference", "map_problem", "white_of_map"]

OPTIONS = frozenset({"quantity"})
MIN_TILE = 128


@dataclass(frozen=True, slots=True)
class TiffMaps:
    """Maps in TIFF files.

    Attributes
    ----------
    locations : tuple of (Path, str or None, int)
        File, page (None for the first) and band (from 0) of each map.
    mask : bool
        Whether the maps are masks. In a mask the displayed colours count, and a pixel is zero only if it is black in
        every band.
    reversed : (bool, bool)
        Whether rows and columns of the scan have the opposite order of those in the files.
    shape : (int, int)
        Number of rows and columns, if one of them is reversed.
    """

    locations: tuple[tuple[Path, str | None, int], ...]
    mask: bool = False
    reversed: tuple[bool, bool] = (False, False)
    shape: tuple[int, int] = (0, 0)

    def read(self, maps: Sequence[int], y: slice, x: slice) -> NDArray[Any]:
        """Read a window of some maps, with NaN for "no data"; see `xrfsr.io.source.Source`."""
        sides = zip((y, x), self.reversed, self.shape, strict=True)
        stored_y, stored_x = (_reverse(side, size) if back else side for side, back, size in sides)
        windows: list[NDArray[Any]] = []
        decoded: tuple[Path, str | None] | None = None
        for path, page, band in (self.locations[number] for number in maps):
            if decoded != (path, page):  # bands of one page are decoded together
                raster, decoded = read_raster(path, page, (stored_y, stored_x)), (path, page)
            windows.append(self._one(raster, band))
        return np.stack(windows)[:, *(slice(None, None, -1 if back else 1) for back in self.reversed)]

    def _one(self, raster: Raster, band: int) -> NDArray[Any]:
        if self.mask:
            valid = np.any((raster.visible != 0) & (raster.visible == raster.visible), axis=0)
            return np.asarray(valid if raster.missing is None else valid & ~raster.missing, np.uint8)
        with np.errstate(over="ignore"):
            stored, (factor, shift) = raster.pixels[band], raster.header.scalings[band]
            scaled = stored if (factor, shift) == (1, 0) else stored * np.float64(factor) + shift
            pixels: NDArray[np.float32] = scaled.astype(np.float32)
        missing = raster.missing_in(band)
        if missing is not None:
            pixels[missing] = np.nan
        return pixels


class Georeference(NamedTuple):
    """Position of the maps in a file, and what else it says of all of them.

    Attributes
    ----------
    grid : Grid or None
        Positions, if the file has them in mm.
    problem : str
        Why they cannot be used.
    reversed : (bool, bool)
        Whether rows and columns have the opposite order in the scan.
    units : str or None
        Units of the values.
    tile : (int, int) or None
        Shape of the blocks, if they are large enough.
    record : dict
        Attributes that record how `superresolve` made the maps; empty if it did not.
    """

    grid: Grid | None
    problem: str
    reversed: tuple[bool, bool]
    units: str | None
    tile: tuple[int, int] | None
    record: dict[str, str | int | float]


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the pages or bands of one TIFF file by the names stored in it.

    The name of a page is its title (PageName or ImageDescription, also ``Title=Fe_Ka`` of PyMca), its ImageJ label or
    its channel in OME; the name of a band is its description (GDAL).

    Raises
    ------
    InvalidInput
        If names are missing, pages differ in shape, or a name is not a known line.
    """
    faults: list[str] = []
    header = read_header(path)
    derived: list[str] = []
    if header.pages:
        locations: list[tuple[Path, str | None, int]] = [(path, page, 0) for page in header.pages]
        headers = [read_header(path, page) for page in header.pages]
        names = page_names(path, [int(page.split(":")[1]) - 1 for page in header.pages])
    else:
        locations = [(path, None, band) for band in range(len(header.bands))]
        headers = [header] * len(locations)
        names, derived = _band_names(path)
        if len(names) == 1 and not any(names):
            names = page_names(path, [0])
    ome = read_ome(path) if not any(names) else None
    if ome:
        names = [ome.names.get(number, "") for number in range(len(locations))]
    if derived and not any(names):
        raise InvalidInput("file", [f"'{path}' has no element maps, only {listing(derived)}; read it with rasterio"])
    if not any(names):
        raise InvalidInput("file", [_nameless(path, len(locations), "pages" if header.pages else "bands")])
    names = names_of_maps(names, options.lines, path, faults)
    columns = select_columns(names, options, path, faults)
    used = [*columns.maps, *(position for position in columns.uncertainties if position is not None)]
    for position in used:
        if problem := map_problem(headers[position], bands=1 if header.pages else len(locations)):
            faults.append(f"{names[position]!r} in '{path}' {problem}")
    if len({headers[position].shape for position in used}) > 1:
        listed = ", ".join(f"{names[position]} {headers[position].shape}" for position in used)
        faults.append(f"the pages of '{path}' differ in shape: {listed}; select some with lines=[...]")
    if faults:
        raise InvalidInput("file", faults)
    place = georeference(path)
    shape = headers[used[0]].shape
    grid = ome.grid(shape) if ome and place.grid is None else place.grid

    def source(positions: Sequence[int]) -> TiffMaps:
        return TiffMaps(tuple(locations[position] for position in positions), reversed=place.reversed, shape=shape)

    ignored = (f"'{path}' also has {listing(derived)}, which are ignored; read them with rasterio",) if derived else ()
    return ScanDescription(
        names=columns.names,
        shape=shape,
        intensity=source(columns.maps),
        uncertainty=partial_source(source, columns.uncertainties, shape),
        units=columns.units or place.units,
        grid=grid,
        grid_problem=place.problem,
        tile=place.tile if header.orientation == 1 else None,
        attrs=place.record,
        warnings=(*columns.warnings, *ignored),
        whites=tuple(white_of_map(headers[position], locations[position][2]) for position in columns.maps),
    )


def white_of_map(header: Header, band: int = 0) -> int:
    """Return the largest number that a band can hold as `white_of` does, or 0 if its numbers are scaled."""
    return white_of(header.dtype, header.white) if header.scalings[band] == (1, 0) else 0


def map_problem(header: Header, *, bands: int = 1, mask: bool = False) -> str | None:
    """Return why a picture is not a map (or a mask), or None."""
    # A grey picture may say by opacity where it has no value.
    if len(header.bands) != bands and not (bands == 1 and header.bands == ("gray", "alpha")):
        listed = ", ".join(header.bands)
        return f"has the bands {listed}; expected one grey map per file: export the plain values"
    if header.dtype.startswith("complex"):
        return f"contains {header.dtype} values; expected integers or real numbers: export the plain values"
    if header.unwritten:
        return (
            f"lacks {header.unwritten} of its blocks and declares no value for 'no data', so they would be zero: it "
            "was not written completely; export it again"
        )
    if mask:
        return None
    if header.palette is not None:
        return "is a false-colour picture (palette); export the plain values"
    for factor, shift in header.scalings:
        if factor == 0 or not math.isfinite(factor) or not math.isfinite(shift):
            return f"declares the scale {factor:g} and the offset {shift:g} for its values; export the plain values"
    if header.inverted:
        # Programs disagree whether the stored or the displayed values count; a guess might invert the map.
        return (
            "declares that zero is white (MinIsWhite), so it is unclear whether the stored or the displayed values "
            "count; save it with zero as black (MinIsBlack)"
        )
    return None


def _band_names(path: Path) -> tuple[list[str], list[str]]:
    """Return the name of each band, empty for maps derived from others, and the names of the latter."""
    with open_raster(path) as source:
        names = [(description or "").strip() for description in source.descriptions]
        roles = [source.tags(band).get(ROLE) for band in source.indexes]
    derived = [name for name, role in zip(names, roles, strict=True) if role == DERIVED]
    return ["" if role == DERIVED else name for name, role in zip(names, roles, strict=True)], derived


def _nameless(path: Path, count: int, what: str) -> str:
    if count == 1:
        return (
            f"'{path}' is one map without a name; name each file after its line, such as 'Ca-K.tif', and pass the "
            "folder that contains them"
        )
    return (
        f"the {count} {what} of '{path}' have no names, so their lines are unknown; read the values and name them: "
        f"xrfsr.as_scan(tifffile.imread('{path}'), lines=[...], pixel_size=...)"
    )


def georeference(path: Path) -> Georeference:
    """Return where the maps of a file lie, and what else it says of all of them."""
    with open_raster(path) as source:
        units = next((unit for unit in source.units if unit), None)
        rows, columns = source.block_shapes[0]
        grid, turned = grid_of_raster(source)
        problem, call = turn_problem(source, path)
        shape = source.shape
        record = known_record({name.lower(): text for name, text in source.tags().items()})
    if grid is None:
        grid, noted, said = _imagej(path, shape)
        units, record = units or noted, record or known_method(said)
    if problem:
        problem += ", or pass pixel_size=... to read its rows as they are" + (
            f", and turn the maps: scan.xrfsr.{call}" if call else ""
        )
    # Strips of a few rows would make thousands of chunks, so such maps are read whole.
    return Georeference(
        grid, problem, turned, units, (rows, columns) if min(rows, columns) >= MIN_TILE else None, record
    )


def _imagej(path: Path, shape: tuple[int, int]) -> tuple[Grid | None, str | None, str | None]:
    """Return the grid, the units and the method of a file of ImageJ, so far as it has them."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        metadata, tags = file.imagej_metadata or {}, file.pages.first.tags
        resolution = [tags[name].value if name in tags else (0, 0) for name in ("XResolution", "YResolution")]
    grid = calibrated_grid(metadata, (resolution[0], resolution[1]), shape)
    return grid, note(metadata, UNITS_NOTE), note(metadata, METHOD_NOTE)


def _reverse(side: slice, size: int) -> slice:
    """Return the cells of a reversed axis that are those of a slice with a positive step, in ascending order."""
    cells = range(size)[side]
    return slice(size - 1 - cells[-1], size - cells[0], cells.step)
