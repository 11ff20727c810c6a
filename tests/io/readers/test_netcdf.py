"""netCDF that xarray wrote: classic and version 4, packed numbers, trees, and files of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.io import netcdf_file
from written import ERRORS, HEIGHT, LABELS, MAPS, WIDTH, netcdf, netcdf4

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.readers.netcdf_classic import read_classic

VALID = np.eye(HEIGHT, WIDTH) == 0


def scan(**options: Any) -> xr.Dataset:
    return xrfsr.as_scan(MAPS, LABELS, ("250 um", "1 mm"), **{"uncertainty": ERRORS, **options})


@pytest.mark.parametrize("kind", ["NETCDF3_CLASSIC", "NETCDF3_64BIT"])
def test_a_scan_that_xarray_wrote_and_read_again(tmp_path: Path, kind: str) -> None:
    before = scan(valid=VALID, units="count/s").assign_attrs(source="portrait", number=3, factor=0.5)
    before.to_netcdf(tmp_path / "scan.nc", engine="scipy", format=kind)
    after = xrfsr.open_scan(tmp_path / "scan.nc").load()
    xr.testing.assert_allclose(after, before)
    assert {"number": 3, "factor": 0.5}.items() <= after.attrs.items()
    assert after["intensity"].attrs["units"] == "count/s"


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_version_4_by_other_libraries(tmp_path: Path, engine: str) -> None:
    pytest.importorskip({"netcdf4": "netCDF4"}.get(engine, engine))
    before = scan(valid=VALID)
    before.to_netcdf(tmp_path / "scan.nc", engine=engine, encoding={"intensity": {"zlib": True}})  # type: ignore[call-overload]
    xr.testing.assert_allclose(xrfsr.open_scan(tmp_path / "scan.nc").load(), before)
    xr.DataTree.from_dict({"a": before, "b/c": before * 2}).to_netcdf(tmp_path / "tree.nc", engine=engine)  # type: ignore[arg-type]
    np.testing.assert_array_equal(xrfsr.open_scan(tmp_path / "tree.nc", group="b/c")["intensity"], 2 * MAPS)
    before.transpose("y", "x", "line").to_netcdf(tmp_path / "turned.nc", engine=engine)  # type: ignore[call-overload]
    with pytest.raises(InvalidInput, match=r"has the dimensions \('y', 'x', 'line'\) without a label"):
        xrfsr.open_scan(tmp_path / "turned.nc")


@pytest.mark.parametrize(("suffix", "write"), [(".cdf", netcdf), ("", netcdf), (".h5", netcdf4), ("", netcdf4)])
def test_any_suffix(tmp_path: Path, suffix: str, write: Any) -> None:
    path = write(tmp_path).rename(tmp_path / f"renamed{suffix}")
    np.testing.assert_array_equal(xrfsr.open_scan(path)["intensity"], MAPS)


def test_packed_numbers_and_missing_values(tmp_path: Path) -> None:
    maps = np.where(VALID, MAPS, np.nan)
    packing = {"dtype": "int16", "scale_factor": 0.5, "add_offset": 10.0, "_FillValue": -9999}
    scan(valid=VALID).assign(intensity=scan()["intensity"].copy(data=maps)).to_netcdf(
        tmp_path / "scan.nc", engine="scipy", encoding={"intensity": packing}
    )
    found = xrfsr.open_scan(tmp_path / "scan.nc")
    np.testing.assert_array_equal(found["intensity"], maps)
    np.testing.assert_array_equal(found["intensity"][1, ::-2, 3:], maps[1, ::-2, 3:])


@pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
def test_unsigned_numbers_that_are_stored_with_a_sign(tmp_path: Path, engine: str) -> None:
    stored = 3 * np.arange(3 * HEIGHT * WIDTH).reshape(3, HEIGHT, WIDTH) % 256  # some are 255
    dataset = xr.Dataset({"intensity": (("line", "y", "x"), stored.astype("i1"))}, {"line": LABELS})
    dataset["intensity"].attrs = {"_Unsigned": "true", "_FillValue": np.int8(-1), "scale_factor": 0.5}
    dataset.to_netcdf(tmp_path / "scan.nc", engine=engine)  # type: ignore[call-overload]
    expected = np.where(stored == 255, np.nan, stored * 0.5)
    np.testing.assert_array_equal(xrfsr.open_scan(tmp_path / "scan.nc", 1.0)["intensity"], expected)


def test_labels_of_one_letter_and_an_unlimited_dimension(tmp_path: Path) -> None:
    for name, length in (("fixed.nc", 3), ("unlimited.nc", None)):
        with netcdf_file(tmp_path / name, "w") as file:
            for dimension, size in (("line", length), ("y", HEIGHT), ("x", WIDTH)):
                file.createDimension(dimension, size)
            file.createVariable("line", "S1", ("line",))[:3] = np.array([b"K", b"S", b"P"])
            file.createVariable("intensity", "f4", ("line", "y", "x"))[:3] = MAPS
    found = xrfsr.open_scan(tmp_path / "fixed.nc", 1.0)
    assert found["line"].values.tolist() == ["K-K", "S-K", "P-K"]
    np.testing.assert_array_equal(found["intensity"], MAPS)
    with pytest.raises(InvalidInput, match="no values along an unlimited dimension of intensity can be read"):
        xrfsr.open_scan(tmp_path / "unlimited.nc", 1.0)


def test_labels_as_letters_and_of_absurd_length(tmp_path: Path) -> None:
    path = netcdf4(tmp_path)
    letters = np.array([list(label.ljust(6)) for label in LABELS], "S1")
    for values in (letters, np.array(LABELS, "S6")[:, None], np.array(LABELS, object)[:, None]):
        with h5py.File(path, "a") as file:
            del file["line"]
            file["line"] = values
        assert xrfsr.open_scan(path)["line"].values.tolist() == LABELS
    with h5py.File(path, "a") as file:
        del file["line"]
        file.create_dataset("line", (3, 1 << 40), "S1", chunks=(3, 64))
    with pytest.raises(InvalidInput, match=r"'/line' .* too many for an axis"):
        xrfsr.open_scan(path)


def test_a_tree_of_scans(tmp_path: Path) -> None:
    with h5py.File(netcdf4(tmp_path)) as one, h5py.File(tmp_path / "tree.nc", "w") as file:
        for name in ("left/scan", "right"):
            group = file.create_group(name)
            for key in one:
                one.copy(key, group)
        file["right/intensity"][...] *= 2
    with pytest.raises(InvalidInput, match=r"contains 2 scans; choose one: group='/right', group='/left/scan'"):
        xrfsr.open_scan(tmp_path / "tree.nc")
    np.testing.assert_array_equal(xrfsr.open_scan(tmp_path / "tree.nc", group="right")["intensity"], 2 * MAPS)
    tree = xr.open_datatree(tmp_path / "tree.nc", engine="xrfsr")
    np.testing.assert_array_equal(tree["left/scan/intensity"], MAPS)
    with pytest.raises(InvalidInput, match=r"group='middle' does not exist in .*choose one of group='/right'"):
        xrfsr.open_scan(tmp_path / "tree.nc", group="middle")


def test_other_names_of_dimensions_and_of_the_maps(tmp_path: Path) -> None:
    maps = xr.DataArray(MAPS, dims=("element", "row", "col"), coords={"element": LABELS}, name="maps")
    maps.to_netcdf(tmp_path / "maps.nc", engine="scipy")
    found = xrfsr.open_scan(tmp_path / "maps.nc", 0.5)
    assert found["line"].values.tolist() == LABELS
    np.testing.assert_array_equal(found["intensity"], MAPS)
    with pytest.raises(InvalidInput, match="pixel_size is missing"):
        xrfsr.open_scan(tmp_path / "maps.nc")


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (xr.Dataset({"t": ("time", np.arange(3.0))}), r"has no variable 'intensity' \(line, y, x\), but t \('time',\)"),
        (xr.Dataset({"a": (("z", "y", "x"), MAPS), "b": (("z", "y", "x"), MAPS)}), "has no variable 'intensity'"),
        (
            xr.Dataset({"a": (("z", "y", "x"), MAPS)}),
            r"has the dimensions \('z', 'y', 'x'\) without a label for each map",
        ),
        (scan().transpose("y", "x", "line"), r"has the dimensions \('y', 'x', 'line'\) without a label"),
    ],
)
def test_files_without_maps(tmp_path: Path, dataset: xr.Dataset, message: str) -> None:
    dataset.to_netcdf(tmp_path / "other.nc", engine="scipy")
    with pytest.raises(InvalidInput, match=message):
        xrfsr.open_scan(tmp_path / "other.nc", 1.0)


def test_truncated_and_damaged_headers(tmp_path: Path) -> None:
    path = netcdf(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(InvalidInput, match=r"end beyond the .* bytes of the file: it is truncated"):
        xrfsr.open_scan(path)
    for length in (4, 8, 30, 200):
        path.write_bytes(whole[:length])
        with pytest.raises(InvalidInput, match="has a header of netCDF that cannot be read"):
            xrfsr.open_scan(path)
    path.write_bytes(whole[:8] + b"\x7f\xff\xff\xff" + whole[12:])
    with pytest.raises(InvalidInput, match="has a header of netCDF that cannot be read"):
        xrfsr.open_scan(path)


def test_an_irregular_axis(tmp_path: Path) -> None:
    path = netcdf4(tmp_path)
    with h5py.File(path, "a") as file:
        file["x"][3] += 0.1
    with pytest.raises(InvalidInput, match="'x' is irregular"):
        xrfsr.open_scan(path)


def test_the_header_of_a_file_with_every_number_type(tmp_path: Path) -> None:
    types = ("i1", "i2", "i4", "f4", "f8")
    dataset = xr.Dataset(
        {each: ("n", np.arange(3).astype(each), {"note": "x" * number}) for number, each in enumerate(types)}
    )
    dataset.assign_attrs(text="äöü", numbers=[1, 2, 3]).to_netcdf(tmp_path / "types.nc", engine="scipy")
    found, attrs = read_classic(tmp_path / "types.nc")
    for each in types:
        values = np.fromfile(tmp_path / "types.nc", found[each].dtype, 3, offset=found[each].offset)
        assert values.tolist() == [0, 1, 2]
    assert attrs["text"] == "äöü"
    assert attrs["numbers"].tolist() == [1, 2, 3]
