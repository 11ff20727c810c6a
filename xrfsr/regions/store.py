"""One zarr store for all regions, to which each is added complete or not at all."""

from __future__ import annotations

import glob
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import mkdtemp
from typing import Self

import xarray as xr

from xrfsr.errors import InvalidInput
from xrfsr.io.writers.atomic import atomic_write, target_faults
from xrfsr.io.writers.ownership import store_obstacle
from xrfsr.io.writers.zarr import accept_fixed_text, consolidate, write
from xrfsr.io.zarr_marks import METADATA_FILE, content_digest, links, mark_of, marks, read_metadata
from xrfsr.utils.lock import HeldError, exclusive_lock
from xrfsr.utils.paths import local_path

__all__ = ["Store"]

INPUTS = "xrfsr_inputs"  # attribute of a region: hash of its inputs
CONTENT = "_nc_xrfsr_content"  # attribute of a region: hash of its arrays, hidden by xarray like those of `marks`
REGIONS, REGION = "regions", "region"  # kinds of groups


@dataclass(frozen=True, slots=True)
class Store:
    """A folder with a group for each region.

    Regions are written to a scratch folder next to the store and renamed when complete, so that the store never holds
    half a region. One run at a time has a store.

    Attributes
    ----------
    path : Path
        Folder of the store.
    scratch : Path
        Folder of this run, in which regions are written until they are complete.
    """

    path: Path
    scratch: Path

    @classmethod
    @contextmanager
    def locked(cls, path: Path, names: Sequence[str]) -> Iterator[Self]:
        """Make or open the store for a run over these regions, and complete its metadata at the end.

        Raises
        ------
        InvalidInput
            If another run has the store, something else has the name of the store or of a region, or the disk is full
            or may not be written to.
        """
        with ExitStack() as end:
            try:
                end.enter_context(exclusive_lock(path.with_name(f".{path.name}.lock")))
                # The lock shows that the run which made these has ended. A worker of it that is still alive finds its
                # folder gone, and can no longer change the store.
                for rest in path.parent.glob(f"{glob.escape(_prefix(path))}*"):
                    shutil.rmtree(rest, ignore_errors=True)
                if faults := [*store_faults(path), *_region_faults(path, names)]:
                    raise InvalidInput("out", faults)
                store = cls(path, Path(mkdtemp(prefix=_prefix(path), dir=path.parent)))
                end.callback(shutil.rmtree, store.scratch, ignore_errors=True)
                store._begin(names)
            except HeldError as error:
                fault = f"another run is writing to '{path}' ({error}); wait for its end, or choose another name"
                raise InvalidInput("out", [fault]) from error
            except OSError as error:
                raise InvalidInput("out", [_write_failure(path, error)]) from error
            try:
                yield store
            finally:
                store._end()

    def _begin(self, names: Sequence[str]) -> None:
        """Make the group of the store and the parent groups of the regions."""
        import zarr

        accept_fixed_text()  # before there are threads, which write the regions
        # Without consolidated metadata, which would not list later regions.
        zarr.open_group(self.path, mode="a", zarr_format=3).update_attributes(marks(REGIONS))
        _forget_consolidated(self.path)
        for name in names:
            for parent in _parents(name):
                if not (self.path / parent / METADATA_FILE).is_file():
                    zarr.open_group(self.path / parent, mode="a", zarr_format=3)

    def is_finished(self, name: str, inputs: str) -> bool:
        """Return whether a region made of these inputs is in the store, with all its content undamaged."""
        folder = self.path / name
        attributes = read_metadata(folder).get("attributes", {})
        if attributes.get(INPUTS) != inputs or CONTENT not in attributes:
            return False
        try:
            return bool(content_digest(folder) == attributes[CONTENT])
        except OSError:
            return False

    def write(self, name: str, fine: xr.Dataset, inputs: str) -> None:
        """Add a region, or replace one that an earlier run wrote."""
        import zarr

        target = self.path / name
        with atomic_write(target, "zarr store", _region_obstacle, overwrite=True, scratch_in=self.scratch) as new:
            # The metadata of all regions are consolidated at the end.
            write(fine.assign_attrs(marks(REGION, fine.variables) | {INPUTS: inputs}), new)
            zarr.open_group(new, mode="r+").update_attributes({CONTENT: content_digest(new)})

    def _end(self) -> None:
        """Consolidate the metadata, which makes the store quick to open."""
        try:
            consolidate(self.path)
        except OSError:  # a full disk: the store opens without, too
            _forget_consolidated(self.path)


def store_path(out: str | PathLike[str]) -> Path:
    """Return the path of a new store, or of the store of an earlier run.

    Raises
    ------
    InvalidInput
        If something else is there, or nothing can be written.
    """
    path = local_path(out, "the folder to make, such as 'all.zarr'")
    if faults := store_faults(path):
        raise InvalidInput("out", faults)
    return path


def store_faults(path: Path) -> list[str]:
    """Return why a store of regions cannot be written under a path; empty if it can."""
    return target_faults(path, _regions_obstacle, overwrite=True)


def _regions_obstacle(path: Path) -> str:
    """Return why an existing path is not the store of an earlier run, or an empty string."""
    if mark_of(path) == REGIONS:
        return ""
    return "exists and is no store of an earlier run over regions"


def _region_faults(path: Path, names: Sequence[str]) -> list[str]:
    """Return what in the store is in the way of regions of these names."""
    if not path.is_dir():
        return []
    if found := links(path):
        return [f"'{path / name}' is a link, device or pipe; remove it" for name in found]
    faults: list[str] = []
    for parent in dict.fromkeys(parent for name in names for parent in _parents(name)):
        folder = path / parent
        if folder.is_file():
            faults.append(f"'{folder}' is a file, but regions need a group there; remove it")
        elif kind := mark_of(folder):
            faults.append(f"'{folder}' is a {kind} of an earlier run, so no region can be in it; rename one")
        elif folder.exists() and read_metadata(folder).get("node_type") != "group":
            faults.append(f"'{folder}' is not a zarr group, but regions need a group there; remove it")
    for name in names:
        faults += target_faults(path / name, _region_obstacle, overwrite=True) if (path / name).parent.is_dir() else []
    return faults


def _region_obstacle(path: Path) -> str:
    return store_obstacle(path, REGION)


def _parents(name: str) -> list[Path]:
    """Return the groups that contain a region, the outermost first, without the store itself."""
    return list(Path(name).parents)[-2::-1]


def _prefix(path: Path) -> str:
    return f".{path.name}.unfinished."


def _write_failure(path: Path, error: OSError) -> str:
    return f"'{path}' cannot be written ({error.strerror or error}); see to its disk, or choose another"


def _forget_consolidated(path: Path) -> None:
    file = path / METADATA_FILE
    kept = json.loads(file.read_text(encoding="utf-8"))
    if kept.pop("consolidated_metadata", None) is not None:
        new = file.with_name(".zarr.json.new")
        new.write_text(json.dumps(kept), encoding="utf-8")
        new.replace(file)
