"""Sending a large file without reading it into memory."""

import errno
import os
import sys

from rbridge import system
from rbridge.client.sending import Shrunk, send_all, writable

MYPY = False
if MYPY:
    import _socket


PIECE = 1024 * 1024  # bytes read at a time where there is no sendfile


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
