"""Families of emission lines: what follows the element in a label, in Siegbahn's, IUPAC's and other notations."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xrfsr.core.transitions import transitions

__all__ = ["common_families", "read_family"]

_LETTERS = {
    **dict.fromkeys(("a", "alpha", "α"), "a"),
    **dict.fromkeys(("b", "beta", "β"), "b"),
    **dict.fromkeys(("g", "gamma", "γ"), "g"),
    **dict.fromkeys(("z", "zeta", "ζ"), "z"),
    **dict.fromkeys(("n", "eta", "η"), "n"),
    "l": "l",
}
# Numbers are separated by commas, or in names of files (AZtec: "Cu Lα1_2") by underscores.
_SIEGBAHN = re.compile(
    rf"(?P<shell>[KLM])[ _-]*(?:(?P<level>\d)|(?P<letter>{'|'.join(sorted(_LETTERS, key=len, reverse=True))})"
    r"[ _-]*(?P<numbers>\d+(?:[,_]\d+)*)?)?",
    re.IGNORECASE,
)
# Initial and final level: KL3, L3-M5, L3_M5, K-L2,3. In Ca_K_M6 no transition is meant.
_IUPAC = re.compile(
    r"(?P<initial>K(?=[-L-P])|L[123]|M[1-5])[ _-]?(?P<shell>[L-P])(?P<numbers>\d(?:[,_]\d)*)", re.IGNORECASE
)
# AZtec writes "Al K series"; others repeat the shell, as in Ti_K_Kalpha and Fe_K_KL3.
_WORDS = re.compile(r"[ _-]+(?:series|lines?)", re.IGNORECASE)
_REPEATED = re.compile(r"(?P<shell>[KLM]\d?)[ _-]+(?P<rest>(?P=shell).+)", re.IGNORECASE)

# Lines of which the table holds only the sum, or only the stronger one.
_UNNUMBERED = {"Ma": {"1", "2"}, "Mb": {"1"}, "Mg": {"1"}, "Mz": {"1", "2"}}
_PARTS = {
    ("Lb2,15", "N5"): "Lb2",
    ("Lb2,15", "N4"): "Lb15",
    ("Ma", "N7"): "Ma1",
    ("Ma", "N6"): "Ma2",
    ("Mz", "N3"): "Mz1",
    ("Mz", "N2"): "Mz2",
}


def read_family(element: str, text: str) -> tuple[str, frozenset[str]] | None:
    """Read the part of a label that follows the element.

    Parameters
    ----------
    element : str
        Chemical symbol.
    text : str
        Rest of the label, such as ``"Ka"``, ``"Lβ1"``, ``"L3"``, ``"KL3"``, ``"K series"``.

    Returns
    -------
    (str, frozenset of str) or None
        Canonical name of the family and the single lines of the element that belong to it, of which there may be none;
        None for a text that names no family.

    Examples
    --------
    >>> name, lines = read_family("Fe", "K-L2,3")
    >>> name, sorted(lines)
    ('Ka1,2', ['Ka1', 'Ka2'])
    >>> read_family("Fe", "Max") is None
    True
    """
    if match := _WORDS.search(text):
        if match.end() != len(text):
            return None
        text = text[: match.start()]
    if match := _REPEATED.fullmatch(text):
        return read_family(element, match["rest"])
    if match := _IUPAC.fullmatch(text):
        return _iupac(element, match["initial"].upper(), match["shell"].upper(), _numbers(match["numbers"]))
    match = _SIEGBAHN.fullmatch(text)
    if match is None or (str(match["letter"]).lower() == "l" and match["shell"].upper() != "L"):
        return None
    shell, table = match["shell"].upper(), transitions(element)
    if match["level"]:
        name = shell + match["level"]
        return name, frozenset(key for key, line in table.items() if line.level == name)
    if not match["letter"]:
        return shell, frozenset(key for key in table if key.startswith(shell))
    return _siegbahn(element, shell + _LETTERS[match["letter"].lower()], _numbers(match["numbers"] or ""))


def common_families(element: str) -> list[str]:
    """Return the families of an element that are commonly mapped, for messages."""
    table = transitions(element)
    groups = dict.fromkeys(key[:2] for key in table if key[1] in "abg")
    shells = dict.fromkeys(key[0] for key in table)
    return sorted([*shells, *groups])


def _numbers(text: str) -> list[str]:
    return sorted({*re.split("[,_]", text)} - {""}, key=int)


def _siegbahn(element: str, group: str, numbers: list[str]) -> tuple[str, frozenset[str]]:
    members = {
        key: {*key[2:].split(",")} - {""} or _UNNUMBERED.get(key, set())
        for key in transitions(element)
        if key.startswith(group)
    }
    if not numbers:
        return group, frozenset(members)
    known = set().union(*members.values())
    # Kα₁₂ has its indices without a comma.
    if len(numbers) == 1 and not known & set(numbers) and known.issuperset(numbers[0]):
        numbers = _numbers(",".join(numbers[0]))
    chosen = frozenset(key for key, own in members.items() if own & set(numbers))
    return group + ",".join(numbers), chosen if known.issuperset(numbers) else frozenset()


def _iupac(element: str, initial: str, shell: str, numbers: list[str]) -> tuple[str, frozenset[str]]:
    wanted = {shell + number for number in numbers}
    table = transitions(element)
    # The table has Mz for M4 and M5 at once.
    chosen = [
        name
        for name, line in table.items()
        if line.finals & wanted and (line.level == initial or (name, initial) == ("Mz", "M4"))
    ]
    spelled = f"{initial}{shell}{','.join(numbers)}"
    groups = {name[:2] for name in chosen}
    if len(groups) != 1 or not wanted <= set().union(*(table[name].finals for name in chosen)):
        return spelled, frozenset()
    level = "".join(wanted) if len(wanted) == 1 else ""
    return _merged(_PARTS.get((name, level), name) for name in chosen), frozenset(chosen)


def _merged(names: Iterable[str]) -> str:
    """Return one Siegbahn name for lines of one group: Ka1 and Ka2 are Ka1,2."""
    listed = list(names)
    return listed[0][:2] + ",".join(_numbers(",".join(name[2:] for name in listed)))
