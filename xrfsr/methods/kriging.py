"""The photo-free floor: kriging of the scan alone, exactly consistent with it and not negative."""

from __future__ import annotations

from xrfsr.kriging import correlation_length, krige
from xrfsr.methods.problem import Problem, Reconstruction
from xrfsr.positivity import nonnegative

__all__ = ["reconstruct"]


def reconstruct(
    problem: Problem, *, device: str = "auto", seed: int = 0, progress: bool | None = None
) -> Reconstruction:
    """Interpolate every map as `xrfsr.kriging.krige` does; the photo, device and seed play no part."""
    maps = krige(problem.scan, problem.U, problem.U.spreading(correlation_length(problem.U)))
    return Reconstruction(*nonnegative(maps, problem.scan, problem.U))
