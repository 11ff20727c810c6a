"""Messages: whatever a stranger passes to a public function, the answer is one that helps.

Every parameter of every public function gets values of the wrong kind. A call may accept one; otherwise it raises
`InvalidInput`, whose faults are short, say what is wrong and what to do, and never hold the contents of an array.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from misuse import PHOTO, SCAN, WRONG, Call, calls, prepare_folder

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.methods.unfolding import Unfolding
from xrfsr.regions.executors import Pool

LONGEST = 400  # characters of a fault
# How Python, NumPy, xarray and others show objects.
SHOWN = re.compile(
    r"<xarray|array\([\[\(\d]|tensor\(|\bdtype=\w|np\.(float|int|bool|str)|numpy\.|<\w+[. ].* at 0x|<class|<function"
    r"|<built-in|Quantity\(|<generator|\n"
)
# A rule or a fix.
HELP = re.compile(
    r"must|need|accepted|supported|such as|did you mean|at least|at most|one of|its options are|has no|it has"
    r"|\b(add|ask|bring|build|call|check|choose|convert|copy|create|crop|divide|draw|exchange|give|leave|mark|name|open|pass|rename"
    r"|remove|resample|set|take|train|use|write)\b",
    re.IGNORECASE,
)
CALLS = list(calls())
SOME_OR_ALL = pytest.mark.parametrize("share", [0.08, pytest.param(1, marks=pytest.mark.soak)])


class ReachedError(Exception):
    """Raised where the work would begin: the arguments were accepted."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("misuse")
    prepare_folder(made)
    return made


@pytest.fixture(autouse=True)
def without_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls look at their arguments and go no further, in a folder of their own."""

    def reached(*args: Any, **keywords: Any) -> Any:
        raise ReachedError

    for name in ("prepare", "solve", "train"):
        monkeypatch.setattr(Unfolding, name, reached)
    monkeypatch.setattr(Pool, "run", reached)
    monkeypatch.chdir(folder)


def faults_of(call: Call, **changes: Any) -> tuple[str, ...]:
    """Faults of a call; empty if it accepts its arguments."""
    try:
        call(**changes)
    except ReachedError:
        return ()
    except InvalidInput as error:
        return error.faults
    return ()


def complaints(call: Call, **changes: Any) -> Iterator[str]:
    """What is wrong with how a call answers."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            faults = faults_of(call, **changes)
        except Exception as error:  # whatever it is, it is not ours
            yield f"{type(error).__name__}: {str(error)[:120]!r}"
            return
    for text in [*faults, *(str(warning.message) for warning in caught)]:
        if len(text) > LONGEST:
            yield f"{len(text)} characters: {text[:120]!r}..."
        if SHOWN.search(text):
            yield f"shows an object: {text[:120]!r}"
    for fault in faults:
        if not HELP.search(fault):
            yield f"neither rule nor fix: {fault[:120]!r}"


def test_every_public_name_is_called() -> None:
    names = {call.name for call in CALLS}
    assert {"xrfsr.register", "scan.xrfsr.superresolve", "xrfsr.plot.overview", "options of sisr"} <= names
    assert len(names) > 50


@pytest.mark.parametrize("call", CALLS, ids=[call.name for call in CALLS])
def test_right_arguments_are_accepted(call: Call) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of what is right does nothing, and says so
        if call.name != "options of sisr" and (  # whose file of weights is not there
            find_spec("panel") or call.name not in ("xrfsr.explore", "xrfsr.pick_points")
        ):
            assert faults_of(call) == ()


@SOME_OR_ALL
@pytest.mark.parametrize("call", CALLS, ids=[call.name for call in CALLS])
def test_wrong_arguments_get_an_answer_that_helps(call: Call, share: float) -> None:
    every = round(1 / share)
    bad = [
        f"{parameter}={name}: {complaint}"
        for number, parameter in enumerate(call.parameters)
        # Neighbouring parameters get different values.
        for name, value in list(WRONG.items())[(number + len(call.name)) % every :: every]
        for complaint in complaints(call, **{parameter: value})
    ]
    assert not bad, "\n".join([f"{len(bad)} bad answers of {call.name}", *bad])


