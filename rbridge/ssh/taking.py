"""The end of a transfer that gets the files: it believes nothing, and writes only below one directory.

It runs on the laptop for ``get`` and on the host for ``put``: the standard library and Python 3.6 only. The
protocol is in :mod:`rbridge.ssh.farside`.
"""

import os
import stat
import sys
from collections import deque

from rbridge.ssh.fetching import impossible
from rbridge.ssh.frames import Nonsense, number, text, to_bytes
from rbridge.ssh.giving import DEEPEST, MOST
from rbridge.ssh.outcomes import CANNOT_CREATE, CODES, LOST, Refused, writing
from rbridge.ssh.place import Part, digest_of, there

MYPY = False
if MYPY:
    from collections.abc import Callable

    from rbridge.ssh.frames import Channel, Record
    from rbridge.ssh.giving import Told
    from rbridge.ssh.place import Place

FOLDS = sys.platform == "darwin"  # Makefile and makefile are one file there
WINDOW = 128
"""Files that are asked for at a time: no round trip for each, and all requests fit into any pipe, so that
neither end ever waits for the other while that one waits for it."""

PENDING = 128 << 20
"""Bytes of memory that offers may take, roughly."""


class Offer:
    """A file as the other end described it; *parts* are the components of its name here."""

    __slots__ = (
        "argument",
        "directory",
        "kept_mode",
        "known",
        "mode",
        "mtime",
        "part",
        "parts",
        "size",
        "which",
    )

    def __init__(self, record: "Record") -> None:
        self.which = number(record, "file", MOST)
        self.argument = number(record, "argument", MOST)
        self.size = number(record, "size")
        self.mtime = number(record, "mtime")
        self.mode = number(record, "mode", 0o7777)
        self.directory = record.get("directory") is True
        found = record.get("parts")
        if not isinstance(found, list) or not found or len(found) > DEEPEST:
            raise Nonsense("no name")
        if not all(isinstance(part, str) for part in found):
            raise Nonsense("a name that is no text")
        self.parts: list[str] = found
        self.known = 0  # bytes that we have of it
        self.kept_mode: int | None = None  # of the file that it overwrites
        self.part: Part | None = None

    @property
    def name(self) -> bytes:
        return to_bytes(self.parts[-1])

    @property
    def above(self) -> "tuple[bytes, ...]":
        return tuple(to_bytes(part) for part in self.parts[:-1])


