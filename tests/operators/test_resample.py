"""Resampling of Datasets: values, masks and gaps, and the properties that must not change."""

from __future__ import annotations

from typing import Any

import dask
import dask.array
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from xrfsr import Grid, InvalidInput, as_scan
from xrfsr.core.coordinates import grid_coords, grid_of
from xrfsr.core.grid import Axis
from xrfsr.operators.resample import downsampling, fine_grid, regrid, resample

seeds = st.integers(0, 2**32 - 1)


def maps_on(grid: Grid, values: Any, **coords: Any) -> xr.DataArray:
    return xr.DataArray(values, {**coords, **grid_coords(grid)}, ("y", "x"), name="map", attrs={"units": "count"})


@pytest.fixture
def rich() -> xr.Dataset:
    """A scan with variables and coordinates of every kind, on its grid and off it."""
    rng = np.random.default_rng(0)
    scan = as_scan(
        rng.random((3, 12, 16)),
        lines=["Ca-K", "Fe-Ka", "Pb-L"],
        pixel_size=0.5,
        uncertainty=rng.random((3, 12, 16)),
        valid=rng.random((12, 16)) > 0.2,
    )
    scan["dwell"] = xr.Variable((), 0.1, {"units": "s"})
    scan["gain"] = xr.Variable("line", [1.0, 2.0, 3.0])
    scan["turned"] = scan.intensity.transpose("x", "line", "y")
    scan["row_dose"] = xr.Variable("y", np.arange(12))
    scan = scan.assign_coords(depth=(("y", "x"), rng.random((12, 16)), {"units": "mm"}), month=("x", np.arange(16.0)))
    scan.attrs["painting"] = "A"
    scan.intensity.attrs["note"] = "kept"
    scan.x.attrs["long_name"] = "to the right"
    scan.intensity.encoding["chunks"] = (1, 12, 16)
    return scan


# Values


@given(
    st.tuples(st.integers(2, 9), st.integers(2, 9)),
    st.integers(1, 4),
    st.integers(1, 4),
    seeds,
    st.sampled_from([-1, 1]),
)
def test_coarser_is_the_block_mean(shape: tuple[int, int], down: int, right: int, seed: int, sign: int) -> None:
    coarse = Grid(Axis(shape[0], sign * 0.5, 3.0), Axis(shape[1], 2.0, -4.0))
    fine = Grid(coarse.y.refine(down), coarse.x.refine(right))
    obj = maps_on(fine, np.random.default_rng(seed).random(fine.shape))
    made = resample(obj, like=maps_on(coarse, np.zeros(shape)))
    np.testing.assert_allclose(made, obj.values.reshape(shape[0], down, shape[1], right).mean((1, 3)), rtol=1e-9)
    np.testing.assert_allclose(made.y, coarse.y.centres, atol=1e-12)
    np.testing.assert_allclose(made.x, coarse.x.centres, atol=1e-12)


@pytest.mark.parametrize("pixel_size", [0.05, 0.07, 0.1, 0.2, 0.3, 0.35, 0.5])
@pytest.mark.parametrize("scale", [2, 3, 4, 5])
@pytest.mark.parametrize("origin", [0.0, 1.1])
def test_there_and_back_is_the_same_grid_to_xarray(pixel_size: float, scale: int, origin: float) -> None:
    fine = as_scan(np.random.default_rng(0).random((1, 120, 180)), ["Ca-K"], pixel_size, origin=(origin, -origin))
    for coarse in (fine.xrfsr.resample(scale=1 / scale), fine.coarsen(y=scale, x=scale).mean()):
        coarse = coarse.assign_coords({name: coarse[name].assign_attrs(units="mm") for name in ("y", "x")})
        again = coarse.xrfsr.resample(scale=scale)
        assert (again - fine).intensity.shape == fine.intensity.shape


def test_finer_is_linear_interpolation(scan: xr.Dataset) -> None:
    made = resample(scan.intensity, scale=2.5)
    assert made.shape == (3, 30, 40)
    inner = made.sel(y=slice(0.25, 5.75), x=slice(0.25, 7.75))
    expected = scan.intensity.astype("f8").interp(y=inner.y, x=inner.x)
    np.testing.assert_allclose(inner, expected, rtol=1e-5)
    np.testing.assert_allclose(made[:, 0, 0], scan.intensity[:, 0, 0], rtol=1e-6)


def test_finer_in_one_direction_and_coarser_in_the_other(scan: xr.Dataset) -> None:
    made = resample(scan.intensity, pixel_size=("1 mm", "0.25 mm"))
    assert grid_of(made).spacing == (1.0, 0.25)
    one = scan.intensity.coarsen(y=2).mean()
    expected = one.interp(x=made.x.clip(one.x[0], one.x[-1]).values)
    np.testing.assert_allclose(made, expected, rtol=1e-5)


