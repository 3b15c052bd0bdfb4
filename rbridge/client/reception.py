"""The door of the process in the background: its private socket, and the commands that come in by it.

The socket lies in the runtime directory (:mod:`rbridge.client.sockets` has its name), 0600; whoever connects
has to be the same user. A file that is handed over is taken only if its descriptor and what we see at its
path are the same file: a container or a chroot may show us something else there. One file that differs, and
the command serves all of its files itself.
"""

import _socket
import fcntl
import os
from time import monotonic, sleep

from rbridge import __version__, paths, private, system
from rbridge.client import sockets, sudo
from rbridge.client.caller import SERVED, Connection
from rbridge.client.intercom import Intercom, connected, reach
from rbridge.client.loop import READ
from rbridge.client.options import Options
from rbridge.client.pool import Pool
from rbridge.errors import RbridgeError

MYPY = False
if MYPY:
    from typing import Dict, List, Optional

    from rbridge.client.delivery import Document
    from rbridge.client.intercom import Message
    from rbridge.client.loop import Loop, Timer
    from rbridge.client.resident import Resident
    from rbridge.client.source import Source

CALLERS = 64
"""Commands at a time; one that waits counts as long as it waits."""

SETTLED = 20.0
"""Seconds for a conflict to be settled: the text may have to go to the laptop or to come from there."""

LOOK = 0.1
"""Seconds between two looks whether it is."""

STAY = 5.0
"""Seconds between two looks whether the socket is still there."""

TRY = 0.005
"""Seconds between two tries to have a directory to ourselves,"""

TRIES = 40
"""and how many there are: another one has it for a moment, unless it was stopped just then."""


class Handed(Options):
    """The options of a command that handed its files over, and where it was called.

    *environment* holds its variables, ``NAME=VALUE`` and NUL each. They stay in memory and go nowhere else.
    """

    def __init__(self, hand: "Message") -> None:
        super().__init__()
        self.cwd = hand.path("cwd")
        self.environment = hand.body
        self.timeout = float(hand.get("patience") or self.patience)
        for name in ("wait", "new", "read_only", "force", "keep_focus", "large", "verbose"):
            setattr(self, name, hand.get(name.replace("_", "-")) == "yes")


