"""Which language servers there are for a document, in what project: the answer to ``to: servers``."""

import json
import os

from rbridge import paths
from rbridge.client import handover, process, servers
from rbridge.client.streams import Stream
from rbridge.client.worker import Worker
from rbridge.errors import clean
from rbridge.wire import codec

MYPY = False
if MYPY:
    from typing import Any, Dict, Optional

    from rbridge.client.channel import Channel
    from rbridge.client.delivery import Document
    from rbridge.client.session import Session
    from rbridge.client.source import Source

FIRST = 256  # bytes of a file that may say what language it is
NONE = "there is no {} on the PATH of the shell that opened the file"


def asked(said: "Dict[str, str]") -> "Dict[str, str]":
    """What *said* asks for. Raises RemoteProtocolError."""
    names = ("language", "server", "root")
    return {name: paths.encodable(codec.unquote(said.get(name, ""))) for name in names}


def found(session: "Session", document: "Document", wanted: "Dict[str, str]") -> "Dict[str, Any]":
    """Which servers there are for *document*, and in what language; takes as long as the disk does."""
    source = document.source
    variables = process.variables(handover.environment() if source.shell is None else source.shell)
    settings = servers.settings(variables)
    path = source.real  # as the laptop calls it: with the links that its real path has not
    if source.stdin:  # is nowhere: what counts is where the shell is
        shell = os.fsdecode(variables.get(b"PWD", b""))
        path = os.path.join(shell if os.path.isabs(shell) else paths.home(), "stdin")
    language = (
        servers.known(wanted["language"])
        or servers.known(source.type)
        or servers.language_of(path, first_line(source))
    )
    listed = servers.find(language, variables.get(b"PATH", b""), settings) if language else []
    other = session.named.project(source.real) if session.named is not None else ""
    return {
        "language": language,
        "servers": listed,
        "root": path if source.folder else other or servers.root_of(path, language),
        "advice": "" if listed or not language else servers.advice(language, settings),
        "variables": variables,
        "off": settings.off,
    }


def first_line(source: "Source") -> bytes:
    """How *source*'s file begins, "" where that cannot be read."""
    if source.folder:
        return b""
    try:
        # its descriptor is closed as soon as the text is with the laptop, but for standard input's
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        fd = os.dup(source.fd) if source.stdin else os.open(source.real, flags)
        try:
            return os.pread(fd, FIRST, 0).split(b"\n", 1)[0]
        finally:
            os.close(fd)
    except OSError:
        return b""


class Listing(Stream):
    """``to: servers``: which there are, as JSON."""

    def __init__(
        self, session: "Session", channel: "Channel", document: "Document", said: "Dict[str, str]"
    ) -> None:
        super().__init__(session, channel, document)
        wanted = asked(said)
        Worker(session.loop, lambda: None).do(lambda: found(session, document, wanted), self._found)

    def _found(self, about: "Any", error: "Optional[BaseException]") -> None:
        if error is not None:
            self.end("failed", trouble(error))
            return
        self.begin()
        listed = [
            {"name": one.name, "kind": one.kind, "languages": list(one.languages)}
            for one in servers.usual(about["servers"])
        ]
        said = {
            "language": about["language"],
            "servers": listed,
            "root": codec.quote(about["root"]),
            "advice": about["advice"],
        }
        self.send(json.dumps(said).encode("ascii"))
        self.end("closed")


class Absent(Exception):
    """There is no such server; *reason* is none or off."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def trouble(error: BaseException) -> str:
    """*error* for a message."""
    if isinstance(error, Absent):
        return str(error)
    if isinstance(error, OSError):
        where = "{}: ".format(clean(error.filename)) if isinstance(error.filename, str) else ""
        return "cannot start a language server: {}{}".format(where, (error.strerror or "").lower())
    return "unexpected {}: {}".format(type(error).__name__, clean(str(error)))
