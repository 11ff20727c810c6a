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

import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from os import PathLike
from pathlib import Path

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
from xrfsr.operators import apply_separable, cubic_matrix, footprint_matrix

__all__ = ["SISR", "SISROptions", "sisr"]

COLOURS = 3
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

    checkpoint: str | PathLike[str] = field()
    together: bool = setting(False)

    def __post_init__(self) -> None:
        faults: list[str] = []
        with collect_faults(faults):
            super().__post_init__()
        if isinstance(self.checkpoint, str | Path):
            with collect_faults(faults):
                _opened(str(self.checkpoint))
        else:
            faults.append(
                f"checkpoint must be the file with the weights of a network, such as 'x4.pth', got {self.checkpoint!r}"
            )
        if faults:
            raise InvalidInput("options", faults)

    def metadata(self) -> dict[str, str | float]:
        """See `MethodOptions`; of the checkpoint, its name alone."""
        settings = {"projected": self.projected, "together": self.together}
        return {"settings": json.dumps(settings), "checkpoint": Path(self.checkpoint).name}


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
            image = call(torch.as_tensor(filled[None], device=device))[0].float().cpu().numpy()
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


def _opened(checkpoint: str) -> Upscaler:
    """Return the network in a file; it is read again only when the file has changed."""
    path = Path(checkpoint)
    return _read(checkpoint, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(1)
def _read(checkpoint: str, changed: int) -> Upscaler:
    weights = _weights(checkpoint)
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
            found = spandrel.ModelLoader().load_from_state_dict(dict(weights))
    except spandrel.UnsupportedModelError as error:
        raise InvalidInput("checkpoint", [f"'{checkpoint}' holds no network that spandrel or xrfsr knows"]) from error
    one_in = isinstance(found, spandrel.ImageModelDescriptor) and found.input_channels == found.output_channels
    if not one_in or found.scale < 2:
        what = f"{found.architecture.name} of factor {found.scale}"
        raise InvalidInput("checkpoint", [f"'{checkpoint}' is a {what}; one that makes pictures larger is needed"])
    return found.model, found, found.input_channels, found.scale


def _weights(checkpoint: str) -> Mapping[str, Tensor]:
    """Return tensors by name; nothing but tensors and plain containers is read from a pickle."""
    path = Path(checkpoint)
    if not path.is_file():
        raise InvalidInput("checkpoint", [f"'{checkpoint}' is no file; the weights of a network are needed"])
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        held = torch.load(path, map_location=torch.get_default_device(), weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidInput(
            "checkpoint",
            [f"'{checkpoint}' cannot be read as weights and nothing else ({reason}); convert it to .safetensors"],
        ) from error
    for name in ("params_ema", "params", "state_dict", "model"):
        if isinstance(held, Mapping) and isinstance(held.get(name), Mapping):
            held = held[name]
            break
    if not (isinstance(held, Mapping) and held and all(isinstance(value, Tensor) for value in held.values())):
        raise InvalidInput("checkpoint", [f"'{checkpoint}' holds no weights by name"])
    # As torch.nn.DataParallel names them, in which CAR was trained.
    return {name.removeprefix("module."): value for name, value in held.items()}


class SISR(FusionMethod[SISROptions]):
    """Single-image super-resolution with a network that was trained elsewhere."""

    name = "sisr"
    uses_photo = False
    uses_device = True
    Options = SISROptions

    def estimate(self, problem: Problem, options: SISROptions, run: Run) -> NDArray[np.float32]:
        """See `xrfsr.methods.common.fusion.FusionMethod`."""
        return sisr(problem, run.device, checkpoint=str(options.checkpoint), together=options.together)
