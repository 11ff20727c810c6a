"""Two pictures to paint: a flower piece and a half-length portrait, never twice the same.

Each is laid out in units of the shorter side around the centre of the picture (x to the right, y down), so it fills
any format; brush strokes keep their size in millimetres. Light falls from the upper left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xrfsr.simulate.fields import Marks, bristles, edge, noise, step
from xrfsr.simulate.palette import PAINTS, Mix, Palette

__all__ = ["SCENES", "Picture", "flower_piece", "portrait"]

FloatArray = NDArray[np.float32]


@dataclass
class Picture:
    """A picture in the making: what has been painted on each of its layers so far.

    Attributes
    ----------
    rng : numpy.random.Generator
    shape : (rows, columns)
    mm : float
        Pixels per mm.
    paint, detail, glaze : dict of str to float32 array (y, x)
        Thickness of each material in µm: the body of the picture, what is set on top, transparent glazes.
    angle : float32 array (y, x)
        Direction of the brush in radians.
    """

    rng: np.random.Generator
    shape: tuple[int, int]
    mm: float
    paint: dict[str, FloatArray] = field(default_factory=dict)
    detail: dict[str, FloatArray] = field(default_factory=dict)
    glaze: dict[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows, columns = self.shape
        self.unit = float(min(rows, columns))
        self.y = ((np.arange(rows, dtype=np.float32) + 0.5 - rows / 2) / self.unit)[:, None]
        self.x = ((np.arange(columns, dtype=np.float32) + 0.5 - columns / 2) / self.unit)[None, :]
        self.angle = 0.8 * self.noise(0.3)

    @property
    def half(self) -> tuple[float, float]:
        """Half the height and width in units of the shorter side."""
        return (self.shape[0] / self.unit / 2, self.shape[1] / self.unit / 2)

    def noise(self, wavelength: float | tuple[float, float], roughness: float = 3.0) -> FloatArray:
        """`fields.noise` with its wavelength in units of the shorter side."""
        scaled = np.multiply(wavelength, self.unit)
        return noise(self.rng, self.shape, (float(scaled.flat[0]), float(scaled.flat[-1])), roughness)

    def pixel(self, y: float, x: float) -> tuple[float, float]:
        """Row and column of a point."""
        rows, columns = self.shape
        return (y * self.unit + rows / 2 - 0.5, x * self.unit + columns / 2 - 0.5)

    def marks(self) -> Marks:
        """Empty marks of the picture's size."""
        return Marks.empty(self.shape)

    def lay(
        self,
        cover: FloatArray,
        recipe: str,
        tone: FloatArray | float,
        thickness: float,
        *,
        onto: dict[str, FloatArray] | None = None,
        along: FloatArray | float | None = None,
    ) -> None:
        """Paint a passage, in place of what the same layer had there.

        Parameters
        ----------
        cover : float32 array (y, x)
            Share of each pixel covered.
        recipe : str
            Name in `palette.PAINTS`.
        tone : float32 array (y, x) or float
            0 the darks of the recipe, 0.5 its middle, 1 its lights.
        thickness : float
            Of the middle tone, µm; oil painters lay shadows thinly and lights thickly.
        onto : dict, optional
            The layer; the body of the picture if not given.
        along : float32 array or float, optional
            Direction of the brush.
        """
        layer = self.paint if onto is None else onto
        rows, columns = (np.flatnonzero(cover.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return
        window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        cover = cover[window]
        t = np.clip(np.broadcast_to(np.asarray(tone, np.float32), self.shape)[window], 0, 1)
        if along is not None:
            self.angle[window] += (cover > 0.5) * (
                np.broadcast_to(np.asarray(along, np.float32), self.shape)[window] - self.angle[window]
            )
        body = cover * np.float32(thickness) * (np.float32(0.6) + np.float32(0.8) * t)
        shares = (np.clip(1 - 2 * t, 0, 1), 1 - np.abs(2 * t - 1), np.clip(2 * t - 1, 0, 1))
        for present in layer.values():
            present[window] *= 1 - cover
        for share, mix in zip(shares, PAINTS[recipe], strict=True):
            _add(layer, mix, body * share, window, self.shape)


def _add(
    layer: dict[str, FloatArray], mix: Mix, body: FloatArray, window: tuple[slice, slice], shape: tuple[int, int]
) -> None:
    for material, part in mix.items():
        layer.setdefault(material, np.zeros(shape, np.float32))[window] += np.float32(part) * body


def _folds(picture: Picture, y: float, x: float, count: float, lean: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Tone and brush direction of cloth that hangs in folds from a point: lit ridges, sharp dark creases."""
    down, right = picture.y - y, picture.x - x
    around = np.arctan2(right, down + 0.25) + lean * down
    sway = 0.035 * picture.noise(0.35, 3.5) + 0.010 * picture.noise(0.08, 3.0)
    phase = (around + sway) * count + 0.4 * picture.noise(0.5)
    turn = phase - np.floor(phase)
    ridge = np.sqrt(turn) * (1 - step(0.80, 1.0, turn))
    # No two folds are equally deep, and the cloth as a whole turns from the light towards the lower right.
    depth = 0.55 + 0.35 * np.sin(np.floor(phase) * 2.4 + 1)
    tone = 0.30 + depth * (ridge - 0.42) + 0.10 * picture.noise(0.2) - 0.25 * (right + 0.6 * down)
    along = np.arctan2(down + 0.25, right) + 0 * tone
    return np.asarray(tone, np.float32), np.asarray(along, np.float32)


def _along_row(picture: Picture, wavelength: float, roughness: float) -> FloatArray:
    """A random curve over the columns, shape (1, columns)."""
    columns = picture.shape[1]
    return noise(picture.rng, (1, columns), (1.0, wavelength * picture.unit), roughness)


def _landscape(picture: Picture, inside: FloatArray, horizon: float, palette: Palette) -> None:
    """Sky with clouds, receding hills and a tree, wherever `inside` is."""
    rng, y = picture.rng, picture.y
    top = -picture.half[0]
    height = (y - top) / (horizon - top)
    picture.lay(inside, palette.sky, 0.30 + 0.55 * height + 0.05 * picture.noise((0.04, 0.3)), 22, along=0.0)
    cloud = step(0.2, 1.1, picture.noise((0.10, 0.22), 2.4) - 0.8 * np.abs(height - 0.45))
    picture.lay(inside * cloud, palette.white, 0.35 + 0.6 * cloud, 26, along=0.3)
    for number, (recipe, tone) in enumerate(((palette.sky, 0.45), (palette.second_leaf, 0.55), (palette.leaf, 0.35))):
        crest = horizon + 0.05 * number + 0.03 * _along_row(picture, 0.3, 2.5)
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


def _blossom(picture: Picture, y: float, x: float, radius: float, kind: str, recipe: str, palette: Palette) -> None:
    """One flower head of `radius` pixels at row `y`, column `x`."""
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
            petals.petal(y, x, a, radius * rng.uniform(0.85, 1.05), 0.17 * radius, 0.68, fullness=0.5, light=0.3, vein=-0.2)
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
    swirl = np.arctan2(picture.y * picture.unit - y, picture.x * picture.unit - x)
    picture.lay(petals.cover, recipe, petals.tone, 24, along=swirl)
    picture.lay(heart.cover, palette.yellow, heart.tone, 16, onto=picture.detail)
    # The deepest folds of red and dark flowers are glazed, not mixed.
    if recipe in ("vermilion", "lake", "pink", "red earth"):
        deep = petals.cover * np.clip(0.55 - petals.tone, 0, 1)
        _add(picture.glaze, {"red lake": 1.0}, 26 * deep, (slice(None), slice(None)), picture.shape)


def _cloth(picture: Picture, inside: FloatArray, recipe: str, y: float, x: float, count: float, thickness: float) -> None:
    """Cloth in folds, its shadows deepened with a glaze."""
    tone, along = _folds(picture, y, x, count)
    picture.lay(inside, recipe, tone, thickness, along=along)
    shadow = inside * np.clip(0.25 - tone, 0, 0.5)
    glaze: Mix = {"copper resinate": 1.0} if recipe in ("verdigris", "malachite", "mixed green") else {
        "red lake": 0.75,
        "carbon black": 0.25,
    }
    _add(picture.glaze, glaze, 18 * shadow, (slice(None), slice(None)), picture.shape)


def flower_piece(picture: Picture, palette: Palette) -> None:
    """A vase of flowers on a ledge before a dark wall, with a cloth hanging over the edge."""
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
        chip.line(np.stack(picture.pixel(row, along), 1), max(1.0, 0.3 * picture.mm), 0.95)
    picture.lay(chip.cover, "stone", chip.tone, 14, onto=picture.detail)

    flip = rng.choice([-1.0, 1.0])
    begin = rng.uniform(0.05, 0.2)
    border = table + 0.02 + 0.25 * np.maximum(begin - flip * picture.x, 0) ** 0.7 + 0.006 * picture.noise(0.1)
    cloth = edge((picture.y - border) * unit * 0.7)
    _cloth(picture, cloth, palette.cloth, table - 0.25, flip * 0.3 * side, 7.0, 24)
    _hem(picture, (picture.y - border) * unit, palette)

    # The vase: a turned profile, shaded as a cylinder, with a window mirrored in the glaze.
    middle = rng.uniform(-0.08, 0.08)
    height = (table + 0.05 - picture.y) / 0.24
    profile = 0.105 * (0.55 + 0.9 * np.sin(np.pi * np.clip(0.15 + 0.75 * height, 0, 1)) - 0.35 * height)
    across = (picture.x - middle) / np.maximum(profile, 1e-3)
    vase = edge((profile - np.abs(picture.x - middle)) * unit) * edge((1 - height) * 0.24 * unit) * edge(height * 0.24 * unit)
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
    for number, (y, x, size) in enumerate(sorted(heads, key=lambda head: -float(np.hypot(head[0] - mouth_y, head[1] - mouth_x)))):
        leaves = (picture.marks(), picture.marks())
        for _ in range(int(rng.integers(2, 5))):
            a = np.arctan2(y - mouth_y, x - mouth_x) + rng.normal(0, 1.1)
            leaves[int(rng.integers(2))].petal(
                y, x, a, size * rng.uniform(1.3, 2.0), 0.42 * size, rng.uniform(0.25, 0.6), fullness=1.2, vein=0.35
            )
        for mark, recipe in zip(leaves, (palette.leaf, palette.second_leaf), strict=True):
            picture.lay(mark.cover, recipe, mark.tone, 20)
            gloss = mark.cover * np.clip(0.35 - mark.tone, 0, 1)
            _add(picture.glaze, {"copper resinate": 1.0}, 30 * gloss, (slice(None), slice(None)), picture.shape)
        for layer in (picture.detail, picture.glaze):
            _clear(layer, y, x, 0.8 * size)
        colour = colours[(number + int(rng.integers(2))) % len(colours)]
        _blossom(picture, y, x, size, kinds[int(rng.integers(4))], colour, palette)
    _insects(picture, table, heads, palette)


def _clear(layer: dict[str, FloatArray], y: float, x: float, radius: float) -> None:
    """Wipe a disc out of a layer: what is painted there next lies in front."""
    window = tuple(slice(max(int(c - radius), 0), max(int(c + radius) + 2, 0)) for c in (y, x))
    for present in layer.values():
        down, right = np.ogrid[: present.shape[0], : present.shape[1]]
        present[window] *= 1 - edge(radius - np.hypot(down[window[0]] - y, right[:, window[1]] - x))


def _insects(
    picture: Picture, table: float, heads: list[tuple[float, float, float]], palette: Palette
) -> None:
    """Dew, fallen petals and a few ants."""
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


def _hem(picture: Picture, inside: FloatArray, palette: Palette) -> None:
    """Gold braid along an outline: `inside` is the distance to it in pixels, positive on the cloth."""
    mm = picture.mm
    band = edge(inside - 0.9 * mm) * edge(2.6 * mm - inside)
    run = (picture.x - 0.6 * picture.y) * picture.unit / mm
    across = inside / mm
    weave = 0.5 + 0.35 * np.sin(run * 2.6 + 3 * np.sin(across * 3)) + 0.25 * np.sin(across * 5)
    picture.lay(np.asarray(band * step(0.35, 0.6, weave), np.float32), palette.yellow, weave, 15, onto=picture.detail)


def _brocade(picture: Picture, inside: FloatArray, middle: float, top: float, palette: Palette) -> None:
    """Gold figures woven into a cloth: leaves within a lattice, bent by its folds."""
    pitch = max(0.10, 9 * picture.mm / picture.unit)
    bend = 0.012 * picture.noise(0.15)
    u, v = (picture.x - middle + bend) * 2 * np.pi / pitch, (picture.y - top + bend) * 2 * np.pi / (1.5 * pitch)
    lattice = np.abs(np.cos((u + v) / 2) * np.cos((u - v) / 2))
    flower = np.cos(u + np.sin(v)) * np.cos(v) + 0.35 * np.cos(3 * u) * np.cos(3 * v)
    woven = np.maximum(step(0.10, 0.05, lattice), step(0.50, 0.60, np.abs(flower)))
    tone = 0.45 + 0.25 * np.sin(2 * u + 5 * v) - 0.5 * (picture.x - middle)
    picture.lay(np.asarray(inside * woven, np.float32), palette.yellow, tone, 11, onto=picture.detail)


def portrait(picture: Picture, palette: Palette) -> None:
    """A half-length figure with mantle, collar and pearls, between a curtain and a window on a landscape."""
    rng, unit, mm = picture.rng, picture.unit, picture.mm
    bottom, side = picture.half
    flip = float(rng.choice([-1.0, 1.0]))
    x, y = picture.x * flip, picture.y
    wall = 0.40 - 0.25 * picture.x - 0.15 * y + 0.10 * picture.noise(0.25)
    everywhere = np.ones(picture.shape, np.float32)
    picture.lay(everywhere, palette.dark, wall, 16)
    jamb, sill = rng.uniform(0.10, 0.16), rng.uniform(-0.02, 0.06)
    opening = edge((-jamb - x) * unit) * edge((sill - y) * unit)
    frame = edge((-jamb + 0.03 - x) * unit) * edge((sill + 0.035 - y) * unit)
    picture.lay(frame, "stone", 0.6 - 0.3 * picture.x + 0.1 * picture.noise(0.05, 2.2), 20, along=np.pi / 2)
    _landscape(picture, opening, sill - rng.uniform(0.12, 0.2), palette)
    _only(picture.detail, opening)
    hang = 0.26 + 0.05 * np.sin(4 * y + rng.uniform(0, 6)) + 0.01 * picture.noise((0.3, 0.1))
    curtain = edge((x - hang) * unit)
    _cloth(picture, curtain, palette.leaf, -bottom - 0.5, flip * 0.9 * side, 11.0, 20)

    # Body: dress below, mantle from one shoulder, both under the neck at (neck, middle).
    middle, head = rng.uniform(-0.03, 0.05), rng.uniform(0.105, 0.125)
    face_y = -bottom + rng.uniform(0.24, 0.30)
    neck = face_y + 1.45 * head
    off = np.abs(x - middle)
    shoulder = neck + 0.02 + 0.9 * np.maximum(off - 0.05, 0) ** 1.6 + 0.12 * off + 0.006 * picture.noise(0.1)
    dress = edge((y - shoulder) * unit)
    for layer in (picture.detail, picture.glaze):
        _only(layer, 1 - dress)
    _cloth(picture, dress, palette.second_cloth, neck - 0.05, flip * middle, 5.0, 24)
    _brocade(picture, dress, flip * middle, neck, palette)
    seam = middle - 0.02 + 0.30 * (y - neck) + 0.03 * np.sin(9 * y + 1) + 0.008 * picture.noise(0.12)
    draped = np.minimum((y - shoulder + 0.012) * unit, (x - seam) * unit)
    for layer in (picture.detail, picture.glaze):
        _only(layer, 1 - edge(draped))
    _cloth(picture, edge(draped), palette.cloth, neck - 0.08, flip * (middle + 0.22), 6.5, 28)
    _hem(picture, draped, palette)

    u, v = (x - middle) / (0.80 * head), (y - face_y) / (1.12 * head)
    _head(picture, u, v, flip, head, palette)
    _lace(picture, flip * middle, neck, head, palette)
    ledge = edge((y - bottom + 0.075) * unit) + 0 * x
    picture.lay(ledge, "stone", 0.45 + 0.12 * picture.noise((0.02, 0.2), 2.2) - 0.2 * picture.x, 20, along=0.0)
    for layer in (picture.detail, picture.glaze):
        _only(layer, 1 - ledge)
    _letter(picture, bottom - 0.06, -flip * 0.25, palette, mm)


def _only(layer: dict[str, FloatArray], inside: FloatArray) -> None:
    """Keep a layer inside a mask: what comes next is in front of it."""
    for present in layer.values():
        present *= inside


def _head(picture: Picture, u: FloatArray, v: FloatArray, flip: float, head: float, palette: Palette) -> None:
    """Hair and face in coordinates of the face's ellipse, drawn with the light from the upper left."""
    rng, unit = picture.rng, picture.unit
    round_ = np.hypot(u, v)
    wave = 0.10 * picture.noise(0.06)
    size = 0.8 * head * unit
    hair = edge((1.30 + wave - np.hypot(u, 0.92 * (v + 0.16) - 0.10 * np.maximum(v, 0) ** 2)) * size)
    flow = np.arctan2(v - 0.2, u * flip) + np.pi / 2 + 0.3 * wave
    strands = bristles(rng, np.asarray(flow, np.float32), 4 * picture.mm, max(1.2, 0.3 * picture.mm))
    picture.lay(hair, palette.dark, 0.42 + 0.22 * strands - 0.25 * u * flip - 0.2 * v, 18, along=flow)
    _only(picture.detail, 1 - hair)
    _only(picture.glaze, 1 - hair)
    throat = edge((0.52 - np.abs(u)) * size) * edge(v * size) * edge((1.55 - v - 0.8 * np.abs(u)) * size)
    shaded = 0.62 - 0.4 * u * flip - 0.45 * step(1.35, 0.95, v)
    picture.lay(throat, palette.flesh, shaded, 26, along=np.pi / 2)
    outline = np.maximum(np.hypot(u, v), np.hypot(u, 0.8 * v) + 0.12 * np.maximum(v, 0) ** 2 - 0.02)
    brow = -0.62 + 0.25 * u**2 + 0.04 * wave
    face = edge((1 - outline) * size) * edge((v - brow) * size)
    nose_light = np.exp(-(((u + 0.06 * flip) / 0.10) ** 2) - ((v - 0.12) / 0.30) ** 2)
    nose_shade = np.exp(-(((u - 0.14 * flip) / 0.10) ** 2) - ((v - 0.18) / 0.28) ** 2)
    sockets = sum(np.exp(-(((u - s * 0.38) / 0.22) ** 2) - ((v + 0.10) / 0.13) ** 2) for s in (-1, 1))
    cheeks = sum(np.exp(-(((u - s * 0.48) / 0.22) ** 2) - ((v - 0.30) / 0.20) ** 2) for s in (-1, 1))
    modelling = 0.80 - 0.34 * u * flip - 0.12 * v - 0.42 * round_**4
    tone = modelling + 0.14 * nose_light - 0.16 * nose_shade - 0.17 * sockets + 0.02 * picture.noise(0.05)
    picture.lay(face, palette.flesh, np.asarray(tone, np.float32), 30, along=np.arctan2(v, u * flip) + np.pi / 2)
    _add(picture.glaze, {"red lake": 1.0}, np.asarray(0.6 * face * cheeks, np.float32), (slice(None), slice(None)), picture.shape)

    def at(down: float, right: float) -> tuple[float, float]:
        """Pixel at the face coordinates (v, u)."""
        row = int(np.argmin(np.abs(v[:, 0] - down)))
        column = int(np.argmin(np.abs(u[0] - right)))
        return (float(row), float(column))

    darks, lips, whites = picture.marks(), picture.marks(), picture.marks()
    for s in (-1.0, 1.0):
        eye = np.array([at(-0.06 + 0.05 * np.cos(t * np.pi), s * 0.38 + 0.2 * t) for t in np.linspace(-1, 1, 7)])
        eye[:, 0] = at(-0.06, 0)[0] - 0.07 * size * np.cos(np.linspace(-1.4, 1.4, 7))
        centre = at(-0.06, s * 0.38)
        whites.petal(centre[0], centre[1] - 0.19 * size, 0.0, 0.38 * size, 0.07 * size, 0.75, light=0.1, fullness=1.0)
        darks.disc(centre[0] - 0.01 * size, centre[1], 0.085 * size, 0.2, 0.2)
        darks.line(eye, max(0.8, 0.05 * size), 0.25)
        arch = np.array([at(-0.30, s * 0.38 + 0.27 * t) for t in np.linspace(-1, 1, 7)])
        arch[:, 0] -= 0.06 * size * np.cos(np.linspace(-1.4, 1.4, 7))
        darks.line(arch, max(0.7, 0.045 * size), 0.45)
        darks.petal(*at(0.40, s * 0.07), 0.0 if s > 0 else np.pi, 0.08 * size, 0.03 * size, 0.3, light=0.0)
    mouth = at(0.62, 0.0)
    for up, tone_of in ((-1.0, 0.35), (1.0, 0.65)):
        lips.petal(mouth[0] + 0.035 * up * size, mouth[1] - 0.26 * size, 0.0, 0.52 * size, 0.065 * size, tone_of, fullness=1.0)
    picture.lay(whites.cover, palette.flesh, whites.tone, 12, onto=picture.detail)
    picture.lay(lips.cover * np.float32(0.85), palette.red, lips.tone, 14, onto=picture.detail)
    picture.lay(darks.cover, palette.dark, darks.tone, 12, onto=picture.detail)
    glint = picture.marks()
    for s in (-1.0, 1.0):
        row, column = at(-0.09, s * 0.38 - 0.03 * flip)
        glint.disc(row, column, max(0.6, 0.025 * size), 1.0, 0.0)
    picture.lay(glint.cover, palette.white, 1.0, 10, onto=picture.detail)


def _lace(picture: Picture, middle: float, neck: float, head: float, palette: Palette) -> None:
    """Lace collar and a string of pearls."""
    mm, unit = picture.mm, picture.unit
    down, right = (picture.y - neck + 0.03) * 1.25, picture.x - middle
    away, around = np.hypot(down, right) * unit / mm, np.arctan2(right, down)
    inner, outer = 0.55 * head * unit / mm, 1.25 * head * unit / mm
    scallop = outer + 0.9 * np.abs(np.sin(around * outer / 2.2))
    collar = edge((away - inner) * mm) * edge((scallop - away) * mm) * edge(1.15 * unit * (1.35 - np.abs(around)) * 0.1)
    mesh = np.maximum(np.cos(away * 3.6), np.cos(around * inner * 4.2)) > 0.80
    dots = np.cos(away * 1.8 + 2) * np.cos(around * inner * 2.1) > 0.55
    solid = (away < inner + 0.8) | (np.abs(scallop - away) < 0.5)
    threads = collar * np.clip(0.9 * mesh + 0.9 * dots + solid, 0, 1)
    picture.lay(np.asarray(threads, np.float32), palette.white, 0.85 - 0.35 * right / head, 20, onto=picture.detail)
    pearls = picture.marks()
    radius = max(1.2, 0.09 * head * unit)
    for a in np.arange(-1.15, 1.16, 2.1 * radius / unit / (0.50 * head)):
        y, x = picture.pixel(neck - 0.03 + 0.42 * head * np.cos(a), middle + 0.50 * head * np.sin(a))
        pearls.disc(y, x, radius, 0.85, 0.6)
    picture.lay(pearls.cover, palette.white, pearls.tone, 18, onto=picture.detail)


def _letter(picture: Picture, y: float, x: float, palette: Palette, mm: float) -> None:
    """A folded letter on the ledge, written over."""
    rng, unit = picture.rng, picture.unit
    tilt = rng.uniform(-0.25, 0.25)
    down, right = picture.y - y, picture.x - x
    along, across = right * np.cos(tilt) + down * np.sin(tilt), down * np.cos(tilt) - right * np.sin(tilt)
    sheet = edge((0.12 - np.abs(along)) * unit) * edge((0.045 - np.abs(across)) * unit)
    fold = 0.75 - 0.2 * step(0.0, 0.01, along) + 0.05 * picture.noise(0.05)
    picture.lay(sheet, palette.white, fold, 20)
    script = picture.marks()
    for row in np.arange(-0.034, 0.035, max(0.014, 1.5 * mm / unit)):
        t = np.linspace(-0.105, 0.105 - rng.uniform(0, 0.05), int(0.21 * unit / max(1.0, 0.45 * mm)))
        wiggle = row + 0.35 * mm / unit * rng.normal(size=t.size)
        points = picture.pixel(
            y + np.sin(tilt) * t + np.cos(tilt) * wiggle, x + np.cos(tilt) * t - np.sin(tilt) * wiggle
        )
        script.line(np.stack(points, 1), max(0.6, 0.2 * mm), 0.1)
    picture.lay(script.cover, palette.black, script.tone, 8, onto=picture.detail)


SCENES: tuple[Callable[[Picture, Palette], None], ...] = (flower_piece, portrait)
"""The pictures that can be painted."""
