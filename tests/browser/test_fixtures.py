"""The fixtures notice what they are there to notice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

HEAD = "<!doctype html><html lang='en'><head><title>page</title></head><body><main><h1>page</h1>"


def write(folder: Path, body: str) -> str:
    path = folder / "page.html"
    path.write_text(f"{HEAD}{body}</main></body></html>", encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<script>console.error('broken')</script>", "console: broken"),
        ("<script>throw new Error('broken')</script>", "error: "),
        ("<script>fetch('http://127.0.0.1:9/x').catch(() => 0)</script>", "network: http://127.0.0.1:9/x"),
    ],
)
def test_faults_of_a_page_are_seen(open_page: Callable[..., Any], tmp_path: Path, body: str, said: str) -> None:
    page = open_page(write(tmp_path, body))
    page.wait_for_timeout(100)
    assert any(fault.startswith(said) for fault in page.faults)
    page.faults.clear()


def test_a_page_without_faults_has_none(
    open_page: Callable[..., Any], accessibility_faults: Callable[[Any], list[str]], tmp_path: Path
) -> None:
    page = open_page(write(tmp_path, "<p>text</p>"))
    assert accessibility_faults(page) == []
    assert page.faults == []


def test_a_picture_without_text_is_an_accessibility_fault(
    open_page: Callable[..., Any], accessibility_faults: Callable[[Any], list[str]], tmp_path: Path
) -> None:
    page = open_page(write(tmp_path, "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>"))
    assert any("image-alt" in fault for fault in accessibility_faults(page))
