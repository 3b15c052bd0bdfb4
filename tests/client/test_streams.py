"""Streams over further connections: how they begin, what goes through, how they end."""

from __future__ import annotations

import pytest

from rbridge.client import delivery, streams
from rbridge.client.streams import Stream
from rbridge.errors import TryAgain
from rbridge.wire import codec


class Kind(Stream):
    """A stream that notes what it is told."""

    made: Kind

    def __init__(self, session, channel, document, said):
        super().__init__(session, channel, document)
        if said.get("language") == "none":
            raise TryAgain("there is none today", "come again")
        Kind.made = self
        self.told: list[object] = []

    def write(self, data):
        self.told.append(data)

    def room(self):
        self.told.append("room")

    def hang_up(self):
        self.told.append("hang up")


@pytest.fixture
def kind(monkeypatch):
    monkeypatch.setattr(streams, "_kinds", lambda _port: {"kind": Kind})


@pytest.fixture
def begun(served, kind):
    """``begun()``: a stream that has begun, at the host's end."""

    def begin() -> Kind:
        count = len(served.line.all("streaming"))
        served.stream("kind")
        served.host.until(lambda: served.channel.stream is not None)
        Kind.made.begin(server="it")
        served.host.until(lambda: len(served.line.all("streaming")) > count)
        return Kind.made

    return begin


def commands(served) -> list[str]:
    return [one.command for one in served.line.heard[1:] if one.command != "beat"]


def test_bytes_come_and_go_in_order_and_its_end_is_the_last_word(served, begun):
    stream = begun()
    for data in (b"one", b"", b"\0\xff\n"):
        served.line.say("bytes", data)
        assert stream.send(data)
    served.host.until(lambda: b"".join(stream.told) == b"one\0\xff\n")
    stream.end("exited", "w\u00f6rds\n", "3")
    stream.end("again")
    assert served.ended() == ("exited", "w\u00f6rds\n", "3")
    assert served.said() == b"one\0\xff\n"
    assert commands(served) == ["streaming", "bytes", "bytes", "bytes", "ended"]
    assert served.line.all("streaming")[0].headers == {"token": served.token, "server": "it"}
    assert served.channel.stream is None


def test_the_connection_can_be_used_for_another_one(served, begun):
    first = begun()
    served.line.say("ended", token=served.token)
    assert served.ended() == ("closed", "", "")
    second = begun()
    served.line.say("bytes", b"for the second")
    served.host.until(lambda: second.told == [b"for the second"])
    assert first.told == []
    assert first.over


def test_what_waits_is_counted_until_it_is_written(served, begun, monkeypatch):
    monkeypatch.setattr(streams, "FULL", 1000)
    stream = begun()
    queue = []
    monkeypatch.setattr(type(stream.channel), "later", lambda channel, made: queue.append(made))
    assert stream.send(b"x" * 600)
    assert not stream.send(b"x" * 600)
    assert not stream.send(b"x" * 500)
    assert stream.waiting == 1700
    made = [queue.pop(0)()]
    served.host.turns()
    assert stream.told == []
    made.append(queue.pop(0)())
    served.host.turns()
    assert stream.told == ["room"]
    made.append(queue.pop(0)())
    served.host.turns()
    assert stream.told == ["room"]
    assert stream.waiting == 0
    assert b"".join(b"".join(parts) for parts in made) == b"".join(
        b"bytes\ndata: %d\n%s\n" % (n, b"x" * n) for n in (600, 600, 500)
    )


def test_nothing_is_said_after_the_last_word(served, begun):
    stream = begun()
    stream.end("closed")
    stream.begin()
    assert not stream.send(b"late")
    served.ended()
    served.host.turns()
    assert commands(served) == ["streaming", "ended"]


def test_bytes_that_crossed_with_the_end_go_nowhere(served, begun):
    stream = begun()
    said = served.line.spell("bytes", b"late")
    served.line.sock.sendall(said[:-3])
    served.host.until(lambda: stream.told == [b"la"])
    stream.end("closed")
    served.line.sock.sendall(said[-3:])
    second = begun()
    assert stream.told == [b"la"]
    assert second.told == []


def test_an_end_without_a_stream_is_none(served, begun):
    served.line.say("ended", token=served.token)
    assert begun().told == []


def test_a_connection_that_ends_tells_the_stream(served, begun):
    stream = begun()
    served.line.cut()
    served.host.until(lambda: stream.told == ["hang up"])
    assert stream.channel.stream is None


@pytest.mark.parametrize("command", ["stream", "bytes", "ended"])
def test_on_the_main_connection_it_ends_the_session(served, kind, command):
    served.host.main.say(command, b"" if command == "bytes" else None, token=served.token, to="kind")
    served.host.until(lambda: not served.host.resident.documents)


def test_beside_another_one_it_ends_the_connection_and_no_more(served, begun):
    stream = begun()
    served.stream("kind")
    served.host.until(lambda: served.line.ended)
    assert stream.told == ["hang up"]
    assert served.host.resident.attached


def test_what_nobody_knows_is_refused(served):
    served.stream("elsewhere")
    assert served.ended() == ("failed", "it is not known here how to stream to 'elsewhere'", "")
    served.line.say("stream", token=served.token)
    assert served.ended(2)[0] == "failed"


def test_what_cannot_be_begun_is_refused_and_the_connection_stays(served, begun):
    served.stream("kind", language="none")
    assert served.ended() == ("failed", "there is none today (come again)", "")
    begun()


def test_a_document_has_them_while_the_answer_to_its_open_is_still_on_its_way(served, begun):
    """That comes on another connection."""
    served.host.resident.documents[0].state = delivery.SENT
    begun()


def test_a_document_that_was_closed_has_no_streams(served, kind):
    token = served.token
    served.host.resident.close(served.host.resident.documents[0])
    served.line.say("stream", token=token, to="kind")
    assert served.ended() == ("gone", "it is not open any more on the host", "")


@pytest.mark.parametrize("token", ["0" * 24, "no token at all"])
def test_a_document_that_never_was_ends_the_connection(served, kind, token):
    served.line.say("stream", token=token, to="kind")
    served.host.until(lambda: served.line.ended)
    assert served.host.resident.attached


def test_there_are_two_kinds():
    assert set(streams._kinds()) == {"servers", "lsp"}
    for made in streams._kinds().values():
        assert issubclass(made, Stream)


def test_its_words_are_quoted(served, begun):
    stream = begun()
    stream.end("failed", "a\nb: \udcff")
    served.ended()
    assert served.line.all("ended")[0].headers["message"] == codec.quote("a\nb: \udcff")
