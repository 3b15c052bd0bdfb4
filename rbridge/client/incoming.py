"""One save on its way in: from the head of its record to the file, or to the draft of standard input."""

import os

from rbridge.client import pieces, stamp, stdin
from rbridge.client.saver import REFUSED, SAVED, UNKNOWN, Outcome, Staging, Target, save

MYPY = False
if MYPY:
    from typing import Optional, Union

    from rbridge.client.delivery import Document
    from rbridge.wire.records import Record


class Incoming:
    """A save for *document*, begun by *record*; *states* is the state directory.

    Feed :meth:`write`, then either :meth:`finish` or :meth:`abort`. *serial* is what the editor's side calls
    this save, *size* and *sha256* are those of what came.
    """

    __slots__ = ("document", "serial", "staging")

    def __init__(self, document: "Document", record: "Record", states: str) -> None:
        self.document = document
        self.serial = record.headers.get("save", "")
        self.staging: "Union[Staging, stdin.Draft, None]" = None  # None: refused from the start
        source = document.source
        if source.stdin:
            self.staging = stdin.Draft()
        elif not source.read_only:
            take_base(document)
            # QUIRK: TextMate sends a save in blocks of 1 KB, of which only the first one's length is known
            length = record.length if document.peer.link else None
            self.staging = Staging(source.real, states, length)

    @property
    def size(self) -> int:
        return self.staging.size if self.staging is not None else 0

    @property
    def sha256(self) -> str:
        return self.staging.sha256 if self.staging is not None else ""

    @property
    def fd(self) -> int:
        """The descriptor that has to live as long as this does, -1 if there is none."""
        return self.staging.fd if self.staging is not None else -1

    def write(self, data: bytes) -> None:
        """The next piece of the text."""
        if self.staging is not None:
            self.staging.write(data)

    def finish(self) -> Outcome:
        """All of it has come: bring it to disk."""
        document = self.document
        if self.staging is None:
            return Outcome(
                REFUSED,
                "read-only",
                "cannot save {}: it was opened read-only (the file is unchanged)".format(
                    document.source.shown
                ),
            )
        self.staging.finish()
        if isinstance(self.staging, stdin.Draft):
            if self.staging.failure:
                return Outcome(REFUSED, "no-space", self.staging.failure)
            if document.draft is not None:
                document.draft.abort()
            document.draft = self.staging
            return Outcome(SAVED)
        outcome = save(document.target, self.staging)
        if outcome.kind == SAVED:
            document.target.base = outcome.stamp
        return outcome

    def abort(self) -> None:
        """It will not be completed."""
        if self.staging is not None:
            self.staging.abort()


def take_base(document: "Document") -> None:
    """Note what the edit started from, once per document; a large file is hashed only now.

    The file's descriptor is not needed after that.
    """
    source = document.source
    if document.target is not None or source.stdin:
        return
    base: "Optional[stamp.Stamp]" = None
    if document.before is not None and not source.read_only:
        if document.sha256:
            # taken 0: the times are those of before the reading, so they never stand for the content
            base = stamp.of(document.before, document.size, document.sha256, 0)
        else:
            size, sha256 = pieces.digest(source.fd)
            base = stamp.from_digest(document.before, os.fstat(source.fd), size, sha256)
    unknown = base is None and document.before is not None
    document.target = Target(source.real, UNKNOWN if unknown else base, source.read_only, source.unprotect)
    source.close()
