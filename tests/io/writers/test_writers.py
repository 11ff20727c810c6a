"""GeoTIFF, folders of TIFF files, HDF5 of PyMca and HyperSpy signals are read back unchanged, here and elsewhere."""

from __future__ import annotations

import resource
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import dask.array
import h5py
import numpy as np
import pytest
import rasterio
import tifffile
import xarray as xr
from counting import spent
from hypothesis import given, settings
from hypothesis import strategies as st

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.common import iter_strips
from xrfsr.io.writers.geotiff import to_geotiff
from xrfsr.io.writers.imagej import to_imagej
from xrfsr.io.writers.pymca import to_pymca
from xrfsr.io.writers.tiffs import to_tiffs

# Scans without a mask, which GeoTIFF cannot store; masks are tested separately.
Writer = Callable[..., None]
UPRIGHT = {"imagej"}  # written from the top left, without a place for the order of the axes
WRITERS: dict[str, tuple[Writer, str]] = {
    "geotiff": (to_geotiff, "maps.tif"),
    "tiffs": (to_tiffs, "maps"),
    "imagej": (to_imagej, "stack.tif"),
    "pymca": (to_pymca, "maps.h5"),
}


@st.composite
def scans(draw: st.DrawFn) -> xr.Dataset:
    lines = draw(
        st.lists(
            st.sampled_from(["Ca-K", "Fe-Ka", "Pb-L", "Hg-L3", "W-L1", "compton"]), min_size=1, unique=True
        ).filter(
            lambda names: names != ["compton"]  # of which opening warns
        )
    )
    shape = len(lines), draw(st.integers(2, 9)), draw(st.integers(2, 9))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    maps = rng.poisson(30, shape).astype(np.float32)
    maps[:, 1, 1] = maps[:, 0, 0] + 1  # chance makes few pixels equal, of which `as_scan` would warn
    if draw(st.booleans()):
        maps[0, 0, 1] = np.nan
    error = np.sqrt(maps + 1) if draw(st.booleans()) else None
    size = draw(st.sampled_from(["0.5 mm", "1 mm", ("250 um", 0.3)]))
    origin = draw(st.sampled_from([(0, 0), ("12.5 mm", "-3 mm")]))
    units = draw(st.sampled_from(["count", "count/s", "dimensionless", "µg/cm²"]))
    scan = xrfsr.as_scan(maps, lines, size, units, uncertainty=error, origin=origin)
    for dim in ("y", "x"):
        if draw(st.booleans()):
            scan = scan.isel({dim: slice(None, None, -1)})
    return scan


@pytest.mark.parametrize("form", WRITERS)
@settings(max_examples=25)
@given(scan=scans())
def test_written_maps_are_read_back(form: str, scan: xr.Dataset, tmp_path_factory: pytest.TempPathFactory) -> None:
    write, name = WRITERS[form]
    path = tmp_path_factory.mktemp("written") / name
    write(scan, path)
    options = {}
    if form == "tiffs":  # stores neither axes nor units
        options = {"pixel_size": scan.xrfsr.grid.spacing, "units": scan["intensity"].attrs["units"]}
    back = xrfsr.open_scan(path, **options).load()  # type: ignore[arg-type]
    back = back.sel(line=scan["line"].values)
    if form in UPRIGHT:
        scan = scan.sortby(["y", "x"])
    np.testing.assert_array_equal(back["intensity"], scan["intensity"])
    assert back["intensity"].attrs["units"] == scan["intensity"].attrs["units"]
    assert ("uncertainty" in back) == ("uncertainty" in scan)
    if "uncertainty" in scan:
        np.testing.assert_array_equal(back["uncertainty"], scan["uncertainty"])
    if form != "tiffs":
        for dim in ("y", "x"):
            np.testing.assert_allclose(back[dim], scan[dim], atol=1e-9)


