"""Where the clients in the background are found: the names of their private sockets.

One listens in the runtime directory as ``client-KEY-TUNNEL.sock``. KEY stands for the user, the mount and pid
namespace and the Slurm job, TUNNEL for the address that its files went to. A further one (the first does not
answer, or was faster; or it serves a plain rmate server) has its pid in the name: ``status``, ``close`` and
``resolve`` find it, and no files are handed over to it.
"""

import os
from binascii import crc32

from rbridge import paths, system
from rbridge.errors import RbridgeError

MYPY = False
if MYPY:
    from typing import List

    from rbridge.client.options import Options
    from rbridge.client.settings import Endpoint

PREFIX, SUFFIX = "client-", ".sock"


def key() -> str:
    """What has to be the same for two commands to share a process."""
    words = [str(os.geteuid()), os.environ.get("SLURM_JOB_ID", "")]
    for kind in ("mnt", "pid"):
        try:
            words.append(os.readlink("/proc/self/ns/" + kind))
        except OSError:
            words.append("")  # no /proc here
    return checksum("\0".join(words))


def checksum(text: str) -> str:
    return "{:08x}".format(crc32(text.encode("utf-8", "surrogateescape")) & 0xFFFFFFFF)


def name(label: str) -> str:
    """The socket's name for the tunnel that is called *label*."""
    return "{}{}-{}{}".format(PREFIX, key(), checksum(label), SUFFIX)


def place(label: str) -> str:
    """The path of that socket; "" when there is none now, or no directory that is safe, and under sudo."""
    if system.us(os.environ)[1:]:
        return ""
    try:
        path = os.path.join(paths.runtime_dir(create=False), name(label))
    except RbridgeError:
        return ""
    return path if os.path.lexists(path) else ""


def meant(endpoints: "List[Endpoint]", options: "Options") -> str:
    """The socket of the client in the background that serves where these files are to go.

    "" when there is none, and when that cannot be known before somebody has answered: with ``--on``, and
    with several sockets among which the daemons' identities decide.
    """
    if options.on or not endpoints:
        return ""
    if endpoints[0].shared and sum(endpoint.shared for endpoint in endpoints) > 1:
        return ""
    return place(endpoints[0].label)


def ours(name: str) -> bool:
    """Whether a file in a runtime directory is called as such a socket is."""
    return name.startswith(PREFIX) and name.endswith(SUFFIX)
