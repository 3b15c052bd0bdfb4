"""What differs between systems: Linux with and without /proc, macOS.

Everything here asks the system one question and has an answer for the system that cannot tell: ``None``, an
empty string or an empty list. What is read from files below ``/proc`` takes the path as a parameter, so that
the tests can show it other systems than the one they run on.
"""

import os
import sys

MYPY = False
if MYPY:
    from typing import Any, List, Mapping, Optional, Tuple

LINUX = sys.platform.startswith("linux")
MACOS = sys.platform == "darwin"

SOL_SOCKET = 1  # the values of Linux; _socket has them too, but socket must not be imported for them
SO_PEERCRED = 17
SOL_LOCAL = 0  # macOS, sys/un.h
LOCAL_PEERCRED = 1


def peer_uid(sock: "Any", platform: str = sys.platform) -> "Optional[int]":
    """The uid of the process at the other end of the connected Unix socket *sock*, None if not to be had.

    SO_PEERCRED on Linux (struct ucred: pid, uid, gid), LOCAL_PEERCRED on macOS (struct xucred: version, uid,
    ...). For a listener that accepted us both name who called ``listen``.
    """
    try:
        if platform.startswith("linux"):
            return int.from_bytes(sock.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)[4:8], sys.byteorder)
        if platform == "darwin":
            data = sock.getsockopt(SOL_LOCAL, LOCAL_PEERCRED, 76)
            if len(data) >= 8 and data[:4] == bytes(4):
                return int.from_bytes(data[4:8], sys.byteorder)
    except OSError:
        pass
    return None


def us(environ: "Mapping[str, str]", euid: "Optional[int]" = None) -> "Tuple[int, ...]":
    """The uids that count as ourselves: the effective one and, under sudo, that of who called it.

    SUDO_UID is believed only from root, who needs nobody's leave: for anyone else it is just a variable.
    """
    own = os.geteuid() if euid is None else euid
    sudo = environ.get("SUDO_UID", "")
    if own == 0 and sudo.isdigit() and int(sudo) != 0:
        return (own, int(sudo))
    return (own,)


def user_name(uid: int) -> str:
    """The login name of *uid*, or ``uid N`` where it has none."""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return "uid {}".format(uid)


def home_of(uid: int) -> str:
    """The home directory of *uid* in the user database, "" where there is none."""
    try:
        import pwd

        return pwd.getpwuid(uid).pw_dir
    except (ImportError, KeyError):
        return ""


def boot_id(path: str = "/proc/sys/kernel/random/boot_id") -> str:
    """A name for this boot of the machine, "" where the system has none."""
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""


def has_inotify(platform: str = sys.platform) -> bool:
    """Whether the kernel tells of changes in a directory by inotify."""
    return platform.startswith("linux")


def open_descriptors(table: str = "/proc/self/fd") -> "List[int]":
    """The numbers of this process's open descriptors; one may be the listing's own, closed by now."""
    for place in (table, "/dev/fd"):
        try:
            return sorted(int(name) for name in os.listdir(place) if name.isdigit())
        except OSError:
            continue
    return list(range(256))
