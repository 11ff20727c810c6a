"""Objects that Panel shows: in notebooks, in a window of their own, and served."""

from __future__ import annotations

from typing import Any

from xrfsr.errors import import_optional

__all__ = ["Shown", "panel"]


def panel() -> Any:
    """Return Panel.

    Raises
    ------
    InvalidInput
        If it is not installed.
    """
    return import_optional("panel", "pages to explore maps", "explore")


class Shown:
    """An object with a page, which is made again for each place where it is shown.

    Models of Bokeh belong to one document, so that one page could not be in two cells of a notebook.
    """

    def _page(self) -> Any:
        raise NotImplementedError

    def __panel__(self) -> Any:
        """Return the page, as Panel asks for it."""
        return self._page()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """Return the page, as Jupyter asks for it."""
        pn = panel()
        if not pn.extension._loaded:
            pn.extension()
        return self._page()._repr_mimebundle_(include, exclude)

    def servable(self, title: str | None = None) -> Any:
        """Put the page into what ``panel serve`` shows.

        Parameters
        ----------
        title : str, optional
            Title of the window.
        """
        return self._page().servable(title=title)

    def show(self, **keywords: Any) -> Any:
        """Open the page in a browser; see ``panel.show``, which gets the keywords, for a port and the like.

        Parameters
        ----------
        **keywords
            Of ``panel.serve``, such as ``port=5006``, ``threaded=True`` or ``open=False``.
        """
        return panel().serve(self._page, **{"title": "xrfsr", **keywords})
