"""Pages whose text is a file in the project's folder, such as CONTRIBUTING.md: the page itself holds a link to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = {
    "reference/changelog": "CHANGELOG.md",
    "reference/contributing": "CONTRIBUTING.md",
    "reference/reporting": "SECURITY.md",
}


def read(app: Any, docname: str, source: list[str]) -> None:
    """Put the file in the place of the page, with its links as seen from there."""
    if docname not in PAGES:
        return
    app.env.note_dependency(ROOT / PAGES[docname], docname=docname)  # read again when it changes
    text = (ROOT / PAGES[docname]).read_text(encoding="utf-8").replace("](docs/", "](../")
    for page, name in PAGES.items():
        text = text.replace(f"]({name})", f"]({page.rpartition('/')[2]}.md)")
    # What is no page stays a name.
    source[0] = re.sub(r"\[([^]]+)\]\((?!https?:|\.\./|\w+\.md|#)[^)]+\)", r"`\1`", text)


def setup(app: Any) -> dict[str, bool]:
    """Replace the text as Sphinx reads it."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
