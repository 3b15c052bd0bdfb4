"""Two ends that are fed with what the other one says, in whatever pieces, and ends that hear nonsense."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.errors import RemoteProtocolError
from rbridge.wire.channels import MORE, MOST, MOST_OUT, PIECE, TOKEN, WINDOW, Channels


def ends(spare: int = 0) -> tuple[Channels, Channels]:
    """A host's end, which opens connections, and a laptop's."""
    return Channels(True, spare), Channels(False, spare)


def passed(sender: Channels, receiver: Channels) -> list[tuple[bytes, int, bytes]]:
    data = bytes(sender.out)
    sender.out.clear()
    return receiver.feed(data)


def said(kind: bytes, number: int = 0, count: int = 0, data: bytes = b"") -> bytes:
    return struct.pack(">cII", kind, number, count) + data


@given(st.lists(st.integers(1, 40), max_size=60))
def test_what_one_says_the_other_hears_whatever_the_cuts(cuts: list[int]) -> None:
    host, laptop = ends()
    first, second = host.open(), host.open()
    host.send(first, b"one")
    host.send(second, b"two" * 40)
    host.end(first)
    host.ping()
    data, heard = bytes(host.out), []
    for size in [*cuts, len(data)]:
        heard += laptop.feed(data[:size])
        data = data[size:]
    assert heard == [
        (b"O", 1, b""),
        (b"O", 2, b""),
        (b"D", 1, b"one"),
        (b"D", 2, b"two" * 40),
        (b"E", 1, b""),
    ]
    assert laptop.out == said(b"Q")


def test_a_connection_may_send_its_window_and_more_as_it_is_taken() -> None:
    host, laptop = ends()
    number = host.open()
    sent = 0
    while most := host.credit(number):
        assert most <= PIECE
        host.send(number, bytes(most))
        sent += most
    assert sent == WINDOW
    passed(host, laptop)
    laptop.took(number, TOKEN - 1)
    assert passed(laptop, host) == []
    laptop.took(number, 1)
    assert passed(laptop, host) == [(b"A", number, b"")]
    assert host.credit(number) == TOKEN


def test_one_that_is_not_taken_holds_up_no_other() -> None:
    host, laptop = ends()
    stalled, working = host.open(), host.open()
    while most := host.credit(stalled):
        host.send(stalled, bytes(most))
    for _ in range(3 * WINDOW // TOKEN):
        host.send(working, bytes(TOKEN))
        passed(host, laptop)
        laptop.took(working, TOKEN)
        passed(laptop, host)
    assert (host.credit(stalled), host.credit(working)) == (0, PIECE)


def test_there_is_more_for_a_few_and_what_is_held_is_bounded() -> None:
    host, laptop = ends(spare=2 * MORE)
    numbers = [host.open() for _ in range(4)]
    passed(host, laptop)
    passed(laptop, host)
    sent = []
    for number in numbers:
        sent.append(0)
        while most := host.credit(number):
            host.send(number, bytes(most))
            sent[-1] += most
            passed(host, laptop)
    assert sent == [WINDOW + MORE, WINDOW + MORE, WINDOW, WINDOW]
    host.reset(numbers[0])
    passed(host, laptop)
    host.open()  # what the first one had may still be held
    passed(host, laptop)
    assert laptop.out == b""
    laptop.done(numbers[0])
    late = host.open()
    passed(host, laptop)
    assert passed(laptop, host) == [(b"A", late, b"")]


def test_each_side_ends_for_itself() -> None:
    host, laptop = ends()
    number = host.open()
    host.end(number)
    assert passed(host, laptop) == [(b"O", number, b""), (b"E", number, b"")]
    assert host.credit(number) == 0
    laptop.send(number, b"last words")
    laptop.end(number)
    assert passed(laptop, host) == [(b"D", number, b"last words"), (b"E", number, b"")]
    assert (len(host), len(laptop)) == (0, 0)


def test_what_was_on_its_way_to_one_that_is_gone_is_dropped() -> None:
    host, laptop = ends()
    number = host.open()
    passed(host, laptop)
    laptop.send(number, b"too late")
    laptop.took(number, TOKEN)
    laptop.end(number)
    host.reset(number)
    assert passed(laptop, host) == []
    assert passed(host, laptop) == [(b"R", number, b"")]
    assert (len(host), len(laptop)) == (0, 0)
    laptop.took(number, TOKEN)
    laptop.reset(number)
    laptop.end(number)
    assert laptop.out == b""


OPEN = said(b"O", 1)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n",
        said(b"X"),
        said(b"D", 1, 1, b"x"),
        OPEN + OPEN,
        said(b"O", 2),
        OPEN + said(b"D", 1, PIECE + 1),
        OPEN + said(b"D", 1, 0),
        OPEN + said(b"D", 2, 1, b"x"),
        OPEN + said(b"D", 1, PIECE, bytes(PIECE)) * 5,  # more than the window
        OPEN + said(b"E", 1) + said(b"D", 1, 1, b"x"),
        OPEN + said(b"E", 1) * 2,
        OPEN + said(b"A", 1, MORE + 1),
        b"".join(said(b"O", number) for number in range(1, MOST + 2)),
        said(b"P") * (MOST_OUT // 9 + 1),
    ],
)
def test_nonsense_is_refused(nonsense: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Channels(False, 0).feed(nonsense)


def test_nobody_opens_connections_at_the_host() -> None:
    with pytest.raises(RemoteProtocolError, match="makes no sense"):
        Channels(True, 0).feed(OPEN)


@given(st.binary(max_size=400))
def test_no_bytes_at_all_do_more_than_raise(data: bytes) -> None:
    end = Channels(False, MORE)
    try:
        end.feed(data)
    except RemoteProtocolError:
        return
    assert len(end) <= MOST
