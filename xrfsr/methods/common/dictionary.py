"""Where dictionaries and their coefficients start from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["kmeanspp_init", "simplex", "soft_assignment"]

NEAR = 1e-3  # squared distance of colours in [0, 1] that are still taken for one


def kmeanspp_init(values: NDArray[Any], count: int, seed: int) -> NDArray[Any]:
    """Columns of `values` (channel, pixels), each drawn in proportion to its squared distance from those before.

    D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding" (2007). Fewer than `count` come back if
    no more differ.
    """
    random = np.random.default_rng(seed)
    places = [int(random.integers(values.shape[1]))]
    far = ((values - values[:, places]) ** 2).sum(axis=0)
    while len(places) < count and far.max() > 1e-12:
        places.append(int(random.choice(len(far), p=far / far.sum())))
        far = np.minimum(far, ((values - values[:, places[-1:]]) ** 2).sum(axis=0))
    return np.asarray(values[:, places])


def soft_assignment(photo: Tensor, colours: Tensor) -> Tensor:
    """How like each colour (band, atoms) every pixel (band, pixels) is: (atoms, pixels), columns summing to one."""
    apart = torch.cdist(colours.T.contiguous(), photo.T.contiguous()).square_()
    return torch.softmax(-apart / (2 * NEAR), dim=0)


def simplex(values: Tensor) -> Tensor:
    """Project columns onto the simplex: not negative, sum one.

    J. Duchi et al., "Efficient projections onto the l1-ball for learning in high dimensions" (2008).

    Examples
    --------
    >>> simplex(torch.tensor([[0.5, 2.0], [0.9, 0.0]]))
    tensor([[0.3000, 1.0000],
            [0.7000, 0.0000]])
    """
    ordered = values.sort(dim=0, descending=True).values
    excess = ordered.cumsum(dim=0) - 1
    count = torch.arange(1, len(values) + 1, device=values.device, dtype=values.dtype)[:, None]
    last = (ordered * count > excess).sum(dim=0, keepdim=True)
    return (values - excess.gather(0, last - 1) / last).clamp_(min=0)
