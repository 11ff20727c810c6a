"""Paired tests of two estimates of known maps, line by line, with an error rate that holds for all lines together.

Errors of neighbouring pixels are correlated, so the squared errors of both estimates are added up over blocks, and each
block is one pair. The mean of the differences is tested with Student's t. Several lines are tested at a time: Holm's
procedure (1979, "A simple sequentially rejective multiple test procedure") keeps the probability of one or more false
rejections below `ERROR_RATE`, whatever the dependence between lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from xrfsr.kriging.photo_gain import BLOCK, MIN_BLOCKS, block_sums

__all__ = ["ERROR_RATE", "Pair", "PairedTest", "holm"]

ERROR_RATE = 0.05  # probability of one or more false rejections among all lines


class Pair(NamedTuple):
    """Two estimates of maps that are known.

    Attributes
    ----------
    before, after : array, shape (line, y, x)
        Estimates.
    truth : array, shape like `before`
        True maps.
    measured : array of bool, shape like `before`
        Pixels that count.
    """

    before: NDArray[Any]
    after: NDArray[Any]
    truth: NDArray[Any]
    measured: NDArray[np.bool_]


class PairedTest(NamedTuple):
    """By how much, in standard errors, the second estimate of every line is the better one.

    Attributes
    ----------
    statistic : array of float64, shape (line,)
        Mean over blocks of the decrease of the squared error, over its standard error; zero where all blocks are the
        same, NaN where fewer than `MIN_BLOCKS` blocks were measured.
    blocks : array of int, shape (line,)
        Number of blocks.
    """

    statistic: NDArray[np.float64]
    blocks: NDArray[np.int64]

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> PairedTest:
        """Compare the estimates over all windows of a painting."""
        gains, counts = [], []
        for before, after, truth, measured in pairs:
            apart = [np.where(measured, each - truth, 0.0).astype(np.float64) for each in (before, after)]
            gains.append(block_sums(apart[0] ** 2 - apart[1] ** 2, BLOCK))
            counts.append(block_sums(measured.astype(np.float64), BLOCK) > 0)
        gain, counted = np.concatenate(gains, axis=1), np.concatenate(counts, axis=1)
        statistic = np.full(len(gain), np.nan)
        for line, (each, known) in enumerate(zip(gain, counted, strict=True)):
            if (sample := each[known]).size >= MIN_BLOCKS:
                error = sample.std(ddof=1) / np.sqrt(sample.size)
                statistic[line] = sample.mean() / error if error > 0 else 0.0
        return cls(statistic, counted.sum(axis=1))

    @property
    def worse(self) -> NDArray[np.bool_]:
        """Lines for which the second estimate is significantly worse, shape (line,)."""
        low = student.cdf(self.statistic, np.maximum(self.blocks - 1, 1))
        return holm(np.where(np.isnan(self.statistic), 1.0, low))

    @property
    def share(self) -> NDArray[np.float32]:
        """Share of the change to take, shape (line,): the statistic within 0 and 1, or 1 where nothing is known.

        So what is worse in the mean is not taken at all, and what is better by a standard error or more is taken whole.
        On scans of 16 × 16 pixels, sparse maps that gain 3 dB are no more than a standard error better, because a few
        blocks have most of the error.
        """
        return np.nan_to_num(self.statistic, nan=1.0).clip(0, 1).astype(np.float32)


def holm(p_values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which hypotheses are rejected, by Holm's procedure at `ERROR_RATE`.

    Examples
    --------
    >>> import numpy as np
    >>> holm(np.array([0.03, 0.01, 0.2]))
    array([False,  True, False])
    >>> holm(np.array([0.02, 0.01, 0.04]))
    array([ True,  True,  True])
    """
    order = np.argsort(p_values, kind="stable")
    passed = p_values[order] * np.arange(len(p_values), 0, -1) <= ERROR_RATE
    rejected = np.zeros(len(p_values), dtype=bool)
    rejected[order] = np.logical_and.accumulate(passed)
    return rejected
