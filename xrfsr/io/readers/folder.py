"""Reader of a folder with one file per element line, as most programs export it; see `folder_kinds`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xrfsr.core.lines import try_parse
from xrfsr.core.units import intensity_unit
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.partial import missing_uncertainties, partial_source
from xrfsr.io.places import Home
from xrfsr.io.readers.folder_contents import FolderContents, SelectedFiles, stem_of
from xrfsr.io.readers.folder_kinds import KINDS, FileHeader, FolderKind, are_pictures
from xrfsr.io.readers.folder_names import Affixes
from xrfsr.io.readers.folder_numbers import date_in
from xrfsr.io.readers.text_axes import axis_faults
from xrfsr.io.readers.tiff import Georeference, TiffMaps
from xrfsr.io.source import ReadOptions, ScanDescription, Source
from xrfsr.utils.describe import describe as describe_value
from xrfsr.utils.describe import listing
from xrfsr.utils.paths import entries

__all__ = ["FolderContents", "SelectedFiles", "describe"]

OPTIONS = frozenset({"quantity", "prefix"})
UNIT = re.compile(r"(?<![^\W_])((wt|at|mol|mass|weight|atomic)[ _]?%|ppm|cps)(?![^\W_])", re.IGNORECASE)
JPEG = (".jpg", ".jpeg")
SHOWN = 8  # files that a warning names


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
    files = {kind: listed for kind in KINDS if (listed := kind.of([path / name for name in names]))}
    if not files:
        kinds = listing([kind.name for kind in KINDS])
        raise InvalidInput(
            f"scan folder '{path}'",
            [f"'{path}' contains no file of {kinds}; expected one per line, named like 'Ca-K.tif'{_lossy(names)}"],
        )
    if not isinstance(options.prefix, str | None):
        faults.append(f"prefix must be the text with which the names begin, got {describe_value(options.prefix)}")
    prefix = options.prefix if isinstance(options.prefix, str) else None
    named = options.lines if isinstance(options.lines, Mapping) else ()
    contents = {kind: FolderContents.classify(listed, prefix, named) for kind, listed in files.items()}
    home = Home.of(path, external=options.external)
    kind = _preferred(contents, home)
    sorted_files = contents[kind]
    for each in itertools.takewhile(lambda each: each is not kind, contents):
        # A picture in TIFF between maps in EDF is no reason to read nothing.
        if contents[each].has_lines:
            sorted_files = replace(sorted_files, pictures=[*sorted_files.pictures, *files[each]])
        else:
            sorted_files = replace(sorted_files, others=[*sorted_files.others, *files[each]])
    if options.quantity == "mass_fraction":
        if not sorted_files.fractions:
            faults.append(f"'{path}' has no mass fractions (files such as wFe_Ka.tif); leave quantity out")
        sorted_files = replace(sorted_files, maps=sorted_files.fractions, uncertainties={}, fractions={})
    chosen = sorted_files.select(options.lines, path, faults) if not faults else SelectedFiles({}, {}, None)
    uncertain = [chosen.uncertainties.get(name) for name in chosen.maps]
    headers = _headers([*chosen.maps.values(), *filter(None, uncertain)], chosen.mask, kind, home, faults)
    shape = _common_shape(headers, faults)
    if all(file in headers for file in chosen.maps.values()):
        faults += axis_faults({file.name: headers[file].axes for file in chosen.maps.values()})
    if faults and options.lines is None and sorted_files.has_lines:
        faults += sorted_files.unknown_name_faults()
    if faults or shape is None:
        raise InvalidInput(f"scan folder '{path}'", faults)
    warnings = _warnings(path, chosen, uncertain, sorted_files, options)
    if options.lines is None:
        warnings += _lines_of_other_kinds(path, chosen, kind, contents)
    place = _common_place(kind, list(chosen.maps.values()))
    units = "dimensionless" if options.quantity == "mass_fraction" else _units(sorted_files.naming.affixes)

    def turned(source: Source) -> Source:
        """Return a source with its rows and columns in the order of the positions."""
        if place is None or not isinstance(source, TiffMaps):
            return source
        return replace(source, reversed=place.reversed, shape=shape)

    def source(files: Sequence[Path]) -> Source:
        return turned(kind.source(files))

    made = ScanDescription(
        names=tuple(chosen.maps),
        labels=tuple(chosen.maps),
        shape=shape,
        intensity=source(list(chosen.maps.values())),
        uncertainty=partial_source(source, uncertain, shape),
        valid=turned(kind.mask(chosen.mask)) if chosen.mask else None,
        units=units,
        warnings=tuple(warnings),
        whites=tuple(headers[file].white for file in chosen.maps.values()),
    )
    if place is None:
        return made
    return replace(made, grid=place.grid, grid_problem=place.problem, units=units or place.units, attrs=place.record)


def _lossy(names: Sequence[str]) -> str:
    if any(Path(name).suffix.lower() in JPEG for name in names):
        return ". Pictures in JPEG hold no measured values: export the maps as TIFF or text"
    return ""


def _units(affixes: Affixes) -> str | None:
    """Return the units that the names of all maps state, such as ``"percent"`` for ``Fe Wt%.csv``."""
    match = UNIT.search(f"{affixes.prefix} {affixes.suffix}")
    return intensity_unit(match[0].replace(" ", "").replace("_", "")) if match else None


def _preferred(contents: Mapping[FolderKind, FolderContents], home: Home) -> FolderKind:
    """Return the kind to read: the first of which files are named after lines, unless these are pictures in colour."""
    maps = {
        kind: [file for name, files in each.maps.items() if try_parse(name) for file in files]
        for kind, each in contents.items()
        if each.has_lines
    }
    for kind, files in maps.items():
        later = [len(others) for each, others in maps.items() if KINDS.index(each) > KINDS.index(kind)]
        # Another kind is read only if it has the maps of all the pictures.
        if max(later, default=0) < len(files) or not are_pictures(files, home):
            return kind
    return next(iter(contents))


def _warnings(
    path: Path,
    chosen: SelectedFiles,
    uncertain: Sequence[Path | None],
    files: FolderContents,
    options: ReadOptions,
) -> list[str]:
    warnings = [*missing_uncertainties(list(chosen.maps), uncertain, path)] if files.uncertainties else []
    if files.pictures:
        listed = ", ".join(file.name for file in files.pictures)
        warnings.append(f"pictures are ignored: {listed} in '{path}'; open a photo with open_photo")
    if not isinstance(options.lines, Mapping):
        warnings += _several_dates(path, chosen)
    left_out = files.left_out(options.prefix) if options.lines is None else []
    if left_out:
        fix = f"if one is a map, label it with {files.example(left_out)}"
        other = files.naming.other
        if other and other.prefix != files.naming.affixes.prefix and options.prefix is None:
            fix = f"prefix={other.prefix!r} reads others of them; {fix}"
        lines = [file for file in left_out if try_parse(stem_of(file))]
        said = {
            "files that are not named after a line are left out": [file for file in left_out if file not in lines],
            f"files without the prefix and suffix of the maps, {files.naming.affixes}, are left out": lines,
        }
        listed = "; ".join(
            f"{what}: {listing((file.name for file in each), SHOWN)}" for what, each in said.items() if each
        )
        warnings.append(f"{listed} in '{path}'; {fix}")
    return warnings


def _lines_of_other_kinds(
    path: Path, chosen: SelectedFiles, kind: FolderKind, contents: Mapping[FolderKind, FolderContents]
) -> Iterator[str]:
    """Yield a warning of maps in other kinds of files whose lines none of those that are read has."""
    read = {line.label for name in chosen.maps if (line := try_parse(name))}
    others = [
        file.name
        for each, sorted_files in contents.items()
        if each is not kind
        for name, files in sorted_files.maps.items()
        if (line := try_parse(name)) and line.kind == "element" and line.label not in read
        for file in files
    ]
    if others:
        yield (
            f"only {kind.name} files are read, and none of them has the lines of {listing(others, SHOWN)} in '{path}'; "
            "export all maps as one kind of file"
        )


def _common_place(kind: FolderKind, files: Sequence[Path]) -> Georeference | None:
    """Return where the maps lie, if all files say the same, with what they all say of how they were made."""
    if kind.place is None:
        return None
    first = kind.place(files[0])
    if first.grid is None and not first.problem:
        return None
    places = [first, *map(kind.place, files[1:])]
    if any((place.grid, place.problem, place.reversed) != first[:3] for place in places):
        return None
    record = {name: value for name, value in first.record.items() if all(p.record.get(name) == value for p in places)}
    units = first.units if all(place.units == first.units for place in places) else None
    return first._replace(record=record, units=units)


def _several_dates(path: Path, chosen: SelectedFiles) -> Iterator[str]:
    """Yield a warning if the names of the maps have several dates, which may be those of several scans."""
    dates: dict[str, Path] = {}
    for file in chosen.maps.values():
        if date := date_in(stem_of(file)):
            dates.setdefault(date, file)
    if len(dates) < 2:
        return
    name, file = next((name, file) for name, file in chosen.maps.items() if file in dates.values())
    before = stem_of(file)[: stem_of(file).rfind(name)]
    choice = f"prefix={before!r}" if date_in(before) else f"lines={[name]}"
    listed = listing([f"{date} ({file.name})" for date, file in dates.items()], SHOWN)
    yield f"maps of several dates are read as one scan: {listed} in '{path}'; {choice} reads those of one date"


def _headers(
    maps: Sequence[Path], mask: Path | None, kind: FolderKind, home: Home, faults: list[str]
) -> dict[Path, FileHeader]:
    """Return the header of every file, and add the faults of the headers to `faults`."""
    found: dict[Path, FileHeader] = {}
    for file in [*maps, *([mask] if mask else [])]:
        with collect_faults(faults):
            home.check([file])
            found[file] = kind.header(file, file == mask)
    return found


def _common_shape(headers: Mapping[Path, FileHeader], faults: list[str]) -> tuple[int, int] | None:
    """Return the shape of most files, and add the others to `faults`."""
    shapes = {file: header.shape for file, header in headers.items()}
    found = list(shapes.values())
    common = max(found, key=found.count, default=None)
    faults.extend(
        f"{file.name} has {shape[0]} × {shape[1]} pixels, but most files {common[0]} × {common[1]}; "
        "export all maps with the same shape, or remove it"
        for file, shape in shapes.items()
        if common and shape != common
    )
    return common
