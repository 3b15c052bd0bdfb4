"""Why something that was asked of a folder was not done."""

import errno
import os

from rbridge.client.root import Outside
from rbridge.errors import RbridgeError, RemoteProtocolError, clean

MYPY = False
if MYPY:
    from typing import Any, Dict, Optional

REASONS = {
    errno.ENOENT: "gone",
    errno.ENOTDIR: "gone",
    errno.ESTALE: "gone",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.EROFS: "read-only",
    errno.ENOSPC: "no-space",
    errno.EDQUOT: "no-space",
    errno.EFBIG: "too-large",
    errno.EEXIST: "exists",
    errno.ENOTEMPTY: "exists",
}


class Refused(Exception):
    """It was not done: *reason* is the wire's word, *message* a line, *body* what there is to add."""

    def __init__(self, reason: str, message: str, body: "Optional[Dict[str, Any]]" = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = clean(message)
        self.body = body


def refusal(what: str, error: BaseException) -> Refused:
    """*error*, which ended *what* ("list src"), as it is told."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, Outside):
        return Refused("outside", "cannot {}: it leads out of the folder".format(what))
    if isinstance(error, RemoteProtocolError):
        return Refused("failed", "cannot {}: {}".format(what, error))
    if isinstance(error, RbridgeError):
        return Refused({66: "failed", 77: "denied", 73: "gone"}.get(error.exit_code, "failed"), error.line())
    if isinstance(error, OSError) and error.errno:
        words = os.strerror(error.errno).lower()
        return Refused(REASONS.get(error.errno, "failed"), "cannot {}: {}".format(what, words))
    return Refused("failed", "cannot {}: unexpected {}: {}".format(what, type(error).__name__, error))
