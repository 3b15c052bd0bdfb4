"""Conversations between the daemon and a host; long because every peer's habits are one of them."""

import pytest
import trio
import trio.testing

from rbridge.adapters.base import Outcome, Result, State
from rbridge.server import events
from rbridge.wire.limits import DEAD_BUSY, DEAD_IDLE
from rbridge.wire.records import Body, Record
from tests.harness.cancelling import at_every_step
from tests.server.conftest import SECRET, beating, opened

MARKER = b"the secret text of somebody\n"


async def test_opens_edits_saves_closes_with_a_plain_client(laptop):
    host = laptop.connect()
    await host.event()
    await host.open(b"hello\n", selection="3:2")
    await host.dot()
    edit = await laptop.editor.opened()
    assert edit.content() == b"hello\n"
    assert edit.text.file.relative_to(laptop.root / edit.text.id).parts == ("gpu1", "home", "u", "train.py")
    assert (edit.text.line, edit.text.column, edit.text.host) == (3, 2, "gpu1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(edit.save, b"bye\n")
        assert await host.hear() == ("save", {"token": "t"}, b"bye\n")
    edit.close()
    assert await host.hear() == ("close", {"token": "t"}, b"")
    assert await host.closed()
    assert laptop.texts() == []


async def test_opens_edits_saves_closes_on_a_link(laptop):
    host = laptop.connect()
    await host.link("gpu7")
    await host.open(b"hello\n", name="train.py")
    assert await host.hear() == ("opened", {"token": "t", "editor": "ed", "undelivered": "no"}, b"")
    edit = await laptop.editor.opened()
    assert edit.text.host == "gpu7"
    outcomes = []

    async def save():
        outcomes.append(await edit.save(b"bye\n"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(save)
        command, said, body = await host.hear()
        assert (command, said["token"], said["save"], body) == ("save", "t", "1", b"bye\n")
        await laptop.quiet()
        assert outcomes == []
        await host.say("saved", token="t", save="1")
    assert outcomes == [Outcome(Result.SAVED)]
    await laptop.quiet()
    assert [state for state, _ in edit.shown] == [State.CLEAN, State.SAVING, State.CLEAN]
    edit.close()
    assert await host.hear() == ("close", {"token": "t"}, b"")
    await host.hang_up()
    await laptop.until(lambda: laptop.texts() == [])


@pytest.mark.parametrize("chunk", [1, 2, 7, 10_000])
async def test_a_record_may_come_in_any_pieces(laptop, chunk):
    host = laptop.connect()
    said = b"open\ndisplay-name: h:x.py\nreal-path: /x.py\ntoken: t\ndata: 5\na\nb\nc\n.\n"
    for i in range(0, len(said), chunk):
        await host.raw(said[i : i + chunk])
    assert (await laptop.editor.opened()).content() == b"a\nb\nc"


async def test_several_files_on_one_connection_and_it_is_closed_after_the_last(laptop):
    host = laptop.connect()
    await host.event()
    for token in ("a", "b"):
        await host.open(token.encode(), token=token)
        await host.dot()  # gomate says it after each
    edits = {}
    for _ in "ab":
        edit = await laptop.editor.opened()
        edits[edit.content()] = edit
    edits[b"a"].close()
    assert await host.hear() == ("close", {"token": "a"}, b"")
    edits[b"b"].close()
    assert await host.hear() == ("close", {"token": "b"}, b"")
    assert await host.closed()


async def test_a_silent_peer_does_not_hold_up_another(laptop):
    silent, host = laptop.connect(), laptop.connect()
    await silent.raw(b"open\ntoken: x\ndata: 1000\nonly the begin")
    await host.event()
    await host.open(b"hello")
    assert (await laptop.editor.opened()).content() == b"hello"


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: localhost:52698\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\nopen\ntoken: x\ndata: 3\nabc\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"save\ntoken: x\ndata: 3\nabc\n\n",
        b"open\n" + b"x" * 100_000,
        b"open\n" + b"a: b\n" * 10_000,
        b"open\ntoken: t\ndata: 1000000000000\n",
        b"open\ntoken: t\ndata: -5\nhello\n",
        b"open\ntoken: t\ndata: many\nhello\n",
        b"open\ntoken: t\ndata: \nhello\n",
        b"open\ntoken: t\ndata: " + b"9" * 4000 + b"\n",
        b"\n" * 100_000,
        b"opening\n",
        b"link\nversion: 1\nsession: 00112233445566778899aabbccddeeff\n\n"
        b"open\ntoken: t\ndisplay-name: %zz%\ndata: 1\nx\nnonsense\n\nsave\n\n:",
    ],
    ids=lambda said: repr(said[:24]),
)
async def test_what_is_not_rmate_is_closed_and_leaves_nothing(laptop, said):
    host = laptop.connect()
    await host.event()
    with trio.move_on_after(20):
        try:
            await host.raw(said)
            await host.stream.send_eof()
        except trio.BrokenResourceError:
            pass
        data = b"."
        while data:
            data = await host.stream.receive_some(4096)
        await laptop.until(lambda: laptop.texts() == [])
        assert len(laptop.documents) == 0
        return
    pytest.fail("the connection stays open")


@pytest.mark.parametrize("cut", [3, 7, 30, 70, 80])
async def test_a_peer_that_goes_in_the_middle_of_a_record_leaves_nothing(laptop, cut):
    host = laptop.connect()
    said = b"open\ndisplay-name: h:x.py\nreal-path: /x.py\ntoken: t\ndata: 50\nthe begin of a text"
    await host.raw(said[:cut])
    await host.hang_up()
    await laptop.quiet()
    assert laptop.texts() == []
    assert len(laptop.documents) == 0


async def test_who_says_nothing_is_closed_when_the_handshake_is_over(laptop, autojump_clock):
    host = laptop.connect()
    await host.event()
    assert await host.stream.receive_some() == b""
    assert trio.current_time() == pytest.approx(laptop.config.limits.handshake)


@pytest.mark.parametrize(
    ("said", "level"),
    [(b"", "INFO"), (b"\n", "WARNING"), (b"ope", "WARNING"), (b"open\ntoken: t\n", "WARNING")],
)
async def test_who_stops_in_the_first_header_is_told_from_who_only_looked(
    laptop, autojump_clock, caplog, said, level
):
    caplog.set_level("INFO", "rbridge")
    host = laptop.connect()
    await host.event()
    await host.raw(said)
    assert await host.stream.receive_some() == b""
    closed = [record for record in caplog.records if ": closed: " in record.message]
    assert [record.levelname for record in closed] == [level]
    words = "asked for nothing" if level == "INFO" else "stopped in the middle of its first header"
    assert words in closed[0].message


async def test_drops_do_not_prolong_the_handshake(laptop, autojump_clock):
    host = laptop.connect()
    await host.raw(b"open\n")

    async def drip():
        while True:
            await host.raw(b"a: b\n")
            await trio.sleep(5)

    with pytest.raises(trio.BrokenResourceError):
        await drip()
    assert trio.current_time() <= laptop.config.limits.handshake + 5


async def test_a_body_that_stalls_is_given_up_and_one_that_flows_slowly_is_not(laptop, autojump_clock):
    stall = laptop.config.limits.stall
    host = laptop.connect()
    await host.raw(b"open\ntoken: t\ndata: 100\n")
    for _ in range(10):
        await trio.sleep(stall * 0.9)
        await host.raw(b"x")
    assert len(laptop.texts()) == 1
    await trio.sleep(stall * 1.1)
    assert laptop.texts() == []
    assert await host.closed()


async def test_an_idle_connection_with_an_open_document_stays(laptop, autojump_clock):
    host = laptop.connect()
    await host.event()
    await host.open(b"x")
    await host.dot()
    edit = await laptop.editor.opened()
    await trio.sleep(86_400)
    edit.close()
    assert (await host.hear())[0] == "close"


async def test_without_a_dot_the_connection_is_closed_later(laptop, autojump_clock):
    host = laptop.connect()
    await host.event()
    await host.open(b"x")
    (await laptop.editor.opened()).close()
    assert (await host.hear())[0] == "close"
    begin = trio.current_time()
    assert await host.closed()
    assert trio.current_time() - begin == pytest.approx(laptop.config.limits.handshake)


async def test_the_host_closes_a_document(laptop):
    host = laptop.connect()
    await host.link()
    await host.open(b"x")
    edit = await laptop.editor.opened()
    assert (await host.hear())[0] == "opened"
    await host.say("close", token="t")
    await laptop.until(lambda: laptop.texts() == [])
    assert edit.cancelled


async def test_answers_to_unknown_documents_and_saves_do_no_harm(laptop):
    host = laptop.connect()
    await host.link()
    await host.open(b"x")
    assert (await host.hear())[0] == "opened"
    await host.say("saved", token="nobody", save="1")
    await host.say("saved", token="t", save="7")
    await host.say("refused", token="t", save="8", reason="denied", message="no")
    edit = await laptop.editor.opened()
    edit.close()
    assert (await host.hear())[0] == "close"


async def test_an_answer_without_a_number_ends_the_connection_and_not_the_editor(laptop):
    host = laptop.connect()
    await host.link()
    await host.open(b"x")
    edit = await laptop.editor.opened()
    assert (await host.hear())[0] == "opened"
    await host.say("saved", token="t", save="one")
    assert await host.closed()
    assert not edit.cancelled
    assert edit.content() == b"x"


async def test_no_text_reaches_the_log_whatever_the_peer_says(laptop, caplog, monkeypatch):
    import logging

    from rbridge.server.log import logger

    monkeypatch.setattr(logger, "propagate", True)
    caplog.set_level(logging.DEBUG, "rbridge")
    for said in (
        b"open\ntoken: t\ndata: 2\n" + MARKER,
        b"open\ntoken: t\n" + MARKER + b"data: x\n",
        MARKER,
        b"open\ntoken: t\ndata: " + MARKER,
        b"link\n\n" + MARKER,
        b"link\n\nopen\n" + MARKER + MARKER,
    ):
        host = laptop.connect()
        await host.raw(said)
        await laptop.quiet()
        await host.hang_up()
        await laptop.quiet()
    assert "secret" not in caplog.text


async def test_cancelled_at_any_await_of_a_plain_connection_nothing_is_left_open(laptop):
    async def talk():
        async with trio.open_nursery() as nursery:
            host = laptop.connect(nursery=nursery)
            try:
                for byte in b"open\ntoken: t\ndata: 5\nhello\n\n.\n":
                    await host.raw(bytes([byte]))
                    await laptop.quiet()
                await host.event()
                (await laptop.editor.opened()).close()
                await host.closed()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    assert await at_every_step(talk, laptop.left_alone, of="Connection.run") > 20


async def test_cancelled_at_any_await_of_a_link_nothing_is_left_open(laptop):
    """Opens, saves and joins; what the session still has is ended afterwards."""

    async def talk():
        async with trio.open_nursery() as nursery:
            host = laptop.connect(nursery=nursery)
            try:
                await host.link()
                await host.open(b"hello")
                assert (await host.hear())[0] == "opened"
                further = laptop.connect(nursery=nursery)
                await further.link(session=host.secret, standing="joined", join="0")
                await further.open(b"large", token="u")
                assert (await host.hear())[0] == "opened"
                await host.say("close", token="t")
                await host.say("close", token="u")
                await laptop.quiet()
                await further.hang_up()
                await host.hang_up()
            except (trio.BrokenResourceError, trio.ClosedResourceError, AssertionError):
                return

    assert await at_every_step(talk, laptop.left_alone, of="Connection.run") > 20
    assert list(laptop.sessions) == []


async def test_a_dead_line_is_given_up_in_time_where_a_record_is_stuck_on_it(laptop, clock):
    host = laptop.connect()
    await host.link(session="5" * 32)
    await host.open(b"hello")
    assert (await host.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    (session,) = laptop.sessions
    session.peer.stream.send_stream.send_all_hook = trio.sleep_forever
    laptop.nursery.start_soon(edit.save, b"new")
    await laptop.until(lambda: session.peer.writing)
    clock.jump(DEAD_BUSY + 1)
    await laptop.until(lambda: session.peer is None)
    await laptop.until(lambda: laptop.kept() == [b"new"])


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        (b"GET /secret HTTP/1.1\r\n\r\n", "an HTTP request"),
        (b"secret\n", "rmate client"),
        (b"open\ntoken: t\ndata: 1000000000000\n", "more than is allowed"),
        (b"open\ntoken: t\ndata: secret\n", "does not keep to the protocol"),
    ],
)
async def test_the_log_says_what_kind_of_nonsense_it_was(laptop, caplog, monkeypatch, said, logged):
    from rbridge.server.log import logger

    monkeypatch.setattr(logger, "propagate", True)
    host = laptop.connect()
    await host.raw(said)
    await laptop.quiet()
    assert logged in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "said",
    [
        {"command": "resume", "token": "t", "size": "5", "sha256": "0" * 63},
        {"command": "resume", "token": "t", "size": "five", "sha256": "0" * 64},
        {"command": "resume", "token": "t", "size": "5", "sha256": "0" * 64, "save": "-1"},
        {"command": "saved", "token": "t", "save": "0"},
        {"command": "saved", "token": "t", "save": "9" * 30},
        {"command": "refused", "token": "t", "save": "1", "reason": "conflict", "sha256": "x"},
        {"command": "refused", "token": "t", "save": "1", "message": "%zz"},
        {"command": "resolve", "token": "t", "choose": "both"},
        {"command": "close", "token": "no token"},
        {"command": "gone", "reason": "gone"},
    ],
    ids=lambda said: " ".join(said.values())[:40],
)
async def test_a_malformed_value_ends_the_connection_and_not_the_session(laptop, said):
    host, edit = await opened(laptop)
    await host.say(said.pop("command"), **said)
    assert await host.closed()
    await laptop.quiet()
    assert len(laptop.sessions) == 1
    assert not edit.cancelled


