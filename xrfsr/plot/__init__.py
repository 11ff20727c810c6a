"""Pictures: photo, scan and fine maps on one page, and methods side by side."""

from xrfsr.plot.comparison import comparison
from xrfsr.plot.overview import overview

__all__ = ["comparison", "overview"]
