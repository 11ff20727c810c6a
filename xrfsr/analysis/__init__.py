"""Questions to maps, scanned or super-resolved: plain xarray in and out, lazy on Dask."""

from xrfsr.analysis.composites import composite
from xrfsr.analysis.correlations import correlation
from xrfsr.analysis.polygons import region
from xrfsr.analysis.profiles import profile
from xrfsr.analysis.ratios import ratio
from xrfsr.analysis.statistics import region_statistics

__all__ = ["composite", "correlation", "profile", "ratio", "region", "region_statistics"]


def __dir__() -> list[str]:
    return sorted(__all__)
