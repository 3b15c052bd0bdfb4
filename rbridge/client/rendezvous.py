"""The sockets that forwards and daemons have left in our own directories."""

import _socket
import errno
import os
import stat
import time

from rbridge import paths, private, system
from rbridge.client import sockets
from rbridge.client.settings import Endpoint, shortened
from rbridge.errors import Denied

MYPY = False
if MYPY:
    from typing import List, Tuple


OTHER_SOCKETS = ("editor.sock", "lsp.sock", "control.sock")
"""Sockets of the daemon that no client has business with."""


MOST_SOCKETS = 16
"""Sockets of one directory that are looked at. sshd leaves one behind at the end of each login that forwards
to a path of its own: where there are more, those that nobody listens on are removed.
"""

NEW = 5.0
"""Seconds; a younger socket may be bound and not listen yet."""


def shared_sockets(uids: "Tuple[int, ...]", notes: "List[str]") -> "List[Endpoint]":
    """The sockets in those of our directories that are safe, the newest of each directory first."""
    places = [paths.host_socket_dir()] + paths.runtime_candidates()
    own = len(places)  # root removes nothing by its path where somebody else may swap directories
    found: "List[Endpoint]" = []
    for uid in uids[1:]:  # under sudo: those of who called it
        home = system.home_of(uid)
        if home:
            places.append(os.path.join(home, ".rbridge", paths.node()))
            usual = os.path.join(home, ".rmate.socket")
            if os.path.exists(usual):
                found.append(Endpoint("unix", "the caller's usual place", path=usual))
        places += [place.format(uid) for place in ("/run/user/{}/rbridge", "/dev/shm/rbridge-{}")]
        places.append("/tmp/rbridge-{}".format(uid))
    for number, place in enumerate(places):
        try:
            names = os.listdir(place)
            private.tighten(place, uids)
        except Denied as error:
            notes.append("{}: passed over".format(error))
            continue
        except OSError:
            continue
        dated = []
        for name in names:
            path = os.path.join(place, name)
            try:
                state = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISSOCK(state.st_mode) and name not in OTHER_SOCKETS and not sockets.ours(name):
                dated.append((-state.st_mtime, path))
        kept = 0
        for _, path in sorted(dated):
            if number < own and len(dated) > MOST_SOCKETS and _is_dead(path):
                continue
            kept += 1
            if kept > MOST_SOCKETS:
                break
            endpoint = Endpoint("unix", shortened(place), path=path)
            endpoint.shared = True
            found.append(endpoint)
    return found


def _is_dead(path: str) -> bool:
    """Whether nobody listens at *path*, in a directory of ours; then it is removed, unless it is new.

    RACE: another machine of the same name that shares this home may listen there: its next login is found.
    """
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if sock.connect_ex(path) != errno.ECONNREFUSED:
            return False
        if time.time() - os.lstat(path).st_mtime > NEW:
            os.unlink(path)
    except OSError:  # too long a path, or a file server that does not let us
        return False
    finally:
        sock.close()
    return True
