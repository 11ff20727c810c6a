"""Hints for labels that are no line: what was probably meant, or nothing where that would be a guess."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache

from xrfsr.core.transitions import symbols

__all__ = ["Shells", "hint", "lines_within", "number_hint"]

Shells = Mapping[str, Sequence[str]]
"""Symbol of every element, by atomic number, with the shells whose lines a scanner maps: ``{"Pb": "LM"}``."""

FORM = "write element and line, such as 'Ca-K', 'Pb-La' or 'Hg-L3'"
SIMILARITY = 0.8  # of a misspelt name: "cooper" is near enough to copper, "irony" not to iron
LONGEST = 20  # letters of a name that are compared
MOST = 3  # more lines within one slip of a label say nothing about what was meant

# Names of elements that are mapped on paintings, in Latin, German, French, Italian, Spanish and Dutch, beyond the
# English ones.
_OTHER_NAMES = {
    "Na": "natrium sodio",
    "Al": "aluminium alluminio aluminio",
    "Si": "silizium silicium silicio",
    "P": "phosphor phosphore fosforo fosfor",
    "S": "sulphur schwefel soufre zolfo azufre zwavel",
    "Cl": "chlor chlore cloro chloor",
    "K": "kalium potasio potassio",
    "Ca": "kalzium calcio",
    "Ti": "titan titane titanio titaan",
    "V": "vanadin vanadio",
    "Cr": "chrom chrome cromo chroom",
    "Mn": "mangan manganese manganeso mangaan",
    "Fe": "ferrum fer ferro hierro eisen ijzer",
    "Co": "kobalt cobalto",
    "Ni": "nichel niquel",
    "Cu": "cuprum kupfer cuivre rame cobre koper",
    "Zn": "zincum zink zinco cinc",
    "As": "arsen arsenico arseen",
    "Br": "brom brome bromo broom",
    "Sr": "stronzio estroncio",
    "Zr": "zirkonium zirconio",
    "Ag": "argentum silber argent argento plata zilver",
    "Cd": "kadmium cadmio",
    "Sn": "stannum zinn etain stagno estano tin",
    "Sb": "stibium antimon antimoine antimonio antimoon",
    "I": "jod iode iodio yodo jood",
    "Ba": "baryum bario",
    "W": "wolfram wolframio tungsteno tungstene",
    "Au": "aurum or oro goud",
    "Hg": "hydrargyrum quecksilber mercure mercurio kwik",
    "Pb": "plumbum plumb blei plomb piombo plomo lood",
    "Bi": "wismut bismuto",
}


def hint(text: str, shells: Shells, within: Sequence[str] = ()) -> str:
    """Return how to write a label that is unknown.

    Parameters
    ----------
    text : str
        Label that is no line.
    shells : mapping of str to str
        See `Shells`.
    within : sequence of str
        Lines that parts of the label name.

    Returns
    -------
    str
        Fix for the message, with what was probably meant.

    Examples
    --------
    >>> hint("Plumb", {"Pb": "LM"})
    "did you mean 'Pb-L' or 'Pb-M'? Otherwise write element and line, such as 'Ca-K', 'Pb-La' or 'Hg-L3'"
    """
    if text.isdecimal() and (found := number_hint(int(text), shells)):
        return found
    parts = re.split(r"[\W_]+", text)
    if not within and any(part not in "KLM" for part in parts[1:]) and all(part in shells for part in parts):
        lines = [f"{element}-{letters[0]}" for element in dict.fromkeys(parts) if (letters := shells[element])]
        return (
            f"it names elements, but no line; write one element and its line, such as {' or '.join(map(repr, lines))}"
        )
    # A label that begins with an element means that element: Er_9 is no misspelt "fer", and Cl_x none of La.
    begins = f"{parts[0]}-" if len(parts) > 1 and parts[0] in shells else ""
    if begins and len(parts) == 2 and len(parts[1]) == 2 and parts[1][0] in shells[parts[0]]:
        within = [*within] or [begins + parts[1][0]]
    meant = [*within] or ([] if begins else _named(text, shells)) or _one_slip_away(text, shells)
    meant = [line for line in dict.fromkeys(meant) if line.startswith(begins)]
    if 0 < len(meant) <= MOST:
        return f"did you mean {' or '.join(map(repr, meant))}? Otherwise {FORM}"
    return f"{FORM}, or leave out the map"


def number_hint(number: int, shells: Shells) -> str:
    """Return the fix for an atomic number in place of a label, or nothing if there is no such element.

    Examples
    --------
    >>> number_hint(1, {"H": "K"})
    "1 is the atomic number of H: write 'H-K'"
    """
    if not 1 <= number <= len(shells):
        return ""
    element = list(shells)[number - 1]
    lines = [f"{element}-{shell}" for shell in shells[element]]
    return f"{number} is the atomic number of {element}" + (f": write {' or '.join(map(repr, lines))}" if lines else "")


def lines_within(text: str, shells: Shells) -> list[str]:
    """Return the lines of the only element that a longer text names, such as the name of a file.

    A symbol of one letter among other words means no element: ``I_0`` is no iodine. If the text also names a shell,
    only that line is returned.

    Examples
    --------
    >>> lines_within("map of copper", {"Cu": "K", "Pb": "LM"})
    ['Cu-K']
    >>> lines_within("old_Pb_M", {"Cu": "K", "Pb": "LM"})
    ['Pb-M']
    """
    parts = [part for part in re.split(r"[\W_]+", text) if part]
    known = _names()
    found: dict[str, str] = {}
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        word = _plain(part)
        element = part if part in shells else known.get(word, "") if len(word) > 2 else ""
        shell = following[:1] if re.fullmatch(r"[KLM]([ab]?\d?)", following) else ""
        if shells.get(element) and (len(part) > 1 or len(parts) == 1 or (shell in shells[element] and shell)):
            found.setdefault(element, shell if shell in shells[element] else "")
    if len(found) != 1:
        return []
    [(element, shell)] = found.items()
    return [f"{element}-{each}" for each in shell or shells[element]]


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Symbols of the elements by their names, in lower case and without accents."""
    from xraydb import atomic_name

    english = {str(atomic_name(number)): element for element, number in symbols().items()}
    return english | {name: element for element, listed in _OTHER_NAMES.items() for name in listed.split()}


