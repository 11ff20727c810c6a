r"""Whether the photo helps, told by the scan itself: leave-one-out predictions along its edges and without them.

Every pixel of the scan is predicted from its neighbours twice, by kriging whose covariance breaks off at edges of the
photo, and by the same kriging without a guide (`xrfsr.kriging.guided`). A photo that shows where a map changes
makes the first the better one. No network takes part, nothing is trained, and every pixel is a test.
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

__all__ = ["LooErrors", "PhotoGain", "along_photo", "gain_from_errors", "loo_errors", "photo_gain", "photo_guide"]

# Photos have texture and noise that no map shares, and lie on the scan to a pixel at best. Maps of real scans, which
# a beam has blurred, would like 0.7 to 1.2, simulated ones with perfect edges none.
NEIGHBOURHOOD_SPREAD = 0.5  # fine pixels (standard deviation)
# Errors of neighbours go together, so blocks of them are counted as one.
BLOCK, MIN_BLOCKS = 4, 16  # coarse pixels along a side; blocks
# Standard errors, and what is added to them over the number of blocks: few blocks hardly know their own spread, for
# errors at edges are far larger than others.
STANDARD_ERRORS, SMALL_SAMPLE = 1.0, 5.0


class PhotoGain(NamedTuple):
    """What the photo is worth for each map.

    Attributes
    ----------
    decibel : array of float32, shape (line,)
        Mean squared error of leave-one-out predictions without the photo over that with it. NaN where too few pixels
        were measured.
    helps : array of bool, shape (line,)
        Whether that is above zero by more than a standard error (1.3 of them on the smallest scans); true where it is
        not known.
    """

    decibel: NDArray[np.float32]
    helps: NDArray[np.bool_]


def photo_guide(photos: Sequence[NDArray[Any]]) -> Guide:
    """What makes a guide of a photo, or of parts (band, fine.y, fine.x) of one: its unit is the photo's contrast.

    That is the standard deviation of all bands.
    """
    return Guide.fit(photos, NEIGHBOURHOOD_SPREAD, count=len(photos), bandwidth=1.0)


def along_photo(
    scan: NDArray[Any],
    photo: NDArray[Any],
    U: Downsampling,
    device: str | torch.device = "auto",
    guide: Guide | None = None,
) -> GuidedKriging:
    """Kriging of a scan along the edges of a photo.

    Parameters
    ----------
    scan : array, shape (line, coarse.y, coarse.x)
        Without gaps.
    photo : array, shape (band, fine.y, fine.x)
        Without gaps.
    U : Downsampling
    device : str or torch.device
    guide : Guide, optional
        Of the photo of which this one is a part.
    """
    guide = photo_guide([photo]) if guide is None else guide
    return guided_krige(scan, guide(photo), U, device)


def photo_gain(
    scan: NDArray[Any],
    photo: NDArray[Any],
    U: Downsampling,
    measured: NDArray[np.bool_],
    device: str | torch.device = "auto",
    guided: GuidedKriging | None = None,
) -> PhotoGain:
    """Compare leave-one-out predictions of a scan with and without a photo.

    Parameters
    ----------
    scan, photo, U, device
        As for `along_photo`.
    usable : array of bool, shape like `scan`
        Pixels that count: measured, and shown by the photo.
    along : Guided, optional
        What `along_photo` gives for the same, if it is at hand.

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
    """Squared errors of leave-one-out predictions of a scan, where it was measured: shapes (line, coarse.y, coarse.x).

    Attributes
    ----------
    guided, plain : array of float64
        Along the photo, and without it.
    usable : array of bool
    largest : array, shape (line, 1, 1)
        Magnitude of the maps.
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
    device: str | torch.device,
    guided: GuidedKriging,
) -> LooErrors:
    """Predict a scan, or a part of one, with and without the photo; arguments as for `photo_gain`."""
    without = guided_krige(scan, np.zeros_like(photo[:1]), U, device)
    with_photo, without_photo = (
        np.where(measured, scan - made.left_out, 0.0).astype(np.float64) ** 2 for made in (guided, without)
    )
    return LooErrors(with_photo, without_photo, measured, np.abs(scan).max(axis=(1, 2), keepdims=True))


def gain_from_errors(parts: Sequence[LooErrors]) -> PhotoGain:
    """What the errors of all parts of a scan say."""
    lines = len(parts[0].with_photo)
    # Relative to the largest value, so that no square is too small for its number format.
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
    """Sums over blocks of a map (line, y, x): (line, blocks)."""
    lines, height, width = array.shape
    padded = np.pad(array, ((0, 0), (0, -height % BLOCK), (0, -width % BLOCK)))
    tall, wide = padded.shape[1] // BLOCK, padded.shape[2] // BLOCK
    summed: NDArray[Any] = padded.reshape(lines, tall, BLOCK, wide, BLOCK).sum(axis=(2, 4))
    return summed.reshape(lines, -1)
