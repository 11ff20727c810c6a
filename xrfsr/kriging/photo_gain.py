"""Photo gain: leave-one-out errors of the scan with and without the photo's edges.

Every pixel of the scan is predicted from its neighbours twice: by kriging whose covariance drops at edges of the photo,
and by the same kriging without a guide (`xrfsr.kriging.guided`). The first is better if the photo shows where a map
changes. No network is used, nothing is trained, and every pixel is a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.kriging.features import Guide
from xrfsr.kriging.guided import GuidedKriging, guided_krige
from xrfsr.operators import Downsampling
from xrfsr.utils.device import CPU

__all__ = ["LooErrors", "PhotoGain", "Sample", "along_photo", "gain_of_samples", "photo_gain", "photo_guide"]

# Photos have texture and noise that no map shares, and are registered to a pixel at best. The optimum is 0.7 to 1.2 for
# real scans, which a beam has blurred, and zero for simulated ones with perfect edges.
NEIGHBOURHOOD_SPREAD = 0.5  # fine pixels (standard deviation)
# Errors of neighbours are correlated, so each block of them is one sample.
BLOCK, MIN_BLOCKS = 4, 16  # coarse pixels along a side; blocks
# Number of standard errors, and its increase times the number of blocks: the spread of a few blocks is uncertain,
# because errors at edges are far larger than others.
STANDARD_ERRORS, SMALL_SAMPLE = 1.0, 5.0
# Side of a block where there are too few of the larger ones. There the photo must be better than each of its mirror
# images by LEAST standard errors of the difference, and by MEAN in the mean over them: many paintings are nearly
# symmetric. On 80 simulated scans of 8 to 16 pixels along a side, right photos are then used for 65 to 88 % of the
# maps, photos rotated by half a turn or mirrored for none, and moved ones or those of another painting for 0 to 15 %.
SMALL_BLOCK = 2
LEAST, MEAN = 0.5, 1.75
REVERSED, WHOLE = slice(None, None, -1), slice(None)
MIRRORED = ((REVERSED, WHOLE), (REVERSED, REVERSED), (WHOLE, REVERSED))


class PhotoGain(NamedTuple):
    """Gain in accuracy from the photo, for each map.

    Attributes
    ----------
    decibel : array of float32, shape (line,)
        Mean squared error of leave-one-out predictions without the photo over that with it, in dB. NaN where too few
        pixels were measured.
    helps : array of bool, shape (line,)
        Whether the gain is above zero by more than one standard error (1.3 on the smallest scans), and on small scans
        the photo is better than its mirror images; false where the gain is unknown.
    """

    decibel: NDArray[np.float32]
    helps: NDArray[np.bool_]

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
    gain = _gain(_differences(errors, BLOCK))
    if gain.known.all():
        return gain
    low, high = (f([f(sample.scan, axis=(1, 2)) for sample in samples], axis=0) for f in (np.min, np.max))
    few = ~gain.known & (high > low)
    small = _gain(_differences(errors, SMALL_BLOCK))
    helps = np.where(few, small.helps, gain.helps)
    if (few & helps).any() and not _beats_mirror_images(samples, few, device):
        helps = gain.helps
    return PhotoGain(np.where(few, small.decibel, gain.decibel), helps)


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
        without = guided_krige(sample.scan, np.zeros_like(sample.photo[:1]), sample.U, device)
        with_photo, without_photo = (_squares(sample, made) for made in (sample.guided, without))
        return cls(with_photo, without_photo, sample.measured, np.abs(sample.scan).max(axis=(1, 2), keepdims=True))


def _squares(sample: Sample, made: GuidedKriging) -> NDArray[np.float64]:
    """Return the squared leave-one-out errors of a scan, zero where it was not measured."""
    return np.where(sample.measured, sample.scan - made.left_out, 0.0).astype(np.float64) ** 2


class _Differences(NamedTuple):
    """Sums of squared errors over blocks, shape (line, block), and how many pixels of each block were measured."""

    guided: NDArray[np.float64]
    plain: NDArray[np.float64]
    measured: NDArray[np.float64]


def _differences(parts: Sequence[LooErrors], side: int) -> _Differences:
    """Return the errors of all crops of a scan in blocks of `side` pixels."""
    # Relative to the largest value, so that no square underflows.
    scale = np.max([part.largest for part in parts], axis=0)
    unit = np.where(scale > 0, scale, 1).astype(np.float64) ** 2
    guided, plain, measured = (
        np.concatenate([_blocks(array / over, side) for array in arrays], axis=1)
        for arrays, over in (
            ([part.with_photo for part in parts], unit),
            ([part.without_photo for part in parts], unit),
            ([part.measured.astype(np.float64) for part in parts], 1.0),
        )
    )
    return _Differences(guided, plain, measured)


def _gain(errors: _Differences) -> PhotoGain:
    """Return the gain of lines with enough blocks; of the others it is unknown."""
    guided, plain, measured = errors
    lines = len(guided)
    decibel = np.full(lines, np.nan, dtype=np.float32)
    helps = np.zeros(lines, dtype=bool)
    for line in range(lines):
        sample = (plain - guided)[line, measured[line] > 0]
        if len(sample) >= MIN_BLOCKS:
            error, before = guided[line].sum(), plain[line].sum()
            decibel[line] = 10 * np.log10(before / error) if error > 0 and before > 0 else 0.0
            error_of_mean = sample.std(ddof=1) / np.sqrt(len(sample))
            helps[line] = sample.mean() > (STANDARD_ERRORS + SMALL_SAMPLE / len(sample)) * error_of_mean
    return PhotoGain(decibel, helps)


def _beats_mirror_images(samples: Sequence[Sample], few: NDArray[np.bool_], device: torch.device) -> bool:
    """Return whether a photo predicts the lines of which few pixels were measured better than its mirror images do.

    All lines are judged together, each relative to its variance, because the photo is right or wrong for all of them.
    """
    crops = [crop for sample in samples if (crop := _crop(sample, few)) is not None]
    known = [np.where(crop.measured, crop.scan, np.nan) for crop in crops]
    variance = np.nanvar(np.concatenate([each.reshape(len(each), -1) for each in known], axis=1), axis=1)
    varied = variance > 0
    unit = np.where(varied, variance, 1)[:, None, None]

    def errors(crop: Sample, photo: NDArray[Any]) -> NDArray[np.float64]:
        made = along_photo(crop.scan, photo, crop.U, device)
        relative = _squares(crop, made) / unit
        return np.asarray(relative[varied].sum(axis=0, keepdims=True))

    own = [errors(crop, crop.photo) for crop in crops]
    counts = (
        np.concatenate([_blocks(np.any(crop.measured, axis=0, keepdims=True), SMALL_BLOCK)[0] for crop in crops]) > 0
    )
    clearness: list[float] = []
    for rows, columns in MIRRORED:
        mirrored = [np.ascontiguousarray(crop.photo[:, rows, columns]) for crop in crops]
        differences = [
            _blocks(errors(crop, photo) - right, SMALL_BLOCK)[0]
            for crop, photo, right in zip(crops, mirrored, own, strict=True)
        ]
        sample = np.concatenate(differences)[counts]
        error_of_mean = sample.std(ddof=1) / np.sqrt(len(sample))
        clearness.append(float(sample.mean() / error_of_mean) if error_of_mean > 0 else 0.0)
        if clearness[-1] <= LEAST:
            return False
    return bool(np.mean(clearness) > MEAN)


def _crop(sample: Sample, lines: NDArray[np.bool_]) -> Sample | None:
    """Crop a sample to some lines and to where they were measured; None if they were not."""
    measured = sample.measured[lines]
    spans = [np.flatnonzero(measured.any(axis=axes)) for axes in ((0, 2), (0, 1))]
    if not spans[0].size:
        return None
    rows, columns = (slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    U, y, x = sample.U.crop(rows, columns)
    return sample._replace(
        scan=sample.scan[lines][:, rows, columns],
        photo=sample.photo[:, y, x],
        U=U,
        measured=measured[:, rows, columns],
    )


def _blocks(array: NDArray[Any], side: int) -> NDArray[Any]:
    """Return sums over blocks of a map (line, y, x), shape (line, blocks)."""
    lines, height, width = array.shape
    padded = np.pad(array, ((0, 0), (0, -height % side), (0, -width % side)))
    tall, wide = padded.shape[1] // side, padded.shape[2] // side
    summed: NDArray[Any] = padded.reshape(lines, tall, side, wide, side).sum(axis=(2, 4))
    return summed.reshape(lines, -1)
