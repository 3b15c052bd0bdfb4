"""The text of ssh_config: what ``rbridge setup`` adds to it, and finds in it again. No file is touched here.

Our lines stand in a file of their own, one block a host. A block's first line carries a sum over the rest, so
that a change by hand is seen::

    # rbridge setup: begin gpu1 3b1f0a9c2d4e5f60
    Match originalhost gpu1 exec "..."
        RemoteForward ...
    # rbridge setup: end gpu1

sshd never unlinks the socket of a forward, and while the file is there the next forward to it is refused. So
each connection gets a path of its own: the command of ``Match exec`` writes the RemoteForward with the time
and a pid in it, and the Include below reads it. Over a living ControlMaster the master's pid takes their
place: all sessions then ask for one forward, which ssh counts as the same. ``RBRIDGE_SSH`` in ssh's
environment turns it all off, for connections that carry rbridge's own forward.

RACE: two logins on one host within some milliseconds may read the same RemoteForward. One of them then warns
that it cannot forward, and goes through the other's while that lasts.
"""

from __future__ import annotations

import os.path
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256

from rbridge.errors import UsageError, clean

SOCKET_PATH = 107  # bytes that ssh takes for a socket's path
UNIQUE = "_UNIQUE_"  # in the model of a RemoteForward: the time and a pid take its place
UNIQUE_LENGTH = len("1234567890-4194304")
OFF = "RBRIDGE_SSH"
"""The variable that turns the blocks off where it is set and not empty."""

PORT = "RemoteForward 127.0.0.1:"
HEAD = "# rbridge setup HOST wrote this, rbridge setup --remove takes it back.\n"
MADE = "# rbridge setup: made "

_HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:-]*")
_BEGIN = re.compile(r"# rbridge setup: begin (\S+) ([0-9a-f]{16})\s*")
_END = "# rbridge setup: end {}"
_UNSAFE = re.compile(r"""[^ -~\u00a0-\U0010ffff]|['"\\%*?\[\]{}$`]""")
_INCLUDE = re.compile(r"\s*include(?:\s*=\s*|\s+)(.*?)\s*", re.IGNORECASE)
_SECTION = re.compile(r"\s*(host|match)(?:\s*=\s*|\s+)(.*?)\s*", re.IGNORECASE)
_WORD = re.compile(r'"([^"]*)"|(\S+)')

# $1: the daemon's socket, $2: our file, $3: where the RemoteForward goes, $4: the ControlPath, if any.
_PLAIN = "u=$(date +%%s)-$$"
_SHARED = "u=$(ssh -F none -S $4 -O check x 2>&1 | sed -n s/.*pid=//p | tr -cd 0-9); u=${u:-$(date +%%s)-$$}"
_SCRIPT = (
    "set -f; IFS=; umask 077; test -z $RBRIDGE_SSH && test -S $1 || exit 1; @UNIQUE@; "
    "sed -n -e s/_UNIQUE_/$u/ -e s/^#@MARK@.//p $2 >$3.$$ && mv -f $3.$$ $3"
)


@dataclass(frozen=True)
class Entry:
    """The block of one *host*: *lines* without the two that enclose them."""

    host: str
    lines: tuple[str, ...]

    @property
    def sum(self) -> str:
        return _sum(self.lines)

    @property
    def text(self) -> str:
        begin, end = f"# rbridge setup: begin {self.host} {self.sum}", _END.format(self.host)
        return "".join(f"{line}\n" for line in (begin, *self.lines, end))


@dataclass(frozen=True)
class Block:
    """A block as it was found: *text* is all of it, *edited* whether somebody changed it."""

    host: str
    text: str
    edited: bool


