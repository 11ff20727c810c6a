"""One module a format: what is in its files, and how a map is read."""
