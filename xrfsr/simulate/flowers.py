"""Flower piece: a vase of flowers on a ledge before a dark wall, with a cloth hanging over the edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrfsr.simulate.fields import edge, step
from xrfsr.simulate.palette import Palette
from xrfsr.simulate.picture import Picture, cloth, hem

__all__ = ["flower_piece"]

FloatArray = NDArray[np.float32]


def flower_piece(picture: Picture, palette: Palette) -> None:
    """Paint a vase of flowers on a ledge before a dark wall, with a cloth hanging over the edge."""
    rng, unit = picture.rng, picture.unit
    bottom, side = picture.half
    wall = 0.55 - 0.5 * (picture.x + side) / (2 * side) - 0.2 * picture.y + 0.12 * picture.noise(0.25)
    picture.lay(np.ones(picture.shape, np.float32), palette.dark, wall, 16)
    table = bottom - rng.uniform(0.17, 0.22)
    top = edge((picture.y - table) * unit) + 0 * picture.x
    front = edge((picture.y - table - 0.09) * unit) + 0 * picture.x
    picture.lay(top, "stone", 0.72 + 0.12 * picture.noise((0.02, 0.2), 2.2) - 0.15 * picture.x, 20, along=0.0)
    picture.lay(front, "stone", 0.30 + 0.10 * picture.noise((0.03, 0.1), 2.2) - 0.2 * picture.x, 18, along=0.0)
    chip = picture.marks()
    for _ in range(5):
        begin = rng.uniform(-side, side)
        along = np.linspace(begin, begin + rng.uniform(0.05, 0.3), 12)
        row = table + 0.09 + 0.002 * np.cumsum(rng.normal(size=12))
        chip.line(picture.path(row, along), max(1.0, 0.3 * picture.mm), 0.95)
    picture.lay(chip.cover, "stone", chip.tone, 14, onto=picture.detail)

    flip = rng.choice([-1.0, 1.0])
    begin = rng.uniform(0.05, 0.2)
    border = table + 0.02 + 0.25 * np.maximum(begin - flip * picture.x, 0) ** 0.7 + 0.006 * picture.noise(0.1)
    hanging = edge((picture.y - border) * unit * 0.7)
    cloth(picture, hanging, palette.cloth, table - 0.25, flip * 0.3 * side, 7.0, 24)
    hem(picture, (picture.y - border) * unit, palette)

    # The vase: a turned profile, shaded as a cylinder, with a window mirrored in the glaze.
    middle = rng.uniform(-0.08, 0.08)
    height = (table + 0.05 - picture.y) / 0.24
    profile = 0.105 * (0.55 + 0.9 * np.sin(np.pi * np.clip(0.15 + 0.75 * height, 0, 1)) - 0.35 * height)
    across = (picture.x - middle) / np.maximum(profile, 1e-3)
    vase = edge((profile - np.abs(picture.x - middle)) * unit) * edge(np.minimum(height, 1 - height) * 0.24 * unit)
    bands = step(0.85, 0.95, np.sin(height * 40)) * 0.35
    picture.lay(vase, palette.sky, 0.62 - 0.45 * across - 0.25 * across**2 + bands, 22, along=np.pi / 2)
    glint = picture.marks()
    at_y, at_x = picture.pixel(table - 0.09, middle - 0.045)
    glint.petal(at_y, at_x, -1.3, 0.06 * unit, 0.012 * unit, 1.0, light=0.0)
    picture.lay(glint.cover, palette.white, 1.0, 18, onto=picture.detail)

    mouth_y, mouth_x = picture.pixel(table - 0.18, middle)
    reach = min(0.40 * unit, 0.5 * unit * side)
    heads: list[tuple[float, float, float]] = []
    for _ in range(400):
        a, r = rng.uniform(-np.pi, np.pi), np.sqrt(rng.random())
        size = rng.uniform(0.045, 0.105) * unit
        y, x = mouth_y - 0.26 * unit + 0.30 * unit * r * np.sin(a), mouth_x + reach * r * np.cos(a)
        if all(np.hypot(y - v, x - u) > 0.72 * (size + s) for v, u, s in heads):
            heads.append((y, x, size))
        if len(heads) == 16:
            break
    stems = picture.marks()
    for y, x, _ in heads:
        t = np.linspace(0, 1, 14)[:, None]
        bend = np.array([[mouth_y - 0.15 * unit, mouth_x + 0.35 * (x - mouth_x)]])
        path = (1 - t) ** 2 * np.array([[mouth_y, mouth_x]]) + 2 * t * (1 - t) * bend + t**2 * np.array([[y, x]])
        stems.line(path, max(1.2, 0.012 * unit), rng.uniform(0.3, 0.6))
    picture.lay(stems.cover, palette.second_leaf, stems.tone, 16)
    kinds = ("rose", "tulip", "daisy", "cluster")
    colours = (palette.white, palette.red, palette.yellow, "pink", palette.sky, palette.cloth, "realgar", palette.red)
    # Paint from the outside in, so that the flowers in the middle stand in front.
    heads.sort(key=lambda head: -float(np.hypot(head[0] - mouth_y, head[1] - mouth_x)))
    for number, (y, x, size) in enumerate(heads):
        leaves = (picture.marks(), picture.marks())
        for _ in range(int(rng.integers(2, 5))):
            a = np.arctan2(y - mouth_y, x - mouth_x) + rng.normal(0, 1.1)
            leaves[int(rng.integers(2))].petal(
                y, x, a, size * rng.uniform(1.3, 2.0), 0.42 * size, rng.uniform(0.25, 0.6), fullness=1.2, vein=0.35
            )
        for mark, recipe in zip(leaves, (palette.leaf, palette.second_leaf), strict=True):
            picture.lay(mark.cover, recipe, mark.tone, 20)
            picture.glaze_over(30 * mark.cover * np.clip(0.35 - mark.tone, 0, 1), copper_resinate=1.0)
        picture.clear(edge(0.8 * size - np.hypot(*picture.offsets(y, x))))
        colour = colours[(number + int(rng.integers(2))) % len(colours)]
        _blossom(picture, y, x, size, kinds[int(rng.integers(4))], colour, palette)
    _insects(picture, table, heads, palette)


def _blossom(picture: Picture, y: float, x: float, radius: float, kind: str, recipe: str, palette: Palette) -> None:
    """Paint one flower head of `radius` pixels at row `y`, column `x`."""
    rng = picture.rng
    petals, heart = picture.marks(), picture.marks()
    turn = rng.uniform(0, 2 * np.pi)
    if kind == "rose":
        for ring in np.linspace(1.0, 0.25, 5):
            count = round(4 + 4 * ring)
            for a in turn + 2.4 * ring + 2 * np.pi * np.arange(count) / count + rng.normal(0, 0.15, count):
                petals.petal(
                    y + 0.10 * ring * radius * np.sin(a),
                    x + 0.10 * ring * radius * np.cos(a),
                    a,
                    ring * radius * rng.uniform(0.85, 1.05),
                    0.42 * ring * radius,
                    0.42 + 0.25 * ring - 0.22 * (np.sin(a) + np.cos(a)) * ring + rng.normal(0, 0.06),
                    fullness=0.42,
                    light=0.35,
                    rim=0.3,
                )
    elif kind == "daisy":
        count = int(rng.integers(11, 17))
        for a in turn + 2 * np.pi * np.arange(count) / count + rng.normal(0, 0.06, count):
            length = radius * rng.uniform(0.85, 1.05)
            petals.petal(y, x, a, length, 0.17 * radius, 0.68, fullness=0.5, light=0.3, vein=-0.2)
        heart.disc(y, x, 0.26 * radius, 0.5)
    elif kind == "tulip":
        lean = -np.pi / 2 + rng.normal(0, 0.35)
        root_y, root_x = y - 0.8 * radius * np.sin(lean), x - 0.8 * radius * np.cos(lean)
        for spread, tone in ((-0.45, 0.35), (0.45, 0.3), (-0.2, 0.5), (0.22, 0.42), (0.0, 0.62)):
            petals.petal(root_y, root_x, lean + spread, 1.8 * radius, 0.5 * radius, tone, light=0.3, rim=0.2, vein=0.25)
    else:
        for _ in range(int(rng.integers(6, 11))):
            at_y, at_x = y + 0.6 * radius * rng.normal(), x + 0.6 * radius * rng.normal()
            for a in 2 * np.pi * np.arange(5) / 5 + rng.uniform(0, 6):
                petals.petal(at_y, at_x, a, 0.36 * radius, 0.17 * radius, 0.55 + rng.normal(0, 0.12), fullness=0.5)
            heart.disc(at_y, at_x, max(1.0, 0.09 * radius), 0.7)
    swirl = np.arctan2(*picture.offsets(y, x))
    picture.lay(petals.cover, recipe, petals.tone, 24, along=swirl)
    picture.lay(heart.cover, palette.yellow, heart.tone, 16, onto=picture.detail)
    # The deepest folds of red and dark flowers are glazed.
    if recipe in ("vermilion", "lake", "pink", "red earth"):
        picture.glaze_over(26 * petals.cover * np.clip(0.55 - petals.tone, 0, 1), red_lake=1.0)


def _insects(picture: Picture, table: float, heads: list[tuple[float, float, float]], palette: Palette) -> None:
    """Paint dew, fallen petals and a few ants."""
    rng, mm = picture.rng, picture.mm
    dew, ants, fallen = picture.marks(), picture.marks(), picture.marks()
    side = picture.half[1]
    for row, column, size in heads:
        for a in rng.uniform(0, 2 * np.pi, int(rng.integers(4))):
            dew.disc(row + 0.7 * size * np.sin(a), column + 0.7 * size * np.cos(a), max(0.6, 0.25 * mm), 1.0, 0.0)
    for _ in range(6):
        y, x = picture.pixel(table + rng.uniform(0.01, 0.07), rng.uniform(-side, side))
        a = rng.uniform(0, 2 * np.pi)
        for offset in (-0.8, 0.0, 0.8):
            ants.disc(y + offset * mm * np.sin(a) * 0.6, x + offset * mm * np.cos(a) * 0.6, 0.35 * mm, 0.1, 0.1)
    for _ in range(5):
        y, x = picture.pixel(table + rng.uniform(0.0, 0.08), rng.uniform(-side, side))
        fallen.petal(y, x, rng.uniform(0, 6.3), 0.035 * picture.unit, 0.012 * picture.unit, 0.55, rim=0.2)
    picture.lay(fallen.cover, palette.red, fallen.tone, 18, onto=picture.detail)
    picture.lay(ants.cover, palette.black, ants.tone, 12, onto=picture.detail)
    picture.lay(dew.cover, palette.white, 1.0, 12, onto=picture.detail)