async def test_a_further_connection_joins_and_its_records_reach_the_session(laptop):
    host, edit = await opened(laptop)
    further = laptop.connect()
    await further.link(session=SECRET, standing="joined", join="0")
    await further.open(b"large", token="u")
    assert await host.hear() == ("opened", {"token": "u", "editor": "ed", "undelivered": "no"}, b"")
    await further.hang_up()
    await laptop.quiet()
    (session,) = laptop.sessions
    assert session.peer is not None
    assert sorted(session.documents) == ["t", "u"]
    again = laptop.connect()
    await again.link(session=SECRET, standing="joined", join="0")
    await again.say("close", token="t")
    await laptop.until(lambda: sorted(session.documents) == ["u"])
    assert edit.cancelled


async def test_a_joined_connection_that_is_cut_in_an_open_leaves_nothing_and_detaches_nothing(laptop):
    await opened(laptop)
    further = laptop.connect()
    await further.link(session=SECRET, standing="joined", join="0")
    headers = {"token": "u", "display-name": "x", "real-path": "/x"}
    await further.raw(further.wire.send(Record("open", headers, length=100)))
    await further.raw(further.wire.send(Body(b"begin")))
    await laptop.quiet()
    assert len(laptop.texts()) == 2
    await further.hang_up()
    await laptop.until(lambda: len(laptop.texts()) == 1)
    (session,) = laptop.sessions
    assert session.peer is not None


