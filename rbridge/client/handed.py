"""A file as it arrives at the process in the background: is it the one that we see?

To look at it may hang with its file server, so that is done in a thread.
"""

import os
import stat

from rbridge.client.handover import NETWORK, identified
from rbridge.client.options import Request
from rbridge.client.source import NOTHING, Source
from rbridge.errors import clean

MYPY = False
if MYPY:
    from rbridge.client.intercom import Message


def differs(file: "Message") -> str:
    """Why what was handed over is not the file that we see at its path, "" if it is."""
    real = file.path("real")
    shown = clean(file.get("path"))
    try:
        if file.get("port"):
            same = file.get("directory") == identified(NETWORK)
            return "" if same else "{}: it is in another network namespace".format(shown)
        if not file.descriptors:
            there = os.stat(os.path.dirname(real))
            same = file.get("directory") == "{}:{}".format(there.st_dev, there.st_ino)
            if os.path.isabs(real) and same and not os.path.exists(real):
                return ""
            return "{}: it sees something else there".format(shown)
        found = os.fstat(file.descriptors[0])
        if file.get("part") == NOTHING and found.st_rdev == os.stat(os.devnull).st_rdev:
            return ""
        if not (stat.S_ISDIR if file.get("folder") == "yes" else stat.S_ISREG)(found.st_mode):
            return "{}: no regular file".format(shown)
        if file.get("stdin") == "yes":
            return ""
        there = os.stat(real)
    except OSError as error:
        return "{}: {}".format(shown, (error.strerror or "").lower())
    if os.path.isabs(real) and (found.st_dev, found.st_ino) == (there.st_dev, there.st_ino):
        return ""
    return "{}: it sees another file there".format(shown)


def see(source: Source) -> None:
    """Note what *source*'s file is, and where its path leads. Raises OSError."""
    source.resolved = source.real if source.port else os.path.realpath(source.real)
    if source.fd >= 0:
        source.found = os.fstat(source.fd)


def source(file: "Message") -> Source:
    """What was handed over, as the command's own check gave it; takes the descriptor."""
    request = Request(file.path("path"))
    request.line = file.number("line")
    request.column = file.number("column")
    request.selection = file.get("selection")
    request.name = file.get("name")
    request.type = file.get("type")
    found = Source(file.path("path"), file.path("real"), request)
    found.start = file.number("start")
    found.size = file.number("size")
    found.mode = file.number("mode", -1)
    found.device = file.number("device", -1)
    found.part = file.get("part")
    found.diff = file.get("diff")
    found.port = file.get("port")
    found.url = file.get("url")
    found.read_only = file.get("read-only") == "yes"
    found.unprotect = file.get("unprotect") == "yes"
    found.stdin = file.get("stdin") == "yes"
    found.follow = file.get("follow") == "yes"
    found.folder = file.get("folder") == "yes"
    if file.descriptors:
        found.fd = file.descriptors.pop(0)
    return found
