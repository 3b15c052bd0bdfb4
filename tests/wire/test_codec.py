"""Greetings, values and heads, as they are spelled."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbridge.errors import LocalProtocolError, RemoteProtocolError
from rbridge.wire import codec
from rbridge.wire.limits import Limits
from rbridge.wire.records import Record

LIMITS = Limits()


def server_head(name: str, value: str) -> bytes:
    return codec.head(Record("open", {name: value}, 0), codec.SERVER, LIMITS)


class TestGreeting:
    def test_says_who_which_version_what_and_with_which_editor(self) -> None:
        text = codec.greeting("laptop", "0.1.0", "vim")
        assert text == "220 laptop RMATE rbridge/0.1.0 link/1 editor=vim"

    def test_can_leave_link_out(self) -> None:
        assert (
            codec.greeting("laptop", "0.1.0", "vim", link=False)
            == "220 laptop RMATE rbridge/0.1.0 editor=vim"
        )

    def test_names_the_daemon_and_what_a_proof_has_to_answer(self) -> None:
        text = codec.greeting("laptop", "0.1.0", "vim", identity="0123456789abcdef", nonce="0f" * 16)
        assert (
            text == f"220 laptop RMATE rbridge/0.1.0 link/1 editor=vim id=0123456789abcdef nonce={'0f' * 16}"
        )
        said = codec.parse_greeting(text)
        assert (said.identity, said.nonce, said.editor) == ("0123456789abcdef", "0f" * 16, "vim")

    @pytest.mark.parametrize(
        "words",
        [
            "",
            "id= nonce=",
            "id nonce",
            "id=0123456789ABCDEF nonce=" + "0F" * 16,
            "id=0123456789abcdef0 nonce=" + "0" * 31,
            "id=0123456789abcde\u0660 nonce=" + "\u0660" * 32,
        ],
    )
    def test_with_a_malformed_identity_has_none(self, words: str) -> None:
        said = codec.parse_greeting(f"220 laptop RMATE rbridge/0.1.0 link/1 editor=vim {words}")
        assert (said.identity, said.nonce, said.editor, said.link) == ("", "", "vim", True)

    def test_comes_back_as_it_was(self) -> None:
        said = codec.parse_greeting(codec.greeting("my laptop\n", "0.1.0", "VS Code"))
        assert (said.laptop, said.version, said.editor, said.link) == ("my-laptop-", "0.1.0", "VS-Code", True)

    @settings(deadline=None)
    @given(st.text(), st.text(), st.text(), st.text(), st.text())
    def test_is_one_short_line_whatever_the_names_are(
        self, laptop: str, version: str, editor: str, identity: str, nonce: str
    ) -> None:
        text = codec.greeting(laptop, version, editor, identity=identity, nonce=nonce)
        assert len(text.encode()) < 500
        assert text.isprintable()
        assert text.startswith("220 ")
        assert codec.parse_greeting(text).link

    @pytest.mark.parametrize(
        ("text", "laptop", "editor"),
        [
            ("220 mac.local RMATE TextMate (Darwin 21.6.0)", "mac.local", "TextMate"),
            ("Sublime Text 2 (rsub plugin)", "", "Sublime Text 2 (rsub plugin)"),
            ("VSCode 1", "", "VSCode 1"),
            ("zed-rmate-server 0", "", "zed-rmate-server 0"),
            ("220 bare RMATE", "bare", ""),
            ("220", "", "220"),
            ("", "", ""),
            ("evil \x1b[2J\udcff", "", "evil \N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"),
        ],
    )
    def test_of_others_is_understood_as_far_as_it_goes(self, text: str, laptop: str, editor: str) -> None:
        said = codec.parse_greeting(text)
        assert (said.laptop, said.version, said.editor, said.link) == (laptop, "", editor, False)

    def test_offers_link_only_by_the_whole_word(self) -> None:
        assert not codec.parse_greeting("220 x RMATE rbridge/2 link/10").link
        assert not codec.parse_greeting("220 x RMATE rbridge/2 xlink/1").link
        assert codec.parse_greeting("220 x RMATE rbridge/2 link/2 link/1").link

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("SSH-2.0-OpenSSH_9.2p1 Debian-2", "SSH"),
            ("HTTP/1.1 400 Bad Request", "HTTP"),
            ("220 mx.example.org ESMTP Postfix", "ESMTP"),
            ("220 (vsFTPd 3.0.5) FTP", "FTP"),
            ("* OK [CAPABILITY IMAP4rev1] ready", "IMAP"),
            ("+OK POP3 ready", "POP3"),
            ("RFB 003.008", "VNC"),
            ("J\0\0\0\n8.0.32", "something binary"),
        ],
    )
    def test_of_another_protocol_is_recognised(self, text: str, name: str) -> None:
        assert codec.foreign(text) == name

    @pytest.mark.parametrize(
        "text", ["220 ftp RMATE TextMate", "VSCode 1", "", "rmate-server", "Sublime\tText"]
    )
    def test_of_an_rmate_server_is_not_taken_for_another_protocol(self, text: str) -> None:
        assert codec.foreign(text) == ""


class TestLabel:
    @pytest.mark.parametrize(
        ("text", "label"),
        [
            ("plain: ünï 文\u3000", "plain: ünï 文\u3000"),
            ("a\nb\rc\0d\te", "a\ufffdb\ufffdc\ufffdd\ufffde"),
            ("\x1b[2J\x7f\x85\x9b", "\ufffd[2J\ufffd\ufffd\ufffd"),
            ("\u2028\u2029\u202e\u2066", "\ufffd" * 4),
            ("bad\udcff\ud800", "bad\ufffd\ufffd"),
            ("data: 5", "data_ 5"),
            ("metadata:data:", "metadata_data_"),
        ],
    )
    def test_replaces_what_could_mislead(self, text: str, label: str) -> None:
        assert codec.label(text) == label

    @settings(deadline=None)
    @given(st.text(st.characters()))
    def test_makes_anything_a_value_for_any_server(self, text: str) -> None:
        line = server_head("display-name", codec.label(text)[:4000])
        assert line.count(b"\n") == 3
        assert line.decode().count("data:") == 1


class TestQuote:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("/home/ada/a b.py", "/home/ada/a b.py"),
            ("100%", "100%25"),
            ("a\nb\rc\td", "a%0Ab%0Dc%09d"),
            ("\x7f", "%7F"),
            ("\udcff\udc80", "%FF%80"),
            ("ünï", "ünï"),
            ("", ""),
        ],
    )
    def test_escapes_what_a_line_cannot_carry(self, text: str, value: str) -> None:
        assert codec.quote(text) == value
        assert codec.unquote(value) == text

    @settings(deadline=None)
    @given(st.binary())
    def test_every_name_that_a_file_can_have_comes_back(self, raw: bytes) -> None:
        name = raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")
        value = codec.quote(name)
        value.encode()
        assert not {"\n", "\r"} & set(value)
        assert codec.unquote(value) == name

    def test_takes_what_a_peer_left_unquoted(self) -> None:
        assert codec.unquote("a\udcff%c3%BC") == "a\udcffü"

    @pytest.mark.parametrize("value", ["%", "%2", "a%zz", "%%41", "% 1", "%+1"])
    def test_a_malformed_percent_sign_is_refused(self, value: str) -> None:
        with pytest.raises(RemoteProtocolError, match="malformed"):
            codec.unquote(value)

    def test_nul_goes_in_neither_direction(self) -> None:
        with pytest.raises(LocalProtocolError):
            codec.quote("a\0")
        with pytest.raises(RemoteProtocolError):
            codec.unquote("a%00")

    def test_what_no_operating_system_gave_us_is_refused(self) -> None:
        with pytest.raises(LocalProtocolError):
            codec.quote("\ud800")


class TestHeader:
    @pytest.mark.parametrize(
        ("line", "name", "value"),
        [
            (b"token: x", "token", b"x"),
            (b"token:x", "token", b"x"),
            (b"Token :  x ", "token", b" x "),
            (b"selection: ", "selection", b""),
            (b"selection:", "selection", b""),
            (b"a: b: c", "a", b"b: c"),
            (b": x", "", b"x"),
            (b"\xff: x", "\udcff", b"x"),
        ],
    )
    def test_is_a_name_and_what_follows_the_first_colon(self, line: bytes, name: str, value: bytes) -> None:
        assert codec.header(line) == (name, value)


class TestHead:
    def test_is_one_object_with_data_last(self) -> None:
        record = Record("open", {"display-name": "vm:f", "token": "t1"}, 12)
        said = b"open\ndisplay-name: vm:f\ntoken: t1\ndata: 12\n"
        assert codec.head(record, codec.SERVER, LIMITS) == said

    def test_of_a_record_without_a_body_has_no_data(self) -> None:
        assert codec.head(Record("close", {"token": "t1"}), codec.CLIENT, LIMITS) == b"close\ntoken: t1\n"

    @pytest.mark.parametrize("peer", [codec.SERVER, codec.OURS])
    @pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b", "a\r"])
    def test_a_line_end_never_goes_out(self, peer: str, value: str) -> None:
        with pytest.raises(LocalProtocolError, match="line end or NUL"):
            codec.head(Record("open", {"token": value}, 0), peer, LIMITS)

    @pytest.mark.parametrize("peer", [codec.SERVER, codec.OURS])
    @pytest.mark.parametrize("name", ["data", "x-data", "metadata", "", "Token", "a b", "a:", "a\n", "ü"])
    def test_a_name_that_somebody_takes_for_data_never_goes_out(self, peer: str, name: str) -> None:
        with pytest.raises(LocalProtocolError, match="must not be called"):
            codec.head(Record("open", {name: "x"}, 0), peer, LIMITS)

    @pytest.mark.parametrize(
        "name", ["path", "uuid", "project-uuid", "authorization", "wait", "data-on-close"]
    )
    def test_a_name_that_textmate_acts_on_goes_only_to_our_own_kind(self, name: str) -> None:
        with pytest.raises(LocalProtocolError, match="must not be called"):
            server_head(name, "x")
        assert codec.head(Record("open", {name: "x"}, 0), codec.OURS, LIMITS)

    def test_a_value_that_somebody_takes_for_data_goes_only_to_our_own_kind(self) -> None:
        with pytest.raises(LocalProtocolError, match="'data:'"):
            server_head("display-name", "data: 6")
        assert codec.head(Record("open", {"display-name": "data: 6"}, 0), codec.OURS, LIMITS)

    def test_what_is_not_utf8_goes_only_to_our_own_kind(self) -> None:
        with pytest.raises(LocalProtocolError, match="not UTF-8"):
            server_head("display-name", "\udcff")
        assert b"\xff" in codec.head(Record("open", {"display-name": "\udcff"}, 0), codec.OURS, LIMITS)
        with pytest.raises(LocalProtocolError, match="not UTF-8"):
            codec.head(Record("open", {"display-name": "\ud800"}, 0), codec.OURS, LIMITS)

    @settings(deadline=None)
    @given(st.binary(max_size=100))
    def test_a_client_gets_any_token_back_byte_for_byte(self, raw: bytes) -> None:
        token = raw.replace(b"\n", b"")
        said = codec.head(Record("save", {"token": codec.decode(token)}, 1), codec.CLIENT, LIMITS)
        assert said == b"save\ntoken: " + token + b"\ndata: 1\n"

    def test_a_clients_token_cannot_bring_a_line_end(self) -> None:
        with pytest.raises(LocalProtocolError, match="line end"):
            codec.head(Record("save", {"token": "a\nb"}, 1), codec.CLIENT, LIMITS)

    def test_we_keep_our_own_limits(self) -> None:
        with pytest.raises(LocalProtocolError, match="longer than"):
            server_head("token", "x" * LIMITS.line)
        with pytest.raises(LocalProtocolError, match="more than 63 headers"):
            codec.head(Record("open", dict.fromkeys(map(str, range(64)), ""), 0), codec.OURS, LIMITS)
        for length in (-1, LIMITS.body + 1):
            with pytest.raises(LocalProtocolError, match="cannot send"):
                codec.head(Record("open", {}, length), codec.OURS, LIMITS)

    def test_a_long_path_of_bytes_that_are_not_utf8_fits(self) -> None:
        path = codec.quote("\udcff" * 4096)
        assert codec.head(Record("open", {"real-path": path}, 0), codec.OURS, LIMITS)
