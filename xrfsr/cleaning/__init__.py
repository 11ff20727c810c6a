"""Putting right what a scanner does to a scan, and saying so: every result tells in its attributes what was done."""

from xrfsr.cleaning.cropping import crop
from xrfsr.cleaning.dwell import normalise
from xrfsr.cleaning.outliers import mask_dead_rows, mask_outliers
from xrfsr.cleaning.rows import shift_rows
from xrfsr.cleaning.stitching import stitch

__all__ = ["crop", "mask_dead_rows", "mask_outliers", "normalise", "shift_rows", "stitch"]
