"""The `.xrfsr` accessors of Dataset, DataArray and DataTree: every method hands the object to a function.

Signatures and docstrings are those of the functions, which are imported at first use, so that importing xrfsr brings
neither torch nor scipy. Nothing is remembered between calls.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

import xarray as xr

if TYPE_CHECKING:
    from xrfsr.core.grid import Grid
    from xrfsr.core.lines import Line

__all__ = ["PlotAccessor", "TreeAccessor", "XrfsrAccessor"]


class Forwarded:
    """A method that passes the accessor's object to a function as its first argument.

    Parameters
    ----------
    module : str
        Module of the function, within xrfsr.
    name : str, optional
        Name of the function; that of the attribute if not given.
    """

    def __init__(self, module: str, name: str = "") -> None:
        self._module, self._name = module, name
        self._method: Callable[..., Any] | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = self._name or name

    def __get__(self, accessor: Any, owner: type | None = None) -> Callable[..., Any]:
        if self._method is None:
            self._method = _as_method(getattr(import_module(f"xrfsr.{self._module}"), self._name))
        return self._method if accessor is None else self._method.__get__(accessor)


def _as_method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as a method of an accessor, documented without its first parameter."""
    signature = inspect.signature(function)
    first = next(iter(signature.parameters))

    @wraps(function)
    def method(self: Any, *args: Any, **keywords: Any) -> Any:
        try:
            signature.bind(self._obj, *args, **keywords)
        except TypeError as error:
            raise TypeError(_wrong_call(function.__name__, signature, args, keywords, str(error))) from None
        return function(self._obj, *args, **keywords)

    # The parameter's line and the indented lines below it.
    method.__doc__ = re.sub(
        rf"^( *){first} : .*\n(?:\1 +.*\n)*", "", inspect.getdoc(function) or "", flags=re.MULTILINE
    )
    return method


def _wrong_call(
    name: str, signature: inspect.Signature, args: tuple[Any, ...], keywords: dict[str, Any], problem: str
) -> str:
    """Return what is wrong with the arguments of a method, in terms of the method: without the object."""
    from xrfsr.utils.checks import near_name

    named = [one for one in list(signature.parameters.values())[1:] if one.kind != one.VAR_KEYWORD]
    known = [one.name for one in named]
    by_place = [one.name for one in named if one.kind == one.POSITIONAL_OR_KEYWORD]
    accepted = f"its arguments are {', '.join(known)}" if known else "it takes none"
    unknown = [each for each in keywords if each not in known]
    if len(args) > len(by_place):
        places = ", ".join(by_place) or "nothing"
        return f"{name}() takes {places} by position, got {len(args)} values; name the others: {accepted}"
    if unknown and "unexpected" in problem:
        near = near_name(unknown[0], known)
        meant = f"did you mean {near!r}? " if near else ""
        return f"{name}() has no argument {unknown[0]!r}; {meant}{accepted}"
    return f"{name}(): {problem}; {accepted}"


class PublicNames:
    """Base of the accessors: Tab completion offers what users call."""

    def __dir__(self) -> list[str]:
        """Public names alone."""
        return [name for name in dir(type(self)) if not name.startswith("_")]


class PlotAccessor(PublicNames):
    """Figures of a scan, result, photo or map, as ``scan.xrfsr.plot``.

    If you call it, it draws all maps of a scan, a photo, or a single map; see `xrfsr.plot.maps`. All methods draw the
    painting the right way up, with equal millimetres in both directions, and return matplotlib axes.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan, result, photo or map.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> ax = scan.xrfsr.plot("Fe-K")
    >>> ax.figure.savefig("iron.pdf")  # doctest: +SKIP
    """

    def __init__(self, obj: xr.Dataset | xr.DataArray) -> None:
        self._obj = obj

    def __repr__(self) -> str:
        """Name the object, and the methods there are."""
        offered = ", ".join(name for name in dir(type(self)) if not name.startswith("_"))
        return f"<.xrfsr.plot of a {type(self._obj).__name__} {dict(self._obj.sizes)}: {offered}>"

    __call__ = Forwarded("plot", "maps")
    maps = Forwarded("plot")
    composite = Forwarded("plot")
    overlay = Forwarded("plot")
    profile = Forwarded("plot")
    ratio = Forwarded("plot")
    histogram = Forwarded("plot")
    uncertainty = Forwarded("plot")
    support = Forwarded("plot")
    training = Forwarded("plot")

    def compare(
        self,
        *others: xr.Dataset | xr.DataArray,
        line: str | None = None,
        titles: Any = None,
        positions: bool = False,
        ax: Any = None,
    ) -> Any:
        """Draw one line of this scan and others in a row; see `xrfsr.plot.compare`.

        Parameters
        ----------
        *others : Dataset or DataArray
            Scans, results or single maps (y, x), in the same unit and millimetres.
        line : str, optional
            Line in any spelling or by its element alone; needed if there are several.
        titles : sequence of str, optional
            Titles of this and the others; their pixel sizes if left out.
        positions : bool
            Whether to write positions in mm along the sides.
        ax : sequence of matplotlib.axes.Axes, optional
            Axes to draw on, as many as there are maps; those of a new figure if left out.

        Returns
        -------
        array of matplotlib.axes.Axes
            One for each map, all with the same colour limits.

        Raises
        ------
        InvalidInput
            Naming every fault of each map.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
        >>> left, right = scan.xrfsr.plot.compare(truth, line="Pb-L")
        """
        from xrfsr.plot import compare

        return compare([self._obj, *others], line=line, titles=titles, positions=positions, ax=ax)


