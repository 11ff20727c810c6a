r"""How much each candidate deserves, map by map, judged on coarse pixels that none of them was trained on.

A network predicts a held-out pixel from the kriging without it and from the photo. The same kriging alone is the
floor's prediction; other methods bring theirs. Weights that reproduce the held-out values best, in the sense of least
squares on the simplex, then combine them: where the photo does not help, the floor takes over. Means of coarse pixels
say little about which candidate draws the better edge within them, so the weights of those that beat the floor are
drawn towards each other.
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
MIN_HELD_OUT = 16  # held-out values of a map, below which their verdict is chance
SHRINKAGE = 0.5  # how far weights are drawn towards their mean


class StackingWeights(NamedTuple):
    """What held-out pixels say.

    Attributes
    ----------
    weights : array of float32, shape (candidates, B)
        Of every member, of candidates beside them, and of the floor last, for every map. Not negative; each column
        sums to one.
    judged : array of bool, shape (B,)
        Whether held-out pixels decided.
    gain : array of float32, shape (B,)
        How much nearer the weighted prediction came to the held-out values than the floor, in dB; NaN where nobody
        judged. The same pixels set the few weights, so it is a trifle too high.
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
    """Weight of every member, of candidates beside them, and of the floor last, for every map.

    Parameters
    ----------
    network : Generator
    cells : Cells
        Of the whole scan.
    held_out : Tensor of int64
        Numbers of the cells that were not trained on.
    beside : sequence of array, shape (B, cells)
        What other candidates predict of every cell without it.
    rehearsed : sequence of array, shape (B, coarse.y, coarse.x)
        What all candidates, the floor last, made of the scan at half its resolution (see
        `xrfsr.network.reduced_resolution`).

    Returns
    -------
    Verdict
        Without a pixel held out, the members weigh the same and all else nothing; with too few to tell, all is the
        floor's. Where there was a rehearsal, weights are the mean of those that it and the held-out pixels ask for.
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
            told, true = predicted[:, known, band], target[drawn[known], band]
            best = simplex_weights(told, true)
            alone = ((told - true) ** 2).sum(axis=1)
            if (good := alone < alone[-1]).any():
                best[good] += SHRINKAGE * (best[good].mean() - best[good])
            if made is not None:
                everywhere = measured[:, band]
                best = (best + simplex_weights(made[:, band, everywhere], target[everywhere, band])) / 2
            weights[:, band] = best
            error, floor_error = (((guess - true) ** 2).mean() for guess in (weights[:, band] @ told, told[-1]))
            gain[band] = 10 * np.log10(floor_error / error) if error > 0 else np.inf
    return StackingWeights(weights, has_holdout, gain)


def _predictions(
    network: Generator, cells: CellDataset, held_out: Tensor, other_predictions: Sequence[NDArray[np.float32]]
) -> NDArray[np.float64]:
    """What every candidate predicts of held-out cells without them, (candidates, cells, B)."""
    members, bands = len(cells.left_out), cells.target.shape[1]
    predictions = []
    for cell in torch.split(held_out, BLOCK):
        batch = cells.batch(cell, torch.ones(members, len(cell), device=cell.device))
        estimate = network(batch.x)[..., :bands].reshape(members, *batch.weight.shape, bands)
        coarse = torch.einsum("cp,mcpb->mcb", batch.weight, estimate)
        floor = batch.target - cells.influence[cell]
        others = [torch.as_tensor(each[:, cell.cpu().numpy()].T, device=cell.device) for each in other_predictions]
        predictions.append(torch.cat([coarse, torch.stack([*others, floor])]))
    return np.asarray(torch.cat(predictions, dim=1).cpu().double().numpy())


def simplex_weights(predictions: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights w ≥ 0 with Σw = 1 that minimise ‖w·predictions - target‖².

    Parameters
    ----------
    predictions : array, shape (candidates, samples)
    target : array, shape (samples,)

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
    # With weights that sum to one, w·p - t = w·(p - t): the errors alone decide, and a constant row that is heavy
    # beside them enforces the sum.
    errors = predictions - target
    scale = np.sqrt((errors**2).sum(axis=1).max())
    if scale == 0:
        return np.full(len(predictions), 1 / len(predictions))
    system = np.vstack([errors.T / scale, np.full((1, len(predictions)), 1e3)])
    weights, _ = nnls(system, np.append(np.zeros(errors.shape[1]), 1e3))
    return np.asarray(weights / weights.sum())
