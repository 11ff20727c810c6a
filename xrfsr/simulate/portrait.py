"""Portrait: a half-length figure in brocade, between a curtain and a window on a landscape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrfsr.simulate.fields import bristles, edge, step
from xrfsr.simulate.landscape import landscape
from xrfsr.simulate.palette import Palette
from xrfsr.simulate.picture import Picture, cloth, hem

__all__ = ["portrait"]

FloatArray = NDArray[np.float32]


def portrait(picture: Picture, palette: Palette) -> None:
    """Paint a half-length figure with mantle, collar and pearls, between a curtain and a window on a landscape."""
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
    landscape(picture, opening, sill - rng.uniform(0.12, 0.2), palette)
    hang = 0.26 + 0.05 * np.sin(4 * y + rng.uniform(0, 6)) + 0.01 * picture.noise((0.3, 0.1))
    curtain = edge((x - hang) * unit)
    cloth(picture, curtain, palette.leaf, -bottom - 0.5, flip * 0.9 * side, 11.0, 20)

    # Body: a dress, and a mantle from one shoulder, both below the neck at (neck, middle).
    middle, head = rng.uniform(-0.03, 0.05), rng.uniform(0.105, 0.125)
    face_y = -bottom + rng.uniform(0.24, 0.30)
    neck = face_y + 1.45 * head
    off = np.abs(x - middle)
    shoulder = neck + 0.02 + 0.9 * np.maximum(off - 0.05, 0) ** 1.6 + 0.12 * off + 0.006 * picture.noise(0.1)
    dress = edge((y - shoulder) * unit)
    picture.clear(dress)
    cloth(picture, dress, palette.second_cloth, neck - 0.05, flip * middle, 5.0, 24)
    _brocade(picture, dress, flip * middle, neck, palette)
    seam = middle - 0.02 + 0.30 * (y - neck) + 0.03 * np.sin(9 * y + 1) + 0.008 * picture.noise(0.12)
    draped = np.minimum((y - shoulder + 0.012) * unit, (x - seam) * unit)
    picture.clear(edge(draped))
    cloth(picture, edge(draped), palette.cloth, neck - 0.08, flip * (middle + 0.22), 6.5, 28)
    hem(picture, draped, palette)

    u, v = (x - middle) / (0.80 * head), (y - face_y) / (1.12 * head)
    _head(picture, u, v, flip, head, palette)
    _lace(picture, flip * middle, neck, head, palette)
    ledge = edge((y - bottom + 0.075) * unit) + 0 * x
    picture.lay(ledge, "stone", 0.45 + 0.12 * picture.noise((0.02, 0.2), 2.2) - 0.2 * picture.x, 20, along=0.0)
    picture.clear(ledge)
    _letter(picture, bottom - 0.06, -flip * 0.25, palette, mm)


def _brocade(picture: Picture, inside: FloatArray, middle: float, top: float, palette: Palette) -> None:
    """Paint gold figures woven into a cloth: leaves within a lattice, bent by its folds."""
    pitch = max(0.10, 9 * picture.mm / picture.unit)
    bend = 0.012 * picture.noise(0.15)
    u, v = (picture.x - middle + bend) * 2 * np.pi / pitch, (picture.y - top + bend) * 2 * np.pi / (1.5 * pitch)
    lattice = np.abs(np.cos((u + v) / 2) * np.cos((u - v) / 2))
    flower = np.cos(u + np.sin(v)) * np.cos(v) + 0.35 * np.cos(3 * u) * np.cos(3 * v)
    woven = np.maximum(step(0.10, 0.05, lattice), step(0.50, 0.60, np.abs(flower)))
    tone = 0.45 + 0.25 * np.sin(2 * u + 5 * v) - 0.5 * (picture.x - middle)
    picture.lay(np.asarray(inside * woven, np.float32), palette.yellow, tone, 11, onto=picture.detail)


def _head(picture: Picture, u: FloatArray, v: FloatArray, flip: float, head: float, palette: Palette) -> None:
    """Paint hair and face in coordinates of the face's ellipse, with light from the upper left."""
    rng, unit = picture.rng, picture.unit
    round_ = np.hypot(u, v)
    wave = 0.10 * picture.noise(0.06)
    size = 0.8 * head * unit
    hair = edge((1.30 + wave - np.hypot(u, 0.92 * (v + 0.16) - 0.10 * np.maximum(v, 0) ** 2)) * size)
    flow = np.arctan2(v - 0.2, u * flip) + np.pi / 2 + 0.3 * wave
    strands = bristles(rng, np.asarray(flow, np.float32), 4 * picture.mm, max(1.2, 0.3 * picture.mm))
    picture.lay(hair, palette.dark, 0.42 + 0.22 * strands - 0.25 * u * flip - 0.2 * v, 18, along=flow)
    picture.clear(hair)
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
    picture.glaze_over(np.asarray(0.6 * face * cheeks, np.float32), red_lake=1.0)

    def at(down: float, right: float) -> tuple[float, float]:
        """Return the pixel at the face coordinates (v, u)."""
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
    for row, shade in ((mouth[0] - 0.035 * size, 0.35), (mouth[0] + 0.035 * size, 0.65)):
        lips.petal(row, mouth[1] - 0.26 * size, 0.0, 0.52 * size, 0.065 * size, shade, fullness=1.0)
    picture.lay(whites.cover, palette.flesh, whites.tone, 12, onto=picture.detail)
    picture.lay(lips.cover * np.float32(0.85), palette.red, lips.tone, 14, onto=picture.detail)
    picture.lay(darks.cover, palette.dark, darks.tone, 12, onto=picture.detail)
    glint = picture.marks()
    for s in (-1.0, 1.0):
        row, column = at(-0.09, s * 0.38 - 0.03 * flip)
        glint.disc(row, column, max(0.6, 0.025 * size), 1.0, 0.0)
    picture.lay(glint.cover, palette.white, 1.0, 10, onto=picture.detail)


def _lace(picture: Picture, middle: float, neck: float, head: float, palette: Palette) -> None:
    """Paint a lace collar and a string of pearls."""
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
    """Paint a folded letter with script on the ledge."""
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
        points = picture.path(
            y + np.sin(tilt) * t + np.cos(tilt) * wiggle, x + np.cos(tilt) * t - np.sin(tilt) * wiggle
        )
        script.line(points, max(0.6, 0.2 * mm), 0.1)
    picture.lay(script.cover, palette.black, script.tone, 8, onto=picture.detail)
