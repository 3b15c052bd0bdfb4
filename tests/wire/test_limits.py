"""What a peer cannot make us hold or skip."""

from __future__ import annotations

import pytest

from rbridge.errors import RemoteProtocolError
from rbridge.wire import limits
from rbridge.wire.connection import HOST, Connection
from rbridge.wire.limits import Limits
from rbridge.wire.records import NEED_DATA, Dot, Greeting, Record
from tests.wire.conversation import cut, greeted, hear, hear_all, linked, opened


def test_the_defaults_are_the_constants() -> None:
    made = Limits()
    for name in Limits.__slots__:
        assert getattr(made, name) == getattr(limits, name.upper())


def test_a_silence_is_longer_than_the_beats_that_may_get_lost_in_it() -> None:
    assert 2 * limits.BEAT_IDLE < limits.DEAD_IDLE <= 45
    assert 2 * limits.BEAT_BUSY < limits.DEAD_BUSY <= 15


def test_each_can_be_changed() -> None:
    assert Limits(line=1, headers=2, greeting=3, body=4, records=5, junk=6).records == 5


def test_a_header_line_without_end() -> None:
    connection = greeted()
    with pytest.raises(RemoteProtocolError, match="longer than 16384 bytes"):
        hear_all(connection, [b"open\ntoken: ", *[b"x" * 1000] * 17])


def test_a_greeting_without_end() -> None:
    connection = Connection(HOST)
    with pytest.raises(RemoteProtocolError, match="longer than 8192 bytes"):
        hear_all(connection, cut(b"x" * 9000, 100))


def test_too_many_headers() -> None:
    lines = b"".join(b"h%d: x\n" % number for number in range(64))
    assert hear(greeted(), b"open\n" + lines) == []
    with pytest.raises(RemoteProtocolError, match="more than 64 headers"):
        hear(greeted(), b"open\n" + lines + b"one: more\n")


def test_the_same_header_again_counts_too() -> None:
    with pytest.raises(RemoteProtocolError, match="more than 64 headers"):
        hear(greeted(), b"open\n" + b"a: x\n" * 65)


def test_headers_behind_the_body_count_too() -> None:
    with pytest.raises(RemoteProtocolError, match="more than 64 headers"):
        hear(greeted(), b"open\ndata: 1\nx" + b"a: x\n" * 65)


def test_blocks_of_nothing_count_as_headers() -> None:
    with pytest.raises(RemoteProtocolError, match="more than 64 headers"):
        hear(greeted(), b"open\n" + b"data: 0\n" * 65)


def test_headers_of_an_unknown_record_count_too() -> None:
    with pytest.raises(RemoteProtocolError, match="more than 64 headers"):
        hear(opened(), b"VSCode 1\nlist\n" + b"a: x\n" * 65)


def test_blocks_with_bytes_are_not_counted_as_headers() -> None:
    heard = hear(opened(), b"TextMate\nsave\n" + b"data: 1\nx" * 1000 + b"\n")
    assert len(heard) == 1 + 1 + 1000 + 1


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (b"1000000000000", "announced more than 8589934592 bytes"),
        (b"9" * 5000, "announced more than"),
        (b"8589934593", "announced more than"),
        (b"-1", "'data: -1' is no length"),
        (b"+1", "is no length"),
        (b"1_0", "is no length"),
        (b"0x10", "is no length"),
        (b"1e3", "is no length"),
        (b"", "'data: ' is no length"),
        (b"NaN", "is no length"),
        (b"12 13", "is no length"),
        ("١٢".encode(), "is no length"),
    ],
)
def test_a_length_that_is_none(length: bytes, message: str) -> None:
    for connection, begin in ((greeted(), b"open\n"), (opened(), b"VSCode 1\nsave\n")):
        with pytest.raises(RemoteProtocolError, match=message):
            hear(connection, begin + b"data: " + length + b"\n")


def test_blanks_around_a_length_are_harmless() -> None:
    assert hear(greeted(), b"open\ndata:\t 0002 \n")[0] == Record("open", {}, 2)


def test_the_limit_of_a_body_is_for_all_its_blocks() -> None:
    connection = opened(Limits(body=10))
    hear(connection, b"VSCode 1\nsave\ndata: 6\n123456data: 4\n1234")
    with pytest.raises(RemoteProtocolError, match="more than 0 bytes"):
        hear(connection, b"data: 1\n")


def test_the_limit_of_a_body_holds_for_records_that_are_skipped() -> None:
    with pytest.raises(RemoteProtocolError, match="announced more than"):
        hear(opened(), b"VSCode 1\nlist\ndata: 1000000000000\n")


def test_more_opens_than_a_connection_may_have() -> None:
    connection = greeted(limits=Limits(records=3))
    hear(connection, b"open\n\n.\nopen\n\n")
    with pytest.raises(RemoteProtocolError, match="more than 3 records"):
        hear(connection, b"open\n\n")


def test_endless_dots_are_refused_as_well() -> None:
    with pytest.raises(RemoteProtocolError, match="more than 4096 records"):
        hear(greeted(), b".\n" * 4097)
    assert hear(greeted(), b".\n" * 4096) == [Dot()] * 4096


def test_saves_are_not_counted() -> None:
    heard = hear(opened(Limits(records=3)), b"VSCode 1\n" + b"save\ntoken: 1\ndata: 0\n\n" * 100)
    assert len(heard) == 201


def test_records_of_a_link_are_not_counted() -> None:
    _, editor = linked()
    assert len(hear(editor, b"saved\ntoken: 1\n\n" * 5000)) == 10000


@pytest.mark.parametrize(
    "junk", [b"\n", b"\r\n", b"0\n", b"junk\n", b"a: b\n", b"junk\n\n", b"x\ndata: 1\ny\n"]
)
def test_endless_junk_between_records(junk: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="more than 256 lines of junk"):
        hear(greeted(), b"open\ndata: 0\n\n" + junk * 300)
    with pytest.raises(RemoteProtocolError, match="more than 256 lines of junk"):
        hear(opened(), b"VSCode 1\n" + junk * 300)


def test_endless_junk_inside_a_record() -> None:
    with pytest.raises(RemoteProtocolError, match="more than 256 lines of junk"):
        hear(greeted(), b"open\ndata: 0\n" + b"0\n" * 300)


def test_endless_blank_lines_before_the_first_command() -> None:
    with pytest.raises(RemoteProtocolError, match="more than 256 lines of junk"):
        hear(greeted(), b"\n" * 300)


def test_junk_is_counted_in_a_row() -> None:
    assert len(hear(greeted(), (b"open\n\n" + b"\n" * 250) * 10)) == 20


def test_what_is_announced_is_not_held() -> None:
    connection = greeted()
    heard = hear(connection, b"open\ndata: 8589934592\n")
    assert heard == [Record("open", {}, 8589934592)]
    for _ in range(100):
        assert len(hear(connection, bytes(1000))) == 1
    assert connection.next_event() is NEED_DATA
    assert len(connection._buffer) == 0


def test_a_long_greeting_within_the_limit_is_read() -> None:
    text = "220 mac RMATE TextMate " + "x" * 5000
    assert hear(Connection(HOST), text.encode() + b"\n") == [Greeting(text)]
