"""All sessions of a daemon, by the secrets of their clients."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from hashlib import sha256

import trio

from rbridge.errors import TryAgain
from rbridge.server.documents import Documents
from rbridge.server.log import logger
from rbridge.server.session import Session

GONE = 25 * 3600.0
"""Seconds without a connection after which a client is taken for gone: it gives up by itself after 24 h."""


class Sessions:
    """Link sessions; a detached one is forgotten when nothing is left of it.

    At most *limit* of them are detached. Where there is no room, one gives way that has no document, or else
    one whose client is GONE and whose texts the host has, as those of jobs that ended while their files stay
    open in an editor. Those go on there, and are found again by who knows the secret or opens the file anew.
    None with a text that the host may not have is given up for another: new ones are refused.
    """

    def __init__(self, documents: Documents, limit: int) -> None:
        self._documents = documents
        self._limit = limit
        self._known: dict[bytes, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._known.values()))

    def __len__(self) -> int:
        return len(self._known)

    def find(self, secret: str) -> Session | None:
        """The session of who knows *secret*; takes the same time whether it almost does or not at all."""
        found = self._known.get(_key(secret))
        return found if found is not None and hmac.compare_digest(found.secret, secret) else None

    def make(self, secret: str, host: str = "", identity: str = "") -> Session:
        """A new session, detached until it is attached. Raises TryAgain when too many wait for hosts."""
        if len([one for one in self if one.peer is None]) >= self._limit and not self._make_room():
            raise TryAgain(f"{self._limit} sessions wait on the laptop for their hosts")
        session = Session(self._documents, secret, host, identity, self.settle)
        self._known[_key(secret)] = session
        return session

    def adopt(self, secret: str, host: str, identity: str) -> Session:
        """The session of documents that a killed daemon left; a plain client's cannot be come back to."""
        if not secret:
            return Session(self._documents, "", host)
        found = self.find(secret)
        if found is None:
            found = Session(self._documents, secret, host, identity, self.settle)
            self._known[_key(secret)] = found
        return found

    def plain(self) -> Session:
        """A session that nobody can come back to."""
        return Session(self._documents)

    def settle(self, session: Session) -> None:
        """Forget *session* if nothing is left of it."""
        if session.idle and self._known.get(_key(session.secret)) is session:
            del self._known[_key(session.secret)]

    def keep(self, session: Session) -> None:
        """*session* is about to be attached: know it, also where it was just forgotten."""
        self._known.setdefault(_key(session.secret), session)

    def _make_room(self) -> bool:
        """Forget the session that lost its client first, among those that have no document, or are over."""
        detached = [one for one in self if one.peer is None]
        before = trio.current_time() - GONE
        spare = [one for one in detached if not len(one)] or [
            one for one in detached if one.since < before and one.clean
        ]
        if not spare:
            return False
        oldest = min(spare, key=lambda one: one.since)
        logger.info("%s: forgotten, since too many sessions wait for their hosts", oldest.label)
        del self._known[_key(oldest.secret)]
        return True


def _key(secret: str) -> bytes:
    """What stands for *secret* where time could tell how much of it a guess got right."""
    return sha256(secret.encode()).digest()
