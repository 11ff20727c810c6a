"""What the command is from outside: exit statuses, one line for each error, warnings, and interruptions."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import warnings
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import xrfsr
from xrfsr.cli import main
from xrfsr.cli.arguments import lengths, position
from xrfsr.cli.console import to_json
from xrfsr.cli.faults import fault_lines, in_options
from xrfsr.cli.main import _interruptions
from xrfsr.cli.parser import build_parser
from xrfsr.errors import Fault, InvalidInput
from xrfsr.registration import HELP

ROOT = Path(xrfsr.__file__).parents[1]
HEAVY = ("torch", "matplotlib", "h5py", "scipy", "bokeh", "rasterio", "zarr", "PIL", "dask")
COMMANDS = ("open", "register", "superresolve", "compare", "convert", "report", "info")


@pytest.fixture(scope="module")
def painting() -> xrfsr.simulate.Painting:
    return xrfsr.simulate.painting(64, 64, scale=4, seed=2, lines=["Pb-L"])


@pytest.fixture
def files(painting: xrfsr.simulate.Painting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Working folder with maps/ and photo.png of one line."""
    (tmp_path / "maps").mkdir()
    tifffile.imwrite(tmp_path / "maps" / "Pb-L.tif", painting.scan["intensity"][0].values)
    pixels = np.moveaxis(np.round(255 * painting.rgb.values), 0, -1).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def python(*words: str, code: str = "") -> subprocess.CompletedProcess[str]:
    begin = [sys.executable, "-c", code] if code else [sys.executable, "-m", "xrfsr"]
    return subprocess.run([*begin, *words], cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_of_every_command_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom xrfsr.cli import main\n"
        f"assert [main([name, '--help']) for name in {COMMANDS}] == [0] * {len(COMMANDS)}\n"
        "assert main(['--help']) == main(['--version']) == 0\n"
        f"heavy = set({HEAVY}) & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = python(code=code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"xrfsr {xrfsr.__version__}\n")


def test_python_m_is_the_command_and_its_status_is_that_of_the_process() -> None:
    done = python("open", "/nowhere at all")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: '/nowhere at all' does not exist")


@pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="needs the project's folder")
def test_the_script_of_the_package_is_this_function() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert list(scripts) == ["xrfsr"]
    assert EntryPoint("xrfsr", scripts["xrfsr"], "console_scripts").load() is main


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("", ["COMMAND"]),
        ("opne x", ["'opne'", "open", "superresolve"]),
        ("open", ["PATH"]),
        ("superresolve a b", ["-o"]),
        ("superresolve a b -o c --scle 2", ["--scle", "--scale"]),
        ("superresolve a b -o c --scale 0.5", ["--scale", "≥ 1", "'0.5'"]),
        ("superresolve a b -o c --scale nan", ["--scale", "'nan'"]),
        ("superresolve a b -o c --pixel-size 3kg", ["--pixel-size", "'0.5 mm'", "'3kg'"]),
        ("superresolve a b -o c --pixel-size 1,5mm", ["--pixel-size", "a point for decimals", "'1,5mm'"]),
        ("superresolve a b -o c --pixel-size 1,5", ["--pixel-size", "a point for decimals", "'1,5'"]),
        ("superresolve a b -o c --pixel-size 2,1cm", ["--pixel-size", "a unit with both", "'2,1cm'"]),
        ("superresolve a b -o c --origin 1,5mm", ["--origin", "a unit with both", "'1,5mm'"]),
        ("superresolve a b -o c --pixel-size -1", ["--pixel-size", "'-1'"]),
        ("superresolve a b -o c --seed 1.5", ["--seed", "whole number", "'1.5'"]),
        ("superresolve a b -o c --method krigging", ["--method", "'krigging'", "'kriging'"]),
        ("superresolve a b -o c --method gsa --set radius", ["--set", "KEY=VALUE", "'radius'"]),
        ("superresolve a b -o c --method gsa --set projectd=no", ["'projectd'", "'projected'"]),
        ("superresolve a b -o c --method gsa --set projected=5", ["--set projected", "5"]),
        ("superresolve a b -o c --method gsa --set method=ssr", ["method", "--method"]),
        ("superresolve a -o c --method gsa", ["PHOTO", "'gsa'"]),
        ("superresolve a b -o c --registered --register", ["--register", "not allowed"]),
        ("compare a b --methods gsa,krigging", ["--methods", "'krigging'", "'kriging'"]),
        ("register a b -o c.tif --model rigid", ["--model", "'rigid'", "similarity"]),
        ("convert a b.png", ["'.png'", ".zarr"]),
        ("open x --index -2", ["--index", "≥ 0", "'-2'"]),
    ],
)
def test_wrong_arguments_are_one_line(words: str, parts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    for part in parts:
        assert part in printed.err


OPTIONS = "-o --out --scale --json --quiet --set --lines --pixel-size --method --to -- - --methods --registered"
MORE = (
    "--control-points --bin --seed --overlay --index --debug=1 --origin --title --photo --photo=x maps photo.png x.zarr"
)
VALUES = ["4", "0.5 mm", "gsa", "kriging", "tiffs", "steps=3", "1,2", "open"]
WORDS = st.one_of(st.sampled_from([*OPTIONS.split(), *MORE.split(), *VALUES]), st.text(max_size=8))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(COMMANDS[:-1]), words=st.lists(WORDS, max_size=7))
def test_no_arguments_give_a_traceback(
    name: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # where nothing is, so that nothing can be done
    status = main([name, *words])
    printed = capsys.readouterr()
    assert status in (1, 2) or "usage:" in printed.out
    assert "Traceback" not in printed.err
    assert "unexpected" not in printed.err
    if status == 2:
        assert len(printed.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


class Interrupting(io.StringIO):
    """Stream that sends this process a signal once it is told something."""

    def __init__(self, at: str, number: signal.Signals) -> None:
        super().__init__()
        self.at, self.number = at, number

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.at and self.at in self.getvalue() and text.endswith("\n"):
            self.at = ""
            signal.raise_signal(self.number)
        return written


@pytest.mark.parametrize(
    ("at", "number", "status"),
    [
        ("opening", signal.SIGINT, 130),
        ("making", signal.SIGINT, 130),
        ("writing the maps", signal.SIGINT, 130),
        ("done after", signal.SIGINT, 130),
        ("done after", signal.SIGTERM, 143),
    ],
)
def test_an_interruption_at_any_step_leaves_nothing(
    at: str, number: signal.Signals, status: int, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(files.iterdir()), signal.getsignal(number)
    errors = Interrupting(at, number)
    monkeypatch.setattr(sys, "stderr", errors)
    words = [
        "superresolve",
        "maps",
        "photo.png",
        "--registered",
        "--method",
        "gsa",
        "--set",
        "refine=none",
        "--pixel-size",
        "0.5",
        "-o",
        "out",
    ]
    assert main(words) == status
    assert errors.getvalue().splitlines()[-1] == "error: interrupted; nothing was written"
    assert (sorted(files.iterdir()), signal.getsignal(number)) == before


def test_ctrl_c_during_training_ends_the_process_and_leaves_nothing(files: Path) -> None:
    words = "superresolve maps photo.png --registered --pixel-size 0.5 -o out --set steps=1000000 --set refine=none"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "xrfsr", *words.split()]
    with subprocess.Popen(command, cwd=files, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("making 1 maps" in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert list(lines)[-1] == "error: interrupted; nothing was written\n"
    assert process.returncode == 130
    assert sorted(path.name for path in files.iterdir()) == ["maps", "photo.png"]


def test_an_interruption_waits_for_the_end_of_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within an import it could be lost, or leave a module half imported."""
    text = "import signal\nsignal.raise_signal(signal.SIGINT)\nwhole = True\n"
    (tmp_path / "interrupted_module.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))

    def command() -> None:
        with _interruptions():
            importlib.import_module("interrupted_module")
            time.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        command()
    assert sys.modules.pop("interrupted_module").whole


def test_an_interruption_keeps_the_result_that_was_there(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["superresolve", "maps", "--method", "bilinear", "--pixel-size", "0.5", "-o", "out", "--overwrite"]
    assert main(words) == 0
    before = {path: path.read_bytes() for path in sorted(files.rglob("*")) if path.is_file()}
    monkeypatch.setattr(sys, "stderr", Interrupting("done after", signal.SIGINT))
    assert main(words) == 130
    assert {path: path.read_bytes() for path in sorted(files.rglob("*")) if path.is_file()} == before


def test_warnings_are_lines_and_each_is_printed_once(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def warning(*_: object, **__: object) -> None:
        for _ in range(2):
            warnings.warn("a cat\nsleeps; pass units='count'", UserWarning, stacklevel=1)
            warnings.warn("old", DeprecationWarning, stacklevel=1)

    monkeypatch.setattr("xrfsr.cli.contents._describe", warning)
    main(["open", "maps"])
    assert capsys.readouterr().err.splitlines()[0] == "warning: a cat sleeps; pass --units 'count'"


def test_unexpected_errors_are_one_line_unless_debugged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("far\ntoo small")

    monkeypatch.setattr("xrfsr.cli.info.versions", fail)
    assert main(["info"]) == 3
    assert re.fullmatch(r"error: unexpected ZeroDivisionError: far\\ntoo small; --debug .*\n", capsys.readouterr().err)
    assert main(["info", "--debug"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "xrfsr", "--help"]
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert done.stderr == ""


def test_the_shell_completes_options() -> None:
    """As bash asks argcomplete, which answers on file descriptor 8."""
    line = "xrfsr superresolve --re"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
    with tempfile.TemporaryFile("w+") as answer:
        command = ["bash", "-c", f'exec "{sys.executable}" -m xrfsr 8>&{answer.fileno()} 9>/dev/null']
        environment = {**os.environ, **asked}
        subprocess.run(command, cwd=ROOT, env=environment, pass_fds=[answer.fileno()], check=False)
        answer.seek(0)
        assert answer.read().split() == ["--registered", "--register"]


def test_a_position_is_two_lengths_and_no_decimal_number() -> None:
    assert position("12,30") == (12, 30)
    assert lengths("0.5,0.25") == (0.5, 0.25)
    assert lengths("0.5 mm,1 mm") == ("0.5 mm", "1 mm")


def test_faults_name_options_in_place_of_arguments() -> None:
    assert in_options("give control_points=[[1, 2], ...]; or crop") == "give --control-points ...; or crop"
    assert in_options(HELP).startswith(
        "Give control points, the same details marked on photo and maps: --control-points F"
    )
    assert in_options(HELP).endswith("with --match-lines Hg-L,Pb-L")
    error = InvalidInput("scan", [Fault("pixel_size is missing; pass pixel_size='0.5 mm'", "'fit.h5'"), "no lines"])
    assert fault_lines(error) == ["'fit.h5': --pixel-size is missing; pass --pixel-size '0.5 mm'", "scan: no lines"]
    assert in_options("lines={'Pb': 'Pb-L', 'a b': 'Ca-K'} labels it") == "--lines 'Pb=Pb-L,a b=Ca-K' labels it"
    assert in_options("use group='/a b'; pass overwrite=True") == "use --group '/a b'; pass --overwrite"
    assert in_options("the index of a scan") == "the index of a scan"


@settings(max_examples=50)
@given(st.recursive(st.none() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=4))
def test_json_is_always_json(value: object) -> None:
    json.loads(to_json({"value": value}), parse_constant=lambda name: pytest.fail(name))


PAGES = [ROOT / name for name in ("README.md", "docs/reference/command_line.md")]


@pytest.mark.skipif(not PAGES[0].is_file(), reason="needs the project's folder")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_on_pages_are_commands(page: Path) -> None:
    """But for those that the page shows as mistakes."""
    text = page.read_text(encoding="utf-8").partition("## When something is wrong")[0]
    commands = re.findall(r"^(?:\$ )?xrfsr (.+)$", text, re.MULTILINE)
    assert len(commands) >= 2
    for command in commands:
        build_parser().parse_all(shlex.split(command, comments=True))
