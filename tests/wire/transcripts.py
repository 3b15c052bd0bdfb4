"""What the peers of the rmate family put on the wire, byte for byte.

Recorded from the running programs, those that could not be run read off their sources. Each transcript says
who reads it and what is to be heard; the tests feed it whole, byte by byte, cut anywhere, and with bytes
behind it. What our own two sides say to each other is in ``tests/wire/links.py``.
"""

from __future__ import annotations

from typing import NamedTuple

from rbridge.wire.connection import EDITOR, HOST
from rbridge.wire.records import Dot, Event, Greeting
from tests.wire.conversation import record
from tests.wire.links import LINKS, Conversation, Turn

__all__ = ["ALL", "CLIENTS", "LINKS", "SERVERS", "Conversation", "Transcript", "Turn"]


class Transcript(NamedTuple):
    name: str
    reader: str
    said: bytes
    events: list[Event]
    unfinished: bool = False
    """A record is still open at the end, so that bytes behind it would belong to it."""


TEXT = b"hello\nworld\n"
BASE = {"display-name": "vm:f.txt", "real-path": "/abs/f.txt", "data-on-save": "yes", "re-activate": "yes"}
USUAL = (
    b"open\ndisplay-name: vm:f.txt\nreal-path: /abs/f.txt\n"
    b"data-on-save: yes\nre-activate: yes\ntoken: f.txt\n"
)
FILE = {**BASE, "token": "f.txt"}
MD5 = "8aa9bcd58c9af4a7d9e1ea6bf1b1f9ec"


def _client(name: str, said: bytes, *events: Event) -> Transcript:
    return Transcript(name, EDITOR, said, list(events))


def _server(name: str, said: bytes, greeting: str, *events: Event, unfinished: bool = False) -> Transcript:
    return Transcript(name, HOST, said, [Greeting(greeting), *events], unfinished)


