"""The main job: a coarse scan and a photo in, fine maps out, from Dataset to Dataset."""

from __future__ import annotations

import inspect
import json
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import xrfsr.methods as methods
from xrfsr.errors import InvalidInput
from xrfsr.frame import AnyT, collecting, grid_coords, grid_of
from xrfsr.grid import Axis, Grid
from xrfsr.photo import ensure_photo
from xrfsr.resample import fine_grid, on_grid
from xrfsr.sampling import Downsampling, Footprint
from xrfsr.scan import ensure_scan

if TYPE_CHECKING:
    from xrfsr.models import Model

__all__ = ["superresolve", "train"]

SMALLEST = 8  # coarse pixels along a side; below, there is nothing to learn from
COARSER = 1.01  # a photo pixel may be this much larger than the fine one before it counts as too coarse


def superresolve(
    obj: AnyT,
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
) -> AnyT:
    """Make the maps of a scan `scale` times finer with the help of a photo.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        The scan: `intensity` (line, y, x), perhaps `valid` (y, x). NaN and ``valid == False`` mark missing pixels.
    rgb : xarray.DataArray
        The photo (band, y, x) in the millimetre frame of the scan, at least as fine as the result.
    scale : float
        How many times smaller the pixels become; need not be whole.
    method : str
        ``"unfolding"``, the paper's network; ``"kriging"``, the photo-free floor; ``"bilinear"``.
    model : Model, optional
        From `train` or `xrfsr.load_model`; left out, one is trained.
    device : str
        ``"auto"`` takes CUDA, then MPS, then the CPU.
    seed : int
        The same seed on the same device gives the same bits.
    progress : bool, optional
        Whether to show a progress bar; left out, in terminals and notebooks.
    footprint : {"area", "gaussian", "decimate"}
        What a pixel of the scan sees; see `xrfsr.sampling.footprint_matrix`.
    fwhm : float or (y, x), optional
        Beam FWHM in mm for ``"gaussian"``.
    **settings
        Fields of `xrfsr.models.TrainingConfig`, for ``"unfolding"``.

    Returns
    -------
    like `obj`
        Same lines and units, finer `y` and `x` within the same outer edges; NaN where the scan has no value.
        ``"unfolding"`` and ``"kriging"`` are exactly consistent: U takes the result back to the scan, to float32
        rounding (which a beam much wider than the pixels amplifies). How the result came about is in its `attrs`; with
        ``"unfolding"`` the coordinate `photo_share` (line) tells how much of each map is the network's, the rest being
        the photo-free floor. `uncertainty` is that of coarse pixels and is not carried over.

    Raises
    ------
    InvalidInput
        Naming every fault of the scan, the photo and the arguments.

    Examples
    --------
    >>> import xrfsr
    >>> painting = xrfsr.simulate.painting(height=64, width=64, scale=4, seed=0)
    >>> fine = painting.scan.xrfsr.superresolve(painting.rgb, scale=4, steps=20, progress=False)
    >>> fine.sizes["y"], fine.sizes["x"]
    (64, 64)
    """
    faults = _seed_faults(seed)
    if model is not None:
        settings["model"] = model
        faults += _model_faults(model)
    with collecting(faults):
        reconstruct = methods.get(method)
        faults += _settings_faults(method, reconstruct, settings)
    with collecting(faults):
        scan, problem = _problem(obj, rgb, scale, footprint, fwhm)
    if faults:
        raise InvalidInput("input", faults)
    made = reconstruct(problem, device=device, seed=int(seed), progress=progress, **settings)
    attrs: dict[str, Any] = {
        "xrfsr_version": version("xrfsr"),
        "xrfsr_method": method,
        "xrfsr_scale": float(scale),
        "xrfsr_footprint": footprint,
        "xrfsr_seed": int(seed),
        **{f"xrfsr_{name}": value for name, value in made.record.items()},
    }
    if problem.U.fwhm is not None:
        attrs["xrfsr_fwhm_mm"] = json.dumps([float(width) for width in problem.U.fwhm])
    return _as_result(obj, scan, made, problem, attrs)


