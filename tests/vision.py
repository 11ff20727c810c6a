"""Torchvision with a torch of another build, as where one comes for CUDA and the other for the CPU.

Its compiled operators then do not load, and declaring the properties of the first of them fails. None is called here.
"""

from __future__ import annotations

import re
import sys

import torch


def without_its_operators() -> None:
    """Declare the operators that torchvision expects to be there."""
    while True:
        try:
            import torchvision  # noqa: F401
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                raise
            torch.library.define(f"torchvision::{missing[1]}", "(Tensor x) -> Tensor")
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]
        else:
            return
