"""``rbridge agent SOCKET MARK``: where sshd forwards nothing, connections to SOCKET go through our stdin and
stdout to the laptop, whose daemon has started us (:mod:`rbridge.ssh.agent`; docs/protocol.md has the frames).

It begins with MARK on a line of its own: what login files print stands before it. It ends with stdin, when
SOCKET is not ours any more, and at the first frame that makes no sense.
"""

import os
import select
import signal
import socket
import stat
import sys
from time import monotonic

from rbridge import system
from rbridge.errors import CannotCreate, Denied, TryAgain, UsageError
from rbridge.private import check_private
from rbridge.wire.channels import MOST, Channels

MYPY = False
if MYPY:
    from typing import Dict, List

VERSION = 1
SPARE = 1 << 23  # bytes
FULL = 1 << 18
"""Bytes on their way to stdout above which nothing is read from connections."""

READ = 1 << 18
TICK = 5.0  # seconds between looks whether the socket is still there

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
_IN = select.POLLIN | _GONE
_OUT = select.POLLOUT | _GONE


def run(arguments: "List[str]") -> int:
    """The command. Raises RbridgeError."""
    if len(arguments) != 2 or not arguments[1].isalnum() or not arguments[0].startswith("/"):
        raise UsageError("rbridge agent is run by 'rbridge connect' on the laptop")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    agent = Agent(*arguments)
    try:
        agent.serve()
    except ConnectionError:
        return 0  # stdout is at its end before stdin
    finally:
        agent.close()
    return 0


class Connection:
    """One that was accepted; what came for it waits in *held*."""

    __slots__ = ("dead", "ended", "events", "held", "number", "reading", "sock")

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self.number = number
        self.held = bytearray()
        self.events = 0
        self.reading = True
        self.ended = False  # nothing more comes for it
        self.dead = False  # it takes nothing any more


