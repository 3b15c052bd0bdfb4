"""The first word of a link connection: who is there, which session it is, and the answer to that."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from rbridge.errors import RbridgeError, clean
from rbridge.server.keys import Key
from rbridge.server.log import logger
from rbridge.server.names import HOST
from rbridge.server.peer import Peer, PeerGone
from rbridge.server.service import Service
from rbridge.server.session import Session
from rbridge.wire import auth, codec, values

NEW, RESUMED, JOINED, REFUSED = "new", "resumed", "joined", "refused"


@dataclass(frozen=True)
class Introduction:
    """What ``link`` says; *join* is None on a main connection, else the number of the dial it answers.
    *dials*: it answers any.
    """

    secret: str
    host: str
    resume: bool
    join: int | None
    dials: bool
    key_id: str
    nonce: str
    proof: str

    @classmethod
    def read(cls, headers: dict[str, str]) -> Introduction:
        """Raises RemoteProtocolError."""
        join = headers.get("join")
        host = codec.unquote(headers.get("host", ""))
        return cls(
            values.session(headers.get("session")),
            host if HOST.fullmatch(host) else "",
            headers.get("resume") == "yes",
            None if join is None else values.dial(join),
            headers.get("dials") != "no",
            headers.get("key", ""),
            headers.get("nonce", ""),
            headers.get("proof", ""),
        )


class _Refusal(Exception):
    """This connection is not let in; the message is for the host's user."""


async def link(service: Service, peer: Peer, nonce: str, headers: dict[str, str]) -> Session:
    """Answer the ``link`` record of *peer*, which was greeted with *nonce*; returns the session it is one of
    from now on, as its main connection or as a joined one.

    Raises RemoteProtocolError for a malformed record, PeerGone when the peer goes or has been refused.
    """
    said = Introduction.read(headers)
    peer.dials = said.dials
    try:
        key = await _key(service, peer, nonce, said)
        if key is not None:
            peer.name, peer.identity = key.name, key.identity
        standing, session = _session(service, peer, said)
    except _Refusal as refusal:
        logger.warning("%s: refused: %s", peer.origin, refusal)
        await peer.linked(REFUSED, message=str(refusal))
        raise PeerGone(f"{peer.origin}: closed: {refusal}") from None
    try:
        await peer.linked(standing, _answer(service, key, nonce, said))
        if standing == JOINED:
            session.join(said.join or 0, peer)
        else:
            service.sessions.keep(session)
            await session.attach(peer)
        logger.info("%s: %s: %s", peer.origin, session.label, standing)
        if key is not None:
            await _confirm(service, key)
    except BaseException:
        session.left(peer)
        raise
    return session


async def _key(service: Service, peer: Peer, nonce: str, said: Introduction) -> Key | None:
    """The key that the host proved to have; None where it says none, or none is needed."""
    if not said.key_id or not nonce or peer.verified:
        return None
    key = None
    if service.keys is not None:
        try:
            key = await trio.to_thread.run_sync(service.keys.find, said.key_id)
        except (OSError, RbridgeError) as error:
            logger.warning("the keys of the hosts cannot be read: %s", error)
    if key is None or not auth.check(
        said.proof, key.secret, auth.HOST, service.identity, key.id, nonce, said.nonce
    ):
        raise _Refusal("the laptop does not know this host's key: connect again from the laptop")
    return key


def _answer(service: Service, key: Key | None, nonce: str, said: Introduction) -> str:
    """Our own proof that we have *key*."""
    if key is None:
        return ""
    return auth.proof(key.secret, auth.EDITOR, service.identity, key.id, nonce, said.nonce)


async def _confirm(service: Service, key: Key) -> None:
    """The host has the new key: older ones are void."""
    if service.keys is not None:
        try:
            await trio.to_thread.run_sync(service.keys.confirm, key)
        except (OSError, RbridgeError) as error:
            logger.warning("older keys of %s still count: %s", key.name, error)


def _session(service: Service, peer: Peer, said: Introduction) -> tuple[str, Session]:
    """The session that *peer* may be a connection of, and how. Raises _Refusal."""
    session = service.sessions.find(said.secret)
    if session is not None and not peer.may_have(session.identity):
        known = "belongs to another host" if peer.identity else "was begun with a proof"
        raise _Refusal(f"this session {known}")
    goes_on = session is not None or said.resume  # of one that is not known any more a text may be kept
    if goes_on and service.config.classic == "deny" and not peer.ours and not peer.verified:
        raise _Refusal("the laptop does not take back sessions from this connection")
    if said.join is not None:
        if session is None or not session.may_join(said.join):
            raise _Refusal("the laptop did not ask for this connection")
        return JOINED, session
    if session is not None:
        return RESUMED, session
    try:
        return NEW, service.sessions.make(said.secret, said.host)
    except RbridgeError as error:
        raise _Refusal(clean(str(error))) from None
