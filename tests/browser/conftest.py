"""Pages in a real headless Chromium, which is driven by mouse and keys: `nox -s browser`.

A test calls the fixture `open_page` with an address. When it ends, the page must have written no error
to its console and asked the network for nothing but what the test allows.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# The first that is there. Debian's is a script, and has the codecs and fonts of the system.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WIDE, NARROW = (1280, 900), (390, 844)  # a desk and a telephone
LOCAL = ("file:", "data:", "blob:", "about:")

OpenPage = Callable[..., Any]


def find_chromium() -> str | None:
    """Path of Chromium: that in XRFSR_CHROMIUM, one on the PATH, or None for the one that playwright has installed."""
    named = os.environ.get("XRFSR_CHROMIUM")
    return named or next((path for name in PROGRAMS if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium for all tests of a process."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: nox -s browser")
    with api.sync_playwright() as playwright:
        path = find_chromium()
        if path is None and not Path(playwright.chromium.executable_path).is_file():
            pytest.fail("there is no Chromium: install one (apt-get install chromium), or set XRFSR_CHROMIUM")
        # Chromium refuses its sandbox to root, which tests in containers often are.
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if root else [])
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[OpenPage]:
    """Function that opens an address: ``open_page(url, size=WIDE, allowed=LOCAL, **options of the context)``.

    `allowed` are the beginnings of addresses that the page may ask for. The page counts as open at its `load` event.
    """
    contexts: list[Any] = []
    faults: list[str] = []

    def open_at(url: str, size: tuple[int, int] = WIDE, allowed: tuple[str, ...] = LOCAL, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(allowed) else faults.append(f"network: {asked.url}"),
        )
        page.goto(url)
        page.faults = faults
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def accessibility_faults() -> Callable[[Any], list[str]]:
    """Function that returns what axe-core finds serious or critical on a page, with the first place of each."""
    module = pytest.importorskip("axe_playwright_python.sync_playwright")

    def found(page: Any) -> list[str]:
        violations = module.Axe().run(page).response["violations"]
        return [
            f"{each['impact']}: {each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}"
            for each in violations
            if each["impact"] in ("serious", "critical")
        ]

    return found
