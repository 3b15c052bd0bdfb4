"""How a connection to our daemon begins: ``link``, and what its answer ``linked`` has to say.

On TCP a key proves each side to the other, where the host has one for that daemon (``client/key.py``,
``wire/auth.py``). Nothing of a file is sent before the daemon's proof was checked.
"""

import os
from binascii import hexlify
from time import monotonic

from rbridge.client.linkheaders import introduction
from rbridge.client.sending import readable, send_all
from rbridge.errors import Denied, NotListening, clean
from rbridge.wire import codec
from rbridge.wire.records import NEED_DATA, End, Eof, Record

MYPY = False
if MYPY:
    from typing import Callable, Dict, Optional

    from rbridge.client.key import Key
    from rbridge.client.probe import Peer

RECEIVE = 64 * 1024


def new_secret() -> str:
    """A name for a session, which nobody can guess."""
    return hexlify(os.urandom(16)).decode()


class Introduction:
    """The ``link`` of one connection to *peer*, in the session *secret*.

    *resume*: the daemon is believed to know the session. *join*: the number of the ``dial`` that this
    connection answers, "0" for our own wish, "" for a main connection. *report* is told of a key that cannot
    be used. *waits*: nothing more may be said before :meth:`check` has seen the answer.
    """

    __slots__ = ("_key", "_nonce", "_peer", "record", "waits")

    def __init__(
        self,
        peer: "Peer",
        secret: str,
        report: "Callable[[str], None]",
        resume: bool = False,
        join: str = "",
    ) -> None:
        self._peer = peer
        self._key: "Optional[Key]" = None
        self._nonce = ""
        headers = introduction(secret)
        if resume:
            headers["resume"] = "yes"
        if join:
            headers["join"] = join
        if peer.endpoint.kind == "tcp" and peer.said.nonce and peer.said.identity:
            self._prove(headers, report)
        self.record = Record("link", headers)
        self.waits = bool(resume or join or self._key)

    def _prove(self, headers: "Dict[str, str]", report: "Callable[[str], None]") -> None:
        """Add the proof that we hold the key for this daemon, if we do."""
        from rbridge.client import key

        said = self._peer.said
        try:
            self._key = key.read(said.identity)
        except Denied as error:
            report(error.line())
        if self._key is None:
            return
        from rbridge.wire import auth

        self._nonce = new_secret()
        proof = auth.proof(self._key.secret, auth.HOST, said.identity, self._key.id, said.nonce, self._nonce)
        headers.update(key=self._key.id, nonce=self._nonce, proof=proof)

    def check(self, linked: Record) -> str:
        """The *standing* in the daemon's answer. Raises Denied when it refuses, or does not prove itself."""
        standing = linked.headers.get("standing", "")
        if standing == "refused":
            why = clean(codec.unquote(linked.headers.get("message", ""))) or "no reason given"
            raise Denied("{} refuses this host: {}".format(self._peer.label, why))
        if self._key is not None:
            from rbridge.wire import auth

            said, proof = self._peer.said, linked.headers.get("proof", "")
            if not auth.check(
                proof, self._key.secret, auth.EDITOR, said.identity, self._key.id, said.nonce, self._nonce
            ):
                raise Denied(
                    "{} did not prove that it is {}: it was sent nothing".format(
                        self._peer.endpoint.label, self._peer.label
                    ),
                    "if it is, connect to this host anew from the laptop",
                )
        return standing


def introduce(peer: "Peer", made: Introduction, patience: float) -> str:
    """Say ``link`` over *peer* and wait for the answer; the standing.

    For the command, and for threads: it blocks, at most *patience* seconds. What the daemon said behind its
    answer waits in ``peer.wire``. Raises Denied, NotListening and ProtocolError.
    """
    try:
        send_all(peer.sock, peer.wire.say(made.record), patience)
        return made.check(answer(peer, patience))
    except OSError as error:
        raise NotListening(
            "{} did not answer ({})".format(peer.label, (error.strerror or str(error)).lower())
        ) from None


def answer(peer: "Peer", patience: float) -> Record:
    """Read until ``linked`` is complete. Raises OSError, NotListening and ProtocolError."""
    end = monotonic() + patience
    found: "Optional[Record]" = None
    while True:
        event = peer.wire.next_event()
        if isinstance(event, Record) and event.command == "linked":
            found = event
        elif isinstance(event, End) and found is not None:
            return found
        elif isinstance(event, Eof):
            raise NotListening("{} closed the connection without an answer".format(peer.label))
        elif event is NEED_DATA:
            readable(peer.sock, max(0.0, end - monotonic()))
            try:
                peer.wire.receive_data(peer.sock.recv(RECEIVE))
            except (BlockingIOError, InterruptedError):
                continue
