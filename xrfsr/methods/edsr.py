"""EDSR, the upscaler of CAR, as far as its weights tell: spandrel does not know it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor, nn

__all__ = ["EDSR"]


class Block(nn.Module):
    """x + s · conv(relu(conv(x)))."""

    def __init__(self, features: int, scaling: float) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(features, features), nn.ReLU(), _conv(features, features))
        self.scaling = scaling

    def forward(self, x: Tensor) -> Tensor:
        """(image, features, y, x) to the same."""
        made: Tensor = x + self.scaling * self.body(x)
        return made


class EDSR(nn.Module):
    """B. Lim et al., "Enhanced deep residual networks for single image super-resolution" (CVPR workshops 2017).

    W. Sun, Z. Chen, "Learned image downscaling for upscaling using content adaptive resampler", IEEE TIP 29 (2020),
    train one for pictures that their own resampler made small. Names of the weights are those of both.

    Parameters
    ----------
    features, blocks : int
    scale : int
        A power of two, or three.
    scaling : float
        Of residuals: 0.1 in networks of 256 features, 1 in small ones.
    """

    def __init__(self, features: int = 256, blocks: int = 32, scale: int = 4, scaling: float = 0.1) -> None:
        super().__init__()
        self.scale = scale
        self.head = nn.Sequential(_conv(3, features))
        body = [Block(features, scaling) for _ in range(blocks)]
        self.body = nn.Sequential(*body, _conv(features, features))
        steps = [3] if scale == 3 else [2] * round(math.log2(scale))
        up = [part for step in steps for part in (_conv(features, step**2 * features), nn.PixelShuffle(step))]
        self.tail = nn.Sequential(nn.Sequential(*up), _conv(features, 3))

    @classmethod
    def of(cls, weights: Mapping[str, Tensor]) -> EDSR | None:
        """The network with these weights, or None if they are of another kind."""
        try:
            features = len(weights["head.0.weight"])
            blocks = sum(name.startswith("body.") and name.endswith(".body.0.weight") for name in weights)
            growths = [len(weights[f"tail.0.{2 * i}.weight"]) // features for i in range(_ups(weights))]
            scale = math.prod(math.isqrt(growth) for growth in growths)
            made = cls(features, blocks, scale, 0.1 if features >= 256 else 1.0)
            known = made.state_dict().keys()
            # Shifts of the mean colour, where there are any, are fixed and undone at the end.
            made.load_state_dict({name: weights[name] for name in known})
        except (KeyError, RuntimeError, TypeError, ValueError):
            return None
        return made.eval()

    def forward(self, images: Tensor) -> Tensor:
        """(image, 3, y, x) in [0, 1] to the same, `scale` times larger."""
        x = self.head(images - 0.5)
        made: Tensor = self.tail(x + self.body(x)) + 0.5
        return made


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def _ups(weights: Mapping[str, Tensor]) -> int:
    """Convolutions before a shuffle of pixels."""
    return sum(name.startswith("tail.0.") and name.endswith(".weight") for name in weights)
