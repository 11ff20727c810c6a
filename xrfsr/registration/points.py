"""Control points: details marked on both the photo and the maps, by hand or in Butterfly Registrator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrfsr.core.grid import Grid
from xrfsr.errors import InvalidInput
from xrfsr.registration.transform import LEAST_POINTS, MODELS, Model, Transform, fit
from xrfsr.utils.checks import numbers
from xrfsr.utils.describe import describe
from xrfsr.utils.paths import absence, local_path

__all__ = ["check_not_mirrored", "control_points", "fit_points", "fit_unchecked", "read_butterfly"]

EXAMPLE = (
    "give an array (n, 4) of photo column, photo row, map column, map row, or a file of Butterfly Registrator, with at "
    "least 3 points, better 6 or more"
)
TITLES = "x|y|x|y"
# A point is called wrong if the error of all points falls by at least this factor without it.
SUSPICIOUS = 5.0
CLEARLY = 0.1  # sine of the angle between columns and rows from which on points are taken for mirrored


def control_points(
    given: Any, photo: tuple[int, int], scan: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points on the photo and on the maps, both (n, 2), pixels (column, row), centres at whole numbers.

    Parameters
    ----------
    given : array of shape (n, 4), pair of arrays (n, 2), or path
        Control points, or a file of Butterfly Registrator.
    photo, scan : (int, int)
        Shapes (rows, columns) of photo and scan.

    Raises
    ------
    InvalidInput
        If points lie outside, are not finite or are given twice (all are listed), or there are fewer than three.
    """
    from_file = isinstance(given, str | os.PathLike)
    points = read_butterfly(given, photo, scan) if from_file else _as_array(given)
    faults = [
        f"the coordinates of point {number} must be finite, got {_joined(one)}"
        for number, one in enumerate(points, 1)
        if not np.isfinite(one).all()
    ]
    for what, columns, (height, width) in (("photo", points[:, :2], photo), ("maps", points[:, 2:], scan)):
        beyond = (columns < -0.5) | (columns > np.array([width, height]) - 0.5)
        outside = np.asarray(beyond.any(axis=1))
        faults += [
            f"point {number} must lie on the {what} ({width} x {height} pixels), got column {x:g}, row {y:g}"
            for number, (x, y) in enumerate(columns, 1)
            if outside[number - 1]
        ]
        seen: dict[tuple[float, float], int] = {}
        for number, (x, y) in enumerate(columns.tolist(), 1):
            if (first := seen.setdefault((x, y), number)) != number:
                faults.append(
                    f"points {first} and {number} are both at column {x:g}, row {y:g} of the {what}; remove one"
                )
    if len(points) < LEAST_POINTS["affine"]:
        faults.append(f"at least 3 control points are needed, got {len(points)}; {EXAMPLE}")
    if faults:
        raise InvalidInput("control points", faults)
    return points[:, :2], points[:, 2:]


def _as_array(given: Any) -> NDArray[np.float64]:
    array = numbers(given)
    if isinstance(given, tuple) and len(given) == 2:
        photo, maps = (numbers(one) for one in given)
        if (
            photo is not None
            and maps is not None
            and photo.shape[1:] == maps.shape[1:] == (2,)
            and len(photo) == len(maps)
        ):
            array = np.hstack([photo, maps])
    if array is None or array.ndim != 2 or array.shape[1] != 4:
        raise InvalidInput(
            "control points", [f"control_points must have shape (n, 4), got {describe(given)}; {EXAMPLE}"]
        )
    return array.astype(np.float64)


def read_butterfly(path: Any, photo: tuple[int, int], scan: tuple[int, int]) -> NDArray[np.float64]:
    """Read control points (n, 4) of a file of Butterfly Registrator: photo column and row, map column and row.

    Its *target* is the photo and its *moving* image a map. The file says that the moving image was "resized and padded
    to match target image dimensions": the map was enlarged, with its proportions kept, until it filled the photo in one
    direction, and padded at the right or at the bottom. Its points are divided by that factor.

    Raises
    ------
    InvalidInput
        If the file cannot be read, or lines of it are not four numbers (all of them are listed).
    """
    place = local_path(path, "the path of a file of control points")
    if missing := absence(place):
        raise InvalidInput("control points", [f"{missing}; {EXAMPLE}"])
    try:
        lines = [line.strip() for line in Path(place).read_text("utf-8", "replace").lstrip("\ufeff").splitlines()]
    except OSError as error:
        raise InvalidInput("control points", [f"'{place}' cannot be read ({error.strerror}); {EXAMPLE}"]) from error
    where = next((number for number, line in enumerate(lines) if line.replace(" ", "").casefold() == TITLES), None)
    if where is None:
        raise InvalidInput(
            "control points",
            [f"'{place}' has no line '{TITLES}', after which Butterfly Registrator lists its points; {EXAMPLE}"],
        )
    rows: list[list[float]] = []
    faults: list[str] = []
    for number, line in enumerate(lines[where + 1 :], start=where + 2):
        fields = line.split("|")
        try:
            numbers = [float(field.replace(",", ".")) for field in fields]
        except ValueError:
            numbers = []
        if line and len(numbers) != 4:
            faults.append(f"line {number} of '{place}' must be four numbers separated by |, got {line[:60]!r}")
        elif line:
            rows.append(numbers)
    if faults:
        raise InvalidInput("control points", faults)
    points = np.array(rows, np.float64).reshape(-1, 4)
    factor = min(photo[0] / scan[0], photo[1] / scan[1])
    points[:, 2:] = (points[:, 2:] + 0.5) / factor - 0.5
    return points


