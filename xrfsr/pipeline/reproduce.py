"""A result made again from its own record, and how the two differ."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xrfsr._version import __version__
from xrfsr.core.coordinates import grid_of, grid_or_none
from xrfsr.core.mistakes import is_like_photo, no_scan
from xrfsr.core.provenance import OPTIONS, PREFIX, PROVENANCE, checksum, record_of
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.methods import get
from xrfsr.pipeline.inputs import load
from xrfsr.pipeline.superresolve import SuperResolution
from xrfsr.trust.assessment import LAYERS
from xrfsr.utils.checks import is_number
from xrfsr.utils.describe import describe, listing
from xrfsr.utils.documents import parse_json
from xrfsr.utils.progress import progress_bar

if TYPE_CHECKING:
    from xrfsr.network import Model

__all__ = ["Reproduction", "reproduce"]

# Arguments that every record has.
SHARED = ("method", "seed", "footprint", "fwhm", "smear", "chunk", "refine", "uncertainty")
LONGEST = 2**20  # characters of the record
NEAR = 1e-3  # pixels by which coordinates may differ
UNLIKE = 0.1  # share by which the pixels of the result may differ from those that the record means
COMPARED = ("version", "method", "device", "model", "steps", "scan_checksum", "photo_checksum", "shift_mm", "affine")
COMPARED_MAPS = ("intensity", *LAYERS)
CHECKSUMS = f"{PREFIX}scan_checksum", f"{PREFIX}photo_checksum"
NESTED = {"options": "option", "libraries": "library"}  # attributes that are JSON objects, and what one item is
AUTO = "auto"
WIDTH = 32  # characters of a value in the table


@dataclass(frozen=True, eq=False, repr=False)
class Reproduction:
    """A result made again, and where it differs from the first.

    Attributes
    ----------
    fine : xarray.Dataset or xarray.DataArray
        Result made now; lazy if scan or photo are.
    changed : dict of str to (object, object)
        What the record says of the first run, and what holds now, where they differ: ``"version"``, ``"device"``,
        ``"scan_checksum"``, ``"option steps"``, ``"library torch"``, ``"lines"``, and so on. None stands for nothing.
    unknown : tuple of str
        What could not be compared, because the record does not have it.
    difference : xarray.DataArray
        Largest difference of the maps (line), or of their uncertainty or support if that is larger, relative to the
        range of the first; infinite where only one of the two has a value.
    """

    fine: xr.Dataset | xr.DataArray
    changed: dict[str, tuple[Any, Any]]
    unknown: tuple[str, ...]
    difference: xr.DataArray

    @property
    def same(self) -> bool:
        """Whether all maps, and their uncertainty and support, are the same to the bit."""
        return bool((self.difference == 0).all())

    def __repr__(self) -> str:
        """Say what differs, in lines."""
        lines = [f"<xrfsr.Reproduction: {'the same maps to the bit' if self.same else 'the maps differ'}>"]
        lines += [f"  {name}: was {_short(was)}, is {_short(now)}" for name, (was, now) in self.changed.items()]
        if self.unknown:
            lines.append(f"  not in the record: {', '.join(self.unknown)}")
        if not self.same:
            lines.append("  largest difference, relative to the range of each map:")
            values = zip(self.difference["line"].values.tolist(), self.difference.values.tolist(), strict=True)
            lines += [f"    {line}: {value:.2g}" for line, value in values]
        if not self.same and not self.changed:
            lines.append(
                "  nothing in the record differs: the maps were changed since, or another processor, or tiles in"
            )
            lines.append("  place of the whole, round otherwise, which training amplifies")
        return "\n".join(lines)


def reproduce(
    fine: xr.Dataset | xr.DataArray,
    scan: xr.Dataset | xr.DataArray,
    rgb: xr.DataArray | None = None,
    *,
    model: Model | None = None,
    device: str | None = None,
    progress: bool | None = None,
    **options: Any,
) -> Reproduction:
    """Compute a result of `superresolve` again from the record in its attributes, and compare the two.

    Scan and photo are used whether or not they are those of the first run; if not, the checksums differ. Maps that
    were cropped, or of which lines were selected, are compared where both have values. Lazy maps are computed.

    Parameters
    ----------
    fine : xarray.Dataset or xarray.DataArray
        Result, with the attributes that `superresolve` gave it, also from a file (netCDF, zarr, GeoTIFF).
    scan : xarray.Dataset or xarray.DataArray
        Scan from which it was made.
    rgb : xarray.DataArray, optional
        Photo it was made with, as it was passed to `superresolve`.
    model : Model, optional
        Model that was passed to `superresolve`; results record only its fingerprint.
    device : str, optional
        As for `superresolve`; by default the kind of device that is recorded, or "auto" if this machine has none.
    progress : bool, optional
        As for `superresolve`.
    **options
        Options that results do not record, because they are not plain values, such as ``checkpoint`` of ``"sisr"``.
        They replace those of the record.

    Returns
    -------
    Reproduction
        What differs, the largest difference of every map relative to its range (dimensionless float64), and the new
        result.

    Raises
    ------
    InvalidInput
        If `fine` has no record, or its method or an option does not exist here, or a model or an option is missing that
        the record does not hold; naming every fault. And whatever `superresolve` raises.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> fine = scan.xrfsr.superresolve(rgb, method="gsa")
    >>> xrfsr.reproduce(fine, scan, rgb)
    <xrfsr.Reproduction: the same maps to the bit>
    """
    first = _result(fine)
    record = record_of(first)
    configured = _configured(record, model, device, progress, options)
    _check_scale(first, scan, configured.scale)
    with progress_bar(0, "reproduce", progress):
        again = configured(scan, rgb)
    second = ensure_scan(again, values=False)
    now = record_of(second)
    now |= _checksums(configured, scan, rgb, [name for name in CHECKSUMS if name in record and name not in now])
    changed = _changes(record, now)
    labels = first["line"].values.tolist(), second["line"].values.tolist()
    if labels[0] != labels[1]:
        changed["lines"] = labels
    unknown = tuple(name for name in COMPARED if f"{PREFIX}{name}" not in record and f"{PREFIX}{name}" in now)
    return Reproduction(again, changed, unknown, _difference(first, second))


def _result(fine: object) -> xr.Dataset:
    """Return a result in standard form, with its record.

    Raises
    ------
    InvalidInput
        If it is no result, or its record is lost.
    """
    if not isinstance(fine, xr.Dataset | xr.DataArray) or is_like_photo(fine):
        raise InvalidInput("result", [no_scan(fine)])
    held = ensure_scan(fine, values=False)
    record = record_of(held)
    if not record:
        raise InvalidInput(
            "result",
            [
                f"there is no record of how the maps were made (attribute {PROVENANCE!r}): a scan has none, and "
                "some functions drop attributes; pass what superresolve returned, or open the file it was written to"
            ],
        )
    if not isinstance(record.get(OPTIONS), str):
        raise InvalidInput(
            "result",
            [
                f"the record has the method {describe(record[PROVENANCE])} and no options (attribute {OPTIONS!r}), so "
                "nothing can be repeated; files of ImageJ and PyMca keep no more: open a zarr, netCDF or GeoTIFF file "
                "of the result"
            ],
        )
    return held


def _configured(
    record: Mapping[str, Any],
    model: Model | None,
    device: str | None,
    progress: bool | None,
    options: Mapping[str, Any],
) -> SuperResolution:
    """Return the run that a record describes.

    Raises
    ------
    InvalidInput
        Naming everything for which it cannot be repeated.
    """
    version = str(record.get(f"{PREFIX}version", "unknown"))
    keywords = _object(record, "options")
    if missing := [name for name in ("scale", *SHARED) if name not in keywords]:
        raise InvalidInput("record", [f"attribute {OPTIONS!r} has no {listing(missing)}"])
    faults: list[str] = []
    method = None
    with collect_faults(faults):
        method = get(keywords["method"])
        if strange := [name for name in method.Options.not_recorded if name in keywords]:
            faults.append(f"attribute {OPTIONS!r} has {listing(strange)}, which superresolve never writes there")
        faults += [
            f"method {method.name!r} needs {name}=..., which a result does not hold; pass it"
            for name in method.Options.required()
            if name not in keywords and name not in options
        ]
    fingerprint = record.get(f"{PREFIX}model")
    if fingerprint is not None and model is None:
        faults.append(
            f"the maps were made with a model that was passed ({describe(str(fingerprint))}), which a result does not "
            "hold; pass model=xrfsr.load_model(folder)"
        )
    if fingerprint is None and model is not None:
        faults.append("the maps were made with a network trained for them; leave out model=...")
    if method is None or faults:
        raise InvalidInput(f"record of version {version}", faults)
    keywords |= options
    scale = keywords.pop("scale")
    shared = {name: keywords.pop(name) for name in SHARED}
    if method.uses_device:
        shared["device"] = _device(record) if device is None else device
    configured = SuperResolution.from_keywords(faults, scale, keywords, progress=progress, **shared)
    if faults:
        if version != __version__:
            faults.append(f"this is xrfsr {__version__}; xrfsr {version}, which made the maps, knows its own options")
        raise InvalidInput(f"record of version {version}", faults)
    return configured.with_model(model) if model is not None else configured


def _device(record: Mapping[str, Any]) -> str:
    """Return the device of a record, or "auto" if this machine has none of the kind."""
    from xrfsr.utils.device import resolve_device  # which loads torch

    recorded = record.get(f"{PREFIX}device", AUTO)
    try:
        resolve_device(recorded)
    except InvalidInput:
        return AUTO
    return str(recorded)


def _object(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an attribute that is the JSON text of an object; empty if there is none.

    Raises
    ------
    InvalidInput
        If it is something else.
    """
    attribute = f"{PREFIX}{name}"
    text = record.get(attribute, "{}")
    if not isinstance(text, str) or len(text) > LONGEST:
        raise InvalidInput("record", [f"attribute {attribute!r} must be JSON text, got {describe(text)}"])
    made = parse_json(text, f"attribute {attribute!r}")
    if not isinstance(made, dict):
        raise InvalidInput("record", [f"attribute {attribute!r} must be a JSON object, got {describe(made)}"])
    return made


