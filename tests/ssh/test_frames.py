"""Frames over pipes: records, raw bytes, and what is neither."""

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.ssh.frames import (
    GARBAGE,
    PIECE,
    RECORD,
    SILENT,
    Channel,
    Lost,
    Nonsense,
    number,
    text,
    to_bytes,
    to_text,
)

MARK = b"\nmark\n"


def channel_of(data):
    """A channel on which exactly *data* arrives."""
    read, write = os.pipe()
    with os.fdopen(write, "wb") as file:
        file.write(data)
    return Channel(read, -1)


@pytest.fixture
def pair():
    """A channel that hears what it says itself."""
    read, write = os.pipe()
    yield Channel(read, write)
    os.close(read)
    os.close(write)


def frame(kind, payload):
    return struct.pack(">cI", kind, len(payload)) + payload


def test_what_is_said_arrives_in_its_order(pair):
    pair.say({"a": 1})
    pair.send(memoryview(b"raw"))
    pair.say({"name": "n\udcff"})
    assert pair.next() == {"a": 1}
    assert bytes(pair.next()) == b"raw"
    assert pair.record() == {"name": "n\udcff"}


def test_a_large_piece_arrives_in_parts():
    read, write = os.pipe()
    piece = os.urandom(40000)  # less than a pipe holds
    sender = Channel(read, write)
    sender.send(memoryview(piece))
    sender.flush()
    got = b""
    while len(got) < len(piece):
        got += bytes(sender.next())
    assert got == piece


def test_nothing_is_held_back_when_an_answer_is_waited_for(pair):
    pair.say({"a": 1})
    assert not pair.waiting()
    assert pair.record() == {"a": 1}


@pytest.mark.parametrize(
    "data",
    [
        frame(b"X", b"{}"),
        frame(b"J", b"[]"),
        frame(b"J", b"{"),
        frame(b"J", b"\xff"),
        frame(b"J", b"[" * 60000),
        struct.pack(">cI", b"J", RECORD + 1),
        struct.pack(">cI", b"D", PIECE + 1),
        frame(b"D", b"raw"),
    ],
)
def test_what_is_no_record_is_refused(data):
    with pytest.raises(Nonsense):
        channel_of(data).record()


@pytest.mark.parametrize("data", [b"", b"J\0", frame(b"J", b"{}")[:-1]])
def test_an_end_in_between_is_a_loss(data):
    with pytest.raises(Lost):
        channel_of(data).record()


@given(st.binary(max_size=300))
def test_any_bytes_give_records_or_an_error(data):
    channel = channel_of(data)
    for _ in range(len(data)):
        try:
            channel.next()
        except (Lost, Nonsense):
            return
    assert data == b""


def test_what_rc_files_print_is_skipped():
    channel = channel_of(b"Welcome!\nJ\0\0\0\2" + MARK + frame(b"J", b"{}"))
    assert channel.skip_to(MARK, 5) == b"Welcome!\nJ\0\0\0\2"
    assert channel.record() == {}


def test_a_mark_that_never_comes_is_not_waited_for_without_end():
    read, _write = os.pipe()
    with pytest.raises(Lost, match=SILENT):
        Channel(read, -1).skip_to(MARK, 0)


def test_output_without_an_end_is_given_up():
    with open("/dev/zero", "rb") as zeros, pytest.raises(Nonsense):
        Channel(zeros.fileno(), -1).skip_to(MARK, 5)
    assert GARBAGE < 1 << 24


def test_a_closed_pipe_is_a_loss():
    read, write = os.pipe()
    os.close(read)
    channel = Channel(os.open(os.devnull, os.O_RDONLY), write)
    channel.say({})
    with pytest.raises(Lost):
        channel.flush()


def test_a_record_that_is_too_long_is_not_said(pair):
    with pytest.raises(Nonsense):
        pair.say({"a": "x" * RECORD})


@pytest.mark.parametrize("value", [-1, 11, True, "1", 1.0, None])
def test_a_number_is_a_number_in_its_bounds(value):
    with pytest.raises(Nonsense):
        number({"n": value}, "n", 10)
    assert number({"n": 10}, "n", 10) == 10


def test_a_text_is_a_text():
    with pytest.raises(Nonsense):
        text({"t": 1}, "t")


@given(st.binary())
def test_every_name_survives_the_way_through_a_record(name):
    assert to_bytes(to_text(name)) == name


def test_a_surrogate_that_stands_for_no_byte_is_refused():
    with pytest.raises(Nonsense):
        to_bytes("\ud800")
