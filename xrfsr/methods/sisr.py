"""Single-image super-resolution with a network that was trained elsewhere: SISR.

The upscaler of CAR (EDSR: W. Sun, Z. Chen, IEEE TIP 29 (2020)), HAT (X. Chen et al., CVPR 2023), Swin2SR (M. V.
Conde et al., ECCV workshops 2022) and whatever else `spandrel <https://github.com/chaiNNer-org/spandrel>`_
recognises by its weights. Such a network has seen photographs by the million and never an element map, nor does it
see the photo of the painting; it is shown each map as a grey picture in [0, 1], and its result is then made
consistent with the scan.

The weights are a file that the user has: ``superresolve(method="sisr", checkpoint="HAT_SRx4.pth")``. Nothing but
numbers is read from it, whatever else a pickle may hold.

Filled in: a map's peak is white; of the three colours that come back, the mean. With ``together=True`` three maps at
a time are shown as red, green and blue, which is three times as fast. Networks whose factor is not that of the scan
are followed by an interpolation: means over the finer pixels, or a bicubic one if they are too coarse still.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xrfsr.errors import InvalidInput, collect_faults, import_optional
from xrfsr.methods.common.edsr import EDSR
from xrfsr.methods.common.fusion import FusionMethod, FusionOptions
from xrfsr.methods.common.method import Run
from xrfsr.methods.common.options import setting
from xrfsr.methods.common.problem import Problem
from xrfsr.methods.common.weights import bounded, defaults, first_line, read_weights
from xrfsr.operators import apply_separable, cubic_matrix, footprint_matrix
from xrfsr.utils.describe import describe
from xrfsr.utils.paths import local_path

__all__ = ["SISR", "SISROptions", "sisr"]

COLOURS = 3
MAX_SCALE = 16
Upscaler = tuple[torch.nn.Module, Callable[[Tensor], Tensor], int, int]  # network, how it is called, channels, scale


@dataclass(frozen=True, kw_only=True)
class SISROptions(FusionOptions):
    """Options of `SISR`.

    Attributes
    ----------
    checkpoint : str or path
        File with the weights of a network; it is opened when the options are built.
    together : bool
        Whether three maps at a time are shown as red, green and blue.
    """

    not_recorded: ClassVar[tuple[str, ...]] = ("checkpoint",)

    checkpoint: str | PathLike[str] = field()
    together: bool = setting(False)

    def __post_init__(self) -> None:
        faults: list[str] = []
        with collect_faults(faults):
            super().__post_init__()
        if isinstance(self.checkpoint, str | Path):
            with collect_faults(faults):
                _opened(str(local_path(self.checkpoint, "the file with the weights of a network")))
        else:
            faults.append(
                f"checkpoint must be the file with the weights of a network, such as 'x4.pth', got "
                f"{describe(self.checkpoint)}"
            )
        if faults:
            raise InvalidInput("options", faults)

    def metadata(self) -> dict[str, str | float]:
        """See `MethodOptions`; of the checkpoint, its name alone."""
        return {"checkpoint": Path(self.checkpoint).name}


def sisr(problem: Problem, device: torch.device, *, checkpoint: str, together: bool) -> NDArray[np.float32]:
    """Return the fine maps, shape (line, fine.y, fine.x)."""
    network, call, channels, scale = _opened(checkpoint)
    network.to(device)
    peak = np.maximum(problem.scan.max(axis=(1, 2)), np.finfo(np.float32).tiny)[:, None, None]
    maps = np.clip(problem.scan / peak, 0, 1).astype(np.float32)
    of = channels if together else 1
    made = []
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.meshgrid")  # of the networks that spandrel knows
        for start in range(0, len(maps), of):
            shown = maps[start : start + of]
            # The last one again where three do not fill a picture.
            filled = shown[np.minimum(np.arange(channels), len(shown) - 1)]
            image = _applied(call, filled, scale, device, checkpoint)
            made.append(image[: len(shown)] if together else image.mean(axis=0, keepdims=True))
    upscaled = np.concatenate(made)
    there, fine = problem.U.coarse.refine(scale), problem.U.fine
    if there.shape != fine.shape:
        y, x = (
            (footprint_matrix if target.size < source.size else cubic_matrix)(source, target)
            for source, target in ((there.y, fine.y), (there.x, fine.x))
        )
        upscaled = apply_separable(y, x, upscaled)
    return np.asarray(upscaled * peak, dtype=np.float32)


def _applied(
    call: Callable[[Tensor], Tensor], image: NDArray[np.float32], scale: int, device: torch.device, checkpoint: str
) -> NDArray[np.float32]:
    """Return what a network makes of a picture (colour, y, x), a number of times larger."""
    try:
        with defaults():
            made: NDArray[np.float32] = call(torch.as_tensor(image[None], device=device))[0].float().cpu().numpy()
    except Exception as error:  # of any kind, as its code is that of others
        raise InvalidInput(
            "checkpoint", [f"the network in '{checkpoint}' failed ({first_line(error)}); use another one"]
        ) from error
    expected = (len(image), scale * image.shape[1], scale * image.shape[2])
    if made.shape != expected or not np.isfinite(made).all():
        got = "NaN or infinity" if made.shape == expected else f"shape {made.shape}"
        raise InvalidInput(
            "checkpoint",
            [f"the network in '{checkpoint}' must make finite numbers of shape {expected}, got {got}; use another one"],
        )
    return made


def _opened(checkpoint: str) -> Upscaler:
    """Return the network in a file; it is read again only when the file has changed."""
    path = Path(checkpoint)
    return _read(checkpoint, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(1)
def _read(checkpoint: str, changed: int) -> Upscaler:
    weights = read_weights(checkpoint)
    if (edsr := EDSR.of(weights)) is not None:
        return edsr, edsr, COLOURS, edsr.scale
    try:
        spandrel = import_optional("spandrel", "networks of method 'sisr'", "sisr")
    except RuntimeError as error:  # from torchvision, which spandrel imports
        raise InvalidInput(
            "installation", [f"torch and torchvision must be of one build, got {error!r}; install both from one index"]
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.meshgrid")
            found = bounded(spandrel.ModelLoader().load_from_state_dict, weights)
    except Exception as error:  # of any kind: it finds out by trying what the names and shapes might mean
        raise InvalidInput(
            "checkpoint", [f"'{checkpoint}' holds no network that spandrel or xrfsr knows ({first_line(error)})"]
        ) from error
    one_in = isinstance(found, spandrel.ImageModelDescriptor) and found.input_channels == found.output_channels
    if not one_in or not 2 <= found.scale <= MAX_SCALE:
        what = f"{found.architecture.name} of factor {found.scale}"
        raise InvalidInput(
            "checkpoint",
            [f"'{checkpoint}' is a {what}; one that makes pictures 2 to {MAX_SCALE} times larger is needed"],
        )
    return found.model, found, found.input_channels, found.scale


class SISR(FusionMethod[SISROptions]):
    """Single-image super-resolution with a network that was trained elsewhere."""

    name = "sisr"
    uses_photo = False
    uses_device = True
    any_ratio = False  # the networks have one
    Options = SISROptions

    def estimate(self, problem: Problem, options: SISROptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return sisr(problem, run.device, checkpoint=str(options.checkpoint), together=options.together)
