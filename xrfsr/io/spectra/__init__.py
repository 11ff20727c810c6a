"""Spectra: cubes, and the maps that windows around lines make of them."""
