"""Figures: maps the right way up, an overview of photo, scan and fine maps, and a comparison of methods."""

from xrfsr.plot.comparison import comparison
from xrfsr.plot.maps import maps
from xrfsr.plot.overview import overview

__all__ = ["comparison", "maps", "overview"]
