"""What a writer writes: element maps, further maps on their grid such as ratios, and a photo; each may be absent."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import xarray as xr

from xrfsr.core.cf import GENERAL
from xrfsr.core.coordinates import centres, dequantify, grid_of
from xrfsr.core.grid import Grid
from xrfsr.core.lines import try_parse
from xrfsr.core.mistakes import is_like_photo
from xrfsr.core.photo import ensure_photo
from xrfsr.core.provenance import PROVENANCE, method_of, record_of
from xrfsr.core.scan import ensure_scan
from xrfsr.errors import InvalidInput, collect_faults

__all__ = ["Layers", "Plane", "Role", "layers_of", "upright"]

Role = Literal["intensity", "uncertainty", "derived"]
STACKS: tuple[Literal["intensity", "uncertainty"], ...] = ("intensity", "uncertainty")
IN_SCAN = (*STACKS, "valid")
NOT_DERIVED = frozenset({*STACKS, "valid", "rgb"})


@dataclass(frozen=True, slots=True)
class Plane:
    """One map.

    Attributes
    ----------
    name : str
        Label of the line; of a derived map its ``long_name``, such as ``"Ca-K / Pb-L"``, or the name of its variable.
    values : DataArray
        Map (y, x) of float32, in the order of the scan.
    units : str
        Units of the values.
    role : {"intensity", "uncertainty", "derived"}
        What the map is.
    """

    name: str
    values: xr.DataArray
    units: str
    role: Role

    @property
    def title(self) -> str:
        """Name that distinguishes the uncertainty ``s(Ca-K)`` from its map."""
        return f"s({self.name})" if self.role == "uncertainty" else self.name


@dataclass(frozen=True, slots=True)
class Layers:
    """Checked layers, at least one of which is there.

    Attributes
    ----------
    scan : Dataset or None
        Scan in the standard form.
    derived : tuple of Plane
        Further maps on the same grid.
    photo : DataArray or None
        Photo in the standard form, on its own grid.
    pictures : mapping of str to DataArray
        Further photos or pictures by their names, each on its own grid.
    """

    scan: xr.Dataset | None
    derived: tuple[Plane, ...] = ()
    photo: xr.DataArray | None = None
    pictures: Mapping[str, xr.DataArray] = field(default_factory=dict)

    @property
    def grid(self) -> Grid:
        """Grid of the maps, or of the photo if there are none."""
        first = self.scan if self.scan is not None else self.derived[0].values if self.derived else self.photo
        assert first is not None
        return grid_of(first)

    @property
    def method(self) -> str | None:
        """Name of the method that made the maps; None if they are no result."""
        return None if self.scan is None else method_of(self.scan)

    @property
    def record(self) -> dict[str, str]:
        """Attributes of a result that record how it was made, as text; empty if the maps are no result."""
        known = {} if self.scan is None else record_of(self.scan)
        return {name: str(value) for name, value in known.items()} | ({PROVENANCE: self.method} if self.method else {})

    @property
    def attrs(self) -> dict[str, str | int | float]:
        """Attributes of the scan that are plain numbers or text."""
        attrs: Mapping[Any, Any] = {} if self.scan is None else self.scan.attrs
        return {str(name): value for name, value in attrs.items() if isinstance(value, str | int | float)}

    @property
    def arrays(self) -> list[xr.DataArray]:
        """Everything that may be in Dask."""
        scan = self.scan
        held = [] if scan is None else [scan[name] for name in IN_SCAN if name in scan]
        held += [plane.values for plane in self.derived]
        return [*held, *([] if self.photo is None else [self.photo]), *self.pictures.values()]

    def with_arrays(self, arrays: Sequence[xr.DataArray]) -> Self:
        """Return a copy with other arrays in place of those in `arrays`."""
        scan, others = self.scan, iter(arrays)
        if scan is not None:
            scan = scan.assign({name: next(others) for name in IN_SCAN if name in scan})
        derived = tuple(replace(plane, values=next(others)) for plane in self.derived)
        photo = None if self.photo is None else next(others)
        pictures = dict(zip(self.pictures, others, strict=True))
        return replace(self, scan=scan, derived=derived, photo=photo, pictures=pictures)

    def stored(self, *, mask: bool = False, photo: bool = False, uncertainty: bool = True) -> Self:
        """Return a copy without what a format has no place for; a photo without maps has one in any format."""
        scan = self.scan
        if scan is not None:
            absent = ([] if mask else ["valid"]) + ([] if uncertainty else ["uncertainty"])
            scan = scan.drop_vars(absent, errors="ignore")
        alone = scan is None and not self.derived
        return replace(self, scan=scan, photo=self.photo if photo or alone else None)

    def planes(self, *roles: Role) -> Iterator[Plane]:
        """Yield the maps of some roles, or of all: intensities, then uncertainties, then derived maps."""
        for stack in STACKS:
            if self.scan is not None and stack in self.scan and (not roles or stack in roles):
                for number, label in enumerate(self.scan["line"].values):
                    values = self.scan[stack].isel(line=number)
                    yield Plane(str(label), values, str(self.scan[stack].attrs["units"]), stack)
        if not roles or "derived" in roles:
            yield from self.derived


def layers_of(obj: object, photo: object = None) -> Layers:
    """Check what a caller passed to a writer; values are not checked, they are written unchanged.

    Parameters
    ----------
    obj : Dataset or DataArray
        Scan, which may have further variables (y, x) and a photo ``rgb`` on the same grid; a photo; or maps (y, x) that
        are no element maps, as a DataArray or as the variables of a Dataset.
    photo : DataArray, optional
        Photo of the same painting, on any grid.

    Raises
    ------
    InvalidInput
        If one of them cannot be used; the message lists every fault.
    """
    if photo is None:
        return _layers(obj)
    faults: list[str] = []
    found, picture = Layers(None), None
    with collect_faults(faults):
        found = _layers(obj)
    with collect_faults(faults):
        picture = ensure_photo(photo, values=False)  # type: ignore[arg-type]  # anything else is refused there
    if faults:
        raise InvalidInput("scan", faults)
    return Layers(found.scan, found.derived, picture)


def upright(array: xr.DataArray) -> xr.DataArray:
    """Return an array with its first row at the top of the painting and its first column at the left."""
    grid = grid_of(array)
    turned = [name for name, axis in (("y", grid.y), ("x", grid.x)) if axis.step < 0]
    return array.isel({name: slice(None, None, -1) for name in turned})


def _layers(obj: Any) -> Layers:
    if is_like_photo(obj):
        return Layers(None, photo=ensure_photo(obj, values=False))
    if isinstance(obj, xr.DataArray) and set(obj.dims) == {"y", "x"} and "line" not in obj.coords:
        return Layers(None, (_single(obj, set()),))
    if isinstance(obj, xr.Dataset) and _holds_derived_maps(obj):
        taken: set[str] = set()
        planes = []
        for map_ in obj.data_vars.values():
            planes.append(_single(map_, taken))
            taken.add(planes[-1].name)
        return Layers(None, tuple(planes))
    scan = ensure_scan(obj, values=False)
    photo = ensure_photo(scan["rgb"], values=False) if "rgb" in scan and "band" in scan["rgb"].dims else None
    taken = {str(label) for label in scan["line"].values}
    derived: list[Plane] = []
    for name, variable in scan.variables.items():
        if set(variable.dims) == {"y", "x"} and name not in NOT_DERIVED and variable.dtype.kind in "biuf":
            plane = _plane(scan[name].reset_coords(drop=True), name, taken)
            derived.append(plane)
            taken.add(plane.name)
    return Layers(scan, tuple(derived), photo)


def _holds_derived_maps(dataset: xr.Dataset) -> bool:
    """Return whether all variables are maps (y, x), none of which is named after a line.

    One may be the uncertainty of another, as that of a ratio.
    """
    return bool(dataset.data_vars) and all(
        set(map_.dims) == {"y", "x"} and name not in NOT_DERIVED - {"uncertainty"} and not try_parse(name)
        for name, map_ in dataset.data_vars.items()
    )


def _single(map_: xr.DataArray, taken: set[str]) -> Plane:
    """Return a map without a scan, with its coordinates in mm."""
    plain = dequantify(map_).reset_coords(drop=True)
    if plain.dtype.kind not in "biuf":
        raise InvalidInput("map", [f"the map {map_.name!r} must hold numbers, got dtype {plain.dtype}"])
    faults: list[str] = []
    coords: dict[str, xr.Variable] = {}
    for name in ("y", "x"):
        with collect_faults(faults):
            coords[name] = centres(plain, name)[0]
    if faults:
        raise InvalidInput("map", faults)
    return _plane(plain.assign_coords(coords), "map" if map_.name is None else map_.name, taken)


def _plane(map_: xr.DataArray, name: Hashable, taken: set[str]) -> Plane:
    longer = map_.attrs.get("long_name")
    title = longer if isinstance(longer, str) and longer.strip() and longer not in taken | GENERAL else str(name)
    with np.errstate(over="ignore"):
        values = map_.transpose("y", "x").astype(np.float32)
    return Plane(title, values, str(map_.attrs.get("units", "dimensionless")), "derived")
