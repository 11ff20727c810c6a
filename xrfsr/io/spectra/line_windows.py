"""Net counts of element lines in spectra: counts in an energy window minus a linear background.

The net count of a line is a weighted sum of channels. Channels in the window have the weight one. Channels on the two
flanks have negative weights, so that the straight line through the means of the flanks is subtracted from the window.
A background that is linear in energy is therefore removed exactly, and the variance of the net count follows from that
of the counts.
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

# FWHM in keV at Mn-Ka of a silicon drift detector at the count rates of a scanner; data sheets state 125 to 145 eV.
RESOLUTION = 0.140
MN_KA = 5.895
# Silicon: energy in keV per electron-hole pair, and Fano factor.
PAIR, FANO = 3.65e-3, 0.115
SIGMA = 1 / sqrt(8 * log(2))
# In FWHM from the line. A window of ±0.75 contains 92 % of a line, and flanks from 1.25 on less than 0.4 %.
HALF_WIDTH = 0.75
FLANKS = (1.25, 1.75)
# Smallest contribution of another element's line that is reported, as a share of the strongest line of its shell.
MIN_OVERLAP = 0.05

NetCounts = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Window:
    """Energy window of one line.

    Attributes
    ----------
    label : str
        Label of the line.
    energy : float
        Energy of the strongest emission in keV.
    low, high : float
        Limits of the window in keV.
    start : int
        First channel that is used.
    weights : tuple of float
        Weights of the channels from `start` on.
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
        Energy of the line in keV.
    resolution : float
        FWHM at Mn-Ka (5.895 keV) in keV.

    Examples
    --------
    >>> round(fwhm(5.895), 3), round(fwhm(25.0), 3)
    (0.14, 0.253)
    """
    per_kev = FANO * PAIR / SIGMA**2
    # Electronic noise is the part of the width at Mn-Ka beyond the statistics of charges; it is not negative.
    noise = max(resolution**2 - per_kev * MN_KA, 0.0)
    return sqrt(noise + per_kev * max(energy, 0.0))


def parse_resolution(value: object) -> float:
    """Convert the FWHM at Mn-Ka from eV to keV; return the default if the value is missing or implausible."""
    try:
        stored = float(value) / 1000  # type: ignore[arg-type]  # anything but a number raises
    except (TypeError, ValueError):
        return RESOLUTION
    return stored if isfinite(stored) and 0.1 <= stored <= 0.5 else RESOLUTION


def axis_faults(energies: NDArray[Any]) -> list[str]:
    """Return the faults of the energies of the channels in keV."""
    if energies.ndim != 1 or energies.size < 3:
        return [f"the energy axis must have three channels or more, got shape {energies.shape}; calibrate it again"]
    if energies.dtype.kind not in "iuf" or not np.isfinite(energies).all():
        return ["the energy axis contains NaN, infinite or non-numeric values; calibrate it again"]
    if not (np.diff(energies) > 0).all():
        return ["the energy axis does not increase from channel to channel; calibrate it again"]
    return []


def place_windows(
    lines: Sequence[Line], energies: NDArray[np.float64], resolution: float = RESOLUTION
) -> tuple[Window, ...]:
    """Place a window around the strongest emission of each line.

    Parameters
    ----------
    lines : sequence of Line
        Lines to measure.
    energies : ndarray of shape (channel,)
        Ascending energies of the channels in keV.
    resolution : float
        FWHM at Mn-Ka in keV.

    Raises
    ------
    InvalidInput
        If a line is not an element line, or its window or flanks exceed the axis; the message names every such line.
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
            [f"{line.label} is not an element line, so it has no energy window; leave it out"],
        )
    centre = _peak_energy(line, resolution)
    width = fwhm(centre, resolution)
    # Channel edges, so that coarse channels count as a whole.
    steps = np.diff(energies)
    edges = np.concatenate([energies[:1] - steps[0] / 2, energies[1:] - steps / 2, energies[-1:] + steps[-1] / 2])
    extent = FLANKS[1] * width
    if centre - extent < edges[0] or centre + extent > edges[-1]:
        raise InvalidInput(
            "lines",
            [
                f"{line.label} at {centre:.3f} keV needs {centre - extent:.2f} to {centre + extent:.2f} keV with its "
                f"flanks, but the spectra cover {edges[0]:.2f} to {edges[-1]:.2f} keV; leave it out or choose another "
                "line of the element"
            ],
        )
    distance = (energies - centre) / width
    inside = np.flatnonzero(np.abs(distance) <= HALF_WIDTH)
    if not inside.size:
        inside = np.array([int(np.argmin(np.abs(distance)))])
    flanks = (np.abs(distance) > FLANKS[0]) & (np.abs(distance) <= FLANKS[1])
    left = np.flatnonzero(flanks[: inside[0]])
    right = np.flatnonzero(flanks[inside[-1] + 1 :]) + inside[-1] + 1
    # If channels are coarser than the flanks, use the channel next to the window.
    left = left if left.size else np.array([inside[0] - 1])
    right = right if right.size else np.array([inside[-1] + 1])
    if left[0] < 0 or right[-1] >= energies.size:
        raise InvalidInput(
            "lines", [f"{line.label} at {centre:.3f} keV is in the outermost channel of the spectra; leave it out"]
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
    """Mean energy of the strongest emission of a line and those that the detector does not resolve from it."""
    known = emission(line.element)
    lines = [known[name] for name in sorted(line.transitions)]
    if not any(weight for _, weight in lines):
        lines = [(energy, 1.0) for energy, _ in lines]  # intensities of outermost levels are tabulated as zero
    peak = max(lines, key=lambda one: one[1])[0]
    near = [(energy, weight) for energy, weight in lines if abs(energy - peak) <= fwhm(peak, resolution)]
    return sum(energy * weight for energy, weight in near) / sum(weight for _, weight in near)


def find_overlaps(
    windows: Sequence[Window], lines: Sequence[Line], energies: NDArray[np.float64], resolution: float = RESOLUTION
) -> list[str]:
    """Find the maps that also contain counts of another chosen element.

    Parameters
    ----------
    windows : sequence of Window
        Windows of the maps.
    lines : sequence of Line
        Lines of the windows.
    energies : ndarray of shape (channel,)
        Energies of the channels in keV.
    resolution : float
        FWHM at Mn-Ka in keV.

    Returns
    -------
    list of str
        One text per such map with the other lines and their contributions, as a share of the counts of the line or of
        the strongest line of its shell. A contribution is negative if the line is on a flank and thus counted as
        background.
    """
    elements = list(dict.fromkeys(line.element for line in lines))
    reported: list[str] = []
    for window, line in zip(windows, lines, strict=True):
        found: list[str] = []
        for element in elements:
            if element != line.element:
                found += _overlapping_lines(window, element, energies, resolution)
        if found:
            reported.append(f"{window.label} ({window.low:.2f} to {window.high:.2f} keV) holds {', '.join(found)}")
    return reported


def _overlapping_lines(window: Window, element: str, energies: NDArray[np.float64], resolution: float) -> list[str]:
    known = emission(element)
    extent = 3 * HALF_WIDTH * fwhm(window.energy, resolution)
    found: list[str] = []
    for shell in "KLM":
        # Group lines of one peak, such as Ka1 and Ka2.
        groups: dict[str, list[tuple[float, float]]] = {}
        for name, line in known.items():
            if name.startswith(shell):
                groups.setdefault(name[:2], []).append(line)
        sums = {name: sum(weight for _, weight in group) for name, group in groups.items()}
        # The group with the strongest single line: La, although all Lb together may be stronger.
        main = max(groups, key=lambda name: max(weight for _, weight in groups[name]), default="")
        for name, group in groups.items():
            near = [line for line in group if abs(line[0] - window.energy) <= extent]
            counted = sum(weight * _response(window, energy, energies, resolution) for energy, weight in near)
            if sums[main] and abs(share := counted / sums[main]) >= MIN_OVERLAP:
                whose = "" if name == main else f" of {element}-{main}"
                found.append(f"{element}-{name} ({share:+.0%}{whose})")
    return found


def _response(window: Window, energy: float, energies: NDArray[np.float64], resolution: float) -> float:
    """Mean contribution to the map of a window by one count at an energy."""
    used = energies[window.start : window.start + len(window.weights)]
    half = np.gradient(used) / 2
    scale = sqrt(2) * SIGMA * fwhm(energy, resolution)
    below = [erf(float(edge)) for edge in (used - half - energy) / scale]
    above = [erf(float(edge)) for edge in (used + half - energy) / scale]
    return float((np.subtract(above, below) / 2) @ window.weights)


def channels(windows: Sequence[Window]) -> slice:
    """Return the range of channels that the windows use."""
    return slice(min(window.start for window in windows), max(window.start + len(window.weights) for window in windows))


def net_counts(
    spectra: NDArray[Any], windows: Sequence[Window], first: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the counts of lines above the background, and their standard deviations.

    Parameters
    ----------
    spectra : ndarray of shape (..., channel)
        Counts.
    windows : sequence of Window
        Windows of the lines.
    first : int
        Channel number of the first channel in `spectra`.

    Returns
    -------
    net, deviation : ndarray of shape (window, ...)
        Net counts, which may be negative, and their standard deviations from the Poisson statistics of window and
        flanks. A deviation is at least one count, because zero counts do not imply a rate of zero.

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
        with np.errstate(over="ignore", invalid="ignore"):  # overflow becomes infinite, and the scan check reports it
            used = spectra[..., start : start + weights.size].astype(np.float64)
            net[number] = used @ weights
            deviation[number] = np.sqrt(np.maximum(used @ weights**2, 1.0))
    return net, deviation
