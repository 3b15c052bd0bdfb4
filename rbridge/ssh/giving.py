"""The end of a transfer that has the files: it offers them, and sends those that are taken.

It runs on the host for ``get`` and on the laptop for ``put``: the standard library and Python 3.6 only. The
protocol is in :mod:`rbridge.ssh.farside`.
"""

import hashlib
import os
import stat
from io import FileIO

from rbridge.ssh.fetching import is_part
from rbridge.ssh.frames import PIECE, Nonsense, number, text, to_text
from rbridge.ssh.outcomes import LOST, NO_INPUT, Refused, reading

MYPY = False
if MYPY:
    from typing import Any

    from rbridge.ssh.frames import Channel, Record

MOST = 100000
"""Files of one transfer; whoever has more is better served by an archive."""

DEEPEST = 200
"""Components of a name below the directory that was asked for."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Told:
    """Who hears what became of the files; this one does not care. *which* is a file's number, from 0."""

    def wrong(self, argument: int, code: int, said: str, name: str) -> None:
        """The *argument*, or what is called *name* below it, cannot be given."""

    def moved(self, which: int, at: int, size: int) -> None:
        """*at* of *size* bytes are through."""

    def kept(self, which: int, already: bool, resumed: int) -> None:
        """It is there, whole: since it was there *already*, or with *resumed* bytes of an earlier try."""

    def failed(self, which: int, code: int, said: str) -> None:
        """It is not."""

    def changed(self, which: int) -> None:
        """It changed while it was read: what goes through may be of two versions."""


