"""Golden conversations of link/1: every record once at least, in a session that is opened, saved in, cut,
taken up again, and given a second connection.

A :class:`Conversation` is one connection. Its turns are one record each, byte for byte, in the order in which
they are said; what a party says may be cut after any byte. All texts, sizes and hashes are true, and bodies
that are packed were packed once and for all.

Long, because every record is in it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from rbridge.wire.connection import EDITOR, HOST
from rbridge.wire.records import Event, Greeting
from tests.wire.conversation import record


class Turn(NamedTuple):
    by: str
    said: bytes
    events: list[Event]
    """What the other party hears of it, bodies whole."""


class Conversation(NamedTuple):
    name: str
    turns: list[Turn]

    def said(self, by: str) -> bytes:
        """All that one party says, from its first byte to its last."""
        return b"".join(turn.said for turn in self.turns if turn.by == by)

    def events(self, by: str) -> list[Event]:
        """All that is heard of that party."""
        return [event for turn in self.turns if turn.by == by for event in turn.events]


IDENTITY = "0123456789abcdef"
NONCE = "00112233445566778899aabbccddeeff"
GREETING = f"220 laptop RMATE rbridge/0.1.0 link/1 editor=vim id={IDENTITY}"
SESSION = "5e55105e55105e55105e55105e551000"

ONE = b"".join(b"line %d\n" % number for number in range(40))
TWO = ONE.replace(b"line 7\n", b"line seven\n")
THREE = TWO + b"the end\n"
THEIRS = TWO.replace(b"line 0\n", b"line zero\n")
MINE = THREE.replace(b"line 39\n", b"line thirty-nine\n")
GROWN = b"more of the log\n"

ONE_TO_TWO = bytes.fromhex("78da63dcc594cbc0559c5a969af79f9909001e84045a")
TWO_TO_THEIRS = bytes.fromhex("78da63dccb2494939997aa50955a94ff928507002b1e0554")
MINE_PACKED = bytes.fromhex(
    "78da35cf4d0a02410c44e17d9f622e20982a7fef636006865e6823787b95bc5ebd5a7d24fbd67339b6fd9fa8a8e2caa9"
    "72ae5c2aaf7c67af79abdc212685156081167081178071a57081273ccddbf084273ce1094f78c2139ef18ce7f92c9ef1"
    "8c673ce3196facdb737c0efdb7db5873c9fe685fd0e65f7c"
)
THREE_PACKED = bytes.fromhex(
    "78da35cf310ac3400c44d17e4fe1234433b113df278218966d6c7cfe10f4b7faaa1ea37e8c5c1eadff1315555c7956d6"
    "ca5639f3ce51e7bbb2434c0a2bc0022de0022f00e345e1024f789adbf084273ce1094f78c2139ef18ce7f92c9ef18c67"
    "3ce319cf7bbbbeb9e4f8b41f76705b6d"
)

THREE_END_PACKED = bytes.fromhex(
    "78012dcc3b0a80401044c17c4eb14770bbfded7d1c509089bc3f0abea8b2aa6cdd715ff539e3822b6eb8e3f8d5841d85"
    "7ce2139ff8c4273ef199cf7ce6339ff9cc673ef399cf239e335bd6112fdc603dd1"
)  # without its first 100 bytes
THREE_IN_BLOCKS = b"\0\0\0\0d" + THREE[:100] + b"\1\0\0\0\x51" + THREE_END_PACKED


def digest(text: bytes) -> str:
    return sha256(text).hexdigest()


def stamp(text: bytes) -> dict[str, str]:
    """The headers that say which text is meant."""
    return {"sha256": digest(text), "size": str(len(text))}


def _said(by: str, command: str, body: bytes | None = None, /, **values: str) -> Turn:
    headers = {name.replace("_", "-"): value for name, value in values.items()}
    lines = [command, *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None:
        lines.append(f"data: {len(body)}")
    said = "\n".join(lines).encode() + b"\n" + (body or b"") + b"\n"
    return Turn(by, said, record(command, headers, *([] if body is None else [body])))


def host(command: str, body: bytes | None = None, /, **values: str) -> Turn:
    return _said(HOST, command, body, **values)


def editor(command: str, body: bytes | None = None, /, **values: str) -> Turn:
    return _said(EDITOR, command, body, **values)


def greeting(text: str = GREETING) -> Turn:
    return Turn(EDITOR, text.encode() + b"\n", [Greeting(text)])


def link(**more: str) -> Turn:
    """The host's first record, of this session."""
    return host(
        "link",
        version="0.1.0",
        user="ada",
        host="gpu1",
        cwd="/home/ada",
        pid="4711",
        session=SESSION,
        **more,
    )


