"""Maps of lines from cubes of spectra, written by rosettasciio."""

from __future__ import annotations

import pickle
import shutil
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from counting import spent
from spectra import CHANNELS, HEIGHT, LINES, TRUTH, WIDTH, cube

import xrfsr
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput
from xrfsr.io.spectra.cubes import WindowMaps
from xrfsr.io.spectra.line_windows import fwhm


def signal(
    data: np.ndarray | None = None,
    order: str = "yxE",
    unit: str | None = "keV",
    length: str | None = "mm",
    **more: object,
) -> dict:
    """Return a signal as rosettasciio writes it."""
    data = cube() if data is None else data
    factor = {"keV": 1, "eV": 1000}.get(str(unit), 1)
    known = {
        "y": ("y", 10.0, 0.5, length),
        "x": ("x", 20.0, 0.25, length),
        "E": ("Energy", -0.1 * factor, 0.02 * factor, unit),
    }
    axes = []
    for number, key in enumerate(order):
        name, offset, scale, units = known[key]
        axis = {"name": name, "offset": offset, "scale": scale, "units": units, "size": data.shape["yxE".index(key)]}
        axes.append(
            {**axis, "navigate": key != "E", "index_in_array": number, "is_binned": False, "_type": "UniformDataAxis"}
        )
    return {
        "data": np.ascontiguousarray(data.transpose(["yxE".index(key) for key in order])),
        "axes": axes,
        "metadata": {"General": {"title": "painting"}, "Signal": {"signal_type": ""}, **more},
        "original_metadata": {},
        "attributes": {"_lazy": False},
        "learning_results": {},
        "tmp_parameters": {},
        "package_info": {"package": "hyperspy", "package_version": "2.3"},
        "models": {},
    }


def hspy(folder: Path, **options: object) -> Path:
    file_writer = pytest.importorskip("rsciio.hspy").file_writer
    file_writer(str(folder / "cube.hspy"), signal(**options))  # type: ignore[arg-type]
    return folder / "cube.hspy"


def zspy(folder: Path, **options: object) -> Path:
    module = pytest.importorskip("rsciio.zspy")
    import zarr

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rosettasciio was written for zarr 2, where some things had other names
        patch.setattr(zarr.storage, "NestedDirectoryStore", zarr.storage.LocalStore, raising=False)
        for name in ("ZipStore", "DBMStore", "LMDBStore"):
            patch.setattr(zarr, name, zarr.storage.ZipStore, raising=False)
        with zarr.config.set({"default_zarr_format": 2}):
            module.file_writer(str(folder / "cube.zspy"), signal(**options), consolidate=False)  # type: ignore[arg-type]
    return folder / "cube.zspy"


def rpl(folder: Path, **options: object) -> Path:
    file_writer = pytest.importorskip("rsciio.ripple").file_writer
    file_writer(str(folder / "cube.rpl"), signal(**options))  # type: ignore[arg-type]
    return folder / "cube.rpl"


WRITERS = {one.__name__: one for one in (hspy, zspy, rpl)}
Writer = Callable[..., Path]


@pytest.fixture(params=sorted(WRITERS))
def write(request: pytest.FixtureRequest) -> Writer:
    return WRITERS[request.param]


def opened(path: Path, **options: object) -> xr.Dataset:
    return xr.open_dataset(path, engine="xrfsr", **{"lines": list(LINES), **options})  # type: ignore[arg-type]


