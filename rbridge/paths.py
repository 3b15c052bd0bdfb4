"""Where sockets, state and texts lie, and whether those places are safe.

Every directory of ours is 0700, owned by us and no symbolic link. The environment is read at each call.
``RBRIDGE_RUNTIME_DIR`` and ``RBRIDGE_STATE_DIR`` name a place outright: it is used or refused, never passed
over. Of the others an unsafe one is skipped, and when none is safe the error says what was wrong with each.
"""

import os
import stat

from rbridge import system
from rbridge.errors import CannotCreate, Denied

MYPY = False
if MYPY:
    from typing import List, Optional, Tuple

SOCKET_PATH_LIMIT = 100
"""Bytes a socket's path may have: sockaddr_un holds 104 on macOS and 108 on Linux, ssh refuses over 107."""

SOCKET_NAME_ROOM = len("/control.sock")
"""What has to fit behind a runtime directory."""

FILES_ROOM = 64 * 1024 * 1024
"""Free bytes a memory file system needs to be chosen for texts."""


def home() -> str:
    """The home directory: $HOME, unless root was handed someone else's (sudo), then the database's.

    Root would otherwise leave files in a user's home that the user cannot change.
    """
    named = os.environ.get("HOME", "")
    if named.startswith("/"):
        if os.geteuid() != 0:
            return named
        try:
            if os.stat(named).st_uid == 0:
                return named
        except OSError:
            return named
    return system.home_of(os.geteuid()) or named or "/"


def node() -> str:
    """This machine's name, as in ``uname -n``: machines share home directories, but not sockets."""
    return os.uname().nodename.replace("/", "_") or "localhost"


def host_socket_dir() -> str:
    """``~/.rbridge/<uname -n>``: where a forwarded socket is looked for first."""
    return os.path.join(home(), ".rbridge", node())


def runtime_candidates() -> "List[str]":
    """Runtime directories in order of preference, without those too long for a socket's path."""
    named = os.environ.get("RBRIDGE_RUNTIME_DIR", "")
    if named:
        return [os.path.abspath(named)]
    own = "rbridge-{}".format(os.geteuid())
    places = []
    xdg = os.environ.get("XDG_RUNTIME_DIR", "")
    if xdg.startswith("/") and _owner(xdg) == os.geteuid():
        places.append(os.path.join(xdg, "rbridge"))
    if os.path.isdir("/dev/shm"):
        places.append("/dev/shm/" + own)
    temporary = os.environ.get("TMPDIR", "")
    places.append(os.path.join(temporary if temporary.startswith("/") else "/tmp", own))
    places.append(os.path.join(host_socket_dir(), "run"))
    return [place for place in places if len(os.fsencode(place)) + SOCKET_NAME_ROOM <= SOCKET_PATH_LIMIT]


def runtime_dir(create: bool = True) -> str:
    """The first safe runtime directory.

    With *create* it is made when it is missing; without, the first one that exists is returned, and one that
    could be made when none does. Raises Denied, naming each place and what is wrong with it, when none is.
    """
    places = runtime_candidates()
    faults = []
    missing = ""
    for place in places:
        try:
            if create:
                make_private(place)
            else:
                check_private(place)
            return place
        except FileNotFoundError:
            missing = missing or place
        except (Denied, CannotCreate) as error:
            faults.append(str(error))
    if missing:
        return missing
    raise Denied(
        "no safe directory for sockets: " + ("; ".join(faults) or "every path is too long for a socket"),
        "set RBRIDGE_RUNTIME_DIR to a short path that only you can reach",
    )


def state_dir(create: bool = True) -> str:
    """Where journals, kept texts and logs outlive their process. Raises Denied or CannotCreate."""
    named = os.environ.get("RBRIDGE_STATE_DIR", "")
    xdg = os.environ.get("XDG_STATE_HOME", "")
    if named:
        place = os.path.abspath(named)
    elif xdg.startswith("/") and (os.geteuid() != 0 or _owner(xdg) in (0, None)):
        place = os.path.join(xdg, "rbridge")
    else:
        place = os.path.join(home(), ".local", "state", "rbridge")
    if create:
        make_private(place)
    return place


