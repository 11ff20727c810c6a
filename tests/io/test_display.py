"""Maps whose contrast was stretched for display are no counts."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
import xarray as xr
from numpy.typing import NDArray

import xrfsr
from xrfsr.io.display import displayed, white_of
from xrfsr.io.source import ScanDescription

COUNTS = np.random.default_rng(0).poisson(np.linspace(5, 40, 63).reshape(7, 9), (4, 7, 9))
NAMES = ("Ca_K", "Fe_Ka", "Pb_L", "Hg_L")


def stretched(dtype: str, clip: float = 0.0) -> NDArray[np.generic]:
    """Counts from black to white, of which a share may be clipped at both ends."""
    low, high = (np.quantile(COUNTS, q, axis=(1, 2), keepdims=True) for q in (clip, 1 - clip))
    return (((COUNTS - low) / (high - low)).clip(0, 1) * np.iinfo(dtype).max).astype(dtype)


def opened(path: Path, **options: object) -> tuple[xr.Dataset, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scan = xrfsr.open_scan(path, pixel_size=1, **options)  # type: ignore[arg-type]
    return scan, [str(one.message) for one in caught]


def folder(path: Path, maps: NDArray[np.generic]) -> Path:
    for name, values in zip(NAMES, maps, strict=False):
        tifffile.imwrite(path / f"{name}.tif", values)
    return path


def edf_folder(path: Path, maps: NDArray[np.generic]) -> Path:
    fabio = pytest.importorskip("fabio")
    for name, values in zip(NAMES, maps, strict=False):
        fabio.edfimage.EdfImage(data=values).write(str(path / f"{name}.edf"))
    return path


def stack(path: Path, maps: NDArray[np.generic]) -> Path:
    names = list(NAMES[: len(maps)])  # tifffile before 2025.2 takes nothing but lists
    tifffile.imwrite(path / "stack.tif", maps, imagej=True, metadata={"axes": "ZYX", "Labels": names})
    return path / "stack.tif"


@pytest.mark.parametrize("write", [folder, edf_folder, stack])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("clip", [0.0, 0.02])
def test_stretched_maps_are_dimensionless(tmp_path: Path, write: type, dtype: str, clip: float) -> None:
    maps = stretched(dtype, clip)
    path = write(tmp_path, maps)
    scan, [message] = opened(path)
    assert scan.intensity.attrs["units"] == "dimensionless"
    assert "no counts" in message
    assert "units='count'" in message
    np.testing.assert_array_equal(scan.intensity.sel(line="Ca-K"), maps[0])
    for units in ("count", "dimensionless"):
        scan, said = opened(path, units=units)
        assert (scan.intensity.attrs["units"], said) == (units, [])


def test_maps_that_miss_the_last_numbers_are_stretched_too(tmp_path: Path) -> None:
    scan, said = opened(folder(tmp_path, (stretched("uint8") * 0.98).astype("uint8")))
    assert (scan.intensity.attrs["units"], len(said)) == ("dimensionless", 1)


@pytest.mark.parametrize("write", [folder, edf_folder, stack])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_counts_in_few_bits_are_counts(tmp_path: Path, write: type, dtype: str) -> None:
    scan, said = opened(write(tmp_path, COUNTS.astype(dtype)))
    assert (scan.intensity.attrs["units"], said) == ("count", [])


def test_one_saturated_map_among_counts_is_no_reason(tmp_path: Path) -> None:
    maps = COUNTS.astype("uint8")
    maps[0, 3, 3] = 255
    scan, said = opened(folder(tmp_path, maps))
    assert (scan.intensity.attrs["units"], said) == ("count", [])


def test_display_maps_between_counts_are_named(tmp_path: Path) -> None:
    folder(tmp_path, COUNTS.astype("float32"))
    tifffile.imwrite(tmp_path / "Fe_Ka.tif", stretched("uint8")[1])
    scan, [message] = opened(tmp_path)
    assert scan.intensity.attrs["units"] == "dimensionless"
    assert message.startswith("Fe_Ka in ")


@pytest.mark.parametrize(
    ("name", "units"), [("zagami", "dimensionless"), ("miniature", "dimensionless"), ("amnh_obj1", "count")]
)
def test_real_maps(shared: Path, name: str, units: str) -> None:
    assert opened(shared / name)[0].intensity.attrs["units"] == units


@pytest.mark.parametrize("write", [folder, edf_folder, stack])
@pytest.mark.parametrize(
    ("dtype", "empty", "level"), [("uint8", (0, 1, 2), 0), ("uint16", (1,), 0), ("uint8", (0, 2), 7)]
)
def test_empty_maps_say_nothing(tmp_path: Path, write: type, dtype: str, empty: tuple[int, ...], level: int) -> None:
    maps = stretched(dtype)
    maps[list(empty)] = level
    scan, [message] = opened(write(tmp_path, maps))
    assert scan.intensity.attrs["units"] == "dimensionless"
    assert "Hg" in message
    counts = COUNTS.astype(dtype)
    counts[list(empty)] = level
    scan, said = opened(write(tmp_path, counts))
    assert (scan.intensity.attrs["units"], said) == ("count", [])


@pytest.mark.parametrize("level", [0, 255])
def test_maps_that_are_all_empty_stay_counts(tmp_path: Path, level: int) -> None:
    scan, said = opened(folder(tmp_path, np.full((4, 7, 9), level, "uint8")))
    assert (scan.intensity.attrs["units"], said) == ("count", [])


def test_damaged_values_are_reported_when_they_are_used(tmp_path: Path) -> None:
    for name, values in zip(NAMES, stretched("uint8"), strict=True):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.tile(values, (20, 20)), compression="zlib")
    whole = (tmp_path / "Ca_K.tif").read_bytes()
    middle = len(whole) // 2
    (tmp_path / "Ca_K.tif").write_bytes(whole[:middle] + bytes(60) + whole[middle + 60 :])
    scan, said = opened(tmp_path)
    assert said == []
    assert scan.intensity.sel(line="Pb-L").max() == 255
    with pytest.raises(xrfsr.InvalidInput, match=r"Ca_K\.tif' cannot be read"):
        scan.intensity.sel(line="Ca-K").load()


def test_few_maps_are_read_to_find_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xrfsr.io.readers.tiff import TiffMaps

    read: list[int] = []
    original = TiffMaps.read

    def counted(self: TiffMaps, maps: list[int], y: slice, x: slice) -> NDArray[np.generic]:
        read.extend(maps)
        return original(self, maps, y, x)

    monkeypatch.setattr(TiffMaps, "read", counted)
    opened(folder(tmp_path, COUNTS.astype("float32")))
    assert read == [0]
    read.clear()
    opened(folder(tmp_path, COUNTS.astype("uint8")))
    assert read == [0]
    read.clear()
    opened(folder(tmp_path, stretched("uint8")))
    assert read == [0, 1, 2]
    read.clear()
    monkeypatch.setattr("xrfsr.io.display.MOST_PIXELS", 62)
    opened(folder(tmp_path, stretched("uint8").astype("float32")))
    assert read == []


@pytest.mark.parametrize(
    ("dtype", "white", "expected"),
    [
        ("uint8", None, 255),
        ("uint8", 15, 15),
        (">u2", None, 65535),
        ("uint32", None, 0),
        ("int8", None, 0),
        ("f4", 255, 0),
    ],
)
def test_largest_numbers(dtype: str, white: int | None, expected: int) -> None:
    assert white_of(dtype, white) == expected


@pytest.mark.parametrize("write", [folder, edf_folder, stack])
@pytest.mark.parametrize(
    ("dtype", "end"),
    [
        ("float32", 1),
        ("float64", 1),
        ("float32", 255),
        ("float32", 65535),
        ("uint16", 255),
        ("uint16", 4095),
        ("int32", 4095),
    ],
)
@pytest.mark.parametrize("clip", [0.0, 0.02])
def test_stretched_maps_in_larger_types(tmp_path: Path, write: type, dtype: str, end: int, clip: float) -> None:
    if (write, dtype) in [(stack, "float64"), (stack, "int32")]:
        pytest.skip("ImageJ has no such numbers")
    low, high = (np.quantile(COUNTS, q, axis=(1, 2), keepdims=True) for q in (clip, 1 - clip))
    maps = (((COUNTS - low) / (high - low)).clip(0, 1) * end).astype(dtype)
    path = write(tmp_path, maps)
    scan, [message] = opened(path)
    assert scan.intensity.attrs["units"] == "dimensionless"
    assert "Ca_K, Fe_Ka" in message
    assert opened(path, units="count")[1] == []


def test_two_maps_or_another_end_are_no_reason(tmp_path: Path) -> None:
    maps = (COUNTS / COUNTS.max(axis=(1, 2), keepdims=True)).astype("float32")
    assert opened(folder(tmp_path, maps[:2]))[1] == []
    folder(tmp_path, np.concatenate([maps[:3], 0.9 * maps[3:]]))
    assert opened(tmp_path)[1] == []


class Held:
    """Maps in memory."""

    def __init__(self, maps: NDArray[np.generic]) -> None:
        self.maps = maps

    def read(self, maps: list[int], y: slice, x: slice) -> NDArray[np.generic]:
        return self.maps[maps, y, x]


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("dwell", [1.0, 0.5, 2.0, 4.0, 0.1])
@pytest.mark.parametrize("mean", [0.001, 0.02, 0.1, 0.5, 3, 12, 160, 200, 3100])
def test_counts_and_rates_are_never_stretched(dtype: str, dwell: float, mean: float) -> None:
    """Maps of weak lines that all end at 1, and bright ones that end about 255 and 4095."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        counts = rng.poisson(mean * rng.uniform(0, 1.3, (4, 30, 40)))
        held = Held((counts / dwell).astype(dtype))
        assert displayed(ScanDescription(NAMES, (30, 40), held, whites=(white_of(dtype),) * 4)) == []


def test_rates_that_all_end_at_one(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).binomial(4, 0.2, (4, 30, 40)) / 4
    assert maps.max(axis=(1, 2)).tolist() == [1] * 4
    assert opened(folder(tmp_path, maps.astype("float32")))[1] == []


def test_whole_numbers_that_end_at_255_but_do_not_begin_at_zero(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).poisson(180, (4, 30, 40)).clip(100, 255).astype("uint16")
    maps[:, 0, 0] = 255
    assert opened(folder(tmp_path, maps))[1] == []
