"""Names of emission lines: the spellings in use, and the one canonical label.

Fitting programs write the same line in many ways (`Ca-Ka`, `Ca_K`, `Ca Kα`, `Fe`, `s(Fe_Ka)`). Here they become
`El-Family`: the element, a hyphen, and a shell (`Ca-K`), a group (`Fe-Ka`), a single line (`Pb-Lb1`) or an initial
level (`W-L1`). An unknown label is reported, never guessed.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import Literal

from xrfsr.core.labels import label_list
from xrfsr.errors import InvalidInput
from xrfsr.utils.checks import is_integer
from xrfsr.utils.describe import describe

__all__ = ["Kind", "Line", "emission", "overlaps", "parse", "parse_all"]

Kind = Literal["element", "scatter", "diagnostic"]

# keV. A bare symbol means the K line (the convention of MAPS). X-ray tubes end at 50 to 60 kV and detectors are thin,
# so nobody maps a K line above this energy: a bare "Pb" or "Au" means L or M, and which of the two is unknown.
BARE_LIMIT = 40.0
SOFTEST = 1.5  # keV; a hint names no L or M line below it, which air and window stop

_NAMES: dict[str, Kind] = {
    # PyXRF
    "compton": "scatter",
    "elastic": "scatter",
    "snip_bkg": "diagnostic",
    "r_factor": "diagnostic",
    "r2_adjust": "diagnostic",
    "sel_cnt": "diagnostic",
    "total_cnt": "diagnostic",
    # MAPS, XRF-Maps, MapsTorch
    "compton_amplitude": "scatter",
    "coherent_sct_amplitude": "scatter",
    "sum_elastic_inelastic": "scatter",
    "num_iter": "diagnostic",
    "fit_residual": "diagnostic",
    "total_fluorescence_yield": "diagnostic",
    "tfy": "diagnostic",
    # General
    "scatter": "scatter",
    "rayleigh": "scatter",
    "coherent": "scatter",
    "incoherent": "scatter",
    "inelastic": "scatter",
    "background": "diagnostic",
    "bkg": "diagnostic",
    "chisq": "diagnostic",
    "chi_sq": "diagnostic",
    "chi2": "diagnostic",
    "residual": "diagnostic",
}
# Numbered maps: PyMca's Scatter_Peak000 and Scatter_Compton000, PyXRF's Userpeak1.
_NUMBERED: dict[str, Kind] = {r"scatter_(peak|compton)\d*": "scatter", r"userpeak\d+": "diagnostic"}

_LETTERS = {
    **dict.fromkeys(("a", "alpha", "α"), "a"),
    **dict.fromkeys(("b", "beta", "β"), "b"),
    **dict.fromkeys(("g", "gamma", "γ"), "g"),
    **dict.fromkeys(("z", "zeta", "ζ"), "z"),
    **dict.fromkeys(("n", "eta", "η"), "n"),
    "l": "l",
}
_FAMILY = re.compile(
    rf"(?P<shell>[KLM])[ _-]*(?:(?P<level>\d)|(?P<letter>{'|'.join(sorted(_LETTERS, key=len, reverse=True))})"
    r"[ _-]*(?P<numbers>\d+(?:,\d+)*)?)?",
    re.IGNORECASE,
)
_SEPARATED = re.compile(r"(?P<element>[A-Za-z]{1,2})[ _-]+(?P<rest>.+)")
_JOINED = re.compile(r"(?P<element>[A-Z][a-z]?)(?P<rest>[KLM].*)")
_UNCERTAINTY = re.compile(r"s\((?P<label>.+)\)")
# MAPS writes a pile-up peak as Si_Cl, PyXRF as Si_Ka1-Si_Ka1.
_PILE_UP = re.compile(r"(?P<first>[A-Z][a-z]?)(_[KLM]\w*)?[_+-](?P<second>[A-Z][a-z]?)(_[KLM]\w*)?")


@dataclass(frozen=True, slots=True)
class Line:
    """Meaning of one map.

    Parameters
    ----------
    label : str
        Canonical label such as ``"Ca-K"``; for a map of another kind, its name with blanks and hyphens unified.
    element : str
        Chemical symbol, empty if `kind` is not ``"element"``.
    family : str
        Shell letter ``"K"``, ``"L"`` or ``"M"``, or empty.
    energy : float
        Mean energy of the emission in keV, or NaN.
    kind : {"element", "scatter", "diagnostic"}
    uncertainty : bool
        Whether the label names the uncertainty of that line, ``s(Fe_Ka)``.
    transitions : frozenset of str
        Single lines that the label comprises, by their Siegbahn names in xraydb.
    """

    label: str
    element: str = ""
    family: str = ""
    energy: float = math.nan
    kind: Kind = "element"
    uncertainty: bool = False
    transitions: frozenset[str] = frozenset()


def parse(label: str) -> Line:
    """Parse one label.

    Parameters
    ----------
    label : str
        Label in any of the spellings in use: ``Ca-Ka``, ``Ca_K``, ``Ca_Ka``, ``Ca Kα``, ``Fe`` (the K line),
        ``Pb_L``, ``W_L1`` (lines from the initial level L1, as in PyMca), ``s(Fe_Ka)``; upper and lower case are
        equivalent if a family is given. Names of scatter, fit and pile-up maps are known too.

    Returns
    -------
    Line
        Line whose energy is the mean of the family's single lines, weighted by their intensity. Within one initial
        level these are the intensities of [1]_; the levels of a shell are weighted by their share of the
        absorption just above the shell's edges times their fluorescence yield. Coster-Kronig transfer and the
        dependence on the excitation energy are neglected.

    Raises
    ------
    InvalidInput
        If the label is unknown, names a line that the element does not have, or is a bare heavy element.

    References
    ----------
    .. [1] W. T. Elam, B. D. Ravel, J. R. Sieber, "A new atomic database for X-ray spectroscopic calculations",
       Radiation Physics and Chemistry 63 (2002) 121-128, from the package xraydb.

    Examples
    --------
    >>> line = parse("Ca Kα")
    >>> line.label, line.element, line.family, round(line.energy, 2)
    ('Ca-Ka', 'Ca', 'K', 3.69)
    >>> parse("Scatter_Compton000").kind
    'scatter'
    """
    found = _understand(label)
    if isinstance(found, str):
        raise InvalidInput("line label", [found])
    return found


def parse_all(labels: Iterable[str]) -> list[Line]:
    """Parse many labels, and report all their faults at once.

    Parameters
    ----------
    labels : iterable of str

    Returns
    -------
    list of Line
        Lines in the order of the labels.

    Raises
    ------
    InvalidInput
        Naming every unknown label and every line that is named twice, in whatever spellings.

    Examples
    --------
    >>> [line.label for line in parse_all(["Ca_K", "Pb_L", "Fe"])]
    ['Ca-K', 'Pb-L', 'Fe-K']
    """
    given = label_list(labels)
    lines: list[Line] = []
    faults: list[str] = []
    seen: dict[tuple[str, bool], str] = {}
    for label in given:
        found = _understand(label)
        if isinstance(found, str):
            faults.append(found)
            continue
        lines.append(found)
        key = (found.label.casefold(), found.uncertainty)
        if key in seen:
            faults.append(
                f"{describe(label)} and {describe(seen[key])} are the same line, {found.label}; drop or rename one"
            )
        seen.setdefault(key, label)
    if faults:
        raise InvalidInput("line labels", faults)
    return lines


def overlaps(lines: Iterable[Line]) -> list[tuple[str, str]]:
    """Pairs of labels that count the same photons twice, such as Fe-K and Fe-Ka.

    Examples
    --------
    >>> overlaps(parse_all(["Fe-Ka", "Fe-Kb", "Fe-K", "Ca-K"]))
    [('Fe-Ka', 'Fe-K'), ('Fe-Kb', 'Fe-K')]
    """
    elements = [line for line in lines if line.kind == "element" and not line.uncertainty]
    return [
        (a.label, b.label)
        for a, b in combinations(elements, 2)
        if a.element == b.element and a.transitions & b.transitions
    ]


def emission(element: str) -> dict[str, tuple[float, float]]:
    """Energy in keV and intensity of every single line of an element, by Siegbahn name.

    Intensities have the weights of `parse` and are comparable within one shell only; the ratio of shells depends on
    the excitation.

    Examples
    --------
    >>> energy, _ = emission("Pb")["La1"]
    >>> round(energy, 2)
    10.55
    """
    return {name: (line.energy, line.weight) for name, line in _transitions(element).items()}


def _understand(label: object) -> Line | str:
    """Return the line that `label` names, or the fault of the label."""
    if not isinstance(label, str):
        from xrfsr.core.line_hints import number_hint

        number = int(label) if is_integer(label) else 0
        fix = f"; {found}" if (found := number_hint(number, _mapped())) else ""
        return f"labels must be text such as 'Ca-K', got {describe(label)}{fix}"
    return _read(str(label))


@lru_cache(maxsize=4096)
def _read(label: str) -> Line | str:
    text = " ".join(unicodedata.normalize("NFKC", label).split())
    if match := _UNCERTAINTY.fullmatch(text):
        inner = _read(match["label"])
        if isinstance(inner, str):
            return inner
        return replace(inner, uncertainty=True)
    tidy = re.sub(r"[ _-]+", "_", text)
    if kind := _named_kind(tidy.casefold()):
        return Line(tidy, kind=kind)
    if text in _symbols():
        return _bare(label, text)
    for pattern in (_SEPARATED, _JOINED):
        match = pattern.fullmatch(text)
        family = match and _FAMILY.fullmatch(match["rest"])
        if match and family and (element := _symbol(match["element"])):
            return _element_line(label, element, family)
    pair = _PILE_UP.fullmatch(text.replace(" ", ""))
    if pair and {pair["first"], pair["second"]} <= _symbols():
        return Line(text.replace(" ", ""), kind="diagnostic")
    from xrfsr.core.line_hints import hint  # for messages alone

    return f"unknown line {describe(label)}; {hint(text, _mapped())}"


def _named_kind(name: str) -> Kind | None:
    if name in _NAMES:
        return _NAMES[name]
    return next((kind for pattern, kind in _NUMBERED.items() if re.fullmatch(pattern, name)), None)


@lru_cache(maxsize=1)
def _symbols() -> frozenset[str]:
    """Symbols of the elements with tabulated lines."""
    from xraydb import atomic_symbol

    return frozenset(atomic_symbol(number) for number in range(1, 99))


def _symbol(text: str) -> str | None:
    # "CA" and "ca" can only be calcium, but "sI" may be silicon or the uncertainty of iodine.
    regular = text.istitle() or text.isupper() or text.islower()
    return text.capitalize() if regular and text.capitalize() in _symbols() else None


@dataclass(frozen=True, slots=True)
class _Transition:
    energy: float
    """keV."""
    level: str
    """Initial level."""
    weight: float
    """Relative intensity within the shell."""


@lru_cache(maxsize=128)
def _transitions(element: str) -> dict[str, _Transition]:
    """Return all single lines of an element by Siegbahn name."""
    from xraydb import xray_edges, xray_lines

    edges = xray_edges(element)
    emission: dict[str, float] = {}
    for shell in "KLM":
        remaining = 1.0
        for level in (name for name in edges if name.startswith(shell)):
            share = 1.0 - 1.0 / edges[level].jump_ratio
            emission[level] = remaining * share * edges[level].fyield
            remaining -= remaining * share
    return {
        # Mz is tabulated for two levels at once, "M4,5"; it is assigned to M5, the stronger emitter.
        name: _Transition(line.energy / 1000.0, level, line.intensity * emission.get(level, 0.0))
        for name, line in xray_lines(element).items()
        for level in [line.initial_level.replace("4,", "")]
    }


def _select(element: str, family: re.Match[str]) -> tuple[str, frozenset[str]]:
    """Canonical text of a family, and the single lines that belong to it."""
    shell = family["shell"].upper()
    table = _transitions(element)
    if family["level"]:
        name = shell + family["level"]
        return name, frozenset(key for key, line in table.items() if line.level == name)
    if not family["letter"]:
        return shell, frozenset(key for key in table if key.startswith(shell))
    group = shell + _LETTERS[family["letter"].lower()]
    members = {key: set(key[2:].split(",")) for key in table if key.startswith(group)}
    if not family["numbers"]:
        return group, frozenset(members)
    wanted = set(family["numbers"].split(","))
    chosen = {key for key, numbers in members.items() if numbers & wanted}
    complete = wanted <= set().union(*(members[key] for key in chosen))
    return group + family["numbers"], frozenset(chosen if complete else ())


def _element_line(label: str, element: str, family: re.Match[str]) -> Line | str:
    name, chosen = _select(element, family)
    if not chosen:
        existing = ", ".join(f"{element}-{known}" for known in _families(element))
        return f"{describe(label)}: {element} has no {name} line; its lines are {existing or 'not tabulated'}"
    return Line(f"{element}-{name}", element, name[0], _energy(element, chosen), transitions=chosen)


def _bare(label: str, element: str) -> Line | str:
    """Return the K line for a symbol alone, if an X-ray tube can excite it."""
    match = _FAMILY.fullmatch("K")
    assert match is not None
    line = _element_line(label, element, match)
    if isinstance(line, Line) and line.energy > BARE_LIMIT:
        choices = " or ".join(f"'{element}-{shell}'" for shell in "LM")
        return (
            f"{label!r} alone would mean the K line at {line.energy:.0f} keV, which an X-ray tube cannot excite; "
            f"write {choices}"
        )
    return line


def _energy(element: str, names: frozenset[str]) -> float:
    lines = [_transitions(element)[name] for name in sorted(names)]
    total = math.fsum(line.weight for line in lines)
    if total == 0:
        # Yields of the outermost levels are tabulated as zero; all their lines are within a few eV.
        return math.fsum(line.energy for line in lines) / len(lines)
    return math.fsum(line.energy * line.weight for line in lines) / total


def _families(element: str) -> list[str]:
    """Return the families of an element that are commonly mapped, for messages."""
    table = _transitions(element)
    groups = dict.fromkeys(key[:2] for key in table if key[1] in "abg")
    shells = dict.fromkeys(key[0] for key in table)
    return sorted([*shells, *groups])


@lru_cache(maxsize=1)
def _mapped() -> dict[str, str]:
    """Shells of every element, by atomic number, whose lines a scanner maps."""
    from xraydb import atomic_symbol

    found = {}
    for element in (atomic_symbol(number) for number in range(1, 99)):
        shells = {name[0] for name in _transitions(element)}
        energies = {shell: _energy(element, _members(element, shell)) for shell in shells}
        found[element] = "".join(
            shell
            for shell in sorted(shells)
            if (shell == "K" or energies[shell] > SOFTEST) and energies[shell] <= BARE_LIMIT
        )
    return found


def _members(element: str, shell: str) -> frozenset[str]:
    return frozenset(name for name in _transitions(element) if name.startswith(shell))
