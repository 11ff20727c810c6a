"""What the right photo and wrong ones do to every map, against the kriging baseline.

    python benchmarks/controls.py [--seeds 10] [--without-prior]

Real scans, a second window of each, a scan with few photons, and simulated paintings: each with its own photo, with
this upside down, uniform grey, moved by half a pixel of the scan, and with the photo of another painting. Each row is
the gain over the baseline in dB: over all maps together, and of the map that gains least.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from scenes import Scene, real, simulated, thinned

import xrfsr

SHARE = 0.1  # of the photons that are kept
OTHER = 77  # seed of the other painting


def scenes(seeds: int) -> Iterator[Scene]:
    """Yield real scenes, a second window of each, one with few photons, and simulated paintings."""
    for second in (False, True):
        for scene in real(second=second):
            yield scene
            if scene.name == "amnh_obj1":
                yield thinned(scene, SHARE)
    for seed in range(seeds):
        yield simulated(seed)


def photos(scene: Scene) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield the right photo and wrong ones."""
    height, width = scene.truth.shape[1:]
    other = xrfsr.simulate.painting(height, width, scale=scene.scale, seed=OTHER, lines=["Pb-L"]).rgb.values
    yield "right", scene.photo
    yield "upside down", scene.turned
    yield "grey", scene.grey
    yield "half a pixel away", scene.moved(scene.scale / 2, scene.scale / 2)
    yield "another painting's", scene.photo.copy(data=other)


def gains(scene: Scene, photo: xr.DataArray, **options: Any) -> tuple[float, float]:
    """Return the gain of all maps together, and of the one that gains least."""
    fine = scene.scan.xrfsr.superresolve(photo, scene.scale, progress=False, **options)
    return scene.gain(fine), scene.worst(fine)


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="simulated paintings")
    parser.add_argument("--without-prior", action="store_true", help="with nothing that was learned beforehand")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    print("| scene | photo | all maps, dB | the map that gains least, dB |\n| --- | --- | --- | --- |")
    lowest = np.inf
    for scene in scenes(options.seeds):
        for name, photo in photos(scene):
            pooled, worst = gains(scene, photo, prior=not options.without_prior)
            lowest = min(lowest, worst)
            print(f"| {scene.name} | {name} | {pooled:+.2f} | {worst:+.2f} |", flush=True)
    print(f"\nLowest of all: {lowest:+.2f} dB")


if __name__ == "__main__":
    main()