def faults_of(path: Path, **options: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        opened(path, **options).load()
    return str(caught.value)


def test_net_counts_uncertainty_grid_and_the_right_way_up(write: Writer, tmp_path: Path) -> None:
    scan = opened(write(tmp_path))
    assert scan["line"].values.tolist() == list(LINES)
    assert dict(scan.sizes) == {"line": 3, "y": HEIGHT, "x": WIDTH}
    assert scan["intensity"].attrs["units"] == scan["uncertainty"].attrs["units"] == "count"
    np.testing.assert_allclose(scan["y"], 10 + 0.5 * np.arange(HEIGHT))
    np.testing.assert_allclose(scan["x"], 20 + 0.25 * np.arange(WIDTH))
    pull = (scan["intensity"] - 0.915 * TRUTH) / scan["uncertainty"]
    assert float(abs(pull).max()) < 5
    assert 0.8 < float(pull.std()) < 1.2
    assert scan.attrs["negative_net_counts"] == "set to zero"
    assert "Fe-Ka 6.2" in scan.attrs["line_windows"]
    xr.testing.assert_identical(ensure_scan(scan).load(), scan.load())


def test_all_formats_give_the_same(tmp_path: Path) -> None:
    scans = [opened(one(tmp_path)).load().drop_attrs() for one in WRITERS.values()]
    for one in scans[1:]:
        xr.testing.assert_allclose(one, scans[0])


@pytest.mark.parametrize("order", ["yxE", "xyE", "Eyx", "yEx"])
@pytest.mark.parametrize("unit", ["keV", "eV"])
def test_any_order_of_axes(tmp_path: Path, order: str, unit: str) -> None:
    expected = opened(hspy(tmp_path)).load()
    found = opened(hspy(tmp_path, order=order, unit=unit)).load()
    xr.testing.assert_allclose(found, expected)


def test_windows_steps_chunks_pickles_and_threads(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path)
    whole = opened(path).load()
    part = opened(path)["intensity"].isel(line=[2, 0], y=slice(None, None, -2), x=[5, 1, 1])
    np.testing.assert_array_equal(part, whole["intensity"].values[[2, 0]][:, ::-2][:, :, [5, 1, 1]])
    np.testing.assert_array_equal(opened(path)["intensity"][1, 2:6:3, 3], whole["intensity"].values[1, 2:6:3, 3])
    chunked = pickle.loads(pickle.dumps(opened(path, chunks={}).chunk(y=2, x=5)))
    with ThreadPoolExecutor(6) as pool:
        for one in pool.map(lambda _: chunked.compute(scheduler="threads"), range(6)):
            xr.testing.assert_allclose(one, whole)
    xr.testing.assert_identical(pickle.loads(pickle.dumps(opened(path))).load(), whole)


def test_nothing_is_read_at_opening(write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path)

    def refuse(*_: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(WindowMaps, "read", refuse)
    scan = opened(path).isel(y=slice(2))
    opened(path, chunks={}).sum("line")
    with pytest.raises(InvalidInput, match="read"):
        scan.load()


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    first = opened(hspy(tmp_path)).load()
    second = opened(hspy(tmp_path, data=2 * cube())).load()
    np.testing.assert_allclose(second["intensity"], 2 * first["intensity"], rtol=1e-5)


@pytest.mark.parametrize("by_image", [False, True])
def test_a_large_cube_opens_at_once_and_is_read_in_parts(tmp_path: Path, by_image: bool) -> None:
    path = tmp_path / "large.rpl"
    height = width = 2000
    path.write_text(
        f"key\tvalue\nwidth\t{width}\nheight\t{height}\ndepth\t2048\noffset\t0\ndata-length\t2\ndata-type\tunsigned\n"
        f"byte-order\tlittle-endian\nrecord-by\t{'image' if by_image else 'vector'}\n"
        "depth-scale\t0.01\ndepth-origin\t0\ndepth-units\tkeV\n"
    )
    with path.with_suffix(".raw").open("wb") as file:  # 16 GB, of which the disk holds nothing
        file.truncate(2 * 2048 * height * width)
    with spent() as opening:
        scan = opened(path, pixel_size=0.5)
    with spent() as reading:
        window = scan.isel(y=slice(1000, 1000 + 4), x=slice(0, 500)).load()
    assert opening.read < 2e6
    assert opening.allocated < 20e6
    assert reading.allocated < 50e6  # of 8 MB in the window; measured: 5e6
    assert float(window["intensity"].max()) == 0
    assert float(window["uncertainty"].min()) == 1


def test_lines_must_be_chosen_and_those_in_the_file_are_listed(tmp_path: Path) -> None:
    path = hspy(tmp_path, Sample={"xray_lines": ["Ca_Ka", "Fe_Ka"]})
    message = faults_of(path, lines=None)
    assert "such as lines=['Ca-K', 'Fe-K', 'Pb-L']" in message
    assert "the file names Ca_Ka, Fe_Ka" in message


def test_every_fault_of_lines_at_once(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path)
    message = faults_of(path, lines=["Compton", "Sn-K", "Fe-K"])
    assert "Compton is not an element line" in message
    assert "Sn-K at 25.19 keV" in message.replace("25.192", "25.19")
    assert "-0.11 to 13.89 keV" in message
    message = faults_of(path, lines=["Qq", "s(Fe-K)", "Ca-K", "Ca_K"])
    for part in ("unknown line 'Qq'", "uncertainty of Fe-K", "the same line"):
        assert part in message
    assert path.name in message


def test_overlapping_lines_are_reported(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path)
    with pytest.warns(UserWarning, match=r"As-K .* holds Pb-La .*Pb-L .* holds As-Ka"):
        opened(path, lines=["As-K", "Pb-L"])


def test_the_resolution_of_the_detector_is_used(tmp_path: Path) -> None:
    detector = {"SEM": {"Detector": {"EDS": {"energy_resolution_MnKa": 170.0}}}}
    scan = opened(hspy(tmp_path, Acquisition_instrument=detector))
    assert scan.attrs["detector_fwhm"] == "170 eV at Mn-Ka"


def test_fractions_are_no_counts(tmp_path: Path) -> None:
    scan = opened(hspy(tmp_path, data=cube() / 7))
    assert "uncertainty" not in scan
    np.testing.assert_allclose(7 * scan["intensity"], opened(hspy(tmp_path))["intensity"], rtol=1e-4, atol=1e-3)


def test_without_units(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path, length=None)
    assert "pixel_size is missing" in faults_of(path)
    assert float(xrfsr.open_scan(path, "0.5 mm", lines=list(LINES))["x"][0]) == 0.25


@pytest.mark.parametrize("unit", [None, "m", "channel"])
def test_without_energies(tmp_path: Path, unit: str | None) -> None:
    assert "must be in keV or eV" in faults_of(hspy(tmp_path, unit=unit))
    path = rpl(tmp_path, unit=unit)
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "ev-per-chan" not in line))
    assert "depth-units (keV or eV)" in faults_of(path)


