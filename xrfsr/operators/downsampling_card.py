"""What a notebook shows of U."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from xrfsr.core.grid import grid_facts
from xrfsr.utils import html
from xrfsr.utils.thumbnails import fit_box, map_uri

if TYPE_CHECKING:
    from xrfsr.operators.downsampling import Downsampling

__all__ = ["downsampling_card"]

BOX = (110, 160)  # height and width on a page
MARGIN = 1 / 3  # of the footprint, around it
FAINTEST = 3e-3  # share of the largest weight, below which a footprint is not shown
MOST_WEIGHTS = 256  # along an axis: footprints of more fine pixels are thinned
MOST = 10_000  # characters


@html.or_none
def downsampling_card(U: Downsampling) -> str:
    """Return a card with both grids, and the footprint of the scan pixel in the middle."""
    y, x = _weights(U.y), _weights(U.x)
    (dy, dx), (fine_y, fine_x) = U.fine.spacing, (len(y) * U.fine.spacing[0], len(x) * U.fine.spacing[1])
    step = [max(1, len(each) // MOST_WEIGHTS) for each in (y, x)]
    pixels = np.outer(y[:: step[0]], x[:: step[1]])
    alt = f"Weights of {len(y)} by {len(x)} fine pixels in and around one scan pixel"
    fine, coarse = grid_facts(U.fine), grid_facts(U.coarse)
    facts: dict[str, object] = {
        "from": fine["pixels"],
        "to": coarse["pixels"],
        "scale": " × ".join(f"{c / f:.4g}" for c, f in zip(U.coarse.spacing[::-1], (dx, dy), strict=True)) + " (x × y)",
        "area": coarse["size"],
        "footprint": U.footprint,
        "beam": "" if U.fwhm is None else f"{U.fwhm[1]:.4g} × {U.fwhm[0]:.4g} mm full width at half maximum",
    }
    picture = html.figure(
        map_uri(pixels, MOST), alt, fit_box((fine_y, fine_x), BOX), "weights in a scan pixel", pixels=pixels.shape
    )
    return html.card("U", "downsampling from fine maps to the scan", facts, pictures=[picture])


def _weights(factor: csr_array) -> np.ndarray:
    """Return the weights of fine pixels in the middle coarse one along an axis, with zeros on either side."""
    row = factor[[factor.shape[0] // 2]]
    seen = row.data > FAINTEST * row.data.max()
    places, values = row.indices[seen], row.data[seen]
    first, last = int(places.min()), int(places.max()) + 1
    margin = max(1, round(MARGIN * (last - first)))
    made = np.zeros(last - first + 2 * margin)
    made[places - first + margin] = values
    return made