def _check_scale(first: xr.Dataset, scan: Any, scale: Any) -> None:
    """Refuse a scan whose pixels are not as many times larger as the record says."""
    coarse = grid_or_none(scan)
    if coarse is None or not is_number(scale):
        return  # what is wrong is reported by `superresolve`
    ratios = [there / here for there, here in zip(coarse.spacing, grid_of(first).spacing, strict=True)]
    if any(abs(ratio - scale) > UNLIKE * scale for ratio in ratios):
        found = " x ".join(f"{ratio:.3g}" for ratio in ratios)
        raise InvalidInput(
            "scan",
            [
                f"the pixels of the scan are {found} times as large as those of the maps, and the record says "
                f"{scale:g}; pass the scan that they were made of, and the maps in their own pixels"
            ],
        )


def _checksums(configured: SuperResolution, scan: Any, rgb: Any, names: list[str]) -> dict[str, str]:
    """Return checksums of lazy data, which are not in the record of their result; they are computed for it."""
    if not names:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `superresolve` has given them
        loaded = load(
            scan,
            rgb,
            configured.scale,
            configured.beam,
            configured.method,
            configured.options,
            configured.reach,
            uncertainty=configured.uncertainty,
        )
    found = dict(zip(CHECKSUMS, (loaded.scan, loaded.photo), strict=True))
    return {name: checksum(content) for name in names if (content := found[name]) is not None}


