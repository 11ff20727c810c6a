"""Photo gain: leave-one-out errors of the scan with and without the photo's edges.

Every pixel of the scan is predicted from its neighbours twice: by kriging whose covariance drops at edges of the photo,
and by the same kriging without a guide (`xrfsr.kriging.guided`). The first is better if the photo shows where a map
changes. No network is used, nothing is trained, and every pixel is a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from xrfsr.kriging.features import Guide
from xrfsr.kriging.guided import GuidedKriging, guided_krige
from xrfsr.operators import Downsampling
from xrfsr.utils.device import CPU

__all__ = ["LooErrors", "PhotoGain", "along_photo", "gain_from_errors", "loo_errors", "photo_gain", "photo_guide"]

# Photos have texture and noise that no map shares, and are registered to a pixel at best. The optimum is 0.7 to 1.2 for
# real scans, which a beam has blurred, and zero for simulated ones with perfect edges.
NEIGHBOURHOOD_SPREAD = 0.5  # fine pixels (standard deviation)
# Errors of neighbours are correlated, so each block of them is one sample.
BLOCK, MIN_BLOCKS = 4, 16  # coarse pixels along a side; blocks
# Number of standard errors, and its increase times the number of blocks: the spread of a few blocks is uncertain,
# because errors at edges are far larger than others.
STANDARD_ERRORS, SMALL_SAMPLE = 1.0, 5.0


class PhotoGain(NamedTuple):
    """Gain in accuracy from the photo, for each map.

    Attributes
    ----------
    decibel : array of float32, shape (line,)
        Mean squared error of leave-one-out predictions without the photo over that with it, in dB. NaN where too few
        pixels were measured.
    helps : array of bool, shape (line,)
        Whether the gain is above zero by more than one standard error (1.3 on the smallest scans); true where it is
        unknown.
    """

    decibel: NDArray[np.float32]
    helps: NDArray[np.bool_]


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
    return gain_from_errors([loo_errors(scan, photo, U, measured, device, guided)])


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


def loo_errors(
    scan: NDArray[Any],
    photo: NDArray[Any],
    U: Downsampling,
    measured: NDArray[np.bool_],
    device: torch.device,
    guided: GuidedKriging,
) -> LooErrors:
    """Predict a scan, or a crop of one, with and without the photo; for the arguments see `photo_gain`."""
    without = guided_krige(scan, np.zeros_like(photo[:1]), U, device)
    with_photo, without_photo = (
        np.where(measured, scan - made.left_out, 0.0).astype(np.float64) ** 2 for made in (guided, without)
    )
    return LooErrors(with_photo, without_photo, measured, np.abs(scan).max(axis=(1, 2), keepdims=True))


def gain_from_errors(parts: Sequence[LooErrors]) -> PhotoGain:
    """Compute the photo gain from the errors of all crops of a scan."""
    lines = len(parts[0].with_photo)
    # Relative to the largest value, so that no square underflows.
    scale = np.max([part.largest for part in parts], axis=0)
    unit = np.where(scale > 0, scale, 1).astype(np.float64) ** 2
    guided, plain, measured = (
        np.concatenate([_blocks(array / over) for array in arrays], axis=1)
        for arrays, over in (
            ([part.with_photo for part in parts], unit),
            ([part.without_photo for part in parts], unit),
            ([part.measured.astype(np.float64) for part in parts], 1.0),
        )
    )
    decibel = np.full(lines, np.nan, dtype=np.float32)
    helps = np.ones(lines, dtype=bool)
    for line in range(lines):
        sample = (plain - guided)[line, measured[line] > 0]
        if len(sample) >= MIN_BLOCKS:
            error, before = guided[line].sum(), plain[line].sum()
            decibel[line] = 10 * np.log10(before / error) if error > 0 and before > 0 else 0.0
            error_of_mean = sample.std(ddof=1) / np.sqrt(len(sample))
            helps[line] = sample.mean() > (STANDARD_ERRORS + SMALL_SAMPLE / len(sample)) * error_of_mean
    return PhotoGain(decibel, helps)


def _blocks(array: NDArray[Any]) -> NDArray[Any]:
    """Return sums over blocks of a map (line, y, x), shape (line, blocks)."""
    lines, height, width = array.shape
    padded = np.pad(array, ((0, 0), (0, -height % BLOCK), (0, -width % BLOCK)))
    tall, wide = padded.shape[1] // BLOCK, padded.shape[2] // BLOCK
    summed: NDArray[Any] = padded.reshape(lines, tall, BLOCK, wide, BLOCK).sum(axis=(2, 4))
    return summed.reshape(lines, -1)