class Agent:
    """Listens at *path*. Raises Denied or CannotCreate where that is not safe, or not possible."""

    def __init__(self, path: str, mark: str) -> None:
        self._path = path
        self._channels = Channels(True, SPARE)
        self._channels.out += "\n{} {}\n".format(mark, VERSION).encode("ascii")
        self._connections: "Dict[int, Connection]" = {}  # by number
        self._by_descriptor: "Dict[int, Connection]" = {}
        self._watched: "Dict[int, int]" = {}  # events by descriptor
        self._poll = select.poll()
        self._pause = False  # no descriptor is left for another connection
        check_private(os.path.dirname(path))
        self._listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            _clear(path)
            self._listener.bind(path)
            self._listener.listen(MOST)
            self._id = _identity(path)
        except OSError as error:
            raise CannotCreate("cannot listen at {}: {}".format(path, error.strerror or error)) from None
        finally:
            os.umask(before)
        self._listener.setblocking(False)
        os.set_blocking(1, False)
        os.chdir("/")  # nobody's file system is held

    def close(self) -> None:
        """Remove the socket, unless it is another's by now, and let all connections go."""
        if _identity(self._path) == self._id:
            os.unlink(self._path)
        self._listener.close()
        for one in self._connections.values():
            one.sock.close()

    def serve(self) -> None:
        """Return when stdin ends. Raises TryAgain, RemoteProtocolError."""
        look = monotonic() + TICK
        while True:
            self._watch_all()
            ready = dict(self._poll.poll(max(0, int((look - monotonic()) * 1000)) + 1))
            if 1 in ready:
                self._write()
            if 0 in ready and not self._read():
                return
            if self._listener.fileno() in ready:
                self._accept()
            for descriptor, found in ready.items():
                one = self._by_descriptor.get(descriptor)
                if one is not None:
                    self._serve(one, found & one.events | found & _GONE)
            if monotonic() >= look:
                look = monotonic() + TICK
                self._pause = False
                if _identity(self._path) != self._id:
                    raise TryAgain("{} was removed or replaced: this agent ends".format(self._path))

    def _watch_all(self) -> None:
        full = len(self._channels.out) >= FULL
        self._watch(0, select.POLLIN)
        self._watch(1, select.POLLOUT if self._channels.out else 0)
        accepts = not (full or self._pause) and len(self._connections) < MOST and len(self._channels) < MOST
        self._watch(self._listener.fileno(), select.POLLIN if accepts else 0)
        for one in self._connections.values():
            reads = one.reading and not full and self._channels.credit(one.number)
            one.events = (select.POLLIN if reads else 0) | (select.POLLOUT if one.held else 0)
            self._watch(one.sock.fileno(), one.events)

    def _watch(self, descriptor: int, events: int) -> None:
        """One that is asked nothing is taken out: poll would tell again and again that it has hung up."""
        if self._watched.get(descriptor, 0) != events:
            self._watched[descriptor] = events
            if events:
                self._poll.register(descriptor, events)
            else:
                self._poll.unregister(descriptor)

    def _write(self) -> None:
        try:
            count = os.write(1, self._channels.out)
        except BlockingIOError:
            return
        del self._channels.out[:count]

    def _read(self) -> bool:
        """Take what the laptop says; False at its end."""
        try:
            data = os.read(0, READ)
        except BlockingIOError:  # sshd gives us one socket for both
            return True
        for kind, number, piece in self._channels.feed(data):
            one = self._connections.get(number)
            if one is None:
                continue
            if kind == b"D" and one.dead:
                self._channels.took(number, len(piece))
            elif kind == b"D":
                one.held += piece
            elif kind == b"E":
                one.ended = True
                self._settle(one)
            elif kind == b"R":
                one.reading = False
                if not one.ended:
                    one.held.clear()
                    one.ended = one.dead = True
                self._settle(one)
        return bool(data)

    def _accept(self) -> None:
        try:
            sock = self._listener.accept()[0]
        except OSError as error:
            self._pause = not isinstance(error, (BlockingIOError, ConnectionError))
            return
        if system.peer_uid(sock) not in (os.geteuid(), 0):
            sock.close()
            return
        sock.setblocking(False)
        one = Connection(sock, self._channels.open())
        self._connections[one.number] = self._by_descriptor[sock.fileno()] = one

    def _serve(self, one: Connection, found: int) -> None:
        if one.held and found & _OUT:
            self._deliver(one)
        if one.reading and found & _IN:
            self._fetch(one)
        self._settle(one)

    def _fetch(self, one: Connection) -> None:
        """Read from it, as much as may be sent."""
        most = self._channels.credit(one.number)
        if not most or len(self._channels.out) >= FULL:
            return
        try:
            data = one.sock.recv(most)
        except BlockingIOError:
            return
        except OSError:  # all that it said before has been read
            one.dead = True
            data = b""
        if data:
            self._channels.send(one.number, data)
        else:
            one.reading = False
            self._channels.end(one.number)

    def _deliver(self, one: Connection) -> None:
        """Write to it what came; one that takes nothing may still have something to be read."""
        try:
            count = one.sock.send(one.held)
        except BlockingIOError:
            return
        except OSError:
            one.dead = True
            count = len(one.held)
        del one.held[:count]
        self._channels.took(one.number, count)

    def _settle(self, one: Connection) -> None:
        """Say what both sides are to know, and let it go once nothing is left to be done."""
        if one.dead and not one.reading:
            self._channels.reset(one.number)
        elif not one.ended or one.held:
            return
        elif one.reading:
            try:
                one.sock.shutdown(socket.SHUT_WR)
            except OSError:
                one.dead = True  # it has gone: what it left is still to be read
            return
        if self._connections.pop(one.number, None) is not None:
            descriptor = one.sock.fileno()
            self._watch(descriptor, 0)
            del self._by_descriptor[descriptor]
            self._watched.pop(descriptor, None)
            one.sock.close()
            self._channels.done(one.number)
            self._pause = False


def _identity(path: str) -> "object":
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns  # the inode may be given to the next one


def _clear(path: str) -> None:
    """Remove the socket that an earlier one left. Raises Denied for what is none of ours."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise Denied("{} is in the way: it is no socket of yours".format(path), "remove it")
    os.unlink(path)
