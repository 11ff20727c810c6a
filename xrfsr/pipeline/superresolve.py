"""The main job: a coarse scan and a photo in, fine maps out, from Dataset to Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import xarray as xr

from xrfsr.core.coordinates import AnyT
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.methods import Method, MethodOptions, Run, get
from xrfsr.operators import Footprint
from xrfsr.pipeline.inputs import Beam, load
from xrfsr.pipeline.photo_place import REACH
from xrfsr.pipeline.plan import ReconstructionPlan
from xrfsr.pipeline.reconstruct import reconstruct
from xrfsr.pipeline.record import record
from xrfsr.pipeline.refine import PLACE_DESCRIPTIONS, REFINE, SHIFT
from xrfsr.pipeline.result import as_scan_like
from xrfsr.utils.checks import is_integer, switch_faults
from xrfsr.utils.describe import describe
from xrfsr.utils.progress import progress_bar

if TYPE_CHECKING:
    from xrfsr.network import Model

__all__ = ["DEFAULT", "SHARED", "SuperResolution", "superresolve"]

MIN_CHUNK = 16
DEFAULT = "unfolding"
SHARED = ("device", "seed", "footprint", "fwhm", "smear", "chunk", "refine")  # options that all methods take


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
    refine: str | None = "shift",
    uncertainty: bool = False,
    **keywords: Any,
) -> AnyT:
    """Make the maps of a scan `scale` times finer with the help of a photo.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan: `intensity` (line, y, x), and `valid` (y, x) where there is one. NaN and ``valid == False`` mark missing
        pixels.
    rgb : xarray.DataArray
        Photo (band, y, x) in the millimetre coordinates of the scan, at least as fine as the result. ``"kriging"``,
        ``"bilinear"``, ``"bicubic"`` and ``"sisr"`` need none and ignore it.
    scale : float
        Ratio of coarse to fine pixel size; it need not be an integer.
    method : str
        ``"unfolding"``, the paper's network; ``"kriging"``, the baseline, which uses no photo; or another method for
        comparison: ``"bilinear"``, ``"bicubic"``, ``"guided_filter"``, ``"guided_diffusion"``, ``"gsa"``, ``"cnmf"``,
        ``"ssr"``, ``"ssrcu"``, ``"cstf"``, ``"lttr"``, ``"cms"`` or ``"sisr"`` (modules of `xrfsr.methods`), or a
        method that another package adds.
    model : Model, optional
        Model from `train` or `xrfsr.load_model`; if left out, one is trained.
    device : str
        Name of a torch device; ``"auto"`` uses CUDA if it is available, else MPS, else the CPU.
    seed : int
        Seed of all random numbers. The same seed on the same device gives identical results.
    progress : bool, optional
        Whether to show a progress bar; left out, one is shown in terminals and notebooks.
    footprint : {"area", "gaussian", "decimate"}
        Part of the painting that contributes to a pixel of the scan; see `xrfsr.operators.footprint_matrix`.
    fwhm : str or float or pair, optional
        Beam FWHM for ``"gaussian"``: ``"0.5 mm"``, a number of mm, or (y, x) of these.
    smear : str or float or pair, optional
        Path of the beam within one pixel, for ``"gaussian"``: the pixel itself if not given, 0 for a stage that stands
        still, (0, dx) for rows scanned in continuous motion.
    chunk : int, optional
        Side of the tiles in fine pixels; tiles are the chunks of a lazy result. If left out, it is 1024 if the scan or
        the photo is in Dask, or if the result has more than a megapixel; otherwise there are no tiles.
    refine : {"shift", "affine", None}
        Whether the photo is moved, by up to 0.75 scan pixels, to where its edges predict the scan best. ``"affine"``
        also turns, stretches and shears it a little. Both are done only if the scan confirms that they help. None
        switches this off.
    uncertainty : bool
        Whether to add the uncertainty of every value, and how well the scan confirms detail of the photo. Needs a
        Dataset.
    **keywords
        Options of the method. For ``"unfolding"``:

        - ``preset``, ``"default"`` or ``"paper"``, and fields of `xrfsr.network.TrainingConfig` that differ from it;
        - ``consistency``, ``"exact"`` or, for maps of few counts, ``"noise-aware"``: the result then follows the scan
          only as far as its noise allows;
        - ``prior``, whether a network that has learned from random shapes sharpens the maps, as far as a test on the
          scan at half its resolution confirms it (default True); with False all networks are trained on this painting
          only, as in the paper. Without pixels held out from training (``held_out=0``, ``preset="paper"``) it is not
          used;
        - ``max_seconds``, after which training stops with the best network so far (as it does after an interruption
          from the keyboard if ``keep_interrupted`` is True; by default it is in an interactive session, and in a
          script the interruption is raised);
        - ``checkpoint``, a folder in which the state of the training is saved every ``checkpoint_seconds`` (60). The
          same call continues from it, with the same result as an uninterrupted run.

        For the others: ``projected``, whether the maps are made consistent with the scan and free of negative values
        (False by default for ``"bilinear"`` and ``"bicubic"``), and the fields of the `Options` in their modules.

    Returns
    -------
    like `obj`
        Same lines and units, finer `y` and `x` within the same outer edges; NaN where the scan has no value. If scan or
        photo are in Dask, nothing is computed: training is a task of the result's graph.

        ``"unfolding"`` and ``"kriging"`` are exactly consistent, except with ``consistency="noise-aware"``: U takes the
        result back to the scan, to float32 rounding (which a beam much wider than the pixels amplifies). The attributes
        record how the result was made. ``"unfolding"`` adds coordinates along `line`: `photo_gain` is the gain in dB
        with which hidden scan pixels are predicted along the photo's edges, compared to without the photo;
        `guided_share` is the weight of the estimates that use the photo, zero where the photo does not help;
        `prior_share` is the share of the prior's correction that was added to the map; `noise`, if the result is
        noise-aware, is the standard deviation that is assumed for a scan pixel. Numeric coordinates along `y` or `x`
        are interpolated; the scan's `uncertainty` belongs to its pixels and is not carried over.

        With ``uncertainty=True`` the Dataset gains `uncertainty` (line, y, x), the standard deviation of the intensity
        in its units. Where that can be tested, at half the resolution of the scan, nine of ten values are wrong by less
        than 1.64 standard deviations (`xrfsr.trust.uncertainty`). It does not include the noise that a measurement of
        the fine map would have. `photo_support` (line, y, x), from 0 to 1, is how well the scan confirms that a map
        changes where the photo changes (`xrfsr.trust.support`).

    Raises
    ------
    InvalidInput
        Naming every fault of the scan, the photo and the arguments. Faults in the values of Dask arrays are raised when
        the result is computed.

    Warns
    -----
    UserWarning
        If the photo helps few maps or could not be used for one, no map without negative values agrees with the scan,
        or training ended early.

    Examples
    --------
    >>> import xrfsr
    >>> painting = xrfsr.simulate.painting(height=64, width=64, scale=4, seed=0)
    >>> fine = painting.scan.xrfsr.superresolve(painting.rgb, scale=4, steps=20, progress=False)
    >>> fine.sizes["y"], fine.sizes["x"]
    (64, 64)
    """
    faults: list[str] = []
    if model is not None:
        keywords["model"] = model
    beam: dict[str, Any] = {"footprint": footprint, "fwhm": fwhm, "smear": smear}
    run: dict[str, Any] = {"device": device, "seed": seed, "progress": progress}
    configured = SuperResolution.from_keywords(
        faults,
        scale,
        keywords,
        method=method,
        chunk=chunk,
        refine=refine,
        uncertainty=uncertainty,
        **run,
        **beam,
    )
    return configured(obj, rgb, faults)


@dataclass(frozen=True, slots=True)
class SuperResolution:
    """Everything that `superresolve` needs except scan and photo: checked once, and sent wherever a scan is worked on.

    Attributes
    ----------
    scale : float
        Ratio of coarse to fine pixel size.
    method : Method
        Method that makes the maps.
    options : MethodOptions
        Options of the method.
    run : Run
        Device, seed and progress bar.
    beam : Beam
        Footprint of a pixel of the scan.
    chunk : int, optional
        Side of the tiles in fine pixels.
    refine : {"shift", "affine", None}
        How the place of the photo is refined.
    uncertainty : bool
        Whether the result has the uncertainty of its maps and the support of the photo.
    """

    scale: float
    method: Method[Any]
    options: MethodOptions
    run: Run
    beam: Beam
    chunk: int | None = None
    refine: str | None = SHIFT
    uncertainty: bool = False

    @classmethod
    def from_keywords(
        cls,
        faults: list[str],
        scale: float,
        keywords: Mapping[str, Any],
        *,
        method: str = DEFAULT,
        device: str = "auto",
        seed: int = 0,
        progress: bool | None = None,
        footprint: Footprint = "area",
        fwhm: Any = None,
        smear: Any = None,
        chunk: int | None = None,
        refine: str | None = SHIFT,
        uncertainty: bool = False,
    ) -> Self:
        """Build it from what the user wrote; add every fault to `faults` and put a default in its place.

        `keywords` are the options of the method; the others are those of `superresolve`.
        """
        faults += _seed_faults(seed) + _chunk_faults(chunk) + switch_faults(optional=True, progress=progress)
        faults += _refine_faults(refine) + switch_faults(uncertainty=uncertainty)
        chosen, options = get(DEFAULT), MethodOptions()
        run = Run(device, 0 if faults else int(seed), progress, compares=uncertainty is True)
        with collect_faults(faults):
            chosen = get(method)
            if chosen.uses_device:
                from xrfsr.utils.device import resolve_device  # which loads torch

                with collect_faults(faults):
                    resolve_device(device)
            if uncertainty is True and not chosen.any_ratio:
                faults.append(
                    f"uncertainty=True needs a method that works at any scale, and {method!r} has one: its errors "
                    "cannot be measured at half the resolution of the scan; choose another method, or leave it out"
                )
            options = chosen.options_from(keywords)
        return cls(scale, chosen, options, run, Beam(footprint, fwhm, smear), chunk, refine, uncertainty is True)

    def __call__(self, obj: AnyT, rgb: xr.DataArray | None, faults: list[str] | None = None) -> AnyT:
        """Make the maps of one scan.

        Raises
        ------
        InvalidInput
            Naming `faults` that were found before, and every fault of scan and photo.
        """
        faults, loaded = list(faults or ()), None
        if self.uncertainty and isinstance(obj, xr.DataArray):
            faults.append(
                "uncertainty=True needs a Dataset, which can hold it next to the intensity, got a DataArray; pass "
                ".to_dataset(name='intensity')"
            )
        with collect_faults(faults):
            options = None if faults else self.options
            loaded = load(
                obj, rgb, self.scale, self.beam, self.method, options, self.reach, uncertainty=self.uncertainty
            )
        if faults or loaded is None:
            raise InvalidInput("input", faults)
        scan, acquisition, _ = loaded
        plan = ReconstructionPlan.of(
            acquisition,
            self.method,
            self.options,
            self.run,
            chunk=self.chunk,
            refine=self.refine,
            uncertainty=self.uncertainty,
        )
        with progress_bar(0, "super-resolution", self.run.progress):
            result = reconstruct(acquisition, plan)
            attrs = record(self, loaded, plan, result.metadata)
        coords = {**self.method.line_coords(self.options), **PLACE_DESCRIPTIONS}
        return as_scan_like(obj, scan, result, acquisition.geometry, attrs, coords)

    @property
    def reach(self) -> float:
        """Distance in coarse pixels by which the photo may be moved."""
        return 0.0 if self.refine is None else REACH

    def with_model(self, model: Model | None) -> Self:
        """Return a copy that uses a trained model, or none, where the method knows of models."""
        if not hasattr(self.options, "model"):
            return self
        return replace(self, options=replace(self.options, model=model))  # type: ignore[call-arg]

    def unattended(self) -> Self:
        """Return a copy for a run that nobody watches: silent, and nothing half finished is kept."""
        return replace(self, options=self.method.unattended(self.options), run=replace(self.run, progress=False))


def _seed_faults(seed: object) -> list[str]:
    if is_integer(seed) and 0 <= seed < 2**63:
        return []
    return [f"seed must be an integer ≥ 0, got {describe(seed)}"]


def _refine_faults(refine: object) -> list[str]:
    if refine is None or (isinstance(refine, str) and refine in REFINE):
        return []
    return [f"refine must be {', '.join(map(repr, REFINE))} or None, got {describe(refine)}"]


def _chunk_faults(chunk: Any) -> list[str]:
    if chunk is None or (is_integer(chunk) and chunk >= MIN_CHUNK):
        return []
    return [f"chunk must be an integer ≥ {MIN_CHUNK} (fine pixels), got {describe(chunk)}"]
