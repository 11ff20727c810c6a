"""Sums over regions of interest: of PyMca, and of GSECARS' maps."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from written import HEIGHT, LABELS, MAPS, WIDTH, pymca_hdf5, pymca_roi, xrmmap

import xrfsr
from xrfsr.errors import InvalidInput


def batch(folder: Path, names: list[str], outputRoot: str = "ROIS", **options: Any) -> Path:
    """Sum over regions with PyMca's own batch; the region of a map is one channel of its spectra."""
    spectra = np.zeros((HEIGHT, WIDTH, 64))
    spectra[:, :, 5 : 5 + 10 * len(MAPS) : 10] = np.moveaxis(MAPS, 0, -1)
    regions = {
        name: {"from": 10 * number + 3, "to": 10 * number + 7, "type": "Default"} for number, name in enumerate(names)
    }
    regions["ICR"] = {"from": 0, "to": 64, "type": "Default"}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        from PyMca5.PyMcaCore.StackROIBatch import StackROIBatch

        StackROIBatch().batchROIMultipleSpectra(
            y=spectra,
            configuration={"ROI": {"roilist": ["ICR", *names], "roidict": regions}},
            outputDir=str(folder),
            outputRoot=outputRoot,
            h5=True,
            **options,
        )
    return folder / f"{outputRoot}.h5"


@pytest.mark.parametrize("names", [["Ca K", "Fe Ka", "Pb L"], ["Ca", "FeKa", "Pb_L"]])
def test_the_batch_of_pymca(tmp_path: Path, names: list[str]) -> None:
    path = batch(tmp_path, names, xAtMinMax=True)
    with pytest.warns(UserWarning, match="no element lines are left out: ICR"):
        scan = xrfsr.open_scan(path, 1.0)
    assert scan["line"].values.tolist() == LABELS
    np.testing.assert_array_equal(scan["intensity"], MAPS)
    assert scan["intensity"].attrs["units"] == "count"
    part = xrfsr.open_scan(path, 1.0, lines=["Pb-L"])["intensity"][:, 1:3, ::-1]
    np.testing.assert_array_equal(part, MAPS[2:, 1:3, ::-1])


@pytest.mark.parametrize("name", ["IMAGES", "IMAGES/scan.csv", "IMAGES/scan.dat"])
def test_other_files_of_the_batch(tmp_path: Path, name: str) -> None:
    batch(tmp_path, ["Ca K", "Fe Ka", "Pb L"], outputRoot="IMAGES", fileEntry="scan", tif=True, csv=True, dat=True)
    with pytest.warns(UserWarning, match="left out: .*ICR"):
        scan = xrfsr.open_scan(tmp_path / name, 1.0)
    assert scan["line"].values.tolist() == LABELS
    np.testing.assert_allclose(scan["intensity"], MAPS, rtol=1e-5)
    raw = {"ROI_Ca_K": "Ca-K"} if name != "IMAGES" else {"scan_ROI_Ca_K": "Ca-K"}
    np.testing.assert_allclose(xrfsr.open_scan(tmp_path / name, 1.0, lines=raw)["intensity"][0], MAPS[0], rtol=1e-5)


def test_net_and_raw_sums(tmp_path: Path) -> None:
    path = pymca_roi(tmp_path)
    np.testing.assert_array_equal(xrfsr.open_scan(path, 1.0, group="raw")["intensity"], MAPS + 7)
    for group in ("net", "scan", "/scan/roi_sum", "scan/roi_sum/net"):
        np.testing.assert_array_equal(xrfsr.open_scan(path, 1.0, group=group)["intensity"], MAPS)
    with pytest.raises(InvalidInput, match=r"matches 0 sums over regions in .*choose one of group='/scan/roi_sum/net'"):
        xrfsr.open_scan(path, 1.0, group="net sums")
    with h5py.File(path, "a") as file:
        file.copy("scan", "again")
    with pytest.raises(InvalidInput, match=r"contains 4 sums over regions; choose one of group='/again/roi_sum/net'"):
        xrfsr.open_scan(path, 1.0)