def check_not_mirrored(photo: NDArray[np.float64], maps: NDArray[np.float64], grid: Grid) -> None:
    """Check that points (n, 2), pixels (column, row), do not turn the photo over.

    Raises
    ------
    InvalidInput
        If they do, on the grid of the maps, whose axes may descend.
    """
    upright = maps * np.sign([grid.x.step, grid.y.step])
    across = np.linalg.lstsq(photo - photo.mean(axis=0), upright - upright.mean(axis=0), rcond=None)[0]
    sides = np.linalg.norm(across, axis=0)
    if np.linalg.det(across) < -CLEARLY * sides.prod():
        raise InvalidInput(
            "control points",
            [
                "the control points mirror the photo; each is photo column, photo row, map column, map row, so check "
                "that column and row are not exchanged, and turn over a photo that is mirrored itself"
            ],
        )


def fit_points(
    photo: NDArray[np.float64], maps: NDArray[np.float64], model: Model | None, spacing: tuple[float, float]
) -> tuple[Transform, NDArray[np.float64]]:
    """Fit the transform from photo to map pixels; return it with the leave-one-out error of each point in mm.

    Parameters
    ----------
    photo, maps : ndarray of shape (n, 2)
        Points on the photo and on the maps, pixels (column, row).
    model : {"similarity", "affine", "homography"} or None
        Model of the transform. None chooses the one with the smallest leave-one-out error.
    spacing : (float, float)
        Size of a map pixel (y, x) in mm.

    Raises
    ------
    InvalidInput
        If the points do not determine the transform, or if one of them contradicts the others.
    """
    transform, errors = fit_unchecked(photo, maps, model, spacing)
    _reject_wrong_point(photo, maps * (spacing[1], spacing[0]), transform.model, errors)
    return transform, errors


def fit_unchecked(
    photo: NDArray[np.float64], maps: NDArray[np.float64], model: Model | None, spacing: tuple[float, float]
) -> tuple[Transform, NDArray[np.float64]]:
    """Fit as `fit_points` does, also to points of which one contradicts the others."""
    scale = np.array([spacing[1], spacing[0]])
    millimetres = maps * scale
    if model is not None and len(photo) < LEAST_POINTS[model]:
        raise InvalidInput(
            "control points",
            [f"model={model!r} needs at least {LEAST_POINTS[model]} control points, got {len(photo)}"],
        )
    candidates: list[Model] = [model] if model else [one for one in MODELS if len(photo) > LEAST_POINTS[one]]
    tried = {one: _left_out(photo, millimetres, one) for one in candidates}
    best = min(tried, key=lambda one: float(np.sqrt((tried[one] ** 2).mean())))
    transform, errors = fit(photo, millimetres, best), tried[best]
    to_pixels = np.diag([1 / scale[0], 1 / scale[1], 1.0])
    return transform.then(to_pixels), errors


def _left_out(photo: NDArray[np.float64], maps: NDArray[np.float64], model: Model) -> NDArray[np.float64]:
    """Return the leave-one-out error of each point; zero if the points determine the model without redundancy."""
    if len(photo) <= LEAST_POINTS[model]:
        fit(photo, maps, model)
        return np.zeros(len(photo))
    errors = []
    for number in range(len(photo)):
        others = np.arange(len(photo)) != number
        try:
            moved = fit(photo[others], maps[others], model)(photo[[number]])[0]
        except InvalidInput:
            moved = np.full(2, np.nan)  # without this point, the others lie on one line
        errors.append(float(np.hypot(*(moved - maps[number]))))
    known = np.array(errors)
    if np.isnan(known).all():
        fit(photo, maps, model)  # raises with the reason
    return np.where(np.isnan(known), np.nanmax(known, initial=0.0), known)


def _reject_wrong_point(
    photo: NDArray[np.float64], maps: NDArray[np.float64], model: Model, errors: NDArray[np.float64]
) -> None:
    """Reject a control point if the others agree far better without it."""
    if len(photo) < LEAST_POINTS[model] + 3:
        return
    before = float(np.sqrt((errors**2).mean()))
    extent = float(np.hypot(*np.ptp(maps, axis=0)))
    after = []
    for number in range(len(photo)):
        others = np.arange(len(photo)) != number
        after.append(float(np.sqrt((_left_out(photo[others], maps[others], model) ** 2).mean())))
    worst = int(np.argmin(after))
    if before > SUSPICIOUS * max(after[worst], 1e-9) and before > 0.005 * extent:
        raise InvalidInput(
            "control points",
            [
                f"point {worst + 1} contradicts the others: the error is {before:.3g} mm with it and "
                f"{after[worst]:.3g} mm without it; correct or remove it"
            ],
        )


def _joined(point: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:g}" for value in point)
