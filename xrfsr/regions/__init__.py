"""Many regions: a tree of scans becomes a tree of fine maps, each written when it is ready."""

from __future__ import annotations

import json
from os import PathLike
from typing import TYPE_CHECKING, Any

import xarray as xr

from xrfsr.errors import InvalidInput, collect_faults, warn
from xrfsr.pipeline.superresolve import SHARED, SuperResolution
from xrfsr.regions.executors import Pool
from xrfsr.regions.in_memory import superresolve, train
from xrfsr.regions.region import Outcome, Task, check_names, regions_of
from xrfsr.regions.report import Report
from xrfsr.regions.store import Store, store_path
from xrfsr.utils.checks import switch_faults
from xrfsr.utils.progress import progress_bar

if TYPE_CHECKING:
    from distributed import Client

    from xrfsr.network import Model

__all__ = ["Report", "run", "superresolve", "train"]


def run(
    tree: xr.DataTree,
    rgb: xr.DataArray | xr.DataTree | None,
    out: str | PathLike[str],
    client: Client | None = None,
    *,
    scale: float = 4,
    model: Model | None = None,
    workers: int | None = None,
    processes: bool = False,
    progress: bool | None = None,
    **options: Any,
) -> Report:
    """Super-resolve every scan of a tree into one zarr store, region by region.

    Each region is one task. Its maps appear in the store when they are complete, so an interrupted run leaves the
    finished regions and nothing else. Called again, the run skips regions that are in the store undamaged with the
    same scan, photo and options, and makes the rest.

    Parameters
    ----------
    tree : xarray.DataTree
        Tree of scans: every node with a variable `intensity`, or with one for each line, is a region, and its path is
        the region's name. Results of `superresolve` in the tree are left out.
    rgb : xarray.DataArray or xarray.DataTree
        One photo in the millimetre coordinates of all regions, or a tree with the variable `rgb` under the name of
        every region. Methods without a photo need none.
    out : str or path
        Store to write, a local folder such as ``"all.zarr"``; ``xr.open_datatree(out)`` opens it. Workers on other
        machines must see it under the same path. Only regions that an earlier run wrote are replaced.
    client : distributed.Client, optional
        Client whose workers make the maps; without one, they are made by this process or its children.
    scale : float
        Ratio of coarse to fine pixel size.
    model : Model, optional
        One model for all regions, from ``tree.xrfsr.train(rgb)`` or `xrfsr.load_model`; left out, each trains its own.
    workers : int, optional
        Number of regions at a time without a client; the number of cores if not given.
    processes : bool
        Whether the workers are processes (a script then needs ``if __name__ == "__main__":``) or threads.
    progress : bool, optional
        Whether to show a progress bar.
    **options
        As for `xrfsr.pipeline.superresolve.superresolve`.

    Returns
    -------
    Report
        Names of the regions that were written, skipped, or failed, with the reason.

    Raises
    ------
    InvalidInput
        If nothing can start: `tree` holds no region or one whose name cannot be that of a folder, `out` or the name of
        a region is something else, another run is writing to `out`, or an option is wrong.

    Warns
    -----
    UserWarning
        Naming regions that failed, and why.

    Examples
    --------
    >>> import tempfile, xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 128, seed=1, lines=["Hg-L", "Pb-L", "Ca-K"])
    >>> halves = {"left": scan.isel(x=slice(0, 16)), "right": scan.isel(x=slice(16, 32))}
    >>> tree = xr.DataTree.from_dict(halves)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(run(tree, rgb, f"{folder}/all.zarr", steps=5, workers=1, progress=False))
    ...     print(run(tree, rgb, f"{folder}/all.zarr", steps=5, workers=1, progress=False))
    2 regions: 2 written, 0 skipped, 0 failed
    2 regions: 0 written, 2 skipped, 0 failed
    """
    faults = switch_faults(optional=True, progress=progress)
    regions, path, pool = [], None, None
    asked = {**options, "scale": scale}
    configured = _configured(faults, scale, model, **options)
    with collect_faults(faults):
        regions = regions_of(tree, rgb, scale)
        check_names([region.name for region in regions])
    with collect_faults(faults):
        pool = Pool.of(client, workers, len(regions), processes=processes)
    with collect_faults(faults):
        path = store_path(out)
    if faults or path is None or pool is None:
        raise InvalidInput("run over regions", faults)
    outcomes: list[Outcome] = []
    with (
        Store.locked(path, [region.name for region in regions]) as store,
        progress_bar(len(regions), "regions", progress) as show,
    ):
        # The model is sent once to every worker that needs it, not with every region.
        task = Task(store, configured.unattended().with_model(None), json.dumps(asked, sort_keys=True, default=repr))
        for outcome in pool.run(task, regions, model):
            outcomes.append(outcome)
            show(len(outcomes))
    report = Report.of(outcomes)
    if report.failed:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in report.failed.items())
        warn(f"{len(report.failed)} of {len(regions)} regions failed, the others are in '{path}': {reasons}")
    return report


def _configured(faults: list[str], scale: float, model: Model | None, **options: Any) -> SuperResolution:
    """Return what is done with every region, from the options of `run`; every fault is added to `faults`."""
    shared = {name: options.pop(name) for name in ("method", "uncertainty", *SHARED) if name in options}
    if model is not None:
        options["model"] = model
    return SuperResolution.from_keywords(faults, scale, options, progress=False, **shared)


def __dir__() -> list[str]:
    return sorted(__all__)
