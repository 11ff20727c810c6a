"""Historical artists' materials: their composition, density and colour in oil.

Elemental compositions follow from chemical formulae; those of natural earths and of smalt from typical analyses of
their minerals and oxides. Densities are those of the minerals. Colours are those of a thick, fresh layer in oil
("masstone"), estimated from paint-outs by eye. Scattering coefficients only order the pigments by hiding power. Colours
and scattering are meant for simulated photographs, not for identification.

References
----------
Roy, A., FitzHugh, E. W., Feller, R. L., Berrie, B. H. (eds.), *Artists' Pigments: A Handbook of Their History and
Characteristics*, vols. 1-4, National Gallery of Art, Washington, 1986-2007: formulae, densities, oil absorption.

Eastaugh, N., Walsh, V., Chaplin, T., Siddall, R., *Pigment Compendium*, Butterworth-Heinemann, 2008.

Mühlethaler, B. and Thissen, J., "Smalt", *Studies in Conservation* 14 (1969) 47-61: oxides in smalt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

__all__ = ["MATERIALS", "Material", "mass_fractions"]

# Medium of all materials: a triglyceride of linolenic acid with the density of dried linseed oil. Glue and gum are
# treated alike, because x-rays above 2 keV hardly distinguish light organic media.
MEDIUM = "C57H98O6"
MEDIUM_DENSITY = 1.0

# Layer silicates of natural earths, by mass: clay, quartz sand, mica (their potassium) and rutile (their titanium).
CLAY = "Al2Si2O5(OH)4"
MICA = "KAl3Si3O10(OH)2"


@dataclass(frozen=True, slots=True)
class Material:
    """Pigment, ground or varnish as a paint film, medium included.

    Parameters
    ----------
    name : str
    parts : tuple of (str, float)
        Chemical formula and share by mass of each constituent of the dry pigment; the shares sum to one.
    density : float
        Density of the dry pigment in g/cm³.
    medium : float
        Share of oil, glue or resin in the mass of the dry paint film.
    colour : tuple of float
        Reflectance of a thick layer in oil in the red, green and blue band, linear in light, between 0 and 1.
    scattering : float
        Kubelka-Munk scattering coefficient of the paint film in 1/µm: high for hiding paint, low for glazes.
    """

    name: str
    parts: tuple[tuple[str, float], ...]
    density: float
    medium: float
    colour: tuple[float, float, float]
    scattering: float

    @property
    def composition(self) -> Mapping[str, float]:
        """Mass fraction of every element in the dry pigment."""
        return mass_fractions(self.parts)

    @property
    def film_composition(self) -> Mapping[str, float]:
        """Mass fraction of every element in the paint film, medium included."""
        return mass_fractions(
            (*((formula, share * (1 - self.medium)) for formula, share in self.parts), (MEDIUM, self.medium))
        )

    @property
    def film_density(self) -> float:
        """Density of the paint film in g/cm³; the volumes of pigment and medium add."""
        return 1 / ((1 - self.medium) / self.density + self.medium / MEDIUM_DENSITY)


@lru_cache(maxsize=256)
def mass_fractions(parts: tuple[tuple[str, float], ...]) -> Mapping[str, float]:
    """Mass fraction of every element in a mixture of compounds.

    Parameters
    ----------
    parts : tuple of (formula, share by mass)
        Compounds of the mixture.

    Returns
    -------
    read-only mapping of element symbol to mass fraction
        Mass fractions, whose sum is the sum of the shares.

    Examples
    --------
    >>> mercury = mass_fractions((("HgS", 1.0),))["Hg"]
    >>> print(f"{mercury:.3f}")
    0.862
    """
    import xraydb

    total: dict[str, float] = {}
    for formula, share in parts:
        atoms = xraydb.chemparse(formula)
        masses = {element: count * xraydb.atomic_mass(element) for element, count in atoms.items()}
        for element, mass in masses.items():
            total[element] = total.get(element, 0.0) + share * mass / sum(masses.values())
    return MappingProxyType(total)


def _material(
    name: str, parts: str | Mapping[str, float], density: float, medium: float, colour: str, scattering: float
) -> Material:
    """Build one row of the table below; a single formula is a pure compound, the colour an sRGB hexadecimal."""
    shares = ((parts, 1.0),) if isinstance(parts, str) else tuple(parts.items())
    encoded = (int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in encoded)
    return Material(name, shares, density, medium, (red, green, blue), scattering)


_TABLE = (
    # Whites
    _material("lead white", "(PbCO3)2Pb(OH)2", 6.8, 0.10, "f6f1e4", 0.110),
    _material("chalk", "CaCO3", 2.71, 0.15, "efe8d6", 0.050),
    _material("gypsum", "CaSO4(H2O)2", 2.32, 0.12, "f0ebdd", 0.050),
    _material("zinc white", "ZnO", 5.6, 0.18, "f4f2ea", 0.100),
    # Reds and oranges
    _material("vermilion", "HgS", 8.1, 0.13, "c2331f", 0.130),
    _material("red lake", {"C22H20O13": 0.50, "Al(OH)3": 0.47, "K2SO4": 0.03}, 1.9, 0.50, "7a1420", 0.006),
    _material(
        "red ochre",
        {"Fe2O3": 0.42, CLAY: 0.30, "SiO2": 0.18, MICA: 0.08, "TiO2": 0.02},
        3.6,
        0.28,
        "8a3a22",
        0.080,
    ),
    _material("realgar", "As4S4", 3.56, 0.22, "cf5a1c", 0.070),
    # Yellows
    _material("lead-tin yellow", "Pb2SnO4", 8.2, 0.12, "e6cf62", 0.110),
    _material("massicot", "PbO", 9.6, 0.12, "dcae4c", 0.090),
    _material("orpiment", "As2S3", 3.49, 0.22, "e2be3e", 0.070),
    _material(
        "yellow ochre",
        {"FeO(OH)": 0.34, CLAY: 0.30, "SiO2": 0.26, MICA: 0.085, "TiO2": 0.015},
        3.0,
        0.30,
        "b8863c",
        0.070,
    ),
    # Blues
    _material("azurite", "Cu3(CO3)2(OH)2", 3.77, 0.25, "2a5590", 0.045),
    _material(
        "smalt",
        {"SiO2": 0.66, "K2O": 0.145, "CoO": 0.075, "As2O3": 0.045, "Fe2O3": 0.04, "CaO": 0.02, "NiO": 0.015},
        2.6,
        0.32,
        "35507e",
        0.022,
    ),
    _material(
        "ultramarine",
        {"Na6Ca2Al6Si6O24S2": 0.84, "CaCO3": 0.08, "CaMgSi2O6": 0.06, "FeS2": 0.02},
        2.45,
        0.38,
        "24418c",
        0.025,
    ),
    # Greens
    _material("malachite", "Cu2CO3(OH)2", 4.0, 0.25, "3f7d57", 0.045),
    _material("verdigris", "Cu(CH3COO)2H2O", 1.88, 0.42, "256b52", 0.015),
    _material("copper resinate", "Cu(C20H29O2)2", 1.15, 0.45, "1d4a26", 0.004),
    # Browns and blacks
    _material(
        "umber",
        {"FeO(OH)": 0.45, "MnO2": 0.14, CLAY: 0.20, "SiO2": 0.13, "CaCO3": 0.06, "TiO2": 0.02},
        3.2,
        0.40,
        "4c3320",
        0.050,
    ),
    _material("bone black", {"Ca5(PO4)3OH": 0.78, "C": 0.15, "CaCO3": 0.07}, 2.7, 0.40, "17130f", 0.020),
    _material("carbon black", "C", 1.8, 0.55, "141210", 0.020),
    _material("iron-gall ink", "FeC7H3O5", 2.2, 0.50, "241a14", 0.020),
    # Varnish attenuates x-rays and light too.
    _material("varnish", "C30H50O", 1.06, 0.0, "d8a04a", 0.0004),
)

MATERIALS: Mapping[str, Material] = MappingProxyType({material.name: material for material in _TABLE})
"""All materials by name, read-only."""
