"""Keeps the single file's compiled code in the state directory, for the starts to come.

:mod:`rbridge.archive` reads it, and says what makes that safe. It is written once all is sent and nobody
waits. No failure is told: a home that cannot be written to, or a full disk, costs time at the next start.
"""

import marshal
import os

from rbridge import paths
from rbridge.errors import RbridgeError

MYPY = False
if MYPY:
    from rbridge.archive import Archive


def keep(archive: "Archive") -> None:
    """Compile every module of *archive* and put the code in its place, in one step.

    It replaces what another build left, and what was cut short while it was written.
    """
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
                file.write(content(archive))
                file.flush()
                os.rename(staged, archive.kept)
            except BaseException:
                os.unlink(staged)
                raise
    except (OSError, RbridgeError):
        return


def content(archive: "Archive") -> bytes:
    """The first line, and each module's code on its own, since a start needs few of them."""
    archive.code = {file: marshal.dumps(archive.compile(file)) for file in archive.entries}
    body = marshal.dumps(archive.code)
    return archive.head(body) + b"\n" + body