def test_gdal_sees_names_units_and_millimetres(tmp_path: Path, scan: xr.Dataset) -> None:
    to_geotiff(scan.assign(uncertainty=np.sqrt(scan["intensity"]).assign_attrs(units="count")), tmp_path / "maps.tif")
    with rasterio.open(tmp_path / "maps.tif") as file:
        assert file.descriptions == ("Ca-K", "Fe-Ka", "Pb-L", "s(Ca-K)", "s(Fe-Ka)", "s(Pb-L)")
        assert set(file.units) == {"count"}
        assert np.isnan(file.nodata)
        assert file.bounds == (0, -6, 8, 0)  # outer edges in mm, the top of the painting north
        assert "LOCAL_CS" in file.crs.to_wkt()
        assert ",0.001]" in file.crs.to_wkt()  # millimetres; GDAL stores only the length of the unit
        np.testing.assert_array_equal(file.read(3), scan["intensity"].sel(line="Pb-L"))


def test_tiffs_are_plain_pictures(tmp_path: Path, scan: xr.Dataset) -> None:
    valid = xr.DataArray(np.arange(12 * 16).reshape(12, 16) % 7 > 0, dims=("y", "x"))
    to_tiffs(scan.assign_coords(valid=valid), tmp_path / "maps")
    assert sorted(file.name for file in (tmp_path / "maps").iterdir()) == [
        "Ca-K.tif",
        "Fe-Ka.tif",
        "Pb-L.tif",
        "mask.tif",
    ]
    with tifffile.TiffFile(tmp_path / "maps" / "Ca-K.tif") as file:
        assert len(file.pages) == 1
        assert file.pages[0].dtype == np.float32
        assert file.pages[0].tags["XResolution"].value == (20, 1)  # pixels of 0.5 mm: 20 to the centimetre
        np.testing.assert_array_equal(file.asarray(), scan["intensity"].sel(line="Ca-K"))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "maps" / "mask.tif"), np.where(valid, 255, 0))
    np.testing.assert_array_equal(xrfsr.open_scan(tmp_path / "maps", 0.5)["valid"], valid)


def test_pymca_itself_reads_it(tmp_path: Path, scan: xr.Dataset) -> None:
    to_pymca(scan, tmp_path / "maps.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from PyMca5.PyMcaCore.NexusDataSource import NexusDataSource
        from PyMca5.PyMcaIO.HDF5Stack1D import HDF5Stack1D

        assert NexusDataSource(str(tmp_path / "maps.h5")).getSourceInfo()["Size"] == 1  # one entry
        selection = {"x": [], "y": "/xrf_fit/results/parameters/Pb_L", "m": []}
        stack = HDF5Stack1D([str(tmp_path / "maps.h5")], selection, scanlist=["/scan"])
        np.testing.assert_array_equal(np.squeeze(stack.data), scan["intensity"].sel(line="Pb-L"))
    with h5py.File(tmp_path / "maps.h5") as file:
        found = file[file.attrs["default"]]
        group = found[found.attrs["default"]]
        assert group.attrs["NX_class"] == "NXdata"
        assert [group.attrs["signal"], *group.attrs["auxiliary_signals"]] == ["Ca_K", "Fe_Ka", "Pb_L"]
        assert list(group.attrs["axes"]) == ["y", "x"]
        assert group["x"].attrs["units"] == "mm"
        np.testing.assert_array_equal(group["Pb_L"], scan["intensity"].sel(line="Pb-L"))


def test_hyperspy_gets_axes_and_names(scan: xr.Dataset) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("hyperspy.api", reason="the extra hyperspy is not installed")
        signal = scan.xrfsr.to_hyperspy()
        lazy = scan.chunk(line=1).xrfsr.to_hyperspy()
    assert signal.data.shape == (3, 12, 16)
    np.testing.assert_array_equal(signal.inav[2].data, scan["intensity"].sel(line="Pb-L"))
    y, x = signal.axes_manager["y"], signal.axes_manager["x"]
    assert (y.scale, y.offset, y.units) == (0.5, 0.25, "mm")
    assert (x.scale, x.size) == (0.5, 16)
    assert list(signal.metadata.Sample.xray_lines) == ["Ca-K", "Fe-Ka", "Pb-L"]
    assert lazy._lazy
    assert isinstance(lazy.data, dask.array.Array)


@pytest.mark.parametrize("form", WRITERS)
def test_faults_of_the_target_and_of_the_scan_come_together(form: str, tmp_path: Path, scan: xr.Dataset) -> None:
    write, name = WRITERS[form]
    with pytest.raises(InvalidInput) as caught:
        write(scan.assign_coords(line=["Ca-K", "Qq", "Pb-L"]), tmp_path / "no" / name)
    assert len(caught.value.faults) == 2
    caught.match("does not exist; create it first")
    caught.match("unknown line 'Qq'")
    write(scan, tmp_path / name)
    with pytest.raises(InvalidInput, match="exists; choose another name, or pass overwrite=True"):
        write(scan, tmp_path / name)
    write(scan.isel(line=[0]), tmp_path / name, overwrite=True)
    options = {"pixel_size": 0.5} if form == "tiffs" else {}
    assert xrfsr.open_scan(tmp_path / name, **options).sizes["line"] == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["geotiff", "pymca"])
