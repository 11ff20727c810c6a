"""Photo gain: leave-one-out errors of the scan with and without the photo's edges.

Every pixel of the scan is predicted from its neighbours twice: by kriging whose covariance drops at edges of the photo,
and by the same kriging without a guide (`xrfsr.kriging.guided`). The first is better if the photo shows where a map
changes. No network is used, nothing is trained, and every pixel is a test.

A covariance that drops anywhere can lower these errors by itself: on patches of colour even for a photo of white noise.
So the photo is also compared with its own mirror images. They have the same colours, edges and texture, at other
places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.kriging.features import Guide
from xrfsr.kriging.guided import GuidedKriging, guided_krige, leave_one_out
from xrfsr.operators import Downsampling
from xrfsr.utils.device import CPU

__all__ = [
    "MIRRORED",
    "LooErrors",
    "PhotoGain",
    "Sample",
    "along_photo",
    "block_sums",
    "clearness",
    "gain_of_samples",
    "photo_gain",
    "photo_guide",
    "shares",
]

# Photos have texture and noise that no map shares, and are registered to a pixel at best. The optimum is 0.7 to 1.2 for
# real scans, which a beam has blurred, and zero for simulated ones with perfect edges.
NEIGHBOURHOOD_SPREAD = 0.5  # fine pixels (standard deviation)
# Errors of neighbours are correlated, so each block of them is one sample. The smaller blocks are for lines of which
# too few of the larger ones were measured.
BLOCK, SMALL_BLOCK, MIN_BLOCKS = 4, 2, 16  # coarse pixels along a side; blocks
# Number of standard errors, and its increase times the number of blocks: the spread of a few blocks is uncertain,
# because errors at edges are far larger than others.
STANDARD_ERRORS, SMALL_SAMPLE = 1.0, 5.0
# All lines together must be predicted better with the photo than with its mirror images by so many standard errors,
# because the photo is right or wrong for all of them. benchmarks/photo_test.py shows what this refuses and accepts.
ALL_LINES = 2.5
# Blocks whose error is a smaller share of the mean over all say little, whatever they say.
QUIET = 0.1
LEAST_GAIN = 1e-3  # dB: less is rounding
# Maps whose errors are smaller, relative to the square of the largest value, are constant but for rounding.
LEAST_ERROR = 1e-10
REVERSED, WHOLE = slice(None, None, -1), slice(None)
MIRRORED = ((REVERSED, WHOLE), (REVERSED, REVERSED), (WHOLE, REVERSED))


class PhotoGain(NamedTuple):
    """Gain in accuracy from the photo, for each map.

    Attributes
    ----------
    decibel : array of float32, shape (line,)
        Mean squared error of leave-one-out predictions without the photo over that with it, in dB. NaN where too few
        pixels were measured, and for constant maps.
    trust : array of float32, shape (line,)
        Share of what the photo adds that is to be taken: zero where it does not help, else one less the squared
        standard error over the squared gain, by the less clear of both comparisons (as James & Stein 1961).
    """

    decibel: NDArray[np.float32]
    trust: NDArray[np.float32]

    @property
    def helps(self) -> NDArray[np.bool_]:
        """Whether the photo helps, shape (line,).

        The gain is above zero by more than one standard error (1.3 on the smallest scans), and the photo is as clearly
        better than its mirror images for this line, and by 2.5 standard errors for all lines together; false where the
        gain is unknown.
        """
        return np.asarray(self.trust > 0)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether enough pixels were measured to judge the photo, shape (line,)."""
        return ~np.isnan(self.decibel)


class Sample(NamedTuple):
    """A scan, or a crop of one, with its photo.

    Attributes
    ----------
    scan, photo, U, measured, guided
        See `photo_gain`.
    """

    scan: NDArray[Any]
    photo: NDArray[Any]
    U: Downsampling
    measured: NDArray[np.bool_]
    guided: GuidedKriging


def photo_guide(photos: Sequence[NDArray[Any]]) -> Guide:
    """Fit the guide of a photo, or of crops (band, fine.y, fine.x) of one.

    Its unit is the photo's contrast: the standard deviation of all bands.
    """
    return Guide.fit(photos, NEIGHBOURHOOD_SPREAD, count=len(photos), bandwidth=1.0)


def along_photo(
    scan: NDArray[Any],
    photo: NDArray[Any],
    U: Downsampling,
    device: torch.device = CPU,
    guide: Guide | None = None,
) -> GuidedKriging:
    """Interpolate a scan along the edges of a photo.

    Parameters
    ----------
    scan : array, shape (line, coarse.y, coarse.x)
        Maps without gaps.
    photo : array, shape (band, fine.y, fine.x)
        Photo without gaps.
    U : Downsampling
        Operator from the fine grid to the scan's.
    device : torch.device, optional
        Device that computes; the CPU if not given.
    guide : Guide, optional
        Guide fitted to the whole photo, if `photo` is a crop of it.

    Returns
    -------
    GuidedKriging
    """
    guide = photo_guide([photo]) if guide is None else guide
    return guided_krige(scan, guide(photo), U, device)


