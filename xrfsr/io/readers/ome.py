"""Names of channels and pixel size in the header of an OME-TIFF, which microscopes and QuPath write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from xrfsr.core.grid import Grid
from xrfsr.core.units import in_mm, mm_per
from xrfsr.errors import InvalidInput

__all__ = ["OmeHeader", "parse_ome", "read_ome"]

MAX_BYTES, MAX_PAGES = 1 << 24, 10_000
MICROMETRE = "µm"  # the unit where the header names none


@dataclass(frozen=True, slots=True)
class OmeHeader:
    """What the header of an OME-TIFF says about its pages.

    Attributes
    ----------
    names : dict of int to str
        Name of the channel of each page, counted from 0.
    spacing : (float, float) or None
        Height and width of a pixel in mm, if both are stored.
    """

    names: Mapping[int, str]
    spacing: tuple[float, float] | None = None

    def grid(self, shape: tuple[int, int]) -> Grid | None:
        """Return the grid of a page."""
        return None if self.spacing is None else Grid.from_shape(shape, self.spacing)


def read_ome(path: Path) -> OmeHeader | None:
    """Return the header of an OME-TIFF; None if the file is none.

    Raises
    ------
    InvalidInput
        If it declares several depths or times of a channel.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        text = file.pages[0].description if file.is_ome else ""  # type: ignore[union-attr]  # a page, not a frame
    return parse_ome(text, path) if text else None


def parse_ome(text: str, path: Path) -> OmeHeader | None:
    """Return the header of an OME-TIFF from its XML; None if it cannot be understood.

    Parameters
    ----------
    text : str
        Description of the first page.
    path : Path
        File, for messages, and because pages of other files of a set do not count.

    Raises
    ------
    InvalidInput
        If it declares several depths or times of a channel.
    """
    # Entities of a document type may expand without a limit; OME has none.
    if len(text) > MAX_BYTES or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        root = ElementTree.fromstring(text)
        names: dict[int, str] = {}
        spacings = set()
        for image in _all(root, "Image"):
            for pixels in _all(image, "Pixels"):
                names.update(_names(pixels, image.get("Name", ""), path, max(names, default=-1) + 1))
                spacings.add(_spacing(pixels))
    except InvalidInput:
        raise
    except (ElementTree.ParseError, KeyError, ValueError):
        return None
    return OmeHeader(names, spacings.pop() if len(spacings) == 1 else None)


def _all(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Yield the children of a name, in the namespace of any version."""
    return (child for child in element if child.tag.rpartition("}")[2] == name)


def _names(pixels: ElementTree.Element, image: str, path: Path, first: int) -> dict[int, str]:
    """Return the name of each page of an image, of which the first is page `first` unless it is said."""
    sizes = {letter: int(pixels.get(f"Size{letter}", "1")) for letter in "CZT"}
    if not 0 < sizes["C"] * sizes["Z"] * sizes["T"] <= MAX_PAGES:
        raise ValueError(sizes)
    if sizes["Z"] * sizes["T"] > 1:
        raise InvalidInput(
            "file",
            [
                f"'{path}' has {sizes['Z']} depths and {sizes['T']} times of each channel, expected one; save one of "
                "them as a file of its own"
            ],
        )
    # A channel of several samples, such as a colour, is no map.
    channels = [
        channel.get("Name", "") if channel.get("SamplesPerPixel", "1") == "1" else ""
        for channel in _all(pixels, "Channel")
    ]
    channels = [*channels, *[""] * (sizes["C"] - len(channels))][: sizes["C"]]
    if len(channels) == 1 and not channels[0]:
        channels = [image]
    found: dict[int, str] = {}
    for data in _all(pixels, "TiffData"):
        if any(uuid.get("FileName", path.name) != path.name for uuid in _all(data, "UUID")):
            continue  # a page of another file
        page, channel = int(data.get("IFD", "0")), int(data.get("FirstC", "0"))
        count = int(data.get("PlaneCount", "1" if "IFD" in data.attrib else str(len(channels))))
        if not (0 <= page <= MAX_PAGES and channel >= 0 and 0 <= count <= MAX_PAGES):
            raise ValueError(data.attrib)
        found |= {page + at: name for at, name in enumerate(channels[channel : channel + count])}
    return found or {first + at: name for at, name in enumerate(channels)}


def _spacing(pixels: ElementTree.Element) -> tuple[float, float] | None:
    found = []
    for axis in "YX":
        try:
            size = float(pixels.attrib[f"PhysicalSize{axis}"])
            millimetres = float(in_mm(size, mm_per(pixels.get(f"PhysicalSize{axis}Unit", MICROMETRE))))
        except (InvalidInput, KeyError, ValueError):
            return None
        if not 1e-9 <= millimetres <= 1e9:
            return None
        found.append(millimetres)
    return found[0], found[1]
