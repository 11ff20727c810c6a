"""Stacking: the weight of each estimate in each map, from coarse pixels that were held out from training.

A network predicts a held-out pixel from the leave-one-out kriging and from the photo. The same kriging alone is the
prediction of the baseline; other estimates have predictions of their own. They are combined with the non-negative
weights of sum one that reproduce the held-out values best, in the sense of least squares (stacked regression; Breiman
1996, "Stacked regressions"), so the baseline replaces the photo where it does not help. Means over coarse pixels cannot
show which estimate has the best detail within them, so the weights of all that beat the baseline are shrunk towards
their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from torch import Tensor

from xrfsr.network.cells import CellDataset
from xrfsr.network.generator import Generator

__all__ = ["StackingWeights", "simplex_weights", "stacking_weights"]

BLOCK = 512  # cells at a time
MIN_HELD_OUT = 16  # held-out values of a map; with fewer, their statistics are unreliable
SHRINKAGE = 0.5  # of weights towards their mean


class StackingWeights(NamedTuple):
    """Weights of all estimates, and the gain on held-out pixels.

    Attributes
    ----------
    weights : array of float32, shape (candidates, B)
        Weights of every member, of the other estimates, and of the baseline (last), for every map. They are
        non-negative; each column sums to one.
    has_holdout : array of bool, shape (B,)
        Whether the weights come from held-out pixels.
    gain : array of float32, shape (B,)
        Gain in dB of the stacked prediction over the baseline on the held-out pixels; NaN without such pixels. The same
        pixels determine the few weights, so it is biased slightly high.
    """

    weights: NDArray[np.float32]
    has_holdout: NDArray[np.bool_]
    gain: NDArray[np.float32]


@torch.no_grad()
def stacking_weights(
    network: Generator,
    cells: CellDataset,
    held_out: Tensor,
    other_predictions: Sequence[NDArray[np.float32]] = (),
    reduced_results: Sequence[NDArray[Any]] = (),
) -> StackingWeights:
    """Compute the weight of every member, of the other estimates, and of the baseline (last), for every map.

    Parameters
    ----------
    network : Generator
        Networks of all members.
    cells : CellDataset
        Cells of the whole scan.
    held_out : Tensor of int64
        Numbers of the cells that were held out from training.
    other_predictions : sequence of array, shape (B, cells)
        Leave-one-out predictions of every cell by the other estimates.
    reduced_results : sequence of array, shape (B, coarse.y, coarse.x)
        Reconstructions by all estimates, the baseline last, from the scan at half its resolution (see
        `xrfsr.network.reduced_resolution`).

    Returns
    -------
    StackingWeights
        If no cell is held out, the members have equal weights and the others none; if a map has too few held-out
        values, the baseline has all of the weight. With a validation at reduced resolution, the weights are the mean of
        those from both tests.
    """
    members, bands = len(cells.left_out), cells.target.shape[1]
    weights = np.zeros((members + len(other_predictions) + 1, bands), dtype=np.float32)
    has_holdout = np.zeros(bands, dtype=bool)
    gain = np.full(bands, np.nan, dtype=np.float32)
    if not len(held_out):
        weights[:members] = 1 / members
        return StackingWeights(weights, has_holdout, gain)
    weights[-1] = 1
    predicted = _predictions(network, cells, held_out, other_predictions)
    target = cells.target.cpu().double().numpy()
    measured = cells.measured.cpu().numpy() > 0
    drawn = held_out.cpu().numpy()
    made = (
        np.stack([each.reshape(bands, -1) for each in reduced_results]).astype(np.float64) if reduced_results else None
    )
    for band in range(bands):
        known = measured[drawn, band]
        has_holdout[band] = known.sum() >= MIN_HELD_OUT
        if has_holdout[band]:
            guesses, true = predicted[:, known, band], target[drawn[known], band]
            best = simplex_weights(guesses, true)
            squares = ((guesses - true) ** 2).sum(axis=1)
            if (good := squares < squares[-1]).any():
                best[good] += SHRINKAGE * (best[good].mean() - best[good])
            if made is not None:
                everywhere = measured[:, band]
                best = (best + simplex_weights(made[:, band, everywhere], target[everywhere, band])) / 2
            weights[:, band] = best
            error, baseline_error = (
                ((guess - true) ** 2).mean() for guess in (weights[:, band] @ guesses, guesses[-1])
            )
            gain[band] = 10 * np.log10(baseline_error / error) if error > 0 else np.inf
    return StackingWeights(weights, has_holdout, gain)


def _predictions(
    network: Generator, cells: CellDataset, held_out: Tensor, other_predictions: Sequence[NDArray[np.float32]]
) -> NDArray[np.float64]:
    """Return leave-one-out predictions of the held-out cells by every estimate, (candidates, cells, B)."""
    members, bands = len(cells.left_out), cells.target.shape[1]
    predictions = []
    for cell in torch.split(held_out, BLOCK):
        batch = cells.batch(cell, torch.ones(members, len(cell), dtype=torch.float32, device=cell.device))
        estimate = network(batch.x)[..., :bands].reshape(members, *batch.weight.shape, bands)
        coarse = torch.einsum("cp,mcpb->mcb", batch.weight, estimate)
        baseline = batch.target - cells.influence[cell]
        others = [torch.as_tensor(each[:, cell.cpu().numpy()].T, device=cell.device) for each in other_predictions]
        predictions.append(torch.cat([coarse, torch.stack([*others, baseline])]))
    return np.asarray(torch.cat(predictions, dim=1).cpu().double().numpy())


def simplex_weights(predictions: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights w ≥ 0 with Σw = 1 that minimise ‖w·predictions - target‖².

    Parameters
    ----------
    predictions : array, shape (candidates, samples)
        Predictions of each candidate.
    target : array, shape (samples,)
        True values.

    Returns
    -------
    array, shape (candidates,)

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([0.0, 1.0, 2.0, 3.0])
    >>> simplex_weights(np.stack([truth + 1, truth - 1, truth + 9]), truth).round(6)
    array([0.5, 0.5, 0. ])
    """
    # With weights that sum to one, w·p - t = w·(p - t), so only the errors matter; an additional row with a large
    # factor enforces the sum.
    errors = predictions - target
    scale = np.sqrt((errors**2).sum(axis=1).max())
    if scale == 0:
        return np.full(len(predictions), 1 / len(predictions))
    system = np.vstack([errors.T / scale, np.full((1, len(predictions)), 1e3)])
    weights, _ = nnls(system, np.append(np.zeros(errors.shape[1]), 1e3))
    return np.asarray(weights / weights.sum())
