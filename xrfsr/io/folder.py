"""A scan as most programs export it: a folder with one TIFF or EDF per element."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xrfsr.errors import InvalidInput, collecting
from xrfsr.io.edf import EdfMaps, edf_header
from xrfsr.io.maps import Maps, Request, Source
from xrfsr.io.names import Chosen, Folder
from xrfsr.io.raster import Header, read_header
from xrfsr.io.tiff import TiffMaps, not_a_map
from xrfsr.paths import entries

__all__ = ["describe"]

USES = frozenset({"quantity"})
TIFF, EDF = (".tif", ".tiff"), (".edf",)


def describe(path: Path, request: Request) -> Maps:
    """The maps of a folder; nothing but the heads of files is read.

    Raises
    ------
    InvalidInput
        Naming every file that is damaged, of another shape, named after no element line, or named like another one.
    """
    faults: list[str] = []
    names = sorted(name for name in entries(path, "give the folder that holds one file per element") if name[0] != ".")
    # PyMca leaves the same maps in both; TIFF is read without a further package.
    files = [path / name for name in names if Path(name).suffix.lower() in TIFF]
    kind = "TIFF" if files else "EDF"
    if not files:
        files = [path / name for name in names if Path(name).suffix.lower() in EDF]
    if not files:
        raise InvalidInput(
            f"scan folder '{path}'",
            [f"'{path}' holds no TIFF or EDF file; one per element line is needed, named like 'Ca-K.tif'"],
        )
    sorted_files = Folder.sort(files)
    if request.quantity == "mass_fraction":
        if not sorted_files.fractions:
            faults.append(f"'{path}' holds no mass fractions, which would be files such as wFe_Ka.tif")
        sorted_files = Folder(sorted_files.fractions, {}, {}, sorted_files.masks, sorted_files.pictures)
    chosen = sorted_files.choose(request.lines, path, faults) if not faults else Chosen({}, {}, None)
    uncertain = chosen.uncertainties if len(chosen.uncertainties) == len(chosen.maps) else {}
    shape = _shape([*chosen.maps.values(), *uncertain.values()], chosen.mask, faults)
    if faults or shape is None:
        raise InvalidInput(f"scan folder '{path}'", faults)
    return Maps(
        names=tuple(chosen.maps),
        shape=shape,
        intensity=_source(list(chosen.maps.values()), kind),
        uncertainty=_source(list(uncertain.values()), kind) if uncertain else None,
        valid=TiffMaps(((chosen.mask, None, 0),), mask=True) if chosen.mask else None,
        units="dimensionless" if request.quantity == "mass_fraction" else None,
        remarks=tuple(_remarks(path, chosen, uncertain, sorted_files)),
    )


def _source(files: Sequence[Path], kind: str) -> Source:
    if kind == "EDF":
        return EdfMaps(tuple((file, 0) for file in files))
    return TiffMaps(tuple((file, None, 0) for file in files))


def _remarks(path: Path, chosen: Chosen, uncertain: dict[str, Path], files: Folder) -> list[str]:
    remarks: list[str] = []
    if len(uncertain) < len(chosen.uncertainties):
        without = ", ".join(label for label in chosen.maps if label not in chosen.uncertainties)
        remarks.append(f"uncertainties are left out: '{path}' has none for {without}")
    if files.pictures:
        listed = ", ".join(file.name for file in files.pictures)
        remarks.append(f"left out, not a map: {listed} in '{path}' (see open_photo)")
    return remarks


def _shape(maps: Sequence[Path], mask: Path | None, faults: list[str]) -> tuple[int, int] | None:
    """The shape of all files; what is wrong with them, as far as their heads tell, is added to `faults`."""
    shapes: dict[Path, tuple[int, int]] = {}
    for file in [*maps, *([mask] if mask else [])]:
        with collecting(faults):
            if file.suffix.lower() in EDF:
                shape, images = edf_header(file)
                if len(shape) != 2 or images != 1:
                    faults.append(f"{file.name} holds {images} images of shape {shape}; one map per file is accepted")
                else:
                    shapes[file] = (shape[0], shape[1])
                continue
            header = read_header(file)
            if problem := _problem(header, is_mask=file == mask):
                faults.append(f"{file.name} {problem}")
            else:
                shapes[file] = header.shape
    found = list(shapes.values())
    common = max(found, key=found.count, default=None)
    faults.extend(
        f"{file.name} has {shape[0]} × {shape[1]} pixels, most others {common[0]} × {common[1]}; "
        "all files of one scan have the same shape"
        for file, shape in shapes.items()
        if common and shape != common
    )
    return common


def _problem(header: Header, *, is_mask: bool) -> str | None:
    """Why a picture is no map, or no mask."""
    if header.pages:
        return f"has {len(header.pages)} pages; one grey map per file is accepted, so export the plain numbers"
    return not_a_map(header, mask=is_mask)