def test_endings_that_mean_something_else(form: str, tmp_path: Path, scan: xr.Dataset) -> None:
    write, _ = WRITERS[form]
    with pytest.raises(InvalidInput, match=r"must end in .*, got 'maps\.png'"):
        write(scan, tmp_path / "maps.png")
    (tmp_path / "maps.tif").mkdir()
    (tmp_path / "maps.h5").mkdir()
    with pytest.raises(InvalidInput, match="so it is not replaced; remove it first"):
        write(scan, tmp_path / WRITERS[form][1], overwrite=True)


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, OSError])
def test_nothing_is_left_half_written(
    form: str, tmp_path: Path, scan: xr.Dataset, failure: type[BaseException]
) -> None:
    write, name = WRITERS[form]
    write(scan, tmp_path / name)
    before = sorted(str(file) for file in tmp_path.rglob("*"))

    def fail(block: np.ndarray, block_info: object = None) -> np.ndarray:
        if block_info and block_info[0]["chunk-location"][0] == 2:  # type: ignore[index]
            raise failure("in the middle")
        return block

    maps = dask.array.map_blocks(fail, scan["intensity"].chunk(line=1).data, dtype=np.float32, meta=np.empty((0, 0, 0)))
    broken = scan.assign(intensity=(("line", "y", "x"), maps, {"units": "count"}))
    expected = InvalidInput if failure is OSError else failure
    with pytest.raises(expected, match="in the middle"):
        write(broken, tmp_path / name, overwrite=True)
    with pytest.raises(expected):
        write(broken, tmp_path / f"other{name}")
    assert sorted(str(file) for file in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("form", WRITERS)
def test_lazy_maps_are_computed_in_one_pass(form: str, tmp_path: Path, scan: xr.Dataset) -> None:
    """A training that all of them need is done once, and every tile, whatever the format reads first."""
    made: list[int] = []

    def train() -> np.ndarray:
        made.append(1)
        return np.ones((1, 1, 1), np.float32)

    write, name = WRITERS[form]
    trained = dask.array.from_delayed(dask.delayed(train)(), (1, 1, 1), np.float32)
    maps = scan["intensity"].chunk(line=1, y=5).data * trained
    lazy = scan.assign(
        intensity=(("line", "y", "x"), maps, {"units": "count"}),
        uncertainty=(("line", "y", "x"), np.sqrt(maps), {"units": "count"}),
        ratio=(("y", "x"), maps[0] + maps[1]),
    )
    write(lazy, tmp_path / name)
    assert made == [1]
    write(lazy.compute(), tmp_path / f"eager {name}")
    with warnings.catch_warnings(action="ignore"):  # of the ratio, which is no line
        opened = [xrfsr.open_scan(tmp_path / each, pixel_size="0.5 mm") for each in (name, f"eager {name}")]
    xr.testing.assert_identical(*(each.drop_attrs(deep=False) for each in opened))
    assert len(list(tmp_path.iterdir())) == 2


def test_dropped_variables_are_named(tmp_path: Path, scan: xr.Dataset) -> None:
    rich = scan.assign_coords(valid=(("y", "x"), np.ones((12, 16), bool)), photo_gain=("line", [1.0, 2.0, 3.0]))
    with pytest.warns(UserWarning, match=r"maps\.tif' has no place for (valid, photo_gain|photo_gain, valid); to_zarr"):
        to_geotiff(rich, tmp_path / "maps.tif")
    with pytest.warns(UserWarning, match="has no place for photo_gain; to_zarr keeps everything"):
        to_tiffs(rich, tmp_path / "maps")


@pytest.mark.parametrize(("write", "name"), [(to_geotiff, "maps.tif"), (to_tiffs, "maps")])
def test_large_lazy_maps_are_written_in_little_memory(tmp_path: Path, write: Writer, name: str) -> None:
    """Writing 6 maps of 8 MB keeps only a few strips in memory, and more with more threads."""

    def lazy(rows: int) -> xr.Dataset:
        names = ["Ca", "Ti", "Mn", "Fe", "Co", "Ni"]
        maps = dask.array.random.default_rng(0).random((6, rows, 250), dtype=np.float32, chunks=(1, 500, 250))
        return xrfsr.as_scan(maps, [f"{name}-K" for name in names], 0.1)

    write(lazy(600), tmp_path / f"first {name}")  # importing other packages takes memory, too
    with dask.config.set(num_workers=2), spent() as writing:
        write(lazy(8000), tmp_path / name)
    assert writing.allocated < 16e6  # measured: 4e6


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux lists the files that are in memory")
@pytest.mark.parametrize("form", ["tiffs", "imagej"])
def test_no_file_is_written_through_memory(
    form: str, tmp_path: Path, scan: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk, writing to a file that is mapped into memory ends the process."""
    mapped = []

    def looking(array: xr.DataArray) -> Iterator[tuple[slice, np.ndarray]]:
        for strip in iter_strips(array):
            yield strip
            mapped.append(str(tmp_path) in Path("/proc/self/maps").read_text())

    monkeypatch.setattr(f"xrfsr.io.writers.{form}.iter_strips", looking)
    write, name = WRITERS[form]
    write(scan, tmp_path / name)
    assert mapped == [False] * 3


def test_a_full_disk_leaves_nothing(tmp_path: Path, scan: xr.Dataset) -> None:
    """A limit on the size of files simulates the full disk."""
    code = (
        "import resource, signal, sys, xrfsr, numpy as np\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "scan = xrfsr.as_scan(np.random.default_rng(0).random((2, 300, 300)), ['Ca-K', 'Fe-K'], 1)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "for method, path in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    try:\n"
        "        getattr(scan.xrfsr, method)(path)\n"
        "    except xrfsr.InvalidInput as error:\n"
        "        print('refused', method, error)\n"
    )
    assert resource.RLIMIT_FSIZE
    files = {
        "to_pymca": "maps.h5",
        "to_tiffs": "maps",
        "to_geotiff": "maps.tif",
        "to_imagej": "stack.tif",
        "to_dms": "maps.dms",
    }
    words = [word for method, name in files.items() for word in (method, str(tmp_path / name))]
    run = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    for method in files:
        assert f"refused {method} " in run.stdout, (method, run.stdout, run.stderr[-1500:])
    assert run.returncode == 0, run.stderr[-1500:]  # the program must not crash at its end
    assert list(tmp_path.iterdir()) == []
