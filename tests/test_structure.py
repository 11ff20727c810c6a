"""The package's rooms: no circle among modules, no arrow upward, no module too long, and pages that name every room.

Who imports whom is read from the source, so it holds without import-linter, and for imports within functions too.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import xrfsr

PACKAGE = Path(xrfsr.__file__).parent
ROOT = PACKAGE.parent
LONGEST = 400
COMMAND = {"cli", "__main__"}
GROUPS = {"xrfsr.methods"}  # of entry points, whose names look like modules

in_checkout = pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="needs the project's folder")

Graph = dict[str, set[str]]


@cache
def modules() -> dict[str, Path]:
    """Every module of the package, by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text(encoding="utf-8"))


def that_run(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one, those within functions included, but for what only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        for_types = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
        for each in child.orelse if for_types else [child]:
            yield each
            yield from that_run(each)


def source(module: str, statement: ast.ImportFrom) -> str:
    """The module that `from ... import` names, also where it begins with dots."""
    if not statement.level:
        return statement.module or ""
    package = module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]
    for _ in range(statement.level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{statement.module}" if statement.module else package


def origins(module: str, name: str) -> set[str]:
    """Modules by which `from module import name` comes to an object: `module` and those that hand it on."""
    if f"{module}.{name}" in modules():
        return {f"{module}.{name}"}
    found = {module}
    for statement in tree(module).body:
        if isinstance(statement, ast.ImportFrom) and source(module, statement) in modules():
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    found |= origins(source(module, statement), alias.name)
    return found


def with_packages(importer: str, target: str) -> set[str]:
    """A module and the packages around it whose `__init__` runs first; those around both have run before."""
    found, package = {target}, target.rpartition(".")[0]
    while package and not f"{importer}.".startswith(f"{package}."):
        found.add(package)
        package = package.rpartition(".")[0]
    return found


def imports(module: str) -> set[str]:
    """Modules of the package that one imports, at once, in a function, or by its name in a text."""
    known, wanted = modules(), set()
    for node in that_run(tree(module)):
        match node:
            case ast.Import():
                wanted |= {alias.name for alias in node.names}
            case ast.ImportFrom() if source(module, node) in known:
                wanted |= {origin for alias in node.names for origin in origins(source(module, node), alias.name)}
            case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]) if start.startswith("xrfsr."):
                # The command line is only typed: nothing finds it by a name that is put together.
                wanted |= {name for name in known if name.startswith(start) and room(name) not in COMMAND}
            case ast.Constant(value=str(text)) if text.startswith("xrfsr.") and text not in GROUPS:
                wanted.add(text)
    return {each for target in wanted & known.keys() for each in with_packages(module, target)} - {module}


@cache
def graph() -> Graph:
    return {module: imports(module) for module in modules()}


def room(module: str) -> str:
    """The folder or file at the root in which a module lies; empty for the package itself."""
    return module.partition(".")[2].partition(".")[0]


@cache
def project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def layers() -> list[str]:
    """The rows of the contract, from the top."""
    (contract,) = (one for one in project()["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    return list(contract["layers"])


def rooms(row: str) -> set[str]:
    return {name.strip() for name in re.split(r"[|:]", row)}


def rooms_there() -> set[str]:
    names = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir()}
    return names - {"__init__", "__pycache__", "py"}


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("xrfsr.core.units", "xrfsr.errors"),
        ("xrfsr.registration.arguments", "xrfsr.io.photo"),  # in a function
        ("xrfsr.pipeline.inputs", "xrfsr.operators"),  # a name that the package hands on
        ("xrfsr.pipeline.inputs", "xrfsr.operators.downsampling"),  # and the module that defines it
        ("xrfsr.io.open", "xrfsr.io.readers"),  # a package on the way to a module
        ("xrfsr.io.formats", "xrfsr.io.readers.edf"),  # named in a text
        ("xrfsr", "xrfsr.network"),
    ],
)
def test_imports_are_seen(importer: str, imported: str) -> None:
    assert imported in graph()[importer]


