"""Links in HDF5 files: followed within the folder of the file, refused by name beyond it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from written import LABELS, MAPS, ewoksfluo, pyxrf

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.hdf5_links import open_hdf5

GROUP = "2.1/fit/results/parameters"


@pytest.fixture
def fit(tmp_path: Path) -> Path:
    """Write a fit to a folder of its own, with a secret next to that folder."""
    (tmp_path / "scan").mkdir()
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["map"] = MAPS[0]
        file["group/Ca_K"] = MAPS[0]
    return ewoksfluo(tmp_path / "scan")


def replace(path: Path, name: str, by: object) -> None:
    with h5py.File(path, "a") as file:
        del file[name]
        file[name] = by


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, **options).load()  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize("target", ["../secret.h5", "{absolute}"])
def test_an_external_link_out_of_the_folder_is_refused(fit: Path, target: str) -> None:
    target = target.format(absolute=fit.parents[1] / "secret.h5")
    replace(fit, f"{GROUP}/Ca_K", h5py.ExternalLink(target, "/map"))
    message = refusal(fit)
    for part in (f"'{fit}' links '/{GROUP}/Ca_K' to '/map' in '{target}'", "outside the folder", "external=True"):
        assert part in message
    scan = xrfsr.open_scan(fit, external=True)
    np.testing.assert_array_equal(scan["intensity"], MAPS)


def test_links_within_the_folder_are_followed(fit: Path) -> None:
    """Soft links, and external ones to groups and datasets whose own links lead back."""
    (fit.parent / "parts").mkdir()
    with h5py.File(fit.parent / "parts" / "maps.h5", "w") as file:
        file["real/Ca_K"] = MAPS[0]
        file["soft"] = h5py.SoftLink("/real")
        file["back"] = h5py.ExternalLink("../fit.h5", f"/{GROUP}/Fe_Ka")
    replace(fit, f"{GROUP}/Ca_K", h5py.ExternalLink("parts/maps.h5", "/soft/Ca_K"))
    replace(fit, f"{GROUP}/Pb_L", h5py.SoftLink("./Ca_K"))
    with h5py.File(fit, "a") as file:
        file["parts"] = h5py.ExternalLink("parts/maps.h5", "/")
        file["again"] = h5py.SoftLink("2.1/fit")
    scan = xrfsr.open_scan(fit).load()
    np.testing.assert_array_equal(scan["intensity"], MAPS[[0, 1, 0]])
    with open_hdf5(fit) as root:
        np.testing.assert_array_equal(root["parts/back"], MAPS[1])
        assert root["parts/soft"].name == "/parts/soft"
        assert root["again/results/parameters"].parent.name == "/again/results"
        assert root.get("parts/nothing") is None
        assert "parts/soft/Ca_K" in root
        assert root.get("again", getlink=True).path == "2.1/fit"


def test_groups_behind_links_are_read_from_the_file_that_was_named(fit: Path) -> None:
    with h5py.File(fit.parent / "more.h5", "w") as file, h5py.File(fit, "a") as old:
        old.copy("2.1/fit/results", file, "inner")
    replace(fit, "2.1/fit/results", h5py.ExternalLink("more.h5", "/inner"))
    np.testing.assert_array_equal(xrfsr.open_scan(fit)["intensity"], MAPS)


def test_links_that_are_not_followed_do_not_matter(fit: Path) -> None:
    with h5py.File(fit, "a") as file:
        for number, (name, target) in enumerate(
            (("/etc/passwd", "/"), ("nowhere.h5", "/x"), ("/dev/zero", "/x"), ("../secret.h5", "/map"))
        ):
            file[f"{number + 7}.1"] = h5py.ExternalLink(name, target)
            file[f"2.1/fit/{number}"] = h5py.ExternalLink(name, target)
            file[f"{GROUP}/{number}"] = h5py.ExternalLink(name, target)
        file["loop"] = h5py.SoftLink("/loop")
        file["2.1/fit/program"] = h5py.ExternalLink("/etc/passwd", "/")
    np.testing.assert_array_equal(xrfsr.open_scan(fit)["intensity"], MAPS)


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: None, "does not exist"),
        (os.mkfifo, r"is a named pipe \(FIFO\), not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file|outside the folder"),
        (Path.mkdir, "is a folder"),
        (lambda path: path.write_text("no HDF5"), "cannot be read"),
        (lambda path: h5py.File(path, "w").close(), "does not contain it"),
    ],
)
def test_a_link_to_nothing_readable_is_always_refused(
    fit: Path, make: Callable[[Path], object], problem: str, external: bool
) -> None:
    make(fit.parent / "maps.h5")
    replace(fit, f"{GROUP}/Ca_K", h5py.ExternalLink("maps.h5", "/map"))
    with pytest.raises(InvalidInput, match=rf"fit\.h5' links .* to '/map' in 'maps\.h5'.*({problem})"):
        xrfsr.open_scan(fit, external=external).load()


def test_a_symbolic_link_out_of_the_folder_is_refused_as_a_target(fit: Path) -> None:
    (fit.parent / "near.h5").symlink_to("../secret.h5")
    replace(fit, f"{GROUP}/Ca_K", h5py.ExternalLink("near.h5", "/map"))
    assert "secret.h5') is outside the folder" in refusal(fit)


def test_the_path_itself_may_be_a_symbolic_link(fit: Path) -> None:
    with h5py.File(fit.parent / "maps.h5", "w") as file:
        file["map"] = MAPS[0]
    replace(fit, f"{GROUP}/Ca_K", h5py.ExternalLink("maps.h5", "/map"))
    link = fit.parents[1] / "link.h5"
    link.symlink_to(fit)
    np.testing.assert_array_equal(xrfsr.open_scan(link)["intensity"], MAPS)


def test_files_that_were_moved_together_are_found(fit: Path) -> None:
    with h5py.File(fit.parent / "maps.h5", "w") as file:
        file["map"] = MAPS[0]
    replace(fit, f"{GROUP}/Ca_K", h5py.ExternalLink("/former/place/maps.h5", "/map"))
    np.testing.assert_array_equal(xrfsr.open_scan(fit)["intensity"], MAPS)


@pytest.mark.parametrize("length", [1, 2, 30])
def test_links_in_a_circle_are_refused(fit: Path, length: int) -> None:
    with h5py.File(fit, "a") as file:
        for number in range(length):
            file[f"link{number}"] = h5py.SoftLink(f"/link{(number + 1) % length}")
    replace(fit, f"{GROUP}/Ca_K", h5py.SoftLink("/link0"))
    assert "form a loop or a chain" in refusal(fit)


def test_other_detectors_may_lie_elsewhere(tmp_path: Path) -> None:
    path = pyxrf(tmp_path)
    with h5py.File(path, "a") as file:
        file["xrfmap/far"] = h5py.ExternalLink("/etc/passwd", "/")
    np.testing.assert_array_equal(xrfsr.open_scan(path, 1.0, lines=LABELS)["intensity"], MAPS)
    assert "'/xrfmap/far' to '/' in '/etc/passwd'" in refusal(path, pixel_size=1.0, group="far")
    replace(path, "xrfmap/detsum", h5py.ExternalLink("/etc/passwd", "/"))
    replace(path, "xrfmap/det1", h5py.ExternalLink("/etc/passwd", "/"))
    assert "outside the folder" in refusal(path, pixel_size=1.0)


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_external_is_a_switch(fit: Path, value: object) -> None:
    assert "external must be True or False, got " in refusal(fit, external=value)
