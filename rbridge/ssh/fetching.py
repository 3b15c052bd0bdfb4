"""Names of a transfer: which a host may give to files of the laptop, and how an unfinished one is called.

Nothing here touches a file. It runs on the laptop and on the host: the standard library and Python 3.6 only.

A host that was asked for ``logs/*.log`` may not send ``.bashrc``: each name it offers has to be the one that
was asked for, or one that the wildcard stands for (CVE-2019-6111 is scp without this).
"""

import fnmatch
import hashlib

MYPY = False
if MYPY:
    pass

NAME = 255
"""Bytes of the longest name; most file systems have this limit."""

PART = ".rbridge-part"
_CLIPPED = 120

_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"] + [d + n for d in ("com", "lpt") for n in "0123456789"]
)


def part_name(name: bytes) -> bytes:
    """What the unfinished file that becomes *name* is called, beside it."""
    found = b"." + name + PART.encode()
    if len(found) <= NAME:
        return found
    mark = hashlib.sha256(name).hexdigest()[:16].encode()
    return b"." + name[:_CLIPPED] + b"-" + mark + PART.encode()


def is_part(name: bytes) -> bool:
    """Whether *name* is that of an unfinished transfer."""
    return name.startswith(b".") and name.endswith(PART.encode())


def impossible(name: str) -> str:
    """Why *name* cannot be one component of a path at all, "" if it can."""
    if name in ("", ".", ".."):
        return "has no name of its own" if not name else f"would be called '{name}'"
    if "/" in name or "\0" in name:
        return "has a name with a '/' or NUL in it"
    try:
        length = len(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return "has a name that stands for no bytes"
    if length > NAME:
        return f"has a name of {length} bytes"
    if is_part(name.encode("utf-8", "surrogateescape")):
        return "has the name of an unfinished transfer"
    return ""


def unfit(name: str) -> str:
    """Why a host may not give a file of ours this *name*, "" if it may."""
    why = impossible(name)
    if why:
        return why
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name):
        return "has control characters in its name (ask for it by its whole name)"
    if name.split(".")[0].rstrip(" ").lower() in _DEVICES:
        return "has the name of a device"
    return ""


def last(path: str) -> str:
    """The last component of *path* as it was typed, "" where only the host knows what it is called."""
    name = path.rstrip("/").rpartition("/")[2]
    home = "/" not in path.rstrip("/") and name.startswith("~")
    return "" if name in ("", ".", "..") or home else name


def fits(asked: str, name: str) -> bool:
    """Whether *name* can be what the path *asked* stands for: itself, or a match of its wildcard."""
    wanted = last(asked)
    if name == wanted:
        return True
    if name.startswith(".") and not wanted.startswith("."):
        return False
    return not wanted or wanted == "**" or fnmatch.fnmatchcase(name, wanted)


def remote(word: str) -> "tuple[str, str] | None":
    """*word* taken apart as HOST and PATH, None if it is a path of this machine.

    As with scp there is a ':' before the first '/', and ``./a:b`` is a file here; ``[::1]:PATH`` has an
    address.
    """
    if word.startswith("["):
        host, closed, path = word[1:].partition("]:")
        return (host, path) if closed and host and "/" not in host else None
    if "@[" in word.partition("/")[0]:
        user, _, rest = word.partition("@[")
        host, closed, path = rest.partition("]:")
        return (user + "@" + host, path) if closed and host and "/" not in host else None
    host, colon, path = word.partition(":")
    if not colon or not host or "/" in host or host.startswith("-"):
        return None
    return host, path
