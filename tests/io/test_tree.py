"""Files with several results open as a tree with one scan in each group."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from bcf import write_bcf
from written import (
    MAPS,
    datamuncher,
    ewoksfluo,
    ewoksfluo_stack,
    hyperspy,
    maps_v9,
    pymca,
    pymca_hdf5,
    pymca_roi,
    pyxrf,
    tiff_folder,
    xrf_maps,
    xrmmap,
)

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.writers.zarr import to_zarr

PIXEL = "0.25 mm"


def nodes(tree: xr.DataTree) -> dict[str, xr.Dataset]:
    return {node.path: node.to_dataset() for node in tree.subtree if node.has_data}


def test_every_fit_of_a_file_is_a_node(tmp_path: Path) -> None:
    path = ewoksfluo(tmp_path)
    with h5py.File(path, "a") as file:
        file.copy("2.1", "3.1")
        file["3.1/fit/results/parameters/Ca_K"][...] *= 2
    found = nodes(xr.open_datatree(path, engine="xrfsr"))
    assert list(found) == ["/2.1/fit", "/3.1/fit"]
    for name, factor in (("/2.1/fit", 1), ("/3.1/fit", 2)):
        np.testing.assert_array_equal(found[name]["intensity"].sel(line="Ca-K"), factor * MAPS[0])
        xr.testing.assert_identical(found[name], xr.open_dataset(path, engine="xrfsr", group=name))


@pytest.mark.parametrize(
    ("write", "names"),
    [
        (pyxrf, ["/det1", "/detsum"]),
        (xrf_maps, ["/Fitted", "/ROI"]),
        (maps_v9, ["/Fitted", "/NNLS", "/ROI"]),
        (pymca_roi, ["/scan/roi_sum/net", "/scan/roi_sum/raw"]),
        (lambda folder: pymca(folder) / "IMAGES.h5", ["/painting/xrf_fit"]),
        (datamuncher, ["/"]),
        (tiff_folder, ["/"]),
    ],
)
def test_detectors_and_analyses_are_nodes(write: Callable[[Path], Path], names: list[str], tmp_path: Path) -> None:
    path = write(tmp_path)
    groups = xr.open_groups(path, engine="xrfsr", pixel_size=PIXEL)
    assert sorted(name for name in groups if groups[name].sizes) == names
    for name in names:
        own = {} if name == "/" else {"group": name.strip("/")}
        one = xr.open_dataset(path, engine="xrfsr", pixel_size=PIXEL, **own)
        xr.testing.assert_identical(groups[name], one)


def test_detectors_of_gsecars_are_nodes(tmp_path: Path) -> None:
    path = xrmmap(tmp_path)
    with pytest.warns(UserWarning, match="left out: I0"):
        found = nodes(xr.open_datatree(path, engine="xrfsr", pixel_size=PIXEL))
    assert sorted(found) == ["/mca1", "/mcasum", "/sum"]
    np.testing.assert_array_equal(found["/mca1"]["intensity"], MAPS / 2)
    with h5py.File(path, "a") as file:
        file.copy("xrmmap", "second")
        file["second/roimap/mca1/Ca K/cor"][...] *= 3
    lines = ["Ca-K", "Pb-L"]
    found = nodes(xr.open_datatree(path, engine="xrfsr", pixel_size=PIXEL, lines=lines))
    assert {"/xrmmap/mca1", "/xrmmap/mcasum", "/second/mca1", "/second/sum"} < set(found)
    np.testing.assert_array_equal(found["/xrmmap/mca1"]["intensity"][0], MAPS[0] / 2)
    np.testing.assert_array_equal(found["/second/mca1"]["intensity"][0], MAPS[0] * 1.5)
    with pytest.raises(InvalidInput, match="contains 2 maps, second, xrmmap; choose one of group='second/mca1', "):
        xrfsr.open_scan(path, PIXEL)
    scan = xrfsr.open_scan(path, PIXEL, group="/second/mca1", lines=lines)
    np.testing.assert_array_equal(scan["intensity"][0], MAPS[0] * 1.5)


def test_sums_over_regions_are_nodes_next_to_those_of_fits(tmp_path: Path) -> None:
    path = pymca_hdf5(tmp_path)
    with h5py.File(pymca_roi(tmp_path)) as other, h5py.File(path, "a") as file:
        other.copy("scan", file, "regions")
        other.copy("scan/roi_sum/results/roisum", file["painting/xrf_fit/results"])
    found = nodes(xr.open_datatree(path, engine="xrfsr", pixel_size=PIXEL))
    assert sorted(found) == ["/painting/xrf_fit", "/regions/roi_sum/net", "/regions/roi_sum/raw"]
    np.testing.assert_array_equal(found["/painting/xrf_fit"]["intensity"], MAPS)
    np.testing.assert_array_equal(found["/regions/roi_sum/raw"]["intensity"], MAPS + 7)
    one = xr.open_dataset(path, engine="xrfsr", pixel_size=PIXEL, group="regions/roi_sum/raw")
    xr.testing.assert_identical(one, found["/regions/roi_sum/raw"])
    with pytest.raises(InvalidInput, match="matches 0 fits"):
        xr.open_dataset(path, engine="xrfsr", pixel_size=PIXEL, group="regions", quantity="mass_fraction")
    with h5py.File(path, "a") as file:
        del file["regions/roi_sum/results/roisum"].attrs["signal"]
    assert list(nodes(xr.open_datatree(path, engine="xrfsr", pixel_size=PIXEL))) == ["/painting/xrf_fit"]


def test_each_scan_of_a_stack_is_a_node_unless_one_is_chosen(tmp_path: Path) -> None:
    path = ewoksfluo_stack(tmp_path)
    found = nodes(xr.open_datatree(path, engine="xrfsr"))
    assert list(found) == [f"/1.1/regrid/{number}" for number in range(3)]
    for number, factor in enumerate((0.5, 1, 0.25)):
        np.testing.assert_allclose(found[f"/1.1/regrid/{number}"]["intensity"], factor * MAPS)
    found = nodes(xr.open_datatree(path, engine="xrfsr", index=1))
    np.testing.assert_array_equal(found["/1.1/regrid"]["intensity"], MAPS)


def test_cubes_are_nodes(tmp_path: Path) -> None:
    path = hyperspy(tmp_path)
    with h5py.File(path, "a") as file:
        file.copy("Experiments/painting", "Experiments/frame")
    tree = xr.open_datatree(path, engine="xrfsr", lines=["Ca-K"], chunks={})
    assert sorted(nodes(tree)) == ["/frame", "/painting"]
    assert tree["painting/intensity"].chunks is not None
    np.testing.assert_allclose(tree["painting/intensity"][0], MAPS[0])


def test_regions_of_a_store_are_nodes(tmp_path: Path) -> None:
    scan = xrfsr.as_scan(MAPS, ["Ca-K", "Fe-Ka", "Pb-L"], 0.5)
    to_zarr(scan, tmp_path / "one.zarr")
    assert list(nodes(xr.open_datatree(tmp_path / "one.zarr", engine="xrfsr"))) == ["/"]
    xr.DataTree.from_dict({"/panel/left": scan, "/panel/right": scan * 2, "/back": scan * 3}).to_zarr(
        tmp_path / "all.zarr", consolidated=False
    )
    found = nodes(xr.open_datatree(tmp_path / "all.zarr", engine="xrfsr"))
    assert list(found) == ["/back", "/panel/left", "/panel/right"]
    np.testing.assert_array_equal(found["/panel/right"]["intensity"], 2 * MAPS)
    found = nodes(xr.open_datatree(tmp_path / "all.zarr", engine="xrfsr", group="panel", lines=["Pb-L"]))
    assert list(found) == ["/panel/left", "/panel/right"]
    assert found["/panel/left"]["line"].values.tolist() == ["Pb-L"]


def test_detectors_of_a_hypermap_are_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rsciio.bruker")
    from xrfsr.io.readers import bruker
    from xrfsr.io.readers.bruker_decoder import _described, decode

    monkeypatch.setattr(  # in this process, which is quicker
        bruker, "describe_maps", lambda path, wanted=None, records=False: _described(str(path), wanted, records)
    )
    counts = np.random.default_rng(0).poisson(5, (3, 4, 300))
    path = write_bcf(tmp_path / "map.bcf", [counts, 2 * counts])
    assert list(nodes(xr.open_datatree(path, engine="xrfsr", lines=["Ca-K"]))) == ["/0", "/1"]
    np.testing.assert_array_equal(decode(path, [1], 9.0)[..., :300], 2 * counts)
    path = write_bcf(tmp_path / "map.bcf", counts)
    assert list(nodes(xr.open_datatree(path, engine="xrfsr", lines=["Ca-K"]))) == ["/"]


def test_results_that_cannot_be_opened_are_left_out_and_named(tmp_path: Path) -> None:
    path = ewoksfluo(tmp_path)
    with h5py.File(path, "a") as file:
        file.copy("2.1", "1.1")
        del file["1.1/fit/results/parameters"].attrs["signal"]
    with pytest.warns(
        UserWarning, match=r"1 of 2 results in .* left out: /1\.1/fit, because .* has no attribute 'signal'"
    ):
        tree = xr.open_datatree(path, engine="xrfsr")
    assert list(nodes(tree)) == ["/2.1/fit"]
    assert list(nodes(xr.open_datatree(path, engine="xrfsr", group="2.1"))) == ["/2.1/fit"]
    with pytest.raises(InvalidInput, match="has no attribute 'signal'"):
        xr.open_datatree(path, engine="xrfsr", group="1.1")


def test_fits_of_points_are_left_out_beside_those_that_were_made_of_them(tmp_path: Path) -> None:
    path = ewoksfluo(tmp_path)
    with h5py.File(path, "a") as file:
        file.copy("2.1", "1.1")
        points = file["1.1/fit/results/parameters"]
        for name in ("Ca_K", "Fe_Ka", "Pb_L"):
            del points[name]
            points[name] = MAPS[0].ravel()
    assert list(nodes(xr.open_datatree(path, engine="xrfsr"))) == ["/2.1/fit"]
    for wanted in ("1.1", "/1.1/fit"):
        with pytest.raises(InvalidInput, match="35 points, which are not arranged on a grid"):
            xr.open_datatree(path, engine="xrfsr", group=wanted)


def test_what_is_wrong_with_all_results_is_said_once(tmp_path: Path) -> None:
    path = pyxrf(tmp_path)
    with pytest.raises(InvalidInput, match="pixel_size is missing") as caught:
        xr.open_datatree(path, engine="xrfsr")
    assert len(caught.value.faults) == 1
    with pytest.raises(InvalidInput, match="group='det9' does not exist"):
        xr.open_datatree(path, engine="xrfsr", pixel_size=PIXEL, group="det9")
    with pytest.raises(InvalidInput, match="group must be the name of a group"):
        xr.open_datatree(path, engine="xrfsr", pixel_size=PIXEL, group=1)
    with pytest.raises(InvalidInput, match="does not exist"):
        xr.open_datatree(tmp_path / "none.h5", engine="xrfsr")


def test_variables_are_dropped_in_every_node(tmp_path: Path) -> None:
    tree = xr.open_datatree(ewoksfluo(tmp_path), engine="xrfsr", drop_variables="uncertainty")
    assert list(tree["2.1/fit"].data_vars) == ["intensity"]