@dataclass(frozen=True)
class Fragment:
    """Our file: blocks, and between them what somebody else wrote, which is kept as it is."""

    parts: tuple[str | Block, ...] = ()

    @property
    def text(self) -> str:
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(part.host for part in self.parts if isinstance(part, Block))

    def find(self, host: str) -> Block | None:
        return next((part for part in self.parts if isinstance(part, Block) and part.host == host), None)

    def put(self, entry: Entry) -> Fragment:
        """With *entry* where the block of its host was, or at the end."""
        made = Block(entry.host, entry.text, edited=False)
        if self.find(entry.host) is None:
            return Fragment((*self.parts, made))
        return Fragment(tuple(made if _is(part, entry.host) else part for part in self.parts))

    def drop(self, host: str) -> Fragment:
        return Fragment(tuple(part for part in self.parts if not _is(part, host)))

    def is_empty(self) -> bool:
        """Whether nothing is left but what we put at its head."""
        lines = _lines(self.text)
        return all(line == HEAD or line.startswith(MADE) or not line.strip() for line in lines)

    @property
    def made(self) -> tuple[str, ...]:
        """The paths that were made together with it, as :func:`head` was told."""
        return tuple(line[len(MADE) :].rstrip() for line in _lines(self.text) if line.startswith(MADE))


def head(made: tuple[str, ...]) -> Fragment:
    """A new file's beginning; *made* are the paths that exist only because of it."""
    return Fragment((HEAD + "".join(f"{MADE}{path}\n" for path in made),))


def parse(text: str) -> Fragment:
    """The blocks of our file; one that has no end is text of somebody else's."""
    parts: list[str | Block] = []
    lines = _lines(text)
    at = 0
    while at < len(lines):
        begins = _BEGIN.fullmatch(lines[at])
        end = _end(lines, at, begins[1]) if begins else None
        if begins is None or end is None:
            parts.append(lines[at])
            at += 1
            continue
        inside = tuple(line.rstrip("\r\n") for line in lines[at + 1 : end])
        parts.append(Block(begins[1], "".join(lines[at : end + 1]), _sum(inside) != begins[2]))
        at = end + 1
    return Fragment(tuple(parts))


def _end(lines: list[str], begin: int, host: str) -> int | None:
    for at in range(begin + 1, len(lines)):
        if lines[at].rstrip() == _END.format(host):
            return at
        if _BEGIN.fullmatch(lines[at]):
            return None
    return None


def _is(part: str | Block, host: str) -> bool:
    return isinstance(part, Block) and part.host == host


def _sum(lines: tuple[str, ...]) -> str:
    return sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def check_host(host: str) -> str:
    """*host*, if it is a name that may stand in ssh_config as it is; raises UsageError."""
    if _HOST.fullmatch(host):
        return host
    if host.startswith("-"):
        raise UsageError(f"{clean(host)} is no host")
    hint = "give one alias of ~/.ssh/config, or one host name, as you type it after ssh"
    if "@" in host or "/" in host:
        hint = f"write the user and the port into ~/.ssh/config (Host, User, Port); {hint}"
    raise UsageError(f"{clean(host)!r} cannot stand in a block of ssh_config", hint)


def check_path(path: str, what: str) -> str:
    """*path*, if it may stand in ssh_config and in its commands; *what* names it in the UsageError."""
    found = _UNSAFE.search(path)
    if found or not path.startswith("/"):
        why = f"has a {found[0]!r} in it" if found else "is not absolute"
        raise UsageError(f"{what}, {clean(path)}, {why}: ssh_config cannot hold it", "use rbridge ssh HOST")
    return path


def mark(host: str) -> str:
    """8 hexadecimal digits that stand for *host* in names of files."""
    return sha256(host.encode()).hexdigest()[:8]


