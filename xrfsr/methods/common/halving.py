"""The problem at half the resolution, whose solution is known: the scan itself.

A method that is applied to it, without changes, shows how far its fine maps are from the truth (Wald, Ranchin &
Mangolini 1997, "Fusion of satellite images of different spatial resolutions").
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xrfsr.methods.common.problem import Problem
from xrfsr.network.reduced_resolution import ReducedResolution

__all__ = ["halved"]

LEAST_COVER = 1e-6  # share of a pixel that may be missing


def halved(problem: Problem) -> Problem | None:
    """Return the problem whose solution is the scan, or None if the scan is too small to be made coarser."""
    reduced = ReducedResolution.of(problem.scan, problem.photo, problem.U)
    if reduced is None:
        return None
    U = reduced.U
    whole = np.asarray(U(problem.measured.astype(np.float32)) > 1 - LEAST_COVER)
    valid = np.asarray(problem.U(problem.photo_valid.astype(np.float32)) > 1 - LEAST_COVER)
    return replace(problem, scan=reduced.scan, measured=whole, photo=reduced.photo, photo_valid=valid, U=U)
