"""Cards of notebooks: well formed, inert, and careful with everything that goes wrong."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pages import Page

from xrfsr.utils import html


@given(st.text(), st.text(), st.text(max_size=20))
def test_any_text_is_inert(title: str, value: str, alt: str) -> None:
    cell = html.table(["name", value], [[value, title]])
    picture = html.figure("data:,", alt, (10, 10), value)
    made = html.card(title, value, {"fact": value}, pictures=[picture], below=[cell, html.details(value, cell)])
    page = Page(made)
    assert set(page.tags) <= {
        *("div", "strong", "span", "figure", "figcaption", "img", "dl", "dt", "dd", "table", "thead", "tbody"),
        *("tr", "th", "td", "details", "summary"),
    }
    assert not any(name.startswith("on") or name in ("id", "class") for name, _ in page.attributes)


def test_hidden_characters_are_shown_and_long_texts_are_cut() -> None:
    assert html.text("Pb\u202e-L\x1b[31m") == "Pb\\u202e-L\\x1b[31m"
    assert len(html.text("x" * 10_000)) < 200


def test_facts_without_a_value_are_left_out() -> None:
    made = html.card("Scan", "", {"units": "count", "measured": "", "source": None, "": "lost"})
    assert "units" in made
    assert not any(word in made for word in ("measured", "source", "lost"))


def test_nothing_is_raised() -> None:
    assert html.or_none(lambda value: str(1 / value))(0) is None
    assert html.or_none(lambda value: str(1 / value))(1) == "1.0"