def test_several_cubes(tmp_path: Path) -> None:
    path = hspy(tmp_path)
    with h5py.File(path, "a") as file:
        file.copy("Experiments/painting", "Experiments/detail")
        file.create_group("Experiments/nothing")
    assert "group='detail', group='painting'" in faults_of(path)
    assert opened(path, group="painting").sizes["y"] == HEIGHT
    assert "group='other' does not exist" in faults_of(path, group="other")


def edit(path: Path, **changes: str) -> Path:
    """Change a value in the header of a Ripple file."""
    lines = path.read_text().splitlines()
    for key, value in changes.items():
        key = key.replace("_", "-")
        assert any(line.startswith(f"{key}\t") for line in lines) or key == "offset"
        lines = [line for line in lines if not line.startswith(f"{key}\t")] + [f"{key}\t{value}"]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"depth": "701"}, "the file is truncated"),
        ({"depth": "70"}, "width, height, depth or data-length are wrong"),
        ({"width": "99999999999"}, "the file is truncated"),
        ({"height": "0"}, "height must be > 0, got 0"),
        ({"height": "-3"}, "height must be > 0, got -3"),
        ({"width": "nan"}, "width must be a number, got 'nan'"),
        ({"offset": "-2"}, "offset must be ≥ 0, got -2"),
        ({"data_type": "float"}, "or float with 4 or 8, got 'float' and '2'"),
        ({"data_length": "3"}, "and '3'"),
        ({"byte_order": "middle"}, "byte-order must be little-endian, big-endian or dont-care, got 'middle'"),
        ({"record_by": "dont-care"}, "record-by must be vector or image, got 'dont-care'"),
        ({"depth_scale": "0"}, "does not increase"),
        ({"depth_scale": "inf"}, "depth-scale must be a number, got 'inf'"),
        ({"depth_scale": "x"}, "depth-scale must be a number, got 'x'"),
    ],
)
def test_headers_that_do_not_fit(tmp_path: Path, changes: dict[str, str], fault: str) -> None:
    message = faults_of(edit(rpl(tmp_path), **changes))
    assert fault in message
    assert "cube.rpl" in message


