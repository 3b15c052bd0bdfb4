"""What the tests of arriving saves share: documents as if they had been sent, and saves in one line."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from rbridge.client import pieces
from rbridge.client.delivery import Document
from rbridge.client.incoming import Incoming
from rbridge.client.options import parse
from rbridge.client.saver import Outcome
from rbridge.client.source import check
from rbridge.wire import delta
from rbridge.wire.records import Record
from tests.harness.environment import Home

PEER = SimpleNamespace(link=True)
PLAIN = SimpleNamespace(link=False)
OLD = "".join(f"the old line {i}\n" for i in range(500)).encode()
NEW = OLD.replace(b"line 77\n", b"line seventy-seven\n")
THEIRS = OLD.replace(b"line 300\n", b"line three hundred\n")


def sha(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


@pytest.fixture
def document(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Document]]:
    """``document("a", ...)``: as if it had been sent, large files without a hash."""
    monkeypatch.chdir(home.path)
    made = []

    def make(*words: str, sha256: str = "", peer: SimpleNamespace = PEER) -> Document:
        options = parse(list(words))
        one = Document(check(options.requests[0], options), peer)  # type: ignore[arg-type]
        if one.source.fd >= 0:
            one.before = os.fstat(one.source.fd)
        one.size = one.source.size
        one.sha256 = sha256
        made.append(one)
        return one

    yield make
    for one in made:
        one.source.close()


class Saves:
    """Saves to one document as the editor's side says them; ``said`` are further headers."""

    def __init__(self, document: Document, state: Path) -> None:
        self.document = document
        self.state = state
        self.serial = 0

    def whole(self, text: bytes, **said: str) -> Outcome:
        return self.bring(text, text, said)

    def packed(self, text: bytes, **said: str) -> Outcome:
        return self.bring(zlib.compress(text), text, {"encoding": "zlib", **said})

    def change(self, before: bytes, text: bytes, /, **said: str) -> Outcome:
        body = delta.encode(before, text)
        assert body is not None
        return self.bring(body, text, {"encoding": "delta", "base": sha(before), **said})

    def bring(self, body: bytes, text: bytes, said: dict[str, str]) -> Outcome:
        self.serial += 1
        headers = {"token": "t", "save": str(self.serial), "size": str(len(text)), "sha256": sha(text)}
        arriving = Incoming(self.document, Record("save", {**headers, **said}, len(body)), str(self.state))
        for start in range(0, len(body), 1000):
            arriving.write(body[start : start + 1000])
        outcome = arriving.finish()
        arriving.settle(outcome)
        return outcome

    def kept(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.state.glob("kept/*"))]


@pytest.fixture
def saves(home: Home, document: Callable[..., Document]) -> Saves:
    """For the file ``a``, which holds OLD; nothing but it may be left beside it."""
    home.file("a", OLD)
    return Saves(document("a", sha256=sha(OLD)), home.state)


def now(saves: Saves) -> bytes:
    path = Path(saves.document.source.real)
    names = [name for name in os.listdir(path.parent) if "rbridge-" in name]
    assert names == []
    return path.read_bytes()


@pytest.fixture
def draft(home: Home, document: Callable[..., Document]) -> Iterator[Saves]:
    """For standard input, which was OLD."""
    reader, writer = os.pipe()
    os.write(writer, OLD)
    os.close(writer)
    saved = os.dup(0)
    os.dup2(reader, 0)
    try:
        one = document("-")
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(reader)
    yield Saves(one, home.state)
    if one.draft is not None:
        one.draft.abort()


def text_of(saves: Saves) -> bytes:
    return b"".join(pieces.read(saves.document.text_fd))
