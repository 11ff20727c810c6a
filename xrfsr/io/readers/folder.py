"""Reader of a folder with one TIFF or EDF per element line, as most programs export it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.io.display import white_of
from xrfsr.io.partial import missing_uncertainties, partial_source
from xrfsr.io.places import Home
from xrfsr.io.raster import Header, read_header
from xrfsr.io.readers.edf import EdfMaps, edf_header
from xrfsr.io.readers.folder_contents import FolderContents, SelectedFiles
from xrfsr.io.readers.tiff import TiffMaps, map_problem
from xrfsr.io.source import ReadOptions, ScanDescription, Source
from xrfsr.utils.describe import describe as describe_value
from xrfsr.utils.describe import listing
from xrfsr.utils.paths import entries

__all__ = ["FolderContents", "SelectedFiles", "describe"]

OPTIONS = frozenset({"quantity", "prefix"})
TIFF, EDF = (".tif", ".tiff"), (".edf",)
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
    # PyMca writes the same maps in both formats, and TIFF needs no further package.
    files = {
        kind: [path / name for name in names if Path(name).suffix.lower() in endings]
        for kind, endings in (("TIFF", TIFF), ("EDF", EDF))
    }
    if not any(files.values()):
        raise InvalidInput(
            f"scan folder '{path}'",
            [f"'{path}' contains no TIFF or EDF file; expected one per element line, named like 'Ca-K.tif'"],
        )
    if not isinstance(options.prefix, str | None):
        faults.append(f"prefix must be the text with which the names begin, got {describe_value(options.prefix)}")
    prefix = options.prefix if isinstance(options.prefix, str) else None
    named = options.lines if isinstance(options.lines, Mapping) else ()
    contents = {kind: FolderContents.classify(listed, prefix, named) for kind, listed in files.items() if listed}
    # A picture in TIFF between maps in EDF is no reason to read nothing.
    kind = next((kind for kind, each in contents.items() if each.has_lines), next(iter(contents)))
    sorted_files = contents[kind]
    if kind == "EDF":
        sorted_files = replace(sorted_files, others=[*sorted_files.others, *files["TIFF"]])
    if options.quantity == "mass_fraction":
        if not sorted_files.fractions:
            faults.append(f"'{path}' has no mass fractions (files such as wFe_Ka.tif); leave quantity out")
        sorted_files = replace(sorted_files, maps=sorted_files.fractions, uncertainties={}, fractions={})
    chosen = sorted_files.select(options.lines, path, faults) if not faults else SelectedFiles({}, {}, None)
    uncertain = [chosen.uncertainties.get(name) for name in chosen.maps]
    home = Home.of(path, external=options.external)
    headers = _headers([*chosen.maps.values(), *filter(None, uncertain)], chosen.mask, home, faults)
    shape = _common_shape(headers, faults)
    if faults and options.lines is None and sorted_files.has_lines:
        faults += sorted_files.unknown_name_faults()
    if faults or shape is None:
        raise InvalidInput(f"scan folder '{path}'", faults)
    return ScanDescription(
        names=tuple(chosen.maps),
        labels=tuple(chosen.maps),
        shape=shape,
        intensity=_source(list(chosen.maps.values()), kind),
        uncertainty=partial_source(lambda files: _source(files, kind), uncertain, shape),
        valid=_mask(chosen.mask, kind) if chosen.mask else None,
        units="dimensionless" if options.quantity == "mass_fraction" else None,
        warnings=tuple(_warnings(path, chosen, uncertain, sorted_files, options)),
        whites=tuple(headers[file][1] for file in chosen.maps.values()),
    )


def _source(files: Sequence[Path], kind: str) -> Source:
    if kind == "EDF":
        return EdfMaps(tuple((file, 0) for file in files))
    return TiffMaps(tuple((file, None, 0) for file in files))


def _mask(file: Path, kind: str) -> Source:
    return EdfMaps(((file, 0),)) if kind == "EDF" else TiffMaps(((file, None, 0),), mask=True)


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
    left_out = files.left_out(options.prefix) if options.lines is None else []
    if left_out:
        example = files.example(left_out)
        fix = f"if one is a map, label it with lines={{'{example}': 'Ca-K'}}"
        other = files.naming.other
        if other and other.prefix != files.naming.affixes.prefix and options.prefix is None:
            fix = f"prefix={other.prefix!r} reads others of them; {fix}"
        listed = listing((file.name for file in left_out), SHOWN)
        warnings.append(f"files that are not named after a line are left out: {listed} in '{path}'; {fix}")
    return warnings


def _headers(
    maps: Sequence[Path], mask: Path | None, home: Home, faults: list[str]
) -> dict[Path, tuple[tuple[int, int], int]]:
    """Return shape and largest number (see `white_of`) of every file, and add the faults of the headers to `faults`."""
    found: dict[Path, tuple[tuple[int, int], int]] = {}
    for file in [*maps, *([mask] if mask else [])]:
        with collect_faults(faults):
            home.check([file])
            if file.suffix.lower() in EDF:
                shape, images, white = edf_header(file)
                if len(shape) != 2 or images != 1:
                    faults.append(f"{file.name} has {images} images of shape {shape}; expected one grey map per file")
                else:
                    found[file] = (shape[0], shape[1]), white
                continue
            header = read_header(file)
            if problem := _problem(header, is_mask=file == mask):
                faults.append(f"{file.name} {problem}")
            else:
                found[file] = header.shape, white_of(header.dtype, header.white)
    return found


def _common_shape(headers: Mapping[Path, tuple[tuple[int, int], int]], faults: list[str]) -> tuple[int, int] | None:
    """Return the shape of most files, and add the others to `faults`."""
    shapes = {file: shape for file, (shape, _) in headers.items()}
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
