"""Who is let in as what."""

import pytest

from rbridge.server.keys import Keys
from rbridge.server.sessions import Sessions
from rbridge.wire import auth
from tests.server.conftest import IDENTITY, SECRET, opened, resume


async def test_a_session_that_is_not_known_is_new_and_each_resume_is_answered(laptop):
    host = laptop.connect()
    await host.link(session=SECRET, resume="yes", standing="new")
    await resume(host, b"hello")
    await host.say("resume", token="u", absent="yes")
    assert await host.hear() == ("close", {"token": "t", "unknown": "yes"}, b"")
    assert await host.hear() == ("close", {"token": "u", "unknown": "yes"}, b"")


@pytest.mark.parametrize("secret", ["", "0", SECRET.upper(), SECRET + "0", "g" * 32])
async def test_a_malformed_secret_ends_the_connection(laptop, secret):
    host = laptop.connect()
    await host.event()
    await host.say("link", host="gpu1", session=secret)
    assert await host.closed()
    assert list(laptop.sessions) == []


@pytest.mark.parametrize(("session", "join"), [(SECRET, "7"), ("f" * 32, "0"), ("f" * 32, "1")])
async def test_who_was_not_asked_does_not_join(laptop, session, join):
    await opened(laptop)
    further = laptop.connect()
    said = await further.link(session=session, standing="refused", join=join)
    assert "did not ask" in said["message"]
    assert await further.closed()


async def test_nobody_joins_a_session_without_a_main_connection(laptop):
    host, _ = await opened(laptop)
    await host.hang_up()
    await laptop.quiet()
    await laptop.connect().link(session=SECRET, standing="refused", join="0")


async def test_a_host_that_answers_no_dial_is_not_asked_for_one(laptop):
    host = laptop.connect()
    await host.link(session=SECRET, dials="no")
    await host.open(b"x")
    assert (await host.hear())[0] == "opened"
    (session,) = laptop.sessions
    assert not session.may_dial
    async with session.dialled() as peer:
        assert peer is session.peer


async def test_a_peer_that_proved_nothing_takes_back_its_own_session_and_no_more(laptop):
    host = laptop.connect(ours=False)
    await host.link(session=SECRET)
    await host.open(b"x")
    assert (await host.hear())[0] == "opened"
    await host.hang_up()
    await laptop.quiet()
    (session,) = laptop.sessions
    assert session.label == "gpu1 (unverified)"
    again = laptop.connect(ours=False)
    await again.link(session=SECRET, standing="resumed")
    assert not session.may_dial
    other = laptop.connect(ours=False)
    await other.link(session="f" * 32, standing="new", resume="yes")
    await resume(other, b"x")
    assert await other.hear() == ("close", {"token": "t", "unknown": "yes"}, b"")


async def test_under_deny_nobody_unproved_takes_a_session_back(laptop):
    host, _ = await opened(laptop)
    await host.hang_up()
    await laptop.quiet()
    laptop.configure(classic="deny")
    await laptop.connect(ours=False).link(session=SECRET, standing="refused")
    await laptop.connect(ours=True).link(session=SECRET, standing="resumed")


async def test_under_deny_nobody_unproved_asks_for_the_texts_of_a_daemon_before(laptop):
    laptop.configure(classic="deny")
    await laptop.connect(ours=False).link(session=SECRET, resume="yes", standing="refused")
    await laptop.connect(ours=True).link(session=SECRET, resume="yes", standing="new")


async def test_another_host_does_not_take_a_session_even_with_its_secret(laptop):
    first = laptop.connect(ours=False, name="gpu1", identity="key one")
    await first.link(session=SECRET)
    second = laptop.connect(ours=False, name="gpu2", identity="key two")
    said = await second.link(session=SECRET, standing="refused")
    assert "another host" in said["message"]


async def test_nor_does_it_through_a_socket_that_leads_one_host_here(laptop):
    first = laptop.connect(ours=True, name="gpu1", identity="key one")
    await first.link(session=SECRET)
    second = laptop.connect(ours=True, name="gpu2", identity="key two")
    await second.link(session=SECRET, standing="refused")
    again = laptop.connect(ours=True, name="gpu1", identity="key one")
    await again.link(session=SECRET, standing="resumed")
    await laptop.connect(ours=True).link(session=SECRET, standing="resumed")  # a forward made by hand


