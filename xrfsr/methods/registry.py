"""Methods by name: those of the package, and those that other packages add by the entry point ``xrfsr.methods``."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from xrfsr.errors import InvalidInput, warn
from xrfsr.methods.common.method import Method
from xrfsr.utils.checks import near_name
from xrfsr.utils.describe import describe

__all__ = ["GROUP", "get", "names", "ready"]

GROUP = "xrfsr.methods"
# Module and class, imported at first use: some bring torch with them.
_BUILT_IN = {
    "unfolding": "unfolding:Unfolding",
    "kriging": "kriging:Kriging",
    "bilinear": "bilinear:Bilinear",
    "bicubic": "bicubic:Bicubic",
    "ssr": "ssr:SSR",
    "ssrcu": "ssrcu:SSRCU",
    "cstf": "cstf:CSTF",
    "lttr": "lttr:LTTR",
    "cms": "cms:CMS",
    "sisr": "sisr:SISR",
    "guided_filter": "guided_filter:GuidedFilter",
    "guided_diffusion": "guided_diffusion:GuidedDiffusion",
    "gsa": "gsa:GSA",
    "cnmf": "cnmf:CNMF",
}


def names() -> list[str]:
    """Return the names of all methods: those of the package, then those of others, sorted.

    Returns
    -------
    list of str
        Names that `superresolve` accepts as ``method=``.

    Examples
    --------
    >>> names()[:3]
    ['unfolding', 'kriging', 'bilinear']
    """
    return [*_BUILT_IN, *sorted(_added())]


def get(name: str) -> Method[Any]:
    """Return a method by its name.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    Method
        The method itself, which holds no data.

    Raises
    ------
    InvalidInput
        If no method has the name (the message lists those there are), or another package's method cannot be loaded.

    Examples
    --------
    >>> get("bicubic").uses_photo
    False
    """
    if isinstance(name, str) and name in _BUILT_IN:
        module, _, kind = _BUILT_IN[name].partition(":")
        method: Method[Any] = getattr(import_module(f"xrfsr.methods.{module}"), kind)()
        return method
    added = _added()
    if isinstance(name, str) and name in added:
        return _loaded(added[name])
    known = [*_BUILT_IN, *sorted(added)]
    near = near_name(name, known)
    hint = f"did you mean {near!r}? " if near else ""
    raise InvalidInput("method", [f"method {describe(name)} is unknown; {hint}accepted are {', '.join(known)}"])


def ready(among: Iterable[str] | None = None) -> dict[str, Method[Any]]:
    """Return the methods that need no option from the user, by name.

    Parameters
    ----------
    among : iterable of str, optional
        Names to choose from; all methods if left out.

    Returns
    -------
    dict of Method
        Methods by their names.

    Warns
    -----
    UserWarning
        Naming methods of other packages that cannot be loaded; they are left out.

    Examples
    --------
    >>> "kriging" in ready(), "sisr" in ready()  # which needs the weights of a network
    (True, False)
    """
    found: dict[str, Method[Any]] = {}
    for name in names() if among is None else among:
        try:
            method = get(name)
        except InvalidInput as error:
            warn("; ".join(error.faults))
            continue
        if not method.Options.required():
            found[name] = method
    return found


def _added() -> dict[str, EntryPoint]:
    """Entry points of other packages; none of them replaces a method of this one."""
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in _BUILT_IN}


def _loaded(point: EntryPoint) -> Method[Any]:
    package = point.dist.name if point.dist is not None else point.value
    try:
        kind = point.load()
    except Exception as error:  # whatever another package may raise while it is imported
        reason = f"{type(error).__name__}: {error}"
        raise InvalidInput(
            "method", [f"method {point.name!r} of '{package}' cannot be loaded ({reason}); reinstall or remove it"]
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, Method) and getattr(kind, "name", None) == point.name):
        raise InvalidInput(
            "method",
            [
                f"method {point.name!r} of '{package}' is {point.value}; a subclass of xrfsr.methods.Method with "
                f"name = {point.name!r} is needed"
            ],
        )
    return kind()
