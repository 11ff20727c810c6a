"""Hints for labels that are no line: near spellings and names of elements, never nonsense."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from xrfsr.core.lines import parse, parse_all
from xrfsr.core.transitions import symbols
from xrfsr.errors import InvalidInput


def hinted(label: Any) -> list[str]:
    """The lines that the message for a label offers."""
    with pytest.raises(InvalidInput) as caught:
        parse(label)
    (offered,) = re.findall(
        r"(?:did you mean|write|such as) ((?:'[A-Z][a-z]?-[KLM][ab]?'(?: or )?)+)(?:\?|$)", str(caught.value)
    ) or [""]
    return re.findall(r"'(.+?)'", offered)


@pytest.mark.parametrize(
    ("label", "lines"),
    [
        ("Plumb", ["Pb-L", "Pb-M"]),
        ("lead", ["Pb-L", "Pb-M"]),
        ("Lead L alpha", ["Pb-La"]),
        ("blei_M", ["Pb-M"]),
        ("Fer", ["Fe-K"]),
        ("Eisen", ["Fe-K"]),
        ("Ferrum", ["Fe-K"]),
        ("Étain", ["Sn-K", "Sn-L"]),
        ("cooper", ["Cu-K"]),
        ("aluminium", ["Al-K"]),
        ("PB", ["Pb-L", "Pb-M"]),
        ("fe", ["Fe-K"]),
        ("Ca.K", ["Ca-K"]),
        ("sI_K", ["Si-K"]),
        ("Fee-Ka", ["Fe-Ka"]),
        ("Fe-Kq", ["Fe-K"]),
        ("Zx-K", ["Zn-K", "Zr-K"]),
        ("Cl_Ka_KL3a", ["Cl-Ka"]),  # and none of La
        ("Fe_K_norm", ["Fe-K"]),
        ("painting_Fe_Ka", ["Fe-Ka"]),
        ("Ni_x", ["Ni-K"]),
        ("Pb_As", ["Pb-L", "As-K"]),
        (26, ["Fe-K"]),
        (np.int64(82), ["Pb-L", "Pb-M"]),
        ("26", ["Fe-K"]),
    ],
)
def test_what_was_meant_is_offered(label: Any, lines: list[str]) -> None:
    assert hinted(label) == lines
    parse_all(lines)


@pytest.mark.parametrize(
    "label", ["Foo", "Qq", "Bar", "map 1", "intensity", "valid_mask", "", "-", "a-K", "120", 120, 0, -1]
)
def test_nothing_is_offered_where_that_would_be_a_guess(label: Any) -> None:
    assert hinted(label) == []


@pytest.mark.parametrize(
    "label", [True, None, 2.5, b"Fe", ["Ca-K"], np.zeros((100, 100)), "Fe " * 5000, "s(" * 900 + "Ca-K" + ")" * 900]
)
def test_messages_stay_short(label: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(label)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("rest", ["Kq", "x", "KL3a", "Map", "K_1a", "Kaa", "Ma_", "Le", "9"])
def test_a_label_that_begins_with_an_element_is_given_no_other(rest: str) -> None:
    for element in sorted(symbols()):
        try:
            parse(f"{element}_{rest}")
        except InvalidInput as error:
            meant = re.findall(r"'([A-Z][a-z]?)-[KLM][ab]?'", str(error).partition("Otherwise")[0])
            assert {*meant} <= {element} or "did you mean" not in str(error)  # noqa: PT017
