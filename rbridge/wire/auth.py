"""Proof of identity on TCP: both sides show that they hold the host's key, and neither says it.

The editor's nonce comes in its greeting, the host's in its ``link``, with the host's proof; the editor's
proof is in ``linked``. A proof is an HMAC-SHA256 over who gives it, to which daemon, by which key and both
nonces: one given for another role, daemon, key or connection is none (``docs/protocol.md``, section 5).

RACE: who relays every byte between the two passes, and reads along. On TCP the uid of the connection's other
end is checked as well for that reason; a Unix socket needs no proof.
"""

import hmac

from rbridge.errors import LocalProtocolError
from rbridge.wire.codec import is_hex

__all__ = ["EDITOR", "HOST", "KEY_SIZE", "check", "proof"]

HOST, EDITOR = "C", "S"
"""Who gives a proof, as it is written into it."""

KEY_SIZE = 32
"""Bytes of a key."""


def proof(key: bytes, role: str, identity: str, key_id: str, nonce_s: str, nonce_c: str) -> str:
    """What *role* says to show that it holds *key*: 64 hexadecimal digits.

    *identity* is the daemon's, *key_id* (16 hexadecimal digits) says which key it is, *nonce_s* is the one
    in the greeting, *nonce_c* the one in ``link``. Raises :class:`LocalProtocolError` unless all are as they
    should be.
    """
    if not _sound(key, role, identity, key_id, nonce_s, nonce_c):
        raise LocalProtocolError("no proof can be made of a malformed key, identity or nonce")
    return _digest(key, role, identity, key_id, nonce_s, nonce_c)


def check(said: str, key: bytes, role: str, identity: str, key_id: str, nonce_s: str, nonce_c: str) -> bool:
    """Whether *said* is the proof of *role*; takes the same time wherever it is wrong, and never raises."""
    if not is_hex(said, 64) or not _sound(key, role, identity, key_id, nonce_s, nonce_c):
        return False
    return hmac.compare_digest(said, _digest(key, role, identity, key_id, nonce_s, nonce_c))


def _sound(key: bytes, role: str, identity: str, key_id: str, nonce_s: str, nonce_c: str) -> bool:
    """Whether each part has its one length and alphabet, so that no two sets of parts are joined to one text.

    A nonce that is the other side's own again is no answer of anybody.
    """
    return (
        len(key) == KEY_SIZE
        and role in (HOST, EDITOR)
        and is_hex(identity, 16)
        and is_hex(key_id, 16)
        and is_hex(nonce_s, 32)
        and is_hex(nonce_c, 32)
        and nonce_s != nonce_c
    )


def _digest(key: bytes, *parts: str) -> str:
    text = "|".join(("rbridge link/1",) + parts)
    return hmac.new(key, text.encode("ascii"), "sha256").hexdigest()
