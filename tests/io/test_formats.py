"""Properties of every reader: orientation, units, laziness, and use from any thread."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import xarray as xr
from counting import spent
from written import ERRORS, HEIGHT, LABELS, MAPS, WIDTH, WRITERS, datamuncher, ewoksfluo, pymca, pyxrf, xrf_maps

import xrfsr
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput
from xrfsr.io.lazy import LazyMaps

OWN_GRID = {"netcdf", "netcdf4", "hyperspy_maps", "ewoksfluo", "ome_tiff"}
FIRST = {"hyperspy_maps": 1.0, "ewoksfluo": 1.0}
WITH_ERRORS = {"pymca_hdf5", "pymca_csv", "pymca_dat", "pymca_pages", "pymca_edf", "pymca_folder", "ewoksfluo"} | {
    "tiff_folder",
    "edf_folder",
    "edf_gz_folder",
    "text_folder",
    "netcdf",
    "netcdf4",
}
# PyMca's tables have six digits.
PRECISION = 1e-5


@pytest.fixture(params=sorted(WRITERS))
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(form: str, tmp_path: Path) -> Path:
    return WRITERS[form](tmp_path)


def opened(path: Path, form: str, **options: object) -> xr.Dataset:
    size = {} if form in OWN_GRID else {"pixel_size": "0.25 mm"}
    return xr.open_dataset(path, engine="xrfsr", **size, **options)  # type: ignore[arg-type]


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail if a value is read."""

    def refuse(*_: object) -> None:
        raise AssertionError("read")

    with monkeypatch.context() as patch:
        patch.setattr(LazyMaps, "_read", refuse)
        yield


def test_orientation_and_values(path: Path, form: str) -> None:
    scan = opened(path, form).sel(line=LABELS if form != "xrf_maps" else ["Ca-K", "Fe-Ka", "Pb-L"])
    assert scan["intensity"].dims == ("line", "y", "x")
    assert scan["intensity"].dtype == np.float32
    np.testing.assert_allclose(scan["intensity"], MAPS, rtol=PRECISION)
    assert scan["element"].values.tolist() == ["Ca", "Fe", "Pb"]
    xr.testing.assert_identical(ensure_scan(scan).load(), scan.load())  # the scan has the standard form


def test_units_and_grid(path: Path, form: str) -> None:
    scan = opened(path, form)
    expected = {"xrf_maps": "count/s", "maps_v9": "count/s", "datastack": "dimensionless"}.get(form, "count")
    assert scan["intensity"].attrs["units"] == expected
    assert scan["y"].attrs["units"] == scan["x"].attrs["units"] == "mm"
    first = FIRST.get(form, 0.125)
    np.testing.assert_allclose(scan["y"], first + 0.25 * np.arange(HEIGHT))
    np.testing.assert_allclose(scan["x"], first + 0.25 * np.arange(WIDTH))


def test_uncertainties(path: Path, form: str) -> None:
    scan = opened(path, form)
    assert ("uncertainty" in scan) == (form in WITH_ERRORS)
    if form in WITH_ERRORS:
        np.testing.assert_allclose(scan["uncertainty"].sel(line=LABELS), ERRORS, rtol=PRECISION)
        assert scan["uncertainty"].attrs["units"] == scan["intensity"].attrs["units"]


def test_values_are_read_only_when_they_are_used(path: Path, form: str, unread: None) -> None:
    scan = opened(path, form)
    part = scan.isel(y=slice(1, 3)).sel(line="Pb-L")
    opened(path, form, chunks={}).clip(min=1).mean("line")
    with pytest.raises(AssertionError, match="read"):
        part.load()


def test_windows_and_steps(path: Path, form: str) -> None:
    scan = opened(path, form).sel(line=LABELS)
    part = scan["intensity"].isel(line=[2, 0], y=slice(None, None, -2), x=[5, 1, 1])
    np.testing.assert_allclose(part, MAPS[[2, 0]][:, ::-2][:, :, [5, 1, 1]], rtol=PRECISION)
    assert float(scan["intensity"][1, 2, 3]) == pytest.approx(float(MAPS[1, 2, 3]), rel=PRECISION)
    assert scan["intensity"].isel(y=slice(3, 3)).load().shape == (3, 0, WIDTH)


