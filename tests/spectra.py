"""Cube of spectra of a small scan with known maps."""

from __future__ import annotations

import numpy as np

from xrfsr.core.lines import emission
from xrfsr.io.spectra.line_windows import SIGMA, fwhm

LINES = ("Ca-K", "Fe-Ka", "Pb-L")
STRONGEST = {"Ca-K": ("Ca", "Ka1"), "Fe-Ka": ("Fe", "Ka1"), "Pb-L": ("Pb", "La1")}
HEIGHT, WIDTH, CHANNELS = 7, 9, 700
ENERGIES = -0.1 + 0.02 * np.arange(CHANNELS)
TRUTH = 400 + 60.0 * np.arange(3 * HEIGHT * WIDTH).reshape(3, HEIGHT, WIDTH) % 997


def cube() -> np.ndarray:
    """Draw counts (y, x, energy) of three lines on a sloping background."""
    spectra = np.broadcast_to(30 - 1.5 * ENERGIES, (HEIGHT, WIDTH, CHANNELS)).copy()
    for label, counts in zip(LINES, TRUTH, strict=True):
        element, name = STRONGEST[label]
        energy = emission(element)[name][0]
        sigma = SIGMA * fwhm(energy)
        shape = 0.02 * np.exp(-(((ENERGIES - energy) / sigma) ** 2) / 2) / sigma / np.sqrt(2 * np.pi)
        spectra += counts[..., None] * shape
    return np.random.default_rng(0).poisson(spectra).astype(np.uint16)
