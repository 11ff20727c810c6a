"""One region: its scan and photo, the mark that identifies its inputs, and the task that makes its maps."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from xrfsr._version import __version__
from xrfsr.core.coordinates import grid_of
from xrfsr.core.mistakes import no_photo
from xrfsr.core.provenance import DURATIONS, PREFIX
from xrfsr.core.separate import map_names
from xrfsr.errors import InvalidInput
from xrfsr.operators.resample import fine_grid
from xrfsr.pipeline.inputs import over
from xrfsr.pipeline.photo_place import REACH
from xrfsr.pipeline.result import is_result
from xrfsr.pipeline.superresolve import SuperResolution
from xrfsr.regions.store import Store
from xrfsr.utils.describe import describe, listing
from xrfsr.utils.names import confused_names, name_problem

if TYPE_CHECKING:
    from xrfsr.network import Model

__all__ = ["Outcome", "Region", "Task", "check_names", "reason_of", "regions_of"]

BUILD = "build one: xr.DataTree.from_dict({'left': scan, 'right': other})"


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A scan, under its path in the tree, and the photo over it.

    Attributes
    ----------
    name : str
        Path in the tree.
    scan : xarray.Dataset
        Scan of the region.
    photo : xarray.DataArray or xarray.Dataset, optional
        Photo of the region.
    lacking : str
        Message if the tree of photos has none for it.
    """

    name: str
    scan: xr.Dataset
    photo: Any
    lacking: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of the work on a region."""

    name: str
    status: Literal["written", "skipped", "failed"]
    reason: str = ""
    seconds: float = 0.0


def regions_of(tree: xr.DataTree, rgb: xr.DataArray | xr.DataTree | None, scale: float) -> list[Region]:
    """Return the regions of a tree, each with its part of the photo; nothing is read.

    Nodes that are results of `superresolve` are no regions.

    Raises
    ------
    InvalidInput
        If the tree has no region, or one region lies within another.
    """
    if not isinstance(tree, xr.DataTree):
        raise InvalidInput(
            "tree",
            [f"a DataTree of scans is needed, got {describe(tree)}; {BUILD}"],
        )
    maps = {
        node.path.strip("/"): node
        for node in tree.subtree
        if "intensity" in node.data_vars or map_names(node.to_dataset())
    }
    if not maps:
        raise InvalidInput("tree", [f"no node of the tree has a variable 'intensity' or maps of lines; {BUILD}"])
    nodes = {name: node for name, node in maps.items() if not is_result(node.to_dataset())}
    if not nodes:
        fix = f"to refine a result further, call tree['{next(iter(maps))}'].to_dataset().xrfsr.superresolve(photo)"
        raise InvalidInput("tree", [f"all maps of the tree are results of superresolve: {listing(maps)}; {fix}"])
    if not isinstance(rgb, xr.DataTree | xr.DataArray | xr.Dataset | None):
        raise InvalidInput("photo", [no_photo(rgb, "one photo or a DataTree of photos")])
    faults = [
        f"the scan '{name}' has nodes below it; give it a node of its own, such as '{f'{name}/scan'.strip('/')}'"
        for name, node in nodes.items()
        if node.children
    ]
    if faults:
        raise InvalidInput("tree", faults)
    return [_region(name, node.to_dataset(), rgb, scale) for name, node in nodes.items()]


def check_names(names: Sequence[str]) -> None:
    """Refuse names of regions that cannot be folders in a store.

    Raises
    ------
    InvalidInput
        If a name is empty (the scan is at the root of the tree), would be another folder, or is confused with another.
    """
    faults: list[str] = []
    for name in names:
        if not name:
            faults.append(
                "the scan is at the root '/', which is the whole store; name it: DataTree.from_dict({'a': scan})"
            )
        for part in name.split("/") if name else ():
            if problem := name_problem(part):
                faults.append(f"the name {part!r} in the region {name!r} {problem}; rename the node")
    faults += [
        f"the regions {one!r} and {other!r} are one folder on systems that ignore case; rename one"
        for one, other in confused_names(
            dict.fromkeys(path for name in names for path in accumulate(name.split("/"), "{}/{}".format))
        )
    ]
    if faults:
        raise InvalidInput("tree", faults)


def _region(name: str, scan: xr.Dataset, rgb: Any, scale: float) -> Region:
    photo, lacking = rgb, ""
    if isinstance(rgb, xr.DataTree):
        try:
            photo = rgb[name]["rgb"]
        except KeyError:
            photo, lacking = None, f"the tree of photos has no 'rgb' under '{name}'"
    if isinstance(photo, xr.DataArray):
        # Only the part over the region, and of Dask arrays only that part of the graph; misfits are reported later.
        with suppress(InvalidInput, IndexError):
            grid = grid_of(scan)
            far = (REACH * grid.spacing[0], REACH * grid.spacing[1])  # it may be moved
            (photo,) = _optimised(over(photo, fine_grid(grid, scale), far))
    (scan,) = _optimised(scan)
    return Region(name, scan, photo, lacking)


def _optimised(obj: Any) -> tuple[Any, ...]:
    from dask.base import optimize

    made: tuple[Any, ...] = optimize(obj)  # type: ignore[no-untyped-call]
    return made


@dataclass(frozen=True, slots=True)
class Task:
    """Work on one region.

    Attributes
    ----------
    store : Store
        Where the maps are written.
    superresolution : SuperResolution
        Method, options and scale, the same for all regions.
    keywords : str
        JSON text of what the user asked for, which the mark of a region depends on.
    """

    store: Store
    superresolution: SuperResolution
    keywords: str

    def __call__(self, region: Region, model: Model | None = None) -> Outcome:
        """Make the maps of a region, unless they exist; every failure is an outcome."""
        started = time.monotonic()
        try:
            status = self._written(region, model)
        except Exception as error:
            return Outcome(region.name, "failed", reason_of(error), time.monotonic() - started)
        return Outcome(region.name, status, seconds=time.monotonic() - started)

    def _written(self, region: Region, model: Model | None) -> Literal["written", "skipped"]:
        if region.lacking:
            raise InvalidInput("photo", [region.lacking])
        # Not loaded in place: the tree is the user's, and no region should stay in memory after the work on it.
        scan = region.scan.compute(scheduler="synchronous")
        photo = None if region.photo is None else region.photo.compute(scheduler="synchronous")
        mark = self.mark(scan, photo, model)
        if self.store.is_finished(region.name, mark):
            return "skipped"
        fine = (self.superresolution if model is None else self.superresolution.with_model(model))(scan, photo)
        # Without the seconds: the same run leaves the same store, and `Outcome` has them.
        fine.attrs.pop(PREFIX + DURATIONS, None)
        self.store.write(region.name, fine, mark)
        return "written"

    def mark(self, scan: xr.Dataset, photo: Any, model: Model | None) -> str:
        """Hash of everything that the maps of a region depend on."""
        made = hashlib.sha256(__version__.encode())
        made.update(self.keywords.encode())
        made.update((model.fingerprint if model is not None else "").encode())
        for obj in (scan, photo):
            for part in _content(obj):
                made.update(part)
        return made.hexdigest()


def _content(obj: Any) -> Iterator[bytes]:
    if obj is None:
        return
    dataset = obj.to_dataset(name="rgb") if isinstance(obj, xr.DataArray) else obj
    for name, variable in sorted(dataset.variables.items(), key=lambda item: str(item[0])):
        yield f"{name} {variable.dims} {sorted(map(str, variable.attrs.items()))}".encode()
        values = variable.values
        if values.dtype.kind in "OTU":
            yield repr(values.tolist()).encode()  # text has several types, and stores give back another
        else:
            yield str(values.dtype).encode() + np.ascontiguousarray(values).tobytes()


def reason_of(error: Exception) -> str:
    """Return the reason of a failure in one line."""
    if isinstance(error, InvalidInput):
        return "; ".join(error.faults)
    return f"{type(error).__name__}: {error}"