def test_both_files_of_ripple_are_needed(tmp_path: Path) -> None:
    path = rpl(tmp_path)
    xr.testing.assert_identical(opened(path.with_suffix(".raw")).load().drop_attrs(), opened(path).load().drop_attrs())
    shutil.copy(path, tmp_path / "alone.rpl")
    shutil.copy(path.with_suffix(".raw"), tmp_path / "single.raw")
    assert "'alone.raw' is missing" in faults_of(tmp_path / "alone.rpl")
    assert "'single.rpl' is missing" in faults_of(tmp_path / "single.raw")


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4", ">i4", "u1", "<f4", ">f8"])
@pytest.mark.parametrize("record", ["vector", "image"])
def test_every_order_of_numbers(tmp_path: Path, dtype: str, record: str) -> None:
    data = np.minimum(cube(), 255)
    expected = opened(rpl(tmp_path, data=data)).load()
    kind = {"u": "unsigned", "i": "signed", "f": "float"}[np.dtype(dtype).kind]
    order = {"<": "little-endian", ">": "big-endian"}.get(dtype[0], "dont-care")
    path = edit(
        tmp_path / "cube.rpl", data_type=kind, data_length=dtype[-1], byte_order=order, record_by=record, offset="5"
    )
    stored = data if record == "vector" else data.transpose(2, 0, 1)
    path.with_suffix(".raw").write_bytes(b"12345" + np.ascontiguousarray(stored).astype(dtype).tobytes())
    np.testing.assert_allclose(opened(path)["intensity"], expected["intensity"], rtol=1e-5)


def test_headers_of_inca_and_of_the_format_itself(tmp_path: Path) -> None:
    expected = opened(rpl(tmp_path)).load()
    path = tmp_path / "cube.rpl"
    path.write_text(
        f"(MLX::WIDTH : {WIDTH})\n(MLX::HEIGHT : {HEIGHT})\n(MLX::DEPTH : {CHANNELS})\n(MLX::OFFSET : 0)\n"
        "(MLX::DATA-LENGTH : 2)\n(MLX::DATA-TYPE : UNSIGNED)\n(MLX::BYTE-ORDER : LITTLE-ENDIAN)\n"
        "(MLX::RECORD-BY : VECTOR)\n(MLX::EV-PER-CHAN : 20)\n(MLX::DEPTH-ORIGIN : -100)\n"
        "(MLX::DETECTOR-PEAK-WIDTH-EV : 140)\n"
    )
    np.testing.assert_array_equal(opened(path, pixel_size=0.5)["intensity"], expected["intensity"])