class Giver:
    """Offers files over *channel*, then serves until the other end has had enough."""

    def __init__(self, channel: "Channel", told: Told) -> None:
        self._channel = channel
        self._told = told
        self.paths: list[bytes] = []  # of what was offered, by number
        self._queue: list[Record] = []
        self._piece = memoryview(bytearray(PIECE))

    def offer(self, path: bytes, name: str, argument: int, recursive: bool) -> None:
        """Offer what is at *path* under *name*, with all below it if it is a directory. Raises Refused."""
        try:
            found = os.stat(path)
        except OSError as error:
            raise reading(error) from None
        if not stat.S_ISDIR(found.st_mode):
            self._offer_file(path, [name], argument, found)
        elif not recursive:
            raise Refused(NO_INPUT, "is a directory (-r takes directories)")
        else:
            self._offer_tree(path, [name], argument, found)

    def wrong(self, argument: int, refused: Refused, name: str = "") -> None:
        """Say that the *argument*, or what is called *name* below it, cannot be offered."""
        name = name[-1024:]
        self._channel.say({"wrong": refused.said, "code": refused.code, "argument": argument, "name": name})
        self._told.wrong(argument, refused.code, refused.said, name)

    def serve(self) -> None:
        """All is offered: send what is taken. Raises Lost, Nonsense."""
        self._channel.say({"listed": len(self.paths)})
        while True:
            record = self._queue.pop(0) if self._queue else self._channel.record()
            if "take" in record:
                self._send(record)
            elif "kept" in record:
                self._told.kept(
                    self._which(record, "kept"), record.get("already") is True, number(record, "resumed")
                )
            elif "failed" in record:
                self._told.failed(self._which(record, "failed"), number(record, "code"), text(record, "said"))
            elif "end" in record:
                return
            else:
                raise Nonsense("a record that is not known here")

    def _which(self, record: "Record", name: str) -> int:
        return number(record, name, len(self.paths) - 1)

    def _offer_file(self, path: bytes, parts: "list[str]", argument: int, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise Refused(NO_INPUT, "is no plain file")
        self._offered(path, parts, argument, found)

    def _offered(self, path: bytes, parts: "list[str]", argument: int, found: os.stat_result) -> None:
        if len(self.paths) >= MOST:
            raise Refused(NO_INPUT, f"these are more than {MOST} files: send an archive instead")
        record = {
            "file": len(self.paths),
            "argument": argument,
            "parts": parts,
            "size": found.st_size,
            "mtime": min(max(0, found.st_mtime_ns), 1 << 62),
            "mode": stat.S_IMODE(found.st_mode),
        }
        if stat.S_ISDIR(found.st_mode):
            record.update(size=0, directory=True)
        self._channel.say(record)
        self.paths.append(path)

    def _offer_tree(self, path: bytes, parts: "list[str]", argument: int, found: os.stat_result) -> None:
        """A directory and all below; links to files are followed, those to directories are left out."""
        self._offered(path, parts, argument, found)
        try:
            names = sorted(os.listdir(path))
        except OSError as error:
            self.wrong(argument, reading(error), "/".join(parts))
            return
        for name in names:
            inner, below = os.path.join(path, name), [*parts, to_text(name)]
            if is_part(name):
                continue
            try:
                state = os.stat(inner)
                if not stat.S_ISDIR(state.st_mode):
                    self._offer_file(inner, below, argument, state)
                elif os.path.islink(inner):
                    raise Refused(NO_INPUT, "is a link to a directory: left out")
                elif len(below) > DEEPEST:
                    raise Refused(NO_INPUT, "lies too deep: left out")
                else:
                    self._offer_tree(inner, below, argument, state)
            except OSError as error:
                self.wrong(argument, reading(error), "/".join(below))
            except Refused as refused:
                self.wrong(argument, refused, "/".join(below))
                if len(self.paths) >= MOST:
                    return

    def _send(self, record: "Record") -> None:
        which = self._which(record, "take")
        try:
            fd = os.open(self.paths[which], _FLAGS)
        except OSError as error:
            self._lost(which, reading(error))
            return
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise Refused(NO_INPUT, "is no plain file any more")
            self._send_from(which, FileIO(fd, "r", closefd=False), found, record)
        except OSError as error:
            self._lost(which, reading(error))
        except Refused as refused:
            self._lost(which, refused)
        finally:
            os.close(fd)

    def _send_from(self, which: int, file: FileIO, found: os.stat_result, record: "Record") -> None:
        """Send the *file* from where the other end has it; its size is that of now."""
        there, size = number(record, "from"), found.st_size
        digest, agrees = hashlib.sha256(), True
        if there:
            agrees = (
                there <= size
                and self._has(file, there, digest)
                and digest.hexdigest() == record.get("sha256")
            )
            if not agrees:
                digest, there = hashlib.sha256(), 0
                file.seek(0)
        if record.get("compare") is True:
            if agrees and there == size:
                self._channel.say({"same": which})
                return
            if record.get("whole") is not True:
                self._channel.say({"other": which})
                return
            if there:
                digest, there = hashlib.sha256(), 0
                file.seek(0)
        self._channel.say({"sending": which, "size": size, "from": there})
        at = there
        while at < size:
            count = file.readinto(self._piece[: min(PIECE, size - at)])
            if not count:
                raise Refused(LOST, "became shorter while it was read")
            piece = self._piece[:count]
            self._channel.send(piece)
            digest.update(piece)  # while ssh encrypts it
            at += count
            self._told.moved(which, at, size)
            while self._channel.waiting():
                self._queue.append(self._channel.record())
                if self._queue[-1].get("failed") == which:
                    raise Refused(LOST, "given up")
        if not size and file.readinto(self._piece):
            raise Refused(NO_INPUT, "says that it is empty, and is not")  # as in /proc
        after = os.fstat(file.fileno())
        changed = after.st_mtime_ns != found.st_mtime_ns or after.st_size != size
        if changed:
            self._told.changed(which)
        self._channel.say({"sent": which, "sha256": digest.hexdigest(), "changed": changed})

    def _has(self, file: FileIO, count: int, digest: "Any") -> bool:
        """Whether the file has *count* bytes, which go into *digest*."""
        while count:
            got = file.readinto(self._piece[: min(PIECE, count)])
            if not got:
                return False
            digest.update(self._piece[:got])
            count -= got
        return True

    def _lost(self, which: int, refused: Refused) -> None:
        self._channel.say({"lost": which, "code": refused.code, "said": refused.said})
