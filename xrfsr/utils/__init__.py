"""Helpers for every part of the package: devices, threads, paths and progress bars."""
