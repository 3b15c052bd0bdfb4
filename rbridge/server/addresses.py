"""Addresses as ``--listen`` spells them: ``127.0.0.1:52698``, ``[::1]:0``, ``unix:PATH``."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass

from rbridge import paths
from rbridge.errors import UsageError

_ALLOWED = "an address is 127.0.0.1:PORT, [::1]:PORT or unix:PATH; port 0 takes a free one"


@dataclass(frozen=True)
class Tcp:
    """*host* is a loopback address in its usual spelling; *port* 0 stands for any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Unix:
    """A socket at the absolute *path*."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


Address = Tcp | Unix


def parse(text: str) -> Address:
    """Read *text*; raises UsageError that says what is allowed.

    Addresses that other machines can reach are refused: the protocol has no secret of its own, the way in
    from outside is ssh.
    """
    if text.startswith("unix:"):
        return _unix(text[len("unix:") :])
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"cannot listen on {text!r}", _ALLOWED)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise UsageError(f"cannot listen on {text!r}", _ALLOWED)
    if host == "localhost":
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise UsageError(f"cannot listen on {text!r}", _ALLOWED) from None
    if not address.is_loopback:
        raise UsageError(
            f"cannot listen on {text!r}: other machines could reach it",
            "listen on 127.0.0.1 and forward the port with ssh",
        )
    return Tcp(str(address), int(port))


def _unix(path: str) -> Unix:
    if not path or "\0" in path:
        raise UsageError("cannot listen on a socket without a path", _ALLOWED)
    full = os.path.abspath(os.path.expanduser(path))
    length = len(os.fsencode(full))
    if length > paths.SOCKET_PATH_LIMIT:
        raise UsageError(
            f"cannot listen on {full}: {length} bytes are too long for a socket",
            f"at most {paths.SOCKET_PATH_LIMIT} bytes",
        )
    return Unix(full)