def test_damaged_hyperspy_files(tmp_path: Path) -> None:
    path = hspy(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cube.hspy" in faults_of(path)
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        del file["Experiments/painting/data"]
        file.create_dataset("Experiments/painting/data", (100_000,) * 3, "u2", chunks=(10, 10, 10))
    assert "contains only 0 bytes of them" in faults_of(path)
    with h5py.File(path, "a") as file:
        del file["Experiments/painting/data"]
        file["Experiments/painting/data"] = np.zeros((5, 6))
    assert "expected numbers (row, column, energy)" in faults_of(path)


def bcf(shared: Path, name: str = "P45_12bit_packed_8bit_compressed.bcf") -> Path:
    pytest.importorskip("rsciio.bruker")
    return shared / "formats" / name


@pytest.mark.parametrize("name", ["P45_12bit_packed_8bit_compressed.bcf", "P45_job_hyperspy.bcf"])
def test_real_bruker_map(shared: Path, name: str) -> None:
    path = bcf(shared, name)
    scan = opened(path, lines=["Al-K", "Ca-K", "Fe-K"])
    assert dict(scan.sizes) == {"line": 3, "y": 75, "x": 100}
    assert float(scan["x"][1] - scan["x"][0]) == pytest.approx(0.0087367851)
    from rsciio.bruker import file_reader

    counts = file_reader(str(path), select_type="spectrum_image")[0]["data"].astype(int)
    energies = -0.472397235 + 0.010001 * np.arange(2048)
    for label, energy in (("Al-K", 1.4865), ("Ca-K", 3.691), ("Fe-K", 6.400)):
        distance = abs(energies - energy) / fwhm(energy)
        window, flanks = distance <= 0.75, (distance > 1.25) & (distance <= 1.75)
        gross = counts[..., window].sum(-1)
        net = gross - counts[..., flanks].sum(-1) * window.sum() / flanks.sum()
        # Channels at the edges may fall to either side here.
        np.testing.assert_allclose(scan["intensity"].sel(line=label).mean(), np.maximum(net, 0).mean(), rtol=0.1)
        assert np.corrcoef(scan["intensity"].sel(line=label).values.ravel(), gross.ravel())[0, 1] > 0.7


def test_real_bruker_map_names_its_lines_and_reads_windows(shared: Path) -> None:
    path = bcf(shared)
    assert "the file names Al_Ka, Ca_Ka, Cl_Ka" in faults_of(path, lines=None)
    whole = opened(path).load()
    part = opened(path, chunks={}).isel(y=slice(3, 30, 4), x=slice(50, None)).compute()
    xr.testing.assert_identical(part, whole.isel(y=slice(3, 30, 4), x=slice(50, None)))


def test_a_bruker_map_that_is_cut_off(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.bcf"
    whole = bcf(shared).read_bytes()
    for share in (0.01, 0.5):
        path.write_bytes(whole[: int(share * len(whole))])
        assert "cut.bcf" in faults_of(path)


def test_a_real_header_of_bruker(shared: Path, tmp_path: Path) -> None:
    folder = shared / "formats" / "xrf_explorer"
    assert "'cube_data.raw' is missing" in faults_of(folder / "cube_data.rpl")
    # The header of this sample declares 6 channels, but the file contains 16.
    assert "depth or data-length are wrong" in faults_of(folder / "spectral.rpl")
    header = (folder / "spectral.rpl").read_text().replace("depth      \t 6", "depth      \t 16")
    header = header.replace("0.010002", "0.5").replace("-0.956", "0")
    (tmp_path / "spectral.rpl").write_text(header)
    shutil.copy(folder / "spectral.raw", tmp_path)
    numbers = np.fromfile(folder / "spectral.raw", "<u2").reshape(3, 3, 16).astype(float)
    with pytest.warns(UserWarning, match="depth1=200"):
        scan = opened(tmp_path / "spectral.rpl", pixel_size=1.0, lines=["Ca-K"])
    # Channels of 0.5 keV: the window is the one at 3.5 keV, and its flanks are the next ones, at 3 and 4 keV.
    net = numbers[..., 7] - (numbers[..., 6] + numbers[..., 8]) / 2
    np.testing.assert_allclose(scan["intensity"][0], np.maximum(net, 0))
