"""Fine element maps from a coarse MA-XRF scan and a photograph, for xarray.

>>> import xrfsr
>>> scan = xrfsr.as_scan([[[1.0, 2.0], [3.0, 4.0]]], lines=["Ca-K"], pixel_size="0.5 mm")
>>> scan.xrfsr.grid.spacing
(0.5, 0.5)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xrfsr import accessor
from xrfsr._version import __version__
from xrfsr.core.grid import Grid
from xrfsr.errors import InvalidInput

if TYPE_CHECKING:
    from xrfsr import plot, regions, simulate
    from xrfsr.core.from_arrays import as_scan
    from xrfsr.core.photo import as_photo
    from xrfsr.exploration import explore, pick_points
    from xrfsr.io.open import open_scan
    from xrfsr.io.photo import open_photo
    from xrfsr.network import load_model
    from xrfsr.pipeline.refine_registration import refine_registration
    from xrfsr.pipeline.reproduce import reproduce
    from xrfsr.registration import register, stack_photos
    from xrfsr.utils.versions import show_versions

__all__ = [
    "Grid",
    "InvalidInput",
    "__version__",
    "as_photo",
    "as_scan",
    "explore",
    "load_model",
    "open_photo",
    "open_scan",
    "pick_points",
    "plot",
    "refine_registration",
    "regions",
    "register",
    "reproduce",
    "show_versions",
    "simulate",
    "stack_photos",
]

# Found at first use (PEP 562), because most of them bring torch, scipy or rasterio with them.
_LAZY = {
    "as_photo": "xrfsr.core.photo",
    "as_scan": "xrfsr.core.from_arrays",
    "explore": "xrfsr.exploration",
    "load_model": "xrfsr.network",
    "open_photo": "xrfsr.io.photo",
    "open_scan": "xrfsr.io.open",
    "pick_points": "xrfsr.exploration",
    "plot": "xrfsr.plot",
    "refine_registration": "xrfsr.pipeline.refine_registration",
    "regions": "xrfsr.regions",
    "register": "xrfsr.registration",
    "reproduce": "xrfsr.pipeline.reproduce",
    "show_versions": "xrfsr.utils.versions",
    "simulate": "xrfsr.simulate",
    "stack_photos": "xrfsr.registration",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'xrfsr' has no attribute {name!r}{_meant(name)}", name=name)
    module = import_module(_LAZY[name])
    found = module if module.__name__ == f"xrfsr.{name}" else getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


def _meant(name: str) -> str:
    """Return a hint where a name is that of a method of scans, or resembles a public name."""
    if name.startswith("_"):  # asked by tools, not by people
        return ""
    from difflib import get_close_matches

    for owner, text in ((accessor.XrfsrAccessor, "scan.xrfsr"), (accessor.PlotAccessor, "scan.xrfsr.plot")):
        if name in dir(owner):
            return f"; it is a method of scans: {text}.{name}(...)"
    near = get_close_matches(name, __all__, n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(f'xrfsr.{each}' for each in near)}?" if near else ""
