"""Results made again from their own record."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from quick import QUICK as SHORT

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.simulate import Painting

QUICK: dict[str, Any] = SHORT | {"progress": False, "device": "cpu", "refine": None}
FAST: dict[str, Any] = {"method": "gsa", "refine": None}


@pytest.fixture(scope="module")
def painting() -> Painting:
    return xrfsr.simulate.painting(64, 80, 4, seed=20, lines=["Fe-K", "Pb-L"])


@pytest.fixture(scope="module")
def fine(painting: Painting) -> xr.Dataset:
    made: xr.Dataset = painting.scan.xrfsr.superresolve(painting.rgb, **FAST)
    return made


def changed(fine: xr.Dataset, **options: Any) -> xr.Dataset:
    """A result with other options in its record."""
    kept = json.loads(fine.attrs["xrfsr_options"])
    return fine.assign_attrs(xrfsr_options=json.dumps(kept | options))


def test_the_same_again(painting: Painting, fine: xr.Dataset) -> None:
    made = xrfsr.reproduce(fine, painting.scan, painting.rgb)
    assert made.same
    assert (made.changed, made.unknown) == ({}, ())
    assert repr(made) == "<xrfsr.Reproduction: the same maps to the bit>"
    assert made.difference.dims == ("line",)
    assert made.difference.line.values.tolist() == ["Fe-K", "Pb-L"]
    np.testing.assert_array_equal(made.fine.intensity, fine.intensity)


def test_a_network_is_trained_again(painting: Painting) -> None:
    fine = painting.scan.xrfsr.superresolve(painting.rgb, seed=2, **QUICK)
    made = xrfsr.reproduce(fine, painting.scan, painting.rgb, progress=False)
    assert made.same
    assert made.changed == {}


FORMS: dict[str, Callable[[xr.Dataset], Any]] = {
    "a DataArray": lambda fine: fine.intensity.assign_attrs(fine.attrs),
    "one variable for each line": lambda fine: fine.xrfsr.to_dataset(),
    "cropped": lambda fine: fine.isel(x=slice(3, 40)),
    "one line": lambda fine: fine.sel(line="Pb-L"),
    "flipped": lambda fine: fine.isel(y=slice(None, None, -1)),
    "lazy": lambda fine: fine.chunk(y=16),
    "with rounded positions": lambda fine: fine.assign_coords(x=fine.x + 1e-9),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_a_result(painting: Painting, fine: xr.Dataset, form: str) -> None:
    with xr.set_options(keep_attrs=True):
        made = xrfsr.reproduce(FORMS[form](fine), painting.scan, painting.rgb)
    assert made.same
    assert made.changed.keys() == ({"lines"} if form == "one line" else set())


def test_lazy_scans_and_photos(painting: Painting, fine: xr.Dataset) -> None:
    scan, rgb = painting.scan.chunk(y=5), painting.rgb.chunk(x=30)
    made = xrfsr.reproduce(fine, scan, rgb)
    assert made.same
    assert (made.changed, made.unknown) == ({}, ())
    assert made.fine.intensity.chunks is not None
    other = xrfsr.reproduce(fine, scan + 1e-3, rgb)
    assert other.changed.keys() == {"scan_checksum"}
    lazy = xrfsr.reproduce(scan.xrfsr.superresolve(rgb, **FAST), painting.scan, painting.rgb)
    assert lazy.same
    assert lazy.unknown == ("scan_checksum", "photo_checksum")
    assert "not in the record: scan_checksum, photo_checksum" in repr(lazy)


def test_what_differs_is_named(painting: Painting, fine: xr.Dataset) -> None:
    older = fine.assign_attrs(xrfsr_version="0.0.9", xrfsr_libraries='{"numpy": "1.0", "scipy": "1.0", "cupy": "9"}')
    scan = painting.scan.copy(deep=True)
    scan.intensity[0, 3, 3] += 40
    made = xrfsr.reproduce(older, scan, 0.9 * painting.rgb)
    assert made.changed.keys() == {
        "version", "scan_checksum", "photo_checksum", "library numpy", "library scipy", "library cupy",
    }  # fmt: skip
    assert made.changed["version"] == ("0.0.9", xrfsr.__version__)
    assert made.changed["library cupy"] == ("9", None)
    apart = np.abs(made.fine.intensity - fine.intensity).max(("y", "x"))
    span = fine.intensity.max(("y", "x")) - fine.intensity.min(("y", "x"))
    np.testing.assert_allclose(made.difference, apart / span, rtol=1e-6)
    shown = repr(made).splitlines()
    assert shown[0] == "<xrfsr.Reproduction: the maps differ>"
    assert shown[1] == f"  version: was 0.0.9, is {xrfsr.__version__}"
    assert f"    Fe-K: {made.difference.values[0]:.2g}" in shown


def test_maps_that_were_changed_are_noticed(painting: Painting, fine: xr.Dataset) -> None:
    retouched = fine.copy(deep=True)
    retouched.intensity[1, 7, 9] *= 1.5
    made = xrfsr.reproduce(retouched, painting.scan, painting.rgb)
    assert made.changed == {}
    assert (made.difference > 0).values.tolist() == [False, True]
    assert "nothing in the record differs: the maps were changed since" in repr(made)
    retouched.intensity[0, 7, 9] = np.nan
    assert np.isinf(xrfsr.reproduce(retouched, painting.scan, painting.rgb).difference.values[0])


@pytest.mark.parametrize("layer", ["uncertainty", "photo_support"])
def test_layers_that_were_changed_are_noticed(painting: Painting, layer: str) -> None:
    fine = painting.scan.xrfsr.superresolve(painting.rgb, uncertainty=True, **FAST)
    assert xrfsr.reproduce(fine, painting.scan, painting.rgb).same
    fine[layer][1, 3, 4] += 1e-3 * float(np.ptp(fine[layer][1].values))
    made = xrfsr.reproduce(fine, painting.scan, painting.rgb)
    assert not made.same
    np.testing.assert_allclose(made.difference, [0, 1e-3], rtol=0.01)


def test_results_of_a_model_need_it(painting: Painting) -> None:
    model = painting.scan.xrfsr.train(painting.rgb, **QUICK)
    other = replace(model, training=model.training | {"seed": 9})
    fine = painting.scan.xrfsr.superresolve(painting.rgb, model=model, refine=None, progress=False)
    with pytest.raises(InvalidInput, match=r"made with a model that was passed .*pass model=xrfsr.load_model"):
        xrfsr.reproduce(fine, painting.scan, painting.rgb)
    assert xrfsr.reproduce(fine, painting.scan, painting.rgb, model=model, progress=False).same
    made = xrfsr.reproduce(fine, painting.scan, painting.rgb, model=other, progress=False)
    assert made.changed["model"] == (model.fingerprint, other.fingerprint)
    with pytest.raises(InvalidInput, match="trained for them; leave out model"):
        xrfsr.reproduce(painting.scan.xrfsr.superresolve(painting.rgb, **FAST), painting.scan, model=model)


FAULTS: list[tuple[Callable[[xr.Dataset], Any], str]] = [
    (lambda fine: fine.drop_attrs(deep=False), "there is no record of how the maps were made"),
    (lambda fine: fine.drop_attrs(deep=False).assign_attrs(xrfsr_method="gsa"), "has the method 'gsa' and no options"),
    (lambda fine: fine.assign_attrs(xrfsr_options="{]"), "'xrfsr_options' is not JSON"),
    (lambda fine: fine.assign_attrs(xrfsr_options="[1]"), r"must be a JSON object, got \[1\]"),
    (lambda fine: fine.assign_attrs(xrfsr_options="{}"), "has no scale, method, seed"),
    (
        lambda fine: changed(fine, method="gsaa"),
        f"version {xrfsr.__version__}: method 'gsaa' is unknown; did you mean 'gsa'",
    ),
    (lambda fine: changed(fine, method=["gsa"]), "method .* is unknown"),
    (lambda fine: changed(fine, atoms=3), "method 'gsa' has no option 'atoms'"),
    (lambda fine: changed(fine, atoms=3).assign_attrs(xrfsr_version="9.9"), "xrfsr 9.9, which made the maps, knows"),
    (lambda fine: changed(fine, scale=1000), "4 x 4 times as large as those of the maps, and the record says 1000"),
    (lambda fine: changed(fine, scale="x"), "scale"),
    (lambda fine: changed(fine, seed=-1), "seed must be an integer"),
    (lambda fine: fine.isel(y=slice(None, None, 2)), "2 x 4 times as large"),
    (lambda fine: fine.assign_coords(x=fine.x + 0.06), "have no 'x' in common"),
    (lambda fine: "fine.zarr", "open the file first"),
    (lambda fine: None, "is needed, got None"),
]


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_what_cannot_be_repeated_is_said(painting: Painting, fine: xr.Dataset, number: int) -> None:
    spoil, message = FAULTS[number]
    with pytest.raises(InvalidInput, match=message):
        xrfsr.reproduce(spoil(fine), painting.scan, painting.rgb)


def test_no_path_is_taken_from_a_record(painting: Painting, fine: xr.Dataset, tmp_path: Any) -> None:
    for method in ("sisr", "unfolding"):
        harm = changed(fine, method=method, checkpoint=str(tmp_path / "state"))
        with pytest.raises(InvalidInput, match="has checkpoint, which superresolve never writes there"):
            xrfsr.reproduce(harm, painting.scan, painting.rgb)
    assert not list(tmp_path.iterdir())


def test_options_that_are_not_recorded_are_passed(painting: Painting, tmp_path: Any) -> None:
    import torch
    from safetensors.torch import save_file

    from xrfsr.methods.common.edsr import EDSR

    torch.manual_seed(0)
    path = tmp_path / "some.safetensors"
    save_file(EDSR(features=8, blocks=2, scale=4).state_dict(), path)
    fine = painting.scan.xrfsr.superresolve(method="sisr", checkpoint=path, progress=False)
    assert "checkpoint" not in json.loads(fine.attrs["xrfsr_options"])
    with pytest.raises(InvalidInput, match=r"method 'sisr' needs checkpoint=\.\.\., which a result does not hold"):
        xrfsr.reproduce(fine, painting.scan)
    assert xrfsr.reproduce(fine, painting.scan, checkpoint=path).same
