"""What a notebook shows of a trained model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xrfsr.utils import html
from xrfsr.utils.describe import listing

if TYPE_CHECKING:
    from xrfsr.network.model import Model

__all__ = ["model_card"]


@html.or_none
def model_card(model: Model) -> str:
    """Return a card with what the model is for, how it was trained, and how well it does for each line."""
    architecture, training = model.generator.architecture, model.training
    y, x = model.ratio
    beam = "" if model.beam is None else f", beam {model.beam[1]:.3g} × {model.beam[0]:.3g} scan pixels"
    facts: dict[str, object] = {
        "lines": listing(model.lines),
        "units": model.units,
        "scale": f"{x:g}" if x == y else f"{x:g} × {y:g} (x × y)",
        "photo": f"{model.bands} {'band' if model.bands == 1 else 'bands'}",
        "footprint": model.footprint + beam,
        "networks": f"{architecture.members}, each with {architecture.K} layers of {architecture.M}",
        "trained": _training(training),
    }
    gains = [math.nan] * len(model.lines) if model.held_out_gain is None else model.held_out_gain.tolist()
    members = len(model.config.inputs)
    rows = [
        [line, f"{gain:+.1f} dB" if math.isfinite(gain) else "", f"{share:.2f}", html.number(peak)]
        for line, gain, share, peak in zip(
            model.lines, gains, model.weights[:members].sum(axis=0).tolist(), model.peak.tolist(), strict=True
        )
    ]
    heads = ["line", "gain on held-out pixels", "weight of the networks", f"seen as 1, {model.units}"]
    curve = _curves(training.get("curve", []))
    return html.card("Trained model", "", facts, pictures=curve, below=[html.table(heads, rows)])


def _training(training: Mapping[str, Any]) -> str:
    parts = [f"{training['steps']} steps"] if "steps" in training else []
    parts += [f"{name} {training[name]}" for name in ("seed", "device") if name in training]
    return ", ".join(parts)


def _curves(curve: Sequence[Sequence[Sequence[float | None]]]) -> list[html.Markup]:
    """Return the losses of all members over the steps, on a logarithmic scale; none of a single point."""
    known = [
        [(float(step), math.log(loss)) for step, loss in member if step is not None and loss and loss > 0]
        for member in curve
    ]
    points = [point for member in known for point in member]
    if not points or max(map(len, known)) < 2:
        return []
    last = max(step for step, _ in points)
    low, high = min(loss for _, loss in points), max(loss for _, loss in points)
    spread = (high - low) or 1.0
    scaled = [[(step / last, (loss - low) / spread) for step, loss in member] for member in known]
    caption = f"loss on validation cells, {math.exp(high):.2g} to {math.exp(low):.2g}"
    return [html.curves(scaled, f"{caption}, of each network over {last:g} steps", caption)]
