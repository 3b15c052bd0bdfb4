"""A ``folder`` record of a host: whether the folder may be shown, and what comes of it.

Only a host that we know may have one: it was reached through a socket that is ours alone, or has proved who
it is. Anybody else on a shared host could otherwise have the laptop's user browse what he has made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rbridge.adapters.folder import Root
from rbridge.errors import RbridgeError, RemoteProtocolError
from rbridge.server import names
from rbridge.server.files import NoSpace
from rbridge.server.folder import Folder
from rbridge.server.log import logger
from rbridge.server.peer import Peer
from rbridge.server.service import Service
from rbridge.server.session import Session
from rbridge.wire import codec, values

FOLDERS = 32  # of one session; an editor has one window for each
UNPROVED = (
    "the laptop shows folders only to hosts that it knows, and this connection proves nothing: "
    "forward to the Unix socket of 'rbridge serve' instead of its port"
)


async def show(
    service: Service, session: Session, peer: Peer, said: Mapping[str, str], *, again: bool = False
) -> None:
    """Show the folder that *said* announces, or tell the host why not. Raises RemoteProtocolError."""
    token = values.token(said.get("token"))
    try:
        place = _place(session, peer, said)
        refusal = _why_not(service, session, peer, token)
    except RemoteProtocolError:
        place, refusal = names.place("", "", session.host), ("failed", "the folder's name is malformed")
    if refusal is None:
        try:
            identifier, directory = service.documents.tools.files.create_directory(place.host, place.parts)
        except RbridgeError as error:
            refusal = "no-space" if isinstance(error, NoSpace) else "failed", str(error)
        else:
            in_memory = service.documents.tools.files.in_memory
            root = _root(said, place, identifier, directory, in_memory=in_memory, again=again)
            logger.info("%s: shows the folder %s:%s", peer.origin, place.host, place.path)
            tools = service.documents.tools
            session.begin_folder(Folder(tools, service.consent, session, token, root))
            return
    service.documents.tools.notifier.tell(f"{place.label} is not shown: {refusal[1]}")
    await peer.refuse(token, *refusal)


async def resume(service: Service, session: Session, peer: Peer, said: Mapping[str, str]) -> None:
    """The host still has a folder: one that this daemon does not know, because it was started anew, is shown
    again. Raises RemoteProtocolError.
    """
    token = values.token(said.get("token"))
    folder = session.folders.get(token)
    if folder is not None:
        folder.attached()
        if said.get("re-activate") == "yes":
            folder.activate()
    elif token in session.closed:
        await peer.close(token)
        session.heard_end(token)
    elif "real-path" in said:
        await show(service, session, peer, said, again=True)
    else:
        await peer.close(token, unknown=True)


def _place(session: Session, peer: Peer, said: Mapping[str, str]) -> names.Place:
    shown, path = codec.unquote(said.get("display-name", "")), codec.unquote(said.get("real-path", ""))
    place = names.place(shown, path, session.host)
    return replace(place, host=peer.name) if peer.name else place


def _why_not(service: Service, session: Session, peer: Peer, token: str) -> tuple[str, str] | None:
    if not (peer.ours or peer.verified):
        return "denied", UNPROVED
    if service.documents.stopping:
        return "failed", "rbridge serve is ending on the laptop"
    if token in session.folders or token in session.documents or len(session.folders) >= FOLDERS:
        return "failed", "the token is in use, or too many folders are open"
    return None


def _root(
    said: Mapping[str, str],
    place: names.Place,
    identifier: str,
    directory: Path,
    *,
    in_memory: bool,
    again: bool,
) -> Root:
    return Root(
        id=identifier,
        directory=directory,
        host=place.host,
        path=place.path or "/",
        name=place.name.rstrip("/").rpartition("/")[2] or "/",
        read_only=said.get("read-only") == "yes",
        new_window=said.get("new") == "yes",
        keep_focus=said.get("keep-focus") == "yes",
        wait=said.get("wait") == "yes",
        in_memory=in_memory,
        again=again,
    )