async def test_a_joined_connection_that_nobody_uses_is_closed_and_one_with_documents_stays(
    laptop, autojump_clock
):
    host, _ = await opened(laptop)
    further = laptop.connect()
    await further.link(session=SECRET, standing="joined", join="0")
    begin = trio.current_time()
    with trio.move_on_after(300):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beating, host)
            assert await further.closed()
            assert trio.current_time() - begin == pytest.approx(laptop.config.limits.handshake)
            nursery.start_soon(host.hear)
            await trio.sleep_forever()
    (session,) = laptop.sessions
    assert session.peer is not None


async def test_a_link_that_falls_silent_is_detached_after_40_seconds(laptop, autojump_clock):
    host, edit = await opened(laptop)
    (session,) = laptop.sessions
    begin = trio.current_time()
    assert await host.closed()
    assert trio.current_time() - begin == pytest.approx(DEAD_IDLE)
    await laptop.quiet()
    assert session.peer is None
    assert not edit.cancelled
    assert laptop.said.lines == []  # nothing waits for it: no word for each sleep of the laptop


async def test_one_that_falls_silent_in_a_record_after_12(laptop, autojump_clock):
    host, _ = await opened(laptop)
    headers = {"token": "u", "display-name": "x", "real-path": "/x"}
    await host.raw(host.wire.send(Record("open", headers, length=100)))
    begin = trio.current_time()
    assert await host.closed()
    assert trio.current_time() - begin == pytest.approx(DEAD_BUSY)