@xr.register_dataset_accessor("xrfsr")  # type: ignore[no-untyped-call]
@xr.register_dataarray_accessor("xrfsr")  # type: ignore[no-untyped-call]
class XrfsrAccessor(PublicNames):
    """Methods of a scan, as ``scan.xrfsr``.

    Methods that make maps return a Dataset for a Dataset and a DataArray for a DataArray. If a Dataset has one variable
    for each line, methods that correct or select maps return this form again; `superresolve` returns a Dataset with
    `intensity`.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan, or its intensity alone.

    Examples
    --------
    >>> import xrfsr
    >>> scan = xrfsr.as_scan([[[1.0, 2.0], [3.0, 4.0]]], lines=["Ca_K"], pixel_size="0.5 mm")
    >>> scan.xrfsr.grid.shape, [line.label for line in scan.xrfsr.lines]
    ((2, 2), ['Ca-K'])
    """

    def __init__(self, obj: xr.Dataset | xr.DataArray) -> None:
        self._obj = obj

    def __repr__(self) -> str:
        """Name the object, and the methods there are."""
        offered = ", ".join(name for name in dir(type(self)) if not name.startswith("_"))
        return f"<.xrfsr of a {type(self._obj).__name__} {dict(self._obj.sizes)}: {offered}>"

    _repr_html_ = Forwarded("plot.cards", "card")

    @property
    def grid(self) -> Grid:
        """Grid of `y` and `x` in mm (`xrfsr.Grid`)."""
        from xrfsr.core.coordinates import grid_of

        return grid_of(self._obj)

    @property
    def lines(self) -> list[Line]:
        """Label, element, shell, energy in keV and kind of every map (`xrfsr.core.Line`)."""
        from xrfsr.core.scan import lines_of

        return lines_of(self._obj)

    validate = Forwarded("core.scan")
    sel = Forwarded("core.selecting")
    to_dataset = Forwarded("core.to_dataset")

    superresolve = Forwarded("pipeline.superresolve")
    train = Forwarded("pipeline.train")
    compare = Forwarded("pipeline.compare")
    evaluate = Forwarded("pipeline.evaluate")

    quality = Forwarded("trust")
    consistency = Forwarded("trust")

    downsampling = Forwarded("operators.resample")
    resample = Forwarded("operators.resample")

    crop = Forwarded("processing")
    bin = Forwarded("processing")
    rotate = Forwarded("processing")
    flip = Forwarded("processing")
    shift_rows = Forwarded("processing")
    mask_outliers = Forwarded("processing")
    mask_dead_rows = Forwarded("processing")
    normalise = Forwarded("processing")

    def stitch(
        self,
        *others: xr.Dataset | xr.DataArray,
        pixel_size: Any = None,
        match_gains: bool = False,
        find_offsets: bool = False,
    ) -> Any:
        """Combine this scan and others of the same painting on one grid; see `xrfsr.processing.stitch`.

        Parameters
        ----------
        *others : Dataset or DataArray
            Scans with the same lines and units, `y` and `x` in the same millimetres.
        pixel_size : length or pair (y, x), optional
            Pixel size of the result; that of this scan if not given.
        match_gains : bool
            Whether to multiply the others so that they agree where they overlap.
        find_offsets : bool
            Whether to find the positions of the others from their overlap with this scan.

        Returns
        -------
        like this scan
            The stitched scan; ``attrs["stitched"]``, ``attrs["gains"]`` and ``attrs["offsets"]`` describe how.

        Raises
        ------
        InvalidInput
            Naming every fault of each scan.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
        >>> scan.isel(x=slice(0, 10)).xrfsr.stitch(scan.isel(x=slice(6, 16))).sizes["x"]
        16
        """
        from xrfsr.processing import stitch

        return stitch([self._obj, *others], pixel_size=pixel_size, match_gains=match_gains, find_offsets=find_offsets)

    ratio = Forwarded("analysis")
    correlation = Forwarded("analysis")
    composite = Forwarded("analysis")
    profile = Forwarded("analysis")
    region = Forwarded("analysis")
    region_statistics = Forwarded("analysis")

    @property
    def plot(self) -> PlotAccessor:
        """Figures with matplotlib: call it for all maps, a photo or a single map, or see its methods."""
        return PlotAccessor(self._obj)

    report = Forwarded("report")
    explore = Forwarded("exploration")

    to_zarr = Forwarded("io.writers.zarr")
    to_geotiff = Forwarded("io.writers.geotiff")
    to_tiffs = Forwarded("io.writers.tiffs")
    to_imagej = Forwarded("io.writers.imagej")
    to_dms = Forwarded("io.writers.dms")
    to_xrf_explorer = Forwarded("io.writers.xrf_explorer")
    to_pymca = Forwarded("io.writers.pymca")
    to_hyperspy = Forwarded("io.writers.hyperspy")
    to_deepzoom = Forwarded("io.writers.deepzoom")


@xr.register_datatree_accessor("xrfsr")  # type: ignore[no-untyped-call]
class TreeAccessor(PublicNames):
    """Methods of a DataTree. Every node with maps is a scan, unless it is a result of `superresolve`.

    Maps are the variable `intensity`, or one variable for each line.

    Parameters
    ----------
    tree : xarray.DataTree
        Tree of scans.
    """

    def __init__(self, tree: xr.DataTree) -> None:
        self._obj = tree

    def __repr__(self) -> str:
        """Name the nodes with data, and the methods there are."""
        nodes = [node.path for node in self._obj.subtree if node.data_vars]
        offered = ", ".join(name for name in dir(type(self)) if not name.startswith("_"))
        return f"<.xrfsr of a DataTree with {', '.join(nodes) or 'no data'}: {offered}>"

    _repr_html_ = Forwarded("plot.cards", "tree_card")
    superresolve = Forwarded("regions.in_memory")
    train = Forwarded("regions.in_memory")
    report = Forwarded("report", "report_tree")
