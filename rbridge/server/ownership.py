"""One daemon per state directory: two that shared it would go by one identity and empty one spool.

Usually there is one runtime directory to each, and :mod:`rbridge.server.instance` has said no already. Not so
where the home directory is shared by several machines, or ``$RBRIDGE_RUNTIME_DIR`` was set and
``$RBRIDGE_STATE_DIR`` was not.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rbridge import paths
from rbridge.errors import RbridgeError, TryAgain, clean

NAME = "daemon.lock"


@contextmanager
def of_state(say: Callable[[str], None]) -> Iterator[None]:
    """The state directory is ours until the block ends, however that comes about.

    Raises TryAgain, naming who has it. Where there can be no lock there is none, and *say* gets a line: to
    serve texts is worth more.
    """
    try:
        state = paths.state_dir()
    except RbridgeError:  # nothing to share
        state = ""
    fd = _lock(state, say) if state else -1
    try:
        yield
    finally:
        if fd >= 0:
            with suppress(OSError):
                os.ftruncate(fd, 0)  # the file stays: see Instance
            os.close(fd)


def _lock(state: str, say: Callable[[str], None]) -> int:
    """A descriptor that holds the lock, -1 where there can be none. Raises TryAgain."""
    path = os.path.join(state, NAME)
    fd = -1
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        who = clean(os.pread(fd, 256, 0).decode("utf-8", "replace").strip())
        os.close(fd)
        raise TryAgain(
            f"another 'rbridge serve' keeps its state in {state} ({who or 'its pid is not known'})",
            "end that one, or name another directory for this one in $RBRIDGE_STATE_DIR",
        ) from None
    except OSError as error:
        if fd >= 0:
            os.close(fd)
        why = (error.strerror or str(error)).lower()
        say(f"cannot lock {path} ({why}): see that no second 'rbridge serve' keeps its state there")
        return -1
    with suppress(OSError):  # a full disk: then nobody learns our pid
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"pid {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    return fd
