"""Photo and scan on one frame: find where the scan lies on a photo, and bring the photo onto its grid."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.photo import colours, photo_on
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.operators.resample import fine_grid
from xrfsr.registration.acceptance import rejection_reasons
from xrfsr.registration.automatic import Evidence, Scene, found_place
from xrfsr.registration.overlay import write_overlay
from xrfsr.registration.pictures import filled
from xrfsr.registration.points import control_points as checked_points
from xrfsr.registration.points import fitted
from xrfsr.registration.transform import MODELS, Model, Transform
from xrfsr.registration.warp import warped
from xrfsr.utils.paths import local_path

__all__ = ["Registration", "Transform", "register"]

HELP = (
    "Give control points, the same details marked on photo and maps: control_points=[[photo column, photo row, map "
    "column, map row], ...]; crop a photo that shows much more than the scan; or choose the maps that follow the "
    "surface with lines=[...]"
)


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Where a scan lies on a photo.

    Attributes
    ----------
    photo : DataArray
        The photo on the target grid, as `xrfsr.as_photo` makes it: "rgb" (band, y, x), float32 in [0, 1], mm. NaN where
        the photo does not reach.
    transform : Transform
        From photo pixels to map pixels, both (column, row) with centres at whole numbers; map columns and rows as they
        are stored in the scan that was handed over.
    residual_mm : float
        How sure it is. Of control points: root mean square distance of each from where the others put it. Automatic:
        root mean square distance, over the scan, between the positions that two halves of it lead to on their own,
        and from the position of a freer model.
    model : {"similarity", "affine", "homography"}
        What the transform is; "similarity" has one scale for both directions.
    diagnostics : dict
        What speaks for it, by name: of an automatic registration how much the photo tells of the maps (`score`), how
        much of mirrored maps (`control`), the `overlap`, and the `lines` by how well they follow the photo.
    """

    photo: xr.DataArray
    transform: Transform
    residual_mm: float
    model: Model
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Model, how sure, and where to look."""
        shape = " x ".join(map(str, self.photo.shape[1:]))
        return (
            f"<Registration: {self.model}, within about {self.residual_mm:.2g} mm, photo of {shape} pixels in .photo>"
        )

    def photo_to_map_pixels(self, points: ArrayLike) -> NDArray[np.float64]:
        """Move points from the photo to the maps.

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