def _changes(record: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what differs between two records."""
    changed: dict[str, tuple[Any, Any]] = {}
    for name in COMPARED:
        was, is_now = record.get(f"{PREFIX}{name}"), now.get(f"{PREFIX}{name}")
        if was is not None and is_now is not None and was != is_now:
            changed[name] = (was, is_now)
    for name, item in NESTED.items():
        before, after = _object(record, name), _object(now, name)
        for key in dict.fromkeys([*before, *after]):
            if before.get(key) != after.get(key):
                changed[f"{item} {key}"] = (before.get(key), after.get(key))
    return changed


def _difference(first: xr.Dataset, second: xr.Dataset) -> xr.DataArray:
    """Return the largest difference of every map or layer, relative to the range of the first.

    Raises
    ------
    InvalidInput
        If they have no line or no pixel in common.
    """
    common: dict[str, tuple[Any, Any]] = {}
    for name in ("line", "y", "x"):
        index = second.indexes[name]
        if name == "line":
            places = index.get_indexer(first.indexes[name])
        else:
            step = abs(float(np.diff(second[name].values[:2])[0]))
            places = index.get_indexer(first.indexes[name], method="nearest", tolerance=NEAR * step)
        shared = np.flatnonzero(places >= 0)
        if not shared.size:
            raise InvalidInput("result", [f"the maps and those made again have no {name!r} in common; pass their scan"])
        common[name] = shared, places[shared]
    parts = []
    for name in (name for name in COMPARED_MAPS if name in first and name in second):
        one, other = (
            maps[name].isel({dim: both[number] for dim, both in common.items()}).variable
            for number, maps in enumerate((first, second))
        )
        apart = abs(one.astype(np.float64) - other.astype(np.float64))
        apart = apart.where(one.isnull() == other.isnull(), np.inf)  # type: ignore[no-untyped-call]
        parts.append(
            xr.Dataset({"apart": apart.max(("y", "x")), "low": one.min(("y", "x")), "high": one.max(("y", "x"))})
        )
    found = xr.concat(parts, "map").compute()  # all at once, so that lazy maps are made once
    largest = found["apart"].fillna(0).values
    span = (found["high"] - found["low"]).astype(np.float64).values
    relative = np.divide(largest, span, out=np.where(largest > 0, np.inf, 0.0), where=span > 0).max(axis=0)
    lines = first["line"].values[common["line"][0]]
    long_name = "largest difference, relative to the range of the map"
    return xr.DataArray(relative, {"line": lines}, ("line",), name="difference", attrs={"long_name": long_name})


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}..."
