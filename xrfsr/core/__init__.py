"""What the data are: grids in millimetres, element lines, units, coordinates, scans and photos."""

from xrfsr.core.lines import Line
from xrfsr.core.provenance import checksum

__all__ = ["Line", "checksum"]
