"""Keeps the single file's compiled code in the state directory, for the starts to come.

:mod:`rbridge.archive` reads it, and says what makes that safe. The process in the background writes it when
the command has had time to return: it compiles one module after the other between events, and at its end what
is left. No failure is told: a home that cannot be written to, or a full disk, costs time at the next start.
"""

import marshal
import os
import sys

from rbridge import paths
from rbridge.errors import RbridgeError

MYPY = False
if MYPY:
    from typing import Any, Dict, Optional

    from rbridge.archive import Archive
    from rbridge.client.loop import Loop

LATER = 0.5
"""Seconds that the editor has to answer in, before any compiling takes time from that."""


def later(loop: "Loop") -> "Optional[Keeping]":
    """What will keep the code, if this runs from the single file and had to compile it; else None."""
    spec = sys.modules[__name__].__spec__
    archive: "Any" = spec.loader if spec is not None else None
    if not getattr(archive, "kept", "") or archive.code:
        return None
    return Keeping(archive, loop)


class Keeping:
    """The compiling of *archive*, a module at a time in *loop*; :meth:`finish` it when the loop has ended."""

    def __init__(self, archive: "Archive", loop: "Loop") -> None:
        self.archive = archive
        self.loop = loop
        self.code: "Dict[str, bytes]" = {}
        # where nothing can be written there is nothing to do
        writable = os.access(os.path.dirname(archive.kept), os.W_OK)
        self.left = archive.names() if writable else []
        loop.at(LATER, self.step)

    def step(self) -> None:
        """Compile a module; the next one is due when the events that came meanwhile have been taken."""
        if not self.left:
            return
        self.compile()
        if self.left:
            self.loop.at(0.0, self.step)
        else:
            write(self.archive, self.code)

    def finish(self) -> None:
        """Do at once what is left."""
        if self.left:
            while self.left:
                self.compile()
            write(self.archive, self.code)

    def compile(self) -> None:
        """Compile one of those that are left."""
        file = self.left.pop()
        self.code[file] = compiled(self.archive, file)


def compiled(archive: "Archive", file: str) -> bytes:
    """The code of one file in *archive*, as it is kept."""
    return marshal.dumps(archive.compile(file))


def keep(archive: "Archive") -> None:
    """Compile every module of *archive* and put the code in its place."""
    write(archive, {file: compiled(archive, file) for file in archive.names()})


def write(archive: "Archive", code: "Dict[str, bytes]") -> None:
    """Put *code* in the place for that of *archive*, in one step.

    It replaces what another build left, and what was cut short while it was written. Each module's code
    stands on its own, since a start needs few of them; *archive* takes what it still imports from it too.
    """
    archive.code = code
    body = marshal.dumps(code)
    try:
        place, name = os.path.split(archive.kept)
        if place != paths.state_dir(create=False):
            return
        paths.state_dir()
        for old in os.listdir(place):
            if old.startswith(name + "."):
                os.unlink(os.path.join(place, old))
        staged = "{}.{}".format(archive.kept, os.getpid())
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with open(os.open(staged, flags, 0o600), "wb") as file:
            try:
                file.write(archive.head(body) + b"\n" + body)
                file.flush()
                os.rename(staged, archive.kept)
            except BaseException:
                os.unlink(staged)
                raise
    except (OSError, RbridgeError):
        return
