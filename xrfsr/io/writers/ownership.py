"""What a writer may replace: files and folders that it wrote itself, by a mark in each, and nothing added to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xrfsr._version import __version__
from xrfsr.io.zarr_layout import foreign_entries, kind_of

__all__ = [
    "DATASET",
    "PROGRAM",
    "SOFTWARE",
    "hdf5_obstacle",
    "png_obstacle",
    "store_obstacle",
    "tiff_obstacle",
    "tiffs_obstacle",
]

PROGRAM = "xrfsr"
SOFTWARE = f"{PROGRAM} {__version__}"  # tag "Software" of pictures
DATASET = "dataset"  # value of the mark of a zarr store
NAMED = 3  # strangers in a message


def store_obstacle(path: Path, kind: str = DATASET) -> str:
    """Return why a zarr store is not replaced, or an empty string if this package wrote all of it."""
    if not path.is_dir():
        return "is a file, not a zarr store"
    if kind_of(path) != kind:
        return "is not a zarr store that xrfsr wrote"
    return _strangers(foreign_entries(path))


def tiffs_obstacle(path: Path) -> str:
    """Return why a folder of TIFF files is not replaced, or an empty string if this package wrote all of them."""
    if not path.is_dir():
        return "is a file, not a folder of TIFF files"
    content = sorted(path.iterdir())
    if not content:
        return "is not a folder of TIFF files that xrfsr wrote"
    return _strangers([file.name for file in content if tiff_obstacle(file)])


def tiff_obstacle(path: Path) -> str:
    """Return why a TIFF file is not replaced, or an empty string if this package wrote it."""
    import tifffile

    try:
        if _is_plain(path):
            with tifffile.TiffFile(path) as file:
                if str(file.pages.first.software).startswith(PROGRAM):
                    return ""
    except Exception:  # a damaged file may raise anything
        pass
    return "is not a TIFF file that xrfsr wrote"


def hdf5_obstacle(path: Path) -> str:
    """Return why an HDF5 file is not replaced, or an empty string if this package wrote it."""
    import h5py

    try:
        if _is_plain(path):
            with h5py.File(path, "r", locking=False) as file:
                if file.attrs.get("creator") == PROGRAM:
                    return ""
    except Exception:  # a damaged file may raise anything
        pass
    return "is not an HDF5 file that xrfsr wrote"


def png_obstacle(path: Path) -> str:
    """Return why a PNG file is not replaced, or an empty string if this package wrote it."""
    from PIL import Image

    try:
        if _is_plain(path):
            with Image.open(path, formats=["PNG"]) as picture:
                if str(picture.info.get("Software")).startswith(PROGRAM):
                    return ""
    except Exception:  # a damaged file may raise anything
        pass
    return "is not a picture that xrfsr wrote"


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _strangers(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"contains {', '.join(map(repr, names[:NAMED]))}{more}, which xrfsr did not write"