async def test_a_host_that_beats_is_alive(laptop, autojump_clock, nursery):
    host, edit = await opened(laptop)
    nursery.start_soon(beating, host)
    with trio.move_on_after(1000):
        await host.hear()
    assert len(laptop.sessions) == 1
    edit.close()
    assert (await host.hear())[0] == "close"


async def test_while_the_user_is_asked_the_host_is_not_taken_for_dead(laptop, autojump_clock, nursery):
    laptop.configure(classic="ask")
    host = laptop.connect(ours=False)
    await host.link()
    nursery.start_soon(host.open, b"x" * 100)
    await trio.sleep(200)
    (question,) = laptop.consent.pending()
    laptop.consent.answer(question.id, True)
    assert (await host.hear())[0] == "opened"


async def test_answers_say_what_the_host_has_now(laptop):
    host, edit = await opened(laptop)
    (session,) = laptop.sessions
    heard = []
    session.documents["t"].answered = lambda event, digest="": heard.append((event, digest))
    await host.say("saved", token="t", save="1", sha256="a" * 64)
    await host.say("refused", token="t", save="2", reason="conflict", message="no", absent="yes")
    await host.say("refused", token="t", save="3", reason="denied", kept="/home/u/kept")
    await laptop.quiet()
    name = session.documents["t"].name
    assert heard == [
        (events.Delivered(1), "a" * 64),
        (events.Refused(2, "conflict", "no", events.ABSENT), ""),
        (
            events.Refused(
                3, "denied", f"{name}: the save was refused; the host keeps the text in /home/u/kept"
            ),
            "",
        ),
    ]
    edit.close()
