"""Element lines from spectra: counts within a window of energy, less a straight background from both sides.

Works on arrays and knows no files. What comes out for one line is a weighted sum of channels: one for those in the
window, and for those on its flanks what the straight line through their means puts into the window, with a minus. So a
background that is linear in energy is removed exactly, and the variance of the sum follows from that of the counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, isfinite, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.core.lines import Line, emission
from xrfsr.errors import InvalidInput, collect_faults

__all__ = [
    "RESOLUTION",
    "NetCounts",
    "Window",
    "axis_faults",
    "channels",
    "find_overlaps",
    "fwhm",
    "net_counts",
    "parse_resolution",
    "place_windows",
]

# FWHM at Mn-Ka of a silicon drift detector at the count rates of a scanner; on its data sheet are 125 to 145 eV.
RESOLUTION = 0.140
MN_KA = 5.895
# Silicon: keV for a pair of charges, and how much less than Poisson noise their number has.
PAIR, FANO = 3.65e-3, 0.115
SIGMA = 1 / sqrt(8 * log(2))
# In FWHM from the line. A window of 0.75 to both sides takes 92 % of a line, and flanks from 1.25 on less than 0.4 %.
HALF_WIDTH = 0.75
FLANKS = (1.25, 1.75)
# Lines of other elements that change a map by less than this share of their shell's strongest are not told of.
MIN_OVERLAP = 0.05

NetCounts = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Window:
    """How to get one line from a spectrum.

    Attributes
    ----------
    label : str
        Of the line.
    energy : float
        Of its strongest emission, keV.
    low, high : float
        Where counting begins and ends, keV.
    start : int
        The first channel that is used.
    weights : tuple of float
        Of the channels from `start` on.
    """

    label: str
    energy: float
    low: float
    high: float
    start: int
    weights: tuple[float, ...]


def fwhm(energy: float, resolution: float = RESOLUTION) -> float:
    """Full width at half maximum of a line in a silicon detector, in keV.

    Parameters
    ----------
    energy : float
        Of the line, keV.
    resolution : float
        The width at Mn-Ka (5.895 keV).

    Examples
    --------
    >>> round(fwhm(5.895), 3), round(fwhm(25.0), 3)
    (0.14, 0.253)
    """
    per_kev = FANO * PAIR / SIGMA**2
    # Electronic noise is what the width at Mn-Ka has beyond the statistics of charges; never less than none.
    noise = max(resolution**2 - per_kev * MN_KA, 0.0)
    return sqrt(noise + per_kev * max(energy, 0.0))


def parse_resolution(value: object) -> float:
    """FWHM at Mn-Ka in keV, from what a file says in eV; the usual one where it says nothing that can be."""
    try:
        told = float(value) / 1000  # type: ignore[arg-type]  # what is no number is no resolution
    except (TypeError, ValueError):
        return RESOLUTION
    return told if isfinite(told) and 0.1 <= told <= 0.5 else RESOLUTION


def axis_faults(energies: NDArray[Any]) -> list[str]:
    """What keeps the energies of the channels, in keV, from being an axis."""
    if energies.ndim != 1 or energies.size < 3:
        return [f"the energy axis has shape {energies.shape}; three channels or more are needed"]
    if energies.dtype.kind not in "iuf" or not np.isfinite(energies).all():
        return ["the energy axis holds NaN or infinite values, or no numbers; calibrate it again"]
    if not (np.diff(energies) > 0).all():
        return ["the energy axis does not rise from channel to channel; calibrate it again"]
    return []


def place_windows(
    lines: Sequence[Line], energies: NDArray[np.float64], resolution: float = RESOLUTION
) -> tuple[Window, ...]:
    """Windows around the strongest emission of each line.

    Parameters
    ----------
    lines : sequence of Line
    energies : ndarray of shape (channel,)
        Ascending, keV.
    resolution : float
        FWHM at Mn-Ka, keV.

    Raises
    ------
    InvalidInput
        Naming every line that is no element line, or whose window or flanks are not within the axis.
    """
    faults: list[str] = []
    windows: list[Window] = []
    for line in lines:
        with collect_faults(faults):
            windows.append(_place(line, energies, resolution))
    if faults:
        raise InvalidInput("lines", faults)
    return tuple(windows)


def _place(line: Line, energies: NDArray[np.float64], resolution: float) -> Window:
    if line.kind != "element":
        raise InvalidInput(
            "lines",
            [f"{line.label} is no element line, and only those can be taken from spectra by energy; leave it out"],
        )
    centre = _peak_energy(line, resolution)
    width = fwhm(centre, resolution)
    # Edges of channels, so that coarse ones count whole.
    steps = np.diff(energies)
    edges = np.concatenate([energies[:1] - steps[0] / 2, energies[1:] - steps / 2, energies[-1:] + steps[-1] / 2])
    reach = FLANKS[1] * width
    if centre - reach < edges[0] or centre + reach > edges[-1]:
        raise InvalidInput(
            "lines",
            [
                f"{line.label} at {centre:.3f} keV, with the flanks {centre - reach:.2f} to {centre + reach:.2f} keV, "
                f"is not within the spectra, which go from {edges[0]:.2f} to {edges[-1]:.2f} keV; leave it out or "
                "choose another line of the element"
            ],
        )
    distance = (energies - centre) / width
    inside = np.flatnonzero(np.abs(distance) <= HALF_WIDTH)
    if not inside.size:
        inside = np.array([int(np.argmin(np.abs(distance)))])
    beside = (np.abs(distance) > FLANKS[0]) & (np.abs(distance) <= FLANKS[1])
    left = np.flatnonzero(beside[: inside[0]])
    right = np.flatnonzero(beside[inside[-1] + 1 :]) + inside[-1] + 1
    # Where channels are coarser than flanks, the next one beside the window.
    left = left if left.size else np.array([inside[0] - 1])
    right = right if right.size else np.array([inside[-1] + 1])
    if left[0] < 0 or right[-1] >= energies.size:
        raise InvalidInput(
            "lines", [f"{line.label} at {centre:.3f} keV lies in the outermost channel of the spectra; leave it out"]
        )
    start, stop = int(left[0]), int(right[-1]) + 1
    weights = np.zeros(stop - start)
    low, high = energies[left].mean(), energies[right].mean()
    towards = (energies[inside] - low) / (high - low)
    weights[left - start] = -(1 - towards).sum() / left.size
    weights[right - start] = -towards.sum() / right.size
    weights[inside - start] = 1.0
    return Window(
        line.label, centre, float(edges[inside[0]]), float(edges[inside[-1] + 1]), start, tuple(weights.tolist())
    )


def _peak_energy(line: Line, resolution: float) -> float:
    """Of the strongest emission of a line, together with those that the detector does not tell from it."""
    known = emission(line.element)
    lines = [known[name] for name in sorted(line.transitions)]
    if not any(weight for _, weight in lines):
        lines = [(energy, 1.0) for energy, _ in lines]  # of outermost levels, intensities are tabulated as zero
    peak = max(lines, key=lambda one: one[1])[0]
    near = [(energy, weight) for energy, weight in lines if abs(energy - peak) <= fwhm(peak, resolution)]
    return sum(energy * weight for energy, weight in near) / sum(weight for _, weight in near)


def find_overlaps(
    windows: Sequence[Window], lines: Sequence[Line], energies: NDArray[np.float64], resolution: float = RESOLUTION
) -> list[str]:
    """Which maps hold something of another element among the chosen ones, too.

    Parameters
    ----------
    windows : sequence of Window
    lines : sequence of Line
        Of the windows.
    energies : ndarray of shape (channel,)
    resolution : float

    Returns
    -------
    list of str
        For each such map what it holds of other lines, as a share of their counts or of those of the strongest line of
        their shell; less than zero where a line lies on a flank, and so is taken for background.
    """
    elements = list(dict.fromkeys(line.element for line in lines))
    told: list[str] = []
    for window, line in zip(windows, lines, strict=True):
        found: list[str] = []
        for element in elements:
            if element != line.element:
                found += _overlapping_lines(window, element, energies, resolution)
        if found:
            told.append(f"{window.label} ({window.low:.2f} to {window.high:.2f} keV) holds {', '.join(found)}")
    return told


def _overlapping_lines(window: Window, element: str, energies: NDArray[np.float64], resolution: float) -> list[str]:
    known = emission(element)
    reach = 3 * HALF_WIDTH * fwhm(window.energy, resolution)
    found: list[str] = []
    for shell in "KLM":
        # By groups: Ka1 and Ka2 are one peak.
        groups: dict[str, list[tuple[float, float]]] = {}
        for name, line in known.items():
            if name.startswith(shell):
                groups.setdefault(name[:2], []).append(line)
        sums = {name: sum(weight for _, weight in group) for name, group in groups.items()}
        # La, although there may be more of all Lb together.
        main = max(groups, key=lambda name: max(weight for _, weight in groups[name]), default="")
        for name, group in groups.items():
            near = [line for line in group if abs(line[0] - window.energy) <= reach]
            counted = sum(weight * _response(window, energy, energies, resolution) for energy, weight in near)
            if sums[main] and abs(share := counted / sums[main]) >= MIN_OVERLAP:
                whose = "" if name == main else f" of {element}-{main}"
                found.append(f"{element}-{name} ({share:+.0%}{whose})")
    return found


def _response(window: Window, energy: float, energies: NDArray[np.float64], resolution: float) -> float:
    """What one count at an energy becomes in the map of a window, on average."""
    used = energies[window.start : window.start + len(window.weights)]
    half = np.gradient(used) / 2
    scale = sqrt(2) * SIGMA * fwhm(energy, resolution)
    below = [erf(float(edge)) for edge in (used - half - energy) / scale]
    above = [erf(float(edge)) for edge in (used + half - energy) / scale]
    return float((np.subtract(above, below) / 2) @ window.weights)


def channels(windows: Sequence[Window]) -> slice:
    """The channels that some windows use."""
    return slice(min(window.start for window in windows), max(window.start + len(window.weights) for window in windows))


def net_counts(
    spectra: NDArray[Any], windows: Sequence[Window], first: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Counts of lines above the background, and their standard deviations.

    Parameters
    ----------
    spectra : ndarray of shape (..., channel)
        Counts.
    windows : sequence of Window
    first : int
        Which channel the first of `spectra` is.

    Returns
    -------
    net, deviation : ndarray of shape (window, ...)
        Net counts may be below zero. The deviation is that of Poisson counts in window and flanks; never less than
        one count, because no counts do not show that none could have come.

    Examples
    --------
    >>> window = Window("Fe-Ka", 6.4, 6.3, 6.5, 1, (-0.5, 1.0, -0.5))
    >>> net, deviation = net_counts([[9, 10, 110, 10, 9]], [window])
    >>> net, deviation.round(1)
    (array([[100.]], dtype=float32), array([[10.7]], dtype=float32))
    """
    spectra = np.asarray(spectra)
    shape = (len(windows), *spectra.shape[:-1])
    net, deviation = np.empty(shape, np.float32), np.empty(shape, np.float32)
    for number, window in enumerate(windows):
        start = window.start - first
        weights = np.array(window.weights)
        with np.errstate(over="ignore", invalid="ignore"):  # beyond what a number can be is infinite, and reported
            used = spectra[..., start : start + weights.size].astype(np.float64)
            net[number] = used @ weights
            deviation[number] = np.sqrt(np.maximum(used @ weights**2, 1.0))
    return net, deviation
