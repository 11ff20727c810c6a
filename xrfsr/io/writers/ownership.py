"""What a writer may replace: files and folders that it wrote itself, by a mark in each, and nothing added to them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from xrfsr._version import __version__
from xrfsr.io.zarr_marks import foreign_entries, mark_of

__all__ = [
    "DATASET",
    "DERIVED_FOLDER",
    "PROGRAM",
    "SOFTWARE",
    "WORKSPACE",
    "file_digest",
    "hdf5_obstacle",
    "html_folder_obstacle",
    "html_obstacle",
    "png_obstacle",
    "store_obstacle",
    "tiff_obstacle",
    "tiffs_obstacle",
    "workspace_obstacle",
    "wrote",
]

PROGRAM = "xrfsr"
SOFTWARE = f"{PROGRAM} {__version__}"  # tag "Software" of pictures
DATASET = "dataset"  # value of the mark of a zarr store
DERIVED_FOLDER = "derived"  # in a folder of TIFF files, for maps that are no element maps
WORKSPACE = "workspace.json"  # of XRF-Explorer; ours has a mark, and the digests of the files that belong to it
HEAD = 4096  # bytes of a page in which its generator is named
NAMED = 3  # strangers in a message


def store_obstacle(path: Path, kind: str = DATASET) -> str:
    """Return why a zarr store is not replaced, or an empty string if this package wrote all of it."""
    if not path.is_dir():
        return "is a file, not a zarr store"
    if mark_of(path) != kind:
        return "is not a zarr store that xrfsr wrote"
    return _strangers(foreign_entries(path))


def tiffs_obstacle(path: Path) -> str:
    """Return why a folder of TIFF files is not replaced, or an empty string if this package wrote all of them."""
    if not path.is_dir():
        return "is a file, not a folder of TIFF files"
    content = sorted(path.iterdir())
    further = path / DERIVED_FOLDER
    if further.is_dir() and not further.is_symlink() and (inner := sorted(further.iterdir())):
        content = [*(file for file in content if file != further), *inner]
    if not content:
        return "is not a folder of TIFF files that xrfsr wrote"
    return _strangers([file.relative_to(path).as_posix() for file in content if tiff_obstacle(file)])


def wrote(path: Path) -> bool:
    """Return whether this package wrote a TIFF file, a folder of them, or an HDF5 file."""
    obstacles = (tiffs_obstacle,) if path.is_dir() else (tiff_obstacle, hdf5_obstacle)
    return any(not obstacle(path) for obstacle in obstacles)


def workspace_obstacle(path: Path) -> str:
    """Return why a workspace of XRF-Explorer is not replaced, or an empty string if this package wrote all of it."""
    if not path.is_dir():
        return "is a file, not a workspace of XRF-Explorer"
    digests: object = None
    with suppress(OSError, ValueError):
        content = json.loads((path / WORKSPACE).read_text(encoding="utf-8"))
        if isinstance(content, dict) and str(content.get("creator")).startswith(PROGRAM):
            digests = content.get("files")
    if not isinstance(digests, dict):
        return "is not a workspace of XRF-Explorer that xrfsr wrote"
    others = [file for file in sorted(path.iterdir()) if file.name != WORKSPACE]
    return _strangers([file.name for file in others if digests.get(file.name, "") != file_digest(file)])


def file_digest(path: Path) -> str | None:
    """Return the SHA-256 of a file; None for links, folders, and files that cannot be read."""
    if path.is_symlink() or not path.is_file():
        return None
    with suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return None


def tiff_obstacle(path: Path) -> str:
    """Return why a TIFF file is not replaced, or an empty string if this package wrote it."""
    return _file_obstacle(path, _software_of_tiff, "a TIFF file")


def hdf5_obstacle(path: Path) -> str:
    """Return why an HDF5 file is not replaced, or an empty string if this package wrote it."""
    return _file_obstacle(path, _creator_of_hdf5, "an HDF5 file")


def html_obstacle(path: Path) -> str:
    """Return why an HTML page is not replaced, or an empty string if this package wrote it."""
    return _file_obstacle(path, _generator_of_html, "a report")


def html_folder_obstacle(path: Path) -> str:
    """Return why a folder of reports is not replaced, or an empty string if this package wrote all of it."""
    if not path.is_dir():
        return "is a file, not a folder of reports"
    content = sorted(path.iterdir())
    if not content:
        return "is not a folder of reports that xrfsr wrote"
    return _strangers([file.name for file in content if html_obstacle(file)])


def png_obstacle(path: Path) -> str:
    """Return why a PNG file is not replaced, or an empty string if this package wrote it."""
    return _file_obstacle(path, _software_of_png, "a picture")


def _file_obstacle(path: Path, program_of: Callable[[Path], object], kind: str) -> str:
    # A damaged file may raise anything.
    with suppress(Exception):
        if path.is_file() and not path.is_symlink() and str(program_of(path)).startswith(PROGRAM):
            return ""
    return f"is not {kind} that xrfsr wrote"


def _software_of_tiff(path: Path) -> object:
    import tifffile

    with tifffile.TiffFile(path) as file:
        return file.pages.first.software


def _creator_of_hdf5(path: Path) -> object:
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        return file.attrs.get("creator")


def _generator_of_html(path: Path) -> object:
    with path.open("rb") as file:
        found = re.search(rb'<meta name="generator" content="([^"]{1,80})">', file.read(HEAD))
    return found[1].decode() if found else ""


def _software_of_png(path: Path) -> object:
    from PIL import Image

    with Image.open(path, formats=["PNG"]) as picture:
        return picture.info.get("Software")


def _strangers(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"contains {', '.join(map(repr, names[:NAMED]))}{more}, which xrfsr did not write"
