"""The main job on Datasets: where the result lies, what it keeps, what it must not see, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from quick import assert_same

import xrfsr
from xrfsr import methods
from xrfsr.core.coordinates import grid_of
from xrfsr.core.from_arrays import as_scan
from xrfsr.core.photo import as_photo
from xrfsr.core.separate import RESULT_COORDS
from xrfsr.errors import InvalidInput
from xrfsr.utils.device import resolve_device

QUICK: dict[str, Any] = {"steps": 3, "pixels": 256, "K": 2, "M": 8, "progress": False, "device": "cpu"}
CHEAP: dict[str, Any] = {"progress": False, "device": "cpu"}
FEW: dict[str, dict[str, Any]] = {
    "unfolding": QUICK,
    "lttr": {"steps": 2},
    "ssr": {"rounds": 5},
    "ssrcu": {"rounds": 5},
}
METHODS = tuple(methods.ready())
PLAIN = tuple(name for name, method in methods.ready().items() if not method.consistent)
PACKAGE = Path(xrfsr.__file__).parent


def options(method: str) -> dict[str, Any]:
    return {**CHEAP, **FEW.get(method, {}), "method": method}


def flipped(obj: Any, *dims: str) -> Any:
    """The same picture, its coordinates running the other way."""
    return obj.isel({dim: slice(None, None, -1) for dim in dims})


def gap(fine: xr.Dataset, scan: xr.Dataset, scale: float, **footprint: Any) -> float:
    """Largest difference of U(fine) and the scan, as a share of each map's peak."""
    U = scan.xrfsr.downsampling(scale, **footprint)
    seen = U(fine.intensity.values.astype(np.float64))
    peak = scan.intensity.max(("y", "x")).values[:, None, None]
    return float(np.nanmax(np.abs(seen - scan.intensity.values) / peak))


# ---------------------------------------------------------------------------------------------- what comes back


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [4, 2.5, np.float32(3)])
def test_result_is_a_finer_scan(scan: xr.Dataset, photo: xr.DataArray, method: str, scale: float) -> None:
    scan = scan.assign_coords(operator="A. Person").assign_attrs(title="panel")
    fine = scan.xrfsr.superresolve(photo, scale, **options(method))
    assert fine.intensity.dims == ("line", "y", "x")
    assert fine.intensity.shape == (3, round(12 * scale), round(16 * scale))
    assert fine.intensity.dtype == np.float32
    assert np.isfinite(fine.intensity).all()
    assert fine.intensity.attrs["units"] == "count"
    assert list(fine.data_vars) == ["intensity"]
    assert fine.attrs["title"] == "panel"
    for name in ("line", "element", "family", "energy", "kind", "operator"):
        assert fine.coords[name].drop_vars(RESULT_COORDS, errors="ignore").identical(scan.coords[name])
    assert fine.xrfsr.validate().identical(fine)


@pytest.mark.parametrize("scale", [2, 2.5, 4])
def test_outer_edges_are_kept(scan: xr.Dataset, photo: xr.DataArray, scale: float) -> None:
    fine = scan.xrfsr.superresolve(photo, scale, method="kriging")
    for name in ("y", "x"):
        first, step = float(scan[name][0]), float(scan[name][1] - scan[name][0])
        assert float(fine[name][0]) == pytest.approx(first - step / 2 + step / (2 * scale), abs=1e-12)
        assert float(fine[name][-1]) == pytest.approx(float(scan[name][-1]) + step / 2 - step / (2 * scale), abs=1e-12)
        np.testing.assert_allclose(np.diff(fine[name]), step / scale, rtol=1e-9)
        assert fine[name].attrs["units"] == "mm"


@pytest.mark.parametrize("dims", [("y",), ("x",), ("y", "x")])
def test_descending_coordinates_stay_descending(scan: xr.Dataset, photo: xr.DataArray, dims: tuple[str, ...]) -> None:
    turned = flipped(scan, *dims)
    made = turned.xrfsr.superresolve(photo, **options("kriging"))
    for name in ("y", "x"):
        assert (np.diff(made[name]) < 0).all() == (name in dims)
    expected = flipped(scan.xrfsr.superresolve(photo, **options("kriging")), *dims)
    xr.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-4)
    learned = turned.xrfsr.superresolve(photo, **QUICK)
    assert gap(learned, turned, 4) < 1e-5
    xr.testing.assert_allclose(learned.y, expected.y)


