"""Record of how maps were made: the attributes of results, by which they are known from scans, and checksums."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.utils.checks import is_dask

__all__ = [
    "DURATIONS",
    "OPTIONS",
    "PREFIX",
    "PROVENANCE",
    "checksum",
    "known_method",
    "known_record",
    "method_of",
    "record_of",
]

PREFIX = "xrfsr_"
PROVENANCE = "xrfsr_method"  # attribute that every result has, and no scan
OPTIONS = "xrfsr_options"  # attribute: JSON text with the arguments of `superresolve`
DURATIONS = "durations_s"  # the one that differs from run to run, without the prefix
METHOD = re.compile(r"[^\n]{1,80}")
LOST = "unknown"
# The other attributes of results that files of other formats give back, and their types.
NUMBERS: Mapping[str, type[int] | type[float]] = {"xrfsr_scale": float, "xrfsr_seed": int, "xrfsr_steps": int}
TEXTS = tuple(
    PREFIX + name
    for name in (
        "version", "options", "device", "libraries", "footprint", "fwhm_mm", "smear_mm", "consistency", "prior",
        "model", "checkpoint", "shift_mm", "affine", "scan_checksum", "photo_checksum", "durations_s", "training_curve",
        "weights", "held_out", "unknown",
    )
)  # fmt: skip
LONGEST = 2**20  # characters of one attribute

STRIP = 256  # rows that are hashed at a time
NANOMETRE = 6  # decimals of a coordinate in mm
PLACES = ("band", "line", "y", "x")  # coordinates that are part of the content


def method_of(scan: xr.Dataset) -> str | None:
    """Return the name of the method that made a result, "unknown" if it was lost; None for a scan.

    Examples
    --------
    >>> method_of(xr.Dataset(attrs={"xrfsr_method": "unfolding"})), method_of(xr.Dataset())
    ('unfolding', None)
    """
    found = record_of(scan).get(PROVENANCE)
    if found is not None:
        return " ".join(str(found).split()) or LOST
    return LOST if "guided_share" in scan.coords else None


def record_of(result: xr.Dataset | xr.DataArray) -> dict[str, Any]:
    """Return the attributes that record how a result was made; empty for a scan.

    Examples
    --------
    >>> record_of(xr.Dataset(attrs={"xrfsr_method": "kriging", "title": "panel"}))
    {'xrfsr_method': 'kriging'}
    """
    # A Dataset made of a result that was a DataArray has the record at its variable, and arithmetic may lose both.
    held = [result.attrs]
    if isinstance(result, xr.Dataset) and "intensity" in result:
        held.append(result["intensity"].attrs)
    attrs = next((each for each in held if PROVENANCE in each), {})
    return {str(name): value for name, value in attrs.items() if str(name).startswith(PREFIX)}


def known_method(stored: object) -> dict[str, str | int | float]:
    """Return the attribute of a result from what a file stores as the name of its method; none if that is no name."""
    return {PROVENANCE: stored} if isinstance(stored, str) and METHOD.fullmatch(stored) else {}


def known_record(stored: Mapping[str, str]) -> dict[str, str | int | float]:
    """Return the attributes of a result from the texts that a file stores under their names; others are left out.

    Examples
    --------
    >>> known_record({"xrfsr_method": "kriging", "xrfsr_scale": "4.0", "xrfsr_seed": "none", "title": "panel"})
    {'xrfsr_method': 'kriging', 'xrfsr_scale': 4.0}
    """
    made = known_method(stored.get(PROVENANCE))
    if not made:
        return {}
    for name, kind in NUMBERS.items():
        if name in stored:
            try:
                made[name] = kind(stored[name])
            except ValueError:  # not what we wrote
                continue
    return made | {name: stored[name] for name in TEXTS if name in stored and len(stored[name]) <= LONGEST}


def checksum(obj: xr.Dataset | xr.DataArray) -> str:
    """Hash of the values, coordinates and labels of a scan or a photo in the standard form.

    It is the same for data in memory, in Dask with any chunks, and in files. A Dask array is computed for it, block by
    block. Attributes other than the units, and other coordinates than `band`, `line`, `y`, `x` and `valid` do not
    matter. Positions count to a nanometre; -0 and 0, and all NaN, are equal; pixels that are not valid
    count as NaN.

    Parameters
    ----------
    obj : xarray.Dataset or xarray.DataArray
        Scan as ``scan.xrfsr.validate()`` returns it, or a photo.

    Returns
    -------
    str
        ``"sha256:"`` and 64 hexadecimal digits: the SHA-256 hash of one line of text for every variable, sorted by
        name, with its dimensions, shape, units and the hash of its content: of the JSON text of its labels; or of the
        hashes of its rows, 256 at a time, as little-endian numbers of its type.

    Examples
    --------
    >>> maps = xr.DataArray(np.eye(4, dtype=np.float32), dims=("y", "x"), attrs={"units": "count"})
    >>> checksum(maps)
    'sha256:5b693c19c63417d6b68265e07e87e07844b66c7ca9c5b72f64a5d9128cd49455'
    >>> checksum(maps.chunk(x=2)) == checksum(maps), checksum(maps + 1) == checksum(maps)
    (True, False)
    """
    dataset = obj.to_dataset(name="values") if isinstance(obj, xr.DataArray) else obj
    names = [str(name) for name in dataset.data_vars if str(name) not in PLACES]
    names += [name for name in (*PLACES, "valid") if name in dataset.coords]
    if "valid" in dataset.coords:
        maps = {name: each for name, each in dataset.data_vars.items() if {"y", "x"} <= set(each.dims)}
        dataset = dataset.assign({name: each.where(dataset["valid"]) for name, each in maps.items()})
    total = sha256()
    for name in sorted(names):
        variable = dataset[name].variable
        units = variable.attrs.get("units", "") if name in dataset.data_vars else ""
        described = f"{name} {variable.dims} {variable.shape} {units} "
        total.update(f"{described}{_content(name, variable)}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _content(name: str, variable: xr.Variable) -> str:
    """Return the hash of the content of one variable."""
    if variable.dtype.kind in "OTU":
        return sha256(json.dumps(variable.values.tolist()).encode()).hexdigest()
    if name in ("y", "x") and variable.ndim < 2:
        return _digest(np.round(variable.values.astype(np.float64), NANOMETRE)).hex()
    return sha256(b"".join(_strips(variable.data))).hexdigest()


def _strips(data: Any) -> Iterator[bytes]:
    """Yield the hashes of strips of an array, in the order of its rows."""
    if data.ndim < 2:
        yield _digest(np.asarray(data))
    elif is_dask(data):
        from dask.base import compute
        from dask.delayed import delayed

        cut = data.rechunk({**dict.fromkeys(range(data.ndim - 2), 1), data.ndim - 2: STRIP, data.ndim - 1: -1})
        blocks = cut.to_delayed().ravel().tolist()
        yield from compute(*map(delayed(_digest), blocks))  # type: ignore[no-untyped-call]
    else:
        for place in np.ndindex(data.shape[:-2]):
            for top in range(0, data.shape[-2], STRIP):
                yield _digest(data[place][top : top + STRIP])


def _digest(values: NDArray[Any]) -> bytes:
    """Return the hash of numbers, whatever their byte order, their zeros and their NaN."""
    if values.dtype.kind == "f":
        values = np.asarray(values + values.dtype.type(0))  # there is no -0 any more
        if (gaps := np.isnan(values)).any():
            values[gaps] = np.nan
    plain = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return sha256(plain.data).digest()
