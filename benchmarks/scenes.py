"""Scenes whose fine maps are known: simulated paintings, and real scans if their files are available."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from real_scenes import SCALE, SOURCES, available, window
from scipy import ndimage

import xrfsr
from xrfsr.kriging.simple import krige
from xrfsr.trust.truth_noise import TruthNoise, estimate_white_noise

Array = NDArray[Any]


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
    uncertainty : array, shape (line, y, x), optional
        Standard deviation of the noise of `truth`, where it is known.
    """

    name: str
    truth: Array
    scan: xr.Dataset
    photo: xr.DataArray
    scale: int
    uncertainty: Array | None = None

    @classmethod
    def of(
        cls,
        name: str,
        truth: Array,
        low: Array,
        rgb: Array,
        lines: list[str],
        scale: int,
        uncertainty: Array | None = None,
    ) -> Scene:
        """Build a scene from arrays."""
        scan = xrfsr.as_scan(low, lines, pixel_size="2 mm")
        return cls(name, truth, scan, xrfsr.as_photo(rgb, like=scan), scale, uncertainty)

    @property
    def true_maps(self) -> xr.Dataset:
        """True fine maps as a scan, with their uncertainty where it is known."""
        made = self.scan.xrfsr.superresolve(method="bilinear", scale=self.scale).copy(data={"intensity": self.truth})
        if self.uncertainty is None:
            return made
        sigma = xr.Variable(made.intensity.dims, self.uncertainty.astype(np.float32), made.intensity.attrs)
        return made.assign(uncertainty=sigma)

    @property
    def noise(self) -> TruthNoise:
        """Noise of the true maps, which the scan made from them shares."""
        if self.uncertainty is not None:
            sigma = np.sqrt(np.square(self.uncertainty, dtype=np.float64).mean(axis=(1, 2)))
        else:
            sigma = np.array([estimate_white_noise(plane) for plane in self.truth])
        shared = self.scan.intensity[0].size / self.truth[0].size
        return TruthNoise(sigma, ("",) * len(sigma), 1 - 2 * shared)

    @property
    def turned(self) -> xr.DataArray:
        """Photo upside down: the control with a wrong photo."""
        return self.photo.copy(data=self.photo.values[:, ::-1])

    def moved(self, down: float, right: float) -> xr.DataArray:
        """Photo moved by some fine pixels, by cubic interpolation."""
        pixels = ndimage.shift(self.photo.values, (0, down, right), order=3, mode="nearest").clip(0, 1)
        return self.photo.copy(data=pixels)

    def displaced(self, down: float, right: float) -> xr.DataArray:
        """Photo whose coordinates are wrong by some fine pixels, its own pixels unchanged."""
        y, x = self.photo["y"], self.photo["x"]
        steps = (float(axis[1] - axis[0]) for axis in (y, x))
        return self.photo.assign_coords(
            {
                axis.name: axis.copy(data=axis.values + pixels * step)
                for axis, pixels, step in zip((y, x), (down, right), steps, strict=True)
            }
        )

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

    def corrected_gain(self, fine: xr.Dataset, **footprint: Any) -> float:
        """Return the same without the noise of the true maps, as far as it is known; NaN if it is all of the error."""
        baseline = krige(
            self.scan.intensity.values.astype(np.float64), self.scan.xrfsr.downsampling(self.scale, **footprint)
        )
        lines, noise = len(self.truth), self.noise
        mine, other = (
            noise.corrected((maps - self.truth) ** 2, np.ones(lines), np.ones(lines, bool))[1]
            for maps in (fine.intensity.values, baseline)
        )
        return float(10 * np.log10(other / mine))

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
    low, exact = scan.intensity.values / peak, np.zeros_like(maps)
    return Scene.of(f"simulated {seed}", maps / peak, low, rgb.values, lines, scale, exact)


def real(*, second: bool = False) -> Iterator[Scene]:
    """Yield windows of published scans, averaged over 4 × 4 pixels, if the data are there; or other windows of them."""
    for name in available():
        source = SOURCES[name]
        if second and source.second is None:
            continue
        maps, photo = window(name, second=second)
        sigma = np.sqrt(maps * photons(maps)) if source.counted else None
        name = f"{name}, second window" if second else name
        yield Scene.of(name, maps, box(maps, SCALE), photo, list(source.lines), SCALE, sigma)


def box(maps: Array, scale: int) -> Array:
    """Return the means of maps (line, y, x) over scale × scale pixels."""
    lines, height, width = maps.shape
    return np.asarray(maps.reshape(lines, height // scale, scale, width // scale, scale).mean(axis=(2, 4)))


def photons(maps: Array) -> Array:
    """Return the height of one photon in each map of counts that were divided by their peak, (line, 1, 1)."""
    # The brightest pixels are clipped, not always to an integer.
    photon = np.array([np.diff(np.unique(plane[plane < plane.max()])).min() for plane in maps], dtype=np.float64)
    return photon[:, None, None]


def decimated(scene: Scene) -> Scene:
    """Return the scene scanned point by point: one fine pixel for each coarse one."""
    U = scene.scan.xrfsr.downsampling(scene.scale, "decimate")
    low = U(scene.truth)
    lines = [str(line) for line in scene.scan.line.values]
    name = f"{scene.name}, decimated"
    return Scene.of(name, scene.truth, low, scene.photo.values, lines, scene.scale, scene.uncertainty)


def thinned(scene: Scene, share: float, seed: int = 0) -> Scene:
    """Return the scene with only a share of its photons (binomial thinning), scaled to the same peak.

    Raises
    ------
    ValueError
        If its maps are not integer numbers of photons.
    """
    photon = photons(scene.truth)
    counts = scene.truth / photon
    if np.mean(np.abs(counts - np.round(counts)) > 0.05) > 2e-3:
        raise ValueError(f"the maps must be integer numbers of photons, unlike those of {scene.name}")
    kept = np.random.default_rng(seed).binomial(np.round(counts).astype(np.int64), share)
    lines, height, width = scene.truth.shape
    down, across = height // scene.scan.sizes["y"], width // scene.scan.sizes["x"]
    low = (kept * photon / share).reshape(lines, height // down, down, width // across, across).mean(axis=(2, 4))
    names = [str(line) for line in scene.scan.line.values]
    name = f"{scene.name}, {share:g} of its photons"
    return Scene.of(name, scene.truth, low, scene.photo.values, names, scene.scale, scene.uncertainty)


def coarser(scene: Scene, scale: int) -> Scene:
    """Return the scene scanned with larger pixels."""
    low = box(scene.truth, scale)
    names = [str(line) for line in scene.scan.line.values]
    return Scene.of(f"{scene.name}, {scale}×", scene.truth, low, scene.photo.values, names, scale, scene.uncertainty)