async def test_the_same_machine_under_another_name_takes_its_session(laptop):
    await laptop.connect(ours=True, name="gpu1", identity="key one").link(session=SECRET)
    also = frozenset({"key one"})
    other = laptop.connect(ours=True, name="gpu1.example.org", identity="key two", also=also)
    await other.link(session=SECRET, standing="resumed")


@pytest.mark.parametrize("join", [{}, {"join": "0"}])
async def test_a_session_begun_with_a_proof_is_not_for_a_peer_without_one(laptop, join):
    host = laptop.connect(ours=False, name="gpu1", identity="key one")
    await host.link(session=SECRET)
    await host.open(b"x")
    assert (await host.hear())[0] == "opened"
    said = await laptop.connect(ours=False).link(session=SECRET, standing="refused", **join)
    assert "begun with a proof" in said["message"]
    await laptop.connect(ours=True).link(session=SECRET, standing="resumed")


NONCE, ANSWER = "1" * 32, "2" * 32


@pytest.fixture
def key(laptop, tmp_path):
    laptop.keys = Keys(str(tmp_path / "keys"))
    return laptop.keys.issue("gpu1", "ssh key of gpu1")


def proved(key, /, **changed):
    proof = auth.proof(key.secret, auth.HOST, IDENTITY, key.id, NONCE, ANSWER)
    return {"key": key.id, "nonce": ANSWER, "proof": proof, **changed}


async def test_a_proved_key_names_the_host_and_the_daemon_proves_itself(laptop, key):
    host = laptop.connect(ours=False, nonce=NONCE)
    said = await host.link("whatever", session=SECRET, **proved(key))
    assert auth.check(said["proof"], key.secret, auth.EDITOR, IDENTITY, key.id, NONCE, ANSWER)
    (session,) = laptop.sessions
    await laptop.until(lambda: session.peer is not None)
    assert (session.host, session.identity, session.label) == ("gpu1", "ssh key of gpu1", "gpu1")
    assert session.may_dial


@pytest.mark.parametrize(
    "changed",
    [
        {"proof": "0" * 64},
        {"proof": ""},
        {"key": "0" * 16},
        {"key": "../gpu1"},
        {"nonce": "3" * 32},
        {"nonce": NONCE},
    ],
    ids=str,
)
async def test_a_wrong_proof_is_refused_and_leaves_no_session(laptop, key, changed):
    host = laptop.connect(ours=False, nonce=NONCE)
    said = await host.link(standing="refused", **proved(key, **changed))
    assert "key" in said["message"]
    assert "proof" not in said
    assert await host.closed()
    assert list(laptop.sessions) == []


async def test_a_proof_for_another_connection_is_none(laptop, key):
    host = laptop.connect(ours=False, nonce="4" * 32)
    await host.link(standing="refused", **proved(key))


async def test_where_nothing_was_asked_for_a_key_proves_nothing(laptop, key):
    host = laptop.connect(ours=True)
    said = await host.link(session=SECRET, **proved(key))
    assert "proof" not in said
    assert [session.identity for session in laptop.sessions] == [""]


async def test_an_older_key_counts_until_the_new_one_was_used(laptop, key):
    newer = laptop.keys.issue("gpu1", "ssh key of gpu1")
    first = laptop.connect(ours=False, nonce=NONCE)
    await first.link(**proved(key))
    second = laptop.connect(ours=False, nonce=NONCE)
    await second.link(**proved(newer))
    await laptop.until(lambda: laptop.keys.find(key.id) is None)
    third = laptop.connect(ours=False, nonce=NONCE)
    await third.link(standing="refused", **proved(key))


async def test_keys_that_cannot_be_read_prove_nothing(laptop, key, monkeypatch):
    def fail(key_id):
        raise PermissionError(13, "no")

    monkeypatch.setattr(laptop.keys, "find", fail)
    host = laptop.connect(ours=False, nonce=NONCE)
    await host.link(standing="refused", **proved(key))


async def test_too_many_sessions_that_wait_are_refused_and_none_is_given_up(laptop):
    laptop.sessions = Sessions(laptop.documents, 1)
    host, edit = await opened(laptop)
    await host.hang_up()
    await laptop.quiet()
    said = await laptop.connect().link(session="f" * 32, standing="refused")
    assert "wait" in said["message"]
    assert not edit.cancelled
