"""Sending a large file without reading it into memory, and compressed while the line is slower than that."""

import errno
import os
import sys
from time import monotonic

from rbridge import system
from rbridge.client.sending import Shrunk, send_all, writable
from rbridge.wire import blocks, packing
from rbridge.wire.records import Record

MYPY = False
if MYPY:
    import _socket
    from typing import Dict

    from rbridge.client.probe import Peer


PIECE = 1024 * 1024  # bytes read at a time where there is no sendfile, and of one block
LARGEST = 1 << 32  # bytes up to which a text is sent in blocks: their heads must not make it too long

SLOW = 0.04
"""Seconds that sending a block takes, some twice what compressing it does, where the next is compressed."""

RARELY = 32  # blocks at most between two that are sent as they are to see how fast the line is


ONE_SENDFILE = 1 << 30  # Linux moves at most 2 GiB - 4 KiB in one call


def send_file(sock: "_socket.socket", fd: int, start: int, count: int, patience: float) -> None:
    """Write *count* bytes of *fd* from offset *start* to *sock*; raises Shrunk when there are fewer."""
    direct = system.LINUX and hasattr(os, "sendfile") and sys.implementation.name == "cpython"
    end = start + count
    while start < end:
        if not direct:
            piece = os.pread(fd, min(PIECE, end - start), start)
            send_all(sock, piece, patience)
            moved = len(piece)
        else:
            try:
                moved = os.sendfile(sock.fileno(), fd, start, min(ONE_SENDFILE, end - start))
            except BlockingIOError:
                writable(sock, patience)
                continue
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW):
                    raise
                direct = False  # some file systems cannot
                continue
        if not moved:
            raise Shrunk
        start += moved


def send_open(
    peer: "Peer", headers: "Dict[str, str]", fd: int, start: int, size: int, patience: float
) -> None:
    """Say an ``open`` with these *headers* and a text of *size* bytes, in *fd* from *start*; all but its end.

    To our daemon a text that compressing makes smaller goes in blocks: as it is while the line takes it fast,
    as from a machine to itself, and compressed while it does not. Raises OSError and Shrunk.
    """
    wire, sock = peer.wire, peer.sock
    if not peer.link or size > LARGEST or not pays(fd, start, size):
        send_all(sock, wire.send(Record("open", headers, size)), patience)
        send_file(sock, fd, start, size, patience)
        wire.body_sent(size)
        return
    headers.update(encoding="blocks", size=str(size))
    pace = Pace()
    begin = start
    while start < begin + size:
        count = min(PIECE, begin + size - start)
        began = monotonic()
        body = _packed(fd, start, count) if pace.packing else b""
        length = len(body) or count
        said = blocks.head(blocks.PACKED if body else blocks.PLAIN, length)
        whole = len(said) + length
        said = (wire.more(whole) if start > begin else wire.send(Record("open", headers, whole))) + said
        ready = monotonic()
        send_all(sock, said + body, patience)
        if not body:
            send_file(sock, fd, start, count, patience)
        wire.body_sent(whole)
        start += count
        pace.sent(bool(body), ready - began, (monotonic() - ready) * PIECE / count)


class Pace:
    """Whether the next block is compressed: while one as it is would take longer, as far as one knows.

    How fast the line is shows in a block that is sent as it is. One that was compressed shows only that the
    line is slower than that; where it is not, a block is sent as it is, to see, and ever more rarely in vain.
    """

    __slots__ = ("_cost", "_ready", "_until", "packing")

    def __init__(self) -> None:
        self.packing = False
        self._cost = SLOW / 2
        self._until = 1  # blocks that the line took while they were made, after which it is put to the test
        self._ready = 0  # such blocks until now

    def sent(self, packed: bool, making: float, sending: float) -> None:
        """A block was sent: seconds that it took to make it, and to send it."""
        if not packed:
            slow = sending > 2 * self._cost
            if slow and self._ready:
                self._until = min(2 * self._until, RARELY)
            self.packing, self._ready = slow, 0
            return
        self._cost = making
        if sending < making / 2:
            self._ready += 1
        self.packing = self._ready < self._until


def pays(fd: int, start: int, size: int) -> bool:
    """Whether compressing these *size* bytes of *fd* is worth the time, by a sample."""
    return packing.pays(os.pread(fd, min(size, packing.SAMPLE), start + packing.middle(size)))


def _packed(fd: int, start: int, count: int) -> bytes:
    """These bytes of *fd*, compressed; b"" where that makes them no smaller. Raises OSError and Shrunk."""
    data = os.pread(fd, count, start)
    if len(data) < count:
        raise Shrunk
    return packing.packed(data, packing.QUICKLY) or b""