def test_the_same_grid_changes_nothing(rich: xr.Dataset) -> None:
    made = resample(rich, like=rich).drop_vars(["uncertainty", "row_dose"])
    xr.testing.assert_identical(made, rich.drop_vars(["uncertainty", "row_dose"]))
    np.testing.assert_allclose(resample(rich, like=rich).uncertainty, rich.uncertainty, rtol=1e-6)


@pytest.mark.parametrize("step", [0.5, 0.25, 1.0])
def test_like_may_be_a_part(rich: xr.Dataset, step: float) -> None:
    part = Grid(Axis(4, -step, 3.5), Axis(3, step, 2.5))
    made = resample(rich, like=maps_on(part, np.zeros(part.shape)))
    assert made.sizes == {"line": 3, "y": 4, "x": 3}
    whole = resample(rich, scale=0.5 / step)
    expected = whole.intensity.interp(y=part.y.centres, x=part.x.centres)
    if step == 0.25:
        expected = rich.intensity.interp(y=part.y.centres, x=part.x.centres)
    if step == 1.0:  # between the pixels of the whole: means of shifted blocks
        expected = rich.intensity.rolling(y=2, x=2).mean().shift(y=-1, x=-1)
        expected = expected.assign_coords(y=expected.y + 0.25, x=expected.x + 0.25)
        expected = expected.interp(y=part.y.centres, x=part.x.centres)
    np.testing.assert_allclose(made.intensity, expected, rtol=1e-5)


def test_the_beam_is_passed_on(scan: xr.Dataset) -> None:
    target = grid_of(scan).coarsen(2)
    made = regrid(scan.intensity, target, footprint="gaussian", fwhm=(0.8, 1.2))
    from xrfsr.operators import Downsampling

    expected = Downsampling.between(grid_of(scan), target, "gaussian", fwhm=(0.8, 1.2))(scan.intensity.values)
    np.testing.assert_array_equal(made, expected)
    picked = resample(scan.intensity, scale=0.5, footprint="decimate")
    np.testing.assert_array_equal(picked, scan.intensity[:, ::2, ::2])


@given(seeds)
def test_descending_coordinates_only_turn_the_result(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid(Axis(9, 0.7, 1.0), Axis(7, 0.3, -2.0))
    obj = maps_on(grid, rng.random(grid.shape))
    for scale in (0.4, 1.7):
        straight, turned = resample(obj, scale=scale), resample(obj[::-1, ::-1], scale=scale)
        np.testing.assert_allclose(turned[::-1, ::-1], straight, rtol=1e-9)
        np.testing.assert_allclose(turned.y[::-1], straight.y, atol=1e-12)


def test_uncertainty_becomes_that_of_the_mean() -> None:
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.5, 2, (1, 8, 8)).astype("f4")
    scan = as_scan(rng.random((1, 8, 8)), ["Ca-K"], 0.5, uncertainty=sigma)
    made = resample(scan, scale=0.5).uncertainty
    expected = np.sqrt((sigma.astype("f8") ** 2).reshape(4, 2, 4, 2).sum((1, 3))) / 4
    np.testing.assert_allclose(made[0], expected, rtol=1e-6)
    assert made.dtype == np.float32
    assert made.attrs == scan.uncertainty.attrs
    # Compared with the standard deviation over many draws.
    draws = sigma * rng.standard_normal((4000, 8, 8)).astype("f4")
    noise = xr.DataArray(draws, {n: scan[n] for n in ("y", "x")}, ("draw", "y", "x"))
    np.testing.assert_allclose(resample(noise, scale=0.5).std("draw"), expected, rtol=0.06)


# Masks and gaps


