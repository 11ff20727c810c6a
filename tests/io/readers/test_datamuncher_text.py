"""Datamuncher's .ims: values as text in lines of any length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from written import HEIGHT, LABELS, MAPS, WIDTH, datamuncher_text

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.readers import datamuncher_text as reader

HEAD = f"2\n{WIDTH} {HEIGHT} 3\n"
NAMES = "Ca K\nFe Ka\nPb L\n"


@pytest.mark.parametrize(
    ("block", "separator"), [(1, "\n"), (7, "   \n "), (7, "\r\n"), (64, "\t"), (1 << 20, " "), (1 << 20, "\n")]
)
def test_lines_and_blocks_of_any_length(
    tmp_path: Path, block: int, separator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BLOCK_BYTES", block)
    text = HEAD + separator.join(f"{value:g}" for value in MAPS.ravel()) + "\n" + NAMES
    (tmp_path / "maps.ims").write_bytes(text.encode())
    scan = xrfsr.open_scan(tmp_path / "maps.ims", 1.0)
    assert scan["line"].values.tolist() == LABELS
    np.testing.assert_array_equal(scan["intensity"], MAPS)
    part = xrfsr.open_scan(tmp_path / "maps.ims", 1.0, lines=["Pb-L", "Ca-K"])["intensity"][:, 3:1:-1, 2:]
    np.testing.assert_array_equal(part, MAPS[[2, 0], 3:1:-1, 2:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("Pb-L\n", ""), "not as many names"),
        (lambda text: text.replace("Pb-L", "Pb-L\nHg-L"), "not as many names"),
        (lambda text: text.replace("Ca-K\nFe-Ka\nPb-L\n", ""), "not as many names"),
        (lambda text: text.replace("7 5 3", "70 50 3"), "it is truncated"),
        (lambda text: text.replace("7 5 3", "7 5"), "begins with"),
        (lambda text: text.replace("7 5 3", "9 5 3"), "135 values, but contains 105: it is truncated"),
        (lambda text: text.replace("102", "1o2"), "'1o2' among its values"),
    ],
)
def test_damaged_files(tmp_path: Path, change: object, message: str) -> None:
    path = datamuncher_text(tmp_path)
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    with pytest.raises(InvalidInput, match=message) as caught:
        xrfsr.open_scan(path, 1.0).load()
    assert "maps.ims" in str(caught.value)
