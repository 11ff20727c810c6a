"""Emission lines of the elements, with energies, levels and weights, from the tables of xraydb."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["BARE_LIMIT", "Transition", "emission", "mapped_shells", "mean_energy", "symbols", "transitions"]

# keV. X-ray tubes end at 50 to 60 kV and detectors are thin, so nobody maps a line above the first; air and window stop
# L and M lines below the second.
BARE_LIMIT = 40.0
SOFTEST = 1.5


@dataclass(frozen=True, slots=True)
class Transition:
    """One emission line.

    Attributes
    ----------
    energy : float
        Energy in keV.
    level : str
        Initial level, such as ``"L3"``.
    finals : frozenset of str
        Final levels, such as ``{"N4", "N5"}`` for lines that the table does not separate.
    weight : float
        Relative intensity within the shell.
    """

    energy: float
    level: str
    finals: frozenset[str]
    weight: float


@lru_cache(maxsize=1)
def symbols() -> dict[str, int]:
    """Atomic numbers of the elements with tabulated lines, by symbol, in ascending order."""
    from xraydb import atomic_symbol

    return {atomic_symbol(number): number for number in range(1, 99)}


@lru_cache(maxsize=128)
def transitions(element: str) -> dict[str, Transition]:
    """Return all single lines of an element by Siegbahn name.

    Intensities within one initial level are those of the table. The levels of a shell are weighted by their share of
    the absorption just above the shell's edges times their fluorescence yield.
    """
    from xraydb import xray_edges, xray_lines

    edges = xray_edges(element)
    emitted: dict[str, float] = {}
    for shell in "KLM":
        remaining = 1.0
        for level in (name for name in edges if name.startswith(shell)):
            share = 1.0 - 1.0 / edges[level].jump_ratio
            emitted[level] = remaining * share * edges[level].fyield
            remaining -= remaining * share
    return {
        # Mz is tabulated for two levels at once, "M4,5"; it is assigned to M5, the stronger emitter.
        name: Transition(
            line.energy / 1000.0, level, _levels(line.final_level), line.intensity * emitted.get(level, 0.0)
        )
        for name, line in xray_lines(element).items()
        for level in [line.initial_level.replace("4,", "")]
    }


def _levels(text: str) -> frozenset[str]:
    """Return the levels of a text such as ``N4,5``."""
    return frozenset(text[0] + number for number in text[1:].split(","))


def emission(element: str) -> dict[str, tuple[float, float]]:
    """Energy in keV and intensity of every single line of an element, by Siegbahn name.

    Intensities have the weights of `xrfsr.core.lines.parse` and are comparable within one shell only; the ratio of
    shells depends on the excitation.

    Examples
    --------
    >>> energy, _ = emission("Pb")["La1"]
    >>> round(energy, 2)
    10.55
    """
    return {name: (line.energy, line.weight) for name, line in transitions(element).items()}


def mean_energy(element: str, names: Iterable[str]) -> float:
    """Mean energy in keV of some single lines of an element, weighted by their intensity."""
    lines = [transitions(element)[name] for name in sorted(names)]
    total = math.fsum(line.weight for line in lines)
    if total == 0:
        # Yields of the outermost levels are tabulated as zero; all their lines are within a few eV.
        return math.fsum(line.energy for line in lines) / len(lines)
    return math.fsum(line.energy * line.weight for line in lines) / total


@lru_cache(maxsize=1)
def mapped_shells() -> dict[str, str]:
    """Shells of every element, by atomic number, whose lines a scanner maps: ``{"Pb": "LM"}``."""
    found = {}
    for element in symbols():
        names = transitions(element)
        shells = {name[0] for name in names}
        energies = {shell: mean_energy(element, (name for name in names if name.startswith(shell))) for shell in shells}
        found[element] = "".join(
            shell
            for shell in sorted(shells)
            if (shell == "K" or energies[shell] > SOFTEST) and energies[shell] <= BARE_LIMIT
        )
    return found
