"""Messages out of bytes: whole, byte by byte, with more behind them, and what is no message."""

from __future__ import annotations

import pytest

from rbridge.errors import RemoteProtocolError
from rbridge.lsp.framing import HEAD, Frames, framed

BODIES = [b"{}", b'{"a": "\xc3\xa4"}', b"x" * 5000, b""]


def taken(frames: Frames) -> list[bytes]:
    found = []
    while (body := frames.next()) is not None:
        found.append(body)
    return found


@pytest.mark.parametrize("body", BODIES)
def test_a_message_goes_in_whole_byte_by_byte_and_with_others_behind_it(body: bytes) -> None:
    said = framed(body)
    whole = Frames(LIMIT)
    whole.feed(said)
    assert taken(whole) == [body]
    frames, found = Frames(LIMIT), []
    for one in said * 2:
        frames.feed(bytes([one]))
        found += taken(frames)
    assert found == [body, body]
    several = Frames(LIMIT)
    several.feed(said * 3 + said[:-1])
    assert taken(several) == [body] * 3


LIMIT = 10_000


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 2\r\n\r\n",
        b"Content-Length:2\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n",
        b"CONTENT-LENGTH:    2   \r\n\r\n",
    ],
)
def test_a_header_is_read_as_others_write_it(head: bytes) -> None:
    frames = Frames(LIMIT)
    frames.feed(head + b"{}")
    assert taken(frames) == [b"{}"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"Traceback (most recent call last):\n", "does not begin with a header"),
        (b"Content-Type: x\r\n\r\n{}", "there is no Content-Length"),
        (b"Content-Length: -1\r\n\r\n", "makes no sense"),
        (b"Content-Length: 1e3\r\n\r\n", "makes no sense"),
        (b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n", "makes no sense"),
        (b"Content-Length: 9999999999999\r\n\r\n", "makes no sense"),
        (b"Content-Length: 10001\r\n\r\n", "at most 10000"),
        (b"Content-Length\r\n\r\n", "without a colon"),
        (b"Content-" + b"x" * HEAD, "no header ends"),
    ],
)
def test_what_is_no_message_is_an_error(said: bytes, why: str) -> None:
    frames = Frames(LIMIT)
    frames.feed(said)
    with pytest.raises(RemoteProtocolError, match=why):
        frames.next()
