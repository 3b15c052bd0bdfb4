"""The mutual proof: what it is, and that nothing else passes for it."""

from __future__ import annotations

import hmac
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.errors import LocalProtocolError
from rbridge.wire import auth
from rbridge.wire.auth import EDITOR, HOST

KEY = bytes(range(32))
DAEMON, KEY_ID = "0123456789abcdef", "00000000000000aa"
NONCE_S, NONCE_C = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"
SAID = (DAEMON, KEY_ID, NONCE_S, NONCE_C)

VECTORS = {
    HOST: "e1fbcfc358f55a1306119d8236e16cf3217c9aff145d613be0cd59ad785991ec",
    EDITOR: "f2e7039306202ca66fc290d7bfce83192f35102073c6dea54983a60b82c0b6c1",
}

HEX = st.text("0123456789abcdef", min_size=32, max_size=32)


@pytest.mark.parametrize("role", [HOST, EDITOR])
def test_it_is_an_hmac_over_role_daemon_key_and_both_nonces(role: str) -> None:
    text = f"rbridge link/1|{role}|{DAEMON}|{KEY_ID}|{NONCE_S}|{NONCE_C}"
    assert auth.proof(KEY, role, *SAID) == hmac.new(KEY, text.encode(), sha256).hexdigest() == VECTORS[role]
    assert auth.check(VECTORS[role], KEY, role, *SAID)


@given(st.binary(min_size=32, max_size=32), HEX, HEX)
def test_each_side_is_convinced_by_the_other(key: bytes, nonce_s: str, nonce_c: str) -> None:
    for role in (HOST, EDITOR):
        if nonce_s != nonce_c:
            said = auth.proof(key, role, DAEMON, KEY_ID, nonce_s, nonce_c)
            assert auth.check(said, key, role, DAEMON, KEY_ID, nonce_s, nonce_c)


def test_a_proof_that_is_sent_back_proves_nothing() -> None:
    """Reflection: a false daemon has no key, but has just been given a proof."""
    said = auth.proof(KEY, HOST, *SAID)
    assert not auth.check(said, KEY, EDITOR, *SAID)
    assert not auth.check(auth.proof(KEY, EDITOR, *SAID), KEY, HOST, *SAID)


def test_a_nonce_that_is_sent_back_proves_nothing() -> None:
    """A false daemon greets with a nonce that it hopes the host will choose, or the other way round."""
    with pytest.raises(LocalProtocolError):
        auth.proof(KEY, HOST, DAEMON, KEY_ID, NONCE_S, NONCE_S)
    for role in (HOST, EDITOR):
        assert not auth.check(VECTORS[role], KEY, role, DAEMON, KEY_ID, NONCE_S, NONCE_S)
        assert not auth.check(VECTORS[role], KEY, role, DAEMON, KEY_ID, NONCE_C, NONCE_S)


@pytest.mark.parametrize("role", [HOST, EDITOR])
@pytest.mark.parametrize(
    "other",
    [
        ("fedcba9876543210", KEY_ID, NONCE_S, NONCE_C),
        (DAEMON, "00000000000000ab", NONCE_S, NONCE_C),
        (DAEMON, KEY_ID, "0" * 32, NONCE_C),
        (DAEMON, KEY_ID, NONCE_S, "0" * 32),
    ],
    ids=["another daemon", "another key's name", "an earlier greeting", "an earlier link"],
)
def test_a_proof_taken_to_another_place_or_time_proves_nothing(role: str, other: tuple[str, ...]) -> None:
    """Relay and replay: whoever has heard this proof cannot use it elsewhere."""
    identity, key_id, nonce_s, nonce_c = other
    assert not auth.check(VECTORS[role], KEY, role, identity, key_id, nonce_s, nonce_c)


def test_another_key_proves_nothing() -> None:
    for wrong in (bytes(32), KEY[::-1]):
        assert not auth.check(VECTORS[HOST], wrong, HOST, *SAID)


@pytest.mark.parametrize("key", [b"", b"short", bytes(31), bytes(33)])
def test_a_key_has_its_length(key: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        auth.proof(key, HOST, *SAID)
    assert not auth.check(VECTORS[HOST], key, HOST, *SAID)


@given(st.text() | st.text("0123456789abcdefABCDEF", min_size=62, max_size=66))
def test_nothing_else_passes_for_a_proof(said: str) -> None:
    if said != VECTORS[HOST]:
        assert not auth.check(said, KEY, HOST, *SAID)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("wrong", ["", "|", "0", "0" * 16 + "|" + "0" * 15, "A" * 32, "\u0660" * 32])
def test_parts_that_are_not_spelled_right_prove_nothing(place: int, wrong: str) -> None:
    """So no two sets of parts can be joined to the same text."""
    said = [*SAID[:place], wrong, *SAID[place + 1 :]]
    with pytest.raises(LocalProtocolError):
        auth.proof(KEY, HOST, *said)
    assert not auth.check(VECTORS[HOST], KEY, HOST, *said)


def test_there_are_two_roles() -> None:
    with pytest.raises(LocalProtocolError):
        auth.proof(KEY, "host", *SAID)
    assert not auth.check(VECTORS[HOST], KEY, "", *SAID)


def test_every_single_changed_digit_is_noticed() -> None:
    for place, digit in enumerate(VECTORS[HOST]):
        other = "0" if digit != "0" else "1"
        said = VECTORS[HOST][:place] + other + VECTORS[HOST][place + 1 :]
        assert not auth.check(said, KEY, HOST, *SAID)


def test_no_error_shows_the_key() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        auth.proof(KEY, HOST, "", *SAID[1:])
    assert KEY.hex() not in str(caught.value)
