"""Which hosts let us in without their user: ``STATE/logins``, an empty file for each of them.

Known from the last unattended login. Such a host's connection is given up sooner when it is in doubt: another
one costs nobody a password.
"""

from __future__ import annotations

import os
from contextlib import suppress

from rbridge.errors import RbridgeError
from rbridge.private import make_private


class Logins:
    """Below *root*, made when something is noted. A disk that cannot be written to only means that less is
    known: nothing is raised.
    """

    def __init__(self, root: str) -> None:
        self.root = root

    def alone(self, digest: str) -> bool:
        """Whether the host of that digest (``Destination.digest``) is known to let us in."""
        try:
            return os.lstat(os.path.join(self.root, digest)).st_uid == os.geteuid()
        except OSError:
            return False

    def note(self, digest: str, alone: bool) -> None:
        """It did, or it wants its user."""
        path = os.path.join(self.root, digest)
        with suppress(OSError, RbridgeError):
            if alone:
                make_private(self.root)
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            else:
                os.unlink(path)
