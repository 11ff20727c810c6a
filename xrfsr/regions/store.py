"""One zarr store for all regions, to which each is added complete or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Self

import xarray as xr

from xrfsr.errors import InvalidInput
from xrfsr.io.writers.atomic import atomic_write, target_faults
from xrfsr.io.writers.zarr import consolidate, write
from xrfsr.utils.paths import local_path

__all__ = ["Store"]

MARK = "xrfsr_inputs"  # attribute of a region: hash of its inputs
ROOT = "xrfsr_regions"  # attribute of the store


@dataclass(frozen=True, slots=True)
class Store:
    """A folder with a group for each region.

    Regions are written to a scratch folder next to the store and renamed when complete, so that the store never holds
    half a region.
    """

    path: Path

    @classmethod
    def of(cls, out: str | PathLike[str]) -> Self:
        """Open a new store, or the store of an earlier run.

        Raises
        ------
        InvalidInput
            If something else is there, or nothing can be written.
        """
        path = local_path(out, "the folder to make, such as 'all.zarr'")
        if path.exists() and ROOT in _attributes(path):
            return cls(path)
        faults = target_faults(path, overwrite=False, may_replace=False, kind="store of regions")
        if faults and path.exists():
            faults = [f"'{path}' exists and is no store of an earlier run over regions; choose another name"]
        if faults:
            raise InvalidInput("out", faults)
        return cls(path)

    @property
    def scratch(self) -> Path:
        """Folder in which regions are written until they are complete."""
        return self.path.with_name(f".{self.path.name}.unfinished")

    def begin(self, names: Sequence[str]) -> None:
        """Make the store and the parent groups of regions, and remove the unfinished rest of an earlier run.

        Raises
        ------
        InvalidInput
            If the disk is full or may not be written to.
        """
        import zarr

        try:
            shutil.rmtree(self.scratch, ignore_errors=True)
            self.scratch.mkdir()
            # Without consolidated metadata, which would not list later regions.
            zarr.open_group(self.path, mode="a", zarr_format=3).update_attributes({ROOT: len(names)})
            _forget_consolidated(self.path)
            for name in names:
                for parent in list(Path(name).parents)[-2::-1]:
                    if not (self.path / parent / "zarr.json").is_file():
                        zarr.open_group(self.path / parent, mode="a", zarr_format=3)
        except OSError as error:
            raise InvalidInput(
                "out",
                [f"'{self.path}' cannot be written ({error.strerror or error}); see to its disk, or choose another"],
            ) from error

    def mark_of(self, name: str) -> str | None:
        """Return the mark of a region in the store."""
        return _attributes(self.path / name).get(MARK)

    def write(self, name: str, fine: xr.Dataset, mark: str) -> None:
        """Add a region, or replace it."""
        with atomic_write(self.path / name, "zarr store", self.scratch) as new:
            # The store notes the metadata of all regions at the end, so none needs a note of its own.
            write(fine.assign_attrs({MARK: mark}), new)

    def end(self) -> None:
        """Consolidate the metadata, which makes the store quick to open, and remove the scratch folder."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        try:
            consolidate(self.path)
        except OSError:  # a full disk: it opens without, too
            _forget_consolidated(self.path)


def _attributes(group: Path) -> dict[str, str]:
    try:
        found = json.loads((group / "zarr.json").read_text(encoding="utf-8"))["attributes"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _forget_consolidated(path: Path) -> None:
    file = path / "zarr.json"
    kept = json.loads(file.read_text(encoding="utf-8"))
    if kept.pop("consolidated_metadata", None) is not None:
        new = file.with_name(".zarr.json.new")
        new.write_text(json.dumps(kept), encoding="utf-8")
        new.replace(file)