CLIENTS = [
    _client(
        "ruby, bash, python, C of silverzhao",
        USUAL + b"data: 12\nhello\nworld\n\n.\n",
        *record("open", FILE, TEXT),
        Dot(),
    ),
    _client(
        "ruby: text without a final LF gets one more, and a blank line",
        USUAL + b"data: 5\nhello\n\n.\n",
        *record("open", FILE, b"hello"),
        Dot(),
    ),
    _client(
        "ruby: existing file of no bytes", USUAL + b"data: 0\n\n\n.\n", *record("open", FILE, b""), Dot()
    ),
    _client(
        "bash, python: file that is not there yet",
        USUAL + b"data: 0\n\n.\n",
        *record("open", FILE, b""),
        Dot(),
    ),
    _client(
        "ruby --no-keep-focus: re-activate has a word of its own",
        USUAL.replace(b"re-activate: yes", b"re-activate: false") + b"data: 12\nhello\nworld\n\n.\n",
        *record("open", {**FILE, "re-activate": "false"}, TEXT),
        Dot(),
    ),
    _client(
        "ruby: two files",
        USUAL + b"data: 1\na\n\n" + USUAL + b"data: 2\nb\n\n.\n",
        *record("open", FILE, b"a"),
        *record("open", FILE, b"b\n"),
        Dot(),
    ),
    _client(
        "ruby: standard input has no real-path",
        b"open\ndisplay-name: vm:untitled (stdin)\ndata-on-save: yes\nre-activate: yes\ntoken: -\n"
        b"file-type: txt\ndata: 12\nhello\nworld\n\n.\n",
        *record(
            "open",
            {
                "display-name": "vm:untitled (stdin)",
                "data-on-save": "yes",
                "re-activate": "yes",
                "token": "-",
                "file-type": "txt",
            },
            TEXT,
        ),
        Dot(),
    ),
    _client(
        "bash: standard input has an empty real-path",
        b"open\ndisplay-name: vm:untitled\nreal-path: \ndata-on-save: yes\nre-activate: yes\ntoken: -\n"
        b"data: 12\nhello\nworld\n\n.\n",
        *record(
            "open",
            {
                "display-name": "vm:untitled",
                "real-path": "",
                "data-on-save": "yes",
                "re-activate": "yes",
                "token": "-",
            },
            TEXT,
        ),
        Dot(),
    ),
    _client(
        "python: standard input in a pipe, selection and type before the token",
        b"open\nselection: 7\nfile-type: text.html\ndisplay-name: vm:untitled\ndata-on-save: yes\n"
        b"re-activate: yes\ntoken: |\ndata: 12\nhello\nworld\n\n.\n",
        *record(
            "open",
            {
                "selection": "7",
                "file-type": "text.html",
                "display-name": "vm:untitled",
                "data-on-save": "yes",
                "re-activate": "yes",
                "token": "|",
            },
            TEXT,
        ),
        Dot(),
    ),
    _client(
        "perl: always asks for a new window",
        USUAL + b"new: yes\ndata: 12\nhello\nworld\n\n.\n",
        *record("open", {**FILE, "new": "yes"}, TEXT),
        Dot(),
    ),
    _client(
        "C of hanklords: no host in the name",
        USUAL.replace(b"vm:f.txt", b"f.txt") + b"data: 12\nhello\nworld\n\n.\n",
        *record("open", {**FILE, "display-name": "f.txt"}, TEXT),
        Dot(),
    ),
    _client(
        "C of silverzhao: standard input is called -",
        USUAL.replace(b"/abs/f.txt", b"-") + b"data: 12\nhello\nworld\n\n.\n",
        *record("open", {**FILE, "real-path": "-"}, TEXT),
        Dot(),
    ),
    _client(
        "gomate: no real-path, and a dot after every file",
        2
        * (
            b"open\ndisplay-name: f.txt\ndata-on-save: yes\nre-activate: yes\ntoken: "
            + MD5.encode()
            + b"\ndata: 12\nhello\nworld\n\n.\n"
        ),
        *2
        * [
            *record(
                "open",
                {"display-name": "f.txt", "data-on-save": "yes", "re-activate": "yes", "token": MD5},
                TEXT,
            ),
            Dot(),
        ],
    ),
    _client(
        "jmate: the address for a host",
        USUAL.replace(b"vm:f.txt", b"127.0.0.1:f.txt") + b"data: 12\nhello\nworld\n\n.\n",
        *record("open", {**FILE, "display-name": "127.0.0.1:f.txt"}, TEXT),
        Dot(),
    ),
    _client(
        "jmate: file that is not there yet: a stray 0 and no blank line",
        USUAL + b"data: 0\n0\n.\n",
        *record("open", FILE, b""),
        Dot(),
    ),
    _client(
        "rmate-rs: an empty selection",
        b"open\ndisplay-name: vm:f.txt\nreal-path: /abs/f.txt\ndata-on-save: yes\nre-activate: no\n"
        b"token: 1f2e3d\nselection: \ndata: 12\nhello\nworld\n\n.\n",
        *record("open", {**BASE, "re-activate": "no", "token": "1f2e3d", "selection": ""}, TEXT),
        Dot(),
    ),
    _client(
        "pwsh: the path for a token",
        USUAL.replace(b"token: f.txt", b"token: /abs/f.txt") + b"data: 12\nhello\nworld\n\n.\n",
        *record("open", {**FILE, "token": "/abs/f.txt"}, TEXT),
        Dot(),
    ),
    _client("mate: nothing to open, bring the editor to front", b".\n", Dot()),
    _client(
        "a name that is not UTF-8",
        USUAL.replace(b"f.txt", b"\xff.txt") + b"data: 12\nhello\nworld\n\n.\n",
        *record(
            "open",
            {**FILE, "display-name": "vm:\udcff.txt", "real-path": "/abs/\udcff.txt", "token": "\udcff.txt"},
            TEXT,
        ),
        Dot(),
    ),
    _client(
        "a second open after the dot",
        USUAL + b"data: 1\na\n.\n" + USUAL + b"data: 1\nb\n.\n",
        *record("open", FILE, b"a"),
        Dot(),
        *record("open", FILE, b"b"),
        Dot(),
    ),
    _client(
        "no data header at all, no space behind the colon, CRLF, and blank lines first",
        b"\r\n\r\nopen\r\ntoken:f.txt\r\nDisplay-Name: vm:f.txt\r\n\r\n.\r\n",
        *record("open", {"token": "f.txt", "display-name": "vm:f.txt"}),
        Dot(),
    ),
    _client(
        "several blocks, and a header behind the body",
        USUAL + b"data: 3\nheldata: 9\nlo\nworld\nnew: yes\n\n.\n",
        *record("open", FILE, b"hel", b"lo\nworld\n"),
        Dot(),
    ),
    _client(
        "a text that looks like the protocol",
        USUAL + b"data: 25\nopen\ntoken: x\ndata: 3\n.\n\n\n.\n",
        *record("open", FILE, b"open\ntoken: x\ndata: 3\n.\n\n"),
        Dot(),
    ),
    _client(
        "a command nobody knows, with headers and data, between two files",
        USUAL + b"data: 1\na\nset-mark\nline: 3\ndata: 5\nopen\n\n\n" + USUAL + b"data: 1\nb\n.\n",
        *record("open", FILE, b"a"),
        *record("open", FILE, b"b"),
        Dot(),
    ),
]

ONE_SAVE = b"save\ntoken: t1\ndata: 12\nhello\nworld\n\n"
ONE_CLOSE = b"close\ntoken: t1\n\n"
T1 = {"token": "t1"}
TEXTMATE = "220 mac.local RMATE TextMate (Darwin 21.6.0)"
BLOCK = bytes(range(256)) * 4

