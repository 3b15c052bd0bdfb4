"""Sockets that the daemon listens on: how they are made, who held the address before, how they go away."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import trio

from rbridge import paths, tcpowner
from rbridge.errors import CannotCreate, NotListening
from rbridge.server.addresses import Address, Tcp, Unix

BACKLOG = 128
LOOK = 1.0  # seconds to find out who holds an address


@dataclass
class Listener:
    """A bound *socket* at *address*, with the port it really got; *inode* is that of a Unix socket's file.

    *name* and *identity* are those of the one host that is led here, "" where any may come; *also* are the
    identities of that machine under other names.
    """

    address: Address
    socket: trio.SocketListener
    inode: tuple[int, int] | None = None
    name: str = ""
    identity: str = ""
    also: frozenset[str] = frozenset()

    def remove(self) -> None:
        """Take a Unix socket's file away, unless someone else's is there by now."""
        if isinstance(self.address, Unix) and _inode(self.address.path) == self.inode:
            with suppress(OSError):  # a dead socket is replaced by whoever listens next
                os.unlink(self.address.path)


async def listen(address: Address, name: str = "", identity: str = "") -> Listener:
    """Bind *address*, for any host or for the one that is called *name*.

    Raises NotListening if it is in use, CannotCreate if it cannot be made.
    A socket file that nobody answers at is a dead daemon's and is replaced.
    """
    made = await _listen_unix(address) if isinstance(address, Unix) else await _listen_tcp(address)
    made.name, made.identity = name, identity
    return made


async def close(listeners: Sequence[Listener]) -> None:
    """Stop listening and leave no socket behind."""
    for listener in listeners:
        listener.remove()
    for listener in listeners:
        await listener.socket.aclose()


async def _listen_tcp(address: Tcp) -> Listener:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        await sock.bind((address.host, address.port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _cannot(address, error) from error
    return Listener(Tcp(address.host, sock.getsockname()[1]), trio.SocketListener(sock))


async def _listen_unix(address: Unix) -> Listener:
    path = address.path
    if _inode(path) is not None:
        if await answers(path):
            raise NotListening(f"cannot listen on {address}: another program listens there")
        _remove_dead(path)
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # the file is never open to others, not even between bind and a chmod
    try:
        await sock.bind(path)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _cannot(address, error) from error
    finally:
        os.umask(before)
    return Listener(address, trio.SocketListener(sock), _inode(path))


def _cannot(address: Address, error: OSError) -> NotListening | CannotCreate:
    if error.errno == errno.EADDRINUSE:
        return NotListening(f"cannot listen on {address}: another program listens there")
    if error.errno == errno.EADDRNOTAVAIL:
        return NotListening(f"cannot listen on {address}: this machine has no such address")
    return CannotCreate(f"cannot listen on {address}: {error.strerror}")


def _remove_dead(path: str) -> None:
    if not _is_socket(path):
        raise CannotCreate(f"cannot listen on unix:{path}: something that is no socket is there")
    try:
        os.unlink(path)
    except OSError as error:
        raise CannotCreate(f"cannot replace the dead socket {path}: {error.strerror}") from error


def _is_socket(path: str) -> bool:
    import stat

    return stat.S_ISSOCK(os.lstat(path).st_mode)


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


async def answers(path: str) -> bool:
    """Whether someone accepts connections on the Unix socket at *path*."""
    with trio.move_on_after(LOOK):
        try:
            stream = await trio.open_unix_socket(path)
        except OSError:
            return False
        await trio.aclose_forcefully(stream)
        return True
    return True  # a full backlog: alive, but busy


@dataclass(frozen=True)
class Holder:
    """Who holds a TCP port: *ours* is None where the system does not tell; *rmate*: it greets like an
    editor.
    """

    ours: bool | None
    rmate: bool


async def holder(address: Tcp) -> Holder:
    """Find out who answers at *address*: the greeting tells what it is, the system whose it is."""
    greeting = b""
    uid: int | None = None
    with trio.move_on_after(LOOK):
        try:
            stream = await trio.open_tcp_stream(address.host, address.port)
        except OSError:
            return Holder(None, rmate=False)
        async with stream:
            with trio.move_on_after(LOOK / 2):
                greeting = await stream.receive_some(512)
            ends = stream.socket.getsockname(), stream.socket.getpeername()
            uid = tcpowner.tcp_peer_uid(*ends)
    words = greeting.lower()
    known = any(word in words for word in (b"rmate", b"sublime text", b"vscode", b"atom"))
    return Holder(None if uid is None else uid == os.geteuid(), known)


def taken_line(address: Tcp, found: Holder) -> str:
    """What to tell the user whose default port is taken."""
    if found.ours is False:
        return (
            f"port {address.port} is held by another user of this machine: do not forward to this port, "
            "forward to the Unix socket below"
        )
    if found.rmate:
        return (
            f"port {address.port} is held by an editor that speaks rmate: to hand files on to it run "
            f"rbridge serve --editor rmate:{address.port}; forward to the Unix socket below"
        )
    return f"port {address.port} is held by another program: forward to the Unix socket below"


def default_socket() -> Unix:
    """The daemon's own Unix socket in the runtime directory."""
    return Unix(os.path.join(paths.runtime_dir(), "daemon.sock"))
