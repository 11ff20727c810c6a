"""Palettes: the pigments that a painter mixes for the darks, middle tones and lights of one colour.

Several recipes give similar colours from different pigments. A photograph does not show which of them a painting uses,
nor whether the visible or the buried picture uses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["PAINTS", "PALETTES", "Palette", "Recipe"]

Mix = Mapping[str, float]


class Recipe(NamedTuple):
    """Volume shares of paints in the darks, the middle tone and the lights of one passage."""

    dark: Mix
    middle: Mix
    light: Mix


WHITE = "lead white"

PAINTS: Mapping[str, Recipe] = {
    # Three blues
    "azurite": Recipe(
        {"azurite": 0.72, "carbon black": 0.16, "red lake": 0.12},
        {"azurite": 0.72, WHITE: 0.28},
        {"azurite": 0.28, WHITE: 0.72},
    ),
    "smalt": Recipe(
        {"smalt": 0.86, "carbon black": 0.08, "red lake": 0.06},
        {"smalt": 0.86, WHITE: 0.14},
        {"smalt": 0.42, WHITE: 0.58},
    ),
    "ultramarine": Recipe(
        {"ultramarine": 0.78, "bone black": 0.12, "red lake": 0.10},
        {"ultramarine": 0.80, WHITE: 0.20},
        {"ultramarine": 0.30, WHITE: 0.70},
    ),
    # Reds
    "vermilion": Recipe(
        {"vermilion": 0.35, "red lake": 0.55, "carbon black": 0.10},
        {"vermilion": 0.90, "red lake": 0.10},
        {"vermilion": 0.72, WHITE: 0.20, "lead-tin yellow": 0.08},
    ),
    "lake": Recipe(
        {"red lake": 0.80, "carbon black": 0.20},
        {"red lake": 0.86, "chalk": 0.10, WHITE: 0.04},
        {"red lake": 0.66, "red ochre": 0.10, WHITE: 0.24},
    ),
    "red earth": Recipe(
        {"red ochre": 0.60, "bone black": 0.20, "umber": 0.20},
        {"red ochre": 0.88, "red lake": 0.12},
        {"red ochre": 0.66, WHITE: 0.34},
    ),
    "pink": Recipe(
        {"red lake": 0.60, WHITE: 0.40},
        {"red lake": 0.30, WHITE: 0.70},
        {"red lake": 0.06, WHITE: 0.94},
    ),
    # Yellows
    "lead-tin yellow": Recipe(
        {"yellow ochre": 0.55, "lead-tin yellow": 0.35, "umber": 0.10},
        {"lead-tin yellow": 0.85, "yellow ochre": 0.15},
        {"lead-tin yellow": 0.80, WHITE: 0.20},
    ),
    "orpiment": Recipe(
        {"orpiment": 0.45, "yellow ochre": 0.40, "umber": 0.15},
        {"orpiment": 0.88, "yellow ochre": 0.12},
        {"orpiment": 0.90, "chalk": 0.10},
    ),
    "realgar": Recipe(
        {"realgar": 0.60, "red ochre": 0.30, "umber": 0.10},
        {"realgar": 0.85, "orpiment": 0.15},
        {"realgar": 0.35, "orpiment": 0.65},
    ),
    # Greens
    "verdigris": Recipe(
        {"verdigris": 0.66, "umber": 0.22, "carbon black": 0.12},
        {"verdigris": 0.70, "lead-tin yellow": 0.30},
        {"verdigris": 0.34, "lead-tin yellow": 0.56, WHITE: 0.10},
    ),
    "malachite": Recipe(
        {"malachite": 0.60, "umber": 0.26, "bone black": 0.14},
        {"malachite": 0.80, "yellow ochre": 0.20},
        {"malachite": 0.55, "lead-tin yellow": 0.30, WHITE: 0.15},
    ),
    "mixed green": Recipe(
        {"smalt": 0.45, "yellow ochre": 0.30, "carbon black": 0.25},
        {"smalt": 0.50, "yellow ochre": 0.35, "orpiment": 0.15},
        {"smalt": 0.34, "orpiment": 0.50, "chalk": 0.16},
    ),
    # Whites, greys, browns, blacks
    "white": Recipe(
        {WHITE: 0.72, "carbon black": 0.05, "yellow ochre": 0.23},
        {WHITE: 0.93, "carbon black": 0.01, "yellow ochre": 0.06},
        {WHITE: 1.0},
    ),
    "chalky white": Recipe(
        {"chalk": 0.55, WHITE: 0.22, "bone black": 0.04, "yellow ochre": 0.19},
        {"chalk": 0.55, WHITE: 0.40, "yellow ochre": 0.05},
        {"chalk": 0.50, WHITE: 0.50},
    ),
    "stone": Recipe(
        {"umber": 0.45, "bone black": 0.25, WHITE: 0.30},
        {WHITE: 0.42, "umber": 0.33, "yellow ochre": 0.20, "carbon black": 0.05},
        {WHITE: 0.72, "yellow ochre": 0.20, "umber": 0.08},
    ),
    "brown": Recipe(
        {"umber": 0.55, "bone black": 0.45},
        {"umber": 0.82, "yellow ochre": 0.18},
        {"umber": 0.45, "yellow ochre": 0.40, WHITE: 0.15},
    ),
    "earth brown": Recipe(
        {"red ochre": 0.30, "carbon black": 0.60, "yellow ochre": 0.10},
        {"yellow ochre": 0.45, "red ochre": 0.20, "carbon black": 0.35},
        {"yellow ochre": 0.70, "carbon black": 0.12, WHITE: 0.18},
    ),
    "black": Recipe({"bone black": 1.0}, {"bone black": 0.90, "umber": 0.10}, {"bone black": 0.62, WHITE: 0.38}),
    "soot": Recipe(
        {"carbon black": 1.0}, {"carbon black": 0.88, "red ochre": 0.12}, {"carbon black": 0.58, WHITE: 0.42}
    ),
    "flesh": Recipe(
        {WHITE: 0.34, "red ochre": 0.26, "umber": 0.26, "yellow ochre": 0.14},
        {WHITE: 0.80, "vermilion": 0.07, "yellow ochre": 0.13},
        {WHITE: 0.95, "vermilion": 0.02, "yellow ochre": 0.03},
    ),
    "earth flesh": Recipe(
        {WHITE: 0.32, "red ochre": 0.28, "umber": 0.22, "yellow ochre": 0.18},
        {WHITE: 0.82, "red ochre": 0.06, "red lake": 0.06, "yellow ochre": 0.06},
        {WHITE: 0.96, "red ochre": 0.015, "yellow ochre": 0.025},
    ),
}
"""Recipes by name."""


class Palette(NamedTuple):
    """Recipe for each part of a picture."""

    cloth: str
    second_cloth: str
    sky: str
    red: str
    yellow: str
    leaf: str
    second_leaf: str
    white: str
    dark: str
    black: str
    flesh: str


# Each pair is (visible, buried). Both have similar colours from different pigments, so that every pair buries at least
# one element that is rare in the visible picture: mercury, cobalt, copper in turn.
PALETTES: tuple[tuple[Palette, Palette], ...] = (
    (
        Palette(
            cloth="azurite",
            second_cloth="lake",
            sky="smalt",
            red="lake",
            yellow="lead-tin yellow",
            leaf="verdigris",
            second_leaf="malachite",
            white="white",
            dark="brown",
            black="soot",
            flesh="earth flesh",
        ),
        Palette(
            cloth="vermilion",
            second_cloth="orpiment",
            sky="ultramarine",
            red="vermilion",
            yellow="orpiment",
            leaf="mixed green",
            second_leaf="mixed green",
            white="chalky white",
            dark="earth brown",
            black="black",
            flesh="flesh",
        ),
    ),
    (
        Palette(
            cloth="ultramarine",
            second_cloth="vermilion",
            sky="azurite",
            red="vermilion",
            yellow="orpiment",
            leaf="malachite",
            second_leaf="verdigris",
            white="white",
            dark="earth brown",
            black="black",
            flesh="flesh",
        ),
        Palette(
            cloth="smalt",
            second_cloth="lake",
            sky="smalt",
            red="red earth",
            yellow="lead-tin yellow",
            leaf="mixed green",
            second_leaf="verdigris",
            white="white",
            dark="brown",
            black="black",
            flesh="earth flesh",
        ),
    ),
    (
        Palette(
            cloth="smalt",
            second_cloth="red earth",
            sky="ultramarine",
            red="vermilion",
            yellow="lead-tin yellow",
            leaf="mixed green",
            second_leaf="mixed green",
            white="chalky white",
            dark="brown",
            black="soot",
            flesh="flesh",
        ),
        Palette(
            cloth="azurite",
            second_cloth="realgar",
            sky="azurite",
            red="lake",
            yellow="orpiment",
            leaf="verdigris",
            second_leaf="malachite",
            white="white",
            dark="earth brown",
            black="black",
            flesh="earth flesh",
        ),
    ),
)
"""Palettes of the visible and of the buried picture, in pairs."""