def test_the_photo_may_lie_any_way_round(scan: xr.Dataset, photo: xr.DataArray) -> None:
    fine = scan.xrfsr.superresolve(photo, **QUICK)
    for other in (flipped(photo, "y"), flipped(photo, "x"), photo.transpose("y", "x", "band"), flipped(photo, "band")):
        xr.testing.assert_allclose(scan.xrfsr.superresolve(other, **QUICK), fine, rtol=1e-4, atol=1e-3)
    upside_down = photo.copy(data=photo.values[:, ::-1])
    with pytest.warns(UserWarning, match="the photo does not help 3 of 3 maps"):
        refused = scan.xrfsr.superresolve(upside_down, **QUICK)
    assert abs(refused - fine).intensity.max() > 0.1
    assert (fine.guided_share > 0).all()
    assert (refused.guided_share == 0).all()


def test_lengths_in_any_unit_and_dimensions_in_any_order(scan: xr.Dataset, photo: xr.DataArray) -> None:
    fine = scan.xrfsr.superresolve(photo, **QUICK)

    def in_um(obj: Any) -> Any:
        return obj.assign_coords({n: (n, obj[n].values * 1000, {"units": "um"}) for n in ("y", "x")})

    again = in_um(scan).transpose("x", "line", "y").xrfsr.superresolve(in_um(photo), **QUICK)
    xr.testing.assert_allclose(again, fine, rtol=1e-5, atol=1e-4)
    assert again.x.attrs["units"] == "mm"


@pytest.mark.parametrize("method", ["unfolding", "kriging", "bicubic", "gsa"])
@pytest.mark.parametrize(
    ("scale", "footprint"),
    [
        (4, {}),
        (2.5, {}),
        (4, {"footprint": "gaussian", "fwhm": 0.3}),
        (3.3, {"footprint": "gaussian", "fwhm": (0.5, 0.4)}),
        (4, {"footprint": "decimate"}),
    ],
)
def test_consistency(scan: xr.Dataset, photo: xr.DataArray, method: str, scale: float, footprint: Any) -> None:
    projected = {"projected": True} if method in PLAIN else {}
    fine = scan.xrfsr.superresolve(photo, scale, **options(method), **footprint, **projected)
    assert gap(fine, scan, scale, **footprint) < 1e-5
    if not footprint and scale == 4:
        assert fine.intensity.min() >= 0


def test_a_dataarray_gives_a_dataarray(scan: xr.Dataset, photo: xr.DataArray) -> None:
    valid = xr.DataArray(np.random.default_rng(0).random((12, 16)) > 0.1, dims=("y", "x"))
    fine = scan.assign(valid=valid).xrfsr.superresolve(photo, **QUICK)
    maps = scan.intensity.rename("counts").assign_attrs(beamline="P06").assign_coords(valid=valid)
    made = maps.xrfsr.superresolve(photo, **QUICK)
    assert isinstance(made, xr.DataArray)
    assert made.name == "counts"
    assert made.attrs["beamline"] == "P06"
    assert made.attrs["units"] == "count"
    assert made.attrs["xrfsr_method"] == "unfolding"
    np.testing.assert_array_equal(made.values, fine.intensity.values)
    np.testing.assert_array_equal(made.valid.values, fine.valid.values)
    assert scan.intensity.rename(None).xrfsr.superresolve(photo, **options("kriging")).name is None