MAIN = Conversation(
    "open, save as a delta, conflict",
    [
        greeting(),
        link(),
        host(
            "open",
            ONE,
            token="1",
            display_name="gpu1:notes.txt",
            real_path="/home/ada/100%25/notes.txt",
            data_on_save="yes",
            re_activate="yes",
            selection="7:3",
            wait="yes",
            mode="0644",
        ),
        host("open", token="2", display_name="gpu1:new.txt", real_path="/home/ada/new.txt", absent="yes"),
        editor("linked", standing="new"),
        editor("opened", token="1", editor="vim"),
        editor("opened", token="2", editor="vim", note="an older text of this file is kept here"),
        editor("focus", token="1"),
        editor("state", token="1", state="dirty"),
        editor("save", ONE_TO_TWO, token="1", save="1", base=digest(ONE), encoding="delta", **stamp(TWO)),
        host("beat"),
        host("saved", token="1", save="1"),
        editor("state", token="1", state="clean"),
        editor("save", b"new\n", token="2", save="1", base="absent", **stamp(b"new\n")),
        host("refused", token="2", save="1", reason="no-space", message="new.txt: disk full", absent="yes"),
        editor("save", THREE, token="1", save="2", base=digest(TWO), **stamp(THREE)),
        host(
            "refused",
            token="1",
            save="2",
            reason="conflict",
            message="notes.txt has changed on gpu1",
            kept="/home/ada/.local/state/rbridge/kept/notes.txt",
            **stamp(THEIRS),
        ),
        host("changed", TWO_TO_THEIRS, token="1", base=digest(TWO), encoding="delta", **stamp(THEIRS)),
        editor("state", token="1", state="conflict", message="notes.txt has changed on gpu1"),
        host("resolve", token="1", choose="show"),
        editor("mine", MINE_PACKED, token="1", encoding="zlib", size=str(len(MINE))),
        host("resolve", token="1", choose="mine"),
        editor(
            "save",
            THREE_PACKED,
            token="1",
            save="3",
            base=digest(TWO),
            over=digest(THEIRS),
            encoding="zlib",
            **stamp(THREE),
        ),
        editor("beat"),
    ],
)
"""It breaks here: the answer to the last save is lost."""

RESUMED = Conversation(
    "resume, changes on the host, a file that goes away",
    [
        greeting(),
        link(resume="yes"),
        editor("linked", standing="resumed"),
        host("resume", token="1", save="3", **stamp(THREE)),
        host("resume", token="2", absent="yes"),
        editor("save", b"new\n", token="2", save="2", base="absent", **stamp(b"new\n")),
        editor("opened", token="1", editor="vim"),
        host("slow", token="2", save="2", message="new.txt: its file system has not answered for 5 s"),
        host("saved", token="2", save="2"),
        editor("close", token="2"),
        host("changed", b"", token="1", replaced="yes", **stamp(b"")),
        editor("fetch", token="1"),
        host("changed", b"back\n", token="1", fetched="yes", grows="yes", **stamp(b"back\n")),
        editor("dial", dial="1"),
        host("gone", token="1", reason="gone", message="notes.txt was deleted"),
        editor("close", token="1", unsaved="yes"),
        host("open", b"end\n", token="3", display_name="gpu1:log", real_path="/log", follow="yes", at="4096"),
        editor("opened", token="3", editor="vim"),
        host("append", GROWN, token="3", at="4100"),
        host("append", GROWN, token="3", at="0", restart="yes"),
        host("close", token="3"),
        editor("bye", message="the daemon is stopped"),
    ],
)

