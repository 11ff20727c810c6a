"""Corrections of what a scanner does to a scan. Every result records in its attributes what was done."""

from xrfsr.processing.binning import bin
from xrfsr.processing.cropping import crop
from xrfsr.processing.dwell import normalise
from xrfsr.processing.orientation import flip, rotate
from xrfsr.processing.outliers import mask_dead_rows, mask_outliers
from xrfsr.processing.rows import shift_rows
from xrfsr.processing.stitching import stitch

__all__ = ["bin", "crop", "flip", "mask_dead_rows", "mask_outliers", "normalise", "rotate", "shift_rows", "stitch"]


def __dir__() -> list[str]:
    return sorted(__all__)
