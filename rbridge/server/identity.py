"""The name by which hosts know this laptop's daemon again, also after a restart: ``STATE/identity``.

It is 16 random hexadecimal digits, made once and said in every greeting: no secret, and no proof of anything.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from rbridge import paths
from rbridge.errors import CannotCreate
from rbridge.server.log import logger
from rbridge.wire.codec import is_hex

NAME = "identity"
DIGITS = 16


def load() -> str:
    """This laptop's identity; the first call makes it, and of several at once all get the same one.

    Raises CannotCreate when there is none and none can be made.
    """
    path = os.path.join(paths.state_dir(), NAME)
    try:
        known = _read(path)
        if known is None:
            _make(path)
            known = _read(path)
        if not known:
            logger.warning("%s holds no identity: a new one is made, hosts will not know us again", path)
            _make(path, anew=True)
            known = _read(path)
    except OSError as error:
        raise CannotCreate(f"cannot keep an identity in {path}: {error.strerror}") from error
    if not known:
        raise CannotCreate(f"cannot keep an identity in {path}: another program writes it")
    return known


def _read(path: str) -> str | None:
    """What the file holds, None where there is none, empty when that is no identity."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        text = os.read(fd, 64).decode("ascii", "replace").strip()
    finally:
        os.close(fd)
    return text if is_hex(text, DIGITS) else ""


def _make(path: str, anew: bool = False) -> None:
    """Put a new identity at *path*, as a whole; one that is there stays unless it is made *anew*."""
    staged = f"{path}.{secrets.token_hex(4)}"
    fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(DIGITS // 2) + "\n")
            file.flush()
            os.fsync(fd)
        if anew:
            os.replace(staged, path)
            return
        with suppress(FileExistsError):  # another daemon was first: its identity counts
            os.link(staged, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(staged)
