"""The main job: a coarse scan and a photo in, fine maps out, from Dataset to Dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import xrfsr.methods as methods
from xrfsr._version import __version__
from xrfsr.core.coordinates import AnyT
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.methods import Prepared, Problem
from xrfsr.operators import Footprint
from xrfsr.operators.resample import regrid
from xrfsr.pipeline.inputs import Beam, load
from xrfsr.pipeline.painting import Frame, Painting
from xrfsr.pipeline.plan import How, Made, finish, sample, warn_of_negatives

if TYPE_CHECKING:
    from xrfsr.network import Model

__all__ = ["superresolve", "train", "train_on"]

SMALLEST_CHUNK = 16


def superresolve(
    obj: AnyT,
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
) -> AnyT:
    """Make the maps of a scan `scale` times finer with the help of a photo.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        The scan: `intensity` (line, y, x), perhaps `valid` (y, x). NaN and ``valid == False`` mark missing pixels.
    rgb : xarray.DataArray
        The photo (band, y, x) in the millimetre frame of the scan, at least as fine as the result. Not needed, and not
        looked at, by ``"kriging"``, ``"bilinear"``, ``"bicubic"`` and ``"sisr"``.
    scale : float
        How many times smaller the pixels become; need not be whole.
    method : str
        ``"unfolding"``, the paper's network; ``"kriging"``, the photo-free floor; or another, to compare with:
        ``"bilinear"``, ``"bicubic"``, ``"guided_filter"``, ``"guided_diffusion"``, ``"gsa"``, ``"cnmf"``, ``"ssr"``,
        ``"ssrcu"``, ``"cstf"``, ``"lttr"``, ``"cms"`` and ``"sisr"``. Each is a module of `xrfsr.methods`.
    model : Model, optional
        From `train` or `xrfsr.load_model`; left out, one is trained.
    device : str
        ``"auto"`` takes CUDA, then MPS, then the CPU.
    seed : int
        The same seed on the same device gives the same bits.
    progress : bool, optional
        Whether to show a progress bar; left out, in terminals and notebooks.
    footprint : {"area", "gaussian", "decimate"}
        What a pixel of the scan sees; see `xrfsr.operators.footprint_matrix`.
    fwhm : str or float or pair, optional
        Beam FWHM for ``"gaussian"``: ``"0.5 mm"``, a number of mm, or (y, x) of these.
    smear : str or float or pair, optional
        How far the beam moves within one pixel, for ``"gaussian"``: the pixel itself if not given, 0 for a stage that
        stands still, (0, dx) for rows scanned in continuous motion.
    chunk : int, optional
        Side, in fine pixels, of the tiles that the result is made of: 1024 if the scan or the photo is in Dask, or the
        result has more than a megapixel. With Dask they are its chunks.
    **settings
        For ``"unfolding"``: ``preset``, ``"default"`` or ``"paper"``, and fields of `xrfsr.network.TrainingConfig` to
        change in it; ``consistency``, ``"exact"``, or ``"noise-aware"`` for maps of few counts, which are then followed
        only as far as their noise lets them; ``max_seconds``, after which training stops with the best network so far
        (as it does when it is interrupted from the keyboard, unless ``keep_interrupted`` is False);
        ``checkpoint``, a folder in which the state of the training is kept every ``checkpoint_seconds`` (60), and from
        which the same call goes on to the same bits.
        For the others: ``projected``, whether their maps are made consistent with the scan and not negative (by default
        all but those of ``"bilinear"`` and ``"bicubic"`` are), and the `SETTINGS` of their modules.

    Returns
    -------
    like `obj`
        Same lines and units, finer `y` and `x` within the same outer edges; NaN where the scan has no value. Lazy, if
        scan or photo are in Dask: then nothing is computed, and training is a task of its graph.
        ``"unfolding"`` and ``"kriging"`` are exactly consistent, unless asked to be noise-aware: U takes the result
        back to the scan, to float32 rounding (which a beam much wider than the pixels amplifies). How the result came
        about is in its `attrs`; with ``"unfolding"`` the coordinate `photo_gain` (line) tells in dB how much better the
        photo's edges let the scan predict itself, `guided_share` (line) how much of each map is the network's: nothing
        where the photo does not help, and `noise` (line), if it is noise-aware, what standard deviation it took a pixel
        of the scan to have. Coordinates of numbers along `y` or `x` are interpolated; `uncertainty` is that of coarse
        pixels and is not carried over.

    Raises
    ------
    InvalidInput
        Naming every fault of the scan, the photo and the arguments. Faults in the values of Dask arrays show when the
        result is computed.

    Warns
    -----
    UserWarning
        If the photo helps few maps or could not be used for one, no map without negative values agrees with the scan,
        or training was cut short.

    Examples
    --------
    >>> import xrfsr
    >>> painting = xrfsr.simulate.painting(height=64, width=64, scale=4, seed=0)
    >>> fine = painting.scan.xrfsr.superresolve(painting.rgb, scale=4, steps=20, progress=False)
    >>> fine.sizes["y"], fine.sizes["x"]
    (64, 64)
    """
    faults = _seed_faults(seed) + _chunk_faults(chunk)
    if model is not None:
        settings["model"] = model
    chosen = methods.METHODS["unfolding"]
    with collect_faults(faults):
        chosen = methods.get(method)
        chosen.check(device, settings)
    noise = settings.get("consistency") == "noise-aware"
    scan, painting = _load(faults, obj, rgb, scale, Beam(footprint, fwhm, smear), chosen, noise=noise)
    made = reconstruct(painting, How(chosen, device, int(seed), progress, settings, chunk))
    attrs: dict[str, Any] = {
        "xrfsr_version": __version__,
        "xrfsr_method": method,
        "xrfsr_scale": float(scale),
        "xrfsr_footprint": footprint,
        **{f"xrfsr_{name}": value for name, value in made.record.items()},
    }
    U = painting.frame.U
    if U.fwhm is not None:
        attrs["xrfsr_fwhm_mm"] = json.dumps([float(width) for width in U.fwhm])
    return _as_result(obj, scan, made, painting.frame, attrs)


def train(
    obj: xr.Dataset | xr.DataArray,
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
    """Train the paper's network on a scan and a photo, to be saved and used again.

    Parameters
    ----------
    obj, rgb, scale, device, seed, progress, footprint, fwhm, smear
        As for `superresolve`.
    **settings
        As for `superresolve` with ``method="unfolding"``.

    Returns
    -------
    Model
        For ``superresolve(..., model=model)``; ``model.save(folder)`` keeps it, `xrfsr.load_model` opens it again.

    Raises
    ------
    InvalidInput
        Naming every fault.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> scan.xrfsr.train(rgb, steps=20, progress=False)
    <xrfsr.Model of Fe-K, Pb-L in count, 4 x 4 finer, 3 networks of K=5, M=64>
    """
    beam = {"footprint": footprint, "fwhm": fwhm, "smear": smear}
    return train_on([("", obj, rgb)], scale, device=device, seed=seed, progress=progress, **beam, **settings)


def train_on(
    scans: Sequence[tuple[str, xr.Dataset | xr.DataArray, Any]],
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
    """Train one network on several scans with the same lines and units.

    Parameters
    ----------
    scans : sequence of (name, scan, photo)
    scale, device, seed, progress, footprint, fwhm, smear, **settings
        As for `train`.

    Raises
    ------
    InvalidInput
        Naming every fault of every scan.
    """
    from xrfsr.methods.unfolding import fit

    method = methods.get("unfolding")
    faults = _seed_faults(seed)
    with collect_faults(faults):
        method.check(device, settings)
    how = How(method, device, int(seed) if not faults else 0, progress, settings, share=len(scans))
    paintings = []
    for name, scan, photo in scans:
        try:
            paintings.append(_load([], scan, photo, scale, Beam(footprint, fwhm, smear), method)[1])
        except InvalidInput as error:
            faults += [f"{name}: {fault}" if name else fault for fault in error.faults]
    for (name, _, _), painting in zip(scans, paintings, strict=False):
        first, frame = paintings[0].frame, painting.frame
        if not faults and (frame.lines, frame.units) != (first.lines, first.units):
            here, there = (f"{', '.join(each.lines)} in {each.units}" for each in (frame, first))
            faults.append(
                f"{name} has the lines {here}, {scans[0][0]} has {there}; one model needs the same of all: "
                ".sel(line=[...])"
            )
    if faults:
        raise InvalidInput("input", faults)
    problems = [problem for painting in paintings for problem in sample(painting, how)]
    return fit(problems, device=device, seed=int(seed), progress=progress, **settings)


def _seed_faults(seed: object) -> list[str]:
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and 0 <= seed < 2**63:
        return []
    return [f"seed is {seed!r}; a whole number from 0 is needed"]


def _chunk_faults(chunk: Any) -> list[str]:
    whole = isinstance(chunk, (int, np.integer)) and not isinstance(chunk, bool)
    if chunk is None or (whole and chunk >= SMALLEST_CHUNK):
        return []
    return [f"chunk is {chunk!r}; a whole number of fine pixels from {SMALLEST_CHUNK} is needed, such as 1024"]


def _load(
    faults: list[str],
    obj: xr.Dataset | xr.DataArray,
    rgb: xr.DataArray | None,
    scale: float,
    beam: Beam,
    method: methods.Method,
    *,
    noise: bool = False,
) -> tuple[xr.Dataset, Painting]:
    """What `inputs.load` gives, unless there are `faults` already; then all of them together."""
    loaded = None
    with collect_faults(faults):
        loaded = load(obj, rgb, scale, beam, method, noise=noise)
    if faults or loaded is None:
        raise InvalidInput("input", faults)
    return loaded


def _as_result(obj: AnyT, scan: xr.Dataset, made: Made, frame: Frame, attrs: dict[str, Any]) -> AnyT:
    """Fine maps as the user's kind of object."""
    # Without the record of an earlier run, which a DataArray carries itself.
    kept, own = _fresh(scan.attrs), _fresh(scan["intensity"].attrs)
    intensity = xr.Variable(("line", "y", "x"), made.maps, own)
    coords = {
        name: coord.variable
        for name, coord in scan.drop_vars(list(methods.LINE_COORDS), errors="ignore").coords.items()
        if not {"y", "x"} & set(coord.dims) or (coord.dtype.kind in "biuf" and name not in ("y", "x", "valid"))
    }
    axes = {name: scan[name].variable for name in ("y", "x")}
    beside = regrid(xr.Dataset(coords=coords | axes), frame.U.fine)
    result = xr.Dataset({"intensity": intensity}, beside.coords, kept | attrs)
    told = {
        name: xr.Variable("line", values, {"long_name": methods.LINE_COORDS[name]})
        for name, values in made.per_line.items()
    }
    result = result.assign_coords(told)
    if "valid" in scan.coords:
        row, column = frame.parent_cells
        near = scan["valid"].variable[{"y": row}][{"x": column}]
        result = result.assign_coords(valid=near.transpose("y", "x"))
    if isinstance(obj, xr.Dataset):
        return cast(AnyT, result)
    return cast(AnyT, result["intensity"].rename(obj.name).assign_attrs(attrs))