SERVERS = [
    _server(
        "TextMate: LF greeting, then CRLF, a save in blocks of 1 KB",
        TEXTMATE.encode()
        + b"\nsave\r\ntoken: t1\r\ndata: 1024\r\n"
        + BLOCK
        + b"data: 1024\r\n"
        + BLOCK
        + b"data: 3\r\nend\r\nclose\r\ntoken: t1\r\n\r\n",
        TEXTMATE,
        *record("save", T1, BLOCK, BLOCK, b"end"),
        *record("close", T1),
    ),
    _server(
        "TextMate: an emptied text has no data header",
        TEXTMATE.encode() + b"\nsave\r\ntoken: t1\r\n\r\nclose\r\ntoken: t1\r\n\r\n",
        TEXTMATE,
        *record("save", T1),
        *record("close", T1),
    ),
    _server(
        "TextMate: the CR of a text stays",
        TEXTMATE.encode() + b"\nsave\r\ntoken: t1\r\ndata: 6\r\na\r\nb\r\n\r\n",
        TEXTMATE,
        *record("save", T1, b"a\r\nb\r\n"),
    ),
    _server(
        "RemoteSubl",
        b"Sublime Text 3 (remote_subl plugin)\n" + ONE_SAVE + ONE_CLOSE,
        "Sublime Text 3 (remote_subl plugin)",
        *record("save", T1, TEXT),
        *record("close", T1),
    ),
    _server(
        "RemoteSubl: two saves without a final LF",
        b"Sublime Text 3 (remote_subl plugin)\n" + 2 * b"save\ntoken: t1\ndata: 5\nhello\n" + ONE_CLOSE,
        "Sublime Text 3 (remote_subl plugin)",
        *2 * record("save", T1, b"hello"),
        *record("close", T1),
    ),
    _server(
        "rsub",
        b"Sublime Text 2 (rsub plugin)\n" + ONE_SAVE + ONE_CLOSE,
        "Sublime Text 2 (rsub plugin)",
        *record("save", T1, TEXT),
        *record("close", T1),
    ),
    _server(
        "rsub, as it was at first: CRLF, the greeting too",
        b"Sublime Text 2 (rsub plugin)\r\nsave\r\ntoken: t1\r\ndata: 12\r\nhello\nworld\n\r\n"
        b"close\r\ntoken: t1\r\n\r\n",
        "Sublime Text 2 (rsub plugin)",
        *record("save", T1, TEXT),
        *record("close", T1),
    ),
    _server(
        "remote-vscode: closes without close", b"VSCode 1\n" + ONE_SAVE, "VSCode 1", *record("save", T1, TEXT)
    ),
    _server(
        "remote-vscode: close without a token",
        b"VSCode 1\n" + ONE_SAVE + b"close\n\n",
        "VSCode 1",
        *record("save", T1, TEXT),
        *record("close", {}),
    ),
    _server(
        "remote-vscode: a command no client knows",
        b"VSCode 1\nlist\npath: /etc\n\n" + ONE_SAVE,
        "VSCode 1",
        *record("save", T1, TEXT),
    ),
    _server(
        "dersimn, duncannah: a token they did not get",
        b"VSCode 1\nsave\ntoken: undefined\ndata: 0\n\n" + ONE_CLOSE,
        "VSCode 1",
        *record("save", {"token": "undefined"}, b""),
        *record("close", T1),
    ),
    _server(
        "remote-atom",
        b"Atom 1.60.0\n" + ONE_SAVE + ONE_CLOSE,
        "Atom 1.60.0",
        *record("save", T1, TEXT),
        *record("close", T1),
    ),
    _server(
        "zed-rmate-server: close, no token, no blank line",
        b"zed-rmate-server 0\n" + ONE_SAVE + b"close\n",
        "zed-rmate-server 0",
        *record("save", T1, TEXT),
        *record("close", {}),
        unfinished=True,
    ),
    _server(
        "zed-rmate-server: the same twice",
        b"zed-rmate-server 0\nclose\nclose\n",
        "zed-rmate-server 0",
        *2 * record("close", {}),
        unfinished=True,
    ),
    _server(
        "rmate-server: closes without close",
        b"rmate-server\n" + ONE_SAVE,
        "rmate-server",
        *record("save", T1, TEXT),
    ),
    _server(
        "blank lines and junk between commands",
        b"rmate-server\n\n\n0\n" + ONE_SAVE + b"\n\nwhat is this\n" + ONE_CLOSE,
        "rmate-server",
        *record("save", T1, TEXT),
        *record("close", T1),
    ),
    _server(
        "headers before, after and between, and one nobody knows",
        b"rmate-server\nsave\nx-time: 12:30\ntoken: t1\nsize: 12\ndata: 12\nhello\nworld\n\n",
        "rmate-server",
        *record("save", {"x-time": "12:30", "token": "t1", "size": "12"}, TEXT),
    ),
    _server(
        "nobody so far: a token behind the data is not heard",
        b"rmate-server\nsave\ndata: 12\nhello\nworld\ntoken: t1\n\n",
        "rmate-server",
        *record("save", {}, TEXT),
    ),
]

ALL = CLIENTS + SERVERS
