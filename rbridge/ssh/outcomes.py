"""Why a file of a transfer did not come through: an exit code of sysexits.h and words, for an OSError.

It runs on the laptop and on the host: the standard library and Python 3.6 only.
"""

import errno
import os

USAGE = 64
NO_INPUT = 66
NO_PROGRAM = 69
CANNOT_CREATE = 73
LOST = 74
AGAIN = 75
DENIED = 77
CODES = (USAGE, NO_INPUT, NO_PROGRAM, CANNOT_CREATE, LOST, AGAIN, DENIED)

_WORDS = {
    errno.ENOSPC: "disk full",
    errno.EDQUOT: "over quota",
    errno.EROFS: "read-only file system",
    errno.EACCES: "no permission",
    errno.EPERM: "not permitted",
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "no such file",
    errno.ELOOP: "is a symbolic link, or leads in a circle",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EILSEQ: "the file system does not take this name",
    errno.EFBIG: "too large for the file system",
    errno.EIO: "the disk reports an error",
    errno.ESTALE: "the file server has lost it",
    errno.EEXIST: "is there already",
}
_DENIED = (errno.EACCES, errno.EPERM)
_BROKEN = (errno.EIO, errno.ESTALE)


class Refused(Exception):
    """One file cannot be had or put: an exit code, and why."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code
        self.said = said


def reading(error: OSError) -> Refused:
    """*error* as the end of what was to be read."""
    return _refused(error, NO_INPUT)


def writing(error: OSError) -> Refused:
    """*error* as the end of what was to be written."""
    return _refused(error, CANNOT_CREATE)


def _refused(error: OSError, usual: int) -> Refused:
    number = error.errno or 0
    code = DENIED if number in _DENIED else LOST if number in _BROKEN else usual
    return Refused(code, _WORDS.get(number) or os.strerror(number))