def test_provenance_is_plain_and_can_be_stored(scan: xr.Dataset, photo: xr.DataArray, tmp_path: Path) -> None:
    fine = scan.xrfsr.superresolve(
        photo, np.float64(4), footprint="gaussian", fwhm=(0.3, 0.4), **{**QUICK, "seed": np.int64(7)}
    )
    record = {name: value for name, value in fine.attrs.items() if name.startswith("xrfsr_")}
    assert all(type(value) in (str, int, float) for value in record.values())
    assert record["xrfsr_version"] == xrfsr.__version__
    assert record["xrfsr_method"] == "unfolding"
    assert record["xrfsr_scale"] == 4.0
    assert record["xrfsr_seed"] == 7
    assert record["xrfsr_footprint"] == "gaussian"
    assert record["xrfsr_fwhm_mm"] == "[0.3, 0.4]"
    assert record["xrfsr_device"] == "cpu"
    assert '"steps": 3' in record["xrfsr_options"]
    fine.xrfsr.to_zarr(tmp_path / "fine.zarr")
    with xr.open_zarr(tmp_path / "fine.zarr") as stored:
        xr.testing.assert_identical(stored.load(), fine)


def test_input_is_not_modified(scan: xr.Dataset, photo: xr.DataArray) -> None:
    scan["intensity"].values[0, 3, 4] = np.nan
    scan["valid"] = (("y", "x"), np.arange(192).reshape(12, 16) > 5)
    photo.values[:, 8:12, 8:12] = np.nan
    scan.encoding["note"] = scan.intensity.encoding["note"] = "as it was"
    before, colours = scan.copy(deep=True), photo.copy(deep=True)
    scan.xrfsr.superresolve(photo, **QUICK)
    scan.intensity.xrfsr.superresolve(photo, **options("kriging"))
    xr.testing.assert_identical(scan, before)
    xr.testing.assert_identical(photo, colours)
    assert scan.encoding["note"] == scan.intensity.encoding["note"] == "as it was"


def test_dask_gives_the_same_and_stays_lazy(scan: xr.Dataset, photo: xr.DataArray) -> None:
    def never(block: Any) -> Any:
        raise AssertionError("the cube of spectra was read")

    fine = scan.xrfsr.superresolve(photo, **QUICK)
    lazy = scan.chunk({"line": 1, "y": 5}).drop_encoding()
    spectra = xr.DataArray(np.zeros((12, 16, 4)), dims=("y", "x", "channel")).chunk()
    lazy["spectra"] = spectra.copy(data=spectra.data.map_blocks(never, dtype=float, meta=np.zeros((0, 0, 0))))
    made = lazy.xrfsr.superresolve(photo.chunk({"y": 20}), **QUICK)
    assert_same(made, fine)
    assert lazy.intensity.chunks is not None


def test_crops_and_chains(scan: xr.Dataset, photo: xr.DataArray) -> None:
    crop = scan.sel(y=slice(1, 5.3), x=slice(0.6, 7.1), line=["Ca-K", "Pb-L"])
    fine = crop.xrfsr.superresolve(photo, scale=4, **QUICK)
    assert grid_of(fine).y.edges == pytest.approx(grid_of(crop).y.edges)
    assert gap(fine, crop, 4) < 1e-5
    ratio = fine.sel(line="Ca-K") / fine.sel(line="Pb-L")
    assert ratio.intensity.dims == ("y", "x")
    part = ratio.sel(x=slice(2, 4), y=slice(2, 3.5))
    assert part.intensity.shape == (12, 16)
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawn = part["intensity"].plot(yincrease=False)
    np.testing.assert_array_equal(drawn.get_array().reshape(12, 16), part.intensity.values)
    pyplot.close("all")


# ---------------------------------------------------------------------------------------------- gaps and masks


@pytest.mark.parametrize("method", METHODS)
def test_gaps_are_carried_through_and_do_not_spread(scan: xr.Dataset, photo: xr.DataArray, method: str) -> None:
    maps = scan.intensity.values
    maps[0, 3, 5] = maps[0, 0, 0] = maps[2, 6:8] = np.nan
    valid = np.ones((12, 16), bool)
    valid[10:, 12:] = False
    scan["valid"] = (("y", "x"), valid, {"long_name": "inside the frame"})
    fine = scan.xrfsr.superresolve(photo, **options(method))
    expected = (np.isnan(maps) | ~valid).repeat(4, axis=1).repeat(4, axis=2)
    np.testing.assert_array_equal(np.isnan(fine.intensity.values), expected)
    np.testing.assert_array_equal(fine.valid.values, valid.repeat(4, axis=0).repeat(4, axis=1))
    assert fine.valid.dtype == bool
    assert fine.valid.attrs == {"long_name": "inside the frame"}
    if method not in PLAIN:
        assert gap(fine, scan.where(scan.valid), 4) < 1e-5


