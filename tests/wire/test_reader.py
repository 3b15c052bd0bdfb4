"""How leniently a plain peer is read, and how strictly one of ours."""

from __future__ import annotations

import pytest

from rbridge.errors import RemoteProtocolError
from rbridge.wire.connection import HOST, Connection
from rbridge.wire.records import NEED_DATA, Body, Dot, End, Eof, Greeting, Record
from tests.wire.conversation import EOF, cut, greeted, hear, hear_all, linked, opened, record

HTTP = (
    b"POST / HTTP/1.1\r\nHost: localhost:52698\r\nContent-Length: 30\r\n\r\nopen\ntoken: x\ndata: 1\nx\n\n.\n"
)


class TestTheFirstLineOfAHost:
    @pytest.mark.parametrize("size", [1, 1000])
    def test_of_an_http_request_is_refused_by_name(self, size: int) -> None:
        with pytest.raises(RemoteProtocolError, match="an HTTP request, no rmate client"):
            hear_all(greeted(), cut(HTTP, size))

    @pytest.mark.parametrize("method", [b"GET", b"PUT", b"OPTIONS", b"PRI"])
    def test_of_any_http_request(self, method: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match="HTTP"):
            hear(greeted(), method + b" / HTTP/1.1\r\n")

    @pytest.mark.parametrize(
        "said",
        [
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"SSH-2.0-x",
            b"opens\n",
            b"OPEN\n",
            b"save\n",
            b"a: b\n",
            b"data: 1\n",
        ],
    )
    def test_of_anything_else_is_refused(self, said: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match="no rmate client: it began with"):
            hear(greeted(), said)

    def test_is_refused_before_its_end_when_it_cannot_become_a_command(self) -> None:
        connection = greeted()
        assert hear(connection, b"opene") == []
        with pytest.raises(RemoteProtocolError):
            hear(connection, b"d")

    def test_may_come_after_blank_lines(self) -> None:
        assert hear(greeted(), b"\n\r\n.\n") == [Dot()]

    def test_shows_only_a_clean_begin_of_what_came(self) -> None:
        with pytest.raises(RemoteProtocolError) as caught:
            hear(greeted(), b"\x1b[2J\xff" + b"x" * 1000 + b"\n")
        message = str(caught.value)
        assert "\x1b" not in message
        assert "\udcff" not in message
        assert len(message) < 100

    def test_link_is_refused_where_it_was_not_offered(self) -> None:
        with pytest.raises(RemoteProtocolError, match="began with 'link'"):
            hear(greeted("220 laptop RMATE other"), b"link\n\n")


class TestTheGreeting:
    @pytest.mark.parametrize("said", [b"", b"220 x", b"Sublime Text 2", b"open", b"\xff", b"a\tb"])
    def test_is_the_first_line_whatever_it_says(self, said: bytes) -> None:
        text = said.decode("utf-8", "surrogateescape")
        assert hear(Connection(HOST), said + b"\n") == [Greeting(text)]
        assert hear(Connection(HOST), said + b"\r\n") == [Greeting(text)]

    @pytest.mark.parametrize("size", [1, 1000])
    def test_of_another_protocol_is_refused_by_name(self, size: int) -> None:
        with pytest.raises(RemoteProtocolError, match="no rmate server: it speaks SSH"):
            hear_all(Connection(HOST), cut(b"SSH-2.0-OpenSSH_9.2\r\n", size))

    def test_that_is_binary_is_refused_without_waiting_for_a_line_end(self) -> None:
        with pytest.raises(RemoteProtocolError, match="something binary"):
            hear(Connection(HOST), b"J\0\0\0\x0a5.7")

    def test_is_heard_also_when_the_server_has_closed_already(self) -> None:
        connection = Connection(HOST)
        connection.receive_data(b"VSCode 1\nclose\n")
        connection.receive_data(b"")
        heard = [connection.next_event() for _ in range(4)]
        assert heard == [Greeting("VSCode 1"), *record("close", {}), EOF]

    def test_cut_off_is_just_an_end(self) -> None:
        connection = Connection(HOST)
        assert hear(connection, b"220 lap") + hear(connection, b"") == [EOF]


