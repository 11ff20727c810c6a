"""Training curves of a model, or of the networks behind a result."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.plot.axes import axes_faults, plain_axes
from xrfsr.plot.display import require_matplotlib
from xrfsr.plot.style import SEVERAL, SIZES, literally
from xrfsr.utils.checks import is_number
from xrfsr.utils.describe import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["training"]

ATTRIBUTE = "xrfsr_training_curve"
STYLES = ("-", "--", "-.", ":")
Curve = list[tuple[float, float]]


def training(trained: Any, *, ax: Any = None) -> Axes:
    """Draw the loss on validation pixels against the step of the training, one curve for each network.

    Parameters
    ----------
    trained : Model, Dataset or DataArray
        Model from ``scan.xrfsr.train(rgb)``, or result of ``superresolve`` with ``method="unfolding"``, whose
        attributes contain the curves.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; those of a new figure if left out.

    Returns
    -------
    matplotlib.axes.Axes
        A curve has a gap where training diverged.

    Raises
    ------
    InvalidInput
        If there is no curve: of other methods, of lazy results, and where no network was trained because the photo
        helps no map.

    Examples
    --------
    >>> import xarray as xr, xrfsr
    >>> curve = '{"network 1": [[0, 0.5], [100, 0.1], [200, 0.05]]}'
    >>> ax = xrfsr.plot.training(xr.Dataset(attrs={"xrfsr_training_curve": curve}))
    >>> ax.get_xlabel(), [line.get_label() for line in ax.lines]
    ('training step', ['network 1'])
    """
    require_matplotlib()
    faults = axes_faults(ax, 1)
    curves: dict[str, Curve] = {}
    with collect_faults(faults):
        curves = _curves(trained)
    if faults:
        raise InvalidInput("figure", faults)
    [axes] = plain_axes(ax)
    for number, (name, points) in enumerate(curves.items()):
        steps, losses = np.array(points, np.float64).T
        axes.plot(
            steps,
            losses,
            color=SEVERAL[number % len(SEVERAL)],
            linestyle=STYLES[number % len(STYLES)],
            linewidth=1.2,
            label=name,
        )
    if any(loss > 0 for points in curves.values() for _, loss in points):
        axes.set_yscale("log")
    axes.set_xlabel("training step", fontsize=SIZES["label"])
    axes.set_ylabel("loss on validation pixels", fontsize=SIZES["label"])
    axes.tick_params(which="both", labelsize=SIZES["small"], length=2, width=0.5)
    axes.grid(alpha=0.3, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    literally(*axes.legend(fontsize=SIZES["small"], frameon=False).get_texts())
    return axes


def _curves(trained: Any) -> dict[str, Curve]:
    """Return the curve of every network that has one, by its name."""
    if isinstance(trained, xr.Dataset | xr.DataArray):
        text = trained.attrs.get(ATTRIBUTE)
        if text is None:
            raise InvalidInput(
                "training",
                [
                    f"the result has no attribute '{ATTRIBUTE}'; pass a result of method='unfolding' whose scan was in "
                    "memory, or the model of scan.xrfsr.train(rgb)"
                ],
            )
        try:
            named = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            named = None
    else:
        record = getattr(trained, "training", None)
        if not isinstance(record, dict) or "curve" not in record:
            raise InvalidInput(
                "training",
                [f"a model or a result is needed, got {describe(trained)}; pass that of scan.xrfsr.train(rgb)"],
            )
        members = record["curve"]
        named = {f"network {number}": points for number, points in enumerate(members, 1) if points}
    # Attributes may come from a file, so nothing in them is relied on.
    if not isinstance(named, dict) or not all(_is_curve(points) for points in named.values()):
        raise InvalidInput("training", ["the training curve must be pairs of a step and a loss for every network"])
    if not named:
        raise InvalidInput(
            "training", ["no network was trained, because the photo helps no map; there must be at least one step"]
        )
    curves = {}
    for name, points in named.items():
        # matplotlib takes names that begin with an underscore for private.
        label = str(name).lstrip("_") or "network"
        curves[label] = [(step, np.nan if loss is None else loss) for step, loss in points]
    return curves


def _is_curve(points: Any) -> bool:
    return (
        isinstance(points, list)
        and bool(points)
        and all(
            isinstance(point, list | tuple)
            and len(point) == 2
            and is_number(point[0])
            and (point[1] is None or (isinstance(point[1], int | float) and isfinite(point[1])))
            for point in points
        )
    )
