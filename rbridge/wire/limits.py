"""How much a peer may make us hold or skip."""

LINE = 16 * 1024
"""Bytes of one header line. Apache allows 8 KiB, Go's net/http 1 MiB for all headers together, h11 16 KiB for
a whole incomplete event; a path of PATH_MAX (4096), percent-encoded throughout, needs 12 KiB."""

HEADERS = 64
"""Header lines of one record. Apache allows 100, Tomcat 100; the richest rmate client sends 9."""

GREETING = 8 * 1024
"""Bytes of the greeting. One rmate client of nine minds 5000; OpenSSH allows 8 KiB before its banner."""

BODY = 8 * 1024**3
"""Bytes of one record's body, all blocks together. No rmate peer has a limit; nginx's default is 1 MiB."""

RECORDS = 4096
"""``open`` and ``.`` lines of one plain connection. A link lives long and is not counted: there the daemon
limits how many documents are open."""

JUNK = 256
"""Skipped lines in a row: blank ones, and those of no record we know. Postfix gives up after 100."""

BEAT_IDLE = 15.0
"""Seconds of silence after which a side says ``beat``. OpenSSH's ServerAliveInterval is off by default, and
often set to 15."""

BEAT_BUSY = 5.0
"""The same while a save or a body is under way."""

DEAD_IDLE = 40.0
"""Seconds without a word after which a link is dead: two beats and a pause were missed."""

DEAD_BUSY = 12.0
"""The same while the answer to a save is awaited, or in the middle of a record."""

ASKED = 64
"""Requests of one folder that may be without their last answer; an editor shows no more at a time."""

ASK = 4 * 1024 * 1024
"""Bytes of the body of an ``ask``, which is held in memory; what is larger is opened and saved."""

PIECE = 1024 * 1024
"""Bytes that one ``read`` returns."""

PAGE = 1000
"""Entries in one answer to ``list``."""

FOUND = 10000
"""Paths or matches that one request returns."""

SHOWN = 500
"""Paths that one folder watches."""


class Limits:
    """The limits of one connection; each defaults to the constant of the same name in this module."""

    __slots__ = ("body", "greeting", "headers", "junk", "line", "records")

    def __init__(
        self,
        line: int = LINE,
        headers: int = HEADERS,
        greeting: int = GREETING,
        body: int = BODY,
        records: int = RECORDS,
        junk: int = JUNK,
    ) -> None:
        self.line = line
        self.headers = headers
        self.greeting = greeting
        self.body = body
        self.records = records
        self.junk = junk
