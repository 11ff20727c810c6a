"""netCDF and zarr with one variable (y, x) for each line, as `to_dataset` makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

import xrfsr
from xrfsr.errors import InvalidInput

LABELS = ["Pb-La", "Ca-K", "Compton"]
ENGINES = [("scipy", "NETCDF3_64BIT"), ("h5netcdf", "NETCDF4"), ("netcdf4", "NETCDF4")]


@pytest.fixture
def scan() -> xr.Dataset:
    maps = np.random.default_rng(0).poisson(20, (3, 8, 10))
    valid = np.random.default_rng(1).random((8, 10)) > 0.1
    made = xrfsr.as_scan(maps, LABELS, ("250 um", "1 mm"), uncertainty=np.sqrt(maps + 1), valid=valid)
    return made.assign_coords(photo_gain=("line", np.float32([1.5, np.nan, 0]))).assign_attrs(number=3, text="a panel")


def written(ds: xr.Dataset, path: Path, engine: str, kind: str = "NETCDF4", **options: Any) -> Path:
    pytest.importorskip({"netcdf4": "netCDF4"}.get(engine, engine))
    ds.to_netcdf(path, engine=engine, format=kind, **options)  # type: ignore[call-overload]
    return path


@pytest.mark.parametrize(("engine", "kind"), ENGINES)
@pytest.mark.parametrize("uncertain", [True, False])
def test_netcdf_opens_to_the_same_scan(
    scan: xr.Dataset, tmp_path: Path, engine: str, kind: str, uncertain: bool
) -> None:
    before = scan if uncertain else scan.drop_vars(["uncertainty", "valid", "photo_gain"])
    path = written(before.xrfsr.to_dataset(), tmp_path / "maps.nc", engine, kind)
    after = xrfsr.open_scan(path)
    assert not after["intensity"].variable._in_memory
    xr.testing.assert_equal(after.load(), before)
    assert after["intensity"].attrs["units"] == "count"
    assert {"number": 3, "text": "a panel"}.items() <= after.attrs.items()
    chunked = xrfsr.open_scan(path, chunks={})
    assert chunked["intensity"].chunks
    xr.testing.assert_equal(chunked.compute(), before)
    window = xrfsr.open_scan(path)["intensity"][1, ::-2, 3:]
    np.testing.assert_array_equal(window, before["intensity"][1, ::-2, 3:])


def test_zarr_opens_to_the_same_scan(scan: xr.Dataset, tmp_path: Path) -> None:
    apart = scan.xrfsr.to_dataset()
    apart.to_zarr(tmp_path / "plain.zarr", zarr_format=3, consolidated=False)
    apart.xrfsr.to_zarr(tmp_path / "own.zarr")
    for name in ("plain.zarr", "own.zarr"):
        with xrfsr.open_scan(tmp_path / name) as after:
            xr.testing.assert_equal(after.load(), scan.sel(line=after["line"].values))
            assert set(after["line"].values) == set(LABELS)


def test_a_result_of_superresolve_opens_again(scan: xr.Dataset, tmp_path: Path) -> None:
    fine = scan.drop_vars("photo_gain").xrfsr.superresolve(scale=2, method="kriging")
    path = written(fine.xrfsr.to_dataset(), tmp_path / "maps.nc", "h5netcdf")
    with xrfsr.open_scan(path) as after:
        xr.testing.assert_equal(after.load(), fine)


def test_the_options_are_those_of_other_files(scan: xr.Dataset, tmp_path: Path) -> None:
    path = written(scan.xrfsr.to_dataset(), tmp_path / "maps.nc", "h5netcdf")
    assert xrfsr.open_scan(path, lines=["Ca", "Pb"])["line"].values.tolist() == ["Ca-K", "Pb-La"]
    named = xrfsr.open_scan(path, lines={"Compton": "Fe-K", "Ca-K": "K-K"})
    assert named["line"].values.tolist() == ["Fe-K", "K-K"]
    np.testing.assert_array_equal(named["uncertainty"], scan["uncertainty"][[2, 1]])
    with pytest.warns(UserWarning, match="replaces the"):
        assert xrfsr.open_scan(path, pixel_size=2)["x"].values[0] == 1
    assert xrfsr.open_scan(path, units="count/s")["intensity"].attrs["units"] == "count/s"
    with pytest.raises(InvalidInput, match="Fe-K"):
        xrfsr.open_scan(path, lines=["Fe-K"])
    with pytest.raises(InvalidInput, match="index=0 is not supported"):
        xrfsr.open_scan(path, index=0)
    with pytest.raises(InvalidInput, match="group='a' does not exist"):
        xrfsr.open_scan(path, group="a")


@pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
def test_groups_packing_spellings_and_sides(scan: xr.Dataset, tmp_path: Path, engine: str) -> None:
    kind = dict(ENGINES[:2])[engine]
    maps = scan["intensity"].values.astype(float)
    maps[0, 2, 3] = np.nan
    axes = {"y": ("y", scan["y"].values, {"units": "mm"}), "x": ("x", scan["x"].values * 1000, {"units": "um"})}
    units = {"units": "counts"}
    variables = {"Pb La": (("x", "y"), maps[0].T, units), "Ca_K": (("y", "x"), maps[1], units)}
    odd = xr.Dataset({**variables, "depth": (("y", "x"), np.ones((8, 10)))}, axes)
    packing = {"Pb La": {"dtype": "int16", "scale_factor": 0.5, "add_offset": 10.0, "_FillValue": -9999}}
    after = xrfsr.open_scan(written(odd, tmp_path / "odd.nc", engine, kind, encoding=packing))
    assert after["line"].values.tolist() == ["Pb-La", "Ca-K"]
    np.testing.assert_array_equal(after["intensity"], maps[:2])
    np.testing.assert_allclose(after["x"], scan["x"])
    if engine == "h5netcdf":
        with h5py.File(tmp_path / "odd.nc", "a") as file:  # netCDF4 writes no numbers of dimensions, only references
            for name in file:
                file[name].attrs.pop("_Netcdf4Coordinates", None)
        np.testing.assert_array_equal(xrfsr.open_scan(tmp_path / "odd.nc")["intensity"], maps[:2])
        path = written(odd, tmp_path / "group.nc", engine, group="a/b")
        np.testing.assert_array_equal(xrfsr.open_scan(path, group="a/b")["intensity"], maps[:2])
        np.testing.assert_array_equal(xrfsr.open_scan(path)["intensity"], maps[:2])
        odd.isel(y=slice(4)).to_netcdf(path, "a", group="c", engine=engine)
        assert xrfsr.open_scan(path, group="c").sizes["y"] == 4
        with pytest.raises(InvalidInput, match="contains 2 scans; choose one: group='/c', group='/a/b'"):
            xrfsr.open_scan(path)


def faulty(scan: xr.Dataset) -> dict[str, tuple[xr.Dataset, str]]:
    apart = scan.xrfsr.to_dataset()
    other = apart.assign({"Ca-K": apart["Ca-K"].assign_attrs(units="count/s")})
    small = apart.isel(y=slice(4), drop=True).rename(y="rows").drop_vars(["rows", "valid"])
    return {
        "units": (other, "maps must have one unit, got Pb-La in count, Ca-K in count/s"),
        "twice": (apart.assign({"Ca_K": apart["Ca-K"]}), "are the same line, Ca-K"),
        "alone": (apart.drop_vars("Ca-K"), r"uncertainties without their maps: s\(Ca-K\)"),
        "shapes": (
            apart.drop_vars("Ca-K").assign({"Ca-K": small["Ca-K"]}),
            r"one shape, got .*Ca-K \(4, 10\)",
        ),
        "nothing": (xr.Dataset({"depth": (("y", "x"), np.ones((3, 4)))}), "depth"),
    }


@pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
@pytest.mark.parametrize("case", ["units", "twice", "alone", "shapes", "nothing"])
def test_what_does_not_go_together_is_named(scan: xr.Dataset, tmp_path: Path, engine: str, case: str) -> None:
    ds, message = faulty(scan)[case]
    path = written(ds, tmp_path / "maps.nc", engine, dict(ENGINES[:2])[engine])
    with pytest.raises(InvalidInput, match=message):
        xrfsr.open_scan(path)


def test_plain_hdf5_and_links_are_no_netcdf(scan: xr.Dataset, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["Ca-K"] = np.ones((3, 4))
    with pytest.raises(InvalidInput, match="contains no element maps in the layout"):
        xrfsr.open_scan(tmp_path / "plain.h5", 1.0)
    path = written(scan.xrfsr.to_dataset(), tmp_path / "maps.nc", "h5netcdf")
    (tmp_path / "else").mkdir()
    path.rename(tmp_path / "else" / "maps.nc")
    with h5py.File(tmp_path / "linked.nc", "w") as file:
        file.attrs["_NCProperties"] = "version=2"
        file["Ca-K"] = h5py.ExternalLink("else/maps.nc", "Ca-K")
    with pytest.raises(InvalidInput):
        xrfsr.open_scan(tmp_path / "linked.nc", 1.0)


def test_truncated_files_are_refused(scan: xr.Dataset, tmp_path: Path) -> None:
    for engine, kind in ENGINES[:2]:
        path = written(scan.xrfsr.to_dataset(), tmp_path / f"{engine}.nc", engine, kind)
        content = path.read_bytes()
        for size in (3, 40, len(content) // 2, len(content) - 200):
            path.write_bytes(content[:size])
            with pytest.raises(InvalidInput):
                xrfsr.open_scan(path, 1.0).load()
