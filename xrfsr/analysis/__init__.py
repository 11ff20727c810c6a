"""Questions to maps, scanned or super-resolved: plain xarray in and out, lazy on Dask."""

from xrfsr.analysis.correlations import correlation
from xrfsr.analysis.polygons import region
from xrfsr.analysis.ratios import ratio

__all__ = ["correlation", "ratio", "region"]
