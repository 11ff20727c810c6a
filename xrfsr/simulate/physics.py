r"""Fluorescence of a stack of paint layers: the Sherman equation for a tube spectrum of two energies.

A `Layer` maps the name of each material to its thickness in µm at every pixel. The thickness is the material's share
of the layer's volume; the materials are mixed evenly. Volumes add, so an absorption coefficient of the layer is the
thickness-weighted sum over its materials, and the whole stack costs a few small matrix products.

Arrays only: numpy in, numpy out.

References
----------
Sherman, J., "The theoretical derivation of fluorescent X-ray intensities from mixtures", *Spectrochimica Acta* 7
(1955) 283-306: `fluorescence` is its primary term.

Elam, W. T., Ravel, B. D., Sieber, J. R., "A new atomic database for X-ray spectroscopic calculations", *Radiation
Physics and Chemistry* 63 (2002) 121-128, read through xraydb: cross-sections, yields and edges.

Alfeld, M. et al., "A mobile instrument for in situ scanning macro-XRF investigation of historical paintings",
*Journal of Analytical Atomic Spectrometry* 28 (2013) 760-767: the kind of instrument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from xrfsr.simulate.pigments import MATERIALS

__all__ = [
    "TUBE",
    "Layer",
    "attenuation",
    "count_rate_scale",
    "excites",
    "fluorescence",
    "line_energy",
    "sensitivity",
]

Layer = Mapping[str, NDArray[np.float32]]
"""Thickness in µm, (y, x), of each material of one paint layer."""

TUBE: tuple[tuple[float, float], ...] = ((20.216, 1.0), (10.0, 0.5))
"""Energies in keV and relative numbers of incident photons: Rh Kα, and one energy for all the bremsstrahlung below it,
which excites the light elements."""

SHELLS: Mapping[str, tuple[str, ...]] = {"K": ("K",), "L": ("L1", "L2", "L3"), "M": ("M1", "M2", "M3", "M4", "M5")}

# Tube and detector both stand at 45° to the surface, so each µm of depth is √2 µm of path.
OBLIQUE = 2**0.5

# Lengths in cm of the air path, of the beryllium window and of the silicon drift detector's depth.
AIR_PATH = 0.5
BERYLLIUM_WINDOW = 8e-4
SILICON_DEPTH = 0.045

STRIP = 65536

# Counts per second of Pb-L from infinitely thick lead white, which sets solid angle and tube current together.
LEAD_WHITE_RATE = 150e3


def excites(element: str, family: str) -> bool:
    """Return whether the tube ionises the shell `family` (K, L or M) of `element`."""
    import xraydb

    edges, outermost = xraydb.xray_edges(element), SHELLS[family][-1]
    return outermost in edges and edges[outermost].energy < 1000 * max(energy for energy, _ in TUBE)


@lru_cache(maxsize=256)
def sensitivity(element: str, family: str, energy: float) -> float:
    """Return counted photons of one line family, per incident photon of `energy` keV and g/cm² of the element.

    The sensitivity is photoabsorption in each subshell (from the edge jumps) times fluorescence yield times detected
    share. L vacancies first move to outer subshells by Coster-Kronig transitions, and every L vacancy is assumed to
    leave one M vacancy. The detected share includes air, window and detector at the energy of the strongest line.
    """
    import xraydb

    edges = xraydb.xray_edges(element)
    absorbed = float(xraydb.mu_elam(element, energy * 1000, kind="photo"))
    holes = dict.fromkeys((shell for shells in SHELLS.values() for shell in shells), 0.0)
    for shell in holes:
        if shell in edges and edges[shell].energy < energy * 1000:
            holes[shell] = absorbed * (1 - 1 / edges[shell].jump_ratio)
            absorbed /= edges[shell].jump_ratio
    if family == "M":
        holes["M5"] += sum(holes[shell] for shell in SHELLS["L"])
    elif family == "L":
        for start, stop in (("L1", "L2"), ("L1", "L3"), ("L2", "L3")):
            holes[stop] += holes[start] * float(xraydb.ck_probability(element, start, stop, total=False) or 0.0)
    emitted = sum(holes[shell] * edges[shell].fyield for shell in SHELLS[family] if holes[shell])
    return float(emitted) * _detected(line_energy(element, family))


@lru_cache(maxsize=256)
def line_energy(element: str, family: str) -> float:
    """Energy in keV of the strongest line of a family: Kα1, Lα1 or Mα."""
    import xraydb

    shell, line = {"K": ("K", "Ka1"), "L": ("L3", "La1"), "M": ("M5", "Ma")}[family]
    return float(xraydb.xray_lines(element, shell)[line].energy) / 1000


def _detected(energy: float) -> float:
    """Share of photons of `energy` keV that cross air and window and stop in the detector."""
    import xraydb

    ev = energy * 1000
    air = sum(w * xraydb.mu_elam(e, ev) for e, w in (("N", 0.755), ("O", 0.232), ("Ar", 0.013))) * 1.2e-3 * AIR_PATH
    window = xraydb.mu_elam("Be", ev) * 1.85 * BERYLLIUM_WINDOW
    stopped = 1 - np.exp(-xraydb.mu_elam("Si", ev) * 2.33 * SILICON_DEPTH)
    return float(np.exp(-air - window) * stopped)


@lru_cache(maxsize=1024)
def attenuation(material: str, energy: float) -> float:
    """Linear attenuation coefficient of a material's paint film at `energy` keV, in 1/µm."""
    import xraydb

    film = MATERIALS[material]
    mass = sum(w * float(xraydb.mu_elam(e, energy * 1000)) for e, w in film.film_composition.items())
    return mass * film.film_density * 1e-4


