"""The `.xrfsr` accessor: every method is one line that hands the object to a function.

The functions are imported where they are called, so that importing xrfsr brings neither torch nor scipy. Nothing is
remembered between calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

import xarray as xr

if TYPE_CHECKING:
    from xrfsr.grid import Grid
    from xrfsr.lines import Line
    from xrfsr.models import Model
    from xrfsr.sampling import Downsampling, Footprint

__all__ = ["XrfsrAccessor"]


@xr.register_dataset_accessor("xrfsr")  # type: ignore[no-untyped-call]
@xr.register_dataarray_accessor("xrfsr")  # type: ignore[no-untyped-call]
class XrfsrAccessor:
    """What can be done with a scan, as ``scan.xrfsr``.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        A scan, or its intensity alone. Methods that make maps return a Dataset for a Dataset and a DataArray for a
        DataArray.

    Examples
    --------
    >>> import xrfsr
    >>> scan = xrfsr.as_scan([[[1.0, 2.0], [3.0, 4.0]]], lines=["Ca_K"], pixel_size="0.5 mm")
    >>> scan.xrfsr.grid.shape, [line.label for line in scan.xrfsr.lines]
    ((2, 2), ['Ca-K'])
    """

    def __init__(self, obj: xr.Dataset | xr.DataArray) -> None:
        self._obj = obj

    @property
    def grid(self) -> Grid:
        """The grid of `y` and `x` in mm."""
        from xrfsr.frame import grid_of

        return grid_of(self._obj)

    @property
    def lines(self) -> list[Line]:
        """What each map is: label, element, shell, energy and kind."""
        from xrfsr.lines import parse_all

        return parse_all(self._obj["line"].values.tolist())

    def validate(self, *, values: bool | None = None) -> xr.Dataset | xr.DataArray:
        """Check the scan for every fault at once, and return it in the standard form.

        Parameters
        ----------
        values : bool, optional
            Whether to look at the values too; left out, unless they are Dask arrays.

        See Also
        --------
        xrfsr.scan.validate
        """
        from xrfsr.scan import validate

        return validate(self._obj, values=values)

    def superresolve(
        self,
        rgb: xr.DataArray,
        scale: float = 4,
        *,
        method: str = "unfolding",
        model: Model | None = None,
        device: str = "auto",
        seed: int = 0,
        progress: bool | None = None,
        footprint: Footprint = "area",
        fwhm: float | tuple[float, float] | None = None,
        **settings: Any,
    ) -> xr.Dataset | xr.DataArray:
        """Make the maps `scale` times finer with the help of a photo.

        Parameters
        ----------
        rgb : xarray.DataArray
            The photo (band, y, x) in the millimetre frame of the scan.
        scale : float
            How many times smaller the pixels become.
        method : str
            Name of the method.
        model : Model, optional
            A trained model, from `train` or `xrfsr.load_model`; left out, one is trained.
        device : str
            ``"auto"``, or a device as torch names it.
        seed : int
            The same seed on the same device gives the same result.
        progress : bool, optional
            Whether to show a progress bar; False is silent.
        footprint, fwhm
            What a pixel of the scan sees, as for `downsampling`.
        **settings
            Further settings of the method.

        See Also
        --------
        xrfsr.superresolve.superresolve
        """
        from xrfsr.superresolve import superresolve

        return superresolve(
            self._obj,
            rgb,
            scale,
            method=method,
            model=model,
            device=device,
            seed=seed,
            progress=progress,
            footprint=footprint,
            fwhm=fwhm,
            **settings,
        )

    def train(
        self,
        rgb: xr.DataArray,
        scale: float = 4,
        *,
        device: str = "auto",
        seed: int = 0,
        progress: bool | None = None,
        footprint: Footprint = "area",
        fwhm: float | tuple[float, float] | None = None,
        **settings: Any,
    ) -> Model:
        """Train a model that `superresolve` can use again and that saves to a folder.

        Parameters
        ----------
        rgb, scale, device, seed, progress, footprint, fwhm
            As for `superresolve`.
        **settings
            Settings of the training.

        See Also
        --------
        xrfsr.superresolve.train
        """
        from xrfsr.superresolve import train

        return train(
            self._obj,
            rgb,
            scale,
            device=device,
            seed=seed,
            progress=progress,
            footprint=footprint,
            fwhm=fwhm,
            **settings,
        )

    def downsampling(
        self,
        scale: float = 4,
        footprint: Footprint = "area",
        fwhm: float | tuple[float, float] | None = None,
        *,
        smear: tuple[float, float] | None = None,
    ) -> Downsampling:
        """Give the operator U that takes maps `scale` times finer than these to the grid of these.

        Parameters
        ----------
        scale : float
            How many times smaller the fine pixels are.
        footprint : {"area", "gaussian", "decimate"}
            What a pixel of the scan sees.
        fwhm : float or (y, x), optional
            Width of the beam in mm, for ``"gaussian"``.
        smear : (y, x), optional
            Way in mm that the beam moves during one pixel.

        See Also
        --------
        xrfsr.resample.downsampling
        """
        from xrfsr.resample import downsampling

        return downsampling(self._obj, scale, footprint=footprint, fwhm=fwhm, smear=smear)

    def resample(
        self,
        like: xr.Dataset | xr.DataArray | None = None,
        *,
        scale: float | None = None,
        pixel_size: Any = None,
        footprint: Footprint = "area",
        fwhm: float | tuple[float, float] | None = None,
    ) -> xr.Dataset | xr.DataArray:
        """Bring the maps onto another grid: averaged where it is coarser, interpolated where it is finer.

        Parameters
        ----------
        like : xarray.Dataset or xarray.DataArray, optional
            Take the grid of this.
        scale : float, optional
            Or as many times more pixels within the same edges; below one for fewer.
        pixel_size : str or float or pair, optional
            Or pixels of about this size within the same edges.
        footprint, fwhm
            What a coarser pixel sees, as for `downsampling`.

        See Also
        --------
        xrfsr.resample.resample
        """
        from xrfsr.resample import resample

        return resample(self._obj, like, scale=scale, pixel_size=pixel_size, footprint=footprint, fwhm=fwhm)

    def ratio(self, a: str, b: str, *, minimum: float | None = None) -> xr.DataArray:
        """Divide the intensity of line `a` by that of line `b`.

        Parameters
        ----------
        a, b : str
            Labels in any spelling.
        minimum : float, optional
            Smallest denominator to divide by, in the units of the intensity.

        See Also
        --------
        xrfsr.ratios.ratio
        """
        from xrfsr.ratios import ratio

        return ratio(self._obj, a, b, minimum=minimum)

    def to_zarr(
        self,
        path: str | PathLike[str],
        *,
        overwrite: bool = False,
        chunks: Mapping[str, int] | None = None,
    ) -> None:
        """Write to a zarr v3 store in a local folder.

        Parameters
        ----------
        path : str or path
            The folder to make.
        overwrite : bool
            Replace an existing zarr store.
        chunks : mapping of str to int, optional
            Chunk length by dimension.

        See Also
        --------
        xrfsr.io.zarr.to_zarr
        """
        from xrfsr.io.zarr import to_zarr

        to_zarr(self._obj, path, overwrite=overwrite, chunks=chunks)
