"""What each role may say, and what becomes of it on the other side."""

from __future__ import annotations

import subprocess
import sys

import pytest

import rbridge
from rbridge.errors import LocalProtocolError, RemoteProtocolError
from rbridge.wire import state
from rbridge.wire.connection import EDITOR, HOST, Connection
from rbridge.wire.limits import Limits
from rbridge.wire.records import Body, Dot, End, Greeting, Record
from tests.wire.conversation import OPEN, OURS, PLAIN, cut, greeted, hear, linked, opened, record


def invited(greeting: str = OURS) -> Connection:
    """The host's side, after it read *greeting*."""
    connection = Connection(HOST)
    hear(connection, greeting.encode() + b"\n")
    return connection


TELLS = {
    party: {command for command, then in state.TABLES[party][state.LINKED].items() if then == state.TELLING}
    for party in (HOST, EDITOR)
}


class TestAPlainHost:
    def test_sends_the_head_in_one_piece_then_the_body_then_a_blank_line_and_a_dot(self) -> None:
        connection = invited(PLAIN)
        head = connection.send(Record("open", OPEN, 12))
        assert head == b"open\ndisplay-name: vm:f.txt\nreal-path: /abs/f.txt\ntoken: t1\ndata: 12\n"
        assert connection.send(Body(b"hello\n")) == b"hello\n"
        connection.body_sent(6)
        assert connection.send(End()) == b"\n"
        assert connection.send(Dot()) == b".\n"
        assert not connection.link

    def test_has_one_block(self) -> None:
        connection = invited(PLAIN)
        connection.send(Record("open", OPEN, 0))
        with pytest.raises(LocalProtocolError, match="no further block"):
            connection.more(5)

    @pytest.mark.parametrize("missing", list(OPEN))
    def test_always_says_what_some_server_cannot_do_without(self, missing: str) -> None:
        headers = {name: value for name, value in OPEN.items() if name != missing}
        with pytest.raises(LocalProtocolError, match=f"open without {missing}"):
            invited(PLAIN).send(Record("open", headers, 0))

    def test_always_says_how_long_the_text_is(self) -> None:
        with pytest.raises(LocalProtocolError, match="open without a length"):
            invited(PLAIN).send(Record("open", OPEN))

    def test_can_open_before_the_greeting_and_is_plain_then(self) -> None:
        connection = opened()
        hear(connection, OURS.encode() + b"\n")
        assert connection.states[EDITOR] == state.PLAIN
        with pytest.raises(LocalProtocolError, match="host cannot say link while idle"):
            connection.send(Record("link", {}))

    def test_cannot_say_link_to_who_did_not_offer_it(self) -> None:
        with pytest.raises(LocalProtocolError, match="host cannot say link while start"):
            invited(PLAIN).send(Record("link", {}))

    def test_cannot_acknowledge(self) -> None:
        with pytest.raises(LocalProtocolError, match="cannot say saved"):
            opened().send(Record("saved", {"token": "t1"}))

    def test_opens_another_file_after_the_dot(self) -> None:
        connection = opened()
        connection.send(Dot())
        assert connection.say(Record("open", OPEN, 0)).endswith(b"data: 0\n\n")


class TestAPlainEditor:
    def test_sends_token_and_data_and_nothing_else_in_one_piece(self) -> None:
        connection = greeted()
        hear(connection, b"open\ntoken: t1\ndata: 0\n\n.\n")
        assert connection.send(Record("save", {"token": "t1"}, 3)) == b"save\ntoken: t1\ndata: 3\n"
        assert connection.send(Body(b"abc")) + connection.send(End()) == b"abc\n"
        assert connection.say(Record("close", {"token": "t1"})) == b"close\ntoken: t1\n\n"

    @pytest.mark.parametrize("headers", [{}, {"token": "t1", "save": "1"}, {"save": "1"}])
    def test_says_no_other_header(self, headers: dict[str, str]) -> None:
        connection = greeted(PLAIN)
        with pytest.raises(LocalProtocolError, match="a token and nothing else"):
            connection.send(Record("save", headers, 3))

    def test_always_says_how_long_a_save_is(self) -> None:
        with pytest.raises(LocalProtocolError, match="save without a length"):
            greeted(PLAIN).send(Record("save", {"token": "t1"}))

    def test_says_nothing_before_the_host_did_when_it_offered_link(self) -> None:
        with pytest.raises(LocalProtocolError, match="editor cannot say close while offering"):
            greeted().send(Record("close", {"token": "t1"}))

    @pytest.mark.parametrize("command", ["opened", "bye", "refused", "open"])
    def test_says_nothing_that_makes_ruby_exit(self, command: str) -> None:
        with pytest.raises(LocalProtocolError, match="while plain"):
            greeted(PLAIN).send(Record(command, {}))

    def test_greets_once(self) -> None:
        with pytest.raises(LocalProtocolError, match="cannot say GREETING"):
            greeted(PLAIN).send(Greeting(PLAIN))

    @pytest.mark.parametrize("text", ["hello", "220 a\nb", "220 \x1b", "220 \udcff", "220 " + "x" * 496])
    def test_greets_in_a_way_that_every_client_can_take(self, text: str) -> None:
        with pytest.raises(LocalProtocolError, match="a greeting is"):
            Connection(EDITOR).send(Greeting(text))

    def test_answers_a_client_that_did_not_wait_for_the_greeting(self) -> None:
        connection = Connection(EDITOR)
        assert hear(connection, b"open\ntoken: t1\ndata: 0\n\n") == record("open", {"token": "t1"}, b"")
        connection.send(Greeting(OURS))
        assert connection.say(Record("close", {"token": "t1"})) == b"close\ntoken: t1\n\n"


