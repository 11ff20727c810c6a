"""One variable or one array for each line, single maps, and dimensions with other names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from quick import assert_same

import xrfsr
from xrfsr.errors import InvalidInput

LABELS = ["Ca-K", "Pb-La", "Compton"]
NAMING = ".assign_coords(line=['Ca-K', ...])"


@pytest.fixture
def scan() -> xr.Dataset:
    maps = np.random.default_rng(0).poisson(20, (3, 12, 10))
    valid = np.random.default_rng(1).random((12, 10)) > 0.1
    return xrfsr.as_scan(maps, LABELS, 0.5, uncertainty=np.sqrt(maps + 1), valid=valid)


@pytest.fixture
def apart(scan: xr.Dataset) -> xr.Dataset:
    made: xr.Dataset = scan.xrfsr.to_dataset()
    return made


def test_a_variable_for_each_line_and_back(scan: xr.Dataset, apart: xr.Dataset) -> None:
    assert list(apart.data_vars) == ["Ca-K", "s(Ca-K)", "Pb-La", "s(Pb-La)", "Compton", "s(Compton)"]
    assert set(apart.coords) == {"y", "x", "valid"}
    assert apart["Pb-La"].attrs["units"] == apart["s(Pb-La)"].attrs["units"] == "count"
    assert apart["Pb-La"].attrs["element"] == "Pb"
    assert apart["Pb-La"].attrs["energy"] == pytest.approx(10.5, abs=0.1)
    np.testing.assert_array_equal(apart["Ca-K"], scan.intensity[0])
    xr.testing.assert_identical(apart.xrfsr.validate(), scan)
    lazy = scan.chunk(line=1).xrfsr.to_dataset()
    assert lazy["Ca-K"].chunks
    xr.testing.assert_identical(lazy.compute(), apart)
    alone = scan.intensity.xrfsr.to_dataset()
    assert list(alone.data_vars) == LABELS


def test_what_a_result_says_of_its_lines_stays(scan: xr.Dataset) -> None:
    fine = scan.assign_coords(photo_gain=("line", np.float32([1.5, np.nan, 0])), guided_share=("line", [1, 0, 0.5]))
    apart = fine.xrfsr.to_dataset()
    assert apart["Ca-K"].attrs["photo_gain"] == 1.5
    assert "photo_gain" not in apart["Pb-La"].attrs
    xr.testing.assert_equal(apart.xrfsr.validate(), fine)
    with pytest.warns(UserWarning, match="variables along 'line' that are no maps are left out: cube"):
        scan.assign(cube=(("line", "energy_bin"), np.ones((3, 2)))).xrfsr.to_dataset()


USES: dict[str, Any] = {
    "lines": lambda scan: [line.label for line in scan.xrfsr.lines],
    "grid": lambda scan: scan.xrfsr.grid,
    "ratio": lambda scan: scan.xrfsr.ratio("Ca", "Pb"),
    "superresolve": lambda scan: scan.xrfsr.superresolve(scale=2, method="kriging"),
    "compare": lambda scan: scan.xrfsr.compare(scale=1.25, methods=["bilinear"], progress=False).pooled,
    "tree": lambda scan: xr.DataTree.from_dict({"a": scan}).xrfsr.superresolve(scale=2, method="bilinear")["a"],
}


@pytest.mark.parametrize("use", USES)
def test_every_method_takes_either_form(scan: xr.Dataset, apart: xr.Dataset, use: str) -> None:
    expected, made = map(USES[use], (scan, apart))
    if isinstance(made, xr.DataTree):
        expected, made = expected.to_dataset(), made.to_dataset()
    if isinstance(expected, xr.Dataset | xr.DataArray):
        assert_same(made, expected)
    else:
        assert made == expected


KEEPS: dict[str, Any] = {
    "bin": lambda scan: scan.xrfsr.bin(2),
    "sum": lambda scan: scan.xrfsr.bin(2, how="sum"),
    "resample": lambda scan: scan.xrfsr.resample(scale=0.5),
    "finer": lambda scan: scan.xrfsr.resample(scale=1.5),
    "crop": lambda scan: scan.xrfsr.crop(x=(1, 4)),
    "rotate": lambda scan: scan.xrfsr.rotate(90),
    "flip": lambda scan: scan.xrfsr.flip("x"),
    "outliers": lambda scan: scan.xrfsr.mask_outliers(threshold=3),
    "dead rows": lambda scan: scan.xrfsr.mask_dead_rows(),
    "rows": lambda scan: scan.xrfsr.shift_rows(0.25),
    "dwell": lambda scan: scan.xrfsr.normalise(dwell=0.1),
    "stitch": lambda scan: scan.isel(x=slice(6)).xrfsr.stitch(scan.isel(x=slice(4, 10))),
}


@pytest.mark.parametrize("use", KEEPS)
def test_corrections_keep_the_form(scan: xr.Dataset, apart: xr.Dataset, use: str) -> None:
    """One variable for each line, the intensity alone, and one map of either stay what they are."""
    method, expected = KEEPS[use], KEEPS[use](scan)
    xr.testing.assert_identical(method(apart).xrfsr.validate(), expected.xrfsr.validate())
    assert list(method(apart).data_vars) == list(apart.data_vars)
    renamed = (
        apart.rename({"Pb-La": "Pb_La", "s(Pb-La)": "s(Pb La)"}).drop_vars("s(Ca-K)").assign(depth=apart.valid + 1)
    )
    renamed["Pb_La"].attrs["comment"] = "seen twice"
    made = method(renamed)
    assert {"Ca-K", "Pb_La", "s(Pb La)", "Compton", "s(Compton)"} <= set(made.data_vars) <= set(renamed.data_vars)
    assert made["Pb_La"].attrs["comment"] == "seen twice"
    for lazy in (method(apart.chunk(y=5)), method(scan.chunk(line=1))):
        assert use not in ("dwell", "bin", "rotate") or all(each.chunks for each in lazy.data_vars.values())
    array = method(scan.intensity.rename("maps"))
    assert isinstance(array, xr.DataArray)
    assert array.name == "maps"
    if use != "stitch":  # of maps without uncertainty, whose mean has other weights
        np.testing.assert_array_equal(array, expected.intensity)
    one = method(scan.sel(line="Pb-La"))
    assert one.intensity.dims == ("y", "x")
    assert one["line"].item() == "Pb-La"


def test_a_selection_keeps_the_form(scan: xr.Dataset, apart: xr.Dataset) -> None:
    for wanted in ({"element": "Pb"}, {"line": ["Pb", "Ca"]}, {"kind": "element"}):
        made = apart.xrfsr.sel(**wanted)
        expected = scan.xrfsr.sel(**wanted)
        if not expected["line"].ndim:
            expected = expected.expand_dims("line")
        assert set(made.data_vars) == {f(label) for label in expected.line.values for f in (str, "s({})".format)}
        np.testing.assert_array_equal(
            made.xrfsr.validate().intensity.sel(line=expected.line.values), expected.intensity
        )


def test_stores_of_either_form_open(scan: xr.Dataset, apart: xr.Dataset, tmp_path: Path) -> None:
    apart.xrfsr.to_zarr(tmp_path / "apart.zarr")
    with xrfsr.open_scan(tmp_path / "apart.zarr") as made:
        xr.testing.assert_equal(made.sel(line=LABELS), scan)
    assert sorted(made.line.values.tolist()) == made.line.values.tolist()


def test_variables_of_other_programs(scan: xr.Dataset) -> None:
    axes = {"row": ("row", scan.y.values, {"units": "mm"}), "col": ("col", scan.x.values * 1000, {"units": "um"})}
    units = {"units": "counts"}
    maps = {name: (("row", "col"), scan.intensity[i].values, units) for i, name in enumerate(("Ca_Ka", "Pb L"))}
    foreign = xr.Dataset({**maps, "depth": (("row", "col"), np.ones((12, 10)))}, axes)
    with pytest.raises(
        InvalidInput, match=r"got \('row', 'col'\); rename them: \.rename\(row='y', col='x'\)"
    ) as caught:
        foreign.xrfsr.validate()
    assert len(caught.value.faults) == 1
    made = foreign.rename(row="y", col="x").xrfsr.validate()
    assert made.line.values.tolist() == ["Ca-Ka", "Pb-L"]
    assert made.depth.dims == ("y", "x")
    np.testing.assert_array_equal(made.intensity, scan.intensity[:2])
    xr.testing.assert_allclose(made.x, scan.x)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda ds: ds.assign({"Ca-K": ds["Ca-K"].assign_attrs(units="count/s")}),
            "must have one unit, got Ca-K in",
        ),
        (lambda ds: ds.assign({"Ca-K": ds["Ca-K"].drop_attrs()}), "maps have no units: Ca-K; set ds['Ca-K'].attrs"),
        (lambda ds: ds.assign({"Ca_K": ds["Ca-K"]}), "maps of a line must be there once, got also Ca-K"),
        (lambda ds: ds.drop_vars("Pb-La"), "uncertainties without their maps: s(Pb-La); leave them out"),
    ],
)
def test_variables_that_do_not_go_together(apart: xr.Dataset, change: Any, text: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(text)):
        change(apart).xrfsr.validate()


def test_a_map_without_uncertainty_has_gaps(scan: xr.Dataset, apart: xr.Dataset) -> None:
    made = apart.drop_vars("s(Pb-La)").xrfsr.validate()
    assert made.uncertainty.isnull().all(("y", "x")).values.tolist() == [False, True, False]
    xr.testing.assert_identical(made.intensity, scan.intensity)


def test_arrays_by_label(scan: xr.Dataset) -> None:
    maps, sigma = scan.intensity.values, scan.uncertainty.values
    by_label = dict(zip(("Ca_K", "Pb La", "Compton"), maps, strict=True))
    valid = scan.valid.values
    errors = dict(zip(LABELS, sigma, strict=True))
    xr.testing.assert_identical(xrfsr.as_scan(by_label, pixel_size=0.5, uncertainty=errors, valid=valid), scan)
    named = by_label | {f"s({name})": values for name, values in errors.items()}
    xr.testing.assert_identical(xrfsr.as_scan(named, pixel_size=0.5, valid=valid), scan)
    xr.testing.assert_identical(xrfsr.as_scan(scan.xrfsr.to_dataset(), pixel_size=0.5, valid=valid), scan)
    xr.testing.assert_identical(xrfsr.as_scan(scan.intensity, pixel_size=0.5, uncertainty=sigma, valid=valid), scan)
    other = xrfsr.as_scan({"a": maps[0], "b": maps[1]}, ["Fe-K", "S-K"], 0.5)
    assert other.line.values.tolist() == ["Fe-K", "S-K"]
    lazy = xrfsr.as_scan({"Ca-K": scan.chunk(y=5).intensity[0], "Pb-La": maps[1]}, pixel_size=0.5)
    assert lazy.intensity.chunks
    mixed = xrfsr.as_scan({"Ca-K": np.ma.masked_less(maps[0], 15), "Pb-La": maps[1].astype("u2")}, pixel_size=0.5)
    assert mixed.intensity.isnull().any(("y", "x")).values.tolist() == [True, False]


@pytest.mark.parametrize(
    ("maps", "options", "text"),
    [
        (
            {"Ca-K": np.ones((4, 5)), "Pb-L": np.ones((4, 6))},
            {},
            "the same shape (y, x), got Ca-K (4, 5)",
        ),
        ({"Ca-K": np.ones(4)}, {}, "the map 'Ca-K' must be an array (y, x) of numbers"),
        ({"Ca-K": [["a"]]}, {}, "the map 'Ca-K' must be an array (y, x) of numbers"),
        ({}, {}, "'maps' must have at least one map"),
        ({"Caesar": np.ones((4, 5))}, {}, "Caesar"),
        (
            {"Ca-K": np.ones((4, 5))},
            {"uncertainty": {"Fe-K": np.ones((4, 5))}},
            "uncertainties without their maps: Fe-K",
        ),
        (np.ones((1, 4, 5)), {}, "lines are missing; name the maps: lines=['Ca-K', ...]"),
        (np.ones((1, 4, 5)), {"uncertainty": {"Ca-K": 1}, "lines": ["Ca-K"]}, "pass both by label, or none"),
    ],
)
def test_arrays_that_do_not_go_together(maps: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(text)):
        xrfsr.as_scan(maps, pixel_size=1, **options)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.as_scan({"Ca-K": np.ones(4)}, pixel_size="1 s", units="nonsense")
    for text in ("the map 'Ca-K'", "1 s", "nonsense"):
        assert text in str(caught.value)


def test_a_map_selected_by_one_label_is_a_scan(scan: xr.Dataset, tmp_path: Path) -> None:
    scan = scan.assign_coords(photo_gain=("line", [1.0, 2.0, 3.0]))
    one, kept = scan.sel(line="Pb-La"), scan.sel(line=["Pb-La"])
    xr.testing.assert_identical(one.xrfsr.validate(), kept)
    xr.testing.assert_identical(one.intensity.xrfsr.validate(), kept.intensity)
    made, expected = (each.xrfsr.superresolve(scale=2, method="kriging") for each in (one, kept))
    assert_same(made, expected)
    one.drop_vars(["valid", "uncertainty", "photo_gain"]).xrfsr.to_tiffs(tmp_path / "tiffs")
    assert [path.name for path in (tmp_path / "tiffs").glob("*.tif")] == ["Pb-La.tif"]
    flat = xrfsr.as_scan(scan.intensity[1].values, "Pb-La", 0.5, uncertainty=scan.uncertainty[1].values)
    xr.testing.assert_identical(flat, kept.drop_vars(["valid", "photo_gain"]).xrfsr.validate())


@pytest.mark.parametrize(
    ("names", "lines", "fix"),
    [
        (("channel", "row", "col"), True, ".rename(channel='line', row='y', col='x')"),
        (
            ("channel", "row", "col"),
            False,
            ".rename(channel='line', row='y', col='x')" + NAMING,
        ),
        (("element", "height", "width"), True, ".rename(element='line', height='y', width='x')"),
        (("Line", "Y", "X"), True, ".rename(Line='line', Y='y', X='x')"),
        (("channel", "y", "x"), True, ".rename(channel='line')"),
        (("line", "rows", "columns"), True, ".rename(rows='y', columns='x')"),
    ],
)
def test_other_names_get_one_sentence(scan: xr.Dataset, names: tuple[str, ...], lines: bool, fix: str) -> None:
    foreign = scan.drop_vars(["element", "family", "kind", "energy", *([] if lines else ["line"])])
    foreign = foreign.rename({old: new for old, new in zip(("line", "y", "x"), names, strict=True) if old != new})
    for obj in (foreign, foreign.intensity):
        with pytest.raises(InvalidInput) as caught:
            obj.xrfsr.validate()
        (fault,) = caught.value.faults
        assert fault.endswith(f"rename them: {fix}")
    renamed = {new: old for old, new in zip(("line", "y", "x"), names, strict=True) if old != new}
    if lines:
        xr.testing.assert_identical(foreign.rename(renamed).xrfsr.validate(), scan)
    if names[1] not in ("y", "Y"):
        with pytest.raises(InvalidInput, match=re.escape(f".rename({names[1]}='y', {names[2]}='x')")) as caught:
            foreign.xrfsr.resample(scale=2)
        assert len(caught.value.faults) == 1