@pytest.mark.parametrize("scale", [4, 2.5])
def test_gaps_at_any_ratio(scan: xr.Dataset, photo: xr.DataArray, scale: float) -> None:
    """A fine pixel has a value if the scan has one where its centre lies."""
    scan.intensity.values[1, 4, 7] = np.nan
    missing = scan.xrfsr.superresolve(photo, scale, **QUICK).intensity.isnull()
    assert not missing.sel(line=["Ca-K", "Pb-L"]).any()
    inside = (abs(missing.y - scan.y[4]) < 0.25 - 1e-9) & (abs(missing.x - scan.x[7]) < 0.25 - 1e-9)
    edge = (abs(missing.y - scan.y[4]) < 0.25 + 1e-9) & (abs(missing.x - scan.x[7]) < 0.25 + 1e-9)
    assert missing.sel(line="Fe-Ka").where(inside, True).all()
    assert not missing.sel(line="Fe-Ka").where(~edge, False).any()


@pytest.mark.parametrize("method", METHODS)
def test_what_is_masked_has_no_influence(scan: xr.Dataset, photo: xr.DataArray, method: str) -> None:
    valid = np.ones((12, 16), bool)
    valid[2:5, 3:8] = False
    fine = []
    for content in (0.0, -1e7, np.nan, np.inf):
        changed = scan.assign(valid=(("y", "x"), valid)).copy(deep=True)
        changed.intensity.values[:, ~valid] = content
        fine.append(changed.xrfsr.superresolve(photo, **options(method)))
    for other in fine[1:]:
        assert_same(other, fine[0])


def test_maps_without_guidance_are_the_floor(photo: xr.DataArray) -> None:
    rng = np.random.default_rng(0)
    maps = rng.random((5, 12, 16))
    maps[[0, 2]] += 5 * photo.values[:2].reshape(2, 12, 4, 16, 4).mean((2, 4))
    maps[3] = rng.standard_normal((12, 16))  # a background may be negative
    maps[4] = 2.5
    lines = ["Ca-K", "Rayleigh", "Pb-L", "background", "Fe-K"]
    with pytest.warns(UserWarning, match="constant within the valid pixels"):
        scan = as_scan(maps, lines, pixel_size=0.5)
    assert scan.kind.values.tolist() == ["element", "scatter", "element", "diagnostic", "element"]
    with pytest.warns(UserWarning, match="constant within the valid pixels"):
        fine = scan.xrfsr.superresolve(photo, **QUICK)
    with pytest.warns(UserWarning, match="constant within the valid pixels"):
        floor = scan.xrfsr.superresolve(photo, **options("kriging"))
    same = [bool((a == b).all()) for a, b in zip(fine.intensity, floor.intensity, strict=True)]
    assert same == [False, True, False, True, True]
    assert (fine.guided_share.values > 0).tolist() == [True, False, True, False, False]
    assert (fine.intensity.sel(line="Fe-K") == 2.5).all(), "flat stays flat"
    alone = scan.isel(line=[0, 2]).xrfsr.superresolve(photo, **QUICK)
    np.testing.assert_array_equal(fine.intensity[[0, 2]].values, alone.intensity.values)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_scan_without_any_contrast_stays_as_it_is(photo: xr.DataArray, value: float) -> None:
    with pytest.warns(UserWarning, match="constant"):
        scan = as_scan(np.full((2, 12, 16), value), ["Ca-K", "Fe-K"], pixel_size=0.5)
    with pytest.warns(UserWarning, match="constant"), pytest.warns(UserWarning, match="is the kriging baseline"):
        fine = scan.xrfsr.superresolve(photo, **QUICK)
    assert (fine.intensity == value).all()
    assert fine.guided_share.values.tolist() == [0, 0]
    with pytest.warns(UserWarning, match="constant"), pytest.raises(InvalidInput, match="nothing to train on"):
        scan.xrfsr.train(photo, **QUICK)


