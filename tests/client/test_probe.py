"""One attempt at one address."""

from __future__ import annotations

import socket

import pytest

from rbridge.client.probe import ANSWERED, FAILED, WAITING, Peer, Probe
from rbridge.client.settings import Endpoint


@pytest.fixture
def probe(home):
    """A probe of a socket that the test serves by hand, and the accepted end of it."""
    path = str(home.root / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        made = Probe(Endpoint("unix", "test", path=path), socket.AF_UNIX, path, 2.0)
        with listener.accept()[0] as other:
            yield made, other
        made.sock.close()


@pytest.mark.parametrize(
    "pieces", [[b"220 host RMATE x\n"], [b"2", b"20 host", b" RMATE x", b"\n"], [b"VSCode 1\r\n"]]
)
def test_a_greeting_in_any_pieces(probe, pieces):
    one, other = probe
    for piece in pieces:
        assert one.state == WAITING
        other.sendall(piece)
        one.read()
    assert one.state == ANSWERED
    assert not Peer(one).link


def test_nothing_to_read_is_nothing(probe):
    one, _ = probe
    one.read()
    assert one.state == WAITING


@pytest.mark.parametrize(
    ("said", "why"), [(b"", "without a word"), (b"x" * 9000, "longer"), (b"220", "without a word")]
)
def test_an_end_without_a_greeting_is_a_failure(probe, said, why):
    one, other = probe
    other.sendall(said)
    other.shutdown(socket.SHUT_RDWR)
    for _ in range(5):
        if one.state == WAITING:
            one.read()
    assert one.state == FAILED
    assert why in one.failure
    assert not one.denied


def test_what_a_peer_is_called(probe):
    one, other = probe
    other.sendall(b"220 mylaptop RMATE rbridge/1 link/1 editor=vim\n")
    one.read()
    peer = Peer(one)
    assert peer.link
    assert peer.label == "mylaptop"


def test_a_queue_that_is_full_is_tried_again(home):
    """A Unix listener that is too busy to accept answers EAGAIN, which is no refusal."""
    path = str(home.root / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        probes = [Probe(Endpoint("unix", "test", path=path), socket.AF_UNIX, path, 2.0) for _ in range(3)]
        assert [one.state for one in probes].count("connecting") >= 1
        late = probes[-1]
        for _ in [one for one in probes[:-1] if one.state == WAITING]:
            listener.accept()[0].close()
        late.connect()
        assert late.state == WAITING
        for one in probes:
            one.sock.close()
