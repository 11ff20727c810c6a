"""Labels of lines: spellings, energies and refusals."""

from __future__ import annotations

import math
import string

import pytest
import xraydb
from hypothesis import given
from hypothesis import strategies as st

from xrfsr import InvalidInput
from xrfsr.core.lines import overlaps, parse, parse_all

GREEK = {"a": ("a", "α", "alpha", "Alpha"), "b": ("b", "β", "beta"), "g": ("g", "γ", "gamma")}


@pytest.mark.parametrize(
    ("spelling", "label"),
    [
        ("Ca-Ka", "Ca-Ka"),
        ("Ca_K", "Ca-K"),
        ("Ca_Ka", "Ca-Ka"),
        ("Ca Kα", "Ca-Ka"),
        ("Fe", "Fe-K"),
        ("Pb_L", "Pb-L"),
        ("W_L1", "W-L1"),
        ("s(Fe_Ka)", "Fe-Ka"),
        ("Hg-L3", "Hg-L3"),
        ("ca-k", "Ca-K"),
        ("FE_KA", "Fe-Ka"),
        ("CaKa", "Ca-Ka"),
        ("PbL", "Pb-L"),
        (" Ca  K-alpha ", "Ca-Ka"),
        ("Ca Kα₁", "Ca-Ka1"),
        ("Fe Ka1,2", "Fe-Ka1,2"),
        ("Pb-Lb1", "Pb-Lb1"),
        ("Pb Lβ2", "Pb-Lb2"),
        ("K", "K-K"),  # potassium
        ("K_K", "K-K"),
        ("La_La", "La-La"),  # lanthanum
        ("Ba", "Ba-K"),
        ("Pb Mα1", "Pb-Ma1"),  # AZtec
        ("Hg-Ma2", "Hg-Ma2"),
        ("Au Mβ", "Au-Mb"),
        ("Cu Lα1_2", "Cu-La1,2"),
        ("Fe Kα₁₂", "Fe-Ka1,2"),
        ("Al K series", "Al-K"),
        ("Sn_L_lines", "Sn-L"),
        ("Fe–Kα", "Fe-Ka"),
        ("Ti_K_Kalpha", "Ti-Ka"),
        ("Fe_K_KL3", "Fe-Ka1"),
        ("Ba_L_La", "Ba-La"),  # not lanthanum
        ("fe-k-kl3", "Fe-Ka1"),
        ("Pb L L3M5", "Pb-La1"),
        ("Pb_L3_L3-M5", "Pb-La1"),
        ("Zn_K_Kβ", "Zn-Kb"),
        ("W_L_L1", "W-L1"),
        ("S_K_Kb1", "S-Kb1"),
    ],
)
def test_spellings(spelling: str, label: str) -> None:
    line = parse(spelling)
    assert line.label == label
    assert line.kind == "element"
    assert (line.element, line.family) == (label.split("-")[0], label.split("-")[1][0])
    assert line.uncertainty is spelling.startswith("s(")
    assert parse(label).label == label


@given(
    element=st.sampled_from(["Fe", "Hg", "Pb", "Sn", "Zr"]),
    separator=st.sampled_from(["-", "_", " ", "  ", " - "]),
    shell=st.sampled_from("KL"),
    letter=st.sampled_from("ab"),
    number=st.sampled_from(["", "1", "₁"]),
    data=st.data(),
)
def test_every_combination_means_one_line(
    element: str, separator: str, shell: str, letter: str, number: str, data: st.DataObject
) -> None:
    spelled = data.draw(st.sampled_from(GREEK[letter]))
    case = data.draw(st.sampled_from([str, str.lower, str.upper]))
    # With a Greek letter, the shell is always a capital.
    text = f"{case(element)}{separator}{case(shell) if spelled.isascii() else shell}{spelled}{number}"
    assert parse(text).label == f"{element}-{shell}{letter}{'1' if number else ''}"


def test_energies_against_tables() -> None:
    # X-Ray Data Booklet (Lawrence Berkeley National Laboratory, 2009), table 1-2, Kα1, Kα2 and Lα1 in keV.
    assert 3.6881 < parse("Ca-Ka").energy < 3.6917
    assert 6.3908 < parse("Fe-Ka").energy < 6.4052
    assert parse("Pb-La1").energy == pytest.approx(10.5515, abs=2e-3)
    assert parse("Pb-Ma").energy == pytest.approx(2.3455, abs=5e-3)


@pytest.mark.parametrize("shell", ["Ca-K", "Fe-K", "Sn-K", "Sn-L", "Hg-L", "Pb-L"])
def test_a_shell_lies_between_its_groups(shell: str) -> None:
    assert parse(f"{shell}a").energy < parse(shell).energy < parse(f"{shell}b").energy