def test_where_the_photo_shows_nothing_the_floor_stands(scan: xr.Dataset, photo: xr.DataArray) -> None:
    floor = scan.xrfsr.superresolve(photo, **options("kriging"))
    photo.values[:, :, :32] = np.nan  # the left half
    fine = scan.xrfsr.superresolve(photo, **QUICK)
    assert np.isfinite(fine.intensity).all()
    assert gap(fine, scan, 4) < 1e-5
    # Up to what the seam's own residual spreads over a coarse pixel or two.
    far = fine.x < 32 * 0.125 - 2.5
    difference = abs(fine - floor).intensity
    assert difference.where(far).max() < 0.02 * floor.intensity.max()
    assert difference.where(fine.x > 4).max() > 0.05 * floor.intensity.max()


def test_a_pixel_without_its_red_is_a_pixel_without_its_colour(scan: xr.Dataset, photo: xr.DataArray) -> None:
    photo.values[:, 20:30, 10:30] = np.nan
    fine = scan.xrfsr.superresolve(photo, **QUICK)
    photo.values[1:, 20:30, 10:30] = 0.7
    assert_same(scan.xrfsr.superresolve(photo, **QUICK), fine, but="photo_checksum")


def test_a_photo_may_be_larger_and_finer(scan: xr.Dataset, photo: xr.DataArray) -> None:
    crop = scan.isel(y=slice(2, 10), x=slice(3, 13))
    inside = photo.isel(y=slice(8, 40), x=slice(12, 52))
    whole, cut = (crop.xrfsr.superresolve(picture, **QUICK) for picture in (photo, inside))
    xr.testing.assert_allclose(whole, cut, rtol=1e-4, atol=1e-3)
    sharper = as_photo(photo.values.repeat(3, axis=1).repeat(3, axis=2), like=scan)
    # Bases of the first gradients depend on their rounding, so SOAP does after three steps.
    quick = QUICK | {"optimizer": "adam", "learning_rate": 0.01}
    fine, again = (scan.xrfsr.superresolve(picture, **quick) for picture in (photo, sharper))
    xr.testing.assert_allclose(again, fine, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535)])
def test_whole_number_photos_are_scaled(scan: xr.Dataset, photo: xr.DataArray, dtype: Any, white: int) -> None:
    stored = (photo * white).round().astype(dtype)
    exact = (stored / np.float32(white)).astype(np.float32)
    assert_same(scan.xrfsr.superresolve(stored, **QUICK), scan.xrfsr.superresolve(exact.rename("rgb"), **QUICK))


# ---------------------------------------------------------------------------------------------- again and elsewhere


def test_same_seed_same_bits(scan: xr.Dataset, photo: xr.DataArray) -> None:
    first = scan.xrfsr.superresolve(photo, seed=4, **QUICK)
    torch.manual_seed(1)
    assert_same(scan.xrfsr.superresolve(photo, seed=4, **QUICK), first)
    assert (scan.xrfsr.superresolve(photo, seed=5, **QUICK).intensity != first.intensity).any()


def test_a_model_used_again_is_the_direct_run(scan: xr.Dataset, photo: xr.DataArray) -> None:
    model = scan.xrfsr.train(photo, seed=4, **QUICK)
    direct = scan.xrfsr.superresolve(photo, seed=4, **QUICK)
    assert_same(scan.xrfsr.superresolve(photo, model=model, seed=4, **CHEAP), direct, but="model")
    # Nor does its own seed matter any more, but for the record.
    other = scan.xrfsr.superresolve(photo, model=model, seed=9, **CHEAP)
    np.testing.assert_array_equal(other.intensity, direct.intensity)
    assert other.attrs["xrfsr_seed"] == 4