class TestAPlainRecord:
    def test_is_told_as_soon_as_its_head_is_there(self) -> None:
        connection = greeted()
        assert hear(connection, b"open\ntoken: x\n") == []
        assert hear(connection, b"data: 3\n") == [Record("open", {"token": "x"}, 3)]
        assert hear(connection, b"a") == [Body(b"a")]
        assert hear(connection, b"bc") == [Body(b"bc")]
        assert hear(connection, b"\n") == [End()]

    def test_with_the_same_header_twice_means_the_last(self) -> None:
        assert hear(greeted(), b"open\ntoken: x\ntoken: y\n\n") == record("open", {"token": "y"})

    def test_is_ended_by_the_next_command(self) -> None:
        heard = hear(greeted(), b"open\ntoken: x\ndata: 1\naopen\ntoken: y\n.\n")
        assert heard == [*record("open", {"token": "x"}, b"a"), *record("open", {"token": "y"}), Dot()]

    def test_a_text_is_never_read_as_commands(self) -> None:
        text = b"\n\n.\nopen\nsave\nclose\n\n"
        heard = hear(greeted(), b"open\ndata: %d\n%s\n" % (len(text), text))
        assert heard == record("open", {}, text)

    def test_data_outside_of_a_record_is_refused_since_it_would_be_read_as_commands(self) -> None:
        with pytest.raises(RemoteProtocolError, match="outside of a record"):
            hear(greeted(), b"open\ndata: 0\n\ndata: 5\nopen\n")

    @pytest.mark.parametrize("behind", [b"close\n", b"save\n", b"data 12\n", b"junk\n"])
    def test_a_save_that_lost_its_length_is_not_a_save_of_nothing(self, behind: bytes) -> None:
        with pytest.raises(RemoteProtocolError, match="save: .* is no header"):
            hear(opened(), b"VSCode 1\nsave\ntoken: t1\n" + behind)


class TestTheEnd:
    def test_comes_once(self) -> None:
        connection = greeted()
        assert hear(connection, b".\n") == [Dot()]
        assert hear(connection, b"") == [EOF]
        assert hear(connection, b"") == []
        assert connection.next_event() is NEED_DATA

    @pytest.mark.parametrize(
        ("said", "truncated"),
        [
            (b"", ""),
            (b"save\n", "save"),
            (b"save\ntoken: t1\n", "save"),
            (b"save\ntoken: t1\ndata: 5\n", "save"),
            (b"save\ntoken: t1\ndata: 5\nhell", "save"),
            (b"save\ntoken: t1\ndata: 5\nhello", "save"),
            (b"save\ntoken: t1\ndata: 5\nhello\n", ""),
            (b"sa", "save"),
            (b"cl", ""),
            (b"list\npath: x\n", ""),
            (b"\n", ""),
        ],
    )
    def test_names_the_save_that_was_cut_off(self, said: bytes, truncated: str) -> None:
        connection = opened()
        hear(connection, b"VSCode 1\n" + said)
        assert hear(connection, b"")[-1] == Eof(truncated)

    def test_makes_an_unfinished_close_a_whole_one(self) -> None:
        connection = opened()
        hear(connection, b"zed-rmate-server 0\nclose\n")
        assert hear(connection, b"") == [*record("close", {}), EOF]


class TestALink:
    def test_knows_no_dot(self) -> None:
        _, editor = linked()
        with pytest.raises(RemoteProtocolError):
            hear(editor, b".\nopen\n")

    @pytest.mark.parametrize(
        ("said", "message"),
        [
            (b"open\njunk\n", "'junk' is no header"),
            (b"open\nsaved\n", "'saved' is no header"),
            (b"a: b\n", "outside of a record"),
            (b"data: 1\n", "outside of a record"),
            (b"open\ntoken: a\rb\n", "malformed header"),
            (b"open\nna\0me: a\n", "malformed header"),
            (b"open\ntoken:a\n", "malformed header"),
        ],
    )
    def test_takes_no_junk(self, said: bytes, message: str) -> None:
        _, editor = linked()
        with pytest.raises(RemoteProtocolError, match=message):
            hear(editor, said)

    def test_lets_no_token_in_that_could_not_go_back(self) -> None:
        _, editor = linked()
        token = b"\xff" + b"x" * (16384 - len("token: \xff"))
        (opens, _) = hear(editor, b"open\ntoken: " + token + b"\n\n")
        assert isinstance(opens, Record)
        assert editor.say(Record("close", opens.headers)) == b"close\ntoken: " + token + b"\n\n"

    def test_passes_over_records_it_does_not_know_whole(self) -> None:
        _, editor = linked()
        said = b"renamed\ntoken: 1\nsize: 2\ndata: 5\nopen\n\nping\n\nsaved\ntoken: 1\n\n" * 300
        assert hear(editor, said) == 300 * record("saved", {"token": "1"})

    def test_takes_a_body_in_blocks_and_ignores_what_stands_behind_it(self) -> None:
        host, _ = linked()
        said = b"save\ntoken: 1\nsave: 7\ndata: 2\nabdata: 1\ncsha256: 00\n\n"
        assert hear_all(host, [said]) == record("save", {"token": "1", "save": "7"}, b"ab", b"c")

    def test_does_not_complete_a_close_for_a_peer_that_died(self) -> None:
        host, _ = linked()
        hear(host, b"close\ntoken: 1\n")
        assert hear(host, b"") == [Eof("close")]

    def test_hears_nothing_after_bye(self) -> None:
        host, _ = linked()
        assert hear(host, b"bye\n\nsave\ntoken: 1\ndata: 1\nx\n") == record("bye", {})
