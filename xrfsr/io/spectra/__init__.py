"""Cubes of spectra, and maps of element lines computed from them with energy windows."""
