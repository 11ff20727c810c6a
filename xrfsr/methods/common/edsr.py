"""EDSR, the upscaler of CAR, built from its weights; spandrel does not know it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["EDSR"]

MEAN = (0.4488, 0.4371, 0.4040)
LARGE = 256  # features
SCALES, MAX_BLOCKS = (2, 3, 4, 8, 16), 1000
DTYPE = torch.float32


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
    white : float
        The largest value of a picture: 1 in CAR, 255 in the networks of Lim et al.
    """

    def __init__(self, features: int = 256, blocks: int = 32, scale: int = 4, white: float = 1) -> None:
        super().__init__()
        self.scale, self.white = scale, white
        # CAR scales residuals whatever the size, Lim et al. those of their large networks.
        scaling = 0.1 if white == 1 or features >= LARGE else 1.0
        self.sub_mean, self.add_mean = _shift(-white), _shift(white)
        self.head = nn.Sequential(_conv(3, features))
        body = [Block(features, scaling) for _ in range(blocks)]
        self.body = nn.Sequential(*body, _conv(features, features))
        steps = [3] if scale == 3 else [2] * round(math.log2(scale))
        up = [part for step in steps for part in (_conv(features, step**2 * features), nn.PixelShuffle(step))]
        self.tail = nn.Sequential(nn.Sequential(*up), _conv(features, 3))

    @classmethod
    def of(cls, weights: Mapping[str, Tensor]) -> EDSR | None:
        """Build the network with these weights; return None if they are of another kind."""
        try:
            features = len(weights["head.0.weight"])
            blocks = sum(name.startswith("body.") and name.endswith(".body.0.weight") for name in weights)
            growths = [len(weights[f"tail.0.{2 * i}.weight"]) // features for i in range(_ups(weights))]
            scale = math.prod(math.isqrt(growth) for growth in growths)
            if not (blocks <= MAX_BLOCKS and scale in SCALES):
                return None
            # Without memory, until the weights turn out to fit.
            with torch.device("meta"):
                made = cls(features, blocks, scale, 1 if weights["sub_mean.bias"].abs().max() < 1 else 255)
            made.load_state_dict(weights, assign=True)
        except (ArithmeticError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
            return None
        return made.eval()

    def forward(self, images: Tensor) -> Tensor:
        """(image, 3, y, x) in [0, 1] to the same, `scale` times larger."""
        x = self.head(self.sub_mean(self.white * images))
        made: Tensor = self.add_mean(self.tail(x + self.body(x))) / self.white
        return made


def _shift(white: float) -> nn.Conv2d:
    """Layer that adds or subtracts the mean colour of the training photographs."""
    shift = nn.Conv2d(3, 3, 1, dtype=DTYPE)
    with torch.no_grad():
        shift.weight.copy_(torch.eye(3, dtype=DTYPE)[:, :, None, None])
        shift.bias.copy_(white * torch.tensor(MEAN, dtype=DTYPE))  # type: ignore[union-attr]
    return shift


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, dtype=DTYPE)


def _ups(weights: Mapping[str, Tensor]) -> int:
    """Convolutions before a shuffle of pixels."""
    return sum(name.startswith("tail.0.") and name.endswith(".weight") for name in weights)
