"""Writers of element maps, one module per format; each writes a complete file or none."""
