"""The `.xrfsr` accessor: every method is one line that hands the object to a function.

The functions are imported where they are called, so that importing xrfsr brings neither torch nor scipy. Nothing is
remembered between calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import xarray as xr

if TYPE_CHECKING:
    from xrfsr.core.grid import Grid
    from xrfsr.core.lines import Line
    from xrfsr.network import Model
    from xrfsr.operators import Downsampling, Footprint

__all__ = ["TreeAccessor", "XrfsrAccessor"]


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

    def __repr__(self) -> str:
        """What it belongs to, and what there is."""
        offered = ", ".join(name for name in dir(type(self)) if not name.startswith("_"))
        return f"<.xrfsr of a {type(self._obj).__name__} {dict(self._obj.sizes)}: {offered}>"

    @property
    def grid(self) -> Grid:
        """The grid of `y` and `x` in mm (`xrfsr.Grid`)."""
        from xrfsr.core.coordinates import grid_of

        return grid_of(self._obj)

    @property
    def lines(self) -> list[Line]:
        """What each map is: label, element, shell, energy in keV and kind (`xrfsr.core.lines.Line`)."""
        from xrfsr.core.scan import lines_of

        return lines_of(self._obj)

    def validate(self, *, values: bool | None = None) -> xr.Dataset | xr.DataArray:
        """Check the scan for every fault at once, and return it in the standard form.

        Parameters
        ----------
        values : bool, optional
            Whether to look at the values too; left out, unless they are Dask arrays.

        Returns
        -------
        Dataset or DataArray
            Float32 (line, y, x), canonical labels, millimetres.

        Raises
        ------
        InvalidInput
            Naming every fault.

        See Also
        --------
        xrfsr.core.scan.validate : the function behind it.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
        >>> scan.assign_coords(line=["Fe_Ka", "Pb L"]).xrfsr.validate().line.values.tolist()
        ['Fe-Ka', 'Pb-L']
        """
        from xrfsr.core.scan import validate

        return validate(self._obj, values=values)

    def superresolve(
        self,
        rgb: xr.DataArray | None = None,
        scale: float = 4,
        *,
        method: str = "unfolding",
        model: Model | None = None,
        device: str = "auto",
        seed: int = 0,
        progress: bool | None = None,
        footprint: Footprint = "area",
        fwhm: Any = None,
        smear: Any = None,
        chunk: int | None = None,
        **settings: Any,
    ) -> xr.Dataset | xr.DataArray:
        """Make the maps `scale` times finer with the help of a photo.

        Parameters
        ----------
        rgb : xarray.DataArray
            The photo (band, y, x) in the millimetre frame of the scan; not needed by methods that look at none.
        scale : float
            How many times smaller the pixels become.
        method : str
            ``"unfolding"``, the paper's network; ``"kriging"``, the photo-free floor; or one to compare with, such as
            ``"bicubic"``, ``"guided_filter"``, ``"ssrcu"``.
        model : Model, optional
            A trained model, from `train` or `xrfsr.load_model`; left out, one is trained.
        device : str
            ``"auto"``, or a device as torch names it.
        seed : int
            The same seed on the same device gives the same bits.
        progress : bool, optional
            Whether to show a progress bar; False is silent.
        footprint, fwhm, smear
            What a pixel of the scan sees, as for `downsampling`.
        chunk : int, optional
            Side of the tiles, in fine pixels, of which a large or lazy result is made (1024 if left out).
        **settings
            Further settings of the training, such as ``steps=4000`` (default 2000), ``preset="paper"`` or
            ``max_seconds=60``: see `xrfsr.pipeline.superresolve.superresolve`.

        Returns
        -------
        Dataset or DataArray
            Same lines and units, finer `y` and `x` within the same outer edges; float32. Lazy, if scan or photo are in
            Dask: nothing is computed before the result is.

        Raises
        ------
        InvalidInput
            Naming every fault of scan, photo and arguments.

        See Also
        --------
        xrfsr.pipeline.superresolve.superresolve : the function behind it, with all details.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
        >>> fine = scan.xrfsr.superresolve(rgb, scale=4, steps=20, progress=False)
        >>> dict(scan.sizes), dict(fine.sizes)
        ({'line': 2, 'y': 16, 'x': 16}, {'line': 2, 'y': 64, 'x': 64})
        """
        from xrfsr.pipeline.superresolve import superresolve

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
            smear=smear,
            chunk=chunk,
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
        fwhm: Any = None,
        smear: Any = None,
        **settings: Any,
    ) -> Model:
        """Train a model that `superresolve` can use again and that saves to a folder.

        Parameters
        ----------
        rgb, scale, device, seed, progress, footprint, fwhm, smear, **settings
            As for `superresolve`.

        Returns
        -------
        Model
            ``model.save(folder)`` keeps it, ``xrfsr.load_model(folder)`` opens it again.

        Raises
        ------
        InvalidInput
            Naming every fault of scan, photo and arguments.

        See Also
        --------
        xrfsr.pipeline.superresolve.train : the function behind it.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
        >>> model = scan.xrfsr.train(rgb, steps=20, progress=False)
        >>> fine = scan.xrfsr.superresolve(rgb, model=model)
        """
        from xrfsr.pipeline.superresolve import train

        return train(
            self._obj,
            rgb,
            scale,
            device=device,
            seed=seed,
            progress=progress,
            footprint=footprint,
            fwhm=fwhm,
            smear=smear,
            **settings,
        )

    def compare(
        self,
        rgb: xr.DataArray | None = None,
        scale: float = 4,
        *,
        methods: Sequence[str] | None = None,
        truth: xr.Dataset | xr.DataArray | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        progress: bool | None = None,
        **options: Any,
    ) -> xr.Dataset:
        """Try several methods on this scan and measure how near each comes to the truth.

        Parameters
        ----------
        rgb, scale
            As for `superresolve`.
        methods : sequence of str, optional
            By default all that need nothing else.
        truth : Dataset or DataArray, optional
            The fine maps, where they are known. Left out, the scan is the truth, and methods are shown a coarser one.
        settings : mapping, optional
            For a method its own settings: ``{"unfolding": {"steps": 4000}}``.
        progress : bool, optional
            Whether to show how many methods have been tried.
        **options
            For all methods: `device`, `seed`, `footprint`, `fwhm`, `smear`.

        Returns
        -------
        Dataset
            `score` (method, line, metric), `pooled` (method, metric), `seconds` and `memory` (method), which
            `xrfsr.plot.comparison` shows.

        Raises
        ------
        InvalidInput
            Naming every fault.

        See Also
        --------
        xrfsr.pipeline.compare.compare : the function behind it.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
        >>> made = scan.xrfsr.compare(rgb, scale=2, methods=["bicubic", "gsa"], progress=False)
        >>> made.score.dims
        ('method', 'line', 'metric')
        """
        from xrfsr.pipeline.compare import compare

        return compare(
            self._obj, rgb, scale, methods=methods, truth=truth, settings=settings, progress=progress, **options
        )

    def downsampling(
        self,
        scale: float = 4,
        footprint: Footprint = "area",
        fwhm: Any = None,
        *,
        smear: Any = None,
    ) -> Downsampling:
        """Give the operator U that takes maps `scale` times finer than these to the grid of these (Eq. 2).

        Parameters
        ----------
        scale : float
            How many times smaller the fine pixels are.
        footprint : {"area", "gaussian", "decimate"}
            What a pixel of the scan sees: its box, that box through a Gaussian beam, or one fine pixel.
        fwhm : str or float or pair, optional
            Width of the beam for ``"gaussian"``: ``"0.5 mm"``, a number of mm, or (y, x) of these.
        smear : str or float or pair, optional
            How far the beam moves during one pixel, for ``"gaussian"``; the pixel itself if not given.

        Returns
        -------
        xrfsr.operators.Downsampling
            Callable on arrays (..., y, x), numpy or torch, with `adjoint`, `pinv` and `project`.

        Raises
        ------
        InvalidInput
            Naming every fault of the arguments and coordinates.

        See Also
        --------
        xrfsr.operators.resample.downsampling : the function behind it.

        Examples
        --------
        >>> import numpy as np, xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
        >>> U = scan.xrfsr.downsampling(scale=4)
        >>> U(truth.intensity.values).shape
        (2, 16, 16)
        """
        from xrfsr.operators.resample import downsampling

        return downsampling(self._obj, scale, footprint=footprint, fwhm=fwhm, smear=smear)

    def resample(
        self,
        like: xr.Dataset | xr.DataArray | Grid | None = None,
        *,
        scale: float | None = None,
        pixel_size: Any = None,
        footprint: Footprint = "area",
        fwhm: Any = None,
    ) -> xr.Dataset | xr.DataArray:
        """Bring the maps onto another grid: averaged where it is coarser, interpolated where it is finer.

        Parameters
        ----------
        like : xarray.Dataset, xarray.DataArray or Grid, optional
            Take the grid of this.
        scale : float, optional
            Or as many times more pixels within the same edges; below one for fewer.
        pixel_size : str or float or pair, optional
            Or pixels of about this size within the same edges.
        footprint, fwhm
            What a coarser pixel sees, as for `downsampling`.

        Returns
        -------
        Dataset or DataArray
            Everything that lies on `y` and `x`, on the new grid; Dask arrays stay lazy.

        Raises
        ------
        InvalidInput
            Naming every fault of the arguments and coordinates.

        See Also
        --------
        xrfsr.operators.resample.resample : the function behind it.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
        >>> scan.xrfsr.resample(pixel_size="2 mm").xrfsr.grid.shape
        (8, 8)
        """
        from xrfsr.operators.resample import resample

        return resample(self._obj, like, scale=scale, pixel_size=pixel_size, footprint=footprint, fwhm=fwhm)

    def ratio(self, a: str, b: str, *, minimum: float | None = None) -> xr.DataArray:
        """Divide the intensity of line `a` by that of line `b`.

        Parameters
        ----------
        a, b : str
            Labels in any spelling.
        minimum : float, optional
            Smallest denominator to divide by, in the units of the intensity.

        Returns
        -------
        DataArray
            Dimensionless, (y, x); NaN where there is nothing to divide by.

        Raises
        ------
        InvalidInput
            Naming every label that is unknown or absent.

        See Also
        --------
        xrfsr.processing.ratio.ratio : the function behind it.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
        >>> scan.xrfsr.ratio("Ca-K", "Pb-L").dims
        ('y', 'x')
        """
        from xrfsr.processing.ratio import ratio

        return ratio(self._obj, a, b, minimum=minimum)

    def crop(self, *, y: Any = None, x: Any = None) -> xr.Dataset | xr.DataArray:
        """Keep the pixels whose centres lie between two lengths.

        Parameters
        ----------
        y, x : pair of lengths, optional
            From and to: mm, or text such as ``("2 cm", "85 mm")``; None in a pair leaves that side as it is.

        Returns
        -------
        Dataset or DataArray
            The part, with the coordinates it had.

        Raises
        ------
        InvalidInput
            Naming every length that is none, and a part that is empty.

        See Also
        --------
        xrfsr.processing.crop : the function behind it.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
        >>> scan.xrfsr.crop(x=(4, "1.2 cm")).sizes["x"]
        8
        """
        from xrfsr.processing import crop

        return crop(self._obj, y=y, x=x)

    def shift_rows(self, shift: Any = None) -> xr.Dataset:
        """Move every other row of a zig-zag scan back to where it was measured.

        Parameters
        ----------
        shift : length, optional
            How far the second, fourth, ... rows lie too far towards larger `x`; estimated if not given.

        Returns
        -------
        Dataset
            ``attrs["row_shift_mm"]`` says by how much, ``attrs["row_shift_error_mm"]`` how sure an estimate is.

        Raises
        ------
        InvalidInput
            Naming every fault of scan and shift.

        See Also
        --------
        xrfsr.processing.shift_rows : the function behind it.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
        >>> scan.xrfsr.shift_rows("0.5 mm").attrs["row_shift_mm"]
        0.5
        """
        from xrfsr.processing import shift_rows

        return shift_rows(self._obj, shift)

    def mask_outliers(self, *, threshold: float = 8.0) -> xr.Dataset:
        """Mark single pixels that stand out of all their neighbours by more than noise can do.

        Parameters
        ----------
        threshold : float
            Robust standard deviations, 3 or more.

        Returns
        -------
        Dataset
            Outliers of one map are NaN, those of most maps not `valid`; ``attrs["outliers_masked"]`` counts them.

        Raises
        ------
        InvalidInput
            Naming every fault of scan and threshold.

        See Also
        --------
        xrfsr.processing.mask_outliers : the function behind it.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
        >>> scan.xrfsr.mask_outliers().attrs["outliers_masked"]
        '0 in single maps, 0 in all'
        """
        from xrfsr.processing import mask_outliers

        return mask_outliers(self._obj, threshold=threshold)

    def mask_dead_rows(self) -> xr.Dataset:
        """Mark rows and columns in which the scanner measured nothing, or something else than around them.

        Returns
        -------
        Dataset
            Their pixels are not `valid`; ``attrs["dead_rows"]`` and ``attrs["dead_columns"]`` list them.

        Raises
        ------
        InvalidInput
            Naming every fault of the scan.

        See Also
        --------
        xrfsr.processing.mask_dead_rows : the function behind it.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
        >>> scan.xrfsr.mask_dead_rows().attrs["dead_rows"]
        'none'
        """
        from xrfsr.processing import mask_dead_rows

        return mask_dead_rows(self._obj)

    def normalise(self, *, dwell: Any = None, live_time: Any = None, dead_time: Any = None) -> xr.Dataset:
        """Divide counts by the time in which they were counted.

        Parameters
        ----------
        dwell : time, or array (y, x) or (y,); optional
            How long each pixel was measured: seconds, or text such as ``"20 ms"``.
        live_time : the same, optional
            How long the detector was ready; in place of `dwell` and `dead_time`.
        dead_time : float or array, optional
            Share of the dwell time in which it was not.

        Returns
        -------
        Dataset
            In ``count/s``; ``attrs["normalised"]`` says by what.

        Raises
        ------
        InvalidInput
            If the scan is not in counts, and naming every fault of the times.

        See Also
        --------
        xrfsr.processing.normalise : the function behind it.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
        >>> scan.xrfsr.normalise(dwell="250 ms").intensity.attrs["units"]
        'count/s'
        """
        from xrfsr.processing import normalise

        return normalise(self._obj, dwell=dwell, live_time=live_time, dead_time=dead_time)

    def stitch(self, *others: xr.Dataset, pixel_size: Any = None, match_gains: bool = False) -> xr.Dataset:
        """Bring this scan and others of the same painting onto one grid.

        Parameters
        ----------
        *others : Dataset
            Scans with the same lines and units, `y` and `x` in the same millimetres.
        pixel_size : length or pair (y, x), optional
            Of the grid; by default that of this scan.
        match_gains : bool
            Multiply the others so that they agree where they overlap.

        Returns
        -------
        Dataset
            ``attrs["stitched"]`` and ``attrs["gains"]`` say what was done.

        Raises
        ------
        InvalidInput
            Naming every fault of each scan.

        See Also
        --------
        xrfsr.processing.stitch : the function behind it.

        Examples
        --------
        >>> import xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
        >>> scan.isel(x=slice(0, 10)).xrfsr.stitch(scan.isel(x=slice(6, 16))).sizes["x"]
        16
        """
        from xrfsr.processing import stitch

        return stitch([self._obj, *others], pixel_size=pixel_size, match_gains=match_gains)

    def to_zarr(
        self,
        path: str | PathLike[str],
        *,
        overwrite: bool = False,
        chunks: Mapping[str, int] | None = None,
    ) -> None:
        """Write to a zarr v3 store in a local folder, complete or not at all.

        Parameters
        ----------
        path : str or path
            The folder to make.
        overwrite : bool
            Replace an existing zarr store.
        chunks : mapping of str to int, optional
            Chunk length by dimension.

        Raises
        ------
        InvalidInput
            If the path exists, its parent does not, or something cannot be stored.

        See Also
        --------
        xrfsr.io.writers.zarr.to_zarr : the function behind it.

        Examples
        --------
        >>> import tempfile, xarray as xr, xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scan.xrfsr.to_zarr(f"{folder}/scan.zarr")
        ...     xr.open_zarr(f"{folder}/scan.zarr").load().identical(scan)
        True
        """
        from xrfsr.io.writers.zarr import to_zarr

        to_zarr(self._obj, path, overwrite=overwrite, chunks=chunks)

    def to_geotiff(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write one GeoTIFF with a named band for each map, in mm.

        Parameters
        ----------
        path : str or path
            The file to write, ending in ``.tif``.
        overwrite : bool
            Replace what is there.

        Raises
        ------
        InvalidInput
            Naming every fault of scan and path.

        See Also
        --------
        xrfsr.io.writers.geotiff.to_geotiff : the function behind it.

        Examples
        --------
        >>> import tempfile, xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scan[["intensity"]].drop_vars(["visible", "visible_share"]).xrfsr.to_geotiff(f"{folder}/maps.tif")
        ...     xrfsr.open_scan(f"{folder}/maps.tif").sizes["line"]
        2
        """
        from xrfsr.io.writers.geotiff import to_geotiff

        to_geotiff(self._obj, path, overwrite=overwrite)

    def to_tiffs(self, folder: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write a folder with one TIFF per map: plain numbers, without axes.

        Parameters
        ----------
        folder : str or path
            The folder to make.
        overwrite : bool
            Replace what is there.

        Raises
        ------
        InvalidInput
            Naming every fault of scan and path.

        See Also
        --------
        xrfsr.io.writers.tiffs.to_tiffs : the function behind it.

        Examples
        --------
        >>> import tempfile, xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scan[["intensity"]].drop_vars(["visible", "visible_share"]).xrfsr.to_tiffs(f"{folder}/maps")
        ...     xrfsr.open_scan(f"{folder}/maps", 1.0).sizes["line"]
        2
        """
        from xrfsr.io.writers.tiffs import to_tiffs

        to_tiffs(self._obj, folder, overwrite=overwrite)

    def to_pymca(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write HDF5 that PyMca opens, with axes and units.

        Parameters
        ----------
        path : str or path
            The file to write, ending in ``.h5``.
        overwrite : bool
            Replace what is there.

        Raises
        ------
        InvalidInput
            Naming every fault of scan and path.

        See Also
        --------
        xrfsr.io.writers.pymca.to_pymca : the function behind it.

        Examples
        --------
        >>> import tempfile, xrfsr
        >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Ca-K", "Pb-L"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scan[["intensity"]].drop_vars(["visible", "visible_share"]).xrfsr.to_pymca(f"{folder}/maps.h5")
        ...     xrfsr.open_scan(f"{folder}/maps.h5").sizes["line"]
        2
        """
        from xrfsr.io.writers.pymca import to_pymca

        to_pymca(self._obj, path, overwrite=overwrite)

    def to_hyperspy(self) -> Any:
        """Hand the maps over to HyperSpy.

        Returns
        -------
        hyperspy.signals.Signal2D
            Navigated by line, `y` and `x` in mm; lazy where the maps are Dask arrays.

        Raises
        ------
        InvalidInput
            If HyperSpy is not installed, or naming every fault of the scan.

        See Also
        --------
        xrfsr.io.writers.hyperspy.to_hyperspy : the function behind it.

        Examples
        --------
        >>> signal = scan.xrfsr.to_hyperspy()  # doctest: +SKIP
        """
        from xrfsr.io.writers.hyperspy import to_hyperspy

        return to_hyperspy(self._obj)


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
