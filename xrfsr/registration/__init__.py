"""Registration: find where a scan lies on a photo, and resample the photo onto the grid of the fine maps."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.coordinates import grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.mistakes import is_like_photo, is_like_scan
from xrfsr.core.photo import photo_on
from xrfsr.core.photo_bands import shown_bands
from xrfsr.core.photo_resolution import NATIVE_PIXEL, finest_scale, is_resolved
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.operators.resample import fine_grid
from xrfsr.registration.acceptance import rejection_reasons
from xrfsr.registration.arguments import Picture, element_maps, even_maps, overlay_place
from xrfsr.registration.automatic import STEPS, Evidence, Scene, find_position
from xrfsr.registration.overlay import write_overlay
from xrfsr.registration.pictures import principal_bands
from xrfsr.registration.points import check_not_mirrored, fit_points
from xrfsr.registration.points import control_points as checked_points
from xrfsr.registration.result import Registration
from xrfsr.registration.spline import LEAST_SPLINE_POINTS, SPLINE, SplineTransform, fit_spline
from xrfsr.registration.stack import stack_photos
from xrfsr.registration.transform import MODELS, Model, Transform
from xrfsr.registration.turns import probable_turn, turned, upright_to_photo
from xrfsr.registration.warp import photo_pixels, warp_photo
from xrfsr.utils.checks import choice_faults, switch_faults
from xrfsr.utils.progress import progress_bar

__all__ = ["Registration", "Transform", "register", "stack_photos"]

HELP = (
    "Give control points, the same details marked on photo and maps: control_points=[[photo column, photo row, map "
    "column, map row], ...]; crop a photo that shows much more than the scan; or choose the maps that follow the "
    "surface with lines=[...]"
)


def register(
    rgb: Any,
    scan: xr.Dataset | xr.DataArray,
    *,
    scale: float | None = None,
    like: xr.Dataset | xr.DataArray | Grid | None = None,
    control_points: Any = None,
    model: Literal["auto", "similarity", "affine", "homography", "thin_plate_spline"] = "auto",
    lines: Any = None,
    overlay: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Registration:
    r"""Find the position of a scan on a photo, and resample the photo to the grid of the fine maps.

    Without control points, the registration is automatic. A search at low resolution compares the directions of edges
    for all shifts, 29 scales and rotations up to ten degrees; it ignores which side of an edge is brighter. The best
    positions are refined from coarse to fine: all maps are predicted from the colours of the photo (correlation ratio;
    Roche et al., 1998). The transform is a similarity; an affine transform or a homography replaces it only if it
    explains more than its additional parameters would by chance. The result is rejected unless it explains the maps far
    better than mirrored maps, and two halves of the scan agree on the position. A photo that was rejected is tried
    again after quarter turns; a warning says if it was found on its side or upside down.

    Parameters
    ----------
    rgb : path, array or DataArray, or a mapping or list of several
        Photo: a PNG, JPEG or TIFF file, or an array that `as_photo` accepts. It may show more than the scan, at its own
        scale and slightly rotated. The scan must cover 30 % or more of its height and width. Several photos of the same
        view, such as ``{"visible": "photo.jpg", "infrared": "ir.tif"}``, are stacked as by `stack_photos`, on the
        pixels of the finest; all their bands are used to find the position.
    scan : Dataset or DataArray
        Coarse maps, with `y` and `x` in mm.
    scale : float, optional
        Ratio of the pixel sizes of the scan and of the resampled photo, as in `superresolve`. A scale for which the
        photo has too few pixels is refused. By default the photo is resampled to scale 4, even if its resolution is
        lower: `superresolve` then refuses scales above `Registration.largest_scale`.
    like : Dataset, DataArray or Grid, optional
        Target grid, in place of `scale`; it may be finer than the photo.
    control_points : array (n, 4), pair of arrays (n, 2), or path; optional
        Points on photo and maps, pixels (column, row) with centres at whole numbers; or a file of Butterfly
        Registrator.
    model : {"auto", "similarity", "affine", "homography", "thin_plate_spline"}
        Most general model that the transform may have; with control points, the model itself. "auto" chooses among the
        first three. "thin_plate_spline" is for canvases that are not flat, and needs six control points or more.
    lines : sequence of str, optional
        Maps to compare with the photo; by default all element lines.
    overlay : path, optional
        PNG file to write, for checking the result by eye. It is written even if the result is rejected, and replaces
        the overlay of an earlier call, but no other file.
    progress : bool, optional
        Whether to show a progress bar; left out, one is shown in terminals and notebooks.

    Returns
    -------
    Registration

    Raises
    ------
    InvalidInput
        If arguments are invalid (all of them are listed), if control points are invalid or contradict each other, if
        the automatic result is rejected, or if the photo does not resolve `scale`.

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
    shot: Picture | None = None
    checked: xr.Dataset | None = None
    target: Grid | None = None
    quarters = 0
    transform: Transform | SplineTransform
    with collect_faults(faults):
        shot = Picture.of(rgb)
    with collect_faults(faults):
        checked = element_maps(ensure_scan(scan), lines)
    with collect_faults(faults):
        if like is not None:
            target = grid_of(like)
        elif checked is not None:
            target = fine_grid(grid_of(checked), 4 if scale is None else scale)
    if is_like_scan(rgb) and is_like_photo(scan):
        faults = ["photo and scan are swapped; write xrfsr.register(photo, scan)"]
    faults += choice_faults("model", model, ("auto", *MODELS, SPLINE)) + switch_faults(optional=True, progress=progress)
    if isinstance(model, str) and model == SPLINE and control_points is None:
        faults.append(f"model={SPLINE!r} needs control_points=..., at least {LEAST_SPLINE_POINTS}, better 12 or more")
    picture: Path | None = None
    with collect_faults(faults):
        picture = overlay_place(overlay)
    if faults or shot is None or checked is None or target is None:
        raise InvalidInput("registration", faults)
    grid = grid_of(checked)
    pixels, photo_valid = shot.pixels, shot.valid
    if control_points is not None:
        photo_points, map_points = checked_points(control_points, photo_valid.shape, grid.shape)
        check_not_mirrored(photo_points, map_points, grid)
        if model == SPLINE:
            transform, errors = fit_spline(photo_points, map_points, grid.spacing, grid.shape)
        else:
            transform, errors = fit_points(photo_points, map_points, None if model == "auto" else model, grid.spacing)
        residual, diagnostics = float(np.sqrt((errors**2).mean())), {"points": len(errors), "errors_mm": errors}
        why: list[str] = []
    else:
        evidence, labels, quarters = _automatic(checked, grid, pixels, photo_valid, model, progress)
        transform = Transform(evidence.matrix, evidence.model).inverted()
        residual = float(np.hypot(evidence.disagreement, evidence.misfit) * np.sqrt(np.prod(grid.spacing)))
        diagnostics = {
            "score": evidence.score,
            "control": evidence.control,
            "overlap": evidence.overlap,
            "lines": labels,
            "turned": 90 * quarters,
        }
        why = rejection_reasons(evidence, max(grid.shape))
    to_photo = transform.inverted().after(_to_map(target, grid))
    down, across = photo_pixels(to_photo, target.shape, photo_valid.shape)
    native = (
        shot.coarseness[0] * target.spacing[0] / down,
        shot.coarseness[1] * target.spacing[1] / across,
    )
    if picture is not None:
        _draw(picture, checked, grid, pixels[shown_bands(shot.bands)], photo_valid, transform, diagnostics)
    if why:
        raise InvalidInput("registration", [*why[:-1], f"{why[-1]}. {HELP}"])
    largest = finest_scale(native, grid)
    if scale is not None and like is None and not is_resolved(native, target):
        raise InvalidInput("registration", [_too_fine(scale, native, largest)])
    photo = photo_on(target, warp_photo(pixels, photo_valid, to_photo, target.shape), shot.bands)
    photo.attrs[NATIVE_PIXEL] = list(native)
    if quarters:
        turn = ("by 90 degrees counter-clockwise", "upside down", "by 90 degrees clockwise")[quarters - 1]
        warn(
            f"the scan was found on the photo only after turning it {turn}: found.photo is turned, "
            "found.transform counts pixels of the photo as it was passed; check the overlay"
        )
    return Registration(photo, transform, residual, transform.model, largest, diagnostics)


