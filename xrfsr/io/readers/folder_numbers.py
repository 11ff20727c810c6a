"""Running numbers and dates in the names of files: ``01_Ca_K``, ``02_Fe_K``, or ``Ca_K_001``, ``Fe_K_002``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from xrfsr.core.lines import try_parse
from xrfsr.io.selection import derived_names

__all__ = ["date_in", "without_numbers"]

SEPARATORS = r"[_\-. ]+"
_MONTH, _DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
# 2024-05-01, 20240501, 01.05.2024, 240501. A date as a whole is one number.
DATE = (
    rf"(?:(?:19|20)\d\d[-_. ]?{_MONTH}[-_. ]?{_DAY}|\d{{1,2}}[-_. ]\d{{1,2}}[-_. ](?:19|20)\d\d|"
    rf"(?:1[5-9]|2\d){_MONTH}{_DAY})"
)
DIGITS = rf"(?:{DATE}|\d+(?:[.,]\d+)?)"
BEFORE = re.compile(rf"(?<![^_\-. ])(?P<number>{DIGITS})(?P<gap>{SEPARATORS})")
AFTER = re.compile(rf"(?P<gap>{SEPARATORS})(?P<number>{DIGITS})(?![^_\-. ])")
DATED = re.compile(rf"(?<![^_\-. ]){DATE}(?![^_\-. ])")


class _Template(NamedTuple):
    """Text around a number: `start`, the number, `middle`, the name of a line, `end`; reversed if `behind`."""

    start: str
    gap: str
    middle: str
    end: str
    behind: bool

    def pattern(self) -> re.Pattern[str]:
        start, gap, middle, end = map(re.escape, self[:4])
        if self.behind:
            return re.compile(rf"(?P<left>{end}.+{start})(?:{gap})(?:{DIGITS})(?P<right>{middle})", re.DOTALL)
        return re.compile(rf"(?P<left>{start})(?:{DIGITS})(?:{gap})(?P<right>{middle}.+{end})", re.DOTALL)


@dataclass(slots=True)
class _Numbered:
    """Names with the same text around number and line, each with its number and its line."""

    numbers: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)

    def without_derived(self) -> _Numbered:
        """Leave out uncertainties, which may have the number of their map."""
        derived = derived_names(self.names.values())
        kept = [stem for stem, name in self.names.items() if name not in derived]
        return _Numbered(*({stem: each[stem] for stem in kept} for each in (self.numbers, self.names, self.plain)))

    @property
    def labels(self) -> set[str]:
        return {line.label.casefold() for name in self.names.values() if (line := try_parse(name))}


def date_in(stem: str) -> str:
    """Return the date in the name of a file, or an empty text.

    Examples
    --------
    >>> date_in("2024-05-01_Ca_K"), date_in("01_Ca_K")
    ('2024-05-01', '')
    """
    match = DATED.search(stem)
    return match[0] if match else ""


def without_numbers(elements: Mapping[str, Collection[tuple[str, str]]]) -> dict[str, str]:
    """Return the names that have a running number, and what remains of them without it and its separator.

    A number runs if it differs in all names of maps, and no two of these are the same line: ``1_Ca_K``, ``1_Fe_K``,
    ``2_Ca_K`` are two scans.

    Parameters
    ----------
    elements : mapping of str to collection of (str, str)
        Names of all files, each with the prefixes and suffixes without which it is an element line.

    Examples
    --------
    >>> without_numbers({"01_Ca_K": [("01_", "")], "02_Fe_K": [("02_", "")], "03_BSE": []})
    {'01_Ca_K': 'Ca_K', '02_Fe_K': 'Fe_K', '03_BSE': 'BSE'}
    """
    groups: dict[_Template, _Numbered] = {}
    shared: dict[tuple[str, str], int] = {}
    for stem, readings in elements.items():
        for prefix, suffix in readings:
            shared[prefix, suffix] = shared.get((prefix, suffix), 0) + 1
            name = stem[len(prefix) : len(stem) - len(suffix)]
            for behind, text, found in ((False, prefix, BEFORE), (True, suffix, AFTER)):
                for match in found.finditer(text):
                    start, rest = text[: match.start()], text[match.end() :]
                    template = _Template(start, match["gap"], rest, prefix if behind else suffix, behind)
                    group = groups.setdefault(template, _Numbered())
                    group.numbers[stem] = match["number"].lstrip("0")
                    group.names[stem] = name
                    group.plain[stem] = f"{prefix}{name}{start}{rest}" if behind else f"{start}{rest}{name}{suffix}"
    bare = {stem for stem, readings in elements.items() if ("", "") in readings}
    several = {stem for stem, readings in elements.items() if len(readings) > 1}
    shared.pop(("", ""), None)
    plain: dict[str, str] = {}
    taken = set(elements)
    for template, every in groups.items():
        group = every.without_derived()
        if _runs(group, bare, several, max(shared.values(), default=0)) and taken.isdisjoint(group.plain.values()):
            pattern = template.pattern()
            for stem in elements:
                other = pattern.fullmatch(stem)
                short = every.plain.get(stem) or (other["left"] + other["right"] if other else stem)
                if short not in taken and stem not in plain:
                    plain[stem] = short
                    taken.add(short)
    return plain


def _runs(group: _Numbered, bare: set[str], several: set[str], shared: int) -> bool:
    """Return whether the numbers of a group run, and no other reading of as many names is simpler."""
    count = len(group.numbers)
    if count < 2 or count <= shared or len(set(group.numbers.values())) < count or len(group.labels) < count:
        return False
    own = several & set(group.numbers)  # Pb_L_1 may be the line Pb-L1: other names have to show that it is not
    apart = {line.label.casefold() for stem in bare - set(group.numbers) if (line := try_parse(stem))}
    return (not own or count - len(own) >= 2) and count >= len(apart) and not apart & group.labels
