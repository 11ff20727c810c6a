"""What `import xrfsr` costs, and what it offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import xrfsr

ROOT = Path(xrfsr.__file__).parents[1]
HEAVY = ("torch", "pint", "pint_xarray", "xraydb", "scipy", "matplotlib", "dask", "PIL", "rasterio", "zarr", "tqdm")


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_import_brings_nothing_heavy() -> None:
    loaded = python(f"import sys, xrfsr; print([name for name in {HEAVY} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_import_brings_xarray_and_few_modules_of_our_own() -> None:
    """Of what else is imported, the time is that of xarray's import."""

    def modules(name: str) -> set[str]:
        return set(python(f"import sys, {name}; print(*sys.modules)").split())

    more = modules("xrfsr") - modules("xarray")
    assert {name.partition(".")[0] for name in more} == {"xrfsr"}
    assert len(more) <= 17


def test_dir_lists_the_public_names() -> None:
    assert set(dir(xrfsr)) == set(xrfsr.__all__)
    assert len(xrfsr.__all__) <= 18


@pytest.mark.parametrize("name", xrfsr.__all__)
def test_public_names_exist(name: str) -> None:
    assert getattr(xrfsr, name) is not None


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = xrfsr.nonsense


def test_star_import_is_complete() -> None:
    code = "from xrfsr import *; print(callable(open_scan), callable(simulate.painting))"
    assert python(code).split() == ["True", "True"]


def test_the_accessor_is_there_at_once() -> None:
    code = "import xarray as xr, xrfsr; print(hasattr(xr.Dataset, 'xrfsr'), hasattr(xr.DataArray, 'xrfsr'))"
    assert python(code).split() == ["True", "True"]
