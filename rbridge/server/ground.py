"""What an edit stands on: the text that the host has, kept to tell the difference to the one in the editor.

In ``FILES/ID``: ``.base``, or for a large text its signature in the heap; and ``.theirs``, the newest text
that came from the host. All methods take their time with a large text and may run in a worker thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rbridge.adapters.tasks import SMALL
from rbridge.errors import RbridgeError
from rbridge.server import sending, texts
from rbridge.server.files import laid_out
from rbridge.server.log import logger
from rbridge.server.sending import Base
from rbridge.wire import delta

PIECE = 1 << 20


class Ground:
    """In *directory*, which is the document's; ``digest`` is that of the base, empty while there is none."""

    def __init__(self, directory: Path) -> None:
        self.digest = ""
        self.held = ""  # the digest of .theirs
        self.base = directory / ".base"
        self.theirs = directory / ".theirs"
        self.directory = directory
        self._large: Base | None = None
        self._count = 0

    def lay(self, fd: int, digest: str) -> str:
        """The host has the text at *fd*, whose sha256 is *digest*, if known. Returns the digest.

        Without room for a copy there is no base, and the next save is sent whole. Raises OSError.
        """
        if not digest:
            digest = texts.digest(fd)
        self.digest, self._large = "", None
        if os.fstat(fd).st_size > sending.BASE:
            self.base.unlink(missing_ok=True)
            self._large = Base(digest, signature=delta.signature(sending.Slices(fd)))
            self.digest = digest
        else:
            staged = self.another(".base")
            try:
                _copy(fd, staged)
                os.replace(staged, self.base)
            except (OSError, RbridgeError) as error:
                logger.info("no copy of a base: %s", error)
                staged.unlink(missing_ok=True)
            else:
                self.digest = digest
        return digest

    def take_over(self, digest: str) -> None:
        """The file ``.base`` is there already, from another process: *digest* is what it should be.

        What that process was in the middle of is removed: :meth:`another` gives the same names.
        """
        for left in self.directory.glob(".*-[0-9]*"):
            if not left.is_dir():
                left.unlink(missing_ok=True)
        with suppress(OSError):
            fd = texts.take(self.base)
            try:
                self.digest = digest if texts.digest(fd) == digest else ""
            finally:
                os.close(fd)

    def lend(self, digest: str) -> Path | None:
        """A name of its own for ``.theirs``, for the caller to remove, if that is the text of *digest*."""
        if digest != self.held:
            return None
        path = self.another(".lent")
        try:
            os.link(self.theirs, path, follow_symlinks=False)
        except OSError as error:
            logger.info("%s: %s", path, error.strerror)
            return None
        return path

    def hold(self, text: Path, digest: str) -> None:
        """*text* is what the host has. Raises OSError."""
        os.replace(text, self.theirs)
        self.held = digest

    def forget(self) -> None:
        """The base is not to be relied on: the next save goes whole."""
        self.digest, self._large = "", None

    def leave(self) -> None:
        """Nothing of it is there any more."""
        self.forget()
        self.held = ""

    @property
    def small(self) -> bool:
        """Whether work on the base takes less time than a thread to start."""
        if self._large is not None:
            return False
        try:
            return not self.digest or self.base.stat().st_size <= SMALL
        except OSError:
            return True

    @contextmanager
    def known(self) -> Iterator[Base | None]:
        """The base as :func:`rbridge.server.sending.save` wants it."""
        if not self.digest or self._large is not None:
            yield self._large
            return
        try:
            fd = texts.take(self.base)
        except OSError:
            yield None
            return
        try:
            yield Base(self.digest, fd)
        finally:
            os.close(fd)

    def text_of(self, digest: str) -> Path | None:
        """Where the base lies, if it is the text of *digest* and here whole."""
        return self.base if digest and digest == self.digest and self._large is None else None

    def another(self, name: str) -> Path:
        """A path for a new file that begins with *name*."""
        self._count += 1
        return self.directory / f"{name}-{self._count}"


def _copy(fd: int, to: Path) -> None:
    with open(laid_out(to), "wb", buffering=0) as file:
        position = 0
        while data := os.pread(fd, PIECE, position):
            position += len(data)
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
