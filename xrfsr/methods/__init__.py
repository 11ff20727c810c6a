"""Methods of super-resolution: one file or folder each, found by name.

A method is a subclass of `Method` with a name, a frozen dataclass of options and `prepare`; most are a function from a
scan and a photo to fine maps and derive from `FusionMethod`. Other packages add their own by the entry point
``xrfsr.methods``. The page "Adding a method" of the docs has a complete example.
"""

from __future__ import annotations

from xrfsr.methods.common.fusion import FusionMethod, FusionOptions, projection_halo
from xrfsr.methods.common.method import Method, Prepared, Reconstruction, Run, Solution
from xrfsr.methods.common.options import MethodOptions, setting
from xrfsr.methods.common.problem import Problem
from xrfsr.methods.registry import get, names, ready

__all__ = [
    "FusionMethod",
    "FusionOptions",
    "Method",
    "MethodOptions",
    "Prepared",
    "Problem",
    "Reconstruction",
    "Run",
    "Solution",
    "get",
    "names",
    "projection_halo",
    "ready",
    "setting",
]
