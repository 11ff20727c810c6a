"""All scans of a tree in this process: their fine maps as a tree, and one model for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.pipeline.superresolve import superresolve as one
from xrfsr.pipeline.train import train_on
from xrfsr.regions.region import Region, regions_of
from xrfsr.utils.progress import progress_bar

if TYPE_CHECKING:
    from xrfsr.network import Model

__all__ = ["superresolve", "train"]


def superresolve(
    tree: xr.DataTree, rgb: xr.DataArray | xr.DataTree | None = None, scale: float = 4, **options: Any
) -> xr.DataTree:
    """Make the maps of every scan `scale` times finer.

    Parameters
    ----------
    tree : xarray.DataTree
        Tree of scans: every node with a variable `intensity`, or with one for each line, is one, unless it is a result
        of `superresolve`.
    rgb : xarray.DataArray or xarray.DataTree
        One photo in the millimetre coordinates of all scans, or a tree with the variable `rgb` under the name of each.
    scale : float
        Ratio of coarse to fine pixel size.
    **options
        As for the scans' own ``.xrfsr.superresolve``; with ``model=`` all share one, else each trains its own.

    Returns
    -------
    DataTree
        The fine maps of every scan under its name; lazy where scan or photo are in Dask. `xrfsr.regions.run` writes
        them as they finish, with many workers.

    Raises
    ------
    InvalidInput
        If the tree holds no scan, or all of them failed.

    Warns
    -----
    UserWarning
        Naming scans that failed, and why; the others are returned.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 128, seed=1, lines=["Hg-L", "Pb-L", "Ca-K"])
    >>> halves = {"left": scan.isel(x=slice(0, 16)), "right": scan.isel(x=slice(16, 32))}
    >>> fine = xr.DataTree.from_dict(halves).xrfsr.superresolve(rgb, steps=5, progress=False)
    >>> fine["left"].sizes["x"], fine["right"].sizes["x"]
    (64, 64)
    """
    made: dict[str, xr.Dataset] = {}
    failed: dict[str, list[str]] = {}
    regions, shown = regions_of(tree, rgb, scale), options.get("progress")
    with progress_bar(len(regions), "regions", shown if isinstance(shown, bool) else None) as show:
        for number, region in enumerate(regions):
            show(number, f"regions: {region.name}")
            faults: list[str] = []
            with collect_faults(faults, region.name):
                made[region.name or "/"] = one(region.scan, _photo(region), scale, **options)
            if faults:
                failed[region.name] = faults
    if not made:
        raise InvalidInput("tree", [fault for faults in failed.values() for fault in faults])
    if failed:
        reasons = "; ".join(fault for faults in failed.values() for fault in faults)
        warn(f"{len(failed)} of {len(failed) + len(made)} scans failed and are left out: {reasons}")
    return xr.DataTree.from_dict(made)


def train(tree: xr.DataTree, rgb: xr.DataArray | xr.DataTree, scale: float = 4, **options: Any) -> Model:
    """Train one model on all scans of the tree, which must have the same lines and units.

    Parameters
    ----------
    tree : xarray.DataTree
        Tree of scans: every node with a variable `intensity`, or with one for each line, is one, unless it is a result
        of `superresolve`.
    rgb, scale
        As for `superresolve`.
    **options
        As for the scans' own ``.xrfsr.train``.

    Returns
    -------
    Model
        Model for ``superresolve(rgb, model=model)``.

    Raises
    ------
    InvalidInput
        Naming every fault of every scan.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 128, seed=1, lines=["Hg-L", "Pb-L", "Ca-K"])
    >>> halves = {"left": scan.isel(x=slice(0, 16)), "right": scan.isel(x=slice(16, 32))}
    >>> xr.DataTree.from_dict(halves).xrfsr.train(rgb, steps=5, progress=False)
    <xrfsr.Model of Hg-L, Pb-L, Ca-K in count, 4 x 4 finer, 3 networks of K=5, M=64>
    """
    scans = []
    faults: list[str] = []
    for region in regions_of(tree, rgb, scale):
        with collect_faults(faults, region.name):
            scans.append((region.name, region.scan, _photo(region)))
    if faults:
        raise InvalidInput("tree", faults)
    return train_on(scans, scale, **options)


def _photo(region: Region) -> Any:
    if region.lacking:
        raise InvalidInput("photo", [region.lacking])
    return region.photo
