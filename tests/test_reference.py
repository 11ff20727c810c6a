"""Every public name has a page of the reference, and a docstring in the numpydoc layout; read without Sphinx."""

from __future__ import annotations

import doctest
import inspect
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import xrfsr
from xrfsr.accessor import PlotAccessor, TreeAccessor, XrfsrAccessor
from xrfsr.methods import names as method_names

ROOT = Path(xrfsr.__file__).parents[1]
API = ROOT / "docs" / "reference" / "api"
SETTINGS = ROOT / "docs" / "reference" / "settings.md"
MODULES = ("core", "network", "methods", "regions", "registration", "processing", "analysis", "plot", "simulate",
           "operators", "trust", "report")  # fmt: skip

TROUBLES = (API.parent / "troubleshooting.md").read_text(encoding="utf-8") if API.is_dir() else ""
# Texts go over several lines in the source.
SOURCES = re.sub(
    r"\"\s+f?\"", "", "".join(path.read_text(encoding="utf-8") for path in Path(xrfsr.__file__).parent.rglob("*.py"))
)

in_checkout = pytest.mark.skipif(not API.is_dir(), reason="needs the project's folder")


def public() -> dict[str, Any]:
    """Every public object by the name that the reference has for it."""
    found = {f"xrfsr.{name}": getattr(xrfsr, name) for name in xrfsr.__all__ if name != "__version__"}
    for module in MODULES:
        room = import_module(f"xrfsr.{module}")
        found |= {f"xrfsr.{module}.{name}": getattr(room, name) for name in room.__all__}
    for owner, prefix in ((XrfsrAccessor, "xarray.Dataset.xrfsr"), (TreeAccessor, "xarray.DataTree.xrfsr")):
        found |= {f"{prefix}.{name}": getattr(owner, name) for name in dir(owner) if not name.startswith("_")}
    return found


def functions() -> list[str]:
    return sorted(name for name, each in public().items() if inspect.isroutine(each))


def classes() -> list[str]:
    return sorted(name for name, each in public().items() if inspect.isclass(each))


def documented() -> set[str]:
    """Names that the pages of the reference list, with the module that is current there."""
    found = set()
    for page in API.glob("*.md"):
        module, listing = "", False
        for line in page.read_text(encoding="utf-8").splitlines():
            if current := re.match(r"\.\. currentmodule:: (\S+)", line):
                module = current[1]
            listing = line.startswith(".. autosummary::") or (listing and (line.startswith("   ") or not line))
            if listing and (name := re.fullmatch(r"   ([\w.]+)", line)):
                found.add(f"{module}.{name[1]}")
    return found


def sections(obj: Any) -> dict[str, str]:
    """Sections of a docstring, by their titles."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(obj.__doc__ or ""), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def described(text: str) -> Iterator[str]:
    """Names of the parameters that a section describes."""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            yield from (name.strip().lstrip("*") for name in line.partition(" : ")[0].split(","))


@in_checkout
def test_every_public_name_has_a_page() -> None:
    modules = {name for name, each in public().items() if inspect.ismodule(each)}
    # Under two names they are one object, whose page has the shorter one.
    short = {name: each for name, each in public().items() if name.count(".") == 1}
    twice = {name for name, each in public().items() for other in short.values() if each is other} - short.keys()
    assert public().keys() - documented() - modules - twice == set()


@in_checkout
def test_every_page_has_a_name_that_exists() -> None:
    accessors = {"xarray.Dataset.xrfsr": XrfsrAccessor, "xarray.DataTree.xrfsr": TreeAccessor}
    for name in documented():
        owner, _, last = name.rpartition(".")
        if owner in accessors:
            assert hasattr(accessors[owner], last), name
            continue
        parts = name.split(".")
        found: Any = xrfsr
        for part, within in zip(parts[1:], parts, strict=False):
            if not hasattr(found, part):
                import_module(".".join(parts[: parts.index(within) + 2]))
            found = getattr(found, part)


@pytest.mark.parametrize("name", functions())
def test_functions_say_what_they_take_return_and_raise(name: str) -> None:
    function = public()[name]
    found = sections(function)
    signature = inspect.signature(function)
    taken = [each for each in signature.parameters if each != "self"]
    if name.startswith("xarray."):  # the first is the object itself
        taken = taken if isinstance(vars(XrfsrAccessor).get(name.rpartition(".")[2]), type(lambda: 0)) else taken[1:]
    assert set(taken) - set(described(found.get("Parameters", ""))) == set()
    if str(signature.return_annotation) not in ("None", "<class 'inspect._empty'>"):
        assert found.get("Returns", "").strip()
    plain = name.startswith(("xrfsr.core.", "xrfsr.methods.", "xrfsr.operators."))  # whose arguments are trusted
    assert "Raises" in found or plain or not taken
    assert doctest.DocTestParser().get_examples(function.__doc__)


@pytest.mark.parametrize("name", classes())
def test_classes_describe_their_fields(name: str) -> None:
    kind = public()[name]
    if issubclass(kind, Exception):
        return
    found = sections(kind)
    named = {each for title in ("Parameters", "Attributes") for each in described(found.get(title, ""))}
    for base in kind.__mro__[1:]:
        named |= {each for title in ("Parameters", "Attributes") for each in described(sections(base).get(title, ""))}
    own = [each.name for each in fields(kind) if not each.name.startswith("_")] if is_dataclass(kind) else []
    own += list(getattr(kind, "_fields", ()))
    assert set(own) - named == set()


def test_the_methods_of_figures_are_the_functions() -> None:
    for name in dir(PlotAccessor):
        if not name.startswith("_"):
            assert f"xrfsr.plot.{name}" in public()


@in_checkout
def test_every_method_has_its_options_on_the_page_of_settings() -> None:
    headings = re.findall(r"^##+ (.+)$", SETTINGS.read_text(encoding="utf-8"), re.M)
    listed = {name for each in headings for name in re.findall(r"\w+", each)}
    assert set(method_names()) - listed == set()


@in_checkout
def test_the_page_on_installing_lists_every_optional_part() -> None:
    parts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    page = (ROOT / "docs" / "start" / "install.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == parts.keys()


@in_checkout
@pytest.mark.parametrize("heading", re.findall(r"^`([^`]+)`", TROUBLES, re.M))
def test_messages_that_are_explained_are_those_of_the_package(heading: str) -> None:
    words = [word for word in re.findall(r"[a-z][a-z ]{8,}", heading) if "..." not in word]
    assert any(word.strip() in SOURCES for word in words), heading