JOINED = Conversation(
    "a second connection by dial, for a large text",
    [
        greeting(),
        link(join="1"),
        editor("linked", standing="joined"),
        editor("save", THREE * 40, token="1", save="4", base=digest(b"back\n"), **stamp(THREE * 40)),
        host("beat"),
        host("saved", token="1", save="4"),
        host(
            "open",
            THREE_IN_BLOCKS,
            token="4",
            display_name="gpu1:large.txt",
            real_path="/large.txt",
            encoding="blocks",
            size=str(len(THREE)),
        ),
        editor("opened", token="4", editor="vim"),
    ],
)

PROVED = Conversation(
    "a proof on both sides, over TCP",
    [
        greeting(f"{GREETING} nonce={NONCE}"),
        link(
            key="00000000000000aa",
            nonce="ffeeddccbbaa99887766554433221100",
            proof="e1fbcfc358f55a1306119d8236e16cf3217c9aff145d613be0cd59ad785991ec",
        ),
        editor(
            "linked",
            standing="new",
            proof="f2e7039306202ca66fc290d7bfce83192f35102073c6dea54983a60b82c0b6c1",
        ),
        host("open", ONE, token="1", display_name="gpu1:notes.txt", real_path="/home/ada/notes.txt"),
        editor("refused", token="1", reason="no-editor", message="no editor could be started"),
    ],
)

REFUSED = Conversation(
    "a link that is refused",
    [
        greeting(),
        link(resume="yes"),
        editor("linked", standing="refused", message="this session was begun with a proof"),
    ],
)

ENTRIES = (
    b'{"entries":[{"name":"100%25","type":"directory"},{"name":"a.py","type":"file","size":4}],"next":"a.py"}'
)
MATCH = (
    b'{"matches":[{"path":"a.py","line":1,"column":1,"length":3,"text":"new"}],"truncated":false,"by":"rg"}'
)
ENTRIES_PACKED = bytes.fromhex(
    "789cab564acd2b29ca4c2d56b28aae56ca4bcc4d55b25232343050353255d2512aa92c00f153328b52934bf28b2a956a"
    "75e08a12f50a2a114ad232735281bce2cc2a20cfa4365647292fb5a204a6ac160091d92033"
)

FOLDER = Conversation(
    "a folder: listed, searched, changed, and a document opened from it",
    [
        greeting(),
        link(),
        host(
            "folder",
            token="f1",
            display_name="gpu1:proj",
            real_path="/home/ada/proj",
            re_activate="yes",
            new="yes",
            wait="yes",
        ),
        editor("linked", standing="new"),
        editor("opened", token="f1", editor="vim"),
        editor("ask", token="f1", request="1", do="list", path="", limit="2"),
        host("answer", ENTRIES_PACKED, token="f1", request="1", encoding="zlib", size=str(len(ENTRIES))),
        editor("ask", b'{"paths":["","a.py"]}', token="f1", request="2", do="watch"),
        host("answer", b'{"changed":[]}', token="f1", request="2", more="yes"),
        editor("ask", token="f1", request="3", do="find", query="a p", limit="50"),
        editor("ask", token="f1", request="4", do="search", query="new", case="smart", include="*.{c%2Cpy}"),
        host("answer", b'{"paths":["a.py"]}', token="f1", request="3", more="yes"),
        editor("cancel", token="f1", request="3"),
        host("answer", MATCH, token="f1", request="4"),
        host("answer", token="f1", request="3", reason="cancelled", message="it was not wanted any more"),
        editor("ask", b"first\n", token="f1", request="5", do="make", path="100%25/b.py", kind="file"),
        editor("ask", token="f1", request="6", do="move", path="100%25/b.py", to="b.py", over="yes"),
        host("answer", b"{}", token="f1", request="5"),
        host("answer", b'{"documents":[]}', token="f1", request="6"),
        editor("ask", token="f1", request="7", do="read", path="b.py", at="0", length="1000"),
        host("answer", b"first\n", token="f1", request="7", total="6", mtime="1700000000000000000"),
        editor(
            "ask",
            b"second\n",
            token="f1",
            request="8",
            do="write",
            path="b.py",
            base=digest(b"first\n"),
            **stamp(b"second\n"),
        ),
        host(
            "answer",
            b'{"absent":true}',
            token="f1",
            request="8",
            reason="conflict",
            message="b.py has changed on gpu1",
        ),
        host("answer", b'{"changed":[""]}', token="f1", request="2", more="yes"),
        editor("ask", token="f1", request="9", do="remove", path="100%25", recursive="yes"),
        host("answer", b"{}", token="f1", request="9"),
        editor("ask", token="f1", request="10", do="open", path="a.py", selection="1:1"),
        host(
            "open",
            b"new\n",
            token="4",
            display_name="gpu1:proj/a.py",
            real_path="/home/ada/proj/a.py",
            folder="f1",
            request="10",
        ),
        editor("opened", token="4", editor="vim"),
        editor("close", token="f1"),
    ],
)

