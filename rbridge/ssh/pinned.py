"""``--node NODE``: one certain machine of those that a name stands for, as with login nodes behind one name.

NODE takes the place of HOST's ``HostName``; all else that ssh's configuration says of HOST holds. Where NODE
cannot be reached from here, HOST becomes its jump host. The host key is checked as ssh does it: under NODE's
name, or under HOST's ``HostKeyAlias`` where there is one. The tunnel and its documents are called NODE.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

from rbridge.errors import UsageError, clean
from rbridge.ssh import config
from rbridge.ssh.config import Destination
from rbridge.ssh.words import Words

REACHED = 3.0  # seconds for a TCP connection


def ask(said: Words, cwd: str, environ: Mapping[str, str] | None = None) -> tuple[Destination, Words]:
    """The destination of *said* with its ``--node``, and *said* with the options of ssh that lead there.

    Raises as :func:`config.ask_now` does, and UsageError for what cannot be a machine's name.
    """
    node = said.own["--node"]
    known_as = config.known_as(node)
    if "@" in node or "/" in node:
        raise UsageError(f"--node takes the name of a machine, not {clean(node)}")
    through = config.ask_now(said.host, said.options, cwd, environ)
    way = [f"-oHostName={node}"]
    if through.direct and not reaches(node, through.port):
        way.append(f"-J{through.user}@{_bare(said.host)}:{through.port}")
    led = said._replace(options=(*way, *said.options))
    destination = config.ask_now(led.host, led.options, cwd, environ)
    if destination.control_path == through.control_path and led.shell == led.options:
        # as with %n: what is shared there may be a connection to another of HOST's machines
        destination = destination._replace(control_path="", control_master=False)
    return destination._replace(known_as=known_as), led


def reaches(node: str, port: int) -> bool:
    """Whether that port of *node* takes a connection from here."""
    try:
        socket.create_connection((node, port), REACHED).close()
    except (OSError, UnicodeError):
        return False
    return True


def _bare(host: str) -> str:
    """The word by which ssh's configuration knows *host*: without ``ssh://``, user and port."""
    if host.startswith("ssh://"):
        host = host[len("ssh://") :].partition("/")[0].rpartition("@")[2]
        return host if host.startswith("[") and host.endswith("]") else host.rpartition(":")[0] or host
    host = host.rpartition("@")[2]
    return f"[{host}]" if ":" in host else host
