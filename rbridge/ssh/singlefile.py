"""The single-file client as it is put on hosts: made once from the sources, and kept.

To make it takes a second or more of a processor's time, which nobody should wait for at each connect. It lies
in ``STATE/client``, named after what it was made from; an upgrade of rbridge makes another one.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rbridge import __version__, build, paths
from rbridge.errors import RbridgeError
from rbridge.private import make_private

DIRECTORY = "client"
_MAKING = threading.Lock()
MOST = 4  # that are kept: one for each Python that some host has in an unusual place


@dataclass(frozen=True)
class SingleFile:
    """Its bytes, and their sha256 in hex."""

    content: bytes = field(repr=False)
    sha256: str


def single_file(python: str = "") -> SingleFile:
    """The client of this very rbridge, for a host that has its *python* where no client would look, "" for
    all others. Takes a second where it has to be made: call it in a thread.

    A state directory that cannot be written to only means that it is made again next time.
    """
    with _MAKING:  # several hosts at once want the same one
        kept = _kept(python)
        if kept is not None and (found := _read(kept)) is not None:
            return found
        content = build.content(python)
        made = SingleFile(content, hashlib.sha256(content).hexdigest())
        if kept is not None:
            with suppress(OSError):
                _keep(kept, made)
        return made


def _kept(python: str) -> Path | None:
    """Where the file of these sources is kept, whether it is there or not; None where none can be."""
    mark = hashlib.sha256(f"{__version__} {python}\n".encode())
    for name in [*build.modules(), "build.py"]:
        state = os.stat(build.PACKAGE / name)
        mark.update(f"{build.PACKAGE / name} {state.st_size} {state.st_mtime_ns}\n".encode())
    try:
        directory = Path(paths.state_dir(), DIRECTORY)
        make_private(str(directory))
    except (RbridgeError, OSError):
        return None
    return directory / mark.hexdigest()[:32]


def _read(path: Path) -> SingleFile | None:
    """What is kept at *path*, if it is whole: the first line is the sha256 of the rest."""
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    return SingleFile(content, sha256) if sha256.encode() == digest else None


def _keep(path: Path, made: SingleFile) -> None:
    """Put it at *path* as a whole; of those that others made before, the oldest go."""
    staged = path.with_name(f".{secrets.token_hex(4)}")
    try:
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(made.sha256.encode() + b"\n" + made.content)
        os.replace(staged, path)
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(staged)
        raise
    others = sorted(path.parent.iterdir(), key=lambda one: one.stat().st_mtime_ns, reverse=True)
    for other in others[MOST:]:
        with suppress(FileNotFoundError):
            other.unlink()
