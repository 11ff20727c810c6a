"""Methods of other packages: found by their entry point, listed, run, and reported where they cannot be loaded."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import xrfsr
from xrfsr import methods
from xrfsr.errors import InvalidInput
from xrfsr.simulate import Painting

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "adding_a_method.md"


@pytest.fixture(scope="module")
def painting() -> Painting:
    return xrfsr.simulate.painting(64, 64, 4, seed=3, lines=["Fe-K", "Pb-L"])


def installed(folder: Path, code: str, points: dict[str, str]) -> Path:
    """Lay out a package and the metadata of its entry points, as pip installs them."""
    (folder / "replication_package.py").write_text(code, "utf-8")
    info = folder / "replication_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: replication-package\nVersion: 1.0\n", "utf-8")
    lines = "".join(f"{name} = {target}\n" for name, target in points.items())
    (info / "entry_points.txt").write_text(f"[xrfsr.methods]\n{lines}", "utf-8")
    return folder


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package on the page of adding_a_method.md, with a broken method, a wrong one, and one with a known name."""
    if not PAGE.is_file():
        pytest.skip("the docs are not next to the tests")
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)[0]
    points = {
        "replication": "replication_package:Replication",
        "broken": "replication_package:Absent",
        "wrong": "replication_package:ReplicationOptions",
        "kriging": "replication_package:Replication",
    }
    monkeypatch.syspath_prepend(installed(tmp_path, code, points))
    monkeypatch.delitem(sys.modules, "replication_package", raising=False)
    yield tmp_path
    sys.modules.pop("replication_package", None)


@pytest.mark.usefixtures("package")
def test_a_method_of_another_package_is_run_and_compared(painting: Painting) -> None:
    assert methods.names()[-1] == "wrong"
    assert "replication" in methods.names()
    fine = painting.scan.xrfsr.superresolve(painting.rgb, method="replication", gain=1.5, progress=False)
    assert fine.attrs["xrfsr_method"] == "replication"
    assert '"gain": 1.5' in fine.attrs["xrfsr_options"]
    compared = painting.scan.xrfsr.compare(
        painting.rgb, methods=["replication", "bilinear"], truth=painting.truth, progress=False
    )
    assert np.isfinite(compared.score).all()
    with pytest.raises(InvalidInput, match=r"gain must be a number from 0.5 to 2, got 3 \(default: 1.0\)"):
        painting.scan.xrfsr.superresolve(painting.rgb, method="replication", gain=3)


@pytest.mark.usefixtures("package")
def test_methods_that_need_nothing_else_include_those_of_others() -> None:
    with pytest.warns(UserWarning, match="'replication-package'"):
        found = methods.ready()
    assert {"unfolding", "replication"} <= set(found)
    assert "sisr" not in found


@pytest.mark.usefixtures("package")
def test_what_cannot_be_loaded_is_named_with_its_package() -> None:
    with pytest.raises(InvalidInput, match=r"'broken' of 'replication-package' cannot be loaded \(AttributeError"):
        methods.get("broken")
    with pytest.raises(InvalidInput, match=r"a subclass of xrfsr\.methods\.Method with name = 'wrong' is needed"):
        methods.get("wrong")


@pytest.mark.usefixtures("package")
def test_no_other_package_replaces_a_method_of_this_one() -> None:
    assert type(methods.get("kriging")).__module__ == "xrfsr.methods.kriging"
    assert methods.names().count("kriging") == 1


def test_a_process_of_its_own_finds_an_installed_package(package: Path) -> None:
    """Without any help of this process: a folder on the path is all there is."""
    code = "from xrfsr import methods; print(methods.get('replication').halo(None), 'replication' in methods.names())"
    paths = [str(package), str(Path(xrfsr.__file__).parents[1])]
    made = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {code}"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert made.stdout.split() == ["None", "True"]


def test_a_name_that_is_close_is_suggested() -> None:
    with pytest.raises(InvalidInput, match="method 'krigging' is unknown; did you mean 'kriging'"):
        methods.get("krigging")
    assert set(methods.names()) >= {point.name for point in metadata.entry_points(group="xrfsr.methods")}
