"""Result of a registration: the photo on a grid of the scan, and the transform that took it there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import grid_facts
from xrfsr.core.previews import is_held, photo_pixels, stand_in
from xrfsr.registration.spline import SplineTransform
from xrfsr.registration.transform import Model, Transform
from xrfsr.utils import html
from xrfsr.utils.describe import listing
from xrfsr.utils.thumbnails import fit_box, photo_uri

__all__ = ["Registration"]

BOX = (190, 220)  # height and width on a page
MOST = 30_000  # characters of the picture
BEST = 4  # lines that follow the photo best, of which a card names no more


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Position of a scan on a photo.

    Attributes
    ----------
    photo : DataArray
        Photo on the target grid, laid out as by `xrfsr.as_photo`: "rgb" (band, y, x), float32 in [0, 1], mm. Pixels
        outside the photo are NaN.
    transform : Transform or SplineTransform
        Transform from photo pixels to map pixels, both (column, row) with centres at whole numbers. Map columns and
        rows count in the order in which the scan stores them.
    residual_mm : float
        Estimated error in mm, root mean square. Control points: distance of each point from its position predicted by
        the other points. Automatic registration: distance over the scan between the positions found by its two halves
        separately, combined with the distance to the position found by a more general model.
    model : {"similarity", "affine", "homography", "thin_plate_spline"}
        Model of the transform; "similarity" has one scale for both directions.
    largest_scale : float
        Number of photo pixels along a pixel of the scan: the largest `scale` that the photo can guide. The pixel size
        of the photo file in mm, (y, x), is ``photo.attrs["native_pixel_mm"]``.
    diagnostics : dict
        Evidence for the position. Control points: the number of `points` and their `errors_mm`. Automatic
        registration: information that the photo has about the maps (`score`) and about mirrored maps (`control`), in
        nats per pixel; the `overlap`; the `lines`, sorted by how well they follow the photo; and
        by how many degrees the photo was `turned` counter-clockwise before the scan was found on it.
    """

    photo: xr.DataArray
    transform: Transform | SplineTransform
    residual_mm: float
    model: Model | Literal["thin_plate_spline"]
    largest_scale: float
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Return one line with the model, the estimated error, the shape of the photo and the scale it resolves."""
        shape = " x ".join(map(str, self.photo.shape[1:]))
        return (
            f"<Registration: {self.model}, within about {self.residual_mm:.2g} mm, photo of {shape} pixels in .photo "
            f"resolves scales up to {self.largest_scale:g}>"
        )

    def _repr_html_(self) -> str | None:
        return _card(self)

    def photo_to_map_pixels(self, points: ArrayLike) -> NDArray[np.float64]:
        """Convert photo pixels to map pixels.

        Parameters
        ----------
        points : array of shape (n, 2)
            Photo pixels (column, row), centres at whole numbers.

        Returns
        -------
        ndarray of shape (n, 2)
            Map pixels (column, row).
        """
        return self.transform(points)


@html.or_none
def _card(found: Registration) -> str:
    """Return what a notebook shows of a registration."""
    photo, evidence = found.photo, found.diagnostics
    grid = grid_of(photo)
    facts: dict[str, object] = {
        "model": found.model.replace("_", " "),
        "error": f"about {found.residual_mm:.2g} mm, root mean square",
        "scale": f"at most {found.largest_scale:.3g}: the photo resolves no more",
        **grid_facts(grid),
    }
    if "points" in evidence:
        worst = float(np.max(evidence["errors_mm"])) if np.size(evidence.get("errors_mm", ())) else 0.0
        facts["control points"] = f"{evidence['points']}" + (f", errors up to {worst:.2g} mm" if worst else "")
    if "score" in evidence and "control" in evidence:
        score, control = (float(evidence[name]) for name in ("score", "control"))
        facts["evidence"] = f"{score:.3g} nats per pixel, {control:.3g} with mirrored maps"
    if "lines" in evidence:
        facts["follow the photo"] = listing(list(evidence["lines"])[:BEST])
    if evidence.get("turned"):
        facts["turned"] = f"{evidence['turned']}° counter-clockwise"
    pictures = []
    if is_held(photo):
        pixels = photo_pixels(stand_in(photo), grid, max(BOX))
        size = fit_box((grid.y.extent, grid.x.extent), BOX)
        pictures = [
            html.figure(photo_uri(pixels, MOST), "Photo on the grid of the scan", size, pixels=pixels.shape[:2])
        ]
    return html.card("Registration", "the photo is in .photo", facts, pictures=pictures)
