"""Readers of element maps and spectra, one module per format."""