def socket_entry(host: str, directory: str, laptop: str, socket: str, fragment: str, control: str) -> Entry:
    """The block that leads *socket*, the daemon's, to a socket in *directory* of *host*.

    *laptop* is this laptop's identity, *fragment* the path of our file, *control* the ControlPath that the
    user's configuration gives this host, "" without. Raises UsageError for what ssh_config cannot hold and
    for a path that is too long for a socket.
    """
    directory = check_path(directory, f"the directory for sockets on {host}")
    remote = f"{directory}/{laptop[:8]}-{UNIQUE}.sock"
    length = len(remote.encode("utf-8", "surrogateescape")) - len(UNIQUE) + UNIQUE_LENGTH
    if length > SOCKET_PATH:
        raise UsageError(
            f"a socket in {directory} on {host} has a path of {length} bytes, {SOCKET_PATH} are allowed",
            f"use the port: rbridge setup {host} --port 52698",
        )
    written = os.path.join(os.path.dirname(socket), f"forward.{mark(host)}")
    words = [check_path(socket, "the daemon's socket"), check_path(fragment, "the file"), written]
    if control:
        words.append(check_path(control, "the ControlPath"))
    script = _SCRIPT.replace("@UNIQUE@", _SHARED if control else _PLAIN).replace("@MARK@", mark(host))
    command = " ".join(["/bin/sh -c", f"'{script}'", "sh", *(f"'{word}'" for word in words)])
    return Entry(
        host,
        (
            "# While the daemon runs each login forwards a socket of its own: sshd leaves old ones behind.",
            f'#{mark(host)} RemoteForward "{remote}" "{socket}"',
            f'Match originalhost {host} exec "{command}"',
            f'    Include "{written}"',
        ),
    )


def port_entry(host: str, port: int, local: str, socket: str) -> Entry:
    """The block that leads the daemon's address *local* to *port* of *host*, as rmate's users have it.

    The address is explicit: without one ssh says nothing when somebody else holds the port in one family.
    """
    path = check_path(socket, "the daemon's socket")
    test = f"/bin/sh -c 'IFS=; test -z ${OFF} && test -S $1' sh '{path}'"
    return Entry(
        host,
        (
            f'Match originalhost {host} exec "{test}"',
            f"    {PORT}{port} {local}",
        ),
    )


def is_included(text: str, path: str, base: str, home: str) -> bool:
    """Whether *text* includes *path* for every host: before its first Host or Match.

    *base* is what relative patterns begin at, *home* what ``~`` stands for.
    """
    for line in _lines(text):
        if _SECTION.fullmatch(line):
            return False
        included = _INCLUDE.fullmatch(line)
        if included and any(_covers(pattern, path, base, home) for pattern in _words(included[1])):
            return True
    return False


def include(text: str, line: str) -> str:
    """*text* with *line* as its first, ended as the others are."""
    first = text.partition("\n")[0]
    return line + ("\r\n" if first.endswith("\r") else "\n") + text


def exclude(text: str, line: str) -> str:
    """*text* without its first *line* of that content, as :func:`include` put it there."""
    lines = _lines(text)
    for at, found in enumerate(lines):
        if found.rstrip("\r\n") == line:
            return "".join(lines[:at] + lines[at + 1 :])
    return text


def names(text: str) -> tuple[list[str], list[str]]:
    """The aliases that *text* has Host lines for, and the patterns that it includes, in their order.

    Patterns of hosts (``*``, ``?``, ``!``) are left out.
    """
    hosts: list[str] = []
    included: list[str] = []
    for line in _lines(text):
        section, include_ = _SECTION.fullmatch(line), _INCLUDE.fullmatch(line)
        if section and section[1].lower() == "host":
            hosts += [word for word in _words(section[2]) if not set(word) & set("*?!")]
        elif include_:
            included += _words(include_[1])
    return hosts, included


def absolute(pattern: str, base: str, home: str) -> str:
    """An Include's *pattern* as ssh reads it: ``~`` is *home*, a relative one begins at *base*."""
    if pattern == "~" or pattern.startswith("~/"):
        return home + pattern[1:]
    return os.path.join(base, pattern)


def _covers(pattern: str, path: str, base: str, home: str) -> bool:
    parts = absolute(pattern, base, home).split("/")
    names = path.split("/")
    return len(parts) == len(names) and all(map(fnmatchcase, names, parts))


def _lines(text: str) -> list[str]:
    """Its lines with their ends; only a line feed ends one, as ssh sees it."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _words(text: str) -> list[str]:
    """The words of a line; what follows a ``#`` is a comment."""
    words = []
    for quoted, plain in _WORD.findall(text):
        if plain.startswith("#"):
            break
        words.append(quoted or plain)
    return words