def photo_gain(
    scan: NDArray[Any],
    photo: NDArray[Any],
    U: Downsampling,
    measured: NDArray[np.bool_],
    device: torch.device = CPU,
    guided: GuidedKriging | None = None,
) -> PhotoGain:
    """Compare leave-one-out predictions of a scan with and without a photo.

    Parameters
    ----------
    scan, photo, U, device
        See `along_photo`.
    measured : array of bool, shape like `scan`
        Pixels that count: measured, and shown by the photo.
    guided : GuidedKriging, optional
        Result of `along_photo` for the same arguments, if it is known already.

    Returns
    -------
    PhotoGain

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(128, 128, lines=["Hg-L", "Pb-L"])
    >>> maps, U = scan.intensity.values, scan.xrfsr.downsampling(4)
    >>> photo_gain(maps, rgb.values, U, maps >= 0).helps
    array([ True,  True])
    >>> photo_gain(maps, rgb.values[:, ::-1], U, maps >= 0).helps
    array([False, False])
    """
    guided = along_photo(scan, photo, U, device) if guided is None else guided
    return gain_of_samples([Sample(scan, photo, U, measured, guided)], device)


def gain_of_samples(samples: Sequence[Sample], device: torch.device = CPU) -> PhotoGain:
    """Compute the photo gain of a scan from one or more crops of it; see `photo_gain`."""
    errors = [LooErrors.of(sample, device) for sample in samples]
    lines = len(samples[0].scan)
    decibel, helps = np.full(lines, np.nan, dtype=np.float32), np.zeros(lines, dtype=bool)
    clear = np.full(lines, np.inf)  # standard errors of the less clear comparison
    blocks = {side: _Blocks.of(errors, side) for side in (BLOCK, SMALL_BLOCK)}
    low, high = (f([f(sample.scan, axis=(1, 2)) for sample in samples], axis=0) for f in (np.min, np.max))
    enough = blocks[BLOCK].counts.sum(axis=1) >= MIN_BLOCKS
    sides = [BLOCK if large else SMALL_BLOCK for large in enough]
    for line, side in enumerate(sides):
        if blocks[side].counts[line].sum() >= MIN_BLOCKS and high[line] > low[line]:
            decibel[line] = blocks[side].decibel(line)
            clear[line], limit = blocks[side].clearness_of(line)
            helps[line] = decibel[line] > LEAST_GAIN and clear[line] > limit
    if helps.any():
        # Computed only where it decides, because it takes three times as long as all above.
        mirrored = [
            part._replace(without_photo=mean)
            for part, mean in zip(errors, _errors_of_mirror_images(samples, device), strict=True)
        ]
        others = {side: _Blocks.of(mirrored, side) for side in (BLOCK, SMALL_BLOCK)}
        for place in np.flatnonzero(helps).tolist():
            clearer, limit = others[sides[place]].clearness_of(place)
            helps[place] = clearer > limit
            clear[place] = min(clear[place], clearer)
        most = BLOCK if others[BLOCK].counts.any(axis=0).sum() >= MIN_BLOCKS else SMALL_BLOCK
        helps &= others[most].clearness_of_all(blocks[most].without.mean(axis=1)) > ALL_LINES
    trust = np.zeros(lines, dtype=np.float32)
    trust[helps] = 1 - clear[helps] ** -2.0
    return PhotoGain(decibel, trust)


class LooErrors(NamedTuple):
    """Squared leave-one-out errors of a scan, zero where it was not measured; shape (line, coarse.y, coarse.x).

    Attributes
    ----------
    with_photo, without_photo : array of float64
        Errors of kriging along the edges of the photo, and without a guide.
    measured : array of bool
        Pixels that count.
    largest : array, shape (line, 1, 1)
        Largest magnitude of each map.
    """

    with_photo: NDArray[np.float64]
    without_photo: NDArray[np.float64]
    measured: NDArray[np.bool_]
    largest: NDArray[Any]

    @classmethod
    def of(cls, sample: Sample, device: torch.device) -> Self:
        """Predict a scan, or a crop of one, without the photo, and compare with the prediction along its edges."""
        plain = leave_one_out(sample.scan, np.zeros_like(sample.photo[:1]), sample.U, device)
        with_photo, without_photo = (_squares(sample, left_out) for left_out in (sample.guided.left_out, plain))
        return cls(with_photo, without_photo, sample.measured, np.abs(sample.scan).max(axis=(1, 2), keepdims=True))


