"""The role of names in docstrings: `xrfsr.register` is a link if it has a page, `photo_gain` is code."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx import addnodes


def name(
    role: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = ()
) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """Return code, and around it a reference that may lead nowhere: most names are those of parameters."""
    code = nodes.literal(rawtext, text, classes=["xref", "py"])
    if not text.startswith("xrfsr."):
        return [code], []
    reference = addnodes.pending_xref(
        rawtext, code, refdomain="py", reftype="obj", reftarget=text, refdoc=inliner.document.settings.env.docname
    )
    reference["by_name"] = True
    return [reference], []


def without_page(app: Any, env: Any, node: Any, code: Any) -> Any:
    """Return the code of a name in an inner module, which has no page; a name that does not exist is a warning."""
    if not node.get("by_name"):
        return None
    parts = node["reftarget"].split(".")
    for length in range(len(parts), 0, -1):
        with suppress(ImportError, AttributeError):
            found: Any = import_module(".".join(parts[:length]))
            for part in parts[length:]:
                found = getattr(found, part)
            return code
    return None


def setup(app: Any) -> dict[str, bool]:
    """Register the role, as `default_role` names it."""
    app.add_role("name", name)
    app.connect("missing-reference", without_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
