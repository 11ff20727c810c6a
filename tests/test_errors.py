"""Errors that carry several faults: their messages, subjects and pickles, and packages that are missing."""

from __future__ import annotations

import pickle

import pytest

from xrfsr.errors import Fault, InvalidInput, collect_faults, import_optional


def test_one_fault_stands_in_the_message_and_several_are_listed() -> None:
    assert str(InvalidInput("scan", ["a is 1"])) == "invalid scan: a is 1"
    assert str(InvalidInput("scan", ["a is 1", "b is 2"])) == "invalid scan, 2 faults:\n  - a is 1\n  - b is 2"


def test_collected_faults_name_their_subject_once() -> None:
    faults: list[str] = []
    with collect_faults(faults):
        raise InvalidInput("scale", ["scale is 0"])
    with collect_faults(faults, "portrait"), collect_faults([]):
        pass
    with collect_faults(faults, "portrait"):
        inner: list[str] = []
        with collect_faults(inner, "scan"):
            raise InvalidInput("line labels", ["unknown line 'Qq'"])
        raise InvalidInput("input", inner)
    error = InvalidInput("tree", faults)
    assert error.faults == ("scale is 0", "portrait: scan: unknown line 'Qq'")
    first, last = error.faults
    assert (first.subject, last.subject) == ("", "portrait")
    assert isinstance(last.sentence, Fault)
    assert (last.sentence.subject, last.sentence.sentence) == ("scan", "unknown line 'Qq'")


def test_other_errors_are_not_collected() -> None:
    with pytest.raises(ValueError, match="else"), collect_faults([]):
        raise ValueError("something else")


def test_errors_survive_pickling_with_their_subjects() -> None:
    error = pickle.loads(pickle.dumps(InvalidInput("scan", [Fault("a is 1", "left"), "b is 2"])))
    assert error.what == "scan"
    assert error.faults == ("left: a is 1", "b is 2")
    assert error.faults[0].subject == "left"
    assert "2 faults" in str(error)


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(InvalidInput, match=r"EDF files need the package 'no_such_package' .*pip install \"xrfsr\[x\]"):
        import_optional("no_such_package.part", "EDF files", "x")
