"""Landscape: sky, hills and a tree, seen through a window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrfsr.simulate.fields import edge, noise, step
from xrfsr.simulate.palette import Palette
from xrfsr.simulate.picture import Picture

__all__ = ["landscape"]

FloatArray = NDArray[np.float32]


def landscape(picture: Picture, inside: FloatArray, horizon: float, palette: Palette) -> None:
    """Paint a sky with clouds, receding hills and a tree within `inside`."""
    rng, y = picture.rng, picture.y
    top = -picture.half[0]
    height = (y - top) / (horizon - top)
    picture.lay(inside, palette.sky, 0.30 + 0.55 * height + 0.05 * picture.noise((0.04, 0.3)), 22, along=0.0)
    cloud = step(0.2, 1.1, picture.noise((0.10, 0.22), 2.4) - 0.8 * np.abs(height - 0.45))
    picture.lay(inside * cloud, palette.white, 0.35 + 0.6 * cloud, 26, along=0.3)
    for number, (recipe, tone) in enumerate(((palette.sky, 0.45), (palette.second_leaf, 0.55), (palette.leaf, 0.35))):
        crest = horizon + 0.05 * number + 0.03 * noise(rng, (1, picture.shape[1]), (1.0, 0.3 * picture.unit), 2.5)
        hill = inside * edge((y - crest) * picture.unit)
        picture.lay(hill, recipe, tone + 0.16 * picture.noise(0.06, 2.5) - 0.8 * (y - crest), 18, along=0.1)
    root_y, root_x = picture.pixel(horizon + 0.10, rng.uniform(-0.8, 0.8) * picture.half[1])
    size = 0.15 * picture.unit
    trunk = picture.marks()
    sway = np.cumsum(rng.normal(0, 0.03, 8)) * size
    trunk.line(np.stack([root_y - np.linspace(0, 1.2, 8) * size, root_x + sway], 1), 0.09 * size + 1, 0.3, taper=True)
    picture.lay(trunk.cover * inside, palette.dark, trunk.tone, 20)
    crown, lights = picture.marks(), picture.marks()
    leaf = max(2.0, 0.9 * picture.mm)
    for _ in range(int(14 * (size / leaf) ** 2)):
        r, a = np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
        at_y = root_y - 1.3 * size + 0.8 * size * r * np.sin(a)
        at_x = root_x + sway[-1] + size * r * np.cos(a)
        light = -0.6 * r * (np.sin(a) + np.cos(a)) / 1.4 + rng.normal(0, 0.25)
        target = lights if light > 0.45 else crown
        target.petal(at_y, at_x, rng.uniform(0, 2 * np.pi), leaf * rng.uniform(0.7, 1.3), 0.3 * leaf, 0.4 + 0.4 * light)
    picture.lay(crown.cover * inside, palette.leaf, crown.tone, 20)
    picture.lay(lights.cover * inside, palette.second_leaf, lights.tone, 14, onto=picture.detail)