class TestALink:
    def test_begins_with_the_hosts_first_record(self) -> None:
        host, editor = linked()
        assert host.link
        assert editor.link
        assert host.states == editor.states == {HOST: state.LINKED, EDITOR: state.LINKED}

    def test_carries_an_edit_from_open_to_close(self) -> None:
        host, editor = linked()
        opens = {"token": "1", "real-path": "/a%0Ab", "wait": "yes"}
        said = host.send(Record("open", opens, 3)) + host.send(Body(b"one")) + host.send(End())
        assert hear(editor, said) == record("open", opens, b"one")
        said = editor.say(Record("opened", {"token": "1", "editor": "vim"}))
        assert hear(host, said) == record("opened", {"token": "1", "editor": "vim"})
        saves = {"token": "1", "save": "1"}
        said = editor.send(Record("save", saves, 3)) + editor.send(Body(b"two")) + editor.send(End())
        assert hear(host, said) == record("save", saves, b"two")
        for command, headers in [
            ("saved", {"token": "1", "save": "1", "size": "3", "sha256": "00"}),
            ("refused", {"token": "1", "save": "1", "reason": "no-space", "message": "disk full"}),
            ("close", {"token": "1"}),
        ]:
            assert hear(editor, host.say(Record(command, headers))) == record(command, headers)
        for command, headers in [
            ("refused", {"token": "2", "reason": "no-editor", "message": "none"}),
            ("close", {"token": "1"}),
            ("bye", {"message": "stopped"}),
        ]:
            assert hear(host, editor.say(Record(command, headers))) == record(command, headers)
        assert host.states == editor.states == {HOST: state.LINKED, EDITOR: state.ENDED}

    @pytest.mark.parametrize("command", ["open", "changed", "append"])
    def test_carries_texts_of_the_host(self, command: str) -> None:
        host, editor = linked()
        said = host.send(Record(command, {"token": "1"}, 4)) + host.send(Body(b"a\n\n.")) + host.send(End())
        assert said == command.encode() + b"\ntoken: 1\ndata: 4\na\n\n.\n"
        assert hear(editor, said) == record(command, {"token": "1"}, b"a\n\n.")

    @pytest.mark.parametrize("command", ["save", "mine"])
    def test_carries_texts_of_the_editor(self, command: str) -> None:
        host, editor = linked()
        said = (
            editor.send(Record(command, {"token": "1"}, 4))
            + editor.send(Body(b"a\n\n."))
            + editor.send(End())
        )
        assert hear(host, said) == record(command, {"token": "1"}, b"a\n\n.")

    def test_has_a_beat_of_five_bytes_and_a_blank_line(self) -> None:
        host, editor = linked()
        assert host.say(Record("beat", {})) == editor.say(Record("beat", {})) == b"beat\n\n"
        assert hear(editor, b"beat\n\n") == hear(host, b"beat\n\n") == record("beat", {})

    @pytest.mark.parametrize("command", sorted(TELLS[HOST]))
    def test_what_the_host_tells_has_no_body(self, command: str) -> None:
        host, editor = linked()
        with pytest.raises(LocalProtocolError, match=f"{command} has no body"):
            host.send(Record(command, {"token": "1"}, 0))
        with pytest.raises(RemoteProtocolError, match="host cannot say BODY while telling"):
            hear(editor, command.encode() + b"\ntoken: 1\ndata: 1\nx\n")

    @pytest.mark.parametrize("command", sorted(TELLS[EDITOR]))
    def test_what_the_editor_tells_has_no_body(self, command: str) -> None:
        host, editor = linked()
        with pytest.raises(LocalProtocolError, match=f"{command} has no body"):
            editor.send(Record(command, {"token": "1"}, 0))
        with pytest.raises(RemoteProtocolError, match="editor cannot say BODY while telling"):
            hear(host, command.encode() + b"\ntoken: 1\ndata: 1\nx\n")

    @pytest.mark.parametrize(("party", "other"), [(HOST, EDITOR), (EDITOR, HOST)])
    def test_each_says_only_what_is_its_own(self, party: str, other: str) -> None:
        speaker = dict(zip((HOST, EDITOR), linked(), strict=True))[party]
        own, others = state.TABLES[party][state.LINKED], state.TABLES[other][state.LINKED]
        for command in sorted(set(others) - set(own)):
            with pytest.raises(LocalProtocolError, match=f"{party} cannot say {command} while linked"):
                speaker.say(Record(command, {"token": "1"}))

    def test_can_be_joined_to_a_session_by_a_further_connection(self) -> None:
        host, editor = Connection(HOST), Connection(EDITOR)
        hear(host, editor.send(Greeting(OURS)))
        joins = {"session": "0" * 32, "join": "1"}
        assert hear(editor, host.say(Record("link", joins))) == record("link", joins)
        answer = {"standing": "joined"}
        assert hear(host, editor.say(Record("linked", answer))) == record("linked", answer)

    def test_lets_the_host_open_before_it_was_answered(self) -> None:
        host, editor = Connection(HOST), Connection(EDITOR)
        hear(host, editor.send(Greeting(OURS)))
        said = host.say(Record("link", {})) + host.say(Record("open", {"token": "1"}))
        assert hear(editor, said) == record("link", {}) + record("open", {"token": "1"})
        said = editor.say(Record("linked", {"standing": "new"})) + editor.say(
            Record("opened", {"token": "1"})
        )
        assert hear(host, said) == record("linked", {"standing": "new"}) + record("opened", {"token": "1"})

    def test_both_talk_at_once(self) -> None:
        host, editor = linked()
        opens = host.send(Record("open", {"token": "2"}, 4))
        assert hear(host, editor.say(Record("close", {"token": "1"}))) == record("close", {"token": "1"})
        assert hear(editor, opens + b"text" + b"\n") == record("open", {"token": "2"}, b"text")

    def test_has_no_dot(self) -> None:
        host, _ = linked()
        with pytest.raises(LocalProtocolError, match="while linked"):
            host.send(Dot())

    def test_allows_an_open_without_a_text(self) -> None:
        host, _ = linked()
        assert host.say(Record("open", {"token": "1"})) == b"open\ntoken: 1\n\n"

    def test_has_records_that_cannot_have_a_body(self) -> None:
        host, editor = linked()
        with pytest.raises(LocalProtocolError, match="saved has no body"):
            host.send(Record("saved", {"token": "1"}, 0))
        with pytest.raises(RemoteProtocolError, match="host cannot say BODY while telling"):
            hear(editor, b"saved\ntoken: 1\ndata: 1\nx\n")

    def test_is_over_for_the_editor_after_bye(self) -> None:
        _, editor = linked()
        editor.say(Record("bye", {"message": "stopped"}))
        with pytest.raises(LocalProtocolError, match="while ended"):
            editor.send(Record("close", {"token": "1"}))