def config_file() -> str:
    """``config.toml`` of the user, whether it exists or not."""
    xdg = os.environ.get("XDG_CONFIG_HOME", "")
    base = xdg if xdg.startswith("/") else os.path.join(home(), ".config")
    return os.path.join(base, "rbridge", "config.toml")


def files_dir() -> "Tuple[str, bool]":
    """FILES, the directory for open texts, and whether it lies in memory. It is made when it is missing.

    ``/dev/shm/rbridge-UID/files`` where there is room, else another memory file system, else the runtime
    directory, which is on disk where there is no memory file system (macOS). With RBRIDGE_RUNTIME_DIR the
    texts are kept apart from those of other daemons.
    """
    named = os.environ.get("RBRIDGE_RUNTIME_DIR", "")
    leaf = "files"
    if named:
        runtime = runtime_dir()
        if system.in_memory(runtime):
            return _made(os.path.join(runtime, leaf)), True
        import zlib

        leaf = "files-{:08x}".format(zlib.crc32(os.fsencode(os.path.realpath(runtime))))
    for place in system.memory_dirs():
        if place != "/dev/shm" and _owner(place) != os.geteuid():
            continue
        base = os.path.join(place, "rbridge-{}".format(os.geteuid()))
        if system.free_bytes(place) < FILES_ROOM:
            continue
        try:
            make_private(base)
            return _made(os.path.join(base, leaf)), True
        except (Denied, CannotCreate):
            continue
    runtime = runtime_dir()
    return _made(os.path.join(runtime, "files")), system.in_memory(runtime)


def _made(path: str) -> str:
    make_private(path)
    return path


def _owner(path: str) -> "Optional[int]":
    try:
        return os.stat(path).st_uid
    except OSError:
        return None


def check_private(path: str, uids: "Optional[Tuple[int, ...]]" = None) -> None:
    """Raise Denied, naming the owner, the mode or the link, unless *path* is a directory that is ours alone.

    *uids* are those that count as us, by default the effective one. Raises FileNotFoundError when there is
    nothing. A directory with a parent that others may write to is safe only under a sticky bit.
    """
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        raise Denied("{} is a symbolic link, not a directory of ours".format(path), "remove it")
    if not stat.S_ISDIR(found.st_mode):
        raise Denied("{} is not a directory".format(path), "remove it")
    ours = uids if uids is not None else (os.geteuid(),)
    if found.st_uid not in ours:
        raise Denied("{} belongs to {}".format(path, system.user_name(found.st_uid)), "do not use it")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise Denied(
            "{} can be reached by others (mode {:04o})".format(path, mode), "run: chmod 700 {}".format(path)
        )
    parent = os.path.dirname(os.path.abspath(path))
    above = os.stat(parent)
    if above.st_mode & 0o002 and not above.st_mode & stat.S_ISVTX:
        raise Denied(
            "{} can be replaced by others: {} is open to all (mode {:04o})".format(
                path, parent, stat.S_IMODE(above.st_mode)
            ),
            "run: chmod o-w {}".format(parent),
        )


def make_private(path: str, uids: "Optional[Tuple[int, ...]]" = None) -> None:
    """Make *path* a directory that is ours alone, with the parents it lacks (0700 as well).

    One that is ours already and that others could look into, but not write to, is closed to them. Raises
    Denied as :func:`check_private` does, and CannotCreate when it cannot be made.
    """
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if parent == path:
            raise CannotCreate("cannot create {}".format(path)) from None
        _make_parents(parent)
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            pass
        except OSError as error:
            raise CannotCreate("cannot create {}: {}".format(path, error.strerror)) from None
    except OSError as error:
        raise CannotCreate("cannot create {}: {}".format(path, error.strerror)) from None
    tighten(path, uids)


def tighten(path: str, uids: "Optional[Tuple[int, ...]]" = None) -> None:
    """Check *path* as :func:`check_private` does, after closing it to others if only looking was allowed."""
    found = os.lstat(path)
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and mode & 0o077 and not mode & 0o022:
        try:
            os.chmod(path, 0o700)
        except OSError as error:
            raise Denied(
                "{} is open to others and cannot be closed: {}".format(path, error.strerror)
            ) from None
    check_private(path, uids)


def _make_parents(path: str) -> None:
    try:
        os.makedirs(path, 0o700, exist_ok=True)
    except OSError as error:
        raise CannotCreate("cannot create {}: {}".format(path, error.strerror)) from None
