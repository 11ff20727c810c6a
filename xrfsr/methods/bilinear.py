"""Bilinear interpolation: the paper's Y↓↑, and what a viewer shows when it zooms. Not consistent with the scan."""

from __future__ import annotations

from xrfsr.methods.problem import Problem, Reconstruction
from xrfsr.sampling import linear_matrix, separable

__all__ = ["reconstruct"]


def reconstruct(
    problem: Problem, *, device: str = "auto", seed: int = 0, progress: bool | None = None
) -> Reconstruction:
    """Interpolate every map between pixel centres; the photo, device and seed play no part."""
    fine, coarse = problem.U.fine, problem.U.coarse
    y, x = linear_matrix(coarse.y, fine.y), linear_matrix(coarse.x, fine.x)
    return Reconstruction(separable(y, x, problem.scan))