def test_chunks_pickles_and_threads(path: Path, form: str) -> None:
    scan = opened(path, form, chunks={}).chunk(y=2)
    assert scan.chunks["line"] == (1,) * scan.sizes["line"]
    sent = pickle.loads(pickle.dumps(scan))
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda _: sent.compute(scheduler="threads"), range(8)))
    for one in loaded:
        np.testing.assert_allclose(one["intensity"].sel(line=LABELS), MAPS, rtol=PRECISION)
    lazy = pickle.loads(pickle.dumps(opened(path, form)))
    np.testing.assert_allclose(lazy["intensity"].sel(line=LABELS), MAPS, rtol=PRECISION)


def test_open_scan_and_lines_in_any_spelling(path: Path, form: str) -> None:
    size = None if form in OWN_GRID else 0.25
    scan = xrfsr.open_scan(path, size, lines=["pb_l", "Ca K"], units="count/s")
    assert scan["line"].values.tolist() == ["Pb-L", "Ca-K"]
    np.testing.assert_allclose(scan["intensity"], MAPS[[2, 0]], rtol=PRECISION)
    assert scan["intensity"].attrs["units"] == "count/s"
    with pytest.raises(InvalidInput, match=r"Hg-L: not in .* which has "):
        xrfsr.open_scan(path, size, lines=["Hg-L"])


def test_every_fault_at_once(path: Path, form: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, "0.5", units="arb. units", lines=["Qq"], origin="here")
    assert len(caught.value.faults) == 4
    assert str(path) in str(caught.value)


def test_pixel_size_is_required_unless_the_file_stores_it(path: Path, form: str) -> None:
    if form in OWN_GRID:
        with pytest.warns(UserWarning, match=r"pixel_size=\(1\.0, 1\.0\) mm replaces"):
            assert xrfsr.open_scan(path, 1.0)["x"][0] == 0.5
        with pytest.raises(InvalidInput, match=r"origin=.* stores the positions of its pixels"):
            xrfsr.open_scan(path, origin=(1, 2))
    else:
        with pytest.raises(InvalidInput, match=r"pixel_size is missing .*pass it, such as pixel_size='0\.5 mm'"):
            xrfsr.open_scan(path)
        scan = xrfsr.open_scan(path, "250 um", origin=("1 cm", 20))
        assert (float(scan["y"][0]), float(scan["x"][0])) == (10.125, 20.125)


def test_the_engine_is_known_to_xarray_and_claims_little() -> None:
    backend = xr.backends.list_engines()["xrfsr"]
    assert "MA-XRF" in type(backend).__doc__
    assert backend.guess_can_open("maps.dms")
    assert backend.guess_can_open(Path("scan.bcf"))
    for other in ("fit.h5", "maps.tif", "table.csv", "spectra.raw", "store.zarr", 3, None):
        assert not backend.guess_can_open(other)


def test_drop_variables_and_plain_open(tmp_path: Path) -> None:
    path = pymca(tmp_path) / "IMAGES.h5"
    assert "uncertainty" not in xr.open_dataset(path, engine="xrfsr", pixel_size=1, drop_variables="uncertainty")
    scan = xr.open_dataset(datamuncher(tmp_path), pixel_size="1 mm")
    np.testing.assert_array_equal(scan["intensity"], MAPS)


