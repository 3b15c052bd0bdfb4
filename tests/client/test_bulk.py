"""Large files."""

from __future__ import annotations

import os
import socket
import threading
from types import SimpleNamespace

import pytest

from rbridge.client import bulk
from rbridge.client.bulk import PIECE, RARELY, SLOW, Pace, send_open
from rbridge.client.linkheaders import introduction
from rbridge.client.sending import Shrunk, send_all
from rbridge.wire.blocks import HEAD, PACKED, PLAIN, Unpacking
from rbridge.wire.connection import EDITOR, HOST, Connection
from rbridge.wire.records import NEED_DATA, Body, End, Greeting, Record
from tests.client.editors import Talk

OURS = "220 laptop RMATE rbridge/0 link/1"
PLAINLY = "220 laptop RMATE TextPal"
HEADERS = {"token": "t", "display-name": "a", "real-path": "/a"}
TEXT = b"".join(b"line %d of a text\n" % number for number in range(250_000))


class Sent:
    """What arrives of one ``open`` at an editor that greets with *greeting*: its record, and its body."""

    def __init__(self, path, size, greeting=OURS):
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        wire, self.editor = Connection(HOST), Connection(EDITOR)
        wire.receive_data(self.editor.send(Greeting(greeting)))
        assert isinstance(wire.next_event(), Greeting)
        if wire.peer.text == OURS:
            self.editor.receive_data(wire.say(Record("link", introduction("0" * 32))))
        self.heard = []
        reader = threading.Thread(target=self.read, args=[theirs])
        reader.start()
        peer = SimpleNamespace(wire=wire, sock=ours, link=wire.link)
        try:
            with open(path, "rb") as file:
                send_open(peer, dict(HEADERS), file.fileno(), 0, size, 20.0)
            send_all(ours, wire.send(End()), 20.0)
        finally:
            ours.close()
            reader.join()
            theirs.close()
        self.record = next(one for one in self.heard if isinstance(one, Record) and one.command == "open")
        self.body = b"".join(one.data for one in self.heard if isinstance(one, Body))

    def read(self, sock):
        while data := sock.recv(1 << 20):
            self.editor.receive_data(data)
            while (event := self.editor.next_event()) is not NEED_DATA:
                self.heard.append(event)

    @property
    def text(self):
        unpacking = Unpacking(int(self.record.headers["size"]))
        made = b"".join(unpacking.feed(self.body))
        unpacking.finish()
        return made

    @property
    def kinds(self):
        """How each block is packed."""
        found, at = [], 0
        while at < len(self.body):
            found.append(self.body[at])
            at += HEAD + int.from_bytes(self.body[at + 1 : at + HEAD], "big")
        return found


def test_on_a_fast_line_no_block_is_compressed(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk, "SLOW", 1e9)
    (tmp_path / "a").write_bytes(TEXT)
    sent = Sent(tmp_path / "a", len(TEXT))
    assert sent.record.headers == {**HEADERS, "encoding": "blocks", "size": str(len(TEXT))}
    assert sent.text == TEXT
    assert sent.kinds == [PLAIN] * -(-len(TEXT) // PIECE)


def test_on_a_slow_line_the_first_one_is_not_and_the_next_is(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk, "SLOW", -1.0)
    (tmp_path / "a").write_bytes(TEXT)
    sent = Sent(tmp_path / "a", len(TEXT))
    assert sent.text == TEXT
    assert sent.kinds[:2] == [PLAIN, PACKED]
    assert len(sent.body) < len(TEXT)


def test_what_cannot_be_compressed_goes_as_it_is_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk, "SLOW", -1.0)
    text = os.urandom(2 * PIECE)
    (tmp_path / "a").write_bytes(text)
    sent = Sent(tmp_path / "a", len(text))
    assert (sent.record.headers, sent.record.length, sent.body) == (HEADERS, len(text), text)


def test_a_part_that_cannot_goes_as_it_is_in_its_block(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk, "SLOW", -1.0)
    text = TEXT[:PIECE] + TEXT[:PIECE] + os.urandom(PIECE) + TEXT[:100]
    (tmp_path / "a").write_bytes(text)
    sent = Sent(tmp_path / "a", len(text))
    assert sent.text == text
    assert sent.kinds[:3] == [PLAIN, PACKED, PLAIN]


def test_a_plain_server_gets_the_text(tmp_path, monkeypatch):
    monkeypatch.setattr(bulk, "SLOW", -1.0)
    (tmp_path / "a").write_bytes(TEXT)
    sent = Sent(tmp_path / "a", len(TEXT), PLAINLY)
    assert (sent.record.headers, sent.body) == (HEADERS, TEXT)


@pytest.mark.parametrize("slow", [-1.0, 1e9])
def test_one_that_is_shorter_by_now_is_not_sent_whole(tmp_path, monkeypatch, slow):
    monkeypatch.setattr(bulk, "SLOW", slow)
    (tmp_path / "a").write_bytes(TEXT)
    with pytest.raises(Shrunk):
        Sent(tmp_path / "a", len(TEXT) + 1)


def test_compressing_begins_where_the_line_is_slower_and_ends_where_it_is_not():
    pace = Pace()
    assert not pace.packing
    pace.sent(False, 0.0, SLOW / 2)
    assert not pace.packing
    pace.sent(False, 0.0, SLOW * 2)
    assert pace.packing
    pace.sent(True, 0.01, 0.02)
    assert pace.packing, "the line was still the slower one"
    pace.sent(True, 0.01, 0.001)
    assert not pace.packing, "it may have become fast"
    pace.sent(False, 0.0, 0.01)
    assert not pace.packing


def test_it_is_put_to_the_test_ever_more_rarely_in_vain():
    pace, packed = Pace(), []
    pace.sent(False, 0.0, SLOW * 2)
    for _ in range(8):
        packed.append(0)
        while pace.packing:
            pace.sent(True, 0.01, 0.001)
            packed[-1] += 1
        pace.sent(False, 0.0, 1.0)
    assert packed == [1, 2, 4, 8, 16, RARELY, RARELY, RARELY]


def test_a_file_that_shrinks_while_it_is_sent_is_tried_once_more(home, editor, rbridge_open):
    path = home.file("a", b"x" * 50_000_000)
    got = []

    def script(talk: Talk) -> None:
        head = b""
        while not head.endswith(b"data: 50000000\n") and b"data: 10\n" not in head:
            data = talk.file.readline()
            assert data, head
            head += data
        if b"data: 10\n" not in head:
            os.truncate(path, 10)
            while talk.file.read(1 << 20):
                pass
            return
        got.append(talk.file.read(10))

    served = editor(script)
    ran = rbridge_open("--large", *served.where, "a")
    assert ran.code == 0, ran
    served.result(2)
    assert got == [b"x" * 10]
