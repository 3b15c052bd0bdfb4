"""One save on its way in: from the head of its record to the file, or to the draft of standard input.

A text comes as it is, compressed, or as a delta (``rebuild``). What a save states of itself, the base, the
size and the hash, is what it is held to; a plain rmate server states nothing, and its saves start from what
was last known.
"""

import os
import zlib

from rbridge.client import exchange, pieces, pinned, rebuild, stamp, stdin
from rbridge.client.saver import REFUSED, SAVED, UNKNOWN, Outcome, Staging, Target, save
from rbridge.errors import RemoteProtocolError
from rbridge.wire.limits import BODY

MYPY = False
if MYPY:
    from typing import Dict, List, Optional, Tuple, Union

    from rbridge.client.delivery import Document
    from rbridge.client.plan import Base
    from rbridge.wire.records import Record

DELTA = 64 * 1024 * 1024
"""Bytes of a delta, which is held in memory until it is complete; what is larger is no save."""

ABSENT, ANY = "absent", "any"
KEEPS = "the laptop keeps your text"
_DIGITS = frozenset("0123456789abcdef")


class Incoming:
    """A save for *document*, begun by *record*; *states* is the state directory.

    Feed :meth:`write`, then :meth:`finish` and :meth:`settle`, or :meth:`abort`. Making it and
    :meth:`settle` touch no file; all else may hang with a file server, and may run in threads beside the
    loop, one after the other, one save of a document at a time. *serial* is what the editor's side calls this
    save, *size* and *sha256* are those of what came. Raises RemoteProtocolError for a record that makes no
    sense.
    """

    __slots__ = (
        # fmt: off
        "_begun",
        "_body",
        "_broken",
        "_encoding",
        "_held",
        "_inflate",
        "_length",
        "_said",
        "_size",
        "_states",
        "document",
        "serial",
        "staging",
        # fmt: on
    )

    def __init__(self, document: "Document", record: "Record", states: str) -> None:
        self.document = document
        self.serial = record.headers.get("save", "")
        self.staging: "Union[Staging, stdin.Draft, None]" = None
        self._states = states
        self._begun = False
        link = document.peer.link
        said = record.headers if link else {}
        self._said = said
        self._encoding = said.get("encoding", "")
        self._size = _checked(said)
        self._body: "List[bytes]" = []
        self._held = 0
        self._broken = False
        self._inflate = zlib.decompressobj() if self._encoding == "zlib" else None
        # QUIRK: TextMate sends a save in blocks of 1 KB, of which only the first one's length is known
        self._length = record.length if link and self._size is None else self._size

    def _begin(self) -> None:
        """Make a place for the text, and note what the file was."""
        if self._begun:
            return
        self._begun = True
        document = self.document
        source = document.source
        if source.stdin:
            if self._encoding != "delta":
                self.staging = stdin.Draft()
        elif not source.read_only:
            # a large file that was not hashed yet need not be where the base is stated
            if document.sha256 or document.before is None or "base" not in self._said:
                take_base(document)
            if self._encoding != "delta":
                self.staging = Staging(pinned.place(source), self._states, self._length)

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
        """The next piece of the body."""
        self._begin()
        self._held += len(data)
        if self._encoding == "delta":
            self._body.append(data)
            if self._held > DELTA:
                self._body.clear()
                self._broken = True
        elif self._inflate is not None:
            self._unpack(data)
        elif self.staging is not None:
            self.staging.write(data)

    def _unpack(self, data: bytes) -> None:
        """Write what *data* is compressed from; what is wrong with it leaves the text incomplete."""
        inflate, staging = self._inflate, self.staging
        assert inflate is not None
        if staging is None or self._size is None:
            return
        try:
            while data and not inflate.eof and staging.size <= self._size:
                staging.write(inflate.decompress(data, pieces.PIECE))
                data = inflate.unconsumed_tail
        except zlib.error:
            self._broken = True
        if data or inflate.unused_data:
            self._broken = True

    @property
    def _whole(self) -> bool:
        """Whether the body came to its own end, and nothing behind it."""
        return not self._broken and (self._inflate is None or self._inflate.eof)

    def _delta(self) -> bytes:
        body = b"".join(self._body)
        self._body.clear()
        return body

    def finish(self) -> Outcome:
        """All of it has come: bring it to disk. What it returns is for :meth:`settle`."""
        self._begin()
        outcome = self._finish()
        if outcome.kind != SAVED:
            self.abort()
        elif self.document.target is None and not self.document.source.stdin:  # its hash is not needed now
            self.document.source.close()
        return outcome

    def _finish(self) -> Outcome:
        document = self.document
        source = document.source
        if source.stdin:
            return self._draft()
        if source.read_only:
            return Outcome(
                REFUSED,
                "read-only",
                "cannot save {}: it was opened read-only (the file is unchanged)".format(source.shown),
            )
        target = self._target()
        force = self._said.get("over") == ANY
        sha256 = self._said.get("sha256", "")
        if self._encoding == "delta":
            size = self._size or 0
            if self._broken:
                message = "cannot save {}: more than {} MiB of changes (the file is unchanged; {})"
                message = message.format(source.shown, DELTA >> 20, KEEPS)
                return Outcome(REFUSED, "too-large", message)
            return rebuild.save(target, self._delta(), size, sha256, self._states, KEEPS, force)
        staging = self.staging
        assert isinstance(staging, Staging)
        staging.finish(sha256)
        staging.complete = staging.complete and self._whole
        return save(target, staging, force)

    def _target(self) -> Target:
        """What to save to, from the base that was stated, or else the one that was last known."""
        source, known = self.document.source, self.document.target
        base = known.base if known is not None else UNKNOWN
        stated, over = self._said.get("base", ""), self._said.get("over", "")
        if stated == ABSENT:
            base = None
        elif stated and not (isinstance(base, stamp.Stamp) and base.sha256 == stated):
            base = stamp.of_content(stated)
        seen: "Base" = UNKNOWN
        if over == ABSENT:
            seen = None
        elif over not in ("", ANY):
            seen = stamp.of_content(over)
        return Target(pinned.place(source), base, source.read_only, source.unprotect, seen)

    def _draft(self) -> Outcome:
        size, sha256 = self._size, self._said.get("sha256", "")
        if self._encoding == "delta":
            return self._draft_from_delta(self.document.text_fd, size or 0, sha256)
        draft = self.staging
        assert isinstance(draft, stdin.Draft)
        draft.finish()
        if not self._whole or size not in (None, draft.size) or sha256 not in ("", draft.sha256):
            message = "cannot save {}: the text did not arrive whole (the last saved one is unchanged)"
            return Outcome(REFUSED, "failed", message.format(stdin.NAME))
        return _kept(draft)

    def _draft_from_delta(self, before: int, size: int, sha256: str) -> Outcome:
        draft = stdin.Draft()
        try:
            fits = rebuild.build(before, self._delta(), size, draft)
        except OSError:
            fits = False
        draft.finish()
        if fits and draft.sha256 == sha256:
            self.staging = draft
            return _kept(draft)
        draft.abort()
        now = stamp.of_content(pieces.digest(before)[1], os.fstat(before).st_size)
        if (now.size, now.sha256) == (size, sha256):
            return Outcome(SAVED, stamp=now)
        message = "cannot save {}: it is not what the edit started from ({})"
        return Outcome(REFUSED, "conflict", message.format(stdin.NAME, KEEPS), now)

    def settle(self, outcome: Outcome) -> None:
        """Note what :meth:`finish` did, where the loop runs: it is what the next save starts from.
        Saying it twice does no harm.
        """
        document = self.document
        if outcome.kind != SAVED:
            return
        if isinstance(self.staging, stdin.Draft):
            if document.draft not in (None, self.staging):
                document.draft.abort()
            document.draft = self.staging
        elif document.source.stdin:
            return  # that text is the last draft already
        elif document.target is None:
            source = document.source
            there = pinned.place(source)
            document.target = Target(there, outcome.stamp, source.read_only, source.unprotect)
        else:
            document.target.base = outcome.stamp

    def abort(self) -> None:
        """It will not be completed."""
        self._body.clear()
        if self.staging is not None:
            self.staging.abort()


