"""A scan as most programs export it: a folder with one TIFF or EDF per element."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from xrfsr.core.lines import parse
from xrfsr.errors import Fault, InvalidInput, collect_faults
from xrfsr.io.raster import Header, read_header
from xrfsr.io.readers.edf import EdfMaps, edf_header
from xrfsr.io.readers.tiff import TiffMaps, map_problem
from xrfsr.io.selection import derived_names, select_lines, try_parse
from xrfsr.io.source import ReadOptions, ScanDescription, Source
from xrfsr.utils.paths import entries

__all__ = ["FolderContents", "SelectedFiles", "describe"]

USES = frozenset({"quantity"})
TIFF, EDF = (".tif", ".tiff"), (".edf",)
MASKS = ("mask", "valid", "valid_mask")
PICTURES = ("guide", "photo", "rgb")


def describe(path: Path, options: ReadOptions) -> ScanDescription:
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
    sorted_files = FolderContents.classify(files)
    if options.quantity == "mass_fraction":
        if not sorted_files.fractions:
            faults.append(f"'{path}' holds no mass fractions, which would be files such as wFe_Ka.tif")
        sorted_files = FolderContents(sorted_files.fractions, {}, {}, sorted_files.masks, sorted_files.pictures)
    chosen = sorted_files.select(options.lines, path, faults) if not faults else SelectedFiles({}, {}, None)
    uncertain = chosen.uncertainties if len(chosen.uncertainties) == len(chosen.maps) else {}
    shape = _shape([*chosen.maps.values(), *uncertain.values()], chosen.mask, faults)
    if faults or shape is None:
        raise InvalidInput(f"scan folder '{path}'", faults)
    return ScanDescription(
        names=tuple(chosen.maps),
        shape=shape,
        intensity=_source(list(chosen.maps.values()), kind),
        uncertainty=_source(list(uncertain.values()), kind) if uncertain else None,
        valid=TiffMaps(((chosen.mask, None, 0),), mask=True) if chosen.mask else None,
        units="dimensionless" if options.quantity == "mass_fraction" else None,
        warnings=tuple(_warnings(path, chosen, uncertain, sorted_files)),
    )


def _source(files: Sequence[Path], kind: str) -> Source:
    if kind == "EDF":
        return EdfMaps(tuple((file, 0) for file in files))
    return TiffMaps(tuple((file, None, 0) for file in files))


def _warnings(path: Path, chosen: SelectedFiles, uncertain: dict[str, Path], files: FolderContents) -> list[str]:
    warnings: list[str] = []
    if len(uncertain) < len(chosen.uncertainties):
        without = ", ".join(label for label in chosen.maps if label not in chosen.uncertainties)
        warnings.append(f"uncertainties are left out: '{path}' has none for {without}")
    if files.pictures:
        listed = ", ".join(file.name for file in files.pictures)
        warnings.append(f"left out, not a map: {listed} in '{path}' (see open_photo)")
    return warnings


def _shape(maps: Sequence[Path], mask: Path | None, faults: list[str]) -> tuple[int, int] | None:
    """The shape of all files; what is wrong with them, as far as their heads tell, is added to `faults`."""
    shapes: dict[Path, tuple[int, int]] = {}
    for file in [*maps, *([mask] if mask else [])]:
        with collect_faults(faults):
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
    return map_problem(header, mask=is_mask)


@dataclass(frozen=True, slots=True)
class SelectedFiles:
    """The files to read.

    Attributes
    ----------
    maps : dict of str to Path
        By label as the file spells it, in the order of the maps.
    uncertainties : dict of str to Path
        By the same labels, of which some may be missing.
    mask : Path or None
    """

    maps: dict[str, Path]
    uncertainties: dict[str, Path]
    mask: Path | None


@dataclass(frozen=True, slots=True)
class FolderContents:
    """The files of a folder by what they are. More than one of a kind is a fault, found by `select`.

    Attributes
    ----------
    maps, uncertainties, fractions : dict of str to list of Path
        By the name of the map without prefix and suffix; fractions are mass fractions of the same lines.
    masks, pictures : list of Path
    """

    maps: dict[str, list[Path]]
    uncertainties: dict[str, list[Path]]
    fractions: dict[str, list[Path]]
    masks: list[Path]
    pictures: list[Path]

    @classmethod
    def classify(cls, files: Iterable[Path]) -> FolderContents:
        """Tell maps, uncertainties, masks and pictures apart."""
        masks: list[Path] = []
        pictures: list[Path] = []
        maps: dict[str, list[Path]] = {}
        files = list(files)
        # The mask and the photo may have come from elsewhere, without the prefix: set apart before and after.
        prefix = _shared_prefix([file.stem for file in files if not _is_mask(file.stem) and not _is_picture(file.stem)])
        for file in files:
            name = file.stem.removeprefix(prefix)
            if _is_mask(name):
                masks.append(file)
            elif _is_picture(name):
                pictures.append(file)
            else:
                maps.setdefault(name, []).append(file)
        kinds: dict[str, dict[str, list[Path]]] = {"s": {}, "w": {}, "mM": {}}
        for name, (kind, line) in derived_names(maps).items():
            kinds[kind].setdefault(line, []).extend(maps.pop(name))
        return cls(maps, kinds["s"], kinds["w"], masks, pictures)

    def select(self, lines: object, folder: Path, faults: list[str]) -> SelectedFiles:
        """The files of `lines`, whatever the spelling on either side; of all lines if that is None.

        Every label that is none, every line that is not there, and all files that mean the same are added to
        `faults`; the rest is chosen nevertheless, so that it can be looked at too.
        """
        spelled: dict[str, list[str]] = {}
        for name in self.maps:
            if (line := try_parse(name)) and not line.uncertainty:
                spelled.setdefault(line.label.casefold(), []).append(name)
        keys = list(spelled)
        if lines is not None:
            keys = list(select_lines(lines, {key: names[0] for key, names in spelled.items()}, folder, faults))
        elif self.maps:
            faults += self._unknown_name_faults()
        else:
            faults.append("it holds TIFF files but none is named after an element line such as 'Ca-K.tif'")
        faults += self._duplicate_faults([spelled[key] for key in keys])
        names = [spelled[key][0] for key in keys]
        return SelectedFiles(
            {name: self.maps[name][0] for name in names},
            {name: self.uncertainties[name][0] for name in names if name in self.uncertainties},
            self.masks[0] if self.masks else None,
        )

    def _unknown_name_faults(self) -> list[str]:
        """Why some names are no element lines, and at the end what to do."""
        faults: list[str] = []
        known: list[str] = []
        for name, files in self.maps.items():
            named = " and ".join(file.name for file in files)
            try:
                line = parse(name)
            except InvalidInput as error:
                faults += [Fault(fault, named) for fault in error.faults]
                continue
            if line.uncertainty:
                faults.append(f"{named} is the uncertainty of {line.label}, whose map is not there")
            else:
                known.append(name)
        if faults and known:
            faults[-1] += f"; rename or remove such files, or choose what to read with lines={known}"
        return faults

    def _duplicate_faults(self, chosen: Iterable[Sequence[str]]) -> Iterator[str]:
        """Files of which only one could be read; `chosen` holds the spellings of each line."""
        for names in chosen:
            line = parse(names[0]).label
            maps = [file for name in names for file in self.maps[name]]
            uncertainties = [file for name in names for file in self.uncertainties.get(name, ())]
            if len(maps) > 1:
                yield f"{_listed(maps)} are the same line, {line}; keep one of them, and rename or remove the rest"
            if len(uncertainties) > 1:
                yield f"{_listed(uncertainties)} are both uncertainties of {line}; keep one and remove the rest"
        if len(self.masks) > 1:
            yield f"{_listed(self.masks)} are both masks; keep one, in which nonzero means valid, and remove the rest"


def _listed(files: Sequence[Path]) -> str:
    return " and ".join(file.name for file in files)


def _is_mask(stem: str) -> bool:
    return stem.lower() in MASKS


def _is_picture(stem: str) -> bool:
    return stem.lower().startswith(PICTURES)


def _shared_prefix(stems: Sequence[str]) -> str:
    """The beginning shared by all `stems`, cut so that as many as possible read as element lines.

    Cut, because ``Fe_Ka`` and ``Fe_Kb`` also share a beginning, which is no prefix.
    """
    stems = list(dict.fromkeys(stems))  # Fe_Ka.tif beside Fe_Ka.tiff
    shared = os.path.commonprefix(stems)  # noqa: RUF071  (of names, letter by letter)

    def understood(prefix: str) -> tuple[int, int]:
        kinds = [line.kind if (line := try_parse(stem.removeprefix(prefix))) else None for stem in stems]
        # Elements first: 'F_Ca_K' is a map of a painting 'F' rather than the pile-up of fluorine and calcium.
        return kinds.count("element"), len(kinds) - kinds.count(None)

    return max(["", *(shared[: match.end()] for match in re.finditer(r"[_\-. ]+", shared))], key=understood)
