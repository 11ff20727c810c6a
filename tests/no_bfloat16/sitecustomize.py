"""With this folder on PYTHONPATH, torch finds no bfloat16 in the processor: in this interpreter and those it starts.

No environment variable of torch says so, and the network multiplies in bfloat16 wherever the processor does.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Loader(Loader):
    def __init__(self, original: Loader) -> None:
        self.original = original

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.original.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.original.exec_module(module)
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
            setattr(module, name, lambda: False)


class _Finder(MetaPathFinder):
    """Imports ``torch.cpu`` as usual and changes it: torch itself is imported only where it would be anyway."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "torch.cpu":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


if __name__ == "sitecustomize":  # and not where a tool merely looks at this file
    sys.meta_path.insert(0, _Finder())