def _checked(said: "Dict[str, str]") -> "Optional[int]":
    """The size of the result, None if it is not stated; raises for headers that make no sense."""
    words: "Tuple[str, ...]"
    for name, words in (("sha256", ()), ("base", (ABSENT,)), ("over", (ABSENT, ANY))):
        value = said.get(name, "")
        if name in said and value not in words and not (len(value) == 64 and _DIGITS.issuperset(value)):
            raise RemoteProtocolError("save: '{}' is no hash".format(name))
    size = said.get("size")
    if size is not None and not (size.isdigit() and len(size) < 20 and int(size) <= BODY):
        raise RemoteProtocolError("save: 'size' is no size")
    encoding = said.get("encoding", "")
    if encoding not in ("", "zlib", "delta"):
        raise RemoteProtocolError("save: an encoding that is not known")
    if encoding and (size is None or "sha256" not in said):
        raise RemoteProtocolError("save: encoded, without 'size' and 'sha256'")
    if encoding == "delta" and said.get("base", ABSENT) == ABSENT:
        raise RemoteProtocolError("save: a delta without 'base'")
    return None if size is None else int(size)


def _kept(draft: stdin.Draft) -> Outcome:
    """The draft is complete: whether it could be stored."""
    if draft.failure:
        return Outcome(REFUSED, "no-space", draft.failure)
    return Outcome(SAVED, stamp=stamp.of_content(draft.sha256, draft.size))


def warm() -> None:
    """Load what the first save needs, while there is nothing else to do."""
    exchange.load()


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
    there = pinned.place(source)
    document.target = Target(there, UNKNOWN if unknown else base, source.read_only, source.unprotect)
    source.close()
