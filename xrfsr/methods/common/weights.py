"""Weights of networks that were trained elsewhere: numbers by name, and nothing else, within bounds.

Files are PyTorch's own, of which no code is run, or safetensors. Accepted are at most 134 million weights; networks for
super-resolution have up to 50 million.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from xrfsr.errors import InvalidInput
from xrfsr.utils.device import CPU
from xrfsr.utils.process_settings import ProcessSetting

__all__ = ["bounded", "defaults", "first_line", "read_weights"]

MAX_WEIGHTS = 2**27
MAX_TENSORS = 20_000
MAX_HEADER = 2**24  # bytes of the header of a safetensors file
LONGEST_REASON = 200  # characters
_dtype = ProcessSetting(torch.get_default_dtype, torch.set_default_dtype)


def read_weights(checkpoint: str) -> dict[str, Tensor]:
    """Return tensors by name, in single precision; nothing but tensors and plain containers is read from a pickle.

    Raises
    ------
    InvalidInput
        If there is no such file, or it is damaged, compressed or too large, or holds anything else.
    """
    path = Path(checkpoint)
    if not path.is_file():
        raise InvalidInput("checkpoint", [f"'{checkpoint}' is no file; the weights of a network are needed"])
    held: Any
    try:
        if fault := _too_large(path):
            raise InvalidInput("checkpoint", [f"'{checkpoint}' {fault}"])
        if path.suffix == ".safetensors":
            held = load_file(path)
        else:
            held = torch.load(path, map_location=CPU, weights_only=True)
    except InvalidInput:
        raise
    except Exception as error:
        reason = first_line(error)
        raise InvalidInput(
            "checkpoint",
            [f"'{checkpoint}' cannot be read as weights and nothing else ({reason}); convert it to .safetensors"],
        ) from error
    for name in ("params_ema", "params", "state_dict", "model"):
        if isinstance(held, Mapping) and isinstance(held.get(name), Mapping):
            held = held[name]
            break
    if not (isinstance(held, Mapping) and 0 < len(held) <= MAX_TENSORS and all(map(_is_weight, held.items()))):
        raise InvalidInput("checkpoint", [f"'{checkpoint}' holds no weights by name"])
    # Tensors that repeat their numbers take no room in a file.
    if (count := sum(value.numel() for value in held.values())) > MAX_WEIGHTS:
        raise InvalidInput("checkpoint", [f"'{checkpoint}' must have at most {MAX_WEIGHTS:,} weights, got {count:,}"])
    # As torch.nn.DataParallel names them, in which CAR was trained.
    return {
        name.removeprefix("module."): value.to(torch.float32) if value.is_floating_point() else value
        for name, value in held.items()
    }


def _too_large(path: Path) -> str | None:
    """Return why reading a file might take more memory than the file has bytes, or None."""
    most = 8 * MAX_WEIGHTS
    if (size := path.stat().st_size) > most:
        return f"must have at most {most:,} bytes, got {size:,}"
    if path.suffix == ".safetensors":
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        return f"must have a header of at most {MAX_HEADER:,} bytes, got {length:,}" if length > MAX_HEADER else None
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            return "is compressed, which torch.save does not do; unpack it and save the weights again"
        if sum(entry.file_size for entry in entries) > size:
            return "declares more bytes than it has"
    return None


def _is_weight(item: tuple[object, object]) -> bool:
    name, value = item
    if not (isinstance(name, str) and isinstance(value, Tensor)):
        return False
    return value.layout == torch.strided and not (value.is_complex() or value.is_quantized or value.is_meta)


def first_line(error: BaseException) -> str:
    """Return the reason of an error, short enough for a message."""
    lines = str(error.faults[0] if isinstance(error, InvalidInput) else error).splitlines()
    return lines[0][:LONGEST_REASON] if lines and lines[0].strip() else type(error).__name__


@contextmanager
def defaults() -> Iterator[None]:
    """Run code of others under the defaults of PyTorch that it was written for, whatever the user has set."""
    with _dtype.restored(), CPU:
        torch.set_default_dtype(torch.float32)
        yield


class _Bounded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuse to allocate more numbers than a network with so many weights can need."""

    def __init__(self, weights: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.left = MAX_WEIGHTS + 2 * weights

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # Factories take the shape first. An empty tensor takes no memory until something is written to it.
        shape = args[0] if args and isinstance(args[0], list | tuple) else ()
        if shape and all(type(size) is int for size in shape):
            self.left -= prod(shape)
        if self.left < 0:
            raise InvalidInput("checkpoint", ["the network that its names describe is larger than its weights"])
        return function(*args, **(kwargs or {}))


def bounded(build: Callable[[dict[str, Tensor]], Any], weights: dict[str, Tensor]) -> Any:
    """Call a function that builds a network for weights, and stop it if the network is far larger than these.

    Raises
    ------
    InvalidInput
        If it is.
    """
    with defaults(), _Bounded(sum(value.numel() for value in weights.values())):
        return build(weights)
