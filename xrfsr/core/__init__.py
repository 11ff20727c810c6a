"""What the data are: grids in millimetres, element lines, units, coordinates, scans and photos."""
