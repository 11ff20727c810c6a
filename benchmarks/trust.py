"""How far uncertainty and support of the photo can be believed, where the truth is known.

    python benchmarks/trust.py [coverage] [words] [discs] [--seeds 10]

coverage: the share of values whose 90 % interval (1.645 standard deviations to either side) holds the truth, overall
and in each quarter of intensity, and Spearman's rank correlation of deviation and absolute error. Where the noise of
the true maps is known, also with that noise in the deviation, because the interval is one of the map without noise.

words: a word that is painted into the photo alone. Given are the mean change of the maps in it, in deviations, and its
support, and the support along edges that map and photo share.

discs: an element in a disc under uniform paint: its error over that of the baseline, and its support.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scenes import Scene, coarser, real, simulated
from scipy import ndimage
from scipy.stats import spearmanr

import xrfsr
from xrfsr.kriging.simple import krige
from xrfsr.trust.uncertainty import DEVIATIONS

Array = NDArray[Any]
LINES = ["Ca-K", "Fe-K", "Cu-K", "Hg-L", "Pb-L", "Zn-K"]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], "coverage", "words", "discs"])
    parser.add_argument("--seeds", type=int, default=10, help="simulated paintings")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    parts = options.parts or ["coverage", "words", "discs"]
    if "coverage" in parts:
        coverage(options.seeds)
    if "words" in parts:
        words(min(5, options.seeds))
    if "discs" in parts:
        discs(min(5, options.seeds))


# -------------------------------------------------------------------------------------------------------- coverage


def tested_scenes(seeds: int) -> Iterator[Scene]:
    """Yield real scenes at 4× and some at 8×, and simulated ones."""
    eightfold = []
    for scene in real():
        yield scene
        if scene.name in ("soldier", "zagami"):
            eightfold.append(coarser(scene, 8))
    yield from eightfold
    for seed in range(seeds):
        yield simulated(seed)


def coverage(seeds: int) -> None:
    """Print the coverage of each scene."""
    print("| scene | covered | in each quarter of intensity | with the truth's noise | rank correlation |")
    print("| --- | --- | --- | --- | --- |")
    for scene in tested_scenes(seeds):
        fine = scene.scan.xrfsr.superresolve(scene.photo, scene.scale, uncertainty=True, progress=False)
        maps, deviation = fine.intensity.values, fine.uncertainty.values
        error = np.abs(maps - scene.truth)
        inside = error <= DEVIATIONS * deviation
        unit = scene.scan.intensity.values.std(axis=(1, 2), keepdims=True)
        rank = spearmanr((deviation / unit).ravel(), (error / unit).ravel())[0]
        noisy = ""
        if scene.uncertainty is not None and scene.uncertainty.any():
            whole = np.hypot(deviation, scene.uncertainty)
            noisy = f"{np.mean(error <= DEVIATIONS * whole):.0%}"
        quarters = ", ".join(f"{share:.0%}" for share in by_quarter(maps, inside))
        print(f"| {scene.name} | {inside.mean():.0%} | {quarters} | {noisy} | {rank:.2f} |", flush=True)


def by_quarter(maps: Array, inside: Array) -> list[float]:
    """Return the share of values inside their interval in each quarter of the intensity of each map."""
    found = []
    for plane, covered in zip(maps, inside, strict=True):
        edges = np.quantile(plane, np.linspace(0, 1, 5))
        found.append([covered[(plane >= low) & (plane <= high)].mean() for low, high in pairwise(edges)])
    return [float(share) for share in np.mean(found, axis=0)]


# ----------------------------------------------------------------------------------------------------------- words


def written(shape: tuple[int, int], seed: int) -> Array:
    """Return a word somewhere in a picture, one where it is, zero elsewhere."""
    rng = np.random.default_rng(seed)
    picture = Image.new("L", shape[::-1], 0)
    top, left = int(rng.integers(5, shape[0] - 40)), int(rng.integers(5, shape[1] - 110))
    ImageDraw.Draw(picture).text((left, top), "WORDS", fill=255, font=ImageFont.load_default(size=26))
    return np.asarray(picture) / 255


def words(seeds: int) -> None:
    """Print what a word that the photo alone shows does to the maps, and the support of it and of shared edges."""
    print("\n| painting | line | change in deviations | support of the word | there without it | of shared edges |")
    print("| --- | --- | --- | --- | --- | --- |")
    for seed in range(seeds):
        truth, scan, rgb = xrfsr.simulate.painting(192, 192, scale=4, seed=seed, lines=LINES)
        word = written(rgb.shape[1:], seed)
        ink = rgb.values * (1 - 0.8 * word) if rgb.values.mean() > 0.3 else rgb.values * (1 - word) + 0.95 * word
        options: dict[str, Any] = {"uncertainty": True, "progress": False}
        without = scan.xrfsr.superresolve(rgb, 4, **options)
        fine = scan.xrfsr.superresolve(rgb.copy(data=ink.astype(np.float32)), 4, **options)
        change = np.abs(fine.intensity - without.intensity).values / np.maximum(without.uncertainty.values, 1e-12)
        shared = shared_edges(truth.intensity.values, rgb.values)
        inside = word > 0.5
        for line, name in enumerate(scan.line.values):
            support, before = (each.photo_support.values[line] for each in (fine, without))
            if not float(without.guided_share[line]):
                print(f"| {seed} | {name} | the photo is not used | | | |", flush=True)
                continue
            cells = [change[line][inside].mean(), support[inside].mean(), before[inside].mean()]
            cells.append(before[shared[line]].mean() if shared[line].any() else np.nan)
            print(f"| {seed} | {name} | {' | '.join(f'{cell:.2f}' for cell in cells)} |", flush=True)


def shared_edges(maps: Array, photo: Array) -> Array:
    """Return where strong edges of a map and of the photo have one direction, shape (line, y, x)."""
    down, across = (
        [ndimage.sobel(ndimage.gaussian_filter(each, (0, 1, 1)), axis) for each in (maps, photo)] for axis in (1, 2)
    )
    steep, seen = (np.hypot(a, b) for a, b in zip(down, across, strict=True))
    along = np.abs(down[0][:, None] * down[1] + across[0][:, None] * across[1])
    same = (along / (steep[:, None] * seen + 1e-12)).max(axis=1) > 0.95
    strong = steep > np.quantile(steep, 0.95, axis=(1, 2), keepdims=True)
    return np.asarray(same & strong & (seen.max(axis=0) > np.quantile(seen.max(axis=0), 0.85)))


# ----------------------------------------------------------------------------------------------------------- discs


def discs(seeds: int) -> None:
    """Print how an element in a disc that the photo does not show comes back."""
    print("\n| painting | error over the baseline's in and around the disc, dB | support there | in all of the map |")
    print("| --- | --- | --- | --- |")
    for seed in range(seeds):
        truth, scan, rgb = xrfsr.simulate.painting(192, 192, scale=4, seed=seed, lines=LINES)
        photo = ndimage.gaussian_filter(rgb.values, (0, 8, 8))
        steep = ndimage.gaussian_gradient_magnitude(photo.mean(axis=0), 4)
        steep[:40], steep[-40:], steep[:, :40], steep[:, -40:] = 4 * (np.inf,)
        y, x = np.unravel_index(steep.argmin(), steep.shape)
        away = np.hypot(*np.meshgrid(np.arange(192) - y, np.arange(192) - x, indexing="ij"))
        disc = np.clip(18.5 - away, 0, 1) * 0.5 * float(truth.intensity.max())
        hidden = truth.intensity.values.copy()
        place = LINES.index("Cu-K")
        hidden[place] += disc
        U = scan.xrfsr.downsampling(4)
        counts = np.random.default_rng(seed).poisson(np.maximum(U(hidden), 0)).astype(np.float32)
        given = scan.assign(intensity=scan.intensity.copy(data=counts)).drop_vars("uncertainty")
        fine = given.xrfsr.superresolve(rgb, 4, uncertainty=True, progress=False)
        baseline = krige(counts[place].astype(float)[None], U)[0]
        near = away < 24
        errors = [np.mean((maps - hidden[place])[near] ** 2) for maps in (baseline, fine.intensity.values[place])]
        support = fine.photo_support.values[place]
        gain = 10 * np.log10(errors[0] / errors[1])
        print(
            f"| {seed} | {gain:+.2f} | {support[np.abs(away - 18) < 3].mean():.2f} | {support.mean():.2f} |", flush=True
        )


if __name__ == "__main__":
    main()
