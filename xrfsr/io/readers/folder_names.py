"""Names of the files in a folder: the prefix and suffix that its maps share, and the files that are no maps."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from xrfsr.core.lines import try_parse
from xrfsr.core.transitions import symbols
from xrfsr.io.readers.folder_numbers import without_numbers
from xrfsr.io.selection import derived_names

__all__ = ["Affixes", "NamedMaps", "find_maps"]

SEPARATOR = re.compile(r"[_\-. ]+")
MOST_PARTS = 6  # of the name of a line, between separators: Ca_Ka1_Fe_Ka1 has four
MOST_SETS = 10  # of maps with one prefix and suffix that are distinguished
# What programs add to the names of maps. Any other suffix counts only if several maps have it.
SUFFIX = re.compile(
    r"([_\-. ]+(raw|net|norm(ali[sz]ed)?|corr(ected)?|cps|counts?|areas?|fit(ted)?|scaled|maps?|images?|img|"
    r"(8|16|32)[_\- ]?bit|u?int(8|16|32)|float(32|64)?))+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Affixes:
    """What is around the name of a line in the names of files.

    Attributes
    ----------
    prefix, suffix : str
        Text with its separator, such as ``"scan1_"`` and ``"_raw"``; may be empty.
    """

    prefix: str = ""
    suffix: str = ""

    def strip(self, stem: str) -> str | None:
        """Return the name of the map; None for a name that lacks prefix or suffix, or has nothing else."""
        if not (stem.startswith(self.prefix) and stem.endswith(self.suffix)):
            return None
        return stem[len(self.prefix) : len(stem) - len(self.suffix)] or None

    def __str__(self) -> str:
        return f"'{self.prefix}*{self.suffix}'"


@dataclass(frozen=True, slots=True)
class NamedMaps:
    """Affixes of the maps in a folder.

    Attributes
    ----------
    affixes : Affixes
        Prefix and suffix of the maps to read.
    rivals : tuple of Affixes
        Prefixes and suffixes with which as many files are named after element lines, so that the caller has to choose.
    missing : tuple of str
        Prefixes of the maps if none has the one that the caller wants.
    other : Affixes or None
        Prefix and suffix of most of the element maps among the rest.
    bare : frozenset of str
        Names that are maps without prefix and suffix, although most maps have them.
    plain : dict of str to str
        Names without their running number.
    """

    affixes: Affixes
    rivals: tuple[Affixes, ...] = ()
    other: Affixes | None = None
    missing: tuple[str, ...] = ()
    bare: frozenset[str] = frozenset()
    plain: Mapping[str, str] = field(default_factory=dict)

    def strip(self, stem: str) -> str | None:
        """Return the name of the map; None for a file that is named otherwise than the maps."""
        plain = self.plain.get(stem, stem)
        return plain if plain in self.bare else self.affixes.strip(plain)


def find_maps(stems: Sequence[str], prefix: str | None = None, named: Collection[object] = ()) -> NamedMaps:
    """Find the prefix and suffix without which most names are element lines.

    Both begin or end at a separator: ``Fe_Ka`` and ``Fe_Kb`` share ``Fe_K``, which is no prefix. Names without prefix
    and suffix are preferred to others, and shorter ones to longer ones. Running numbers come off first. Names that are
    lines by themselves are maps among others with a prefix, too, unless two maps would be the same line.

    Parameters
    ----------
    stems : sequence of str
        Names of files without the ending.
    prefix : str, optional
        Prefix that the caller wants, with or without its separator; any if it is left out.
    named : collection of str
        Names that are maps whether they are lines or not.

    Examples
    --------
    >>> find_maps(["scan1_Ca_K_raw", "scan1_Fe_K_raw", "scan1_i0_raw", "BSE"]).affixes
    Affixes(prefix='scan1_', suffix='_raw')
    """
    stems = list(dict.fromkeys(stems))  # Fe_Ka.tif and Fe_Ka.tiff
    if prefix is None and not named:
        # PyMca's sums over regions of interest, of which those without background are wanted.
        stems = [stem for stem in stems if "ROI_" not in stem or f"{stem}_Net" not in stems]
    given = stems
    elements = {
        stem: [(each.prefix, each.suffix) for each, element in _readings(stem, ()) if element] for stem in stems
    }
    plain = without_numbers(elements)
    if prefix is not None and any(_bare(start) == _bare(prefix) for each in elements.values() for start, _ in each):
        plain = {}  # prefix="01_" asks for this number
    stems = [plain.get(stem, stem) for stem in stems]
    found = _counts(stems, named)
    if prefix is not None:
        found = {each: names for each, names in found.items() if _bare(each.prefix) == _bare(prefix)}
    if not found:
        naming = find_maps(given) if prefix is not None else NamedMaps(Affixes())
        there = dict.fromkeys(each.prefix for each in (naming.affixes, naming.other) if each)
        return NamedMaps(Affixes(prefix or ""), missing=tuple(there) if prefix is not None else (), plain=plain)
    best = _best(found)
    if prefix is None and best == Affixes():
        best = _equal(found)
    bare = _bare_maps(found, best) if prefix is None else frozenset()
    most = _elements(found[best].values())
    ours = {name: stem for stem in stems if (name := best.strip(stem))}
    derived = derived_names([*bare, *(stem for stem in stems if best.strip(stem) is None)])
    bare |= {name for name, (_, line) in derived.items() if line in bare}
    done = {*found[best], *(ours[name] for name in derived_names(ours)), *bare}
    others: list[tuple[Affixes, int]] = []
    for _ in range(MOST_SETS):
        if not (rest := _counts((stem for stem in stems if stem not in done), ())):
            break
        other = _best(rest)
        others.append((other, _elements(rest[other].values())))
        done |= set(rest[other])
    rivals = [other for other, count in others if count == most > 0]
    choose = rivals and best != Affixes() and prefix is None
    other_prefix = others[0][0] if others and others[0][1] else None
    return NamedMaps(best, (best, *rivals) if choose else (), other_prefix, bare=bare, plain=plain)


def _bare_maps(found: Mapping[Affixes, Mapping[str, bool]], affixes: Affixes) -> frozenset[str]:
    """Return the names that are lines by themselves, unless these or the maps with affixes have a line twice."""
    ours = found[affixes]
    bare = [
        stem
        for stem in found.get(Affixes(), ())
        # S_K is potassium, and no line of sulphur, if the others are S_Ca and S_Fe.
        if stem not in ours and try_parse(stem) and not (affixes.prefix and affixes.strip(stem) in symbols())
    ]
    names = [*bare, *filter(None, map(affixes.strip, ours))]
    labels = [line.label.casefold() for name in names if (line := try_parse(name))]
    return frozenset(bare) if len(set(labels)) == len(labels) else frozenset()


def _equal(found: Mapping[Affixes, Mapping[str, bool]]) -> Affixes:
    """Return the only affixes of as many maps as there are without any, which then join them; else none."""
    most = _elements(found[Affixes()].values())
    equal = [
        affixes
        for affixes, names in found.items()
        if affixes != Affixes() and _elements(names.values()) == most > 1 and not set(names) & set(found[Affixes()])
    ]
    return equal[0] if len(equal) == 1 and _bare_maps(found, equal[0]) else Affixes()


def _bare(prefix: str) -> str:
    return re.sub(rf"{SEPARATOR.pattern}$", "", prefix)


def _counts(stems: Iterable[str], named: Collection[object]) -> dict[Affixes, dict[str, bool]]:
    """Return the names that are lines without each prefix and suffix, and whether they are element lines."""
    found: dict[Affixes, dict[str, bool]] = {}
    every = list(stems)
    for stem in every:
        for affixes, is_element in _readings(stem, named):
            found.setdefault(affixes, {})[stem] = is_element
    return {affixes: names for affixes, names in found.items() if _is_credible(affixes, names, len(every))}


def _is_credible(affixes: Affixes, names: Mapping[str, bool], count: int) -> bool:
    """Return whether a prefix and suffix is more than chance."""
    several = _elements(names.values()) > 1
    known = not affixes.suffix or SUFFIX.fullmatch(affixes.suffix) is not None
    # A symbol alone is left of many a name: old_K is no map of potassium, unless all files are old.
    symbol = affixes.prefix and all(affixes.strip(stem) in symbols() for stem in names)
    return (known or several) and not (symbol and not several and len(names) < count)


def _readings(stem: str, named: Collection[object]) -> Iterator[tuple[Affixes, bool]]:
    """Yield the prefixes and suffixes without which a name is a line, and whether it is an element line."""
    breaks = [match.span() for match in SEPARATOR.finditer(stem)]
    starts, stops = [0, *(end for _, end in breaks)], [*(start for start, _ in breaks), len(stem)]
    read: dict[tuple[int, int], bool] = {}
    for first, start in enumerate(starts):
        for stop in stops[first : first + MOST_PARTS]:
            name = stem[start:stop]
            line = try_parse(name)
            if name in named or (line and not line.uncertainty):
                # A label for the whole name says nothing about its parts.
                read[start, stop] = name != stem if line is None else line.kind == "element"
    for (start, stop), is_element in read.items():
        # The second line of a pile-up, and a symbol that is followed by its line, are no maps by themselves.
        is_part = any(
            begin <= start and stop <= end and (begin, end) != (start, stop)
            for (begin, end), element in read.items()
            if not element or stem[start:stop] in symbols()
        )
        if not is_part:
            yield Affixes(stem[:start], stem[stop:]), is_element


def _elements(kinds: Iterable[bool]) -> int:
    return sum(kinds)


def _best(found: Mapping[Affixes, Mapping[str, bool]]) -> Affixes:
    def rank(affixes: Affixes) -> tuple[int, int, int]:
        # Elements count first: 'F_Ca_K' is a map of a painting 'F'.
        names = found[affixes]
        return _elements(names.values()), len(names), -len(affixes.prefix) - len(affixes.suffix)

    return max(found, key=rank)