def _fresh(attrs: dict[Any, Any]) -> dict[Any, Any]:
    """Attributes without the record of a run."""
    return {name: value for name, value in attrs.items() if not str(name).startswith("xrfsr_")}


def reconstruct(painting: Painting, how: How) -> Made:
    """Prepare the method and apply it to all of a painting; to a lazy one when its result is computed."""
    if painting.lazy:
        from xrfsr.pipeline.lazy import lazily

        return lazily(painting, how)
    problems = sample(painting, how)
    prepared = how.prepare(problems)
    return Made(_applied(painting, how, problems, prepared), prepared.per_line, prepared.record)


def _applied(painting: Painting, how: How, problems: list[Problem], prepared: Prepared) -> NDArray[np.float32]:
    """The maps, tile by tile."""
    frame = painting.frame
    maps = np.empty((len(frame.lines), *frame.U.fine.shape), dtype=np.float32)
    negative: set[str] = set()
    at_once = how.at_once(painting)
    for tile in (tile for row in how.tiles(painting) for tile in row):
        # The very problem that the method was prepared on, if that was the whole: it knows most of the answer.
        problem = problems[0] if at_once else frame.problem(tile, painting.pieces(tile))
        maps[:, tile.y, tile.x], below = finish(frame, tile, problem, prepared, how.device)
        negative.update(below)
    warn_of_negatives([line for line in frame.lines if line in negative])
    return maps