def train(
    obj: xr.Dataset | xr.DataArray,
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
    """Train the paper's network on a scan and a photo, to be saved and used again.

    Parameters
    ----------
    obj, rgb, scale, device, seed, progress, footprint, fwhm
        As for `superresolve`.
    **settings
        Fields of `xrfsr.models.TrainingConfig`.

    Returns
    -------
    Model
        For ``superresolve(..., model=model)``; ``model.save(folder)`` keeps it, `xrfsr.load_model` opens it again.

    Raises
    ------
    InvalidInput
        Naming every fault.
    """
    from xrfsr.methods.unfolding import fit
    from xrfsr.models.config import TrainingConfig

    faults = _seed_faults(seed)
    with collecting(faults):
        config = TrainingConfig().override(**settings)
    with collecting(faults):
        _, problem = _problem(obj, rgb, scale, footprint, fwhm)
    if faults:
        raise InvalidInput("input", faults)
    return fit(problem, device=device, seed=int(seed), progress=progress, config=config)


def _seed_faults(seed: object) -> list[str]:
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and 0 <= seed < 2**63:
        return []
    return [f"seed is {seed!r}; a whole number from 0 is needed"]


def _model_faults(model: object) -> list[str]:
    from xrfsr.models import Model

    if isinstance(model, Model):
        return []
    return [f"model is {model!r}; a model is needed: .xrfsr.train(rgb) makes one, xrfsr.load_model(folder) opens one"]


def _settings_faults(method: str, reconstruct: methods.Method, settings: dict[str, Any]) -> list[str]:
    """Settings for which a method has no place; one that takes any looks at their names itself."""
    accepted = inspect.signature(reconstruct).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
        return []
    return [f"method {method!r} does not take {name!r}; leave it out" for name in settings if name not in accepted]


def _problem(
    obj: xr.Dataset | xr.DataArray,
    rgb: xr.DataArray,
    scale: float,
    footprint: Footprint,
    fwhm: float | tuple[float, float] | None,
) -> tuple[xr.Dataset, methods.Problem]:
    """The scan in standard form, and scan and photo as arrays on the grids of one U; every fault at once."""
    scan = photo = None
    of_scan: list[str] = []
    of_photo: list[str] = []
    with collecting(of_scan):
        scan = ensure_scan(obj, values=True)
    with collecting(of_photo):
        photo = ensure_photo(rgb, values=True)
    faults = [f"scan: {fault}" for fault in of_scan] + [f"photo: {fault}" for fault in of_photo]
    # Grids can be compared also where the values are at fault.
    coarse, sharp = _grid_or_none(obj), _grid_or_none(rgb)
    if coarse is not None:
        if min(coarse.shape) < SMALLEST:
            faults.append(
                f"the scan has {coarse.shape[0]} x {coarse.shape[1]} pixels; at least {SMALLEST} x {SMALLEST} "
                "are needed"
            )
        with collecting(faults):
            fine = fine_grid(coarse, scale)
            if sharp is not None:
                faults += _photo_faults(sharp, fine, coarse)
        with collecting(faults):
            # Only to look at the arguments: U itself may be huge where the scale is a mistake.
            Downsampling.between(coarse, coarse, footprint, fwhm=fwhm)
    else:
        with collecting(faults):
            fine_grid(Grid.from_shape((SMALLEST, SMALLEST), 1.0), scale)
    if faults or scan is None or photo is None:
        raise InvalidInput("input", faults)
    # What else the Dataset holds, a cube of spectra for instance, is not read.
    scan = scan[[name for name in ("intensity", "valid") if name in scan]].load()
    intensity = scan["intensity"].where(scan["valid"]) if "valid" in scan else scan["intensity"]
    return scan, methods.Problem.of(
        intensity.values,
        on_grid(photo.load(), fine).values,
        Downsampling.between(fine, grid_of(scan), footprint, fwhm=fwhm),
        tuple(scan["line"].values.tolist()),
        scan["kind"].values == "element",
        scan["intensity"].attrs["units"],
    )


def _grid_or_none(obj: object) -> Grid | None:
    """The grid of a scan or a photo, if it has one; why not is told by `ensure_scan` and `ensure_photo`."""
    if isinstance(obj, xr.Dataset | xr.DataArray):
        with suppress(InvalidInput):
            return grid_of(obj)
    return None


def _photo_faults(photo: Grid, fine: Grid, coarse: Grid) -> list[str]:
    """What keeps a photo from guiding a reconstruction on `fine`."""
    faults = []
    covered, needed = (
        ", ".join(f"{name} {axis.edges[0]:g} to {axis.edges[1]:g}" for name, axis in (("y", grid.y), ("x", grid.x)))
        for grid in (photo, fine)
    )
    rows, columns = _shown(photo.y, fine.y, coarse.y), _shown(photo.x, fine.x, coarse.x)
    if not (rows.any() and columns.any()):
        faults.append(
            f"photo and scan do not overlap: the photo covers {covered} mm, the scan {needed} mm; bring the photo into "
            "the millimetre frame of the scan (xrfsr.as_photo(rgb, like=scan) if both show the same area)"
        )
    elif not (rows.all() and columns.all()):
        crop = ", ".join(
            # At edges, not at centres, so that rounding the numbers does no harm.
            f"{name}=slice({c.centres[on][0] - c.step / 2:g}, {c.centres[on][-1] + c.step / 2:g})"
            for name, c, on in (("y", coarse.y, rows), ("x", coarse.x, columns))
        )
        faults.append(
            f"the photo covers only part of the scan: {covered} mm of {needed} mm; crop the scan to it: .sel({crop})"
        )
    ratios = [p / f for p, f in zip(photo.spacing, fine.spacing, strict=True)]
    if max(ratios) > COARSER:
        # In whole pixels, to which the fine grid is rounded.
        possible = min(
            np.floor(c.extent / abs(p.step) + 1e-6) / c.size for c, p in ((coarse.y, photo.y), (coarse.x, photo.x))
        )
        possible = np.floor(possible * 100 + 1e-6) / 100
        remedy = f"use scale={possible:g} or less" if possible > 1 else "use a sharper photo"
        faults.append(
            f"the photo is coarser than the result: its pixels are {_size(photo)} mm, those asked for "
            f"{_size(fine)} mm; {remedy}"
        )
    return faults


def _size(grid: Grid) -> str:
    dy, dx = grid.spacing
    return f"{dy:.4g} x {dx:.4g}"


def _shown(photo: Axis, fine: Axis, coarse: Axis) -> NDArray[np.bool_]:
    """Which scan pixels lie on the photo, give or take half a fine pixel."""
    low, high = photo.edges
    half = (abs(coarse.step) - abs(fine.step)) / 2 - 1e-9 * (photo.extent + coarse.extent)
    return (coarse.centres - half >= low) & (coarse.centres + half <= high)


def _as_result(
    obj: AnyT, scan: xr.Dataset, made: methods.Reconstruction, problem: methods.Problem, attrs: dict[str, Any]
) -> AnyT:
    """Fine maps as the user's kind of object, with the gaps of the scan."""
    grid = problem.U.fine
    # A fine pixel belongs to the coarse one that holds its centre.
    row, column = (
        np.clip(np.round((f.centres - c.first) / c.step).astype(int), 0, c.size - 1)
        for f, c in ((grid.y, problem.U.coarse.y), (grid.x, problem.U.coarse.x))
    )
    maps = made.maps
    missing = ~problem.usable
    if missing.any():
        maps = np.where(missing[:, row[:, None], column], np.float32(np.nan), maps)
    intensity = xr.Variable(("line", "y", "x"), maps.astype(np.float32, copy=False), scan["intensity"].attrs)
    kept = {name: coord.variable for name, coord in scan.coords.items() if not {"y", "x"} & set(coord.dims)}
    axes = {
        name: xr.Variable(name, fresh, {**scan[name].attrs, **fresh.attrs}) for name, fresh in grid_coords(grid).items()
    }
    shares = {} if made.photo_share is None else {"photo_share": xr.Variable("line", made.photo_share)}
    result = xr.Dataset({"intensity": intensity}, {**kept, **shares, **axes}, {**scan.attrs, **attrs})
    if "valid" in scan:
        result["valid"] = xr.Variable(("y", "x"), scan["valid"].values[row[:, None], column], scan["valid"].attrs)
    if isinstance(obj, xr.Dataset):
        return cast(AnyT, result)
    # A DataArray carries its mask as a coordinate.
    mask = {"valid": result["valid"].variable} if "valid" in result else {}
    return cast(AnyT, result["intensity"].assign_coords(mask).rename(obj.name).assign_attrs(attrs))
