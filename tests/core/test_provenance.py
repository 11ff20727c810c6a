"""Checksums of scans and photos, and the record of a result in its attributes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from xrfsr.core.from_arrays import as_scan
from xrfsr.core.photo import as_photo
from xrfsr.core.provenance import checksum, known_record, record_of


@pytest.fixture
def scan() -> xr.Dataset:
    rng = np.random.default_rng(0)
    maps = rng.poisson(20, (2, 530, 40)).astype(np.float32)
    maps[0, 3, 4] = np.nan
    return as_scan(maps, ["Ca-K", "Fe-K"], "0.5 mm").assign_coords(valid=(("y", "x"), rng.random((530, 40)) > 0.1))


@pytest.fixture
def photo(scan: xr.Dataset) -> xr.DataArray:
    return as_photo(np.random.default_rng(1).random((3, 530, 40)), like=scan)


@pytest.mark.parametrize("chunks", [{"y": 7, "x": 11, "line": 1}, {"y": 300}, {}])
def test_chunks_do_not_matter(scan: xr.Dataset, photo: xr.DataArray, chunks: dict[str, int]) -> None:
    assert checksum(scan.chunk(chunks)) == checksum(scan)
    assert checksum(photo.chunk({name: size for name, size in chunks.items() if name != "line"})) == checksum(photo)


def test_files_do_not_matter(scan: xr.Dataset, photo: xr.DataArray, tmp_path: Path) -> None:
    scan.to_netcdf(tmp_path / "scan.nc")
    photo.xrfsr.to_zarr(tmp_path / "photo.zarr")
    with xr.open_dataset(tmp_path / "scan.nc") as stored:
        assert checksum(stored.xrfsr.validate()) == checksum(scan)
    with xr.open_dataarray(tmp_path / "photo.zarr", engine="zarr") as picture:
        assert checksum(picture) == checksum(photo)


ALIKE: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "attributes": lambda scan: scan.assign_attrs(title="panel"),
    "further coordinates": lambda scan: scan.assign_coords(row=("y", np.arange(530))).drop_vars("energy"),
    "rounding of positions": lambda scan: scan.assign_coords(x=scan.x + 1e-10),
    "masked pixels": lambda scan: scan.assign(intensity=scan.intensity.where(scan.valid, 7)),
    "byte order": lambda scan: scan.astype(">f4"),
    "zeros with a sign": lambda scan: scan.assign(intensity=scan.intensity * np.float32(1) + np.float32(-0.0)),
    "the order in memory": lambda scan: scan.copy(data={"intensity": np.asfortranarray(scan.intensity.values)}),
}
OTHER: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "one value": lambda scan: scan.assign(intensity=scan.intensity + (scan.x == scan.x[7]) * np.float32(1e-3)),
    "the order of values": lambda scan: scan.copy(data={"intensity": scan.intensity.values[:, :, ::-1]}),
    "positions": lambda scan: scan.assign_coords(x=scan.x + 1e-3),
    "labels": lambda scan: scan.assign_coords(line=["Ca-K", "Fe-Ka"]),
    "units": lambda scan: scan.assign(intensity=scan.intensity.assign_attrs(units="count/s")),
    "the mask": lambda scan: scan.assign_coords(valid=~scan.valid),
    "an uncertainty": lambda scan: scan.assign(uncertainty=scan.intensity),
    "a gap": lambda scan: scan.assign(intensity=scan.intensity.where(scan.y > 1)),
}


@pytest.mark.parametrize("change", ALIKE)
def test_what_does_not_matter(scan: xr.Dataset, change: str) -> None:
    with xr.set_options(keep_attrs=True):
        assert checksum(ALIKE[change](scan)) == checksum(scan)


@pytest.mark.parametrize("change", OTHER)
def test_what_matters(scan: xr.Dataset, change: str) -> None:
    with xr.set_options(keep_attrs=True):
        assert checksum(OTHER[change](scan)) != checksum(scan)


def test_the_algorithm_is_the_documented_one(photo: xr.DataArray) -> None:
    from hashlib import sha256

    def short(content: bytes) -> bytes:
        return sha256(content).digest()

    strips = b"".join(short(photo.values[i, top : top + 256].tobytes()) for i in range(3) for top in (0, 256, 512))
    bands = short(b'["red", "green", "blue"]').hex()
    described = [
        f"band ('band',) (3,)  {bands}",
        f"values ('band', 'y', 'x') (3, 530, 40) dimensionless {short(strips).hex()}",
        *(f"{name} ('{name}',) ({photo[name].size},)  {short(photo[name].values.tobytes()).hex()}" for name in "xy"),
    ]
    whole = short("".join(f"{line}\n" for line in described).encode()).hex()
    assert checksum(photo.assign_attrs(units="dimensionless")) == f"sha256:{whole}"


def test_records_are_read_from_foreign_text_within_bounds() -> None:
    stored = {
        "xrfsr_method": "gsa", "xrfsr_seed": "4", "xrfsr_scale": "2.5", "xrfsr_steps": "many", "xrfsr_options": "{}",
        "xrfsr_evil": "x", "title": "x", "xrfsr_weights": "x" * (2**20 + 1),
    }  # fmt: skip
    expected = {"xrfsr_method": "gsa", "xrfsr_seed": 4, "xrfsr_scale": 2.5, "xrfsr_options": "{}"}
    assert known_record(stored) == expected
    assert known_record(stored | {"xrfsr_method": "a\nb"}) == {}
    assert known_record(stored | {"xrfsr_seed": "9" * 10**4}).get("xrfsr_seed") is None


def test_the_record_may_be_at_the_dataset_or_at_its_maps(scan: xr.Dataset) -> None:
    made = {"xrfsr_method": "gsa", "xrfsr_seed": 1}
    assert record_of(scan) == {}
    assert record_of(scan.assign_attrs(made, title="x")) == made
    assert record_of(scan.intensity.assign_attrs(made)) == made
    assert record_of(scan.assign(intensity=scan.intensity.assign_attrs(made))) == made