def test_the_strongest_transitions_of_each_line(tmp_path: Path) -> None:
    """PyMca's batch writes these in place of a fit, where it is asked for regions of interest."""
    labels = [("Fe Ka", "KL3a"), ("Cr K", "KM3"), ("Pb L", "L3M5*"), ("W L1", "L1M3"), ("Pb L", "L3O45*")]
    maps = np.concatenate([MAPS, MAPS[:2] + 1])
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        from PyMca5.PyMcaPhysics.xrf.XRFBatchFitOutput import OutputBuffer

        out = OutputBuffer(outputDir=str(tmp_path), outputRoot="ROIS", fileEntry="scan", h5=True)
        with out.saveContext():
            out.allocateMemory("roi", data=maps, labels=labels, groupAttrs={"default": True})
    with pytest.warns(UserWarning, match=r"left out: Pb-L3O45"):
        scan = xrfsr.open_scan(tmp_path / "ROIS.h5", 1.0)
    assert scan["line"].values.tolist() == ["Fe-Ka1", "Cr-Kb1", "Pb-La1", "W-Lb3"]
    np.testing.assert_array_equal(scan["intensity"], maps[:4])


def test_a_fit_in_the_same_file_is_preferred(tmp_path: Path) -> None:
    path = pymca_hdf5(tmp_path)
    with h5py.File(pymca_roi(tmp_path)) as other, h5py.File(path, "a") as file:
        other.copy("scan", file, "regions")
    np.testing.assert_array_equal(xrfsr.open_scan(path, 1.0)["intensity"], MAPS)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (None, MAPS),
        ("mcasum", MAPS),
        ("xrmmap/roimap/mca1/cor", MAPS / 2),
        ("mca1", MAPS / 2),
        ("mcasum/raw", MAPS // 2),
        ("sum", MAPS),
        ("sum/raw", MAPS / 2),
    ],
)
def test_detectors_of_gsecars(tmp_path: Path, group: str | None, expected: np.ndarray) -> None:
    scan = xrfsr.open_scan(xrmmap(tmp_path), 1.0, group=group, lines=LABELS)
    np.testing.assert_array_equal(scan["intensity"], expected)
    np.testing.assert_array_equal(scan["intensity"][1, ::-2, 2:5], expected[1, ::-2, 2:5])


@pytest.mark.parametrize("root", ["xrmmap", "xrfmap", "map 2"])
def test_version_1_of_the_layout_of_gsecars(tmp_path: Path, root: str) -> None:
    path = xrmmap(tmp_path)
    with h5py.File(path, "a") as file:
        del file["xrmmap/roimap/mca1"], file["xrmmap/roimap/mcasum"], file["xrmmap/roimap/sum_name"]
        file["xrmmap/roimap/sum_name"] = np.array([b"b'I0'", b"b'Ca K'", b"b'Fe Ka'", b"b'Pb L'"])
        file["xrmmap"].attrs["Version"] = "1.0.1"
        if root != "xrmmap":
            file.move("xrmmap", root)
    with pytest.warns(UserWarning, match="left out: I0"):
        scan = xrfsr.open_scan(path, 1.0)
    assert scan["line"].values.tolist() == LABELS
    np.testing.assert_array_equal(scan["intensity"], MAPS)


def test_virtual_detectors_of_gsecars(tmp_path: Path) -> None:
    path = xrmmap(tmp_path)
    with h5py.File(path, "a") as file:
        file["xrmmap/work/Fe_Ka"] = MAPS[1]
        file["xrmmap/work/total"] = MAPS[0]
    with pytest.warns(UserWarning, match="left out: total"):
        scan = xrfsr.open_scan(path, 1.0, group="work")
    np.testing.assert_array_equal(scan["intensity"], MAPS[1:2])
    with pytest.raises(InvalidInput, match=r"group='mca9' does not exist in .*choose one of group='mca1', "):
        xrfsr.open_scan(path, 1.0, group="mca9")


def test_a_map_of_gsecars_without_regions(tmp_path: Path) -> None:
    path = xrmmap(tmp_path)
    with h5py.File(path, "a") as file:
        del file["xrmmap/roimap"]
        file.create_group("xrmmap/roimap")
    with pytest.raises(InvalidInput, match="has no region of interest in 'roimap'; define some in xraylarch"):
        xrfsr.open_scan(path, 1.0)