def test_a_shell_weighs_its_levels() -> None:
    # Most vacancies lie in L3, and L1 hardly fluoresces. Counting the three levels alike gives 12.4 keV, leaving out
    # the fluorescence yield 12.02.
    assert 11.5 < parse("Pb-L").energy < 11.9
    assert parse("Pb-L3").energy < parse("Pb-L").energy < parse("Pb-L2").energy


def test_levels_are_initial_levels() -> None:
    for level in ("L1", "L2", "L3"):
        expected = {name for name, line in xraydb.xray_lines("W").items() if line.initial_level == level}
        assert parse(f"W_{level}").transitions == expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("compton", "scatter"),
        ("elastic", "scatter"),
        ("Rayleigh", "scatter"),
        ("Scatter_Compton000", "scatter"),
        ("Scatter_Peak000", "scatter"),
        ("Scatter Peak001", "scatter"),
        ("COMPTON_AMPLITUDE", "scatter"),
        ("COHERENT_SCT_AMPLITUDE", "scatter"),
        ("Sum_Elastic_Inelastic", "scatter"),
        ("snip_bkg", "diagnostic"),
        ("r_factor", "diagnostic"),
        ("sel_cnt", "diagnostic"),
        ("total_cnt", "diagnostic"),
        ("TFY", "diagnostic"),
        ("chisq", "diagnostic"),
        ("Num_Iter", "diagnostic"),
        ("Fit_Residual", "diagnostic"),
        ("Total_Fluorescence_Yield", "diagnostic"),
        ("Userpeak1", "diagnostic"),
        ("Si_Si", "diagnostic"),  # pile-up
        ("Si_Ka1-Cl_Ka1", "diagnostic"),
    ],
)
def test_maps_that_are_no_element(name: str, kind: str) -> None:
    line = parse(name)
    assert line.kind == kind
    assert line.label == name.replace(" ", "_")
    assert (line.element, line.family) == ("", "")
    assert math.isnan(line.energy)
    assert parse(line.label) == line


def test_uncertainty_of_scatter() -> None:
    line = parse("s(Scatter_Peak000)")
    assert (line.label, line.kind, line.uncertainty) == ("Scatter_Peak000", "scatter", True)


def test_no_line_that_air_stops_is_offered_for_a_symbol() -> None:
    with pytest.raises(InvalidInput, match=r"; write 'Gd-L'$"):
        parse("Gd")


@pytest.mark.parametrize("heavy", ["Pb", "Au", "Hg", "W"])
def test_bare_heavy_elements_are_not_guessed(heavy: str) -> None:
    with pytest.raises(InvalidInput, match=rf"'{heavy}-L' or '{heavy}-M'"):
        parse(heavy)


@pytest.mark.parametrize(
    "label",
    ["", "Iron", "Xx-K", "sI_K", "sFe_Ka", "fe", "CO", "Ca.K", "Fe-Kq", "Fe-K4", "Ca-M", "H", "valid_mask", "-"],
)
def test_unknown_labels_are_named(label: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(label)
    assert repr(label) in str(caught.value)


def test_a_line_the_element_lacks_names_those_it_has() -> None:
    with pytest.raises(InvalidInput, match="Ca has no M line; its lines are Ca-K, Ca-Ka, Ca-Kb, Ca-L"):
        parse("Ca-M")


def test_a_slip_gets_a_hint() -> None:
    with pytest.raises(InvalidInput, match=r"did you mean .*'Fe-Ka'"):
        parse("Fee-Ka")


def test_all_faults_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_all(["Ca_K", "Foo", "Pb", "Fe", "Ca-M", "Ca K", b"Sn"])  # type: ignore[list-item]
    assert len(caught.value.faults) == 5
    for text in ("'Foo'", "'Pb'", "'Ca-M'", "'Ca K' and 'Ca_K' are the same line, Ca-K", "b'Sn'"):
        assert text in str(caught.value)


def test_a_line_and_its_uncertainty_are_no_duplicates() -> None:
    assert [line.uncertainty for line in parse_all(["Fe_Ka", "s(Fe_Ka)"])] == [False, True]


def test_overlaps() -> None:
    assert overlaps(parse_all(["Fe-Ka", "Fe-Kb", "Pb-L", "Pb-M", "W-L1", "W-L2", "compton"])) == []
    assert overlaps(parse_all(["Pb-La", "Pb-L3", "Fe-K", "Fe-Kb"])) == [("Pb-La", "Pb-L3"), ("Fe-K", "Fe-Kb")]


@given(st.text(alphabet=string.printable + "αβγ", max_size=12))
def test_anything_is_parsed_or_refused(text: str) -> None:
    try:
        label = parse(text).label
    except InvalidInput:
        return
    assert parse(label).label == label