def test_imports_for_types_alone_do_not_count() -> None:
    assert "from xrfsr.network import Model" in modules()["xrfsr.regions"].read_text(encoding="utf-8")
    assert "xrfsr.network" not in graph()["xrfsr.regions"]


def test_there_is_no_import_circle() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(f"circle: {' -> '.join(error.args[1])}")


def test_modules_are_short_enough_to_hold_one_idea() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules().items()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


@in_checkout
def test_the_layers_are_one_short_list_of_all_rooms() -> None:
    assert len(layers()) <= 13
    assert not any(":" in row for row in layers())  # which would let neighbours import each other
    assert {name for row in layers() for name in rooms(row)} == rooms_there()


@in_checkout
def test_no_room_imports_one_above_it_or_next_to_it() -> None:
    level = {name: number for number, row in enumerate(layers()) for name in rooms(row)}
    wrong = {
        f"{importer} -> {imported}"
        for importer, targets in graph().items()
        for imported in targets
        if room(importer) not in ("", room(imported)) and level[room(importer)] >= level.get(room(imported), -1)
    }
    assert wrong == set()


@in_checkout
def test_tests_lie_in_the_same_rooms() -> None:
    folders = {name for name in rooms_there() if (PACKAGE / name).is_dir()}
    assert {name for name in folders if not list((ROOT / "tests" / name).glob("test_*.py"))} <= {"io"}
    assert list((ROOT / "tests" / "io").rglob("test_*.py"))


@in_checkout
def test_entry_points_can_be_loaded() -> None:
    points = [
        EntryPoint(name, value, group)
        for group, named in project()["project"]["entry-points"].items()
        for name, value in named.items()
    ]
    assert "xarray.backends" in {point.group for point in points}
    for point in points:
        assert point.load() is not None


@pytest.mark.parametrize("name", [name for name in xrfsr.__all__ if name != "__version__"])
def test_public_objects_explain_themselves(name: str) -> None:
    documented = getattr(xrfsr, name).__doc__
    assert documented
    assert documented.strip().partition("\n")[0].endswith(".")


@in_checkout
def test_the_page_on_architecture_has_a_paragraph_for_every_room() -> None:
    page = (ROOT / "docs" / "reference" / "architecture.md").read_text(encoding="utf-8")
    explained = {name for heading in re.findall(r"^### (.+)$", page, re.M) for name in re.findall(r"`(\w+)`", heading)}
    assert rooms_there() - explained == set()


@in_checkout
def test_contributing_lists_the_sessions_of_nox() -> None:
    defined = {
        node.name
        for node in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(each).startswith("nox.session") for each in node.decorator_list)
    }
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == defined


@in_checkout
def test_modules_and_links_in_pages_exist() -> None:
    wrong, seen = [], 0
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for path in re.findall(r"`((?:[\w.]+/)+\w+\.py|(?:xrfsr|tests|docs|benchmarks|examples)/[\w./]*)`", text):
            seen += 1
            if not ((ROOT / path).exists() or (PACKAGE / path).exists()):
                wrong.append((page.name, path))
        for link in re.findall(r"\]\(([\w./-]+)\)", text):
            seen += 1
            if not (page.parent / link).exists():
                wrong.append((page.name, link))
    assert wrong == []
    assert seen > 50


@in_checkout
def test_the_picture_of_the_layers_is_the_list() -> None:
    page = (ROOT / "docs" / "reference" / "architecture.md").read_text(encoding="utf-8")
    drawn = [set(re.findall(r"│ (\w+)", line)) for line in page.splitlines() if "│" in line]
    assert drawn == [rooms(row) for row in layers()]


@in_checkout
def test_pre_commit_uses_the_same_ruff() -> None:
    settings = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    (pinned,) = re.findall(r"^ruff==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.M)
    assert re.findall(r"ruff-pre-commit\n\s+rev: v(\S+)", settings) == [pinned]
