"""Sessions, as their hosts and documents see them."""

import pytest
import trio
import trio.testing

from rbridge.server.peer import PeerGone
from rbridge.server.session import CLOSED, JOINED
from rbridge.wire.limits import DEAD_BUSY
from tests.server.conftest import SECRET, beating, digest, opened, resume


async def test_a_session_is_resumed_and_its_document_goes_on(laptop):
    host, edit = await opened(laptop)
    await host.hang_up()
    await laptop.quiet()
    (session,) = laptop.sessions
    assert session.peer is None
    assert not edit.cancelled
    again = laptop.connect()
    await again.link(session=SECRET, standing="resumed", resume="yes")
    await resume(again, b"hello", save="3")
    assert (await again.hear())[0] == "opened"
    assert list(laptop.sessions) == [session]
    edit.close()
    assert (await again.hear())[0] == "close"


async def test_a_document_of_a_session_that_was_forgotten_goes_on_with_its_secret(laptop):
    host, edit = await opened(laptop)
    await host.hang_up()
    await laptop.quiet()
    (session,) = laptop.sessions
    laptop.sessions._known.clear()
    again = laptop.connect()
    await again.link(session=SECRET, resume="yes")
    await resume(again, b"hello")
    assert (await again.hear())[0] == "opened"
    assert list(laptop.sessions) != [session]
    assert (len(session), len(laptop.documents)) == (0, 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(edit.save, b"new")
        command, headers, _ = await again.hear()
        assert (command, headers["token"]) == ("save", "t")
        await again.say("saved", token="t", save=headers["save"])
    edit.close()
    assert (await again.hear())[0] == "close"


async def test_that_document_is_not_given_to_one_who_does_not_prove_what_its_host_did(laptop):
    host, edit = await opened(laptop)
    await host.hang_up()
    await laptop.quiet()
    (session,) = laptop.sessions
    session.identity = "key one"
    laptop.sessions._known.clear()
    again = laptop.connect(ours=False)
    await again.link(session=SECRET, resume="yes")
    await resume(again, b"hello")
    assert await again.hear() == ("close", {"token": "t", "unknown": "yes"}, b"")
    assert len(session) == 1
    edit.close()


async def test_what_the_user_closed_meanwhile_is_closed_at_the_resume(laptop):
    host, edit = await opened(laptop)
    await host.open(b"other", token="u")
    assert (await host.hear())[0] == "opened"
    await host.hang_up()
    await laptop.quiet()
    edit.close()
    await laptop.until(lambda: len(laptop.documents) == 1)
    again = laptop.connect()
    await again.link(session=SECRET, standing="resumed", resume="yes")
    await resume(again, b"hello")
    assert await again.hear() == ("close", {"token": "t"}, b"")


@pytest.mark.parametrize("told", [False, True])
async def test_what_was_closed_is_told_from_what_was_never_there(laptop, told):
    """That would be opened again. *told*: in a record that the connection loses."""
    host, edit = await opened(laptop)
    if not told:
        await host.hang_up()
        await laptop.quiet()
    edit.close()
    await laptop.until(lambda: len(laptop.documents) == 0)
    again = laptop.connect()
    await again.link(session=SECRET, standing="resumed", resume="yes")
    await resume(again, b"hello")
    assert await again.hear() == ("close", {"token": "t"}, b"")
    await resume(again, b"hello", token="never")
    assert await again.hear() == ("close", {"token": "never", "unknown": "yes"}, b"")


async def test_a_new_main_connection_replaces_one_that_is_only_half_dead(laptop):
    host, edit = await opened(laptop)
    again = laptop.connect()
    await again.link(session=SECRET, standing="resumed", resume="yes")
    assert await host.closed()
    await resume(again, b"hello")
    assert (await again.hear())[0] == "opened"
    (session,) = laptop.sessions
    assert session.peer is not None
    edit.close()
    assert (await again.hear())[0] == "close"


async def test_a_session_with_nothing_left_is_forgotten(laptop):
    host, edit = await opened(laptop)
    edit.close()
    assert (await host.hear())[0] == "close"
    await host.hang_up()
    await laptop.until(lambda: not len(laptop.sessions))


async def test_one_that_falls_silent_while_a_save_waits_after_12_and_the_user_is_told(
    laptop, autojump_clock, nursery
):
    host, edit = await opened(laptop)
    await trio.sleep(20)
    nursery.start_soon(edit.save, b"new")
    assert (await host.hear())[0] == "save"
    begin = trio.current_time()
    assert await host.closed()
    assert trio.current_time() - begin == pytest.approx(DEAD_BUSY)
    await laptop.quiet()
    told = [line for line in laptop.said.lines if "connection to" in line]
    assert told == ["connection to gpu1 lost: 1 text open, what you save is kept and sent when it is back"]


async def dialling(session, use):
    async with session.dialled() as peer:
        await use(peer)


class Uses:
    """Notes which connections were had, and keeps each until it is let go."""

    def __init__(self):
        self.had = []
        self.let_go = trio.Event()

    async def __call__(self, peer):
        self.had.append(peer)
        await self.let_go.wait()


async def test_a_host_is_asked_for_a_further_connection_and_it_is_used_again(laptop, nursery):
    host, _ = await opened(laptop)
    (session,) = laptop.sessions
    use = Uses()
    nursery.start_soon(dialling, session, use)
    assert await host.hear() == ("dial", {"dial": "1"}, b"")
    further = laptop.connect()
    await further.link(session=SECRET, standing="joined", join="1")
    await laptop.until(lambda: use.had)
    assert use.had[0] is not session.peer
    assert use.had[0].reserved == 1
    use.let_go.set()
    await laptop.quiet()
    again = Uses()
    again.let_go.set()
    await dialling(session, again)
    assert again.had == use.had
    await further.hang_up()
    await laptop.quiet()
    nursery.start_soon(dialling, session, again)
    assert await host.hear() == ("dial", {"dial": "2"}, b"")


async def test_a_dial_is_answered_once(laptop, nursery):
    host, _ = await opened(laptop)
    (session,) = laptop.sessions
    nursery.start_soon(dialling, session, Uses())
    assert (await host.hear())[0] == "dial"
    await laptop.connect().link(session=SECRET, standing="joined", join="1")
    await laptop.connect().link(session=SECRET, standing="refused", join="1")


async def test_a_host_that_does_not_come_gets_it_on_the_main_connection(laptop, autojump_clock, nursery):
    host, _ = await opened(laptop)
    nursery.start_soon(beating, host)
    (session,) = laptop.sessions
    use = Uses()
    use.let_go.set()
    begin = trio.current_time()
    await dialling(session, use)
    assert trio.current_time() - begin == pytest.approx(laptop.config.limits.dial)
    await dialling(session, use)  # and is not asked again at once
    assert trio.current_time() - begin == pytest.approx(laptop.config.limits.dial)
    assert use.had == [session.peer, session.peer]
    await laptop.connect().link(session=SECRET, standing="refused", join="1")


async def test_who_proved_nothing_is_not_asked(laptop):
    host = laptop.connect(ours=False)
    await host.link(session=SECRET)
    (session,) = laptop.sessions
    await laptop.until(lambda: session.peer is not None)
    use = Uses()
    use.let_go.set()
    await dialling(session, use)
    assert use.had == [session.peer]


async def test_a_connection_that_ends_meanwhile_ends_the_dial(laptop, nursery):
    host, _ = await opened(laptop)
    (session,) = laptop.sessions
    ends = []

    async def dial():
        with pytest.raises(PeerGone):
            await dialling(session, Uses())
        ends.append(True)

    nursery.start_soon(dial)
    assert (await host.hear())[0] == "dial"
    await host.hang_up()
    await laptop.until(lambda: ends)
    with pytest.raises(PeerGone, match="no connection to gpu1"):
        await dialling(session, Uses())


async def test_a_dial_that_is_cancelled_leaves_a_connection_that_closes_by_itself(
    laptop, autojump_clock, nursery
):
    host, _ = await opened(laptop)
    (session,) = laptop.sessions
    nursery.start_soon(beating, host)
    with trio.move_on_after(1):
        await dialling(session, Uses())
    assert (await host.hear())[0] == "dial"
    await laptop.connect().link(session=SECRET, standing="refused", join="1")


def keep(laptop, tmp_path, identity=""):
    """Put a text into the spool as an earlier daemon did."""
    (tmp_path / "kept").write_bytes(b"kept")
    with (tmp_path / "kept").open("rb") as file:
        laptop.spool.keep(
            "a" * 24, file.fileno(), "x.py", host="gpu1", path="/x.py", shown="x.py", why="lost",
            base=digest(b"old"), session=SECRET, token="t", serial=4, identity=identity,
        )  # fmt: skip


async def test_the_kept_text_of_a_host_that_had_a_proof_is_for_no_other(laptop, tmp_path):
    keep(laptop, tmp_path, identity="abc")
    host = laptop.connect(ours=False)
    await host.link(session=SECRET, resume="yes")
    await resume(host, b"old", save="3")
    assert (await host.hear())[:2] == ("close", {"token": "t", "unknown": "yes"})
    assert laptop.spool.of(SECRET, "t") is not None


async def test_a_kept_text_is_delivered_at_the_resume_after_a_restart(laptop, tmp_path):
    keep(laptop, tmp_path)
    host = laptop.connect()
    await host.link(session=SECRET, resume="yes")
    (session,) = laptop.sessions
    await resume(host, b"old", save="3")
    await laptop.until(lambda: "t" in session.documents)
    assert laptop.spool.of(SECRET, "t") is not None


async def test_what_is_unsaved_is_said_at_the_resume_once(laptop):
    host, _ = await opened(laptop)
    (session,) = laptop.sessions
    session.ended("gone", unsaved=True)
    await resume(host, b"x", token="gone")
    assert await host.hear() == ("close", {"token": "gone", "unsaved": "yes"}, b"")
    await host.say("close", token="t")
    await host.hang_up()
    await laptop.until(lambda: not len(laptop.sessions))


async def test_closed_tokens_are_remembered_up_to_a_number(laptop):
    session = laptop.sessions.make(SECRET)
    for number in range(CLOSED + 5):
        session.ended(str(number), unsaved=True)
    assert len(session.closed) == CLOSED
    assert "0" not in session.closed


async def test_a_session_may_be_joined_so_often_and_no_more(laptop):
    await opened(laptop)
    for _ in range(JOINED):
        await laptop.connect().link(session=SECRET, standing="joined", join="0")
    await laptop.connect().link(session=SECRET, standing="refused", join="0")


async def test_what_is_opened_again_comes_to_the_front_and_no_save_is_disturbed(laptop):
    host, edit = await opened(laptop)
    results = []

    async def save():
        results.append(await edit.save(b"new"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(save)
        command, headers, _ = await host.hear()
        assert command == "save"
        await resume(host, b"hello", re_activate="yes", selection="12:3")
        assert (await host.hear())[0] == "opened"
        await laptop.until(lambda: edit.revealed == [(12, 3)])
        await host.say("saved", token="t", save=headers["save"])
    assert results[0].delivered
    await resume(host, b"new", re_activate="yes")
    assert (await host.hear())[0] == "opened"
    await laptop.until(lambda: edit.revealed == [(12, 3), (0, 0)])
    await laptop.quiet()
    assert not edit.cancelled
    edit.close()
    assert (await host.hear())[0] == "close"  # and no save was sent again


async def test_what_is_opened_again_while_the_file_is_another_one_is_fetched(laptop):
    host, edit = await opened(laptop)
    edit.takes = True
    await resume(host, b"theirs", re_activate="yes")
    assert (await host.hear())[0] == "opened"
    assert (await host.hear())[0] == "fetch"
    await host.say("changed", b"theirs", token="t", sha256=digest(b"theirs"), size="6", fetched="yes")
    await laptop.until(lambda: edit.content() == b"theirs")
    await host.say("resume", token="t", absent="yes", re_activate="yes")
    assert [(await host.hear())[0] for _ in range(2)] == ["opened", "fetch"]


async def test_what_is_opened_again_with_the_connections_return_is_resumed_and_shown(laptop):
    host, edit = await opened(laptop)
    await host.hang_up()
    await laptop.quiet()
    again = laptop.connect()
    await again.link(session=SECRET, standing="resumed", resume="yes")
    await resume(again, b"hello", re_activate="yes", selection="7")
    assert (await again.hear())[0] == "opened"
    await laptop.until(lambda: edit.revealed == [(7, 0)])


async def test_of_two_hosts_with_the_same_file_the_right_one_comes_to_the_front(laptop):
    _, other = await opened(laptop)
    host = laptop.connect()
    await host.link("gpu2", session="e" * 32)
    await host.open(b"hello", name="gpu2:train.py")
    assert (await host.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    await resume(host, b"hello", re_activate="yes", selection="5")
    assert (await host.hear())[0] == "opened"
    await laptop.until(lambda: edit.revealed == [(5, 0)])
    assert other.revealed == []


async def test_a_text_whose_editor_is_starting_or_gone_is_not_answered_twice(laptop):
    laptop.editor.slow = trio.Event()
    host = laptop.connect()
    await host.link(session=SECRET)
    await host.open(b"hello")
    await laptop.until(lambda: laptop.documents.all())
    await resume(host, b"hello", re_activate="yes")
    await laptop.quiet()
    laptop.editor.slow.set()
    assert (await host.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    assert edit.revealed == []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(edit.save, b"new")
        _, headers, _ = await host.hear()
        edit.close()
        (one,) = laptop.documents.all()
        await laptop.until(lambda: one.document.editor_gone)
        await resume(host, b"hello", re_activate="yes")
        await laptop.quiet()
        await host.say("saved", token="t", save=headers["save"])
    assert (await host.hear())[0] == "close"


async def test_an_editor_that_fails_to_show_a_text_again_loses_nothing(laptop, caplog):
    host, edit = await opened(laptop)

    async def fail(line, column):
        raise RuntimeError("no")

    edit.reveal = fail
    await resume(host, b"hello", re_activate="yes")
    assert (await host.hear())[0] == "opened"
    await laptop.quiet()
    assert "cannot be brought to the front" in caplog.text
    assert not edit.cancelled
