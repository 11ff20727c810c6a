"""The notebooks of examples/ as pages: with outputs if `nox -s notebook` has left some, else the text alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jupytext

EXAMPLES = Path(__file__).parents[2] / "examples"
HEADER = "format_name: percent"  # in the first lines of a notebook's text


def write(app: Any) -> None:
    """Write the notebooks where the gallery lists them; an output older than its text is not shown."""
    folder = Path(app.srcdir, "gallery", "notebooks")
    folder.mkdir(exist_ok=True)
    for text in sorted(EXAMPLES.glob("*.py")):
        if HEADER not in text.read_text(encoding="utf-8"):
            continue
        executed = text.with_suffix(".ipynb")
        fresh = executed.is_file() and executed.stat().st_mtime >= text.stat().st_mtime
        notebook = jupytext.read(executed if fresh else text)
        made = jupytext.writes(notebook, fmt="ipynb")
        target = folder / executed.name
        if not target.is_file() or target.read_text(encoding="utf-8") != made:
            target.write_text(made, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Write them before Sphinx looks for pages."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
