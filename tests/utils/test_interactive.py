"""Who counts as being at the keyboard."""

from __future__ import annotations

import os
import subprocess
import sys
import types

import pytest

from xrfsr.utils.interactive import is_interactive, is_notebook

PROGRAM = "from xrfsr.utils.interactive import is_interactive; print(is_interactive())"


@pytest.mark.parametrize(("options", "expected"), [([], "False"), (["-i"], "True")])
def test_scripts_are_not_and_prompts_are(options: list[str], expected: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, *options, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, input="", capture_output=True, text=True, check=False)
    assert done.stdout.split() == [expected], done.stderr


def test_notebooks_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sys, "ps1", raising=False)
    shell = types.ModuleType("IPython")
    monkeypatch.setitem(sys.modules, "IPython", shell)
    shell.get_ipython = lambda: None  # type: ignore[attr-defined]  # imported by a script
    assert not is_interactive()
    shell.get_ipython = lambda: object()  # type: ignore[attr-defined]
    assert is_interactive()


def test_a_kernel_is_a_notebook_and_a_prompt_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("IPython")
    monkeypatch.setitem(sys.modules, "IPython", module)
    assert not is_notebook()
    module.get_ipython = lambda: object()  # type: ignore[attr-defined]  # IPython in a terminal
    assert not is_notebook()
    module.get_ipython = lambda: types.SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    assert is_notebook()