@pytest.mark.parametrize(
    "name", ["IMAGES.h5", *(f"IMAGES/painting.{suffix}" for suffix in ("csv", "dat", "tif", "edf"))]
)
def test_mass_fractions(tmp_path: Path, name: str) -> None:
    scan = xrfsr.open_scan(pymca(tmp_path) / name, 1.0, quantity="mass_fraction")
    np.testing.assert_allclose(scan["intensity"].sel(line=LABELS), MAPS / 1000, rtol=PRECISION)
    assert scan["intensity"].attrs["units"] == "dimensionless"
    assert "uncertainty" not in scan
    with pytest.raises(InvalidInput, match="quantity must be one of 'count', 'mass_fraction', got 'percent'"):
        xrfsr.open_scan(tmp_path / name, 1.0, quantity="percent")  # type: ignore[arg-type]


def test_mass_fractions_of_ewoksfluo_and_of_a_folder(tmp_path: Path) -> None:
    scan = xrfsr.open_scan(ewoksfluo(tmp_path), quantity="mass_fraction")
    np.testing.assert_allclose(scan["intensity"], MAPS / 1000)
    scan = xrfsr.open_scan(pymca(tmp_path, multipage=False) / "IMAGES", 1.0, quantity="mass_fraction")
    np.testing.assert_allclose(scan["intensity"].sel(line=LABELS), MAPS / 1000)


