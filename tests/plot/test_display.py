"""Notebooks show the first figure, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import xrfsr

ROOT = Path(xrfsr.__file__).parents[1]
BACKEND = "from matplotlib.backends.backend_agg import FigureCanvas\nprint('backend loaded')\n"
CODE = "import xrfsr; xrfsr.simulate.painting(32, 32, lines=['Ca-K']).scan.xrfsr.plot()"


@pytest.mark.parametrize("interactive", [False, True])
def test_the_backend_is_loaded_where_somebody_looks(tmp_path: Path, interactive: bool) -> None:
    """That of notebooks makes IPython show a Figure as a picture. A script that saves figures needs none."""
    (tmp_path / "own_backend.py").write_text(BACKEND)
    paths = [str(tmp_path), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "module://own_backend"}
    code = f"import sys; sys.ps1 = '>>> '; {CODE}" if interactive else CODE
    done = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[:-1] == ["backend loaded"] * interactive