def _squares(sample: Sample, left_out: NDArray[Any]) -> NDArray[np.float64]:
    """Return the squared leave-one-out errors of a scan, zero where it was not measured."""
    return np.where(sample.measured, sample.scan - left_out, 0.0).astype(np.float64) ** 2


def _errors_of_mirror_images(samples: Sequence[Sample], device: torch.device) -> list[NDArray[np.float64]]:
    """Return the squared leave-one-out errors of each crop, the mean over the mirror images of the photo."""
    errors = [np.zeros(sample.scan.shape) for sample in samples]
    for rows, columns in MIRRORED:
        photos = [_mirrored(sample, rows, columns) for sample in samples]
        guide = photo_guide(photos)
        for mean, sample, photo in zip(errors, samples, photos, strict=True):
            mean += _squares(sample, leave_one_out(sample.scan, guide(photo), sample.U, device)) / len(MIRRORED)
    return errors


def _mirrored(sample: Sample, rows: slice, columns: slice) -> NDArray[Any]:
    """Return a photo of which the part where the scan was measured is mirrored in itself."""
    photo = sample.photo.copy()
    spans = [np.flatnonzero(sample.measured.any(axis=axes)) for axes in ((0, 2), (0, 1))]
    if spans[0].size:
        _, y, x = sample.U.crop(*(slice(int(span[0]), int(span[-1]) + 1) for span in spans))
        photo[:, y, x] = sample.photo[:, y, x][:, rows, columns]
    return photo


class _Blocks(NamedTuple):
    """Sums of squared errors over blocks, shape (line, block), and which of them were measured."""

    with_photo: NDArray[np.float64]
    without: NDArray[np.float64]
    counts: NDArray[np.bool_]

    @classmethod
    def of(cls, parts: Sequence[LooErrors], side: int) -> Self:
        """Add up the errors of all crops of a scan over blocks of `side` pixels."""
        # Relative to the largest value, so that no square underflows.
        scale = np.max([part.largest for part in parts], axis=0)
        unit = np.where(scale > 0, scale, 1).astype(np.float64) ** 2
        with_photo, without, measured = (
            np.concatenate([block_sums(array / over, side) for array in arrays], axis=1)
            for arrays, over in (
                ([part.with_photo for part in parts], unit),
                ([part.without_photo for part in parts], unit),
                ([part.measured.astype(np.float64) for part in parts], 1.0),
            )
        )
        return cls(with_photo, without, measured > 0)

    def decibel(self, line: int) -> float:
        """Return the error without the photo over that with it, in dB."""
        error, before = self.with_photo[line].sum(), self.without[line].sum()
        return float(10 * np.log10(before / error)) if error > 0 and before > 0 else 0.0

    def clearness_of(self, line: int) -> tuple[float, float]:
        """Return by how many standard errors a line is better with the photo, and how many are beyond chance."""
        sample = (self.without - self.with_photo)[line, self.counts[line]]
        return clearness(sample), STANDARD_ERRORS + SMALL_SAMPLE / len(sample)

    def clearness_of_all(self, unit: NDArray[np.float64]) -> float:
        """Return by how many standard errors all lines together are better with the photo, each in its unit (line,)."""
        uneven = unit > LEAST_ERROR
        return clearness(shares(self.without, self.with_photo, np.where(uneven, unit, np.inf))[self.counts.any(axis=0)])


def shares(before: NDArray[np.float64], after: NDArray[np.float64], unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by which share of its error each block is better, all lines together, from -1 to 1.

    Few blocks have nearly all of the error, and the differences themselves would hide what the others say in unison.

    Parameters
    ----------
    before, after : array, shape (line, block)
        Squared errors.
    unit : array, shape (line,)
        Unit of each line; infinite for lines that do not count.

    Returns
    -------
    array, shape (block,)
    """
    before, after = (each.T @ (1 / unit) for each in (before, after))
    return np.asarray((before - after) / (before + after + QUIET * np.isfinite(unit).sum()))


def clearness(sample: NDArray[np.float64]) -> float:
    """Return the mean of a sample in standard errors of the mean; 0 if it does not vary."""
    error_of_mean = sample.std(ddof=1) / np.sqrt(len(sample))
    return float(sample.mean() / error_of_mean) if error_of_mean > 0 else 0.0


def block_sums(array: NDArray[Any], side: int) -> NDArray[Any]:
    """Return sums over blocks of a map (line, y, x), shape (line, blocks)."""
    lines, height, width = array.shape
    padded = np.pad(array, ((0, 0), (0, -height % side), (0, -width % side)))
    tall, wide = padded.shape[1] // side, padded.shape[2] // side
    summed: NDArray[Any] = padded.reshape(lines, tall, side, wide, side).sum(axis=(2, 4))
    return summed.reshape(lines, -1)
