"""A connection to a port of the host, for one on the laptop: what goes through it, and how it ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from rbridge.client import passage
from rbridge.client.options import Options, Request
from rbridge.client.port import Port
from tests.client.laptop import Here
from tests.client.test_joins import joined

MB = 1 << 20
BREAK_OFF = b"\1\0\0\0" + bytes(4)


class Served:
    """A port with a server behind it, in this thread, and a line for a stream to it."""

    def __init__(self, host: Here, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host = host
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.number = self.listener.getsockname()[1]

        def find(request: Request, options: Options):  # type: ignore[no-untyped-def]
            return Port([], "rbridge port").find(request, options)

        monkeypatch.setattr("tests.client.laptop.check", find)
        host.begin(str(self.number))
        self.token = host.heard("port").token
        host.main.say("opened", token=self.token, editor="http://127.0.0.1:9000")
        host.main.say("dial", dial=1)
        self.line = joined(host)
        host.until(lambda: host.resident.session.joins.channels)  # type: ignore[union-attr]

    @property
    def channel(self):  # type: ignore[no-untyped-def]
        return self.host.resident.session.joins.channels[0]  # type: ignore[union-attr]

    def begin(self, first: bytes = b"") -> socket.socket:
        """The server's end of another connection."""
        self.line.say("stream", token=self.token, to="port")
        if first:
            self.line.say("bytes", first)
        return self.accept()

    def accept(self) -> socket.socket:
        self.listener.setblocking(False)

        def accept() -> socket.socket:
            try:
                return self.listener.accept()[0]
            except BlockingIOError:
                raise LookupError from None

        server = self.host.until(accept)
        assert isinstance(server, socket.socket)
        server.setblocking(False)
        return server

    def read(self, server: socket.socket, count: int) -> bytes:
        """So many bytes that came to the server, fewer at the end."""
        heard = bytearray()

        def more() -> bool:
            try:
                data = server.recv(count - len(heard))
            except BlockingIOError:
                return False
            heard.extend(data)
            return not data or len(heard) == count

        self.host.until(more)
        return bytes(heard)

    def said(self) -> bytes:
        return b"".join(one.body for one in self.line.all("bytes"))

    def ended(self, count: int = 1) -> str:
        self.host.until(lambda: len(self.line.all("ended")) >= count)
        return self.line.all("ended")[count - 1]["reason"]


@pytest.fixture
def served(host: Here, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    made = Served(host, monkeypatch)
    yield made
    made.listener.close()


def test_what_was_said_before_it_was_there_arrives_and_so_does_the_answer(served: Served) -> None:
    with served.begin(b"question") as server:
        assert served.read(server, 8) == b"question"
        server.sendall(b"answer")
        served.host.until(lambda: served.said() == b"answer")
        server.shutdown(socket.SHUT_WR)
        served.host.until(lambda: served.line.all("bytes")[-1].headers.get("last") == "yes")
        served.line.say("bytes", b"still")
        assert served.read(server, 5) == b"still"
        served.line.say("ended", token=served.token)
        assert served.ended() == "closed"
    assert served.channel.stream is None


def test_the_laptop_may_end_first(served: Served) -> None:
    for count in (1, 2):  # over one connection of the tunnel
        with served.begin(b"all") as server:
            served.line.say("ended", token=served.token)
            assert served.read(server, 10) == b"all"
            server.sendall(b"answer")
            server.shutdown(socket.SHUT_WR)
            assert served.ended(count) == "closed"
    assert served.said() == b"answer" * 2
    assert not any("last" in one.headers for one in served.line.all("bytes"))


def test_where_nothing_listens_it_is_refused(served: Served) -> None:
    served.listener.close()
    served.line.say("stream", token=served.token, to="port")
    assert served.ended() == "refused"
    assert "nothing listens" in served.line.all("ended")[0]["message"]


def test_a_server_on_the_other_family_is_found(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.listener.close()
    served.listener = socket.create_server(("::1", served.number), family=socket.AF_INET6)
    with served.begin(b"x") as server:
        assert served.read(server, 1) == b"x"


def test_a_server_that_breaks_off_is_told(served: Served) -> None:
    with served.begin(b"x") as server:
        assert served.read(server, 1) == b"x"
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, BREAK_OFF)
    assert served.ended() == "broken"


def test_a_laptop_that_is_lost_breaks_it_off(served: Served) -> None:
    with served.begin(b"x") as server:
        assert served.read(server, 1) == b"x"
        served.line.cut()
        with pytest.raises(ConnectionResetError):
            served.read(server, 1)


def test_a_server_that_does_not_read_stops_the_laptop_and_all_arrives(served: Served) -> None:
    piece, count = b"y" * MB, 24
    with served.begin(b"x") as server:
        assert served.read(server, 1) == b"x"
        said = b"".join(served.line.spell("bytes", piece) for _ in range(count))
        threading.Thread(target=served.line.sock.sendall, args=(said,), daemon=True).start()
        served.host.until(lambda: served.channel.paused)
        assert len(served.channel.stream._left) < 3 * MB
        heard = served.read(server, count * MB)
        assert len(heard) == count * MB
        assert not served.channel.paused


def test_a_laptop_that_does_not_read_stops_the_server(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served.begin(b"x") as server:
        assert served.read(server, 1) == b"x"
        stream = served.channel.stream
        queue: list[object] = []
        monkeypatch.setattr(type(served.channel), "later", lambda channel, made: queue.append(made))
        piece, sent = b"z" * MB, 0

        def full() -> bool:
            nonlocal sent
            try:
                sent += server.send(piece)
            except BlockingIOError:
                return bool(stream._held)
            return False

        served.host.until(full)
        assert stream.waiting <= passage.FULL + passage.RECEIVE
        for made in queue:
            made()  # type: ignore[operator]
        served.host.until(lambda: not stream._held or stream.waiting > passage.FULL)


def test_nothing_else_can_be_reached_by_it(served: Served) -> None:
    served.line.say("stream", token=served.token, to="lsp")
    assert served.ended() == "failed"
    served.line.say("stream", token=served.token, to="port", port=1)
    with served.accept() as server:
        assert server.getsockname()[1] == served.number