class TestABody:
    def test_is_handed_on_as_the_very_piece_that_came(self) -> None:
        connection = greeted()
        hear(connection, b"open\ndata: 67108864\n")
        piece = bytes(65536)
        for _ in range(1024):
            connection.receive_data(piece)
            event = connection.next_event()
            assert isinstance(event, Body)
            assert event.data is piece
        assert hear(connection, b"\n") == [End()]

    def test_may_come_as_any_kind_of_bytes(self) -> None:
        connection = greeted()
        connection.receive_data(bytearray(b"open\ndata: 2\n"))
        connection.receive_data(memoryview(b"ab\n"))
        assert [connection.next_event() for _ in range(3)] == record("open", {}, b"ab")

    def test_must_be_sent_whole(self) -> None:
        connection = opened()
        connection.send(Record("open", OPEN, 3))
        connection.body_sent(2)
        with pytest.raises(LocalProtocolError, match="1 bytes of the body are missing"):
            connection.send(End())
        connection.body_sent(1)
        assert connection.send(End()) == b"\n"

    @pytest.mark.parametrize("count", [4, -1])
    def test_cannot_be_longer_than_announced(self, count: int) -> None:
        connection = opened()
        connection.send(Record("open", OPEN, 3))
        with pytest.raises(LocalProtocolError, match="where 3 are announced"):
            connection.body_sent(count)

    def test_belongs_to_a_record(self) -> None:
        for event in (Body(b"x"), End()):
            with pytest.raises(LocalProtocolError, match="while idle"):
                opened().send(event)

    def test_nothing_else_can_be_said_in_it(self) -> None:
        connection = opened()
        connection.send(Record("open", OPEN, 3))
        for event in (Dot(), Record("open", OPEN, 0)):
            with pytest.raises(LocalProtocolError, match="while opening"):
                connection.send(event)