def test_a_model_knows_its_maps_by_name(scan: xr.Dataset, photo: xr.DataArray) -> None:
    model = scan.xrfsr.train(photo, **QUICK)
    turned = scan.isel(line=[2, 0, 1])
    made = turned.xrfsr.superresolve(photo, model=model, **CHEAP)
    xr.testing.assert_allclose(made, scan.xrfsr.superresolve(photo, model=model, **CHEAP).isel(line=[2, 0, 1]))


def test_a_model_leaves_a_flat_map_flat(scan: xr.Dataset, photo: xr.DataArray) -> None:
    model = scan.xrfsr.train(photo, **QUICK)
    scan.intensity.values[1] = 7.0
    with pytest.warns(UserWarning, match="constant within the valid pixels"):
        fine = scan.xrfsr.superresolve(photo, model=model, **CHEAP)
    assert (fine.intensity.sel(line="Fe-Ka") == 7).all()
    assert (fine.guided_share > 0).values.tolist() == [True, False, True]
    assert np.isnan(fine.photo_gain.values[1])


def test_auto_is_the_best_device_there_is() -> None:
    present = resolve_device("auto").type
    if torch.cuda.is_available():
        assert present == "cuda"
    elif torch.backends.mps.is_available():
        assert present == "mps"
    else:
        assert present == "cpu"
    assert resolve_device() == resolve_device("auto")
    assert resolve_device("cpu") == torch.device("cpu")


def test_auto_is_the_default(scan: xr.Dataset, photo: xr.DataArray) -> None:
    quick = {name: value for name, value in QUICK.items() if name != "device"}
    fine = scan.xrfsr.superresolve(photo, **quick)
    assert fine.attrs["xrfsr_device"] == resolve_device("auto").type
    assert_same(scan.xrfsr.superresolve(photo, device="auto", **quick), fine)


@pytest.mark.parametrize("device", ["gpu", "", "cpu:7", "meta", None, 3])
def test_unknown_devices_are_refused(scan: xr.Dataset, photo: xr.DataArray, device: Any) -> None:
    with pytest.raises(InvalidInput, match=rf"{re.escape(repr(device))}.*accepted here are 'auto', 'cpu'"):
        scan.xrfsr.superresolve(photo, **{**QUICK, "device": device})


def test_device_names_are_written_in_two_modules_only() -> None:
    naming = [
        str(path.relative_to(PACKAGE))
        for path in sorted(PACKAGE.rglob("*.py"))
        if re.search(r"\b(cuda|mps)\b|[\"']cpu[\"']", path.read_text(encoding="utf-8"))
    ]
    assert naming == [str(Path("network", "precision.py")), str(Path("utils", "device.py"))]


def test_progress(scan: xr.Dataset, photo: xr.DataArray, capfd: pytest.CaptureFixture[str]) -> None:
    scan.xrfsr.superresolve(photo, **QUICK)
    scan.xrfsr.train(photo, **QUICK)
    assert capfd.readouterr() == ("", "")
    scan.xrfsr.superresolve(photo, **{**QUICK, "progress": True})
    out, err = capfd.readouterr()
    assert out == ""
    assert "training" in err
    assert "3" in err
    # Not in a log file, unless asked for.
    scan.xrfsr.superresolve(photo, **{**QUICK, "progress": None})
    assert capfd.readouterr() == ("", "")


def test_coordinates_beside_the_maps_come_along(scan: xr.Dataset, photo: xr.DataArray) -> None:
    scan = scan.assign_coords(
        depth=(("y", "x"), np.arange(192.0).reshape(12, 16), {"units": "um"}),
        row=("y", np.arange(12)),
        month=("x", np.array(["May"] * 16, dtype=object)),
    )
    fine = scan.xrfsr.superresolve(photo, **options("kriging"))
    xr.testing.assert_allclose(fine.depth, scan[["depth"]].drop_vars("month").xrfsr.resample(scale=4).depth)
    assert fine.depth.attrs == {"units": "um"}
    assert fine.row.values[[0, -1]].tolist() == [0, 11]
    assert "month" not in fine.coords


