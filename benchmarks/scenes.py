"""Scenes whose fine maps are known: simulated paintings, and real scans if their files are available."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

import xrfsr
from xrfsr.kriging.simple import krige

Array = NDArray[Any]
SHARED = Path(__file__).resolve().parents[2] / "shared" / "bench" / "scenes.py"


def psnr(estimate: Array, truth: Array) -> float:
    """Return the peak signal-to-noise ratio in dB, pooled over all maps, peak 1, as in the paper's Table I."""
    return float(-10 * np.log10(np.mean((estimate - truth) ** 2)))


@dataclass(frozen=True)
class Scene:
    """Scan and photo with known fine maps.

    Attributes
    ----------
    name : str
        Name of the scene.
    truth : array, shape (line, y, x)
        True fine maps in [0, 1].
    scan : Dataset
        Coarse maps.
    photo : DataArray
        Photo on the grid of the fine maps.
    scale : int
        Ratio of coarse and fine pixel sizes.
    """

    name: str
    truth: Array
    scan: xr.Dataset
    photo: xr.DataArray
    scale: int

    @classmethod
    def of(cls, name: str, truth: Array, low: Array, rgb: Array, lines: list[str], scale: int) -> Scene:
        """Build a scene from arrays."""
        scan = xrfsr.as_scan(low, lines, pixel_size="2 mm")
        return cls(name, truth, scan, xrfsr.as_photo(rgb, like=scan), scale)

    @property
    def turned(self) -> xr.DataArray:
        """Photo upside down: the control with a wrong photo."""
        return self.photo.copy(data=self.photo.values[:, ::-1])

    def moved(self, down: float, right: float) -> xr.DataArray:
        """Photo moved by some fine pixels, by cubic interpolation."""
        pixels = ndimage.shift(self.photo.values, (0, down, right), order=3, mode="nearest").clip(0, 1)
        return self.photo.copy(data=pixels)

    @property
    def grey(self) -> xr.DataArray:
        """Uniform grey photo: the control without information."""
        return xr.full_like(self.photo, 0.5)

    def gain(self, fine: xr.Dataset, **footprint: Any) -> float:
        """Return the PSNR minus that of the kriging baseline, in dB."""
        baseline = krige(
            self.scan.intensity.values.astype(np.float64), self.scan.xrfsr.downsampling(self.scale, **footprint)
        )
        return psnr(fine.intensity.values, self.truth) - psnr(baseline, self.truth)

    def worst(self, fine: xr.Dataset, **footprint: Any) -> float:
        """Return the gain of the map that gains least, in dB."""
        each = [
            replace(self, truth=self.truth[i : i + 1], scan=self.scan.isel(line=[i])) for i in range(len(self.truth))
        ]
        return min(one.gain(fine.isel(line=[i]), **footprint) for i, one in enumerate(each))


def simulated(seed: int, size: int = 256, scale: int = 4) -> Scene:
    """Return a painting of `xrfsr.simulate`, its maps scaled to a peak of one."""
    truth, scan, rgb = xrfsr.simulate.painting(size, size, scale=scale, seed=seed)
    maps = truth.intensity.values
    peak = maps.max(axis=(1, 2), keepdims=True)
    lines = [str(line) for line in truth.line.values]
    return Scene.of(f"simulated {seed}", maps / peak, scan.intensity.values / peak, rgb.values, lines, scale)


def real() -> Iterator[Scene]:
    """Yield windows of real scans, averaged over 4 × 4 pixels, if the data are available."""
    if not SHARED.is_file():
        return
    spec = importlib.util.spec_from_file_location("shared_scenes", SHARED)
    assert spec is not None
    assert spec.loader is not None
    shared = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shared)
    for name, lines in shared.LINES.items():
        maps, guide, scale = shared.scene(name)
        yield Scene.of(name, maps, shared.box(maps, scale), guide, lines, scale)


def decimated(scene: Scene) -> Scene:
    """Return the scene scanned point by point: one fine pixel for each coarse one."""
    U = scene.scan.xrfsr.downsampling(scene.scale, "decimate")
    low = U(scene.truth)
    lines = [str(line) for line in scene.scan.line.values]
    return Scene.of(f"{scene.name}, decimated", scene.truth, low, scene.photo.values, lines, scene.scale)


def thinned(scene: Scene, share: float, seed: int = 0) -> Scene:
    """Return the scene with only a share of its photons (binomial thinning), scaled to the same peak.

    Raises
    ------
    ValueError
        If its maps are not integer numbers of photons.
    """
    # The brightest pixels are clipped, not always to an integer.
    photon = np.array([np.diff(np.unique(plane[plane < plane.max()])).min() for plane in scene.truth], dtype=np.float64)
    photon = photon[:, None, None]
    counts = scene.truth / photon
    if np.mean(np.abs(counts - np.round(counts)) > 0.05) > 2e-3:
        raise ValueError(f"the maps must be integer numbers of photons, unlike those of {scene.name}")
    kept = np.random.default_rng(seed).binomial(np.round(counts).astype(np.int64), share)
    lines, height, width = scene.truth.shape
    down, across = height // scene.scan.sizes["y"], width // scene.scan.sizes["x"]
    low = (kept * photon / share).reshape(lines, height // down, down, width // across, across).mean(axis=(2, 4))
    names = [str(line) for line in scene.scan.line.values]
    return Scene.of(f"{scene.name}, {share:g} of its photons", scene.truth, low, scene.photo.values, names, scene.scale)


def coarser(scene: Scene, scale: int) -> Scene:
    """Return the scene scanned with larger pixels."""
    lines, height, width = scene.truth.shape
    low = scene.truth.reshape(lines, height // scale, scale, width // scale, scale).mean(axis=(2, 4))
    names = [str(line) for line in scene.scan.line.values]
    return Scene.of(f"{scene.name}, {scale}×", scene.truth, low, scene.photo.values, names, scale)
