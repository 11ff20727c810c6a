"""A scan as most programs export it: a folder with one TIFF per element."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.errors import InvalidInput
from xrfsr.io.raster import read_raster
from xrfsr.lines import parse, parse_all
from xrfsr.scan import as_scan, ensure_scan

__all__ = ["open_scan"]

SUFFIXES = (".tif", ".tiff")
MASKS = ("mask", "valid", "valid_mask")
PICTURES = ("guide", "photo", "rgb")
UNCERTAINTY = re.compile(r"s\((?P<bracketed>.+)\)|s(?P<plain>[A-Z].*)")


def open_scan(
    path: str | PathLike[str],
    pixel_size: float | str | tuple[float, float] | None = None,
    *,
    units: str = "count",
    lines: Sequence[str] | None = None,
) -> xr.Dataset:
    """Read a scan from a folder of TIFF files, one per element, or from a zarr store written by `to_zarr`.

    The file name tells the element line in any of the usual spellings: ``Ca-K.tif``, ``Pb_L.tif``,
    ``Fe Ka.tiff``. A prefix that all names share (``painting_Fe_Ka.tif``) is ignored. Besides maps the folder
    may hold

    - uncertainties as PyMca names them, an ``s`` before the line: ``sFe_Ka.tif`` or ``s(Fe_Ka).tif``;
    - ``mask.tif``, ``valid.tif`` or ``valid_mask.tif``, which is nonzero where the scan is *valid*;
    - pictures named ``guide…``, ``photo…`` or ``rgb…``, which are left out with a warning.

    Row 0 of a file is the top of the painting.

    Parameters
    ----------
    path : str or path
        The folder.
    pixel_size : float or str or (float, float)
        Distance between neighbouring pixels: mm as a number, ``"0.5 mm"`` as text, or (y, x). TIFF files
        do not tell it, so it is needed; a zarr store has its own.
    units : str
        Of the stored numbers: "count", "count/s" or "dimensionless".
    lines : sequence of str, optional
        The lines to read, in this order. By default all, in the order of their file names.

    Returns
    -------
    Dataset
        A scan: ``intensity (line, y, x)`` float32, with ``uncertainty`` and ``valid`` where the folder has them.

    Raises
    ------
    InvalidInput
        Listing every file that is damaged, of another shape, or named after no element line.

    Examples
    --------
    >>> scan = xrfsr.open_scan("ng1093/maps", pixel_size="0.5 mm")  # doctest: +SKIP
    """
    path = Path(path)
    if (path / "zarr.json").is_file():
        return _open_store(path, pixel_size, lines)
    files = _tiff_files(path)
    if pixel_size is None:
        raise InvalidInput("scan", ["pixel_size is missing and TIFF files do not tell it; pass pixel_size='0.5 mm'"])
    found = _Folder.sort(files)
    if lines is None:
        faults = _strangers(found.maps)
        if faults:
            raise InvalidInput(f"scan folder '{path}'", faults)
        labels = list(found.maps)
    else:
        labels = _choose(found.maps, lines, path)
    if not labels:
        raise InvalidInput(
            f"scan folder '{path}'",
            ["it holds TIFF files but none is named after an element line such as 'Ca-K.tif'"],
        )
    parse_all(labels)  # two spellings of one line, before hundreds of megabytes are read

    uncertain = [label for label in labels if label in found.uncertainties]
    if uncertain and len(uncertain) < len(labels):
        missing = ", ".join(label for label in labels if label not in found.uncertainties)
        warnings.warn(f"uncertainties are left out: '{path}' has none for {missing}", UserWarning, stacklevel=2)
        uncertain = []
    if found.pictures:
        names = ", ".join(file.name for file in found.pictures)
        warnings.warn(f"left out, not a map: {names} in '{path}' (see open_photo)", UserWarning, stacklevel=2)

    wanted = [found.maps[label] for label in labels]
    wanted += [found.uncertainties[label] for label in uncertain]
    wanted += [found.mask] if found.mask else []
    planes = _read_planes(wanted, path, mask=found.mask)
    count = len(labels)
    return as_scan(
        np.stack(planes[:count]),
        lines=labels,
        pixel_size=pixel_size,
        units=units,
        uncertainty=np.stack(planes[count : count + len(uncertain)]) if uncertain else None,
        valid=planes[-1] != 0 if found.mask else None,
    )


def _open_store(path: Path, pixel_size: object, lines: Sequence[str] | None) -> xr.Dataset:
    if pixel_size is not None:
        raise InvalidInput(
            "pixel_size", [f"{pixel_size!r} was given, but '{path}' stores its own coordinates; leave it out"]
        )
    scan = ensure_scan(xr.open_zarr(path))
    if lines is None:
        return scan
    stored = [str(label) for label in scan["line"].values]
    return scan.sel(line=_choose(dict.fromkeys(stored, path), lines, path))


def _tiff_files(path: Path) -> list[Path]:
    if path.is_file():
        raise InvalidInput("scan folder", [f"'{path}' is a file; give the folder that holds one TIFF per element"])
    if not path.is_dir():
        raise InvalidInput("scan folder", [f"'{path}' does not exist; give the folder that holds one TIFF per element"])
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.name[0] != ".")
    if not files:
        raise InvalidInput(
            "scan folder",
            [f"'{path}' holds no TIFF file; one per element line is needed, named like 'Ca-K.tif'"],
        )
    return files


@dataclass(frozen=True, slots=True)
class _Folder:
    """The files of a folder by what they are; the keys are names without prefix and suffix."""

    maps: dict[str, Path]
    uncertainties: dict[str, Path]
    mask: Path | None
    pictures: list[Path]

    @classmethod
    def sort(cls, files: Iterable[Path]) -> _Folder:
        mask: Path | None = None
        pictures: list[Path] = []
        rest: dict[str, Path] = {}
        named = {file.stem: file for file in files}
        # The mask and the photo may have come from elsewhere, without the prefix: set apart before and after.
        prefix = _shared_prefix([stem for stem in named if not _is_mask(stem) and not _is_picture(stem)])
        for stem, file in named.items():
            name = stem.removeprefix(prefix)
            if _is_mask(name):
                mask = file
            elif _is_picture(name):
                pictures.append(file)
            else:
                rest[name] = file
        uncertainties: dict[str, Path] = {}
        for name in list(rest):
            match = UNCERTAINTY.fullmatch(name)
            line = match and (match["bracketed"] or match["plain"])
            # Only beside its map: 'sI_L' is the uncertainty of iodine or a spelling of silicon.
            if line and line in rest:
                uncertainties[line] = rest.pop(name)
        return cls(rest, uncertainties, mask, pictures)


def _is_mask(stem: str) -> bool:
    return stem.lower() in MASKS


def _is_picture(stem: str) -> bool:
    return stem.lower().startswith(PICTURES)


def _is_line(label: str) -> bool:
    return _kind(label) is not None


def _kind(label: str) -> str | None:
    try:
        return parse(label).kind
    except InvalidInput:
        return None


def _shared_prefix(stems: Sequence[str]) -> str:
    """The beginning shared by all `stems`, cut so that as many as possible read as element lines.

    Cut, because ``Fe_Ka`` and ``Fe_Kb`` also share a beginning, which is no prefix.
    """
    shared = os.path.commonprefix(list(stems))  # noqa: RUF071  (of names, letter by letter)

    def understood(prefix: str) -> tuple[int, int]:
        kinds = [_kind(stem.removeprefix(prefix)) for stem in stems]
        # Elements first: 'F_Ca_K' is a map of a painting 'F' rather than the pile-up of fluorine and calcium.
        return kinds.count("element"), len(kinds) - kinds.count(None)

    return max(["", *(shared[: match.end()] for match in re.finditer(r"[_\-. ]+", shared))], key=understood)


def _strangers(names: dict[str, Path]) -> list[str]:
    """Why some of `names` are no element lines, and at the end what to do."""
    faults: list[str] = []
    known: list[str] = []
    for name, file in names.items():
        try:
            parse(name)
            known.append(name)
        except InvalidInput as error:
            faults.append(f"{file.name}: {error.faults[0]}")
    if faults and known:
        faults[-1] += f"; rename or remove such files, or choose what to read with lines={known}"
    return faults


def _choose(names: dict[str, Path], lines: Sequence[str], path: Path) -> list[str]:
    """The keys of `names` that mean `lines`, whatever the spelling on either side."""
    spelled = {parse(name).label: name for name in names if _is_line(name)}
    wanted = [line.label for line in parse_all(lines)]
    missing = [label for label in wanted if label not in spelled]
    if missing:
        raise InvalidInput(
            "lines",
            [f"{', '.join(missing)}: not in '{path}', which has {', '.join(spelled) or 'no element line'}"],
        )
    return [spelled[label] for label in wanted]


def _read_planes(files: Sequence[Path], path: Path, mask: Path | None) -> list[NDArray[Any]]:
    """The pixels (y, x) of every file, or one error about all files that do not fit."""
    faults: list[str] = []
    planes: dict[Path, NDArray[Any]] = {}
    for file in files:
        try:
            raster = read_raster(file)
        except InvalidInput as error:
            faults.extend(error.faults)
            continue
        if len(raster.bands) != 1 or raster.pages != 1:
            count = f"{raster.pages} pages" if raster.pages != 1 else f"the bands {', '.join(raster.bands)}"
            faults.append(f"{file.name} has {count}; one grey map per file is accepted, so export the plain numbers")
        elif raster.palette is not None and file != mask:
            faults.append(f"{file.name} is a false-colour picture (palette); export the plain numbers")
        else:
            planes[file] = raster.pixels[0]
    shapes = [plane.shape for plane in planes.values()]
    common = max(shapes, key=shapes.count, default=None)
    faults.extend(
        f"{file.name} has {plane.shape[0]} × {plane.shape[1]} pixels, most others {common[0]} × {common[1]}; "
        "all files of one scan have the same shape"
        for file, plane in planes.items()
        if common and plane.shape != common
    )
    if faults:
        raise InvalidInput(f"scan folder '{path}'", faults)
    return [planes[file] for file in files]
