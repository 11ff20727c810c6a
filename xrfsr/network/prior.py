r"""The prior: a network that has learned from random shapes how maps look within a pixel of the scan.

The deep-unfolding network is trained on one painting and knows what its photo shows. How sharp maps are, and when a
photo deserves to be followed, is alike in all of them. A convolutional network has learned both from piles of random
shapes with imperfect photos (``benchmarks/train_prior.py``); it has seen no photograph, no painting and no element map.
It takes an estimate :math:`\hat Y` of one map and returns a correction whose mean over every pixel of the scan is zero.

Its grid has 4 × 4 pixels for every pixel of the scan, whatever the ratio of the result: estimate and photo are
resampled to it, and the correction is resampled back. A layer sees the pixels of one cell as channels (Shi et al. 2016,
"Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural network"), so all
products are of the size of the scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import Any, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv2d, pixel_shuffle, pixel_unshuffle, relu

from xrfsr.network.tensor_files import read_tensors
from xrfsr.utils.device import CPU

__all__ = ["COMPONENTS", "RADIUS", "RATIO", "VERSION", "Components", "PriorNetwork", "load_prior", "prior_inputs"]

RATIO = 4  # pixels along a side of a cell, which is a pixel of the scan
COMPONENTS = 3  # channels to which the bands of the photo, and the maps of the scan, are reduced
WIDTH, BLOCKS = 64, 5
OWN = 1 + RATIO**2  # inputs that differ from map to map
INPUTS = OWN + 2 * COMPONENTS * RATIO**2
RADIUS = 2 * BLOCKS + 2  # cells to either side of one that its correction depends on
LEAST_CONTRAST = 1e-18
VERSION = "random shapes 2"
WEIGHTS = "prior.safetensors"


class PriorNetwork(nn.Module):
    """Residual convolutional network on cells, of five blocks of two layers of 64 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(INPUTS, WIDTH, 3, padding=1)
        self.inner = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in range(2 * BLOCKS))
        self.last = nn.Conv2d(WIDTH, RATIO**2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return corrections (maps, 4 * y, 4 * x) for the inputs of maps (maps, channel, y, x)."""
        return self._after_first(self.first(x))

    def context(self, photo: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the first layer sees of one painting, the same for all its maps, without and with the photo.

        Parameters
        ----------
        photo, shared : Tensor
            See `prior_inputs`.

        Returns
        -------
        Tensor, shape (1, 64, y, x), twice
            Context of maps that the photo may not guide, and of those that it may.
        """
        of_photo, of_shared = self.first.weight[:, OWN:].chunk(2, dim=1)
        plain = conv2d(pixel_unshuffle(shared, RATIO), of_shared, padding=1)
        return plain, plain + conv2d(pixel_unshuffle(photo, RATIO), of_photo, padding=1)

    def within(self, context: Tensor, estimate: Tensor) -> Tensor:
        """Return the correction of an estimate (1, 4 * y, 4 * x) in one of the contexts of its painting.

        It is that of `forward`, in fewer products if a painting has several maps.
        """
        own = conv2d(_cells(estimate), self.first.weight[:, :OWN], self.first.bias, padding=1)
        return self._after_first(own.add_(context))

    def _after_first(self, x: Tensor) -> Tensor:
        """Return the corrections for the output of the first layer."""
        for one, two in zip(self.inner[::2], self.inner[1::2], strict=True):
            # In place, as far as the gradient allows: new memory takes as long as the function.
            x = two(one(relu(x)).relu_()).add_(x)
        made = self.last(x.relu_())
        made = made - made.mean(dim=1, keepdim=True)
        return pixel_shuffle(made, RATIO)[:, 0]


def prior_inputs(estimate: Tensor, photo: Tensor, shared: Tensor) -> Tensor:
    """Return the inputs of the network: the means over cells, and the deviations from them.

    Parameters
    ----------
    estimate : Tensor, shape (maps, 4 * y, 4 * x)
        Estimate of the fine maps, of mean zero and standard deviation one in the scan.
    photo, shared : Tensor, shape (maps, 3, 4 * y, 4 * x)
        Principal components of the photo, zero for maps that it may not guide, and of all maps.

    Returns
    -------
    Tensor, shape (maps, channel, y, x)
    """
    return torch.cat([_cells(estimate), pixel_unshuffle(photo, RATIO), pixel_unshuffle(shared, RATIO)], dim=1)


def _cells(estimate: Tensor) -> Tensor:
    """Return the means of an estimate over cells, and the deviations from them, as channels."""
    cells = pixel_unshuffle(estimate[:, None], RATIO)
    means = cells.mean(dim=1, keepdim=True)
    return torch.cat([means, cells - means], dim=1)


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of a stack of maps, in units of the contrast of all maps together.

    Attributes
    ----------
    axes : array of float32, shape (3, channel)
        Weight of every map in every component; zero for components beyond the number of maps.
    mean, variance : array of float32, shape (channel,)
        Mean and variance of every map.
    """

    axes: NDArray[np.float32]
    mean: NDArray[np.float32]
    variance: NDArray[np.float32]

    @classmethod
    def fit(cls, pieces: Sequence[NDArray[Any]]) -> Self:
        """Fit the components of maps (channel, y, x), or of crops of them."""
        pixels = np.array([piece[0].size for piece in pieces], np.float64)
        means = np.array([piece.mean(axis=(1, 2), dtype=np.float64) for piece in pieces])
        mean = pixels / pixels.sum() @ means
        covariance = np.zeros((len(mean), len(mean)))
        for piece in pieces:
            rest = piece.reshape(len(mean), -1) - mean[:, None]
            covariance += rest @ rest.T / pixels.sum()
        values, vectors = np.linalg.eigh(covariance)
        chosen = vectors[:, ::-1][:, :COMPONENTS].T
        chosen = chosen * np.where(chosen.sum(axis=1, keepdims=True) < 0, -1, 1)
        contrast = np.sqrt(max(values.sum(), 0))
        axes = np.zeros((COMPONENTS, len(mean)))
        axes[: len(chosen)] = chosen / (contrast if contrast > LEAST_CONTRAST else 1)
        variance = covariance.diagonal()
        return cls(*(np.asarray(each, np.float32) for each in (axes, mean, variance)))

    def __call__(self, maps: NDArray[Any]) -> NDArray[np.float32]:
        """Return the components (3, y, x) of maps (channel, y, x)."""
        flat = maps.reshape(len(self.mean), -1).astype(np.float32) - self.mean[:, None]
        return np.asarray(self.axes @ flat).reshape(COMPONENTS, *maps.shape[1:])


@cache
def load_prior(device: torch.device = CPU) -> PriorNetwork:
    """Return the network with the weights of the package; the same object for every call."""
    network = PriorNetwork()
    layout = {name: ("F32", tuple(value.shape)) for name, value in network.state_dict().items()}
    with as_file(files("xrfsr.network") / WEIGHTS) as path:
        arrays = read_tensors(path, layout)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    network.requires_grad_(False)
    placed: PriorNetwork = cast(Any, network).to(device, memory_format=torch.channels_last)  # the stubs lack it
    return placed