class TestMidway:
    """Whether the peer stopped in the middle of a record, which it has no reason to do."""

    def test_is_from_the_first_byte_of_a_record_to_its_last(self) -> None:
        host, _ = linked()
        assert not host.midway
        said = b"save\ntoken: 1\ndata: 2\nab\n"
        for count in range(1, len(said)):
            hear(host, said[count - 1 : count])
            assert host.midway, said[:count]
        hear(host, said[-1:])
        assert not host.midway

    def test_is_in_records_that_are_skipped_too(self) -> None:
        _, editor = linked()
        hear(editor, b"future\nx: y\n")
        assert editor.midway
        hear(editor, b"\n")
        assert not editor.midway

    def test_is_in_a_greeting(self) -> None:
        connection = Connection(HOST)
        assert not connection.midway
        hear(connection, b"220 lap")
        assert connection.midway
        hear(connection, b"top\n")
        assert not connection.midway


class TestAMistake:
    def test_of_ours_changes_nothing(self) -> None:
        connection = opened()
        before = connection.states
        with pytest.raises(LocalProtocolError):
            connection.send(Record("open", {**OPEN, "display-name": "a\nb"}, 0))
        assert connection.states == before
        assert connection.say(Record("open", OPEN, 0))

    def test_of_the_peer_ends_the_reading_for_good(self) -> None:
        connection = greeted()
        with pytest.raises(RemoteProtocolError) as first:
            hear(connection, b"GET / HTTP/1.1\n")
        connection.receive_data(b"open\n\n")
        with pytest.raises(RemoteProtocolError) as second:
            connection.next_event()
        assert str(first.value) == str(second.value)
        assert connection.states[HOST] == state.FAILED

    def test_of_the_peer_can_still_be_answered(self) -> None:
        _, editor = linked()
        with pytest.raises(RemoteProtocolError):
            hear(editor, b"junk: x\n")
        assert editor.say(Record("bye", {"message": "what?"})) == b"bye\nmessage: what?\n\n"

    def test_data_after_the_end_is_ours(self) -> None:
        connection = greeted()
        hear(connection, b"")
        with pytest.raises(LocalProtocolError, match="after the end"):
            connection.receive_data(b"x")

    def test_limits_are_those_given(self) -> None:
        with pytest.raises(RemoteProtocolError, match="longer than 8 bytes"):
            hear(greeted(limits=Limits(line=8)), b"open\ntoken: too long\n")


def test_one_byte_at_a_time_it_is_as_good_as_whole() -> None:
    host, editor = linked()
    said = host.send(Record("open", {"token": "1"}, 5)) + b"hello" + b"\n"
    heard = [event for piece in cut(said, 1) for event in hear(editor, piece)]
    assert heard == [Record("open", {"token": "1"}, 5), *[Body(bytes([c])) for c in b"hello"], End()]


def test_a_host_loads_the_reader_after_it_has_sent() -> None:
    script = (
        "import sys; sys.path.insert(0, {!r})\n"
        "from rbridge.wire.connection import *; from rbridge.wire.records import *\n"
        "host = Connection(HOST); host.receive_data({!r}); assert host.next_event() == Greeting({!r})\n"
        "assert host.next_event() is NEED_DATA; host.say(Record('link', {{}}))\n"
        "assert 'rbridge.wire.reader' not in sys.modules\n"
    ).format(rbridge.__path__[0] + "/..", OURS.encode() + b"\n", OURS)
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True)


def test_importing_it_brings_in_nothing_that_is_slow() -> None:
    script = (
        "import sys; sys.path.insert(0, {!r}); before = set(sys.modules); import rbridge.wire.connection; "
        "print(*sorted(set(sys.modules) - before))"
    ).format(rbridge.__path__[0] + "/..")
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], check=True, capture_output=True, text=True
    )
    loaded = run.stdout.split()
    assert "rbridge.wire.connection" in loaded
    assert [name for name in loaded if not name.startswith("rbridge")] == []
