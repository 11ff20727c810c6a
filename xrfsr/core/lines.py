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
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations
from typing import Literal

from xrfsr.core.families import common_families, read_family
from xrfsr.core.labels import label_list
from xrfsr.core.pile_up import pile_up_label
from xrfsr.core.transitions import BARE_LIMIT, emission, mapped_shells, mean_energy, symbols
from xrfsr.errors import InvalidInput
from xrfsr.utils.checks import is_integer
from xrfsr.utils.describe import describe

__all__ = ["Kind", "Line", "emission", "overlaps", "parse", "parse_all", "try_parse"]

Kind = Literal["element", "scatter", "diagnostic"]

LONGEST = 60  # letters of a label in which a hint looks for a line

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
    "s_i": "scatter",
    "s_e": "scatter",
    "s_a": "scatter",
    "bkgnd": "diagnostic",
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

_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
_SEPARATED = re.compile(r"(?P<element>[A-Za-z]{1,2})[ _-]+(?P<rest>.+)")
_JOINED = re.compile(r"(?P<element>[A-Z][a-z]?)(?P<rest>[KLM].*)")
_UNCERTAINTY = re.compile(r"s\((?P<label>.+)\)")


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
    transitions: frozenset[str] = field(default=frozenset(), repr=False)  # up to twenty names


def parse(label: str) -> Line:
    """Parse one label.

    Parameters
    ----------
    label : str
        Label in any of the spellings in use: ``Ca-Ka``, ``Ca_K``, ``Ca_Ka``, ``Ca Kα``, ``Fe`` (the K line),
        ``Pb_L``, ``W_L1`` (lines from the initial level L1, as in PyMca), ``Pb-L3M5`` (IUPAC), ``Al K series``,
        ``s(Fe_Ka)``; upper and lower case are equivalent if a family is given. Names of scatter, fit and pile-up maps
        are known too; a pile-up is two lines, each with element and family: ``Fe_Ka_Fe_Ka``, ``Ca_K+Fe_K``.

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


def try_parse(label: object) -> Line | None:
    """Return the line of a label, or None if it is not a line.

    Examples
    --------
    >>> try_parse("Ca_K").label, try_parse("i0")
    ('Ca-K', None)
    """
    found = _read(str(label)) if isinstance(label, str) else None
    return found if isinstance(found, Line) else None


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


def _understand(label: object) -> Line | str:
    """Return the line that `label` names, or the fault of the label."""
    if not isinstance(label, str):
        from xrfsr.core.line_hints import number_hint

        number = int(label) if is_integer(label) else 0
        fix = f"; {found}" if (found := number_hint(number, mapped_shells())) else ""
        return f"labels must be text such as 'Ca-K', got {describe(label)}{fix}"
    return _read(str(label)) or _unknown(str(label))


@lru_cache(maxsize=4096)
def _read(label: str) -> Line | str | None:
    """Return the line that a label names, its fault, or None if it has no form of a label."""
    text = _plain(label)
    if match := _UNCERTAINTY.fullmatch(text):
        inner = None if _UNCERTAINTY.fullmatch(match["label"].strip()) else _read(match["label"])
        return replace(inner, uncertainty=True) if isinstance(inner, Line) else inner
    tidy = re.sub(r"[ _-]+", "_", text)
    if kind := _named_kind(tidy.casefold()):
        return Line(tidy, kind=kind)
    if text in symbols():
        return _bare(label, text)
    if line := _line_of_element(label, text):
        return line
    pile_up = pile_up_label(text)
    return Line(pile_up, kind="diagnostic") if pile_up else None


def _plain(label: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", label).translate(_DASHES).split())


def _unknown(label: str) -> str:
    """Return the fault of a label that names nothing."""
    from xrfsr.core.line_hints import hint  # for messages alone

    text = _plain(label)
    while match := _UNCERTAINTY.fullmatch(text):
        label, text = match["label"], _plain(match["label"])
    return f"unknown line {describe(label)}; {hint(text, mapped_shells(), _lines_within(text))}"


def _line_of_element(label: str, text: str) -> Line | str | None:
    """Return the line that an element and a family name, its fault, or None for a text of another form."""
    for pattern in (_SEPARATED, _JOINED):
        match = pattern.fullmatch(text)
        element = _symbol(match["element"]) if match else None
        if match and element and (family := read_family(element, match["rest"])):
            return _element_line(label, element, *family)
    return None


def _lines_within(text: str) -> list[str]:
    """Return the line with which a label begins or ends, for hints."""
    parts = re.split(r"([ _-]+)", text) if len(text) <= LONGEST else []
    begins = [(0, stop) for stop in range(len(parts) - 2, 0, -2)]
    ends = [(start, len(parts)) for start in range(2, len(parts), 2)]
    for start, stop in begins + ends:
        line = _line_of_element("", "".join(parts[start:stop]))
        if isinstance(line, Line):
            return [line.label]
    return []


def _named_kind(name: str) -> Kind | None:
    if name in _NAMES:
        return _NAMES[name]
    return next((kind for pattern, kind in _NUMBERED.items() if re.fullmatch(pattern, name)), None)


def _symbol(text: str) -> str | None:
    # "CA" and "ca" can only be calcium, but "sI" may be silicon or the uncertainty of iodine.
    regular = text.istitle() or text.isupper() or text.islower()
    return text.capitalize() if regular and text.capitalize() in symbols() else None


def _element_line(label: str, element: str, name: str, chosen: frozenset[str]) -> Line | str:
    if not chosen:
        existing = ", ".join(f"{element}-{known}" for known in common_families(element))
        return f"{describe(label)}: {element} has no {name} line; its lines are {existing or 'not tabulated'}"
    return Line(f"{element}-{name}", element, name[0], mean_energy(element, chosen), transitions=chosen)


def _bare(label: str, element: str) -> Line | str:
    """Return the K line for a symbol alone, if an X-ray tube can excite it."""
    family = read_family(element, "K")
    assert family is not None
    line = _element_line(label, element, *family)
    if isinstance(line, Line) and line.energy > BARE_LIMIT:
        choices = " or ".join(f"'{element}-{shell}'" for shell in mapped_shells()[element])
        return (
            f"{label!r} alone would mean the K line at {line.energy:.0f} keV, which an X-ray tube cannot excite; "
            f"write {choices}"
        )
    return line
