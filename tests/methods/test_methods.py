"""What every method promises, on one simulated painting, and each method by an oracle or a scene of its own model."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from numpy.typing import NDArray
from PIL import Image
from quick import assert_same
from small import operator, problem

import xrfsr
from xrfsr import methods
from xrfsr.core.separate import SHIFT_COORDS
from xrfsr.errors import InvalidInput
from xrfsr.methods import Problem
from xrfsr.methods.bicubic import bicubic
from xrfsr.methods.cnmf import cnmf
from xrfsr.methods.common.edsr import EDSR
from xrfsr.methods.common.spectral_response import SpectralResponse
from xrfsr.methods.gsa import gsa
from xrfsr.methods.guided_diffusion import guided_diffusion
from xrfsr.methods.guided_filter import guided_filter
from xrfsr.simulate import Painting

# The method of the package has tests of its own, and needs seconds.
PEERS = [name for name in methods.names() if name not in ("unfolding", "kriging")]
QUICK: dict[str, dict[str, Any]] = {
    "ssr": {"rounds": 8},
    "lttr": {"steps": 5},
    "ssrcu": {"rounds": 30},
    "guided_diffusion": {"steps": 100},
}
# Not nearer to the truth than bilinear interpolation, even projected (see the leaderboard). They fit the photo
# as R times the maps, which it is not, and what R leaves over ends in the maps.
FARTHER = ("cstf", "lttr", "cms")
Array = NDArray[Any]


@pytest.fixture(scope="module")
def painting() -> Painting:
    return xrfsr.simulate.painting(128, 160, 4, seed=4, lines=["Ca-K", "Cu-K", "Fe-K", "Hg-L", "Pb-L"])


@pytest.fixture(scope="module", autouse=True)
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Weights for `sisr`."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "edsr.pth"
    torch.save(EDSR(features=8, blocks=1, scale=4).state_dict(), path)
    QUICK["sisr"] = {"checkpoint": path}


def made(painting: Painting, method: str, **settings: Any) -> xr.Dataset:
    options = QUICK.get(method, {}) | {"projected": True} | settings
    return painting.scan.xrfsr.superresolve(painting.rgb, 4, method=method, progress=False, **options)


def error(fine: xr.Dataset, painting: Painting) -> float:
    """Root mean square, each map against its peak."""
    peak = painting.truth.intensity.max(("y", "x"))
    return float(np.sqrt((((fine.intensity - painting.truth.intensity) / peak) ** 2).mean()))


@pytest.mark.parametrize("method", PEERS)
def test_promises_of_every_method(painting: Painting, method: str) -> None:
    fine = made(painting, method)
    assert fine.intensity.dtype == np.float32
    xr.testing.assert_identical(
        fine.drop_vars(["intensity", *SHIFT_COORDS], errors="ignore").drop_attrs(),
        painting.truth.drop_vars("intensity").drop_attrs(),
    )
    assert np.isfinite(fine.intensity).all()
    assert fine.intensity.min() >= 0
    back = painting.scan.xrfsr.downsampling(4)(fine.intensity.values.astype(np.float64))
    peak = painting.scan.intensity.max(("y", "x")).values[:, None, None]
    assert (np.abs(back - painting.scan.intensity.values) / peak).max() < 1e-5
    assert '"projected": true' in fine.attrs["xrfsr_options"]
    assert_same(made(painting, method), fine)  # deterministic
    # Of the error of bilinear interpolation, 0.74 to 0.96 is left.
    assert method in FARTHER or error(fine, painting) < error(made(painting, "bilinear", projected=False), painting)


@pytest.mark.parametrize("method", PEERS)
def test_a_flat_map_stays_flat_and_scatter_is_not_guided(painting: Painting, method: str) -> None:
    scan = painting.scan.copy(deep=True).isel(x=slice(0, 16), y=slice(0, 12))
    scan.intensity[dict(line=0)] = 7.0
    lines = ["Ca-K", "Compton", "Fe-K", "Hg-L", "Pb-L"]
    with pytest.warns(UserWarning, match="constant within the valid pixels"):
        scan = xrfsr.as_scan(scan.intensity.values, lines, 0.5)
    rgb = xrfsr.as_photo(painting.rgb.values[:, :48, :64], like=scan)
    found = []
    for photo in (rgb, 1 - rgb):
        with pytest.warns(UserWarning, match="constant within the valid pixels"):
            found.append(scan.xrfsr.superresolve(photo, 4, method=method, projected=True, **QUICK.get(method, {})))
    np.testing.assert_allclose(found[0].intensity[0], 7.0, rtol=1e-5)
    np.testing.assert_array_equal(found[0].intensity[1], found[1].intensity[1])


@pytest.mark.parametrize("method", PEERS)
def test_every_fault_of_the_options_is_named(painting: Painting, method: str) -> None:
    known = [each.name for each in fields(methods.get(method).Options)]
    given = {"projected": 1, "nonsense": 2} | QUICK.get(method, {})
    with pytest.raises(InvalidInput) as raised:
        made(painting, method, **given)
    assert len(raised.value.faults) == 2
    assert "projected must be True or False, got 1" in str(raised.value)
    assert f"has no option 'nonsense'; its options are {', '.join(known)}" in str(raised.value)


@dataclass(frozen=True, kw_only=True)
class Radius(methods.MethodOptions):
    radius: int = methods.setting(2, 1, 4)


@pytest.mark.parametrize("value", [True, 0, 5, 2.0, "2", None, float("nan")])
def test_an_option_that_is_an_integer(value: object) -> None:
    assert Radius(radius=3).radius == 3
    assert type(Radius(radius=np.int64(3)).radius) is int  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as raised:
        Radius(radius=value)  # type: ignore[arg-type]
    assert raised.value.faults == (f"radius must be an integer from 1 to 4, got {value!r} (default: 2)",)


def test_unknown_options_are_refused_with_the_nearest(painting: Painting) -> None:
    with pytest.raises(InvalidInput, match="has no option 'radios'; did you mean 'radius'"):
        made(painting, "guided_filter", radios=3)


# ------------------------------------------------------------------------------------------------ one by one


def test_bicubic_is_that_of_pillow() -> None:
    U = operator(4.0, shape=(9, 10))
    scan = np.random.default_rng(0).random((1, 9, 10)).astype(np.float32)
    found = bicubic(Problem.of(scan, None, U, ("Ca-K",), np.array([True])))[0]
    expected = np.asarray(Image.fromarray(scan[0]).resize((40, 36), Image.Resampling.BICUBIC))
    inner = (slice(8, -8), slice(8, -8))  # Pillow renormalises the weights at the ends, here end pixels are repeated
    np.testing.assert_allclose(found[inner], expected[inner], atol=2e-6)


@pytest.mark.parametrize("scale", [4.0, 2.5])
def test_guided_filter_window_by_window(scale: float) -> None:
    """E(a, b) by least squares in every window, pixels without a measurement left out."""
    given = problem(scale, scan=(slice(None), slice(2, 4), slice(3, 5)))
    radius, epsilon = 2, 1e-3
    image = given.U(given.photo.astype(np.float64))
    lines, height, width = given.scan.shape
    coefficients = np.zeros((4, lines, height, width))
    for i in range(height):
        for j in range(width):
            window = (slice(max(0, i - radius), i + radius + 1), slice(max(0, j - radius), j + radius + 1))
            known = given.training_mask[0][window].ravel()
            seen = image[:, *window].reshape(3, -1)[:, known]
            for line in range(lines):
                p = given.scan[line][window].ravel()[known]
                centred = seen - seen.mean(axis=1, keepdims=True)
                left = np.vstack([centred.T, np.sqrt(epsilon * known.sum()) * np.eye(3)])
                a = np.linalg.lstsq(left, np.append(p - p.mean(), np.zeros(3)))[0]
                coefficients[:3, line, i, j], coefficients[3, line, i, j] = a, p.mean() - a @ seen.mean(axis=1)
    mean = np.zeros_like(coefficients)
    for i in range(height):
        for j in range(width):
            window = (slice(max(0, i - radius), i + radius + 1), slice(max(0, j - radius), j + radius + 1))
            mean[:, :, i, j] = coefficients[:, :, *window].mean(axis=(2, 3))
    from xrfsr.operators import apply_separable, linear_matrix

    y, x = linear_matrix(given.U.coarse.y, given.U.fine.y), linear_matrix(given.U.coarse.x, given.U.fine.x)
    up = apply_separable(y, x, mean)
    expected = (up[:3] * given.photo[:, None]).sum(axis=0) + up[3]
    np.testing.assert_allclose(guided_filter(given, radius, epsilon), expected, rtol=1e-4, atol=1e-3)


def test_gsa_makes_its_intensity_the_band() -> None:
    """Σ w_k g_k = 1, so the fused maps of a group mix to the very band of the photo, if a mixture of them ever did."""
    rng = np.random.default_rng(0)
    U = operator(4.0)
    truth = rng.random((3, *U.fine.shape)).astype(np.float32)
    weights = np.array([0.5, 0.2, 0.3])
    photo = np.tensordot(weights, truth, axes=1)[None].astype(np.float32)
    fine = gsa(Problem.of(U(truth), photo, U, ("Ca-K", "Fe-K", "Pb-L"), np.ones(3, bool)))
    np.testing.assert_allclose(np.tensordot(weights, fine, axes=1), photo[0], atol=1e-4)


def test_guided_diffusion_is_consistent_after_every_step_and_stops_at_edges() -> None:
    U = operator(4.0)
    edge = np.zeros((1, *U.fine.shape), np.float32)
    edge[:, :, 14:] = 1.0
    given = Problem.of(U(edge), np.repeat(edge, 3, axis=0), U, ("Fe-K",), np.array([True]))
    for steps in (1, 7):
        np.testing.assert_allclose(U(guided_diffusion(given, steps, 0.03, 0.24)), given.scan, atol=1e-5)
    assert np.abs(guided_diffusion(given, 300, 0.03, 0.24) - edge).max() < 0.05


def test_response_is_what_mixed_the_photo() -> None:
    U = operator(4.0, shape=(12, 12))
    rng = np.random.default_rng(0)
    truth = rng.random((3, *U.fine.shape))
    R = np.array([[0.4, 0.1, 0.0, 0.1], [0.0, 0.5, 0.2, 0.0], [0.1, 0.0, 0.6, 0.05]])
    photo = np.tensordot(R[:, :3], truth, axes=1) + R[:, 3:, None]
    scan = U(truth)
    pair = SpectralResponse(Problem.of(scan, photo.astype(np.float32), U, ("Ca-K", "Fe-K", "Pb-L"), np.ones(3, bool)))
    np.testing.assert_allclose(pair.R[:, :3] / pair.peak, R[:, :3], atol=1e-4)
    np.testing.assert_allclose(pair.R[:, 3], R[:, 3], atol=1e-4)


def test_cnmf_finds_materials_that_the_photo_tells_apart() -> None:
    """Patches of five materials and mixtures of two at most, an exact R."""
    rng = np.random.default_rng(0)
    U = operator(4.0, shape=(20, 24))
    spectra = rng.random((6, 5)) * (rng.random((6, 5)) > 0.4)
    which = rng.integers(0, 5, (27, 32)).repeat(3, axis=0).repeat(3, axis=1)[: U.fine.shape[0], : U.fine.shape[1]]
    truth = np.moveaxis(spectra.T[which], -1, 0).astype(np.float32)
    R = rng.random((3, 6)) / 6
    photo = np.tensordot(R, truth, axes=1).astype(np.float32)
    given = Problem.of(U(truth), photo, U, tuple("abcdef"), np.ones(6, bool))
    fine = cnmf(given, 3, 300)
    coarse = np.sqrt(((bicubic(given) - truth) ** 2).mean())
    assert np.sqrt(((fine - truth) ** 2).mean()) < 0.8 * coarse
