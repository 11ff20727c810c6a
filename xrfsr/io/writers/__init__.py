"""One module a format that is written, complete or not at all."""
