"""Hypermaps of Bruker that would take any amount of memory, or whose XML has entities."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import pytest

import xrfsr
from xrfsr.errors import InvalidInput
from xrfsr.io.readers.bruker_decoder import _inflate, _parse

pytest.importorskip("rsciio")


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInput) as caught:
        xrfsr.open_scan(path, lines=["Ca-K"])
    assert path.name in str(caught.value)
    return str(caught.value)


@pytest.fixture
def sample(shared: Path) -> bytes:
    return (shared / "formats" / "P45_job_hyperspy.bcf").read_bytes()


@pytest.mark.parametrize("text", ['<!DOCTYPE a [<!ENTITY b "c">]>', "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>"])
def test_a_header_with_entities_is_refused(sample: bytes, tmp_path: Path, text: str) -> None:
    found = re.search(rb"<\?xml[^>]*>", sample)
    assert found is not None
    pad = text.encode().ljust(len(found[0]))
    assert len(pad) == len(found[0])
    (tmp_path / "map.bcf").write_bytes(sample[: found.start()] + pad + sample[found.end() :])
    assert "XML with a document type or entities" in refusal(tmp_path / "map.bcf")


def test_a_folder_that_contains_itself_is_refused(sample: bytes, tmp_path: Path) -> None:
    """Rosettasciio would take all memory for its path."""
    (chunk,) = struct.unpack_from("<I", sample, 0x128)
    (tree,) = struct.unpack_from("<I", sample, 0x140)
    whole = bytearray(sample)
    struct.pack_into("<i", whole, chunk * tree + 0x138 + 40, 0)
    (tmp_path / "map.bcf").write_bytes(whole)
    assert "not enough memory" in refusal(tmp_path / "map.bcf")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_entities_in_any_encoding(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><!doctype a [<!entity b "c">]><a>&b;</a>'
    with pytest.raises(ValueError, match="XML with a document type"):
        _parse(text.encode(encoding))
    assert _parse("<a>1</a>").text == "1"


def test_blocks_are_inflated_within_a_limit() -> None:
    assert _inflate(zlib.compress(b"counts")) == b"counts"
    with pytest.raises(ValueError, match="inflates to more than"):
        _inflate(zlib.compress(bytes(10**8)))
    with pytest.raises(ValueError, match="truncated"):
        _inflate(zlib.compress(b"counts")[:-5])