def _element_load(material: str, element: str) -> float:
    """Mass of an element in g/cm² per µm of paint film."""
    film = MATERIALS[material]
    return film.film_composition.get(element, 0.0) * film.film_density * 1e-4


@lru_cache(maxsize=1)
def count_rate_scale() -> float:
    """Scale factor to counts per second, set by the yield of thick lead white."""
    outgoing = attenuation("lead white", line_energy("Pb", "L"))
    thick = sum(
        photons * sensitivity("Pb", "L", energy) / (OBLIQUE * (attenuation("lead white", energy) + outgoing))
        for energy, photons in TUBE
    )
    return LEAD_WHITE_RATE / (thick * _element_load("lead white", "Pb"))


def fluorescence(layers: Sequence[Layer], lines: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
    r"""Compute the expected count rates above a stack of layers.

    Layer :math:`k`, whose materials have the attenuation :math:`M_0` for incident and :math:`M_l` for emitted photons,
    contributes

    .. math:: I_l = S_l\, m_e\, \frac{1 - e^{-\chi_k}}{\chi_k}\, e^{-\sum_{j<k} \chi_j},
              \qquad \chi = \sqrt 2\,(M_0 + M_l),

    for each energy of the tube, where :math:`m_e` is the mass of the element in that layer and the sum runs over the
    layers above it.

    Parameters
    ----------
    layers : sequence of Layer
        Layers from the top down; all of one shape (y, x).
    lines : sequence of (element, family)
        Line families to compute.

    Returns
    -------
    float32 array (line, y, x)
        Count rates in counts per second.

    Examples
    --------
    >>> import numpy as np
    >>> thick = {"lead white": np.full((1, 1), 1e6, np.float32)}
    >>> print(f"{fluorescence([thick], [('Pb', 'L')]).item():.0f}")
    150000
    """
    shape = next(iter(layers[0].values())).shape
    total = np.zeros((len(lines), int(np.prod(shape))), np.float32)
    films = [[thickness.reshape(-1) for thickness in layer.values()] for layer in layers]
    energies = [line_energy(element, family) for element, family in lines]
    for energy, photons in TUBE:
        strength = [count_rate_scale() * photons * sensitivity(*line, energy) for line in lines]
        excited = [i for i, s in enumerate(strength) if s]
        if not excited:
            continue
        chi, load = [], []
        for layer in layers:
            both_ways = [[attenuation(m, energy) + attenuation(m, energies[i]) for m in layer] for i in excited]
            emitted = [[strength[i] * _element_load(m, lines[i][0]) for m in layer] for i in excited]
            chi.append(np.array(both_ways, np.float32) * np.float32(OBLIQUE))
            load.append(np.array(emitted, np.float32))
        # Work in strips to limit the memory for intermediate arrays.
        for start in range(0, total.shape[1], STRIP):
            strip = slice(start, start + STRIP)
            through = np.ones((len(excited), 1), np.float32)
            for k, film in enumerate(films):
                thickness = np.stack([whole[strip] for whole in film])
                own = chi[k] @ thickness
                passed = np.exp(-np.minimum(own, 60))
                # For very thin layers the quotient loses precision; use its series.
                thin = own < 0.02
                kept = np.where(thin, 1 - own / 2 + own * own / 6, (1 - passed) / np.where(thin, 1, own))
                total[excited, strip] += (load[k] @ thickness) * through * kept
                through = through * passed
    return total.reshape(len(lines), *shape)
