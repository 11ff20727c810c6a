"""The turn, stretch and shear of the photo, found by the scan alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

import xrfsr
from xrfsr import simulate
from xrfsr.core.grid import Grid
from xrfsr.kriging.bending import AffinePhoto, find_affine, furthest
from xrfsr.kriging.place_errors import MovablePhoto
from xrfsr.operators.affine import resample_affine

Array = NDArray[Any]
LINES = ["Hg-L", "Pb-L", "Fe-K", "Ca-K"]
QUICK: dict[str, Any] = {"method": "guided_filter", "progress": False}
SIZE = 128
# Coarse pixels: shift (down, right), and more at the lower edge and at the right edge.
BENT = np.array([0.1, -0.15, 0.1, 0.35, -0.3, 0.1])
quiet = pytest.mark.filterwarnings("ignore:the photo was moved")


def matrix(parameters: Array) -> Array:
    return np.asarray(np.eye(2) + parameters[2:].reshape(2, 2).T * 2 / (SIZE / 4))


def bent(photo: Array, parameters: Array) -> Array:
    """Bend and move a photo with pixels of a quarter of a coarse one."""
    grid, middle = Grid.from_shape(photo.shape[1:], 0.25), np.array(photo.shape[1:]) / 8
    back = np.linalg.inv(matrix(parameters))
    return resample_affine(photo, grid, grid, back, middle - back @ (middle + parameters[:2])).clip(0, 1)


@pytest.fixture(scope="module")
def painting() -> tuple[xr.Dataset, xr.DataArray]:
    _, scan, rgb = simulate.painting(SIZE, SIZE, seed=22, lines=LINES, scale=4)
    return scan, rgb


def found(painting: tuple[xr.Dataset, xr.DataArray], photo: Array, shift: tuple[float, float]) -> Array | None:
    maps, U = painting[0].intensity.values, painting[0].xrfsr.downsampling(4)
    maps = maps / maps.max(axis=(1, 2), keepdims=True)
    places = (2 * np.arange(SIZE // 4) + 1) / (SIZE // 4) - 1
    movable = MovablePhoto(maps, np.ones(maps.shape, bool), U, lambda each: bent(photo, np.array(each)))
    part = AffinePhoto(movable, places, places)
    return find_affine([part], shift, 0.75)


@pytest.mark.soak
def test_a_bent_photo_is_straightened(painting: tuple[xr.Dataset, xr.DataArray]) -> None:
    place = found(painting, bent(painting[1].values.astype(float), BENT), (0.0, 0.0))
    assert place is not None
    # To a third of a fine pixel in the mean over the parameters.
    assert np.abs(place + BENT).mean() < 0.08


@pytest.mark.soak
@pytest.mark.parametrize("seed", [20, 21, 23])
def test_a_photo_in_its_place_is_not_bent(seed: int) -> None:
    _, scan, rgb = simulate.painting(SIZE, SIZE, seed=seed, lines=LINES, scale=4)
    assert found((scan, rgb), rgb.values.astype(float), (0.0, 0.0)) is None


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["upside down", "another", "grey"])
def test_a_wrong_photo_is_not_bent(painting: tuple[xr.Dataset, xr.DataArray], kind: str) -> None:
    photo = painting[1].values.astype(float)
    if kind == "another":
        photo = simulate.painting(SIZE, SIZE, seed=24, lines=LINES).rgb.values.astype(float)
    photo = {"upside down": photo[:, ::-1], "grey": np.full_like(photo, 0.5)}.get(kind, photo)
    assert found(painting, np.ascontiguousarray(photo), (0.0, 0.0)) is None


@pytest.mark.soak
@quiet
def test_results_have_the_matrix_lazy_or_not(painting: tuple[xr.Dataset, xr.DataArray]) -> None:
    scan, rgb = painting
    wrong = rgb.copy(data=bent(rgb.values.astype(float), BENT).astype(np.float32))
    fine = scan.xrfsr.superresolve(wrong, refine="affine", **QUICK)
    back = np.linalg.inv(matrix(BENT))
    affine = np.array(json.loads(fine.attrs["xrfsr_affine"]))
    np.testing.assert_allclose(affine, back, atol=0.01)
    lazy = scan.chunk(y=16).xrfsr.superresolve(wrong.chunk(x=50), refine="affine", chunk=64, **QUICK)
    coords = [lazy[f"photo_affine_{name}"][0] for name in ("yy", "yx", "xy", "xx")]
    np.testing.assert_allclose(np.array(coords), affine.ravel(), rtol=1e-6)
    np.testing.assert_allclose(lazy.intensity, fine.intensity, atol=1e-4 * float(fine.intensity.max()))
    left, right = (scan.xrfsr.superresolve(photo, refine=None, **QUICK).intensity for photo in (wrong, rgb))
    assert float(((fine.intensity - right) ** 2).mean()) < 0.2 * float(((left - right) ** 2).mean())
    moved = xrfsr.refine_registration(wrong, scan, refine="affine")
    np.testing.assert_allclose(moved.attrs["affine"], affine)


def test_what_is_not_confirmed_is_the_unit_matrix(scan: xr.Dataset, photo: xr.DataArray) -> None:
    fine = scan.xrfsr.superresolve(photo, refine="affine", **QUICK)
    assert json.loads(fine.attrs["xrfsr_affine"]) == [[1.0, 0.0], [0.0, 1.0]]
    np.testing.assert_array_equal(fine.photo_affine_yx, 0)
    assert "photo_affine_yx" not in scan.xrfsr.superresolve(photo, **QUICK).coords
    assert "affine" not in xrfsr.refine_registration(photo, scan).attrs
    with pytest.raises(xrfsr.InvalidInput, match="refine must be 'shift', 'affine' here, got None"):
        xrfsr.refine_registration(photo, scan, refine=None)  # type: ignore[arg-type]


def test_the_furthest_place_is_at_a_corner() -> None:
    assert furthest(np.array([0.1, -0.2, 0.1, 0.2, -0.3, 0.0])) == pytest.approx(0.5)
    assert furthest(np.array([0.1, -0.2])) == pytest.approx(0.2)
