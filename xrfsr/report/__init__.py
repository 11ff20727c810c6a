"""HTML report: one page with the maps, what is known of them, and how they were made, which opens without a network."""

from xrfsr.report.single import report
from xrfsr.report.tree import report as report_tree

__all__ = ["report", "report_tree"]
