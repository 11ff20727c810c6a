"""The ``.xrfsr`` accessor of a tree of scans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

if TYPE_CHECKING:
    from xrfsr.models import Model

__all__ = ["TreeAccessor"]


@xr.register_datatree_accessor("xrfsr")  # type: ignore[no-untyped-call]
class TreeAccessor:
    """What xrfsr adds to a DataTree, each node of which with a variable `intensity` is a scan."""

    def __init__(self, tree: xr.DataTree) -> None:
        self._tree = tree

    def superresolve(
        self, rgb: xr.DataArray | xr.DataTree | None = None, scale: float = 4, **options: Any
    ) -> xr.DataTree:
        """Make the maps of every scan `scale` times finer.

        Parameters
        ----------
        rgb : xarray.DataArray or xarray.DataTree
            One photo in whose millimetre frame all scans lie, or a tree with the variable `rgb` under the name of each.
        scale : float
            How many times smaller the pixels become.
        **options
            As for the scans' own ``.xrfsr.superresolve``; with ``model=`` all share one, else each trains its own.

        Returns
        -------
        DataTree
            The fine maps of every scan under its name; lazy where scan or photo are in Dask. `xrfsr.regions.run` writes
            them as they finish, by many workers.

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
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 128, lines=["Fe-K", "Pb-L"])
        >>> halves = {"left": scan.isel(x=slice(0, 16)), "right": scan.isel(x=slice(16, 32))}
        >>> fine = xr.DataTree.from_dict(halves).xrfsr.superresolve(rgb, steps=5, progress=False)
        >>> fine["left"].sizes["x"], fine["right"].sizes["x"]
        (64, 64)
        """
        from xrfsr.regions import superresolve

        return superresolve(self._tree, rgb, scale, **options)

    def train(self, rgb: xr.DataArray | xr.DataTree, scale: float = 4, **options: Any) -> Model:
        """Train one model on all scans of the tree, which must have the same lines and units.

        Parameters
        ----------
        rgb, scale
            As for `superresolve`.
        **options
            As for the scans' own ``.xrfsr.train``.

        Returns
        -------
        Model
            For ``superresolve(rgb, model=model)``.

        Raises
        ------
        InvalidInput
            Naming every fault of every scan.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 128, lines=["Fe-K", "Pb-L"])
        >>> halves = {"left": scan.isel(x=slice(0, 16)), "right": scan.isel(x=slice(16, 32))}
        >>> xr.DataTree.from_dict(halves).xrfsr.train(rgb, steps=5, progress=False)
        <xrfsr.Model of Fe-K, Pb-L in count, 4 x 4 finer, 3 networks of K=5, M=64>
        """
        from xrfsr.regions import train

        return train(self._tree, rgb, scale, **options)
