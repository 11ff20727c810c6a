"""Choice of a line by its label, or by its element alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrfsr import InvalidInput
from xrfsr.core.choice import choose_line
from xrfsr.core.lines import parse, parse_all
from xrfsr.core.transitions import mapped_shells

ELEMENTS = st.sampled_from([(element, shell) for element, shells in mapped_shells().items() for shell in shells])


@given(lines=st.lists(ELEMENTS, min_size=1, max_size=6, unique_by=lambda each: each[0]), data=st.data())
def test_a_symbol_is_the_one_line_of_its_element(lines: list[tuple[str, str]], data: st.DataObject) -> None:
    held = parse_all([f"{element}-{shell}{data.draw(st.sampled_from(['', 'a']))}" for element, shell in lines])
    for position, (element, _) in enumerate(lines):
        assert choose_line(element, held) == position
        assert choose_line(f" {element} ", held) == position


@pytest.mark.parametrize(
    ("symbol", "both"), [("Sn", ("Sn-K", "Sn-L")), ("Fe", ("Fe-Ka", "Fe-Kb")), ("Pb", ("Pb-L", "Pb-M"))]
)
def test_a_symbol_with_several_lines_names_them(symbol: str, both: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput, match=f"'{symbol}' may be any of its lines; write '{both[0]}' or '{both[1]}'"):
        choose_line(symbol, parse_all(["Ca-K", *both]))


def test_names_of_the_file_come_first() -> None:
    held = parse_all(["Sn", "Sn_L"])
    assert choose_line("Sn", held, ["Sn", "Sn_L"]) == 0
    assert choose_line("Sn L", held, ["Sn", "Sn_L"]) == 1


def test_lines_that_are_missing_and_labels_that_are_none() -> None:
    held = parse_all(["Ca-K", "Compton"])
    assert choose_line("Pb", held) is None
    assert choose_line("compton", held) == 1
    with pytest.raises(InvalidInput, match="unknown line 'Qq'"):
        choose_line("Qq", held)
    assert choose_line("s(Ca-K)", [parse("Ca-K")]) is None
