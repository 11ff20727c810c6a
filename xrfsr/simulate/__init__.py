r"""Simulated paintings: a photograph, a coarse MA-XRF scan, and the fine maps the scan was made from.

>>> from xrfsr import simulate
>>> truth, scan, rgb = simulate.painting(64, 96, scale=4, seed=1)
>>> truth.intensity.shape, scan.intensity.shape, rgb.shape
((13, 64, 96), (13, 16, 24), (3, 64, 96))

A panel is primed, painted, abandoned, turned, drawn on and painted again, glazed, varnished, cracked and retouched with
historical materials (`xrfsr.simulate.pigments`). Light reaches the upper layers (`optics`), x-rays all of them
(`physics`). The simulation has the difficulties of a real painting:

- one colour, several materials: azurite, smalt and ultramarine; vermilion, lake and earth; lead white with or without
  chalk; bone black and soot; an old pigment and its retouching;
- one element, several materials: lead in white, priming and yellow; iron in earths, umber, smalt and ink; calcium in
  ground, chalk and bone black; copper in blues and greens; arsenic in orpiment, realgar and smalt;
- elements that the photograph does not show: the abandoned picture, the drawing, the weave, the fills;
- details of the photograph that no element shows: lake, soot, cracks of the varnish, uneven light; stains and a
  cleaning test of the varnish, which dim only the softest lines.

Simplifications
---------------
- Two excitation energies (Rh Kα and one for the bremsstrahlung) replace the spectrum of a tube; there is no secondary
  fluorescence and no scattering.
- All lines of a family have the energy of the strongest; tube and detector stand at 45°.
- Line intensities are those of a perfect fit of the spectra: no overlap of As-K with Pb-L or of Sn-L with Ca-K, no
  background, and only counting noise.
- The materials of a layer are mixed evenly at every scale: no grains, no structure in depth within a layer, a flat
  surface.
- Colour has three bands, by Kubelka and Munk, without reflection at the surface; colours and hiding powers were
  estimated by eye.
- Photograph and scan are registered perfectly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from xrfsr.core.from_arrays import as_scan
from xrfsr.core.grid import Grid
from xrfsr.core.lines import Line, parse_all
from xrfsr.core.photo import as_photo
from xrfsr.errors import InvalidInput, collect_faults
from xrfsr.operators import Downsampling
from xrfsr.simulate.fields import noise
from xrfsr.simulate.optics import photograph, reflectance
from xrfsr.simulate.physics import excites, fluorescence, line_energy
from xrfsr.simulate.pigments import MATERIALS
from xrfsr.simulate.stack import VISIBLE, Stack, build
from xrfsr.utils.checks import is_integer, is_number
from xrfsr.utils.describe import describe

__all__ = ["LINES", "Painting", "painting"]

LINES = (
    "K-K",
    "Ca-K",
    "Ti-K",
    "Mn-K",
    "Fe-K",
    "Co-K",
    "Cu-K",
    "Zn-K",
    "As-K",
    "Sn-L",
    "Hg-L",
    "Pb-L",
    "Pb-M",
)
"""Lines that are mapped by default."""

# Smallest energy in keV that passes air and window.
SOFTEST = 2.0
FEWEST_PIXELS = 8
LARGEST = 2**15  # pixels of a side
MOST = {"pixel_size": 10.0, "beam_fwhm": 100.0, "dwell": 1e6}


class Painting(NamedTuple):
    """Simulated painting, as `painting` returns it.

    Attributes
    ----------
    truth : xarray.Dataset
        True fine maps without noise: `intensity` (line, y, x) in counts.
    scan : xarray.Dataset
        Simulated scan: coarse counts `intensity` and their `uncertainty`.
    rgb : xarray.DataArray
        Photograph (band, y, x) on the grid of `truth`.
    """

    truth: xr.Dataset
    scan: xr.Dataset
    rgb: xr.DataArray

    def __repr__(self) -> str:
        (lines, rows, columns), coarse = self.truth.intensity.shape, self.scan.intensity.shape[1:]
        return (
            f"<xrfsr.simulate.Painting of {lines} lines: truth and rgb of {rows} x {columns} pixels, scan of "
            f"{coarse[0]} x {coarse[1]}>"
        )


def painting(
    height: int = 256,
    width: int = 256,
    scale: int = 4,
    seed: int = 0,
    *,
    pixel_size: float = 0.25,
    beam_fwhm: float | None = None,
    dwell: float = 0.25,
    lines: Sequence[str] = LINES,
) -> Painting:
    r"""Simulate a painting, its photograph and its scan.

    Parameters
    ----------
    height, width : int
        Size of the photograph and of the fine maps in pixels, multiples of `scale` with at least 8 coarse pixels.
    scale : int
        Number of fine pixels per coarse pixel in each direction, at least 2.
    seed : int
        Seed, not negative. Equal arguments give equal results. The painting and its photograph depend only on `height`,
        `width`, `seed` and `pixel_size`.
    pixel_size : float
        Pixel size of the photograph in mm. The scene fills the picture; brush strokes, cracks and script keep their
        size in mm.
    beam_fwhm : float, optional
        Full width at half maximum of a Gaussian beam in mm, convolved with the coarse pixel. By default the beam covers
        exactly the coarse pixel, evenly: the footprint ``"area"``.
    dwell : float
        Counting time per coarse pixel in seconds.
    lines : sequence of str
        Line families such as ``"Ca-K"`` or ``"Pb-L"``, of elements in `xrfsr.simulate.pigments.MATERIALS`.

    Returns
    -------
    Painting
        Datasets `truth` and `scan` and photo `rgb`, all with the same outer edges, from (0, 0) mm.

        `truth.intensity` is the expected count of a coarse pixel that is everywhere like the fine one, so that the scan
        is Poisson distributed with mean :math:`Y U`. `scan.uncertainty` is the square root of the counts, at least one.

        Both datasets have two additional coordinates along `line`. `visible_share` is the share of the fine detail that
        visible layers determine: the squared correlation, after subtracting the mean of each coarse pixel, between
        the map and a map of the same visible layers over evenly spread buried layers. `visible` is true if that share
        is at least one half. Both refer to layers, not to colours: a retouching that matches its surroundings counts as
        visible.

    Raises
    ------
    InvalidInput
        If arguments are invalid (all of them are listed).

    Examples
    --------
    >>> truth, scan, rgb = painting(64, 64, seed=3)
    >>> scan.intensity.sizes
    Frozen({'line': 13, 'y': 16, 'x': 16})
    >>> scan.x.values[:2].tolist(), truth.x.values[:2].tolist()
    ([0.5, 1.5], [0.125, 0.375])
    """
    parsed = _checked(height, width, scale, seed, pixel_size, beam_fwhm, dwell, lines)
    coarse = Grid.from_shape((height // scale, width // scale), pixel_size * scale)
    fine = coarse.refine(scale)
    families = [(line.element, line.family) for line in parsed]

    stack = build(seed, fine.shape, 1 / pixel_size)
    layers = list(stack.layers.values())
    truth = fluorescence(layers, families) * np.float32(dwell)
    even = [
        film if name in VISIBLE else {material: np.full_like(t, t.mean()) for material, t in film.items()}
        for name, film in stack.layers.items()
    ]
    share = _shared_detail(truth, fluorescence(even, families), scale)

    # Photograph and counts have random streams of their own, so that they do not change the painting.
    camera, counter = (np.random.default_rng([seed, stream]) for stream in (1, 2))
    footprint: dict[str, Any] = {} if beam_fwhm is None else {"footprint": "gaussian", "fwhm": beam_fwhm}
    expected = Downsampling.between(fine, coarse, **footprint)(truth.astype(np.float64))
    counts = counter.poisson(expected)
    attrs = {"dwell": float(dwell), "seed": int(seed)}
    scan = _dataset(counts, parsed, coarse, share, attrs, np.sqrt(np.maximum(counts, 1)))
    photo = as_photo(_photograph(stack, camera, pixel_size), like=scan)
    return Painting(_dataset(truth, parsed, fine, share, attrs), scan, photo)


def _photograph(stack: Stack, rng: np.random.Generator, pixel_size: float) -> NDArray[np.float32]:
    """Return a photograph under a lamp at the upper left, with uneven light."""
    shape = stack.dirt.shape
    down, right = (np.linspace(1, -1, n, dtype=np.float32) for n in shape)
    lamp = 1 + 0.08 * right[None, :] + 0.06 * down[:, None] + 0.02 * noise(rng, shape, max(shape))
    light = reflectance(list(stack.layers.values())) * (1 - stack.dirt)
    # Raking light doubles the slopes.
    relief = stack.relief * np.float32(2e-3 / pixel_size)
    return photograph(light, relief, np.asarray(lamp, np.float32), rng)


def _shared_detail(truth: NDArray[np.float32], decided: NDArray[np.float32], scale: int) -> NDArray[np.float64]:
    """Return the squared correlation of two stacks of maps within coarse pixels, one value per line."""

    def detail(maps: NDArray[np.float32]) -> NDArray[np.float64]:
        count, rows, columns = maps.shape
        blocks = maps.astype(np.float64).reshape(count, rows // scale, scale, columns // scale, scale)
        return np.asarray(blocks - blocks.mean((2, 4), keepdims=True)).reshape(count, -1)

    a, b = detail(truth), detail(decided)
    norm = (a * a).sum(1) * (b * b).sum(1)
    return np.asarray(np.divide((a * b).sum(1) ** 2, norm, out=np.zeros_like(norm), where=norm > 0))


def _dataset(
    maps: NDArray[Any],
    lines: Sequence[Line],
    grid: Grid,
    share: NDArray[np.float64],
    attrs: dict[str, Any],
    uncertainty: NDArray[np.float64] | None = None,
) -> xr.Dataset:
    scan = as_scan(maps, [line.label for line in lines], grid.spacing, uncertainty=uncertainty)
    scan = scan.assign_coords(
        visible=("line", share >= 0.5, {"description": "at least half of the fine detail is set by visible layers"}),
        visible_share=("line", share, {"description": "share of the fine detail that visible layers set"}),
    )
    return scan.assign_attrs(source="xrfsr.simulate.painting", **attrs)


def _checked(
    height: int,
    width: int,
    scale: int,
    seed: int,
    pixel_size: float,
    beam_fwhm: float | None,
    dwell: float,
    lines: Sequence[str],
) -> list[Line]:
    """Return the parsed lines, or raise with all faults of the arguments."""
    faults: list[str] = []
    if not is_integer(scale) or not 2 <= scale <= LARGEST:
        faults.append(f"scale must be an integer ≥ 2, got {describe(scale)}")
    else:
        for name, size in (("height", height), ("width", width)):
            least = FEWEST_PIXELS * scale
            if not is_integer(size) or size % scale or not least <= size <= LARGEST:
                near = (
                    min(max(least, round(size / scale) * scale), LARGEST // scale * scale) if is_number(size) else least
                )
                faults.append(
                    f"{name} must be a multiple of scale ({scale}) and ≥ {least}, got {describe(size)}; try {near}"
                )
    if not is_integer(seed) or seed < 0:
        faults.append(f"seed must be an integer ≥ 0, got {describe(seed)}")
    for name, value in (("pixel_size", pixel_size), ("dwell", dwell), ("beam_fwhm", beam_fwhm)):
        if value is None and name == "beam_fwhm":
            continue
        if not is_number(value) or not 0 < value <= MOST[name]:
            unit = "seconds" if name == "dwell" else "mm"
            most = f" and at most {MOST[name]:g}" if is_number(value) and value > 0 else ""
            faults.append(f"{name} must be a number of {unit} above zero{most}, got {describe(value)}")
    parsed: list[Line] = []
    with collect_faults(faults):
        parsed = parse_all(lines)
    elements = {element for material in MATERIALS.values() for element in material.composition}
    for line in parsed:
        if line.label != f"{line.element}-{line.family}":
            faults.append(f"a line must be a whole family such as 'Ca-K' or 'Pb-L', got {line.label!r}")
        elif line.element not in elements:
            faults.append(
                f"no simulated material contains {line.element}, for line {line.label!r}; see {', '.join(LINES)}"
            )
        elif not excites(line.element, line.family) or line_energy(line.element, line.family) < SOFTEST:
            faults.append(
                f"line {line.label!r} is not excited by the tube, or too soft to be detected; see {', '.join(LINES)}"
            )
    if not faults and not parsed:
        faults.append("lines must name at least one line such as 'Ca-K', got none")
    if faults:
        raise InvalidInput("painting", faults)
    return parsed


def __dir__() -> list[str]:
    return sorted(__all__)
