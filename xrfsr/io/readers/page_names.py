"""Names of the pages and bands of a TIFF, which are often those of the files that they were stacked from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from xrfsr.core.lines import try_parse
from xrfsr.io.imagej import slice_names
from xrfsr.io.readers.folder_names import find_maps
from xrfsr.io.selection import derived_names

__all__ = ["names_of_maps", "page_names"]

# PyMca: "Title=Fe_Ka". OME and ImageJ descriptions concern the whole file and name no page.
TITLE = re.compile(r"(?:Title\s*=\s*)?(?P<name>[^\n=<>{}]{1,80})")
# Bio-Formats, with which Fiji opens most files: "c:1/3 z:1/1 - Ca-K".
POSITION = re.compile(r"(?:[czt]:\d+/\d+ )+- ")
FILE = re.compile(
    r"(?:.*[\\/](?! ))?(?P<stem>.+?)\.(?:ome\.)?(?:tiff?|png|jpe?g|bmp|gif|edf|txt|csv|dat)", re.IGNORECASE
)


def page_names(path: Path, pages: Sequence[int]) -> list[str]:
    """Return the name of each page of a TIFF; empty if it has none."""
    import tifffile

    names: list[str] = []
    with tifffile.TiffFile(path) as file:
        labels = slice_names(file.imagej_metadata or {})
        for number in pages:
            tags = file.pages[number].tags  # type: ignore[union-attr]  # pages, not frames, unless asked for
            found = next((str(tags[name].value) for name in ("PageName", "ImageDescription") if name in tags), "")
            if number < len(labels):
                found = labels[number]
            match = TITLE.fullmatch(found.strip())
            names.append(match["name"].strip() if match else "")
    return names


def names_of_maps(names: Sequence[str], lines: object, path: Path, faults: list[str]) -> list[str]:
    """Return the names of pages or bands, of which those that are names of files are read as in a folder.

    Parameters
    ----------
    names : sequence of str
        Names in the file; empty where there is none.
    lines : object
        Argument `lines` of the caller. Names that a mapping contains are kept.
    path : Path
        File named in messages.
    faults : list of str
        List that receives the prefixes if as many maps have one as another.

    Examples
    --------
    >>> names_of_maps(["scan1_Ca-K.tif", "scan1_Fe_Ka.tif", "BSE", ""], None, Path("stack.tif"), [])
    ['Ca-K', 'Fe_Ka', 'BSE', '']
    """
    called = lines if isinstance(lines, Mapping) else {}
    bare = {line.label.casefold() for name in names if (line := try_parse(name)) and not line.uncertainty}
    stems = {name: _stem(name) for name in names if name and name not in called and not try_parse(name)}
    # No file has a slash in its name: "Ca-K / Pb-L" is a ratio.
    plain = [stem for stem in (stems.get(name, name) for name in names) if stem and "/" not in stem]
    if not stems or not plain:
        return list(names)
    naming = find_maps(plain, named=called)
    if naming.rivals:
        if lines is None:
            listed = " as ".join(map(str, naming.rivals))
            example = next(name for name, stem in stems.items() if naming.strip(stem))
            choice = f"lines={{{example!r}: {naming.strip(stems[example])!r}, ...}}"
            faults.append(f"'{path}' has as many maps named {listed}; name the maps to read: {choice}")
        return list(names)
    found = {name: (naming.strip(stem) or stem) if "/" not in stem else stem for name, stem in stems.items()}
    derived = derived_names([*found.values(), *(name for name in names if name not in found)])
    read = {}
    for name, inner in found.items():
        line = try_parse(inner)
        # A map whose line another has by its whole name stays a stranger.
        if inner in called or inner in derived or (line and (line.uncertainty or line.label.casefold() not in bare)):
            read[name] = inner
    return [read.get(name, name) for name in names]


def _stem(name: str) -> str:
    """Return a name without what programs add to it: a position, a folder, and the ending of a file."""
    rest = POSITION.sub("", name, count=1) if POSITION.match(name) else name
    match = FILE.fullmatch(rest)
    return match["stem"] if match else rest
