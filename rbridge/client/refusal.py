"""Why a path cannot be opened, in the words that the user sees."""

import stat

from rbridge.errors import Denied, NoInput, RbridgeError

KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe; read it with '-'"),
    (stat.S_ISSOCK, "a socket, not a file"),
    (stat.S_ISCHR, "a device, not a file"),
    (stat.S_ISBLK, "a device, not a file"),
)


def wrong_kind(path: str, mode: int) -> RbridgeError:
    """What to raise for something that is no regular file; *mode* is its ``st_mode``."""
    words = [words for test, words in KINDS if test(mode)] or ["no regular file"]
    return NoInput("cannot open {}: it is {}".format(path, words[0]))


def too_large(path: str, size: int, binary: bool) -> RbridgeError:
    """What to raise for more than is opened without --large."""
    return NoInput(
        "not opened: {} is {} of {}".format(path, human(size), "binary data" if binary else "text"),
        "--large to open it, --head N or --lines A:B for a part",
    )


def trouble(action: str, path: str, error: OSError) -> RbridgeError:
    """What to raise for an OSError: Denied or NoInput, saying which file and why."""
    words = "cannot {} {}: {}".format(action, path, (error.strerror or str(error)).lower())
    return Denied(words) if isinstance(error, PermissionError) else NoInput(words)


def human(size: int) -> str:
    """*size* bytes as people say it, in binary units."""
    number = float(size)
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return ("{:.0f} {}" if unit == "bytes" or number >= 10 else "{:.1f} {}").format(number, unit)
        number /= 1024
    return "{:.1f} GiB".format(number)
