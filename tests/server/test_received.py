import zlib
from hashlib import sha256

import pytest

from rbridge.errors import RemoteProtocolError
from rbridge.server import received
from rbridge.server.received import CannotApply, Change, Growth, Log, Sink
from rbridge.wire import delta

OLD = b"".join(b"line %d\n" % number for number in range(2000))
NEW = OLD.replace(b"line 1000\n", b"another\n")


def sha(data):
    return sha256(data).hexdigest()


def files(tmp_path, **texts):
    for name, data in texts.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path / "body", tmp_path / "base", tmp_path / "into"


HEADS = [
    ({}, {}),
    ({"encoding": "zlib", "fetched": "yes"}, {"encoding": "zlib", "fetched": True}),
    ({"encoding": "delta", "base": "1" * 64}, {"encoding": "delta", "base": "1" * 64}),
    ({"grows": "yes"}, {"grows": True}),
]


@pytest.mark.parametrize(("headers", "more"), HEADS)
def test_the_head_of_a_changed(headers, more):
    said = received.change({"sha256": "0" * 64, "size": "5", **headers}, 10)
    assert said == Change("0" * 64, 5, **more)


@pytest.mark.parametrize(
    "headers",
    [{"sha256": "x"}, {"size": "11"}, {"size": "-1"}, {"encoding": "gzip"}, {"encoding": "delta"}],
)
def test_a_head_that_is_malformed_or_too_large(headers):
    with pytest.raises(RemoteProtocolError):
        received.change({"sha256": "0" * 64, "size": "5", **headers}, 10)


def test_a_text_as_it_is(tmp_path):
    body, _, into = files(tmp_path, body=NEW)
    received.unpack(Change(sha(NEW), len(NEW)), body, None, into)
    assert into.read_bytes() == NEW
    assert not body.exists()


def test_a_compressed_text(tmp_path):
    body, _, into = files(tmp_path, body=zlib.compress(NEW))
    received.unpack(Change(sha(NEW), len(NEW), "zlib"), body, None, into)
    assert into.read_bytes() == NEW


def test_a_difference(tmp_path):
    body, base, into = files(tmp_path, body=delta.encode(OLD, NEW), base=OLD)
    received.unpack(Change(sha(NEW), len(NEW), "delta", sha(OLD)), body, base, into)
    assert into.read_bytes() == NEW


BAD = {
    "shorter": (b"x", Change(sha(b"xx"), 2)),
    "longer": (b"xxx", Change(sha(b"xx"), 2)),
    "another text": (b"xy", Change(sha(b"xx"), 2)),
    "not compressed": (b"xx", Change(sha(b"xx"), 2, "zlib")),
    "half of it": (zlib.compress(NEW)[:-10], Change(sha(NEW), len(NEW), "zlib")),
    "a bomb": (zlib.compress(b"\0" * 10_000_000), Change(sha(b""), 10, "zlib")),
    "no base": (delta.encode(OLD, NEW), Change(sha(NEW), len(NEW), "delta", sha(OLD))),
    "no delta": (b"xx", Change(sha(b"xx"), 2, "delta", sha(OLD))),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_believed_leaves_nothing(tmp_path, name):
    data, said = BAD[name]
    body, base, into = files(tmp_path, body=data)
    if name == "no delta":
        base.write_bytes(OLD)
    with pytest.raises(CannotApply):
        received.unpack(said, body, base if base.exists() else None, into)
    assert not into.exists()
    assert not body.exists()


def test_a_body_that_was_never_written(tmp_path):
    body, _, into = files(tmp_path)
    with pytest.raises(CannotApply):
        received.unpack(Change(sha(b""), 0), body, None, into)
    assert not into.exists()


@pytest.mark.parametrize("in_memory", [True, False])
async def test_a_sink_takes_a_body_piece_by_piece(tmp_path, in_memory):
    whole = []
    sink = Sink(tmp_path / "body", in_memory, whole.append)
    await sink.write(b"one")
    await sink.write(b"two")
    assert whole == []
    sink.complete()
    assert whole == [tmp_path / "body"]
    assert (tmp_path / "body").read_bytes() == b"onetwo"
    assert (tmp_path / "body").stat().st_mode & 0o777 == 0o600


async def test_a_sink_that_is_abandoned_leaves_nothing(tmp_path):
    whole = []
    sink = Sink(tmp_path / "body", True, whole.append)
    await sink.write(b"one")
    sink.abandon()
    assert list(tmp_path.iterdir()) == whole == []


async def test_a_sink_without_a_place_swallows_what_comes(tmp_path):
    whole = []
    sink = Sink(tmp_path / "gone" / "body", True, whole.append)
    await sink.write(b"one")
    sink.complete()
    assert whole == [tmp_path / "gone" / "body"]
    sink.abandon()


# A growing file


@pytest.fixture
def log(tmp_path):
    (tmp_path / "text").write_bytes(b"begin\n")
    made = Log(tmp_path / "log", 100)
    made.begin(tmp_path / "text")
    return made


def append(log, data, **said):
    body = log.path.with_name("body")
    body.write_bytes(data)
    log.take(Growth(**said), body)
    assert not body.exists()
    return log.path.read_bytes()


def test_the_head_of_an_append():
    assert received.growth({"at": "7"}, 10) == Growth(7)
    said = received.growth({"at": "0", "restart": "yes", "encoding": "zlib", "size": "9"}, 10)
    assert said == Growth(0, True, 9)
    for headers in ({}, {"at": "x"}, {"at": "1", "encoding": "delta"}, {"at": "1", "encoding": "zlib"}):
        with pytest.raises(RemoteProtocolError):
            received.growth(headers, 10)


def test_what_is_appended_follows(log):
    assert append(log, b"one\n", at=106) == b"begin\none\n"
    assert append(log, zlib.compress(b"two\n"), at=110, size=4) == b"begin\none\ntwo\n"


def test_what_is_here_already_is_passed_over(log):
    assert append(log, b"gin\none\n", at=102) == b"begin\none\n"
    assert append(log, b"one\n", at=106) == b"begin\none\n"
    assert append(log, b"two\n", at=110) == b"begin\none\ntwo\n"


@pytest.mark.parametrize("said", [{"at": 0, "restart": True}, {"at": 500}])
def test_truncated_or_behind_a_gap_it_begins_anew(log, said):
    assert append(log, b"anew\n", **said) == b"anew\n"
    assert append(log, b"more\n", at=said["at"] + 5) == b"anew\nmore\n"


def test_the_end_is_kept_from_the_beginning_of_a_line(log, monkeypatch):
    monkeypatch.setattr(received, "KEPT", 12)
    assert append(log, b"one\ntwo\nthree\n", at=106) == b"two\nthree\n"


def test_an_append_that_cannot_be_read(log):
    with pytest.raises(CannotApply):
        append(log, b"not compressed", at=106, size=4)