class Taker:
    """Takes what is offered over *channel* into *place*, and tells *told* what became of it.

    *name* may rename an offer, or refuse it by raising Refused: what it returns are the components that are
    written to.
    """

    def __init__(
        self,
        channel: "Channel",
        place: "Place",
        told: "Told",
        name: "Callable[[Offer], list[str]]",
        force: bool,
    ) -> None:
        self._channel = channel
        self._place = place
        self._told = told
        self._name = name
        self._force = force
        self._offers: deque[Offer] = deque()
        self._asked: deque[Offer] = deque()
        self._taken: dict[tuple[str, ...], bool] = {}
        self._numbers: set[int] = set()
        self._unheard = 0  # words of failure that the giver may not read while it sends

    def run(self) -> None:
        """Take all. Raises Lost, Nonsense; what is unfinished then stays for the next time."""
        try:
            self._listen()
            while self._offers or self._asked:
                if not self._asked:
                    self._unheard = 0
                while self._offers and len(self._asked) < WINDOW and self._unheard < WINDOW:
                    self._ask(self._offers.popleft())
                if self._asked:
                    self._receive(self._asked[0])
            self._channel.say({"end": True})
            self._channel.flush()
        finally:
            for offer in self._asked:
                self._let_go(offer)

    def _listen(self) -> None:
        """Hear all offers."""
        memory = 0
        while True:
            record = self._channel.record()
            if "listed" in record:
                return
            if "wrong" in record:
                memory += 1024
                code = number(record, "code")
                below = record.get("name")
                self._told.wrong(
                    number(record, "argument", MOST),
                    code if code in CODES else LOST,
                    text(record, "wrong")[:300],
                    below[:1024] if isinstance(below, str) else "",
                )
            else:
                offer = Offer(record)
                if offer.which in self._numbers:
                    raise Nonsense("two files of one number")
                self._numbers.add(offer.which)
                self._offers.append(offer)
                memory += 200 + sum(50 + 2 * len(part) for part in offer.parts)
            if memory > PENDING or len(self._offers) > MOST:
                raise Nonsense("more files than can be")

    def _ask(self, offer: Offer) -> None:
        """Ask for what we have not of *offer*, or refuse it."""
        try:
            self._check(offer)
            parent = self._place.directory(offer.above)
            if offer.directory:
                self._place.directory((*offer.above, offer.name), offer.mode)
                return
            request = self._request(offer, parent)
        except OSError as error:
            self._refuse(offer, writing(error))
            return
        except Refused as refused:
            self._refuse(offer, refused)
            return
        self._channel.say(request)
        self._asked.append(offer)

    def _check(self, offer: Offer) -> None:
        """Find the name that *offer* gets. Raises Refused."""
        offer.parts = self._name(offer)
        for part in offer.parts:
            why = impossible(part)
            if why:
                raise Refused(CANNOT_CREATE, why)
        key = tuple(part.casefold() if FOLDS else part for part in offer.parts)
        both_directories = offer.directory and self._taken.get(key) is True
        if key in self._taken and not both_directories:
            raise Refused(CANNOT_CREATE, "would get the same name as another one")
        self._taken[key] = offer.directory

    def _request(self, offer: Offer, parent: int) -> "Record":
        """What to say for *offer*: a question whether ours is the same, or where to go on."""
        found = there(parent, offer.name)
        if found is not None:
            if not stat.S_ISREG(found.st_mode):
                raise Refused(CANNOT_CREATE, "is here already, and no plain file")
            offer.kept_mode = stat.S_IMODE(found.st_mode) & 0o777
            if found.st_size == offer.size:
                offer.known, digest = digest_of(parent, offer.name)
                return {
                    "take": offer.which,
                    "from": offer.known,
                    "sha256": digest,
                    "compare": True,
                    "whole": self._force,
                }
            if not self._force:
                raise _different()
        try:
            part = Part(parent, offer.name, make=False)
        except FileNotFoundError:
            return {"take": offer.which, "from": 0}
        offer.part = part
        part.read()
        offer.known = part.size
        return {"take": offer.which, "from": part.size, "sha256": part.digest.hexdigest()}

    def _receive(self, offer: Offer) -> None:
        """Hear what becomes of *offer*, the one that was asked for first."""
        record = self._channel.record()
        for kind in ("same", "other", "lost", "sending"):
            if kind in record:
                if number(record, kind) != offer.which:
                    raise Nonsense("not the file that was asked for")
                break
        else:
            raise Nonsense("a record that is not known here")
        if kind == "same":
            if not offer.known and offer.size:
                raise Nonsense("the same as what is not here")
            self._done(offer, True, 0)
        elif kind == "other":
            self._failed(offer, _different())
        elif kind == "lost":
            self._failed(offer, _said(record))
        else:
            self._take(offer, number(record, "size"), number(record, "from"))
        self._asked.popleft()
        self._let_go(offer)

    def _take(self, offer: Offer, size: int, start: int) -> None:
        """Take *size* bytes, of which the first *start* are in the part."""
        refused: Refused | None = None
        try:
            if start and (offer.part is None or start != offer.part.size):
                raise Nonsense("it goes on where we have not stopped")
            if start > size:
                raise Nonsense("it goes on behind its end")
            parent = self._place.directory(offer.above)
            if offer.part is None:
                offer.part = Part(parent, offer.name, make=True)
            if not start and (offer.part.size or os.fstat(offer.part.fd).st_size):
                offer.part.empty()
        except OSError as error:
            refused = writing(error)
        except Refused as found:
            refused = found
        if refused:
            self._failed(offer, refused)
        part, at = offer.part, start
        while True:
            item = self._channel.next()
            if isinstance(item, dict):
                break
            at += len(item)
            if at > size:
                raise Nonsense("more than was announced")
            if refused or part is None:
                continue
            try:
                part.add(item)
                self._told.moved(offer.which, at, size)
            except OSError as error:
                refused = writing(error)
                if part.size:
                    refused.said += "; what has come is kept, and the same command goes on from there"
                self._failed(offer, refused)
                self._channel.flush()
        if refused or part is None:
            return
        if number(item, "lost" if "lost" in item else "sent") != offer.which:
            raise Nonsense("not the file that is being sent")
        if "lost" in item:
            self._failed(offer, _said(item))
            return
        if item.get("changed") is True:
            self._told.changed(offer.which)
        self._finish(offer, part, at == size and part.digest.hexdigest() == item.get("sha256"), start)

    def _finish(self, offer: Offer, part: Part, whole: bool, resumed: int) -> None:
        """All is here; *whole* says whether it is what was sent."""
        try:
            parent = self._place.directory(offer.above)
            if not whole:
                part.remove(parent)
                raise Refused(LOST, "what came is not what was sent: run it again")
            mode = self._place.mode(offer.mode) if offer.kept_mode is None else offer.kept_mode
            part.land(parent, self._place, mode, offer.mtime, self._force)
        except OSError as error:
            self._failed(offer, writing(error))
        except Refused as refused:
            self._failed(offer, refused)
        else:
            self._done(offer, False, resumed)

    def _done(self, offer: Offer, already: bool, resumed: int) -> None:
        self._channel.say({"kept": offer.which, "already": already, "resumed": resumed})
        self._told.kept(offer.which, already, resumed)

    def _failed(self, offer: Offer, refused: Refused) -> None:
        self._channel.say({"failed": offer.which, "code": refused.code, "said": refused.said[:300]})
        self._told.failed(offer.which, refused.code, refused.said)

    def _refuse(self, offer: Offer, refused: Refused) -> None:
        """Say so unasked: while something is asked for, the giver may be writing, and read nothing."""
        if self._asked:
            self._unheard += 1
        self._failed(offer, refused)

    def _let_go(self, offer: Offer) -> None:
        if offer.part is not None:
            try:
                parent = self._place.directory(offer.above)
            except (OSError, Refused):
                parent = -1
            offer.part.close(parent)


def _different() -> Refused:
    return Refused(CANNOT_CREATE, "is here already, and differs (--force overwrites it)")


def _said(record: "Record") -> Refused:
    code = number(record, "code")
    return Refused(code if code in CODES else LOST, text(record, "said")[:300])