def register(
    rgb: Any,
    scan: xr.Dataset | xr.DataArray,
    *,
    scale: float = 4,
    like: xr.Dataset | xr.DataArray | Grid | None = None,
    control_points: Any = None,
    model: Literal["auto", "similarity", "affine", "homography"] = "auto",
    lines: Any = None,
    overlay: str | os.PathLike[str] | None = None,
) -> Registration:
    r"""Find where a scan lies on a photo, and bring the photo onto its grid.

    Without control points it is found by itself: every scale, shift and turn up to ten degrees is compared at low
    resolution by the directions of edges, whichever side of them is brighter; the best places are refined by predicting
    all maps from the colours of the photo, from coarse to fine (correlation ratio; Roche et al., 1998), as rigid motion
    with a scale, and as affine map or homography only where that explains more than chance. The result is refused
    unless it explains the maps far better than mirrored ones, and two halves of the scan agree on the place.

    Parameters
    ----------
    rgb : path, array or DataArray
        The photo, which may show more than the scan, at its own scale and slightly turned: a PNG, JPEG or TIFF file,
        or an array as `as_photo` takes it. The scan takes 30 % or more of its height and width.
    scan : Dataset or DataArray
        The maps, with `y` and `x` in mm.
    scale : float
        The photo is brought onto a grid `scale` times finer than that of the scan, as `superresolve` needs it.
    like : Dataset, DataArray or Grid, optional
        Or onto the grid of this.
    control_points : array (n, 4), pair of arrays (n, 2), or path; optional
        Points on photo and maps, pixels (column, row) with centres at whole numbers; or a file of Butterfly
        Registrator.
    model : {"auto", "similarity", "affine", "homography"}
        What the transform may be.
    lines : sequence of str, optional
        The maps to compare; by default all element lines.
    overlay : path, optional
        Write a PNG there to check the result by eye, also if it is refused.

    Returns
    -------
    Registration

    Raises
    ------
    InvalidInput
        Naming every fault of the arguments; every control point that is one, or contradicts the others; or why the
        automatic result is not trusted.

    Examples
    --------
    >>> import numpy as np, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> corners = [[0, 0, -0.375, -0.375], [63, 0, 15.375, -0.375], [0, 63, -0.375, 15.375], [63, 63, 15.375, 15.375]]
    >>> found = xrfsr.register(rgb, scan, control_points=corners)
    >>> found.photo_to_map_pixels([[1.5, 5.5]]).round(6)
    array([[0., 1.]])
    >>> found.photo.shape
    (3, 64, 64)
    """
    faults: list[str] = []
    pixels: NDArray[np.float32] | None = None
    checked: xr.Dataset | None = None
    target: Grid | None = None
    with collect_faults(faults):
        pixels = _pixels(rgb)
    with collect_faults(faults):
        checked = _elements(ensure_scan(scan), lines)
    with collect_faults(faults):
        if like is not None:
            target = grid_of(like)
        elif checked is not None:
            target = fine_grid(grid_of(checked), scale)
    if model not in ("auto", *MODELS):
        faults.append(f"model is {model!r}; accepted are 'auto', {', '.join(map(repr, MODELS))}")
    picture: Path | None = None
    with collect_faults(faults):
        picture = _picture_place(overlay)
    if faults or pixels is None or checked is None or target is None:
        raise InvalidInput("registration", faults)
    grid = grid_of(checked)
    seen = np.asarray(np.isfinite(pixels).all(axis=0), np.bool_)
    pixels = np.where(seen, pixels, np.float32(0))
    if control_points is not None:
        photo_points, map_points = checked_points(control_points, seen.shape, grid.shape)
        transform, errors = fitted(photo_points, map_points, None if model == "auto" else model, grid.spacing)
        residual, diagnostics = float(np.sqrt((errors**2).mean())), {"points": len(errors), "errors_mm": errors}
        why: list[str] = []
    else:
        evidence, labels = _automatic(checked, grid, pixels, seen, model)
        transform = Transform(evidence.matrix, evidence.model).inverted()
        residual = float(np.hypot(evidence.disagreement, evidence.misfit) * np.sqrt(np.prod(grid.spacing)))
        diagnostics = {
            "score": evidence.score,
            "control": evidence.control,
            "overlap": evidence.overlap,
            "lines": labels,
        }
        why = rejection_reasons(evidence, max(grid.shape))
    photo = warped(pixels, seen, transform.inverted().after(_to_map(target, grid)), target.shape)
    if picture is not None:
        _draw(picture, checked, grid, pixels, seen, transform, diagnostics)
    if why:
        raise InvalidInput("registration", [*why[:-1], f"{why[-1]}. {HELP}"])
    return Registration(photo_on(target, photo), transform, residual, transform.model, diagnostics)


def _pixels(rgb: Any) -> NDArray[np.float32]:
    if isinstance(rgb, str | os.PathLike):
        from xrfsr.io.photo import read_colours

        rgb = read_colours(rgb)
    return np.asarray(colours(rgb), np.float32)


def _elements(scan: xr.Dataset, lines: Any) -> xr.Dataset:
    from xrfsr.io.selection import select_lines

    kept = scan.isel(line=np.flatnonzero(scan["kind"].values == "element")) if lines is None else scan
    if lines is not None:
        faults: list[str] = []
        known = {str(label).casefold(): str(label) for label in scan["line"].values}
        labels = list(select_lines(lines, known, Path("the scan"), faults).values())
        if faults:
            raise InvalidInput("scan", faults)
        kept = scan.sel(line=labels)
    if not kept.sizes["line"]:
        raise InvalidInput("scan", ["there is no element map to compare with the photo; name maps with lines=[...]"])
    return kept