@settings(max_examples=40)
@given(seeds, st.sampled_from([0.3, 0.5, 0.77, 1.0, 1.3, 3.0]))
def test_gaps_reach_the_pixels_that_see_them_and_no_others(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid(Axis(10, 0.5, 0.25), Axis(13, -0.5, 9.0))
    known = rng.random(grid.shape) > 0.1
    obj = maps_on(grid, np.where(known, rng.random(grid.shape), np.nan)).to_dataset()
    obj["valid"] = maps_on(grid, known).rename("valid")
    made = resample(obj, scale=scale)
    filled = resample(obj.fillna(0.0), scale=scale)
    # One gap at a time: pixels that change with the value of a pixel have it under their footprint.
    sees = np.zeros(made["map"].shape, bool)
    for gap in np.argwhere(~known):
        probe = np.zeros(grid.shape)
        probe[tuple(gap)] = 1.0
        sees |= resample(maps_on(grid, probe), scale=scale).values > 0
    np.testing.assert_array_equal(made["map"].isnull(), sees)
    np.testing.assert_array_equal(made["map"].values[~sees], filled["map"].values[~sees])
    assert made["valid"].dtype == bool
    np.testing.assert_array_equal(made["valid"], ~sees)


def test_large_masks_are_exact() -> None:
    # In single precision, the mean of 90,000 ones is not exactly one.
    grid = Grid.from_shape((300, 300), 1.0)
    mask = maps_on(grid, np.ones((300, 300), bool))
    assert bool(resample(mask, scale=1 / 300).item())
    mask[150, 7] = False
    assert not bool(resample(mask, scale=1 / 300).item())


# What must stay


@pytest.mark.parametrize("scale", [0.5, 2])
def test_everything_else_is_kept(rich: xr.Dataset, scale: float) -> None:
    before = rich.copy(deep=True)
    made = resample(rich, scale=scale)
    xr.testing.assert_identical(rich, before)
    assert list(made.data_vars) == list(rich.data_vars)
    assert made.attrs == rich.attrs
    assert set(made.coords) == set(rich.coords)
    for name, variable in rich.variables.items():
        assert made[name].dims == variable.dims, name
        assert made[name].attrs == variable.attrs, name
        expected = variable.dtype if variable.dtype.kind != "i" else np.dtype("f8")
        assert made[name].dtype == expected, name
    for name in ("line", "element", "family", "energy", "kind", "dwell", "gain"):
        xr.testing.assert_identical(made[name].variable, rich[name].variable)
    assert not made.intensity.encoding  # chunks that no longer fit would break a later write
    assert made.sizes == {"line": 3, "y": 12 * scale, "x": 16 * scale}
    assert grid_of(made).y.edges == pytest.approx(grid_of(rich).y.edges)
    np.testing.assert_array_equal(made.turned.transpose(*made.intensity.dims), made.intensity)


def test_variables_along_one_axis(rich: xr.Dataset) -> None:
    made = resample(rich, scale=0.5)
    np.testing.assert_allclose(made.row_dose, np.arange(12).reshape(6, 2).mean(1))
    np.testing.assert_allclose(made.month, np.arange(16).reshape(8, 2).mean(1))


def test_dataarrays_bring_their_companions(rich: xr.Dataset) -> None:
    array = rich.intensity.assign_coords(valid=rich.valid, uncertainty=rich.uncertainty)
    made, expected = resample(array, scale=0.5), resample(rich, scale=0.5)
    assert made.name == "intensity"
    assert made.dims == array.dims
    assert made.attrs == array.attrs
    for name in ("valid", "uncertainty", "depth"):
        xr.testing.assert_identical(made[name].variable, expected[name].variable)
    xr.testing.assert_identical(made.variable, expected.intensity.variable)
    assert resample(array.rename(None), scale=0.5).name is None
    xr.testing.assert_identical(made.sel(line="Fe-Ka").variable, resample(array.sel(line="Fe-Ka"), scale=0.5).variable)


def test_indexes_beside_the_grid_are_kept(scan: xr.Dataset) -> None:
    stacked = scan.intensity.drop_vars(["element", "family", "energy", "kind"]).expand_dims(day=[1, 2])
    stacked = stacked.stack(shot=("day", "line"))
    made = resample(stacked, scale=0.5)
    assert made.dims == stacked.dims
    assert made.indexes["shot"].equals(stacked.indexes["shot"])
    np.testing.assert_array_equal(made.sel(day=2, line="Fe-Ka"), resample(scan.intensity, scale=0.5).sel(line="Fe-Ka"))


def test_dask_stays_lazy(rich: xr.Dataset) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("computed")

    chunked = rich.chunk({"line": 1, "y": 5, "x": 7})
    for options in ({"scale": 0.5}, {"scale": 1.5}, {"pixel_size": (1.0, 0.25)}):
        with dask.config.set(scheduler=refuse):
            lazy = resample(chunked, **options)  # type: ignore[arg-type]
            for name in ("intensity", "uncertainty", "valid", "turned", "row_dose", "depth"):
                assert isinstance(lazy[name].data, dask.array.Array), name
            assert lazy.intensity.chunks[0] == (1, 1, 1)
            lazy_array = resample(chunked.intensity, **options)  # type: ignore[arg-type]
        xr.testing.assert_identical(lazy.compute(), resample(rich, **options))  # type: ignore[arg-type]
        xr.testing.assert_identical(lazy_array.compute(), resample(rich.intensity, **options))  # type: ignore[arg-type]


def test_files_of_another_byte_order_and_whole_numbers(scan: xr.Dataset) -> None:
    expected = resample(scan.intensity, scale=0.5)
    made = resample(scan.intensity.astype(">f4"), scale=0.5)
    assert made.dtype == np.dtype("f4")
    np.testing.assert_array_equal(made, expected)
    whole = resample(scan.intensity.astype("u2"), scale=0.5)
    assert whole.dtype == np.float64
    np.testing.assert_allclose(whole, expected, rtol=1e-6)


def test_quantities_and_other_lengths(scan: xr.Dataset) -> None:
    pytest.importorskip("pint_xarray")
    expected = resample(scan, pixel_size="1 mm")
    xr.testing.assert_allclose(resample(scan.pint.quantify(), pixel_size="1000 um"), expected)
    metres = scan.assign_coords({n: (n, scan[n].values / 1000, {"units": "m"}) for n in ("y", "x")})
    made = resample(metres, like=expected)
    assert made.x.attrs["units"] == "mm"
    xr.testing.assert_allclose(made, expected)


# U for a scan


def test_downsampling_takes_a_result_to_its_scan(scan: xr.Dataset) -> None:
    turned = scan.isel(y=slice(None, None, -1))
    U = downsampling(turned, 2.5, footprint="gaussian", fwhm=0.4, smear=(0.0, 0.5))
    assert U.fine == fine_grid(grid_of(turned), 2.5)
    assert U.coarse == grid_of(turned)
    fine = U.pinv(turned.intensity.values.astype("f8"))
    np.testing.assert_allclose(U(fine), turned.intensity, atol=1e-9)
    assert scan.xrfsr.downsampling(4).footprint == "area"


# Bad input


@pytest.mark.parametrize("scale", [1, 0.5, 0, -2, np.nan, np.inf, True, "4", None, [4]])
def test_bad_scales_are_refused(scan: xr.Dataset, scale: Any) -> None:
    with pytest.raises(InvalidInput, match="scale must be a number > 1"):
        downsampling(scan, scale)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "exactly one of like=, scale= and pixel_size="),
        ({"scale": 2, "pixel_size": 1}, "exactly one of"),
        ({"scale": 0}, "scale must be a number > 0, such as 0.5, got 0"),
        ({"scale": -1.0}, "got -1.0"),
        ({"scale": np.nan}, "scale must be a number > 0, such as 0.5, got nan"),
        ({"scale": "2"}, "got '2'"),
        ({"scale": True}, "got True"),
        ({"pixel_size": "1 s"}, "pixel_size is '1 s'"),
        ({"pixel_size": 0}, "pixel_size must be > 0, got 0"),
        ({"scale": 2, "footprint": "round"}, "footprint must be one of 'area', 'gaussian', 'decimate', got 'round'"),
        ({"scale": 0.5, "footprint": "gaussian"}, "footprint 'gaussian' needs fwhm"),
        ({"scale": 2, "fwhm": 1.0}, r"footprint 'area' has no fwhm, got \(1.0, 1.0\)"),
        ({"scale": 0.5, "footprint": "gaussian", "fwhm": "1 px"}, "fwhm is '1 px'"),
        ({"scale": 0.5, "footprint": "gaussian", "fwhm": True}, "fwhm must be a length, got True"),
    ],
)
def test_bad_options_are_refused(scan: xr.Dataset, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        resample(scan, **options)


@pytest.mark.parametrize("step", [0.25, 0.5, 1.0])
def test_a_grid_elsewhere_is_refused(scan: xr.Dataset, step: float) -> None:
    away = Grid(Axis(8, step, 100.0), Axis(4, step, -50.0))
    with pytest.raises(InvalidInput, match="crop") as caught:
        resample(scan, like=maps_on(away, np.zeros(away.shape)))
    assert len(caught.value.faults) == 2  # both axes


def test_what_cannot_be_averaged_is_named(scan: xr.Dataset) -> None:
    odd = scan.assign(
        pigment=(("y", "x"), np.full((12, 16), "azurite", dtype=object)), when=("y", np.arange(12).astype("M8[s]"))
    ).assign_coords(note=("x", np.full(16, "a", dtype=object)))
    with pytest.raises(InvalidInput, match="'pigment' on the grid must hold numbers or a mask") as caught:
        resample(odd, scale=0.5)
    assert len(caught.value.faults) == 3
    assert resample(odd.drop_vars(["pigment", "when", "note"]), scale=0.5).sizes["x"] == 8
    with pytest.raises(InvalidInput, match=r"no coordinate 'y'"):
        resample(scan.drop_vars("y"), scale=0.5)
