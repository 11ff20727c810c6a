"""Figure that compares methods: their scores for each line, and their run times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from xrfsr.errors import InvalidInput
from xrfsr.plot.display import prepare_display
from xrfsr.utils.checks import choice_faults
from xrfsr.utils.describe import describe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["comparison"]

INK, PALE, RULE = "#262626", "#8a8a8a", "#e3e3e3"
ALL, ONE = "#b5367a", "#8a8a8a"
ROW = 0.32  # inches
WIDTH, FRAME = 8.6, 1.15
NEEDED = {"score": ("algorithm", "line", "metric"), "pooled": ("algorithm", "metric"), "seconds": ("algorithm",)}


def comparison(compared: xr.Dataset, metric: str = "psnr") -> Figure:
    """Plot methods from best to worst: one dot per line, and a diamond for all lines together.

    Parameters
    ----------
    compared : Dataset
        Result of ``scan.xrfsr.compare(rgb)``.
    metric : {"psnr", "rmse", "psnr_corrected", "rmse_corrected"}
        Metric on the horizontal axis, which also sorts the methods.

    Returns
    -------
    matplotlib.figure.Figure
        Figure, which notebooks display; ``figure.savefig("comparison.png")`` writes it.

    Raises
    ------
    InvalidInput
        If `compared` is not a result of ``compare`` or lacks the metric, or if matplotlib is not installed.

    Examples
    --------
    >>> import xrfsr
    >>> truth, scan, rgb = xrfsr.simulate.painting(64, 64, lines=["Fe-K", "Pb-L"])
    >>> made = scan.xrfsr.compare(methods=["bilinear", "kriging"], truth=truth, progress=False)
    >>> figure = xrfsr.plot.comparison(made)
    """
    prepare_display()
    from matplotlib.figure import Figure

    fix = "pass the result of scan.xrfsr.compare(rgb)"
    if not isinstance(compared, xr.Dataset):
        raise InvalidInput("comparison", [f"compared must be a Dataset, got {describe(compared)}; {fix}"])
    faults = [
        f"compared has no {name!r} ({', '.join(dims)}); {fix}"
        for name, dims in NEEDED.items()
        if name not in compared or compared[name].dims != dims
    ]
    if not faults:
        faults = choice_faults("metric", metric, [str(each) for each in compared.metric.values])
    if faults:
        raise InvalidInput("comparison", faults)
    pooled = compared["pooled"].sel(metric=metric).values
    in_decibels = metric.startswith("psnr")
    order = np.argsort(np.where(np.isnan(pooled), -np.inf, pooled if in_decibels else -pooled), kind="stable")
    chosen = compared.isel(algorithm=order)
    names = [str(name) for name in chosen.algorithm.values]
    heights = np.arange(len(names))

    figure = Figure(figsize=(WIDTH, FRAME + ROW * len(names)), dpi=150, facecolor="white", layout="constrained")
    score, seconds = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    each = chosen["score"].sel(metric=metric).values
    for line in range(each.shape[1]):
        score.plot(each[:, line], heights, "o", color=ONE, alpha=0.5, markersize=4, markeredgewidth=0)
    score.plot(chosen["pooled"].sel(metric=metric), heights, "D", color=ALL, markersize=6)
    without = " without the noise of the truth" if metric.endswith("corrected") else ""
    unit = f"PSNR{without} in dB (higher is better)" if in_decibels else f"RMSE{without} (lower is better)"
    score.set_xlabel(f"{unit}\n◆ all element lines together, ● each line", color=INK)
    score.set_yticks(heights, names, color=INK)
    seconds.barh(heights, chosen["seconds"].values, height=0.5, color=PALE)
    seconds.set_xscale("log")
    seconds.set_xlabel("seconds", color=INK)
    for axes in (score, seconds):
        axes.grid(axis="x", color=RULE)
        axes.set_axisbelow(True)
        axes.tick_params(colors=INK, length=0)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    return figure
