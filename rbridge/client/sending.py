"""Writing to a socket that does not block, as long as the other side goes on reading, and waiting for it."""

import errno
import select

MYPY = False
if MYPY:
    import _socket


class Shrunk(Exception):
    """There are fewer bytes than were announced: the connection is of no use any more."""


def send_all(sock: "_socket.socket", data: bytes, patience: float) -> None:
    """Write all of *data* to the non-blocking *sock*; raises OSError, also when it stalls that long."""
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view) :]
        except (BlockingIOError, InterruptedError):
            writable(sock, patience)


def writable(sock: "_socket.socket", patience: float) -> None:
    """Wait until *sock* takes more; raises TimeoutError after *patience* seconds."""
    _wait(sock, select.POLLOUT, patience, "it took nothing for {:g} s")


def readable(sock: "_socket.socket", patience: float) -> None:
    """Wait until *sock* has something to read; raises TimeoutError after *patience* seconds."""
    _wait(sock, select.POLLIN, patience, "it said nothing for {:.2g} s")


def _wait(sock: "_socket.socket", events: int, patience: float, words: str) -> None:
    poll = select.poll()
    poll.register(sock.fileno(), events)
    if not poll.poll(int(patience * 1000)):
        raise TimeoutError(errno.ETIMEDOUT, words.format(patience))
