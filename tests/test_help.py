"""What Tab completion, `help` and the last line of a cell show."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xrfsr
import xrfsr.analysis
import xrfsr.methods
import xrfsr.processing
import xrfsr.trust
from xrfsr.accessor import PlotAccessor, TreeAccessor, XrfsrAccessor
from xrfsr.network import TrainingConfig

PAINTING = xrfsr.simulate.painting(32, 32, lines=["Fe-K", "Pb-L"])
SCAN = PAINTING.scan
TREE = xr.DataTree.from_dict({"left": SCAN})
ACCESSORS = [SCAN.xrfsr, SCAN.intensity.xrfsr, SCAN.xrfsr.plot, TREE.xrfsr]
ROOMS = [xrfsr, xrfsr.analysis, xrfsr.plot, xrfsr.processing, xrfsr.regions, xrfsr.simulate, xrfsr.trust]


@pytest.mark.parametrize("accessor", ACCESSORS, ids=lambda accessor: type(accessor).__name__)
def test_completion_offers_all_public_names_of_an_accessor_and_no_other(accessor: Any) -> None:
    defined = {name for owner in type(accessor).__mro__ for name in vars(owner) if not name.startswith("_")}
    assert set(dir(accessor)) == defined
    assert len(defined) >= 3


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_completion_offers_all_public_names_of_a_room_and_no_other(room: ModuleType) -> None:
    assert dir(room) == sorted(room.__all__)


@pytest.mark.parametrize(
    ("accessor", "name"),
    [(one, name) for one in (XrfsrAccessor, PlotAccessor, TreeAccessor) for name in dir(one) if name[0] != "_"],
)
def test_help_shows_the_signature_without_the_object(accessor: type, name: str) -> None:
    made = {XrfsrAccessor: SCAN.xrfsr, PlotAccessor: SCAN.xrfsr.plot, TreeAccessor: TREE.xrfsr}[accessor]
    if isinstance(inspect.getattr_static(accessor, name), property):
        assert inspect.getdoc(getattr(accessor, name))
        return
    method = getattr(made, name)
    parameters = list(inspect.signature(method).parameters)
    assert not {"self", "args", "obj", "scan_or_map"} & set(parameters[:1])
    text = inspect.getdoc(method) or ""
    assert text.partition("\n")[0].endswith(".")
    for parameter in parameters:
        assert parameter in text, f"{name}: {parameter} is not explained"


def test_every_public_object_says_what_it_is_in_few_lines() -> None:
    model = SCAN.xrfsr.train(PAINTING.rgb, steps=1, progress=False)
    failed = xrfsr.regions.Report(("left",), (), {"right": "no photo"}, {"left": 1.0, "right": 0.1})
    grid = SCAN.xrfsr.grid
    shown = {
        repr(PAINTING): "2 lines: truth and rgb of 32 x 32 pixels, scan of 8 x 8",
        repr(grid): "8 x 8 pixels of 1 x 1 mm",
        repr(grid.y): "size=8",
        repr(SCAN.xrfsr.lines[0]): "label='Fe-K'",
        repr(SCAN.xrfsr): "superresolve",
        repr(SCAN.xrfsr.plot): "overlay",
        repr(TREE.xrfsr): "/left",
        repr(SCAN.xrfsr.downsampling(scale=2)): "from 16 x 16 to 8 x 8 pixels",
        repr(model): "Fe-K, Pb-L",
        repr(TrainingConfig(steps=7)): "TrainingConfig(steps=7)",
        repr(failed): "2 regions: 1 written, 0 skipped, 1 failed (right)",
        repr(xrfsr.methods.get("bilinear")): "'bilinear'",
        repr(xrfsr.InvalidInput("scan", ["x is 1"])): "invalid scan: x is 1",
    }
    for text, wanted in shown.items():
        assert wanted in text
        assert " object at 0x" not in text
        assert text.count("\n") < 3
        assert len(text) < 700


def test_a_configuration_is_made_again_from_what_it_shows() -> None:
    for config in (TrainingConfig.preset("paper"), TrainingConfig(steps=7, views="pixel")):
        assert eval(repr(config), {"TrainingConfig": TrainingConfig, "inf": np.inf}) == config


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("superresolve", "scan.xrfsr.superresolve("),
        ("overlay", "scan.xrfsr.plot.overlay("),
        ("open", "xrfsr.open_scan"),
        ("opn_photo", "xrfsr.open_photo"),
        ("nonsense", ""),
        ("__wrapped__", ""),
    ],
)
def test_names_that_are_not_there_get_a_hint(name: str, hint: str) -> None:
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'") as caught:
        getattr(xrfsr, name)
    assert hint in str(caught.value)
    assert (";" in str(caught.value)) == bool(hint)


def test_wrong_calls_of_methods_are_named_without_the_object() -> None:
    with pytest.raises(TypeError, match=r"ratio\(\): missing a required argument: 'b'; its arguments are a, b"):
        SCAN.xrfsr.ratio("Fe-K")
    with pytest.raises(TypeError, match=r"mask_outliers\(\) has no argument 'nonsense'; its arguments are"):
        SCAN.xrfsr.mask_outliers(nonsense=1)
    with pytest.raises(TypeError, match=r"validate\(\) takes .* by position, got 9 values"):
        SCAN.xrfsr.validate(*range(9))
