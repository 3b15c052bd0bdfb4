"""A peer that does not read."""

from __future__ import annotations

import select

from tests.client.editors import Talk


def until_gone(talk: Talk) -> None:
    """Read nothing, until the test closes the connection."""
    poll = select.poll()
    poll.register(talk.sock, select.POLLHUP)
    poll.poll(20000)


def test_a_server_that_stops_reading_is_given_up(home, editor, rbridge_open):
    home.file("a", b"x" * 50_000_000)
    done = []
    served = editor(lambda talk: done.append(talk.sock.recv(10)) or until_gone(talk))
    ran = rbridge_open("--large", "--timeout", "0.5", *served.where, "a")
    assert ran.code == 69
    assert "it took nothing for 0.5 s" in ran.err
