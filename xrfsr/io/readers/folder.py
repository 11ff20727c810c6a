"""Reader of a folder with one TIFF or EDF per element line, as most programs export it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xrfsr.core.lines import parse
from xrfsr.errors import Fault, InvalidInput, collect_faults
from xrfsr.io.partial import missing_uncertainties, partial_source
from xrfsr.io.places import Home
from xrfsr.io.raster import Header, read_header
from xrfsr.io.readers.edf import EdfMaps, edf_header
from xrfsr.io.readers.tiff import TiffMaps, map_problem
from xrfsr.io.renaming import rename_maps
from xrfsr.io.selection import derived_names, select_lines, try_parse
from xrfsr.io.source import ReadOptions, ScanDescription, Source
from xrfsr.utils.paths import entries

__all__ = ["FolderContents", "SelectedFiles", "describe"]

OPTIONS = frozenset({"quantity"})
TIFF, EDF = (".tif", ".tiff"), (".edf",)
MASKS = ("mask", "valid", "valid_mask")
PICTURES = ("guide", "photo", "rgb")


def describe(path: Path, options: ReadOptions) -> ScanDescription:
    """Describe the maps of a folder from the headers of its files.

    Raises
    ------
    InvalidInput
        If a file is damaged, has another shape, is not named after an element line, or has the same line as another;
        the message names every such file.
    """
    faults: list[str] = []
    names = sorted(name for name in entries(path, "pass the folder that holds one file per line") if name[0] != ".")
    # PyMca writes the same maps in both formats, and TIFF needs no further package.
    files = [path / name for name in names if Path(name).suffix.lower() in TIFF]
    kind = "TIFF" if files else "EDF"
    if not files:
        files = [path / name for name in names if Path(name).suffix.lower() in EDF]
    if not files:
        raise InvalidInput(
            f"scan folder '{path}'",
            [f"'{path}' contains no TIFF or EDF file; expected one per element line, named like 'Ca-K.tif'"],
        )
    sorted_files = FolderContents.classify(files)
    if options.quantity == "mass_fraction":
        if not sorted_files.fractions:
            faults.append(f"'{path}' has no mass fractions (files such as wFe_Ka.tif); leave quantity out")
        sorted_files = FolderContents(sorted_files.fractions, {}, {}, sorted_files.masks, sorted_files.pictures)
    chosen = sorted_files.select(options.lines, path, faults) if not faults else SelectedFiles({}, {}, None)
    uncertain = [chosen.uncertainties.get(name) for name in chosen.maps]
    home = Home.of(path, external=options.external)
    shape = _shape([*chosen.maps.values(), *filter(None, uncertain)], chosen.mask, home, faults)
    if faults or shape is None:
        raise InvalidInput(f"scan folder '{path}'", faults)
    return ScanDescription(
        names=tuple(chosen.maps),
        labels=tuple(chosen.maps),
        shape=shape,
        intensity=_source(list(chosen.maps.values()), kind),
        uncertainty=partial_source(lambda files: _source(files, kind), uncertain, shape),
        valid=TiffMaps(((chosen.mask, None, 0),), mask=True) if chosen.mask else None,
        units="dimensionless" if options.quantity == "mass_fraction" else None,
        warnings=tuple(_warnings(path, chosen, uncertain, sorted_files)),
    )


def _source(files: Sequence[Path], kind: str) -> Source:
    if kind == "EDF":
        return EdfMaps(tuple((file, 0) for file in files))
    return TiffMaps(tuple((file, None, 0) for file in files))


def _warnings(path: Path, chosen: SelectedFiles, uncertain: Sequence[Path | None], files: FolderContents) -> list[str]:
    warnings = [*missing_uncertainties(list(chosen.maps), uncertain, path)] if files.uncertainties else []
    if files.pictures:
        listed = ", ".join(file.name for file in files.pictures)
        warnings.append(f"pictures are ignored: {listed} in '{path}'; open a photo with open_photo")
    return warnings


def _shape(maps: Sequence[Path], mask: Path | None, home: Home, faults: list[str]) -> tuple[int, int] | None:
    """Return the common shape of all files, and add the faults of their headers to `faults`."""
    shapes: dict[Path, tuple[int, int]] = {}
    for file in [*maps, *([mask] if mask else [])]:
        with collect_faults(faults):
            home.check([file])
            if file.suffix.lower() in EDF:
                shape, images = edf_header(file)
                if len(shape) != 2 or images != 1:
                    faults.append(f"{file.name} has {images} images of shape {shape}; expected one grey map per file")
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
        f"{file.name} has {shape[0]} × {shape[1]} pixels, but most files {common[0]} × {common[1]}; "
        "export all maps with the same shape, or remove it"
        for file, shape in shapes.items()
        if common and shape != common
    )
    return common


def _problem(header: Header, *, is_mask: bool) -> str | None:
    """Return why a picture is not a map (or a mask), or None."""
    if header.pages:
        return f"has {len(header.pages)} pages; expected one grey map per file: export the plain values"
    return map_problem(header, mask=is_mask)


@dataclass(frozen=True, slots=True)
class SelectedFiles:
    """Selected files of a folder.

    Attributes
    ----------
    maps : dict of str to Path
        File of each map by its label in the spelling of the file, in the order of the maps.
    uncertainties : dict of str to Path
        File of each uncertainty by the same labels, of which some may be missing.
    mask : Path or None
        File of the mask.
    """

    maps: dict[str, Path]
    uncertainties: dict[str, Path]
    mask: Path | None


@dataclass(frozen=True, slots=True)
class FolderContents:
    """Classified files of a folder. Duplicates are kept, and `select` reports them.

    Attributes
    ----------
    maps, uncertainties, fractions : dict of str to list of Path
        Files by the name of the map without prefix and suffix; fractions are mass fractions of the same lines.
    masks, pictures : list of Path
        Files of masks, and pictures that are not maps.
    """

    maps: dict[str, list[Path]]
    uncertainties: dict[str, list[Path]]
    fractions: dict[str, list[Path]]
    masks: list[Path]
    pictures: list[Path]

    @classmethod
    def classify(cls, files: Iterable[Path]) -> FolderContents:
        """Classify files as maps, uncertainties, mass fractions, masks or pictures by their names."""
        masks: list[Path] = []
        pictures: list[Path] = []
        maps: dict[str, list[Path]] = {}
        files = list(files)
        # Masks and pictures may lack the prefix, so they are recognised with and without it.
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
        """Select the files of `lines` in any spelling, or of all lines if that is None.

        Unknown labels, missing lines and duplicate files are added to `faults`. The other files are selected
        nevertheless, so that their faults are reported as well.
        """
        if isinstance(lines, Mapping):
            return self._renamed(lines, folder, faults)
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
            faults.append("none of its files is named after an element line; rename them, such as 'Ca-K.tif'")
        faults += self._duplicate_faults([spelled[key] for key in keys])
        names = [spelled[key][0] for key in keys]
        return SelectedFiles(
            {name: self.maps[name][0] for name in names},
            {name: self.uncertainties[name][0] for name in names if name in self.uncertainties},
            self.masks[0] if self.masks else None,
        )

    def _renamed(self, lines: Mapping[Any, Any], folder: Path, faults: list[str]) -> SelectedFiles:
        """Select the files that a mapping names, with or without prefix and suffix, by its labels."""
        listed = list(self.maps)
        called = [
            (name, *(each for file in files for each in (file.stem, file.name))) for name, files in self.maps.items()
        ]
        labels = {listed[position]: label for position, label in rename_maps(lines, called, folder, faults).items()}
        for name in labels:
            if len(self.maps[name]) > 1:
                faults.append(f"{_listed(self.maps[name])} are the same map; keep one and rename or remove the others")
        return SelectedFiles(
            {label: self.maps[name][0] for name, label in labels.items()},
            {label: self.uncertainties[name][0] for name, label in labels.items() if name in self.uncertainties},
            self.masks[0] if self.masks else None,
        )

    def _unknown_name_faults(self) -> list[str]:
        """Return why some names are not element lines; the last fault adds the fix."""
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
                faults.append(f"{named} is the uncertainty of {line.label}, whose map is missing")
            else:
                known.append(name)
        if faults and known:
            faults[-1] += f"; rename or remove such files, or choose the maps to read with lines={known}"
        return faults

    def _duplicate_faults(self, chosen: Iterable[Sequence[str]]) -> Iterator[str]:
        """Yield a fault for files of which only one can be read; `chosen` holds the spellings of each line."""
        for names in chosen:
            line = parse(names[0]).label
            maps = [file for name in names for file in self.maps[name]]
            uncertainties = [file for name in names for file in self.uncertainties.get(name, ())]
            if len(maps) > 1:
                yield f"{_listed(maps)} are the same line, {line}; keep one and rename or remove the others"
            if len(uncertainties) > 1:
                yield f"{_listed(uncertainties)} are both uncertainties of {line}; keep one and remove the others"
        if len(self.masks) > 1:
            yield f"{_listed(self.masks)} are both masks; keep one (nonzero means valid) and remove the others"


def _listed(files: Sequence[Path]) -> str:
    return " and ".join(file.name for file in files)


def _is_mask(stem: str) -> bool:
    return stem.lower() in MASKS


def _is_picture(stem: str) -> bool:
    return stem.lower().startswith(PICTURES)


def _shared_prefix(stems: Sequence[str]) -> str:
    """Return the prefix shared by all `stems` without which most of them are element lines.

    It ends at a separator, and may be empty: ``Fe_Ka`` and ``Fe_Kb`` share ``Fe_K``, which is not a prefix.
    """
    stems = list(dict.fromkeys(stems))  # Fe_Ka.tif and Fe_Ka.tiff
    shared = os.path.commonprefix(stems)  # noqa: RUF071  (of names, letter by letter)

    def understood(prefix: str) -> tuple[int, int]:
        kinds = [line.kind if (line := try_parse(stem.removeprefix(prefix))) else None for stem in stems]
        # Elements count first: 'F_Ca_K' is a map of a painting 'F' rather than the pile-up of fluorine and calcium.
        return kinds.count("element"), len(kinds) - kinds.count(None)

    return max(["", *(shared[: match.end()] for match in re.finditer(r"[_\-. ]+", shared))], key=understood)
