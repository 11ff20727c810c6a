"""Layers of one painting, from the varnish down to the ground.

    varnish        yellowed, with stains and a cleaning test; dims only the softest lines, such as Pb-M
    glaze          red lake, copper resinate: colour with little or no fluorescence
    detail         highlights, leaf veins, lace, script
    paint          the body of the visible picture
    drawing        its underdrawing: lines, hatching, a transfer grid
    earlier        an abandoned picture, turned by half or a quarter
    priming        lead white, toned
    ground         chalk or gypsum in glue, over the weave of the canvas

The upper four are visible in a photograph; the others are buried.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrfsr.simulate.fields import Marks, bristles, cracks, edge, noise, step
from xrfsr.simulate.flowers import flower_piece
from xrfsr.simulate.palette import PALETTES, Mix
from xrfsr.simulate.picture import Picture
from xrfsr.simulate.portrait import portrait

__all__ = ["VISIBLE", "Stack", "build"]

FloatArray = NDArray[np.float32]
Film = dict[str, FloatArray]

SCENES = (flower_piece, portrait)

VISIBLE = ("varnish", "glaze", "detail", "paint")

# Mixtures by volume with which a restorer of the twentieth century matches each old pigment around a loss.
RETOUCH: Mapping[str, Mix] = {
    "lead white": {"zinc white": 1.0},
    "chalk": {"zinc white": 1.0},
    "vermilion": {"red ochre": 0.5, "red lake": 0.5},
    "lead-tin yellow": {"yellow ochre": 0.5, "zinc white": 0.5},
    "orpiment": {"yellow ochre": 0.6, "zinc white": 0.4},
    "azurite": {"ultramarine": 0.9, "zinc white": 0.1},
    "smalt": {"ultramarine": 0.5, "carbon black": 0.3, "zinc white": 0.2},
    "umber": {"yellow ochre": 0.35, "red ochre": 0.10, "carbon black": 0.55},
    "bone black": {"carbon black": 1.0},
}


class Stack(NamedTuple):
    """Finished, aged painting.

    Attributes
    ----------
    layers : dict of str to dict of str to float32 array (y, x)
        Thickness in µm of every material of every layer, from the top down.
    dirt : float32 array (y, x)
        Share of light absorbed by cracks and grime.
    relief : float32 array (y, x)
        Height of the surface in µm.
    """

    layers: dict[str, Film]
    dirt: FloatArray
    relief: FloatArray


def build(seed: int, shape: tuple[int, int], mm: float) -> Stack:
    """Paint and age one painting.

    Parameters
    ----------
    seed : int
        Seed of the painting.
    shape : (rows, columns)
        Size of the painting in pixels.
    mm : float
        Number of pixels per mm.
    """
    plan, visible, buried, age = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4))
    kind, pair = int(plan.integers(len(SCENES))), int(plan.integers(len(PALETTES)))
    turns = int(plan.integers(1, 4))

    picture = Picture(visible, shape, mm)
    SCENES[kind](picture, PALETTES[pair][0])
    _brushwork(picture)

    canvas = shape if turns % 2 == 0 else (shape[1], shape[0])
    earlier = Picture(buried, canvas, mm)
    SCENES[1 - kind](earlier, PALETTES[pair][1])
    _brushwork(earlier)
    abandoned: Film = {}
    for film in (earlier.paint, earlier.detail):
        for material, thickness in film.items():
            turned = abandoned.setdefault(material, np.zeros(shape, np.float32))
            # The abandoned picture was scraped down before the panel was reused.
            turned += np.float32(0.6) * np.rot90(thickness, turns)

    ground, priming = _ground(plan, shape, mm)
    layers: dict[str, Film] = {
        "varnish": {"varnish": _varnish(age, shape, mm)},
        "glaze": picture.glaze,
        "detail": picture.detail,
        "paint": picture.paint,
        "drawing": _drawing(plan, shape, mm),
        "earlier": abandoned,
        "priming": priming,
        "ground": ground,
    }
    dirt = _age(age, layers, shape, mm)
    relief = sum((t for name in ("detail", "paint") for t in layers[name].values()), np.zeros(shape, np.float32))
    return Stack(layers, dirt, relief)


def _brushwork(picture: Picture) -> None:
    """Modulate the paint along brush strokes: its thickness and, in streaks, the amount of white."""
    strokes = bristles(picture.rng, picture.angle, 7 * picture.mm, 0.8 * picture.mm)
    hairs = bristles(picture.rng, picture.angle, 4 * picture.mm, 0.3 * picture.mm)
    body = np.exp(np.float32(0.10) * strokes + np.float32(0.05) * hairs)
    streak = np.exp(np.float32(0.12) * strokes)
    for layer in (picture.paint, picture.detail):
        for name, thickness in layer.items():
            thickness *= body * streak if name in ("lead white", "chalk") else body


def _ground(rng: np.random.Generator, shape: tuple[int, int], mm: float) -> tuple[Film, Film]:
    """Return ground and priming, which vary with the weave and along the sweeps of the knife."""
    rows, columns = np.indices(shape, np.float32) / np.float32(mm)
    pull = 0.25 * noise(rng, shape, 12 * mm), 0.25 * noise(rng, shape, 12 * mm)
    thread = rng.uniform(0.9, 1.2)
    weave = np.sin(2 * np.pi * (rows + pull[0]) / thread) * np.sin(2 * np.pi * (columns + pull[1]) / thread)
    sweeps = noise(rng, shape, (4 * mm, 40 * mm), 2.5)
    chalk = np.asarray(110 * (1 + 0.06 * sweeps + 0.05 * weave + 0.08 * noise(rng, shape, 30 * mm)), np.float32)
    lead = np.asarray(12 * np.exp(0.12 * sweeps + 0.07 * weave + 0.08 * noise(rng, shape, 3 * mm, 2.5)), np.float32)
    material = str(rng.choice(["chalk", "gypsum"]))
    return {material: chalk}, {"lead white": 0.72 * lead, "umber": 0.14 * lead, "yellow ochre": 0.14 * lead}


def _drawing(rng: np.random.Generator, shape: tuple[int, int], mm: float) -> Film:
    """Return the underdrawing of brush or pen: flowing contours, parallel hatching and a transfer grid."""
    marks = Marks.empty(shape)
    rows, columns = shape
    area = rows * columns / mm**2
    for _ in range(int(8 + area / 160)):
        count = int(rng.integers(20, 60))
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.12, count) + rng.normal(0, 0.06))
        stride = 0.6 * mm
        path = np.stack([np.cumsum(np.sin(heading)), np.cumsum(np.cos(heading))], 1) * stride
        marks.line(path + rng.random(2) * shape, rng.uniform(0.35, 0.9) * mm, rng.uniform(0.5, 1.0))
    for _ in range(int(3 + area / 500)):
        corner, lean = rng.random(2) * shape, rng.uniform(0, np.pi)
        along = np.array([np.sin(lean), np.cos(lean)])
        across = np.array([along[1], -along[0]])
        for number in range(int(rng.integers(5, 12))):
            start = corner + across * number * 1.3 * mm + along * rng.normal(0, 0.8) * mm
            marks.line(np.stack([start, start + along * rng.uniform(5, 9) * mm]), 0.4 * mm, 0.7, taper=True)
    square = rng.uniform(14, 20) * mm
    for centre in np.arange(rng.uniform(0, square), rows, square):
        marks.line([(centre, 0), (centre, columns)], 0.3 * mm, 0.6)
    for centre in np.arange(rng.uniform(0, square), columns, square):
        marks.line([(0, centre), (rows, centre)], 0.3 * mm, 0.6)
    material = str(rng.choice(["bone black", "iron-gall ink"]))
    return {material: 14 * marks.cover * marks.tone}


def _varnish(rng: np.random.Generator, shape: tuple[int, int], mm: float) -> FloatArray:
    """Return the thickness of a yellowed, uneven varnish with runs, and a rectangle where most of it was removed."""
    body = 28 * (1 + 0.12 * noise(rng, shape, 20 * mm) + 0.06 * noise(rng, shape, (12 * mm, 1.2 * mm)))
    stain = 22 * step(1.5, 2.2, noise(rng, shape, 7 * mm, 3.5))
    rows, columns = shape
    size = np.array([rng.uniform(5, 8), rng.uniform(7, 11)]) * mm
    corner = rng.random(2) * (np.array(shape) - size)
    y, x = np.arange(rows)[:, None], np.arange(columns)[None, :]
    inside = np.minimum(
        np.minimum(y - corner[0], corner[0] + size[0] - y), np.minimum(x - corner[1], corner[1] + size[1] - x)
    )
    return np.asarray((np.maximum(body, 4) + stain) * (1 - 0.8 * edge(inside / 2)), np.float32)


def _age(rng: np.random.Generator, layers: dict[str, Film], shape: tuple[int, int], mm: float) -> FloatArray:
    """Add losses with their retouching and cracks; return the share of light absorbed by cracks and grime."""
    patches = noise(rng, shape, 9 * mm, 3.5)
    lost = step(0.0, 0.12, patches - float(np.quantile(patches, 0.985)))
    for name in ("earlier", "drawing", "priming"):
        for thickness in layers[name].values():
            thickness *= 1 - lost
    for thickness in layers["ground"].values():
        thickness += 40 * lost
    for name in ("paint", "detail"):
        film = layers[name]
        old = {material: film[material] * lost for material in RETOUCH if material in film}
        for material, thickness in old.items():
            film[material] -= thickness
            for new, part in RETOUCH[material].items():
                film[new] = film.get(new, np.zeros(shape, np.float32)) + np.float32(part) * thickness
    # The medium of a retouching darkens faster than the old paint around it.
    layers["varnish"]["varnish"] += 45 * lost
    through = cracks(rng, shape, 6.5 * mm, 0.12 * mm, 0.6)
    for name in ("glaze", "detail", "paint", "drawing", "earlier"):
        for thickness in layers[name].values():
            thickness *= 1 - 0.8 * through
    shallow = cracks(rng, shape, 2.2 * mm, 0.08 * mm, 0.3)
    grime = np.maximum(0.03 * noise(rng, shape, 1.5 * mm, 2.2), 0)
    return np.asarray(np.clip(0.6 * through + 0.35 * shallow + grime, 0, 0.8), np.float32)