FOLDER_RESUMED = Conversation(
    "a folder is taken up again",
    [
        greeting(),
        link(resume="yes"),
        editor("linked", standing="resumed"),
        host(
            "resume",
            token="f1",
            folder="yes",
            display_name="gpu1:proj",
            real_path="/home/ada/proj",
            read_only="yes",
            wait="yes",
        ),
        editor("opened", token="f1", editor="vim"),
        host("close", token="f1"),
    ],
)

STREAM = Conversation(
    "a stream: a language server on a connection that was dialled for it, and a file that it named",
    [
        greeting(),
        link(join="3"),
        editor("linked", standing="joined"),
        editor("stream", token="1", to="lsp", server="pylsp"),
        host("streaming", token="1", server="pylsp", kind="types", language="python", root="/home/ada/proj"),
        editor("bytes", b"Content-Length: 2\r\n\r\n{}"),
        host("bytes", b"Content-Length: 2\r\n"),
        host("bytes", b"\r\n{}"),
        editor("ask", token="1", request="1", do="open", path="/usr/lib/python3/os.py", selection="3"),
        host(
            "open",
            b"new\n",
            token="5",
            display_name="gpu1:os.py",
            real_path="/usr/lib/python3/os.py",
            read_only="yes",
            folder="1",
            request="1",
        ),
        editor("opened", token="5", editor="vim"),
        editor("ended", token="1"),
        host("ended", token="1", reason="closed", status="0"),
        editor("stream", token="1", to="servers", language="cobol"),
        host("ended", token="1", reason="none", message="no language server for cobol"),
    ],
)

PORT = Conversation(
    "a port: asked for, allowed, resumed with a page, and closed",
    [
        greeting(),
        link(),
        host("port", token="p1", port="8888", wanted="9000"),
        editor("state", token="p1", state="asking", message="the laptop asks its user"),
        editor("opened", token="p1", editor="http://127.0.0.1:9001", note="9000 is taken"),
        host("resume", token="p1", port="8888", wanted="9001", url="http://localhost/?a", re_activate="yes"),
        editor("opened", token="p1", editor="http://127.0.0.1:9001"),
        host("port", token="p2", port="0", url="https://example.org/"),
        editor("refused", token="p2", reason="unanswered", message="nobody answered"),
        editor("dial", dial="1"),
        host("close", token="p1"),
    ],
)

PORT_STREAM = Conversation(
    "a connection to a port, of which each side ends for itself",
    [
        greeting(),
        link(join="1"),
        editor("linked", standing="joined"),
        editor("stream", token="p1", to="port"),
        editor("bytes", b"GET / HTTP/1.0\r\n\r\n"),
        host("bytes", b"HTTP/1.0 200 OK\r\n\r\n"),
        host("bytes", last="yes"),
        editor("bytes", b"more"),
        editor("ended", token="p1"),
        host("ended", token="p1", reason="closed"),
    ],
)

LINKS = [MAIN, RESUMED, JOINED, PROVED, REFUSED, FOLDER, FOLDER_RESUMED, STREAM, PORT, PORT_STREAM]