def _picture_place(overlay: Any) -> Path | None:
    if overlay is None:
        return None
    place = local_path(overlay, "the PNG file to write")
    if place.suffix.lower() != ".png":
        raise InvalidInput("overlay", [f"overlay is '{place}'; the name of a PNG file is needed, such as 'check.png'"])
    if not place.parent.is_dir():
        raise InvalidInput("overlay", [f"the folder '{place.parent}' does not exist; make it first, or choose another"])
    return place


def _maps(scan: xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Maps without gaps, as roots, of which the noise of counts is even; and which pixels count."""
    values = np.asarray(scan["intensity"].values, np.float64)
    known = np.asarray(np.isfinite(values).all(axis=0), np.bool_)
    if "valid" in scan.coords:
        known &= scan["valid"].values
    roots = np.sqrt(np.maximum(np.where(known, values, 0), 0))
    # A hot pixel would outshine the painting.
    highest = np.quantile(roots[:, known], 0.999, axis=1)[:, None, None] if known.any() else np.inf
    return filled(np.minimum(roots, highest), known), known


def _automatic(
    scan: xr.Dataset, grid: Grid, pixels: NDArray[np.float32], seen: NDArray[np.bool_], model: str
) -> tuple[Evidence, list[str]]:
    maps, known = _maps(scan)
    varied = maps[:, known].std(axis=1) > 0 if known.any() else np.zeros(len(maps), bool)
    faults = []
    if min(grid.shape) < 16 or known.mean() < 0.3:
        faults.append(
            f"the scan has {grid.shape[0]} x {grid.shape[1]} pixels, {known.mean():.0%} of them valid; at least 16 x "
            "16 are needed to find it on a photo"
        )
    if min(seen.shape) < 32 or seen.mean() < 0.1:
        faults.append(f"the photo has {seen.shape[0]} x {seen.shape[1]} pixels; at least 32 x 32 are needed")
    if not varied.any():
        faults.append("every map is constant, so there is nothing to compare with the photo")
    if faults:
        raise InvalidInput("registration", [*faults[:-1], f"{faults[-1]}. {HELP}"])
    maps = maps[varied]
    # A photo is never mirrored, but a scan whose coordinate descends is stored so.
    flips = tuple(slice(None, None, -1 if axis.step < 0 else 1) for axis in (grid.y, grid.x))
    scene = Scene(maps[(slice(None), *flips)], known[flips], grid.spacing, pixels, seen)
    models: tuple[Model, ...] = MODELS if model == "auto" else MODELS[: MODELS.index(model) + 1]
    evidence = found_place(scene, models)
    turned = np.eye(3)
    for number, axis in enumerate((grid.x, grid.y)):
        if axis.step < 0:
            turned[number, number], turned[number, 2] = -1, axis.size - 1
    labels = [str(label) for label, used in zip(scan["line"].values, varied, strict=True) if used]
    ordered = [labels[position] for position in np.argsort(-evidence.shares)]
    matrix = evidence.matrix @ turned
    return replace(evidence, matrix=matrix / matrix[2, 2]), ordered


def _to_map(target: Grid, grid: Grid) -> NDArray[np.float64]:
    """From pixels (column, row) of a target grid to those of the scan, by their millimetres."""
    matrix = np.eye(3)
    for number, (to, of) in enumerate(((target.x, grid.x), (target.y, grid.y))):
        matrix[number, number] = to.step / of.step
        matrix[number, 2] = (to.first - of.first) / of.step
    return matrix


def _draw(
    place: Path,
    scan: xr.Dataset,
    grid: Grid,
    pixels: NDArray[np.float32],
    seen: NDArray[np.bool_],
    transform: Transform,
    diagnostics: dict[str, Any],
) -> None:
    maps, _ = _maps(scan.sel(line=diagnostics["lines"]) if "lines" in diagnostics else scan)
    zoom = max(1, min(4, 1600 // max(grid.shape)))
    fine = Grid(grid.y.refine(zoom), grid.x.refine(zoom))
    to_photo = transform.inverted().after(_to_map(fine, grid))
    write_overlay(place, warped(pixels, seen, to_photo, fine.shape), maps)
