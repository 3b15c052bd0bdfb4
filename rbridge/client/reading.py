"""A document's file made ready to be sent by the process in the background, in the document's thread."""

import os

from rbridge.client import pinned
from rbridge.client.delivery import SENT, SMALL, measure, note, opening, read_small
from rbridge.errors import NoInput
from rbridge.wire import packing

MYPY = False
if MYPY:
    from typing import Dict, Optional

    from rbridge.client.delivery import Document
    from rbridge.client.options import Options
    from rbridge.client.probe import Peer


class Reading:
    """The *headers* of ``open``, and its *body*: None for a large file, which is sent from ``source.fd``."""

    __slots__ = ("body", "headers")

    def __init__(self, headers: "Dict[str, str]", body: "Optional[bytes]") -> None:
        self.headers = headers
        self.body = body


def read(document: "Document", options: "Options", new: bool, peer: "Peer") -> Reading:
    """What *peer* is sent of *document*, in a window of its own if it is *new*. Raises RbridgeError."""
    _reopen(document)
    source = document.source
    headers = opening(source, options, peer)
    headers.update(document.wanted)
    if new:
        headers["new"] = "yes"
    if source.fd >= 0 and source.size > SMALL:
        return Reading(headers, None)
    data = read_small(source, document) if source.fd >= 0 else b""
    body = packing.said(data, headers, packing.QUICKLY)
    document.size = len(data)
    note(source, document, data)
    return Reading(headers, body)


def _reopen(document: "Document") -> None:
    """Have its file at hand, again if it was sent before. Raises RbridgeError."""
    source = document.source
    if source.fd >= 0 or document.state != SENT:
        return  # of what was never sent it still is
    try:
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        place = pinned.place(source)
        source.fd = os.open(place, flags | pinned.flags(place))
        measure(source, document)
        if source.follow:
            from rbridge.client import follow

            source.start, source.size = follow.tail(source.fd)
    except FileNotFoundError:
        if document.before is not None:  # else it is still to be created
            raise NoInput("not opened: {} was deleted meanwhile".format(source.path)) from None
    except OSError as error:
        from rbridge.client.refusal import trouble

        raise trouble("read", source.path, error) from None
