r"""Coupled non-negative matrix factorisation: the scan gives spectra of pure materials, the photo where they lie.

N. Yokoya, T. Yairi, A. Iwasaki, "Coupled nonnegative matrix factorization unmixing for hyperspectral and
multispectral data fusion", IEEE TGRS 50 (2012). With R the response that takes maps to colours,

.. math:: Y_\downarrow \approx W H_\downarrow, \qquad Z \approx W_m H, \qquad W_m = R W, \qquad H_\downarrow = U H,

all of them non-negative and the columns of H summing to one. Both factorisations are brought down in turn by the
multiplicative steps of Lee and Seung,

.. math:: H \leftarrow H \circ (W^T Y) / (W^T W H), \qquad W \leftarrow W \circ (Y H^T) / (W H H^T),

each starting from what the other found; the result is :math:`\hat Y = W H`.

Filled in: as many materials as there are maps and bands together; their first spectra are those of the pixels that
successive projection picks (Araújo et al. 2001), where the reference has VCA; R by non-negative least squares, with
a constant; sums to one by a row of that weight, as in the reference; three rounds of at most 100 steps each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrfsr.methods.common.fusion import FusionMethod, FusionOptions
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.options import setting
from xrfsr.methods.common.problem import Problem
from xrfsr.methods.common.spectral_response import SpectralResponse
from xrfsr.operators import apply_separable, linear_matrix

__all__ = ["CNMF", "CNMFOptions", "cnmf"]

SMALL = 1e-9  # what a multiplicative step divides by at least
STILL = 1e-4  # relative change of the error at which an unmixing ends
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CNMFOptions(FusionOptions):
    """Options of `CNMF`; the symbols are those of the module's docstring."""

    rounds: int = setting(3, 1)
    steps: int = setting(100, 1)


def cnmf(problem: Problem, rounds: int, steps: int) -> NDArray[np.float32]:
    """Return the fine maps, shape (line, fine.y, fine.x)."""
    U, response = problem.U, SpectralResponse(problem)
    known = response.known
    scan, photo = _with_sum(response.scan[:, known]), _with_sum(response.photo)

    def colours(W: Array) -> Array:
        return _with_sum(response.R[:, :-1] @ W[:-1] + response.R[:, -1:])

    W = scan[:, _purest(np.vstack([scan, response.image[:, known]]))]
    materials = W.shape[1]
    low = np.full((materials, scan.shape[1]), 1 / materials)
    W, low = _unmixed(scan, W, low, steps)
    everywhere = np.full((materials, known.size), 1 / materials)
    everywhere[:, known] = low
    y, x = linear_matrix(U.coarse.y, U.fine.y), linear_matrix(U.coarse.x, U.fine.x)
    H = apply_separable(y, x, everywhere.reshape(materials, *U.coarse.shape)).reshape(materials, -1)
    for number in range(rounds):
        if number:
            low = U(H.reshape(materials, *U.fine.shape)).reshape(materials, -1)[:, known]
            W, low = _unmixed(scan, W, low, steps, spectra_first=True)
        _, H = _unmixed(photo, colours(W), H, steps)
    return response.maps(W[:-1] @ H, problem)


def _with_sum(values: Array) -> Array:
    """Append a row of ones, which makes the abundances sum to one."""
    return np.vstack([values, np.ones((1, values.shape[1]))])


def _purest(values: Array) -> NDArray[np.intp]:
    """Return the purest columns, of which the others are mixtures, by successive projection."""
    rest, found = values.copy(), []
    for _ in range(min(values.shape)):
        length = (rest**2).sum(axis=0)
        place = int(length.argmax())
        if length[place] <= 1e-12 * (values**2).sum(axis=0).max():
            break
        found.append(place)
        direction = rest[:, place] / np.sqrt(length[place])
        rest -= np.outer(direction, direction @ rest)
    return np.array(found)


def _unmixed(Y: Array, W: Array, H: Array, steps: int, *, spectra_first: bool = False) -> tuple[Array, Array]:
    """Factor Y ≈ W H: update one of the two alone, then both in turn."""

    def new_H(W: Array, H: Array) -> Array:
        return np.asarray(H * (W.T @ Y) / np.maximum((W.T @ W) @ H, SMALL))

    def new_W(W: Array, H: Array) -> Array:
        made = W * (Y @ H.T) / np.maximum(W @ (H @ H.T), SMALL)
        made[-1] = 1.0
        return np.asarray(made)

    def error(W: Array, H: Array) -> float:
        # ‖Y - W H‖² without the product of their size.
        return float((Y**2).sum() - 2 * ((W.T @ Y) * H).sum() + ((W.T @ W) * (H @ H.T)).sum())

    for both in (False, True):
        before = np.inf
        for number in range(steps):
            if both or spectra_first:
                W = new_W(W, H)
            if both or not spectra_first:
                H = new_H(W, H)
            if number % 10 == 9:
                now = error(W, H)
                if before - now <= STILL * abs(before) or not np.isfinite(now):
                    break
                before = now
    return W, H


class CNMF(FusionMethod[CNMFOptions]):
    """Coupled non-negative matrix factorisation."""

    name = "cnmf"
    Options = CNMFOptions

    def estimate(self, problem: Problem, options: CNMFOptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return cnmf(problem, rounds=options.rounds, steps=options.steps)
