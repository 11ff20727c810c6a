"""Helpers for every part of the package: devices, threads, paths, progress bars and messages."""
