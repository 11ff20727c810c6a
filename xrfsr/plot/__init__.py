"""Figures in print quality: maps the right way up, comparisons, profiles, and what can be believed of them.

Functions draw on axes that are given (``ax=``) or on those of a new figure, and return matplotlib axes.
"""

from xrfsr.plot.compare import compare
from xrfsr.plot.comparison import comparison
from xrfsr.plot.composites import composite
from xrfsr.plot.histograms import histogram
from xrfsr.plot.maps import maps
from xrfsr.plot.overlay import overlay
from xrfsr.plot.overview import overview
from xrfsr.plot.profiles import profile
from xrfsr.plot.ratios import ratio
from xrfsr.plot.training import training
from xrfsr.plot.trust import support, uncertainty

__all__ = [
    "compare",
    "comparison",
    "composite",
    "histogram",
    "maps",
    "overlay",
    "overview",
    "profile",
    "ratio",
    "support",
    "training",
    "uncertainty",
]


def __dir__() -> list[str]:
    return sorted(__all__)