def _plain(word: str) -> str:
    """Return a word in lower case and without accents."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", word.casefold()) if letter.isalnum())


def _named(text: str, shells: Shells) -> list[str]:
    """Return the lines of an element that is named by a word, or by its symbol in the wrong case."""
    word, _, rest = (part.strip() for part in re.sub(r"[\W_]+", " ", text).strip().partition(" "))
    known = _names()
    plain = _plain(word)
    near = [plain] if plain in known else get_close_matches(plain[:LONGEST], known, n=1, cutoff=SIMILARITY)
    element = known[near[0]] if near else word.capitalize() if not rest else ""
    if element not in shells:
        return []
    lines = [f"{element}-{shell}" for shell in shells[element]]
    family = re.fullmatch(r"([KLMklm]) ?([ab]?)(?:lpha|eta)?(?: lines?)?", rest)
    if family and family[1].upper() in shells[element]:
        return [f"{element}-{family[1].upper()}{family[2]}"]
    return lines


def _one_slip_away(text: str, shells: Shells) -> list[str]:
    """Return the line that differs from a text by case and separator alone, or those that differ by one letter."""
    plain = re.sub(r"[\W_]+", "-", text).casefold()
    lines = {
        f"{element}-{shell}{group}".casefold(): f"{element}-{shell}{group}"
        for element, letters in shells.items()
        for shell in letters
        for group in ("", "a", "b")
    }
    if plain in lines:
        return [lines[plain]]
    return [line for spelt, line in lines.items() if _differ_by_one(plain, spelt)]


def _differ_by_one(one: str, other: str) -> bool:
    """Return whether one letter more, less, other or exchanged with the next makes one text of the other."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