@pytest.mark.parametrize("call", [call for call in CALLS if call.accepts_keywords], ids=lambda call: call.name)
def test_unknown_keywords_are_refused(call: Call) -> None:
    assert any("nonsense" in fault for fault in faults_of(call, nonsense=1))
    assert list(complaints(call, nonsense=1)) == []


def message(function: Any, *args: Any, **keywords: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        function(*args, **keywords)
    return str(caught.value)


MOVED = PHOTO.rename(y="x", x="y").transpose("band", "y", "x")
PIXELS = {name: (name, np.arange(PHOTO.sizes[name]), {"units": "mm"}) for name in ("y", "x")}


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("scan and photo are swapped; write scan.xrfsr.superresolve(photo)", lambda: PHOTO.xrfsr.superresolve(SCAN)),
        ("photo and scan are swapped; write xrfsr.register(photo, scan)", lambda: xrfsr.register(SCAN, PHOTO)),
        ("path and scan are swapped", lambda: xrfsr.open_photo(SCAN, "photo.jpg")),
        ("a scan was passed as the photo, a Dataset with intensity", lambda: SCAN.xrfsr.superresolve(SCAN)),
        ("a scan was passed as the photo", lambda: xrfsr.as_photo(SCAN, like=SCAN)),
        ("a photo was passed as the scan", lambda: xrfsr.as_scan(PHOTO, ["Ca-K", "Fe-K", "Pb-L"], 1)),
        ("xrfsr.open_photo(path, like=scan)", lambda: SCAN.xrfsr.superresolve("photo.jpg")),
        ("xrfsr.register(path, scan).photo", lambda: SCAN.xrfsr.superresolve("photo.jpg")),
        ("xrfsr.open_photo(path, like=scan)", lambda: xrfsr.as_photo("photo.jpg", like=SCAN)),
        ("xrfsr.open_scan(path)", lambda: xrfsr.as_photo(PHOTO, like="scan.h5")),
        ("xrfsr.open_scan(path) opens a file", lambda: xrfsr.as_scan("scan.h5", ["Ca-K"], 1)),
        ("y and x of the photo seem to be exchanged", lambda: SCAN.xrfsr.superresolve(MOVED, 2)),
        ("pixel numbers in place of mm", lambda: SCAN.xrfsr.superresolve(PHOTO.assign_coords(PIXELS), 2)),
        ("it counts pixels", lambda: SCAN.xrfsr.superresolve(PHOTO.assign_coords(y=np.arange(16)), 2)),
        ("divide by the white value", lambda: SCAN.xrfsr.superresolve(PHOTO * 255, 2)),
        (
            ".rename(channel='band', row='y', col='x')",
            lambda: SCAN.xrfsr.superresolve(PHOTO.rename(band="channel", y="row", x="col"), 2),
        ),
        (".rename(dim_0='line', dim_1='y', dim_2='x')", lambda: xr.DataArray(SCAN.intensity.values).xrfsr.validate()),
        ("np.moveaxis(maps, -1, 0)", lambda: xrfsr.as_scan(np.ones((8, 10, 2)), ["Ca-K", "Pb-L"], 1)),
        ("maps[None]", lambda: xrfsr.as_scan(np.ones((8, 10)), ["Ca-K", "Pb-L"], 1)),
        ("valid.swapaxes(-1, -2)", lambda: xrfsr.as_scan(SCAN.intensity, SCAN.line, 1, valid=np.ones((10, 8), bool))),
        ("because 'there.png' is a file", lambda: xrfsr.open_scan("there.png/maps")),
        ("nor does the folder 'no folder'", lambda: xrfsr.open_scan("no folder/maps.h5")),
        ("'there.png' is a file and no folder", lambda: xrfsr.load_model("there.png")),
        ("did you mean 'there.png'?", lambda: xrfsr.open_photo("their.png", like=SCAN)),
    ],
)
def test_what_was_meant_is_named(text: str, call: Any) -> None:
    said = message(call)
    assert text in said
    assert said.count("\n") <= 3


def test_a_message_lists_the_first_of_many_faults() -> None:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.as_scan(np.ones((1000, 8, 8)), [f"map {number}" for number in range(1000)], 1)
    assert len(caught.value.faults) == 1000
    assert str(caught.value).splitlines()[-1] == "  - and 980 more"
