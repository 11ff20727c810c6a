"""All scans of a tree in this process: their fine maps as a tree, and one model of them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from xrfsr.errors import InvalidInput, warn
from xrfsr.pipeline.superresolve import superresolve as one
from xrfsr.pipeline.superresolve import train_on
from xrfsr.regions.region import Region, reason_of, regions_of

if TYPE_CHECKING:
    from xrfsr.network import Model

__all__ = ["superresolve", "train"]


def superresolve(
    tree: xr.DataTree, rgb: xr.DataArray | xr.DataTree | None = None, scale: float = 4, **options: Any
) -> xr.DataTree:
    """Make the maps of every scan of a tree `scale` times finer; see ``tree.xrfsr.superresolve``."""
    made: dict[str, xr.Dataset] = {}
    failed: dict[str, str] = {}
    for region in regions_of(tree, rgb, scale):
        try:
            made[region.name or "/"] = one(region.scan, _photo(region), scale, **options)
        except InvalidInput as error:
            failed[region.name] = reason_of(error)
    if not made:
        raise InvalidInput("tree", [f"{name}: {reason}" for name, reason in failed.items()])
    if failed:
        told = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        warn(f"{len(failed)} of {len(failed) + len(made)} scans failed and are left out: {told}")
    return xr.DataTree.from_dict(made)


def train(tree: xr.DataTree, rgb: xr.DataArray | xr.DataTree, scale: float = 4, **options: Any) -> Model:
    """Train one model on all scans of a tree; see ``tree.xrfsr.train``."""
    scans = []
    faults = []
    for region in regions_of(tree, rgb, scale):
        try:
            scans.append((region.name, region.scan, _photo(region)))
        except InvalidInput as error:
            faults += [f"{region.name}: {fault}" for fault in error.faults]
    if faults:
        raise InvalidInput("tree", faults)
    return train_on(scans, scale, **options)


def _photo(region: Region) -> Any:
    if region.lacking:
        raise InvalidInput("photo", [region.lacking])
    return region.photo
