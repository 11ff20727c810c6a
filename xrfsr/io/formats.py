"""Table of the file formats, and their detection by file name or, for HDF5, by content."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from xrfsr.errors import InvalidInput
from xrfsr.io.compressed_files import is_compressed, plain_suffix
from xrfsr.io.places import require_regular
from xrfsr.io.readers.netcdf_classic import is_classic

__all__ = ["FORMATS", "UNIQUE_SUFFIXES", "Format", "detect_format"]


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    Attributes
    ----------
    name : str
        Name for messages.
    module : str
        Name of the module in `xrfsr.io.readers`. It has a function ``describe(path, options)``, and its ``OPTIONS``
        names the options that it accepts in addition to `lines`.
    suffixes : tuple of str
        File suffixes in lower case. Empty for HDF5 formats, which share their suffixes: there the module's
        ``matches(file)`` decides.
    """

    name: str
    module: str
    suffixes: tuple[str, ...] = ()

    def load(self) -> Any:
        """Import the module at first use."""
        return import_module(f"xrfsr.io.readers.{self.module}")


FOLDER = Format("folder of TIFF, EDF, text or PNG files", "folder")
NETCDF = Format("netCDF of xarray", "netcdf")
SEPARATE = Format("netCDF with one variable for each line", "netcdf_separate")
HDF5 = (
    Format("PyMca or ewoksfluo HDF5", "pymca_hdf5"),
    Format("PyMca HDF5 with regions of interest", "pymca_roi"),
    Format("GSECARS or xraylarch HDF5", "xrmmap"),  # before PyXRF, whose group an old version of it has, too
    Format("PyXRF HDF5", "pyxrf"),
    Format("XRF-Maps HDF5", "xrf_maps"),
    Format("CRONO HDF5", "crono"),
    Format("HyperSpy HDF5", "hyperspy"),
    NETCDF,
    SEPARATE,
)
FILES = (
    Format("TIFF", "tiff", (".tif", ".tiff")),
    Format("EDF", "edf", (".edf",)),
    Format("PyMca table", "pymca_table", (".csv", ".dat")),
    Format("Datamuncher", "datamuncher", (".dms",)),
    Format("Datamuncher as text", "datamuncher_text", (".ims",)),
    Format("maxrf4u datastack", "datastack", (".datastack",)),
    Format("Ripple", "ripple", (".rpl", ".raw")),
    Format("HyperSpy", "hyperspy", (".hspy", ".zspy")),
    Format("Bruker", "bruker", (".bcf",)),
)
FORMATS = (FOLDER, *FILES, *HDF5)
HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs", ".he5", ".nc", ".nc4")
COMPRESSED = ("edf",)  # modules that read files which are compressed as a whole
ARRAYS = (".npy", ".npz")
TEXTS = (".txt", ".asc")
PHOTOS = (".jpg", ".jpeg", ".png")
# No other program uses these, so a plain xr.open_dataset may choose this package for them.
UNIQUE_SUFFIXES = (".dms", ".datastack", ".bcf")


def detect_format(path: Path, *, external: bool = False) -> Format:
    """Return the format of a file or folder.

    Parameters
    ----------
    path : Path
        File or folder.
    external : bool
        Whether links in an HDF5 file may lead to files outside its folder.

    Raises
    ------
    InvalidInput
        If the path does not exist or is a device, a named pipe or a socket, or its format is not supported.
    """
    require_regular(path, "pass the file or folder that holds the maps", folder=True)
    suffix = plain_suffix(path)
    named = next((one for one in FILES if suffix in one.suffixes), None)
    if path.is_dir():
        return named if named and suffix == ".zspy" else FOLDER
    if not path.stat().st_size:
        raise InvalidInput("file", [f"'{path}' is empty; copy or export it again"])
    if is_compressed(path) and (named is None or named.module not in COMPRESSED):
        raise InvalidInput(
            "file", [f"'{path}' is compressed; decompress it first, for example with gunzip, and pass the plain file"]
        )
    if named is not None:
        return named
    if is_classic(path):
        return SEPARATE if SEPARATE.load().matches_classic(path) else NETCDF
    import h5py

    if suffix in HDF5_SUFFIXES or h5py.is_hdf5(path):
        return _hdf5_format(path, external)
    if suffix not in ARRAYS and zipfile.is_zipfile(path):
        return next(one for one in FILES if one.module == "datastack")
    if suffix in PHOTOS:
        raise InvalidInput(
            "file", [f"'{path}' is a photo, not a scan; open it with xrfsr.open_photo or xrfsr.register"]
        )
    if suffix in ARRAYS:
        raise InvalidInput(
            "file",
            [f"'{path}' holds arrays without names; name them: xrfsr.as_scan(np.load(path), lines=[...], ...)"],
        )
    if suffix in TEXTS:
        raise InvalidInput(
            "file",
            [
                f"'{path}' is a text, of which the line is unknown; name it after its line, such as 'Ca-K{suffix}', "
                "and pass the folder that contains one such file per line"
            ],
        )
    raise InvalidInput("file", [f"'{path}' has an unknown format; supported are {_accepted()}"])


def _hdf5_format(path: Path, external: bool) -> Format:
    from xrfsr.io.hdf5_contents import describe_contents
    from xrfsr.io.hdf5_links import open_hdf5

    with open_hdf5(path, external=external) as file:
        for one in HDF5:
            if one.load().matches(file):
                return one
        contents = describe_contents(file, path)
    layouts = ", ".join(one.name for one in HDF5)
    raise InvalidInput("file", [f"'{path}' contains no element maps in the layout of {layouts}; {contents}"])


def _accepted() -> str:
    files = (f"{one.name} ({', '.join(one.suffixes)})" for one in FILES)
    return "; ".join([FOLDER.name, *files, *(f"{one.name} ({', '.join(HDF5_SUFFIXES[:2])})" for one in HDF5)])
