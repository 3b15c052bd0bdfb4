"""Where sockets, state and settings lie.

Every directory of ours is one of ours alone (:mod:`rbridge.private`). The environment is read at each call.
``RBRIDGE_RUNTIME_DIR`` and ``RBRIDGE_STATE_DIR`` name a place outright: it is used or refused, never passed
over. Of the others an unsafe one is skipped, and when none is safe the error says what was wrong with each.
"""

import os

from rbridge.errors import CannotCreate, Denied

MYPY = False
if MYPY:
    from typing import List, Optional

SOCKET_PATH_LIMIT = 100
"""Bytes a socket's path may have: sockaddr_un holds 104 on macOS and 108 on Linux, ssh refuses over 107."""

SOCKET_NAME_ROOM = len("/control.sock")
"""What has to fit behind a runtime directory."""


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
    from rbridge.system import home_of

    return home_of(os.geteuid()) or named or "/"


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
    if xdg.startswith("/") and owner(xdg) == os.geteuid():
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
    from rbridge.private import check_private, make_private

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
        except (Denied, CannotCreate, OSError) as error:  # OSError: a home on a file server that is away
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
    elif xdg.startswith("/") and (os.geteuid() != 0 or owner(xdg) in (0, None)):
        place = os.path.join(xdg, "rbridge")
    else:
        place = os.path.join(home(), ".local", "state", "rbridge")
    if create:
        from rbridge.private import make_private

        make_private(place)
    return place


def config_file() -> str:
    """``config.toml`` of the user, whether it exists or not."""
    xdg = os.environ.get("XDG_CONFIG_HOME", "")
    base = xdg if xdg.startswith("/") else os.path.join(home(), ".config")
    return os.path.join(base, "rbridge", "config.toml")


def encodable(word: str) -> str:
    """*word* as a string that os takes for a path, where its encoding has not all of the characters.

    So it may be with what another process names: Python 3.6 takes LANG=C for ASCII. QUIRK: PyPy 3.9 decodes
    the command line as UTF-8 even where its file system encoding is ASCII.
    """
    try:
        os.fsencode(word)
    except UnicodeEncodeError:
        return os.fsdecode(word.encode("utf-8", "surrogateescape"))
    return word


def owner(path: str) -> "Optional[int]":
    """The uid of what *path* leads to, None where there is nothing to be seen."""
    try:
        return os.stat(path).st_uid
    except OSError:
        return None
