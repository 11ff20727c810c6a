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
from xrfsr.io.display import white_of

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
    assert read == []
    opened(folder(tmp_path, COUNTS.astype("uint8")))
    assert read == [0]
    read.clear()
    opened(folder(tmp_path, stretched("uint8")))
    assert read == [0, 1, 2]


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
