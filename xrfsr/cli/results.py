"""The folder that ``xrfsr superresolve`` writes: what is in it, and when it may be replaced."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from xrfsr.cli.console import Console
from xrfsr.errors import InvalidInput, import_optional
from xrfsr.io.writers.atomic import atomic_write
from xrfsr.io.writers.ownership import SOFTWARE, html_obstacle, png_obstacle, store_obstacle, tiff_obstacle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CHECK", "Results", "results_obstacle", "save_picture"]

STORE, MAPS, PHOTO, CHECK, REPORT = "fine.zarr", "maps", "photo.tif", "check.png", "report.html"
# Coordinates of a GeoTIFF; the store has the others, such as the gain from the photo.
LINE_COORDS = ("line", "y", "x", "element", "family", "energy", "kind")
ROWS = 6  # lines on one picture
DPI = 200
NAMED = 3  # strangers in a message


def results_obstacle(folder: Path) -> str:
    """Return why a folder is not replaced, or an empty string if ``xrfsr superresolve`` wrote all that is in it."""
    if not folder.is_dir():
        return "is a file, not a folder"
    entries = sorted(folder.iterdir())
    strangers = [entry.name for entry in entries if entry.name != MAPS and _stranger(entry)]
    maps = folder / MAPS
    if maps.is_symlink() or maps.is_file():
        strangers.append(MAPS)
    elif maps.is_dir():
        strangers += [f"{MAPS}/{file.name}" for file in sorted(maps.iterdir()) if tiff_obstacle(file)]
    if not (folder / STORE).is_dir() and not strangers:
        return "is not a folder that xrfsr wrote" if entries else "is an empty folder that xrfsr did not write"
    if not strangers:
        return ""
    more = f" and {len(strangers) - NAMED} more" if len(strangers) > NAMED else ""
    return f"contains {', '.join(map(repr, strangers[:NAMED]))}{more}, which xrfsr did not write"


def _stranger(entry: Path) -> bool:
    """Return whether this package did not write an entry of the folder, or wrote it for something else."""
    if entry.is_symlink():
        return True
    if entry.name == STORE:
        return bool(store_obstacle(entry))
    if entry.name == PHOTO:
        return bool(tiff_obstacle(entry))
    if entry.name == REPORT:
        return bool(html_obstacle(entry))
    return not re.fullmatch(r"(check|overview(-\d+)?)\.png", entry.name) or bool(png_obstacle(entry))


def save_picture(figure: Figure, path: Path, *, overwrite: bool = False) -> None:
    """Write a figure as a PNG that can be replaced later."""
    with atomic_write(path, "picture", png_obstacle, overwrite=overwrite) as new:
        figure.savefig(new, format="png", dpi=DPI, metadata={"Software": SOFTWARE})


@dataclass(frozen=True)
class Results:
    """Everything that is written into the folder.

    Attributes
    ----------
    fine : Dataset
        Result of `superresolve`; may be lazy.
    scan : Dataset
        Scan that it was made of.
    photo : DataArray or None
        Photo in the millimetres of the scan.
    truth : Dataset or None
        Maps before they were binned, if they are on the grid of the result.
    title : str or None
        Title of the report.
    """

    fine: xr.Dataset
    scan: xr.Dataset
    photo: xr.DataArray | None
    truth: xr.Dataset | None = None
    title: str | None = None

    def write(self, folder: Path, console: Console) -> xr.Dataset:
        """Write all of it into an existing folder; return the stored result."""
        console.say("writing the maps")
        self.fine.xrfsr.to_zarr(folder / STORE)
        # Opened again, so that a lazy result is computed once.
        stored = self.fine if self.fine["intensity"].chunks is None else xr.open_zarr(folder / STORE)
        (folder / MAPS).mkdir()
        for label in stored["line"].values:
            _line(stored, label).xrfsr.to_geotiff(folder / MAPS / _file_name(str(label)))
        if self.photo is not None:
            self.photo.xrfsr.to_geotiff(folder / PHOTO)
            _optional(console, "matplotlib", "pictures", "plot", lambda: self._draw(folder, stored))
        _optional(
            console,
            "bokeh",
            "HTML reports",
            "report",
            lambda: stored.xrfsr.report(folder / REPORT, scan=self.scan, rgb=self.photo, title=self.title),
        )
        return stored

    def _draw(self, folder: Path, stored: xr.Dataset) -> None:
        from xrfsr.plot import overview

        assert self.photo is not None
        labels = [str(label) for label in stored["line"].values]
        for page in range(math.ceil(len(labels) / ROWS)):
            some = labels[page * ROWS : (page + 1) * ROWS]
            axes = overview(self.photo, self.scan, stored, self.truth, lines=some)
            name = "overview.png" if page == 0 else f"overview-{page + 1}.png"
            save_picture(axes[0, 0].figure, folder / name)


def _line(fine: xr.Dataset, label: Any) -> xr.Dataset:
    """Return one map of a result with its uncertainty, and with the support of the photo as a further map."""
    one = fine.sel(line=[label])
    kept = one[[name for name in ("intensity", "uncertainty") if name in one]]
    kept = kept.drop_vars([name for name in kept.coords if name not in LINE_COORDS])
    if "photo_support" in one:
        kept["photo_support"] = one["photo_support"].isel(line=0, drop=True).drop_attrs(deep=False)
    return kept


def _file_name(label: str) -> str:
    """Return the name of the file of a line; labels such as those of pile-up are no names of files."""
    return re.sub(r"[^\w.()+ -]", "_", label) + ".tif"


def _optional(console: Console, module: str, what: str, extra: str, write: Callable[[], None]) -> None:
    """Write what needs a package that may not be installed; say so if it is not."""
    try:
        import_optional(module, what, extra)
    except InvalidInput as error:
        console.warn(f"{error.faults[0]}; the folder has none")
        return
    write()


def written(folder: Path) -> Sequence[str]:
    """Return the names in the folder, sorted."""
    return sorted(entry.name + ("/" if entry.is_dir() else "") for entry in folder.iterdir())
