"""Readers and writers of element maps, spectra and photos, one module per format."""