def test_the_record_is_that_of_this_run(scan: xr.Dataset, photo: xr.DataArray) -> None:
    for obj in (scan.assign_attrs(title="panel"), scan.intensity.assign_attrs(title="panel")):
        fine = obj.xrfsr.superresolve(photo, footprint="gaussian", fwhm=0.2, **QUICK)
        assert {"xrfsr_fwhm_mm", "xrfsr_weights", "xrfsr_seed"} <= fine.attrs.keys()
        with pytest.warns(UserWarning, match="is itself a result, of method 'unfolding'"):
            again = fine.xrfsr.resample(scale=1 / 4).xrfsr.superresolve(method="kriging")
        assert {name for name in again.attrs if name.startswith("xrfsr_")} == {
            "xrfsr_version", "xrfsr_method", "xrfsr_options", "xrfsr_scale", "xrfsr_footprint", "xrfsr_seed",
            "xrfsr_libraries", "xrfsr_scan_checksum", "xrfsr_durations_s",
        }  # fmt: skip
        assert again.attrs["title"] == "panel"
        assert "guided_share" in fine.coords
        assert "guided_share" not in again.coords


def test_a_result_is_a_scan_again(scan: xr.Dataset, photo: xr.DataArray) -> None:
    sparse = scan.copy(data={"intensity": np.random.default_rng(0).poisson(0.5, (3, 12, 16))})
    for scale in (2, 2.4, 3.3, 4):
        fine = sparse.xrfsr.superresolve(method="kriging", scale=scale)
        xr.testing.assert_identical(fine.xrfsr.validate(), fine)
        assert fine.intensity.min() >= 0
        assert gap(fine, sparse, scale) < 1e-5


def test_training_whatever_torch_is_set_to(scan: xr.Dataset, photo: xr.DataArray) -> None:
    fine = scan.xrfsr.superresolve(photo, **QUICK)
    for setting in (torch.no_grad, torch.inference_mode):
        with setting():
            assert_same(scan.xrfsr.superresolve(photo, **QUICK), fine)
    torch.set_default_dtype(torch.float64)
    try:
        # Adam then counts its steps in double precision.
        xr.testing.assert_allclose(scan.xrfsr.superresolve(photo, **QUICK), fine, rtol=1e-5)
    finally:
        torch.set_default_dtype(torch.float32)


def test_nothing_on_the_device_is_in_double_precision(
    scan: xr.Dataset, photo: xr.DataArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MPS has none. Tensors may become double once they are back on the CPU, which `cpu()` marks here."""
    home: set[int] = set()
    back, double, to = torch.Tensor.cpu, torch.Tensor.double, torch.Tensor.to

    def cpu(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        copy = back(tensor, *args, **kwargs).clone()
        home.add(id(copy))
        return copy

    def refuse(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        assert id(tensor) in home, "a tensor on the device became double"
        return double(tensor, *args, **kwargs)

    def checked_to(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        assert torch.float64 not in (*args, *kwargs.values())
        return to(tensor, *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, "cpu", cpu)
    monkeypatch.setattr(torch.Tensor, "double", refuse)
    monkeypatch.setattr(torch.Tensor, "to", checked_to)
    scan.xrfsr.superresolve(photo, **QUICK)
    assert home


def test_maps_of_more_pixels_than_pass_the_network_at_once() -> None:
    """Every block of a large painting is predicted as it would be alone."""
    from xrfsr.network import model as saved

    _, scan, rgb = xrfsr.simulate.painting(160, 192, lines=["Fe-K", "Pb-L"])
    assert saved.BLOCK < 160 * 192
    model = scan.xrfsr.train(rgb, steps=30, pixels=1024, along_photo=False, progress=False, device="cpu")
    U = scan.xrfsr.downsampling(4)
    maps, photo = scan.intensity.values, rgb.values
    found = model.predict(maps, photo, U, "cpu")
    original, saved.BLOCK = saved.BLOCK, 10**9
    try:
        whole = model.predict(maps, photo, U, "cpu")
    finally:
        saved.BLOCK = original
    np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-4 * maps.max())