def test_options_that_a_format_has_not(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(datamuncher(tmp_path), quantity="count", group="x")
    assert len(caught.value.faults) == 2
    caught.match("quantity='count' is not supported for Datamuncher; leave it out")


def test_several_fits_in_one_file(tmp_path: Path) -> None:
    path = ewoksfluo(tmp_path)
    with h5py.File(path, "a") as file:
        file.copy("2.1", "3.1")
        file["3.1/fit/results/parameters/Ca_K"][...] *= 2
        file["4.1"] = h5py.SoftLink("/2.1")  # shows the same fit again
    with pytest.raises(InvalidInput, match=r"contains 2 fits; choose one: group='/2\.1/fit', group='/3\.1/fit'"):
        xrfsr.open_scan(path)
    for group in ("3.1", "/3.1/fit", "3.1/fit/results"):
        np.testing.assert_array_equal(xrfsr.open_scan(path, group=group)["intensity"][0], 2 * MAPS[0])
    with pytest.raises(InvalidInput, match=r"group='9' matches 0 fits in .*; choose one of group="):
        xrfsr.open_scan(path, group="9")


def test_points_that_were_not_gridded(tmp_path: Path) -> None:
    path = ewoksfluo(tmp_path)
    with h5py.File(path, "a") as file:
        group = file["2.1/fit/results/parameters"]
        for name in ("Ca_K", "Fe_Ka", "Pb_L"):
            del group[name]
            group[name] = MAPS[0].ravel()
        del group.attrs["axes"]
    with pytest.raises(InvalidInput, match="are not arranged on a grid"):
        xrfsr.open_scan(path, 1.0)


def test_axes_that_are_irregular_or_have_no_unit(tmp_path: Path) -> None:
    path = ewoksfluo(tmp_path)
    with h5py.File(path, "a") as file:
        file["2.1/fit/results/parameters/samz"][3] += 100
    with pytest.raises(InvalidInput, match="'samz' is irregular"):
        xrfsr.open_scan(path)
    with h5py.File(path, "a") as file:
        del file["2.1/fit/results/parameters/samz"].attrs["units"]
    with pytest.raises(InvalidInput, match="pixel_size is missing"):
        xrfsr.open_scan(path)


def test_which_detector_and_which_analysis(tmp_path: Path) -> None:
    path = pyxrf(tmp_path)
    scan = xrfsr.open_scan(path, 1.0)
    assert scan["kind"].values.tolist() == ["element"] * 3 + ["scatter"]
    np.testing.assert_array_equal(xrfsr.open_scan(path, 1.0, group="det1")["intensity"][:3], MAPS / 2)
    with pytest.raises(
        InvalidInput, match=r"group='det9' does not exist in .*; choose one of group='det1', group='detsum'"
    ):
        xrfsr.open_scan(path, 1.0, group="det9")
    np.testing.assert_array_equal(xrfsr.open_scan(xrf_maps(tmp_path), 1.0, group="roi")["intensity"], 3 * MAPS)


@pytest.mark.parametrize(("dtype", "name"), [("<i4", "int32"), ("<f8", "float64"), ("<i8", "int64")])
def test_datamuncher_files_of_other_numbers(tmp_path: Path, dtype: str, name: str) -> None:
    head = f"3\n{WIDTH} {HEIGHT} 3\n".encode()
    (tmp_path / "a.dms").write_bytes(head + MAPS.astype(dtype).tobytes() + b"Ca K\nFe Ka\nPb L\n")
    with pytest.warns(UserWarning, match=f"contains {name} instead of float32") as caught:
        scan = xrfsr.open_scan(tmp_path / "a.dms", 1.0)
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(scan["intensity"], MAPS)


def test_tables_in_any_order_and_with_other_separators(tmp_path: Path) -> None:
    rows = [(y, x, *MAPS[:, y, x]) for x in range(WIDTH) for y in range(HEIGHT)]  # column by column
    for number, separator in enumerate((";", ",", "\t", "  ")):
        lines = [separator.join(("row", "column", "Ca_K", "Fe_Ka", "Pb_L"))]
        lines += [separator.join(f"{value:g}" for value in row) for row in rows]
        (tmp_path / f"{number}.csv").write_text("\n".join(lines))
        np.testing.assert_array_equal(xrfsr.open_scan(tmp_path / f"{number}.csv", 1.0)["intensity"], MAPS)


def test_a_table_with_a_pixel_twice_or_with_words(tmp_path: Path) -> None:
    whole = ["row;column;Ca_K", *(f"{y};{x};{y + x}" for y in range(3) for x in range(4))]
    for change, message in (
        ({5: whole[1]}, "is there more than once: row 0, column 0"),
        ({6: "1;1;many"}, "not a number"),
    ):
        lines = [change.get(number, line) for number, line in enumerate(whole)]
        (tmp_path / "table.csv").write_text("\n".join(lines))
        with pytest.raises(InvalidInput, match=message):
            xrfsr.open_scan(tmp_path / "table.csv", 1.0).load()
    (tmp_path / "table.csv").write_text("\n".join(whole[:-3]))
    with pytest.raises(InvalidInput, match="3 of the pixels of 3 rows and 4 columns are missing"):
        xrfsr.open_scan(tmp_path / "table.csv", 1.0)


def test_pages_without_names_and_single_maps(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", MAPS, metadata=None)
    with pytest.raises(InvalidInput, match=r"the 3 (pages|bands) of .* have no names.*as_scan\(tifffile\.imread"):
        xrfsr.open_scan(tmp_path / "stack.tif", 1.0)
    tifffile.imwrite(tmp_path / "Ca-K.tif", MAPS[0], metadata=None)
    with pytest.raises(InvalidInput, match="one map without a name; name each file after its line"):
        xrfsr.open_scan(tmp_path / "Ca-K.tif", 1.0)


def test_a_file_changed_since_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "IMAGES.h5"
    scan = xrfsr.open_scan(pymca(tmp_path) / "IMAGES.h5", 1.0)
    with h5py.File(path, "a") as file:
        group = file["painting/xrf_fit/results/parameters"]
        del group["Ca_K"]
        group["Ca_K"] = MAPS[0, :3]
    with pytest.raises(InvalidInput, match=r"IMAGES\.h5' returned values of shape .* changed since it was opened"):
        scan["intensity"][0].load()
    path.unlink()
    with pytest.raises(InvalidInput, match=r"IMAGES\.h5' does not exist"):
        scan["intensity"][1].load()


def test_a_dataset_that_was_never_written(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        group = file.create_group("xrfmap/detsum")
        group.create_dataset("xrf_fit", (2, 10**6, 10**6), "f8", chunks=(1, 1000, 1000))
        group["xrf_fit_name"] = [b"Ca_K", b"Fe_K"]
    with pytest.raises(InvalidInput, match="was not written completely"):
        xrfsr.open_scan(tmp_path / "huge.h5", 1.0)


def test_other_files_in_a_folder_of_pymca(shared: Path) -> None:
    """HDF5, EDF, TIFF and CSV of one fit contain the same maps."""
    folder = shared / "formats" / "pymca"
    first = xrfsr.open_scan(folder / "IMAGES.h5", 0.5).load()
    for other in ("IMAGES", "IMAGES/painting.csv"):
        scan = xrfsr.open_scan(folder / other, 0.5).sel(line=first["line"].values)
        np.testing.assert_allclose(scan["intensity"], first["intensity"], rtol=PRECISION)
        np.testing.assert_allclose(scan["uncertainty"], first["uncertainty"], rtol=PRECISION)


def test_the_samples_of_xrf_explorer(shared: Path) -> None:
    folder = shared / "formats" / "xrf_explorer"
    with (
        pytest.warns(UserWarning, match="left out: yAl K, not an element in"),
        pytest.warns(UserWarning, match="int32"),
    ):
        scan = xrfsr.open_scan(folder / "test_cube.dms", 1.0)
    assert scan["line"].values.tolist() == ["Si-K"]
    np.testing.assert_array_equal(scan["intensity"][0], 10 * np.arange(1, 10).reshape(3, 3))
    with pytest.raises(InvalidInput, match="unknown line 'Secret'"):
        xrfsr.open_scan(folder / "test_elemental.csv", 1.0)


def large(kind: str, folder: Path, side: int) -> Path:
    """Write twelve maps to one file or folder."""
    names = ["Ca", "Ti", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "As", "Sr", "K", "Cl"]
    plane = np.random.default_rng(0).random((side, side), np.float32)
    folder.mkdir()
    if kind == "hdf5":
        path = folder / "scan.h5"
        with h5py.File(path, "w") as file:
            group = file.create_group("fit/xrf_fit/results/parameters")
            group.attrs.update({"signal": "Ca_K", "auxiliary_signals": [f"{name}_K" for name in names[1:]]})
            for name in names:
                group.create_dataset(f"{name}_K", data=plane, chunks=(side // 8, side // 8))
    elif kind == "dms":
        path = folder / "scan.dms"
        with path.open("wb") as raw:
            raw.write(f"3\n{side} {side} 12\n".encode())
            for _ in names:
                raw.write(plane.tobytes())
            raw.write("\n".join(f"{name} K" for name in names).encode())
    else:
        path = folder
        for name in names:
            tifffile.imwrite(path / f"{name}-K.tif", plane, rowsperstrip=8)
    return path


@pytest.mark.parametrize("kind", ["hdf5", "dms", "tiff"])
def test_large_maps_open_at_once(tmp_path: Path, kind: str) -> None:
    """Opening 48 MB reads little more than names and sizes, and reading a window little more than the window."""
    first = opened(large(kind, tmp_path / "first", 64), kind)  # importing other packages reads files, too
    np.isfinite(first["intensity"].values).all()
    path = large(kind, tmp_path / "large", 1000)
    with spent() as opening:
        scan = opened(path, kind)
    with spent() as window:
        part = scan["intensity"][:, :100, :100].load()
    assert part.shape == (12, 100, 100)
    # Measured: 0.3 MB at most read in opening and 5.5 MB for the window, 0.1 MB and 1 MB allocated.
    assert opening.read < 2e6
    assert opening.allocated < 5e6
    assert window.read < 12e6
    assert window.allocated < 12e6


def test_warnings_point_to_the_line_of_the_caller(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    for name in ("Fe-K", "Fe-Ka"):
        tifffile.imwrite(tmp_path / "maps" / f"{name}.tif", MAPS[0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        xr.open_dataset(tmp_path / "maps", engine="xrfsr", pixel_size=1)
        xrfsr.open_scan(tmp_path / "maps", 1)
    assert [warning.filename for warning in caught] == [__file__, __file__]
    assert "count the same photons twice: Fe-K and Fe-Ka" in str(caught[0].message)
