"""Discriminator of the adversarial stage: one patch of one map in, one unbounded score out.

The paper shows its layers in a figure only and calls the design standard. This is the usual design for patches of this
size: convolutions of 4 × 4 with stride 2 until 4 × 4 pixels remain, leaky ReLUs between them, and a last convolution
over the remaining pixels. No layer normalises over the batch, because only its misclassified part counts.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from xrfsr.utils.device import CPU

__all__ = ["Discriminator"]

CHANNELS = 64
NEGATIVE_SLOPE = 0.2
FINAL_SIZE = 4  # pixels along a side of the last layer's input


class Discriminator(nn.Module):
    """Discriminator d(·), one for each member of the ensemble, as groups of the same convolutions.

    Parameters
    ----------
    patch : int
        Side of a patch: 4 times a power of two.
    members : int
        Number of members.
    generator : torch.Generator, optional
        Source of the random initial weights.
    """

    def __init__(self, patch: int = 32, members: int = 1, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.members = members
        *hidden, last = self._widths(patch)
        kind: dict[str, Any] = {"groups": members, "dtype": torch.float32, "device": CPU}
        layers = [nn.Conv2d(members * width, members * following, 4, 2, 1, **kind) for width, following in hidden]
        layers.append(nn.Conv2d(members * last[0], members, FINAL_SIZE, **kind))
        self.layers = nn.ModuleList(layers)
        with torch.no_grad():
            for layer in layers:
                fan_in = layer.weight[0].numel()
                layer.weight.copy_(
                    torch.randn(layer.weight.shape, generator=generator, dtype=torch.float32, device=CPU)
                    * (2 / (1 + NEGATIVE_SLOPE**2) / fan_in) ** 0.5
                )
                assert layer.bias is not None
                layer.bias.zero_()

    @staticmethod
    def _widths(patch: int) -> list[tuple[int, int]]:
        """Return the channels of each layer, in and out, for one member."""
        widths, size = [(1, CHANNELS)], patch // 2
        while size > FINAL_SIZE:
            widths.append((widths[-1][1], 2 * widths[-1][1]))
            size //= 2
        return [*widths, (widths[-1][1], 1)]

    @classmethod
    def shapes(cls, patch: int, members: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters, by their names."""
        made: dict[str, tuple[int, ...]] = {}
        for i, (width, following) in enumerate(cls._widths(patch)):
            made[f"layers.{i}.weight"] = (members * following, width, FINAL_SIZE, FINAL_SIZE)
            made[f"layers.{i}.bias"] = (members * following,)
        return made

    def forward(self, patches: Tensor) -> Tensor:
        """Return the scores of patches.

        Parameters
        ----------
        patches : Tensor, shape (patches, members, patch, patch)
            Patches of maps.

        Returns
        -------
        Tensor, shape (patches, members)
            Unbounded scores: near 1 for patches that look real, near -1 for those that look reconstructed.
        """
        *hidden, last = self.layers
        for layer in hidden:
            patches = leaky_relu(layer(patches), NEGATIVE_SLOPE)
        score: Tensor = last(patches)
        return score.flatten(1)
