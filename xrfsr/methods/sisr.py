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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.methods.common.edsr import EDSR
from xrfsr.methods.common.fusion import Peer
from xrfsr.methods.common.problem import Problem
from xrfsr.methods.common.settings import PROJECTED, Setting, chosen, faults_of
from xrfsr.operators import apply_separable, cubic_matrix, footprint_matrix
from xrfsr.utils.device import resolve_device

__all__ = ["SETTINGS", "announce", "check", "prepare", "sisr"]

SETTINGS = {"projected": PROJECTED, "together": Setting(False)}
COLOURS = 3
Upscaler = tuple[torch.nn.Module, Callable[[Tensor], Tensor], int, int]  # network, how it is called, channels, scale


def sisr(problem: Problem, device: str, *, checkpoint: str, together: bool) -> NDArray[np.float32]:
    """Maps (line, fine.y, fine.x)."""
    place = resolve_device(device)
    network, call, channels, scale = _opened(checkpoint)
    network.to(place)
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
            image = call(torch.as_tensor(filled[None], device=place))[0].float().cpu().numpy()
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
    """The network in a file, read again only when the file has changed."""
    path = Path(checkpoint)
    return _read(checkpoint, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(1)
def _read(checkpoint: str, changed: int) -> Upscaler:
    weights = _weights(checkpoint)
    if (edsr := EDSR.of(weights)) is not None:
        return edsr, edsr, COLOURS, edsr.scale
    try:
        import spandrel
    except ImportError as error:
        raise ImportError("method 'sisr' needs spandrel: python -m pip install 'xrfsr[sisr]'") from error
    except RuntimeError as error:  # of torchvision, which spandrel brings with it
        raise ImportError(
            f"{error}: torch and torchvision are different builds; install both from one index"
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
    """Tensors by name; of a pickle, tensors and plain containers alone are read."""
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


def check(device: str, settings: Mapping[str, Any]) -> None:
    """Raise `InvalidInput`, naming every fault; the checkpoint is opened."""
    own = dict(settings)
    faults: list[str] = []
    with collect_faults(faults):
        resolve_device(device)
    checkpoint = own.pop("checkpoint", None)
    if not isinstance(checkpoint, str | Path):
        faults.append(
            f"checkpoint is {checkpoint!r}; the file with the weights of a network is needed, such as 'x4.pth'"
        )
    else:
        with collect_faults(faults):
            _opened(str(checkpoint))
    faults += faults_of("sisr", SETTINGS, own)
    if faults:
        raise InvalidInput("settings", faults)


def prepare(sample: Sequence[Problem], **settings: Any) -> Peer:
    """There is nothing to prepare; photo and seed play no part."""
    checkpoint = str(settings["checkpoint"])
    made = Peer.of(partial(sisr, checkpoint=checkpoint), SETTINGS, settings, on_device=True)
    return replace(made, record=announce("", 0, settings)[0])


def announce(device: str, seed: int, settings: Mapping[str, Any]) -> tuple[dict[str, str | float], tuple[str, ...]]:
    """What the record of a run will be."""
    told = json.dumps(chosen(SETTINGS, settings))
    return {"settings": told, "checkpoint": Path(settings["checkpoint"]).name}, ()
