"""Files in a folder of maps, classified by their names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xrfsr.core.lines import Line, parse, try_parse
from xrfsr.errors import Fault, InvalidInput
from xrfsr.io.compressed_files import plain_name
from xrfsr.io.readers.folder_names import Affixes, NamedMaps, find_maps
from xrfsr.io.renaming import example_of_labels, rename_maps
from xrfsr.io.selection import derived_names, select_lines

__all__ = ["FolderContents", "SelectedFiles", "stem_of"]

MASKS = ("mask", "valid", "valid_mask")
PICTURES = ("guide", "photo", "rgb")


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
    others : list of Path
        Files without the prefix and suffix of the maps.
    naming : NamedMaps
        Prefix and suffix of the maps, and those of others.
    """

    maps: dict[str, list[Path]]
    uncertainties: dict[str, list[Path]]
    fractions: dict[str, list[Path]]
    masks: list[Path]
    pictures: list[Path]
    others: list[Path]
    naming: NamedMaps

    @classmethod
    def classify(
        cls, files: Iterable[Path], prefix: str | None = None, named: Collection[object] = ()
    ) -> FolderContents:
        """Classify files as maps, uncertainties, mass fractions, masks or pictures by their names.

        Parameters
        ----------
        files : iterable of Path
            Files of the folder.
        prefix : str, optional
            Prefix of the maps that the caller wants.
        named : collection of str
            Names that the caller labels, which are maps whether they are lines or not.
        """
        masks: list[Path] = []
        pictures: list[Path] = []
        others: list[Path] = []
        maps: dict[str, list[Path]] = {}
        files = list(files)
        # Masks and pictures may lack the prefix, so they are recognised with and without it.
        stems = [stem_of(file) for file in files if not _is_mask(stem_of(file)) and not _is_picture(stem_of(file))]
        naming = find_maps(stems, prefix, named)
        for file in files:
            name = naming.strip(stem_of(file))
            if _is_mask(name or stem_of(file)):
                masks.append(file)
            elif _is_picture(name or stem_of(file)):
                pictures.append(file)
            elif name is None:
                others.append(file)
            else:
                maps.setdefault(name, []).append(file)
        kinds: dict[str, dict[str, list[Path]]] = {"s": {}, "w": {}, "mM": {}}
        for name, (kind, line) in derived_names(maps).items():
            kinds[kind].setdefault(line, []).extend(maps.pop(name))
        return cls(maps, kinds["s"], kinds["w"], masks, pictures, others, naming)

    @property
    def has_lines(self) -> bool:
        """Whether any file is named after a line."""
        return any(map(_line_of, self.maps))

    def left_out(self, prefix: str | None) -> list[Path]:
        """Return the files that are no maps; those without the prefix only if the caller did not ask for it."""
        strangers = [file for name, files in self.maps.items() if _line_of(name) is None for file in files]
        return sorted([*strangers, *(self.others if prefix is None else ())])

    def example(self, left_out: Sequence[Path]) -> str:
        """Return how a caller might label one of these files, with a line of an element that its name contains."""
        names = [self.naming.strip(stem_of(file)) or self._called(file) for file in left_out]
        return example_of_labels(names)

    def _called(self, file: Path) -> str:
        """Return the name by which `lines` selects a file that is named otherwise than the maps."""
        return file.name if stem_of(file) in self.maps else stem_of(file)

    def select(self, lines: object, folder: Path, faults: list[str]) -> SelectedFiles:
        """Select the files of `lines` in any spelling, or of all lines if that is None.

        Unknown labels, missing lines and duplicate files are added to `faults`. The other files are selected
        nevertheless, so that their faults are reported as well.
        """
        if isinstance(lines, Mapping):
            return self._renamed(lines, folder, faults)
        if self.naming.rivals:
            faults.append(_rivals_fault(self.naming.rivals, next(iter(self.maps)), folder))
        if self.naming.missing:
            there = " and ".join(map(repr, self.naming.missing))
            wanted = f"prefix={self.naming.affixes.prefix!r}"
            faults.append(f"{wanted}: no map in '{folder}' is named so; the maps have the prefixes {there}")
            return SelectedFiles({}, {}, None)
        spelled: dict[str, list[str]] = {}
        for name in self.maps:
            if line := _line_of(name):
                spelled.setdefault(line.label.casefold(), []).append(name)
        keys = list(spelled)
        if lines is not None:
            keys = list(select_lines(lines, {key: names[0] for key, names in spelled.items()}, folder, faults))
        elif not keys and self.maps:
            faults += self.unknown_name_faults()
        elif not keys:
            stores = sorted(folder.glob("*.zarr"))
            fix = f"pass '{stores[0]}' in it" if stores else "rename them, such as 'Ca-K.tif'"
            faults.append(f"none of its files is named after an element line; {fix}")
        faults += self._duplicate_faults([spelled[key] for key in keys])
        names = [spelled[key][0] for key in keys]
        return SelectedFiles(
            {name: self.maps[name][0] for name in names},
            {name: self.uncertainties[name][0] for name in names if name in self.uncertainties},
            self.masks[0] if self.masks else None,
        )

    def _renamed(self, lines: Mapping[Any, Any], folder: Path, faults: list[str]) -> SelectedFiles:
        """Select the files that a mapping names, with or without prefix and suffix, by its labels."""
        maps = {self._called(file): [file] for file in self.others} | self.maps
        listed = list(maps)
        called = [
            (name, *(each for file in files for each in (stem_of(file), file.name))) for name, files in maps.items()
        ]
        labels = {listed[position]: label for position, label in rename_maps(lines, called, folder, faults).items()}
        for name in labels:
            if len(maps[name]) > 1:
                faults.append(f"{_listed(maps[name])} are the same map; keep one and rename or remove the others")
        return SelectedFiles(
            {label: maps[name][0] for name, label in labels.items()},
            {label: self.uncertainties[name][0] for name, label in labels.items() if name in self.uncertainties},
            self.masks[0] if self.masks else None,
        )

    def unknown_name_faults(self) -> list[str]:
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


def stem_of(file: Path) -> str:
    """Return the name of a file without its suffixes: ``Ca-K`` for ``Ca-K.edf.gz``."""
    return Path(plain_name(file)).stem


def _line_of(name: str) -> Line | None:
    """Return the line that a name of a map is, or None."""
    line = try_parse(name)
    return line if line and not line.uncertainty else None


def _rivals_fault(rivals: Sequence[Affixes], first: str, folder: Path) -> str:
    name = f"{rivals[0].prefix}{first}{rivals[0].suffix}"
    line = _line_of(first)
    labels = f"lines={{{name!r}: {line.label if line else '<element>-<line>'!r}, ...}}"
    fix = f"name the maps to read, such as {labels}"
    if len({each.prefix for each in rivals}) > 1:
        fix = f"choose one with prefix={rivals[0].prefix!r}, or name the maps of one scan with {labels}"
    return f"'{folder}' has as many maps named {' as '.join(map(str, rivals))}; {fix}"


def _listed(files: Sequence[Path]) -> str:
    return " and ".join(file.name for file in files)


def _is_mask(stem: str) -> bool:
    return stem.lower() in MASKS


def _is_picture(stem: str) -> bool:
    return stem.lower().startswith(PICTURES)
