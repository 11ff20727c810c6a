"""Families of lines, in every notation that is read, for every element."""

from __future__ import annotations

import itertools

import pytest
import xraydb

from xrfsr import InvalidInput
from xrfsr.core.lines import parse
from xrfsr.core.transitions import symbols

ELEMENTS = sorted(symbols().keys() - {"B"})  # BK-L3 may be boron or, in capitals, berkelium
SEPARATORS = ("-", "_", " ", " - ", "")
GREEK = {"a": "α", "b": "β", "g": "γ", "z": "ζ"}


def spellings(element: str, name: str, every: int = 1) -> list[str]:
    """Spellings of one line or group in all notations and separators, or each one of several."""
    families = [name, name[0] + GREEK.get(name[1], name[1]) + name[2:], f"{name[0]}_{name}"]
    if "," in name:
        families.append(name.replace(",", "_"))
    found = [f"{element}{separator}{family}" for separator, family in itertools.product(SEPARATORS, families)]
    return found[len(name + element) % every :: every]


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.soak)])
def test_every_line_of_every_element_is_read_in_every_spelling(every: int) -> None:
    for element in ELEMENTS:
        for name in xraydb.xray_lines(element):
            for text in spellings(element, name, every):
                line = parse(text)
                assert (line.element, line.kind, line.transitions) == (element, "element", {name}), text
                assert parse(line.label) == line


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.soak)])
def test_every_line_is_read_by_its_levels(every: int) -> None:
    for number, element in enumerate(ELEMENTS):
        for name, data in xraydb.xray_lines(element).items():
            if "," in data.initial_level:
                continue
            for separator, hyphen in list(itertools.product(SEPARATORS, ("", "-")))[number % every :: every]:
                line = parse(f"{element}{separator}{data.initial_level}{hyphen}{data.final_level}")
                assert (line.element, line.transitions) == (element, {name})
                assert line.label.startswith(f"{element}-{name[:2]}")
                assert parse(line.label) == line


def test_every_family_of_pymca() -> None:
    tables = pytest.importorskip("PyMca5.PyMcaPhysics.xrf.Elements")
    for element in tables.ElementList[:92]:
        for family in ("K", "Ka", "Kb", "L", "L1", "L2", "L3", "M"):
            if tables.Element[element].get(f"{family} xrays"):
                line = parse(f"{element}_{family}")
                assert (line.element, line.label) == (element, f"{element}-{family}")


@pytest.mark.parametrize(("shell", "first", "last"), [("K", "Na", "In"), ("L", "Ga", "U"), ("M", "Hf", "U")])
def test_every_family_of_pyxrf(shell: str, first: str, last: str) -> None:
    for number in range(xraydb.atomic_number(first), xraydb.atomic_number(last) + 1):
        element = xraydb.atomic_symbol(number)
        assert parse(f"{element}_{shell}").label == f"{element}-{shell}"
        assert parse(f"{element}_{shell}a1-{element}_{shell}a1").kind == "diagnostic"


@pytest.mark.parametrize(
    ("iupac", "siegbahn"),
    [
        ("Fe-KL3", "Fe-Ka1"),
        ("Fe-KL2", "Fe-Ka2"),
        ("Fe-KL2,3", "Fe-Ka1,2"),
        ("Fe KM3", "Fe-Kb1"),
        ("Fe-KM2,3", "Fe-Kb1,3"),
        ("Pb-L3M5", "Pb-La1"),
        ("Pb-L3-M4,5", "Pb-La1,2"),
        ("Pb_L3_M5", "Pb-La1"),
        ("Pb-L2M4", "Pb-Lb1"),
        ("Pb-L3N5", "Pb-Lb2"),
        ("Pb-L3N4", "Pb-Lb15"),
        ("Pb-M5N7", "Pb-Ma1"),
        ("Pb-M5N6,7", "Pb-Ma"),
        ("Pb-M4N6", "Pb-Mb"),
        ("pb-l3m5", "Pb-La1"),
    ],
)
def test_levels_and_names_are_one_label(iupac: str, siegbahn: str) -> None:
    assert parse(iupac) == parse(siegbahn)
    assert parse(iupac).label == siegbahn


@pytest.mark.parametrize("element", ["Pb", "Hg", "Au", "Bi", "U", "Ba"])
def test_numbered_m_lines_are_those_of_the_table(element: str) -> None:
    for number in ("1", "2", "1,2"):
        assert parse(f"{element} Mα{number}").transitions == {"Ma"}
    assert parse(f"{element}-Mb1").transitions == {"Mb"}


@pytest.mark.parametrize(
    "label", ["Pb-Ma3", "Pb-Mb2", "Pb-L3M9", "Fe-KN7", "Ca-L3M5", "Pb-L3M1,5", "Fe-Ka01", "Fe-Ka9"]
)
def test_lines_that_do_not_exist_are_refused(label: str) -> None:
    with pytest.raises(InvalidInput, match=f"{label[:2]} has no .* line; its lines are"):
        parse(label)


@pytest.mark.parametrize("rest", ["Max", "Map", "M6", "M3", "L3", "norm", "Kq", "6", "raw", "K", "L", "KL3a"])
@pytest.mark.parametrize(("element", "shell"), [("Ca", "K"), ("Cu", "K"), ("Fe", "Ka"), ("Cl", "Ka"), ("Pb", "L")])
def test_a_rest_without_meaning_is_refused_and_never_another_element(element: str, shell: str, rest: str) -> None:
    if (shell, rest) in {("L", "L3"), ("L", "L")}:  # these have a meaning: the level, and Ll
        return
    label = f"{element}_{shell}_{rest}"
    with pytest.raises(InvalidInput) as caught:
        parse(label)
    assert f"did you mean '{element}-" in str(caught.value) or f"{element} has no {shell}{rest} line" in str(
        caught.value
    )
