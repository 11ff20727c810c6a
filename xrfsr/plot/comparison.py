"""Figure that compares methods: their scores for each line, and their run times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xrfsr.errors import InvalidInput
from xrfsr.plot.axes import axes_faults, given_axes, result
from xrfsr.plot.display import PAGE, new_figure, require_matplotlib
from xrfsr.plot.style import SIZES
from xrfsr.utils.checks import choice_faults
from xrfsr.utils.describe import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["comparison"]

PALE = "#8a8a8a"
ALL, ONE = "#b5367a", "#8a8a8a"
ROW, FRAME = 6.0, 20.0  # mm: the height of a method, and of what is below them
NEEDED = {"score": ("algorithm", "line", "metric"), "pooled": ("algorithm", "metric"), "seconds": ("algorithm",)}


def comparison(compared: xr.Dataset, metric: str = "psnr", *, ax: Any = None) -> NDArray[Any]:
    """Plot methods from best to worst: one dot per line, and a diamond for all lines together.

    Parameters
    ----------
    compared : Dataset
        Result of ``scan.xrfsr.compare(rgb)``.
    metric : {"psnr", "rmse", "psnr_corrected", "rmse_corrected"}
        Metric on the horizontal axis, which also sorts the methods.
    ax : sequence of matplotlib.axes.Axes, optional
        Two axes to draw on, for the scores and for the times; those of a new figure if left out.

    Returns
    -------
    array of matplotlib.axes.Axes
        Scores, and times. Notebooks show the figure; ``axes[0].figure.savefig("comparison.pdf")`` writes it.

    Raises
    ------
    InvalidInput
        If `compared` is not a result of ``compare`` or lacks the metric, `ax` does not fit, or matplotlib is not
        installed.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> made = scan.xrfsr.compare(methods=["bilinear", "kriging"], truth=truth, progress=False)
    >>> score, seconds = xrfsr.plot.comparison(made)
    """
    require_matplotlib()
    fix = "pass the result of scan.xrfsr.compare(rgb)"
    if not isinstance(compared, xr.Dataset):
        faults = [f"compared must be a Dataset, got {describe(compared)}; {fix}"]
        raise InvalidInput("comparison", [*faults, *axes_faults(ax, 2)])
    faults = [
        f"compared has no {name!r} ({', '.join(dims)}); {fix}"
        for name, dims in NEEDED.items()
        if name not in compared or compared[name].dims != dims
    ]
    if not faults:
        faults = choice_faults("metric", metric, [str(each) for each in compared.metric.values])
    faults += axes_faults(ax, 2)
    if faults:
        raise InvalidInput("comparison", faults)
    pooled = compared["pooled"].sel(metric=metric).values
    in_decibels = metric.startswith("psnr")
    order = np.argsort(np.where(np.isnan(pooled), -np.inf, pooled if in_decibels else -pooled), kind="stable")
    chosen = compared.isel(algorithm=order)
    names = [str(name) for name in chosen.algorithm.values]
    heights = np.arange(len(names))

    if ax is None:
        figure = new_figure(PAGE, FRAME + ROW * len(names))
        score, seconds = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    else:
        score, seconds = given_axes(ax)
    each = chosen["score"].sel(metric=metric).values
    for line in range(each.shape[1]):
        score.plot(each[:, line], heights, "o", color=ONE, alpha=0.5, markersize=4, markeredgewidth=0)
    score.plot(chosen["pooled"].sel(metric=metric), heights, "D", color=ALL, markersize=6)
    without = " without the noise of the truth" if metric.endswith("corrected") else ""
    unit = f"PSNR{without} in dB (higher is better)" if in_decibels else f"RMSE{without} (lower is better)"
    score.set_xlabel(f"{unit}\n◆ all element lines together, ● each line", fontsize=SIZES["label"])
    score.set_yticks(heights, names, fontsize=SIZES["label"], parse_math=False)
    seconds.barh(heights, chosen["seconds"].values, height=0.5, color=PALE)
    seconds.set_xscale("log")
    _decades(seconds, chosen["seconds"].values)
    seconds.set_xlabel("seconds", fontsize=SIZES["label"])
    for axes in (score, seconds):
        axes.grid(axis="x", alpha=0.4, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.tick_params(which="both", labelsize=SIZES["label"], length=0)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    axes_made: NDArray[Any] = result([score, seconds])
    return axes_made


def _decades(axes: Axes, seconds: NDArray[Any]) -> None:
    """Let a logarithmic axis range over whole decades, which alone get labels."""
    from matplotlib.ticker import NullFormatter

    known = seconds[np.isfinite(seconds) & (seconds > 0)]
    if known.size:
        axes.set_xlim(10.0 ** np.floor(np.log10(known.min()) - 0.1), 10.0 ** np.ceil(np.log10(known.max()) + 0.1))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
