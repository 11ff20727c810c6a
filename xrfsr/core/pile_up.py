"""Names of pile-up peaks: two photons that the detector counted as one, hence two lines in one label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from xrfsr.core.families import read_family
from xrfsr.core.transitions import BARE_LIMIT, mean_energy, symbols, transitions

__all__ = ["pile_up_label", "pile_up_of_symbols"]

# One symbol twice or more, as MAPS and XRF-Maps write pile-up of one line with itself: Si_Si, Si_Si_Si.
_SAME = re.compile(r"(?P<element>[A-Z][a-z]?)(?:_(?P=element)){1,3}")
_SYMBOLS = re.compile(r"[A-Z][a-z]?(?:_[A-Z][a-z]?)+")
_SEPARATORS = re.compile(r"([ _-]+)")
_JOINED = re.compile(r"([A-Z][a-z]?)([KLM].*)")
SOFTEST = 0.5  # keV; a line of L or M below it reaches no detector
LONGEST = 12  # parts of a name; longer ones are no pile-up


def pile_up_label(text: str) -> str | None:
    """Return the label of a pile-up peak, or None if the text does not name two lines.

    Each line has its element and its family, because the second of two symbols may be a shell of the first: ``Ca_K`` is
    no pile-up of calcium and potassium. The lines are joined by ``+``, or by what also separates their parts.

    Parameters
    ----------
    text : str
        Label such as ``"Fe_Ka_Fe_Ka"``, ``"Si_Ka1-Cl_Ka1"`` (PyXRF) or ``"Ca_K+Fe_K"``. Only one symbol, repeated, may
        lack the family: ``"Si_Si"`` (MAPS).

    Examples
    --------
    >>> pile_up_label("Fe_Ka - Fe_Ka"), pile_up_label("Fe_Ka_Max")
    ('Fe_Ka-Fe_Ka', None)
    """
    label = re.sub(r" *([-+_]) *", r"\1", text).replace(" ", "_")
    if match := _SAME.fullmatch(label):
        return label if _means_k_line(match["element"]) else None
    if "+" in label:
        terms = label.split("+")
        return (
            label if len(terms) <= LONGEST and all(_is_line(_SEPARATORS.split(term)[::2]) for term in terms) else None
        )
    parts = _SEPARATORS.split(label)[::2]
    return label if len(parts) <= LONGEST and _are_lines(parts) else None


def pile_up_of_symbols(name: str) -> str | None:
    """Return the label of a pile-up that MAPS and XRF-Maps name by symbols alone, or None for any other name.

    There a symbol means the K line, and symbols joined by ``_`` a pile-up. Elsewhere two symbols may as well be a
    ratio, so `pile_up_label` does not accept them.

    Examples
    --------
    >>> pile_up_of_symbols("Si_Cl"), pile_up_of_symbols("Au_L"), pile_up_of_symbols("S_K")
    ('Si_K+Cl_K', None, None)
    """
    if not _SYMBOLS.fullmatch(name) or _SAME.fullmatch(name):
        return None
    first, *others = name.split("_")
    if len(others) == 1 and others[0] in "KLM":
        return None
    return "+".join(f"{each}_K" for each in (first, *others)) if all(map(_means_k_line, (first, *others))) else None


@cache
def _means_k_line(symbol: str) -> bool:
    """Return whether a symbol alone means a line: the K line of an element that an X-ray tube can excite."""
    if symbol not in symbols():
        return False
    names = [name for name in transitions(symbol) if name.startswith("K")]
    return bool(names) and mean_energy(symbol, names) <= BARE_LIMIT


def _are_lines(parts: Sequence[str]) -> bool:
    """Return whether parts of a label are two lines or more, each with its element and its family."""
    return any(
        _is_line(parts[:end]) and (_is_line(parts[end:]) or _are_lines(parts[end:])) for end in range(2, len(parts) - 1)
    )


def _is_line(parts: Sequence[str]) -> bool:
    """Return whether parts of a label are an element and one of its lines that a detector may see."""
    if len(parts) == 1 and (match := _JOINED.fullmatch(parts[0])):
        parts = match.groups()
    if len(parts) < 2 or parts[0] not in symbols():
        return False
    found = read_family(parts[0], "_".join(parts[1:]))
    if found is None or not found[1]:
        return False
    energy = mean_energy(parts[0], found[1])
    return energy <= BARE_LIMIT and (found[0].startswith("K") or energy >= SOFTEST)
