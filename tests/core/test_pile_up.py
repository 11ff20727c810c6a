"""Pile-up: two lines in one label, and nothing else."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrfsr import InvalidInput
from xrfsr.core.lines import parse
from xrfsr.core.pile_up import pile_up_of_symbols
from xrfsr.core.transitions import mapped_shells, symbols

LINES = st.sampled_from([(element, shell) for element, shells in mapped_shells().items() for shell in shells])
SYMBOLS = st.sampled_from(sorted(symbols()))


@pytest.mark.parametrize(
    "label",
    [
        "Fe_Ka_Fe_Ka",
        "Ca_K+Fe_K",
        "CaK+FeK",
        "Si_Ka1-Si_Ka1",  # PyXRF
        "Ca_Ka1-Fe_Ka1",
        "As_Ka-Pb_La",
        "K_K-K_K",
        "Si_Si",  # MAPS
        "Si_Si_Si",
    ],
)
def test_two_lines_are_a_pile_up(label: str) -> None:
    line = parse(label)
    assert (line.label, line.kind, line.element) == (label, "diagnostic", "")


@given(one=LINES, other=LINES, inner=st.sampled_from("_-"), outer=st.sampled_from(["_", "-", "+", " + ", " - "]))
def test_any_two_lines(one: tuple[str, str], other: tuple[str, str], inner: str, outer: str) -> None:
    label = outer.join(inner.join((element, f"{shell}a")) for element, shell in (one, other))
    assert parse(label).kind == "diagnostic"
    assert parse(parse(label).label) == parse(label)


@given(one=SYMBOLS, other=SYMBOLS, separator=st.sampled_from(["_", "-", " ", "+"]))
def test_two_symbols_are_never_a_pile_up(one: str, other: str, separator: str) -> None:
    label = f"{one}{separator}{other}"
    if (one == other and separator in "_ ") or other in "KL":
        return
    try:
        line = parse(label)
    except InvalidInput as error:
        assert repr(label) in str(error)  # noqa: PT017
    else:  # Ce_La is the La line of cerium, and no pile-up with lanthanum; so with magnesium
        assert line.element == one
        assert other in {"La", "Mg"}


@pytest.mark.parametrize(
    "label", ["Pb_As", "S_Pb", "Cu_Zn", "Ca-Fe", "Pb_Pb", "Ca+Fe", "Ti_Ba_Pb", "Pb_S_K", "Fe_Ka_Ca"]
)
def test_symbols_without_lines_are_refused(label: str) -> None:
    with pytest.raises(InvalidInput, match=f"unknown line '{re.escape(label)}'"):
        parse(label)


def test_lines_that_no_detector_sees_pile_up_with_nothing() -> None:
    for label in ("Ca_K_K_La", "Fe_Ka_K_L", "Si_K-Al_L"):
        with pytest.raises(InvalidInput):
            parse(label)


def test_maps_names_pile_up_by_symbols() -> None:
    assert pile_up_of_symbols("Si_Cl") == "Si_K+Cl_K"
    assert pile_up_of_symbols("Si_Cl_Ar") == "Si_K+Cl_K+Ar_K"
    assert parse("Si_K+Cl_K").kind == "diagnostic"
    for name, shell in itertools.product(("Ca", "Pb", "S"), "KLM"):
        assert pile_up_of_symbols(f"{name}_{shell}") is None
    for name in ("Si", "Si_Si", "Pb_As", "s_r", "TFY", "Num_Iter", "Fe_Ka", ""):
        assert pile_up_of_symbols(name) is None
