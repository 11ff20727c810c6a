"""Accuracy of registration on simulated photographs of paintings, and rejection of unrelated photos.

``python benchmarks/registration.py [seeds]`` prints a table; about twenty seconds per seed.
"""

from __future__ import annotations

import io
import sys
import time

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.registration import Registration

SCALE = 4


def photographed(
    rgb: NDArray[np.float32], seed: int, *, perspective: bool
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Simulate a JPEG photograph of a painting with margins, rotation, shear, perspective and changed exposure.

    Parameters
    ----------
    rgb : ndarray of shape (3, y, x)
        Painting, float32 in [0, 1].
    seed : int
        Seed of the random transform.
    perspective : bool
        Whether the photo has perspective; otherwise the transform is affine.

    Returns
    -------
    photo : ndarray of shape (H, W, 3)
        Photo, uint8.
    matrix : ndarray of shape (3, 3)
        Matrix from pixels (column, row) of `rgb` to those of the photo.
    """
    rng = np.random.default_rng(seed)
    _, height, width = rgb.shape
    ratio, turn = rng.uniform(0.5, 2.0), np.deg2rad(rng.uniform(-5, 5))
    stretch, shear = rng.uniform(-0.03, 0.03, 2)
    matrix = np.eye(3)
    matrix[:2, :2] = ratio * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix[:2, :2] = matrix[:2, :2] @ np.array([[1 + stretch, shear], [0, 1 - stretch]])
    if perspective:
        middle, tilt = np.eye(3), np.eye(3)
        middle[:2, 2] = -width / 2, -height / 2
        tilt[2, :2] = rng.uniform(-0.05, 0.05, 2) / [width, height]
        matrix = matrix @ np.linalg.inv(middle) @ tilt @ middle
    corners = matrix @ np.array(
        [[-0.5, width - 0.5, -0.5, width - 0.5], [-0.5, -0.5, height - 0.5, height - 0.5], [1] * 4]
    )
    low, high = (corners[:2] / corners[2]).min(1), (corners[:2] / corners[2]).max(1)
    before, after = rng.uniform(0, 0.25, (2, 2)) * (high - low)
    shift = np.eye(3)
    shift[:2, 2] = before - low
    matrix = shift @ matrix
    columns, rows = (high - low + before + after).astype(int)
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    back = np.linalg.inv(matrix) @ np.array([x.ravel(), y.ravel(), np.ones(x.size)])
    u, v = (back[:2] / back[2]).reshape(2, rows, columns)
    inside = (abs(u - (width - 1) / 2) <= width / 2) & (abs(v - (height - 1) / 2) <= height / 2)
    table = ndimage.gaussian_filter(rng.random((3, rows, columns)), (0, 3, 3))
    table = (table - table.min()) / np.ptp(table) * rng.uniform(0.2, 0.8) + 0.2 * rng.random((3, 1, 1))
    smooth = ndimage.gaussian_filter(rgb, (0, *[0.5 * max(0.0, 1 / ratio - 0.6)] * 2))
    seen = np.array([ndimage.map_coordinates(band, (v, u), order=1, mode="nearest") for band in smooth])
    photo = np.where(inside, seen, table).clip(0, 1) ** rng.uniform(0.7, 1.4) * rng.uniform(0.8, 1.1)
    stored = io.BytesIO()
    pixels = (255 * np.moveaxis(photo.clip(0, 1), 0, -1)).astype(np.uint8)
    Image.fromarray(pixels).save(stored, "JPEG", quality=int(rng.integers(60, 95)))
    return np.asarray(Image.open(stored)), matrix / matrix[2, 2]


def error(found: Registration, matrix: NDArray[np.float64], shape: tuple[int, int]) -> float:
    """Return the root mean square distance in pixels of the scan, over a grid of its points."""
    rows, columns = shape
    x, y = np.meshgrid(np.linspace(0, columns - 1, 15), np.linspace(0, rows - 1, 15))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    on_painting = SCALE * points + (SCALE - 1) / 2
    on_photo = matrix @ np.vstack([on_painting.T, np.ones(len(points))])
    moved = found.photo_to_map_pixels((on_photo[:2] / on_photo[2]).T)
    return float(np.sqrt(((moved - points) ** 2).sum(axis=1).mean()))


def unlike(rgb: xr.DataArray, seed: int) -> xr.DataArray:
    """Return the photo of a painting with another composition, since two portraits could match by right."""
    for other in range(1000 + 10 * seed, 1100 + 10 * seed):
        photo: xr.DataArray = xrfsr.simulate.painting(256, 256, SCALE, other).rgb
        blurred = (ndimage.gaussian_filter(one.values.mean(axis=0), 6).ravel() for one in (rgb, photo))
        if abs(np.corrcoef(*blurred)[0, 1]) < 0.3:
            return photo
    raise AssertionError("every simulated painting has the same composition")


def main(seeds: int) -> None:
    """Print one line per photo, and a summary."""
    errors: dict[str, list[float]] = {"affine": [], "homography": []}
    rejected = {"affine": 0, "homography": 0, "another painting": 0, "mirrored": 0}
    for seed in range(seeds):
        _, scan, rgb = xrfsr.simulate.painting(256, 256, SCALE, seed)
        other = unlike(rgb, seed)
        for kind in errors:
            photo, matrix = photographed(rgb.values, seed, perspective=kind == "homography")
            start = time.perf_counter()
            try:
                found = xrfsr.register(photo, scan)
            except InvalidInput as fault:
                rejected[kind] += 1
                print(f"{kind} {seed}: rejected: {fault}", flush=True)
                continue
            errors[kind].append(error(found, matrix, scan.intensity.shape[1:]))
            took = time.perf_counter() - start
            print(f"{kind} {seed}: {errors[kind][-1]:.2f} pixels of the scan, {took:.0f} s, {found}", flush=True)
        photo, _ = photographed(other.values, seed, perspective=False)
        mirrored, _ = photographed(rgb.values[:, :, ::-1], seed, perspective=False)
        for kind, picture in (("another painting", photo), ("mirrored", mirrored)):
            try:
                print(f"{kind} {seed}: NOT REJECTED: {xrfsr.register(picture, scan).diagnostics}", flush=True)
            except InvalidInput as fault:
                rejected[kind] += 1
                print(f"{kind} {seed}: {fault.faults[0][:110]}", flush=True)
    for kind, found_errors in errors.items():
        worst, median = (f"{f(found_errors):.2f}" if found_errors else "-" for f in (max, np.median))
        print(f"{kind}: median {median}, worst {worst} pixels of the scan; {rejected[kind]} of {seeds} rejected")
    print(
        f"rejected: another painting {rejected['another painting']}, mirrored {rejected['mirrored']}, of {seeds} each"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
