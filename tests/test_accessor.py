"""The accessors: signatures and docs are those of the functions, imported at first use."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest
import xarray as xr

import xrfsr
from xrfsr.accessor import Forwarded, PlotAccessor, TreeAccessor, XrfsrAccessor

FORWARDED = [
    (owner, name)
    for owner in (XrfsrAccessor, PlotAccessor, TreeAccessor)
    for name, value in vars(owner).items()
    if isinstance(value, Forwarded)
]


@pytest.mark.parametrize(("owner", "name"), FORWARDED)
def test_docs_and_signature_are_those_of_the_function(owner: type, name: str) -> None:
    method, forwarded = getattr(owner, name), vars(owner)[name]
    function = getattr(import_module(f"xrfsr.{forwarded._module}"), forwarded._name)
    first, *others = inspect.signature(function).parameters.values()
    own = inspect.signature(method.__get__(object())).parameters.values()
    assert list(own) == others
    written, shown = inspect.getdoc(function) or "", inspect.getdoc(method) or ""
    assert shown.splitlines()[0] == written.splitlines()[0]
    assert f"\n{first.name} : " in written
    assert f"\n{first.name} : " not in shown
    # Nothing but that parameter is missing.
    rest = written.splitlines()
    assert [line for line in shown.splitlines() if line not in rest] == []
    for parameter in others:
        listed = [line for line in shown.splitlines() if " : " in line or line.startswith("**") or "," in line]
        assert any(parameter.name in line for line in listed), parameter.name


def test_methods_work_on_dataset_array_and_tree(scan: xr.Dataset) -> None:
    assert scan.xrfsr.crop(x=(0, 4)).sizes["x"] == 8
    assert scan.intensity.xrfsr.crop(x=(0, 4)).sizes["x"] == 8
    tree = xr.DataTree.from_dict({"left": scan.isel(x=slice(0, 8)), "right": scan.isel(x=slice(8, 16))})
    fine = tree.xrfsr.superresolve(method="kriging", scale=2)
    assert fine["left"].sizes["x"] == 16
    assert repr(scan.xrfsr).startswith("<.xrfsr of a Dataset {")
    assert "superresolve" in repr(scan.xrfsr)


def test_what_a_user_misspells_is_an_attribute_error(scan: xr.Dataset) -> None:
    with pytest.raises(AttributeError, match="superesolve"):
        scan.xrfsr.superesolve()
    assert xrfsr.accessor.__all__ == ["PlotAccessor", "TreeAccessor", "XrfsrAccessor"]
