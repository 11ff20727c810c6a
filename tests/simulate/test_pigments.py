from __future__ import annotations

import re

import pytest

from xrfsr.simulate.pigments import MATERIALS, mass_fractions

# Standard atomic weights (IUPAC, abridged), for formulae counted by hand.
WEIGHT = {
    "H": 1.008,
    "C": 12.011,
    "O": 15.999,
    "Al": 26.982,
    "Si": 28.085,
    "S": 32.06,
    "K": 39.098,
    "Ca": 40.078,
    "Mn": 54.938,
    "Fe": 55.845,
    "Co": 58.933,
    "Cu": 63.546,
    "Zn": 65.38,
    "As": 74.922,
    "Sn": 118.71,
    "Hg": 200.59,
    "Pb": 207.2,
}


@pytest.mark.parametrize(
    ("name", "atoms"),
    [
        ("lead white", {"Pb": 3, "C": 2, "O": 8, "H": 2}),
        ("chalk", {"Ca": 1, "C": 1, "O": 3}),
        ("gypsum", {"Ca": 1, "S": 1, "O": 6, "H": 4}),
        ("zinc white", {"Zn": 1, "O": 1}),
        ("vermilion", {"Hg": 1, "S": 1}),
        ("realgar", {"As": 4, "S": 4}),
        ("lead-tin yellow", {"Pb": 2, "Sn": 1, "O": 4}),
        ("massicot", {"Pb": 1, "O": 1}),
        ("orpiment", {"As": 2, "S": 3}),
        ("azurite", {"Cu": 3, "C": 2, "O": 8, "H": 2}),
        ("malachite", {"Cu": 2, "C": 1, "O": 5, "H": 2}),
        ("verdigris", {"Cu": 1, "C": 4, "O": 5, "H": 8}),
        ("carbon black", {"C": 1}),
    ],
)
def test_compounds_have_the_composition_of_their_formula(name: str, atoms: dict[str, int]) -> None:
    total = sum(WEIGHT[element] * count for element, count in atoms.items())
    expected = {element: WEIGHT[element] * count / total for element, count in atoms.items()}
    assert dict(MATERIALS[name].composition) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize(
    ("name", "element", "percent"),
    [
        # Oxides by hand: 14.5 % K2O, 7.5 % CoO; 45 % FeOOH and 14 % MnO2; 78 % hydroxyapatite and 7 % chalk.
        ("smalt", "K", 14.5 * 2 * 39.098 / 94.195),
        ("smalt", "Co", 7.5 * 58.933 / 74.932),
        ("umber", "Fe", 45 * 55.845 / 88.851),
        ("umber", "Mn", 14 * 54.938 / 86.936),
        ("bone black", "Ca", 78 * 5 * 40.078 / 502.31 + 7 * 40.078 / 100.086),
        ("red lake", "K", 3 * 2 * 39.098 / 174.25),
    ],
)
def test_mixtures_add_up(name: str, element: str, percent: float) -> None:
    assert 100 * MATERIALS[name].composition[element] == pytest.approx(percent, rel=1e-3)


def test_enough_materials_with_their_characteristic_elements() -> None:
    assert len(MATERIALS) >= 16
    expected = {
        "azurite": "Cu",
        "smalt": "Co",
        "umber": "Mn",
        "yellow ochre": "Fe",
        "bone black": "P",
        "orpiment": "As",
    }
    for name, element in expected.items():
        assert MATERIALS[name].composition[element] > 0.03, name
    # Not detected through air: these have no element heavier than sulphur, except the potassium of the lake's alum.
    assert set(MATERIALS["carbon black"].film_composition) == {"C", "H", "O"}
    assert set(MATERIALS["red lake"].composition) - {"C", "H", "O", "Al", "S"} == {"K"}
    assert MATERIALS["red lake"].film_composition["K"] < 0.01


@pytest.mark.parametrize("name", sorted(MATERIALS))
def test_every_material_is_physical(name: str) -> None:
    material = MATERIALS[name]
    assert material.name == name
    assert sum(share for _, share in material.parts) == pytest.approx(1, abs=1e-12)
    assert sum(material.composition.values()) == pytest.approx(1, abs=1e-12)
    assert sum(material.film_composition.values()) == pytest.approx(1, abs=1e-12)
    assert 0.8 < material.film_density <= material.density <= 10
    assert all(0 < band < 1 for band in material.colour)
    assert material.scattering > 0


def test_film_density_is_mass_over_volume() -> None:
    film = MATERIALS["lead white"]
    # 90 g of pigment of 6.8 g/cm³ in 10 g of oil of 1 g/cm³.
    assert film.film_density == pytest.approx(100 / (90 / 6.8 + 10 / 1.0))


def test_colours_have_the_hue_of_their_name() -> None:
    for name in ("azurite", "smalt", "ultramarine"):
        red, green, blue = MATERIALS[name].colour
        assert blue > green > red, name
    for name in ("vermilion", "red lake", "red ochre", "realgar"):
        red, green, blue = MATERIALS[name].colour
        assert red > 2 * max(green, blue), name
    for name in ("malachite", "verdigris", "copper resinate"):
        red, green, blue = MATERIALS[name].colour
        assert green > max(red, blue), name
    for name in ("lead-tin yellow", "orpiment", "massicot", "yellow ochre"):
        red, green, blue = MATERIALS[name].colour
        assert red > green > 1.5 * blue, name
    assert min(MATERIALS["lead white"].colour) > 0.7
    assert max(MATERIALS["bone black"].colour) < 0.02


def test_composition_is_read_only() -> None:
    fractions = mass_fractions((("HgS", 1.0),))
    with pytest.raises(TypeError, match=re.escape("does not support item assignment")):
        fractions["Hg"] = 0.0  # type: ignore[index]