class Reception:
    """The socket and the commands at it. *states* is the state directory."""

    def __init__(self, loop: "Loop", states: str) -> None:
        self.loop = loop
        self.states = states
        self.resident: "Resident" = None  # type: ignore[assignment]
        self.path = ""
        self.callers: "List[Connection]" = []
        self.pool = Pool(loop)  # for what is handed over: each command waits for its own files alone
        self._listener: "_socket.socket" = None  # type: ignore[assignment]
        self._inode = 0
        self._label = ""
        self._shell = b""
        self._timer: "Optional[Timer]" = None

    def welcome(self, sock: "_socket.socket", waits: bool, count: int) -> Connection:
        """The command at the other end of *sock*, of which *count* files were sent already."""
        connection = Connection(self, Intercom(sock))
        connection.serve(waits, count)
        self.callers.append(connection)
        return connection

    def listen(self, label: str) -> None:
        """Be found under the tunnel called *label*, unless another process is.

        No failure is told: it is tried again. So it is when the socket was removed: at a user's last logout
        systemd-logind clears away the runtime directory, and /dev/shm, under processes that go on. Who is not
        found is not asked by ``status -q`` either.
        """
        self._label = label
        self.stay()

    def stay(self) -> None:
        """See to it that we are found."""
        if self._listener is not None and not self._is_there():
            self._leave()
        if self._listener is None:
            for directory in paths.runtime_candidates():
                try:
                    private.make_private(directory)
                    self._enter(directory)
                    break
                except (OSError, RbridgeError):
                    continue  # it is full, or not safe
        self._timer = self.loop.at(STAY, self.stay)

    def _enter(self, directory: str) -> None:
        """Listen in *directory*. Raises OSError."""
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # of two that find a dead one's socket, one removes it
            _lock(fd)
            name = sockets.name(self._label)
            if not self._label or not self.bind(os.path.join(directory, name)):
                self.bind(os.path.join(directory, further(name)))
        finally:
            os.close(fd)

    def _is_there(self) -> bool:
        try:
            return os.lstat(self.path).st_ino == self._inode
        except OSError:
            return False

    def _leave(self) -> None:
        self.loop.forget(self._listener.fileno())
        self._listener.close()
        self._listener = None  # type: ignore[assignment]

    def bind(self, path: str) -> bool:
        """Listen at *path*; False if somebody does. Raises OSError."""
        try:
            connected(path).close()
            return False
        except ConnectionRefusedError:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except BlockingIOError:
            return False  # more are waiting for it than it takes
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        aside = os.path.join(os.path.dirname(path), ".{}".format(os.getpid()))
        try:
            _remove(aside)
            reach(aside, listener.bind)
            os.chmod(aside, 0o600)  # no umask: that is the threads' as well, which may be making a file now
            listener.listen(CALLERS)
            os.rename(aside, path)  # a command that finds a socket at which nobody listens yet removes it
        except BaseException:
            listener.close()
            _remove(aside)
            raise
        listener.setblocking(False)
        self._inode = os.lstat(path).st_ino
        self.path = path
        self._listener = listener
        self.loop.watch(listener.fileno(), READ, self.accept)
        return True

    def close(self) -> None:
        """Be found no more, and hang up."""
        if self._timer is not None:
            self._timer.cancel()
        if self._listener is not None:
            if self._is_there():
                _remove(self.path)
            self._leave()
        for caller in list(self.callers):
            caller.gone()

    def idle(self) -> bool:
        """Whether nobody is here who has to be answered or told of anything."""
        return not self.callers

    def accept(self, _events: int) -> None:
        """Somebody connected."""
        try:
            fd, _ = self._listener._accept()  # type: ignore[attr-defined]
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:  # no descriptor is left: whoever waits is taken when there is one
            self.loop.forget(self._listener.fileno())
            self.loop.at(1.0, self.resume)
            return
        sock = _socket.socket(fileno=fd)
        if system.peer_uid(sock) != os.geteuid():
            sock.close()
            return
        connection = Connection(self, Intercom(sock))
        self.callers.append(connection)
        if len(self.callers) > CALLERS:
            connection.refuse("{} commands are waiting for it already".format(CALLERS))

    def resume(self) -> None:
        if self._listener is not None:
            self.loop.watch(self._listener.fileno(), READ, self.accept)

    def forget(self, connection: Connection) -> None:
        """*connection* is closed."""
        if connection in self.callers:
            self.callers.remove(connection)

    def left(self, connection: Connection) -> None:
        """Nothing more is told to *connection*."""
        self.loop.soon(lambda: self.resident.left(connection))

    # files that are handed over

    def refusal(self, hand: "Message") -> str:
        """Why the files of this command are not taken, "" if they are."""
        if sudo.confined():
            return "it serves only what sudo was called for"
        if hand.get("version") != __version__:
            return "it is of version {}, we are {}".format(__version__, hand.get("version"))
        identity = hand.get("identity")
        if identity and identity != self.resident.identity:
            return "it is connected to another laptop"
        if not identity and not self.resident.attached:
            return "it is not connected to a laptop now"
        return ""

    def open(self, sources: "List[Source]", hand: "Message", connection: Connection) -> None:
        """Have the resident open *sources* for *connection*."""
        handed = Handed(hand)
        if handed.environment != self._shell:
            self._shell = handed.environment
        for source in sources:
            source.shell = self._shell  # one object for all that are opened from one shell
        self.resident.open(sources, handed, connection)

    def rescue(self, real: str, fd: int) -> str:
        """Keep a text of standard input that nobody reads any more; the line that says where."""
        from rbridge.client import kept

        try:
            return "what was saved is in {}".format(kept.keep(self.states, real, fd))
        except OSError as error:
            return "cannot keep what was saved: {}".format((error.strerror or "").lower())

    # questions about documents

    def answer(self, connection: Connection, message: "Message") -> None:
        """Answer ``status``, ``close`` or ``resolve``; ``done`` has 66 if nothing is open there."""
        rows = self.rows(message)
        if message.command != "status" and not rows:
            connection.code = 66
            connection.finish()
        elif message.command == "resolve" and message.get("choose"):
            self.resolve(connection, message)
        else:
            for row in rows:
                connection.tell("row", row)
            if message.command == "close":
                for document in self.documents(rows):
                    self.resident.close(document)
            connection.finish()

    def rows(self, message: "Message") -> "List[Dict[str, str]]":
        """What is open at or below the path that *message* names, or all of it."""
        found = []
        asked, real = message.path("path"), message.path("real")
        for path, state, online, said in self.resident.rows():
            if not asked or below(path, asked, real, self.resident.leads_to(path)):
                laptop = self.resident.label
                row = {"path": path, "state": state, "laptop": laptop, "message": said}
                row["connected"] = "yes" if online else ""
                found.append(row)
        return found

    def documents(self, rows: "List[Dict[str, str]]") -> "List[Document]":
        """The documents that *rows* are about."""
        wanted = {row["path"] for row in rows}
        return [one for one in self.resident.under("") if one.source.real in wanted]

    def resolve(self, connection: Connection, message: "Message") -> None:
        """Settle a conflict, or fetch the laptop's text."""
        choice = message.get("choose")
        rows = self.rows(message)
        if len(rows) > 1 or rows[0]["state"] != "conflict":
            for row in rows:
                connection.tell("row", row)
            connection.finish()
            return
        (document,) = self.documents(rows)
        self.resident.resolve(document, choice, connection)
        end = monotonic() + SETTLED

        def look() -> None:
            if connection.state != SERVED:
                return  # all was said, or there is nobody to hear it
            state = "".join(row["state"] for row in self.rows(message))
            if connection.trouble:
                connection.code = 74
            elif monotonic() > end:
                connection.report("{}: no answer from {}".format(message.get("path"), self.resident.label))
                connection.code = 74
            elif choice == "show" or state in ("conflict", "saving"):
                self.loop.at(LOOK, look)
                return
            connection.finish()

        look()


def below(path: str, asked: str, real: str, there: str = "") -> bool:
    """Whether the file *path* is *asked* (which leads to *real*) or in that directory. *there* is where
    *path* leads; without it, that is looked up.
    """
    there = there or os.path.realpath(path)
    for one, other in ((path, asked), (there, real)):
        if one == other or one.startswith(other.rstrip("/") + "/"):
            return True
    return False


def further(name: str) -> str:
    """The name for another process where *name* is taken, or where no files can be handed over."""
    return "{}.{}{}".format(name[: -len(sockets.SUFFIX)], os.getpid(), sockets.SUFFIX)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # somebody has tidied up


def _lock(fd: int) -> None:
    """Have the directory *fd* to ourselves. Raises OSError."""
    for _ in range(TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            sleep(TRY)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
