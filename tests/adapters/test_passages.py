"""Texts in messages: out, whole or in chunks, and in."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge import jsonrpc
from rbridge.adapters import passages
from rbridge.adapters.passages import CHUNK, Arriving, Malformed, Passage, bytes_of, place_in
from tests.adapters.plugin import data_of, form


def passage(directory: Path, data: bytes) -> Passage:
    file = directory / "text"
    file.write_bytes(data)
    return Passage.read(file)


def told(one: Passage) -> bytes:
    """What a plug-in makes of all that it is told."""
    head = one.head()
    if "chunks" not in head:
        return data_of(head)
    assert not {"text", "base64"} & head.keys()
    chunks = [one.chunk(number) for number in range(head["chunks"])]
    assert [(said["chunk"], said["of"]) for said in chunks] == [(n, len(chunks)) for n in range(len(chunks))]
    return b"".join(map(data_of, chunks))


@pytest.mark.parametrize(
    ("data", "utf8"),
    [
        (b"", True),
        (b"one\r\ntwo", True),
        ("\ufeffä€😀\0".encode(), True),
        (b"caf\xe9\n", False),
        (b"\xed\xa0\x80", False),  # half a surrogate pair
        ("ä".encode()[:1], False),
        (("x" * (CHUNK - 1) + "😀" * (CHUNK // 4)).encode(), True),
        (b"\0" * (3 * CHUNK), True),
    ],
    ids=["empty", "plain", "wide", "latin-1", "surrogate", "cut", "characters across chunks", "nul"],
)
def test_a_text_is_told_as_it_is(tmp_path: Path, data: bytes, utf8: bool) -> None:
    one = passage(tmp_path, data)
    assert (one.digest, one.size, one.utf8) == (sha256(data).hexdigest(), len(data), utf8)
    assert told(one) == data
    assert ("base64" in (one.head() if one.chunks == 1 else one.chunk(0))) is not utf8


def test_large_bytes_come_as_base64(tmp_path: Path) -> None:
    data = bytes(range(256)) * (CHUNK // 128)
    one = passage(tmp_path, data)
    assert one.chunks == 2
    assert told(one) == data


@pytest.mark.parametrize("byte", [b"\x01", b"\xff", b'"', b"\n"])
def test_every_message_keeps_to_the_limit(tmp_path: Path, byte: bytes) -> None:
    for size in (CHUNK, CHUNK + 1):
        one = passage(tmp_path, byte * size)
        said = one.head() if one.chunks == 1 else one.chunk(0)
        assert len(jsonrpc.frame({"jsonrpc": "2.0", "id": 1, "result": said})) < jsonrpc.LIMIT


@given(st.text(max_size=60), st.integers(1, 7))
def test_chunks_end_between_characters(
    tmp_path_factory: pytest.TempPathFactory, text: str, size: int
) -> None:
    data = text.encode(errors="replace")
    patch = pytest.MonkeyPatch()
    try:
        patch.setattr(passages, "CHUNK", max(4, size))
        assert told(passage(tmp_path_factory.mktemp("p"), data)) == data
    finally:
        patch.undo()


@pytest.mark.parametrize("data", [b"", b"x\r\n", "ä😀".encode(), b"\xff\0"])
def test_what_is_written_is_read_as_it_was_meant(data: bytes) -> None:
    assert bytes_of(json.loads(json.dumps(form(data)))) == data


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"text": 1},
        {"text": "x", "base64": "eA=="},
        {"text": None, "base64": None},
        {"base64": "eA"},
        {"base64": "e A=="},
        {"base64": "ä"},
        {"text": "\ud800"},
    ],
)
def test_what_is_no_text_is_malformed(params: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        bytes_of(params)


def test_the_place_of_a_chunk() -> None:
    assert place_in({"text": "x"}) is None
    assert place_in({"chunk": 1, "of": 2}) == (1, 2)


@pytest.mark.parametrize(
    "params",
    [
        {"chunk": 0},
        {"of": 1},
        {"chunk": 2, "of": 2},
        {"chunk": -1, "of": 2},
        {"chunk": 0, "of": 0},
        {"chunk": "0", "of": 1},
        {"chunk": True, "of": 2},
        {"chunk": 0, "of": 1 << 40},
    ],
)
def test_a_chunk_that_cannot_be_is_malformed(params: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        place_in(params)


def test_a_text_arrives_in_chunks(tmp_path: Path) -> None:
    arriving = Arriving(tmp_path / "new", "base", 2)
    assert arriving.follows({"chunk": 0, "of": 2, "base": "base"})
    arriving.take("ä".encode()[:1])
    assert not arriving.whole
    for wrong in ({"chunk": 0}, {"of": 3}, {"base": "other"}):
        assert not arriving.follows({"chunk": 1, "of": 2, "base": "base", **wrong})
    arriving.take("ä".encode()[1:])
    assert arriving.whole
    one = arriving.close()
    assert one == Passage.read(tmp_path / "new")
    assert one.utf8
    assert one.file.stat().st_mode & 0o777 == 0o600


def test_what_arrived_is_known_to_be_no_utf8(tmp_path: Path) -> None:
    for data in (b"\xff", "ä".encode()[:1]):
        arriving = Arriving(tmp_path / data.hex(), "")
        arriving.take(data)
        assert not arriving.close().utf8


def test_nothing_is_left_of_a_text_that_is_dropped(tmp_path: Path) -> None:
    arriving = Arriving(tmp_path / "new", "", 2)
    arriving.take(b"x")
    arriving.drop()
    arriving.drop()
    assert list(tmp_path.iterdir()) == []
