"""Groups of what looks alike."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

__all__ = ["clusters"]

ROUNDS = 20


def clusters(features: NDArray[Any], count: int, seed: int) -> list[NDArray[np.intp]]:
    """Rows of `features` (items, features) by k-means: the rows of each group that has any.

    Examples
    --------
    >>> sorted(group.tolist() for group in clusters(np.array([[0.0], [5.0], [0.1]]), 2, seed=0))
    [[0, 2], [1]]
    """
    count = min(count, len(np.unique(features, axis=0)))
    random = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="One of the clusters is empty")
        _, labels = kmeans2(features.astype(np.float64), count, ROUNDS, minit="++", rng=random)
    return [group for number in range(count) if (group := np.flatnonzero(labels == number)).size]