def _too_fine(scale: float, native: tuple[float, float], largest: float) -> str:
    """Return the fault of a scale that the photo does not resolve."""
    remedy = f"use scale={largest:g} or less, or" if largest > 1 else "use"
    pixel = " x ".join(f"{length:.4g}" for length in native)
    return (
        f"the photo must resolve scale={scale:g}, but its pixels are {pixel} mm on the scan, {largest:g} to a pixel of "
        f"the scan; {remedy} a photo with more pixels; like=... resamples it to any grid, for display"
    )


def _automatic(
    scan: xr.Dataset,
    grid: Grid,
    pixels: NDArray[np.float32],
    photo_valid: NDArray[np.bool_],
    model: str,
    progress: bool | None,
) -> tuple[Evidence, list[str], int]:
    """Return the position, the lines sorted by how well they follow the photo, and the quarter turns of the photo."""
    maps, valid = even_maps(scan)
    varied = maps[:, valid].std(axis=1) > 0 if valid.any() else np.zeros(len(maps), bool)
    faults = []
    if min(grid.shape) < 16 or valid.mean() < 0.3:
        faults.append(
            "a scan must have at least 16 x 16 pixels, 30 % of them valid, to be found on a photo, got "
            f"{grid.shape[0]} x {grid.shape[1]} with {valid.mean():.0%} valid"
        )
    if min(photo_valid.shape) < 32 or photo_valid.mean() < 0.1:
        faults.append(
            "a photo must have at least 32 x 32 pixels, 10 % of them valid, got "
            f"{photo_valid.shape[0]} x {photo_valid.shape[1]} with {photo_valid.mean():.0%} valid"
        )
    if not varied.any():
        faults.append("every map is constant, so there is nothing to compare with the photo")
    if faults:
        raise InvalidInput("registration", [*faults[:-1], f"{faults[-1]}. {HELP}"])
    maps = maps[varied]
    # The search assumes that nothing is mirrored; a scan with a descending coordinate is stored mirrored.
    flips = tuple(slice(None, None, -1 if axis.step < 0 else 1) for axis in (grid.y, grid.x))
    scene = Scene(
        maps[(slice(None), *flips)], valid[flips], grid.spacing, principal_bands(pixels, photo_valid), photo_valid
    )
    models: tuple[Model, ...] = MODELS if model == "auto" else MODELS[: MODELS.index(model) + 1]
    with progress_bar(0, "registration", progress):
        with progress_bar(STEPS, "registration") as advance:
            evidence, quarters = find_position(scene, models, advance), 0
        if rejection_reasons(evidence, max(grid.shape)) and (quarters := probable_turn(scene)):
            with progress_bar(STEPS, "registration, turned") as advance:
                better = find_position(turned(scene, quarters), models, advance)
            if rejection_reasons(better, max(grid.shape)):
                quarters = 0
            else:
                to_photo = upright_to_photo(photo_valid.shape, quarters)
                evidence = replace(better, matrix=to_photo @ better.matrix)
    mirrored = np.eye(3)
    for number, axis in enumerate((grid.x, grid.y)):
        if axis.step < 0:
            mirrored[number, number], mirrored[number, 2] = -1, axis.size - 1
    labels = [str(label) for label, used in zip(scan["line"].values, varied, strict=True) if used]
    ordered = [labels[position] for position in np.argsort(-evidence.shares)]
    matrix = evidence.matrix @ mirrored
    return replace(evidence, matrix=matrix / matrix[2, 2]), ordered, quarters


def _to_map(target: Grid, grid: Grid) -> NDArray[np.float64]:
    """Return the matrix from pixels (column, row) of a target grid to pixels of the scan, by their millimetres."""
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
    photo_valid: NDArray[np.bool_],
    transform: Transform | SplineTransform,
    diagnostics: dict[str, Any],
) -> None:
    maps, _ = even_maps(scan.sel(line=diagnostics["lines"]) if "lines" in diagnostics else scan)
    zoom = max(1, min(4, 1600 // max(grid.shape)))
    fine = Grid(grid.y.refine(zoom), grid.x.refine(zoom))
    to_photo = transform.inverted().after(_to_map(fine, grid))
    write_overlay(place, warp_photo(pixels, photo_valid, to_photo, fine.shape), maps)
