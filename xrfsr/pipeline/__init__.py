"""The way of one result: inputs are checked, a method is prepared on samples and applied tile by tile."""
