"""The documentation site in a browser, if `nox -s docs` has built it: pictures, width, search, and no network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

SITE = Path(os.environ.get("XRFSR_SITE", Path(__file__).parents[2] / "docs" / "_build" / "html"))
PAGES = (
    "index.html",
    "gallery/index.html",
    "gallery/plots.html",
    "howto/photo.html",
    "explanation/method.html",
    "reference/settings.html",
    "reference/api/generated/xarray.Dataset.xrfsr.superresolve.html",
)
WIDE, NARROW = (1280, 900), (390, 844)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (SITE / "index.html").is_file(), reason=f"there is no site in {SITE}: nox -s docs"),
]


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Address at which the site is served: from disk a browser searches titles alone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=SITE))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def show(open_page: Callable[..., Any], site: str) -> Callable[..., Any]:
    """Function that opens a page of the site, which may ask for nothing from elsewhere."""

    def opened(name: str, size: tuple[int, int] = WIDE) -> Any:
        return open_page(site + name, size, (site, "data:", "blob:"))

    return opened


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["desk", "telephone"])
@pytest.mark.parametrize("name", PAGES)
def test_pages_show_their_pictures_and_fit(show: Callable[..., Any], name: str, size: tuple[int, int]) -> None:
    page = show(name, size)
    assert page.locator("article h1").count() == 1
    broken = page.evaluate(
        "() => [...document.images].map(image => {image.loading = 'eager'; return image})"
        ".filter(image => image.complete && !image.naturalWidth).map(image => image.src)"
    )
    assert broken == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_the_front_page_has_a_picture_and_leads_to_every_part(show: Callable[..., Any]) -> None:
    page = show("index.html")
    assert page.locator("article img").first.evaluate("image => image.naturalWidth") > 500
    parts = page.locator("article .sd-card a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert len(parts) == 6
    assert all((SITE / part.partition("#")[0]).is_file() for part in parts)


def test_search_finds_a_setting(show: Callable[..., Any]) -> None:
    page = show("search.html?q=uncertainty")
    page.wait_for_selector("#search-results li")
    assert page.locator("#search-results li").count() > 3


def test_equations_are_drawn_without_a_script(show: Callable[..., Any]) -> None:
    page = show("explanation/method.html")
    boxes = page.locator("article math").evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert len(boxes) > 20
    assert min(boxes) > 0


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_accessible(
    show: Callable[..., Any], accessibility_faults: Callable[[Any], list[str]], name: str
) -> None:
    page = show(name)
    before = list(page.faults)
    found = accessibility_faults(page)
    # axe-core looks for style sheets that others import, in the folder of the page and not in theirs.
    page.faults[:] = before
    assert found == []
