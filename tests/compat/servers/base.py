"""What all models share: a listener, one thread per connection, and tabs that a test saves and closes."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from abc import ABC, abstractmethod
from types import TracebackType

PATIENCE = 20.0  # seconds that a test waits for something that must come


class Dropped(Exception):
    """The program closes this connection here, as it does after an exception in its reader."""


class Stuck(Exception):
    """The program goes on, but this connection never gets an answer again."""


class Wire:
    """One accepted connection, read the way the program reads it: by line, by count or by chunk."""

    def __init__(self, sock: socket.socket, chunk_size: int) -> None:
        self.sock = sock
        self.ended = threading.Event()
        """Set when the client has gone, or the model has stopped reading for good."""
        self._chunk_size = chunk_size
        self._buffer = bytearray()
        self._count = 0
        self._counted = threading.Condition()

    def chunk(self) -> bytes:
        """What one read gives; empty at the end of the stream."""
        try:
            data = self.sock.recv(self._chunk_size)
        except OSError:
            data = b""
        with self._counted:
            self._count += len(data)
            self._counted.notify_all()
        return data

    def readline(self) -> bytes:
        """A line with its LF; without one only at the end of the stream."""
        while (end := self._buffer.find(b"\n")) < 0:
            data = self.chunk()
            if not data:
                return self._take(len(self._buffer))
            self._buffer += data
        return self._take(end + 1)

    def read(self, count: int) -> bytes:
        """Exactly *count* bytes, fewer only at the end of the stream."""
        while len(self._buffer) < count:
            data = self.chunk()
            if not data:
                break
            self._buffer += data
        return self._take(min(count, len(self._buffer)))

    def _take(self, count: int) -> bytes:
        taken = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return taken

    def wait_received(self, count: int) -> None:
        """Return when the model has read *count* bytes from the socket."""
        with self._counted:
            if not self._counted.wait_for(lambda: self._count >= count, PATIENCE):
                raise AssertionError(f"the model read {self._count} bytes, not {count}")

    def send(self, *parts: bytes) -> None:
        """Each part in a write of its own, as the program does it."""
        for part in parts:
            self.sock.sendall(part)

    def finish(self) -> None:
        """Send our FIN; the other direction stays open."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class Tab:
    """One file as the program's editor shows it: the test is the user who saves and closes it."""

    def __init__(
        self, server: PlainServer, wire: Wire, name: str, content: bytes, headers: dict[str, str]
    ) -> None:
        self.server = server
        self.wire = wire
        self.name = name
        self.content = content
        self.headers = headers
        self.line = 0
        """The line, counted from 1, at which the editor puts the caret; 0 when it was given none."""

    def save(self, data: bytes) -> None:
        self.content = data
        self.server.save(self, data)

    def close(self) -> None:
        self.server.close(self)


class PlainServer(ABC):
    """A model on a free loopback port. Use it as a context manager: leaving it ends every connection."""

    greeting: bytes
    chunk_size = 65536
    many_files = True
    """Whether several files on one connection are opened, not only the first."""
    closes = True
    """Whether closing a tab ends anything on the client's side."""

    def __init__(self) -> None:
        self.problems: queue.Queue[str] = queue.Queue()
        """What went wrong inside the program, one line each; its users see nothing of it."""
        self._tabs: queue.Queue[Tab] = queue.Queue()
        self._wires: queue.Queue[Wire] = queue.Queue()
        self._open: list[Wire] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> PlainServer:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            wires = list(self._open)
        for wire in wires:
            wire.close()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), f"{thread.name} of the model did not end"

    def wait_open(self) -> Tab:
        """The next file that the editor opened."""
        try:
            return self._tabs.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"no file was opened; problems: {list(self.problems.queue)}") from None

    def wait_wire(self) -> Wire:
        """The next connection that was accepted."""
        return self._wires.get(timeout=PATIENCE)

    def opened(self) -> int:
        """How many files were opened that no test has fetched yet."""
        return self._tabs.qsize()

    @abstractmethod
    def serve(self, wire: Wire) -> None:
        """Read what the client says, and :meth:`show` what the program opens."""

    @abstractmethod
    def save(self, tab: Tab, data: bytes) -> None: ...

    @abstractmethod
    def close(self, tab: Tab) -> None: ...

    def show(self, tab: Tab) -> Tab:
        self._tabs.put(tab)
        return tab

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(
            target=target,  # type: ignore[arg-type]
            args=args,
            name=f"{type(self).__name__}-{len(self._threads)}",
        )
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            wire = Wire(sock, self.chunk_size)
            with self._lock:
                self._open.append(wire)
            self._wires.put(wire)
            self._start(self._run, wire)

    def _run(self, wire: Wire) -> None:
        try:
            wire.send(self.greeting)
            self.serve(wire)
        except Dropped as error:
            self.problems.put(str(error))
            wire.close()
        except Stuck as error:
            self.problems.put(str(error))
            while wire.chunk():
                pass
            wire.close()
        except OSError as error:
            self.problems.put(f"connection: {error}")
        finally:
            wire.ended.set()


def host_and_name(display_name: str) -> tuple[str, str]:
    """``host:name`` in two, the host empty where there is no colon."""
    host, colon, name = display_name.partition(":")
    return (host, name) if colon else ("", display_name)


def base_name(path: str) -> str:
    return path.rpartition("/")[2]
