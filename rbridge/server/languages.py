"""The language servers of the hosts, as plug-ins ask about them."""

from __future__ import annotations

import json
from functools import partial
from importlib import import_module
from typing import Any

import trio

from rbridge.adapters.base import Wanted
from rbridge.adapters.folder import NOT_CONNECTED, FolderError
from rbridge.adapters.languages import Offer, Server
from rbridge.errors import RemoteProtocolError, clean
from rbridge.server.documents import Documents
from rbridge.server.editing import Editing
from rbridge.server.log import logger
from rbridge.server.streams import StreamEnded, streaming
from rbridge.wire import codec

LARGEST = 1 << 20  # bytes of a host's answer
MOST = 16  # servers for one document
OUTSIDE = "outside"
ENDPOINT = "rbridge.lsp.endpoint"
UNPROVED = (
    "no language servers of {}: it came over TCP and has not proved who it is; "
    "forward a Unix socket in place of the port (docs/quickstart.md)"
)


class DocumentLanguages:
    """Those for *documents*."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._prepared = False

    def prepare(self) -> None:
        """Have the endpoint's code read, which takes half a second, before anybody waits for it."""
        if not self._prepared:
            self._prepared = True
            self._documents.start(partial(trio.to_thread.run_sync, _load))

    async def offer(self, document: str, language: str) -> Offer:
        editing = next((one for one in self._documents.all() if one.text.id == document), None)
        if editing is None:
            raise FolderError("gone", "this document is not open any more")
        session, host = editing.session, editing.text.host
        if session.peer is None:
            raise FolderError(NOT_CONNECTED, f"{editing.name}: not connected to {session.label}")
        if not session.may_dial:
            if not session.peer.dials:
                return Offer(host, language)
            return Offer(host, "", advice=UNPROVED.format(host))  # once for all languages
        return read(host, await self._said(editing, language))

    async def _said(self, editing: Editing, language: str) -> bytes:
        """What the host says there is."""
        said = {"to": "servers", **({"language": codec.quote(language)} if language else {})}
        body = bytearray()
        async with streaming(editing.session, editing.token, said) as (stream, _):
            while len(body) <= LARGEST:
                try:
                    body += await stream.receive()
                except StreamEnded as end:
                    if end.reason != "closed":
                        raise
                    return bytes(body)
        raise RemoteProtocolError(f"{editing.session.label} says more than anybody asked for")

    def find(self, host: str, path: str) -> str:
        return next((one.text.id for one in self._documents.find(host, path)), "")

    async def open(self, host: str, path: str, wanted: Wanted, *, line: int = 0, column: int = 0) -> str:
        open_there = [one for one in self._documents.all() if one.text.host == host and one.document.attached]
        there = {one.session: one for one in open_there if one.session.peer is not None}
        error = FolderError(NOT_CONNECTED, f"{clean(path)}: not connected to {clean(host)}")
        for editing in there.values():
            try:
                return await editing.opens_named().open(path, wanted, line=line, column=column)
            except FolderError as refused:
                error = refused
                if refused.reason != OUTSIDE:
                    break
        raise error


def _load() -> None:
    try:
        import_module(ENDPOINT)
    except ImportError as error:  # said again to whoever wants it
        logger.warning("language servers go without rbridge's own: %s", error)


def read(host: str, body: bytes) -> Offer:
    """The answer of *host*. Raises RemoteProtocolError for one that makes no sense."""
    try:
        said = json.loads(body)
        root = codec.unquote(_string(said, "root"))
        listed = [
            Server(clean(_string(one, "name")), clean(_string(one, "kind")), root) for one in said["servers"]
        ]
        return Offer(host, clean(_string(said, "language")), listed[:MOST], clean(_string(said, "advice")))
    except (ValueError, TypeError, KeyError, AttributeError, RemoteProtocolError) as error:
        raise RemoteProtocolError(f"the host's answer makes no sense: {clean(str(error))}") from None


def _string(said: Any, name: str) -> str:
    value = said.get(name, "")
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value
