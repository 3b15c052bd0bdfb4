"""The sockets that forwards and daemons have left in our own directories."""

import os
import stat

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
"""Sockets of one directory that are looked at; stale ones pile up where nobody removes them."""


def shared_sockets(uids: "Tuple[int, ...]", notes: "List[str]") -> "List[Endpoint]":
    """The sockets in those of our directories that are safe, the newest of each directory first."""
    places = [paths.host_socket_dir()] + paths.runtime_candidates()
    for uid in uids[1:]:  # under sudo: those of who called it
        home = system.home_of(uid)
        if home:
            places.append(os.path.join(home, ".rbridge", paths.node()))
        places += ["/run/user/{}/rbridge".format(uid), "/dev/shm/rbridge-{}".format(uid)]
    found: "List[Endpoint]" = []
    for place in places:
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
        for _, path in sorted(dated)[:MOST_SOCKETS]:
            endpoint = Endpoint("unix", shortened(place), path=path)
            endpoint.shared = True
            found.append(endpoint)
    return found
