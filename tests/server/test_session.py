"""Conversations between the daemon and a host; long because every peer's habits are one of them."""

import pytest
import trio

from rbridge.adapters.base import Outcome, Result, State
from rbridge.wire.records import Body, End

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
    assert await host.hear() == ("opened", {"token": "t", "editor": "ed"}, b"")
    edit = await laptop.editor.opened()
    assert edit.text.host == "gpu7"
    outcomes = []

    async def save():
        outcomes.append(await edit.save(b"bye\n"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(save)
        assert await host.hear() == ("save", {"token": "t", "save": "1"}, b"bye\n")
        await laptop.quiet()
        assert outcomes == []
        await host.say("saved", token="t", save="1", size="4")
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
        b"link\nversion: 1\n\nopen\ntoken: t\ndisplay-name: %zz%\ndata: 1\nx\nnonsense\n\nsave\n\n:",
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


async def test_no_editor_is_told_to_the_link_host_and_the_user(laptop):
    laptop.editor.missing = True
    host = laptop.connect()
    await host.link()
    await host.open(b"x")
    command, headers, _ = await host.hear()
    assert (command, headers["reason"]) == ("refused", "no-editor")
    assert "there is no ed" in headers["message"]
    assert "there is no ed" in laptop.said.lines[0]
    await laptop.until(lambda: laptop.texts() == [])


async def test_no_editor_closes_a_plain_connection(laptop):
    laptop.editor.missing = True
    host = laptop.connect()
    await host.event()
    await host.open(b"x")
    await host.dot()
    assert (await host.hear())[0] == "close"
    assert await host.closed()


async def test_a_full_disk_refuses_one_file_and_not_the_connection_of_a_link_host(laptop, monkeypatch):
    host = laptop.connect()
    await host.link()
    monkeypatch.setattr(laptop.files, "room", lambda: 10)
    await host.open(b"x" * 1000)
    command, headers, _ = await host.hear()
    assert (command, headers["token"], headers["reason"]) == ("refused", "t", "no-space")
    assert laptop.texts() == []
    await host.open(b"small", token="u")
    assert await host.hear() == ("opened", {"token": "u", "editor": "ed"}, b"")


async def test_a_full_disk_closes_a_plain_connection_and_tells_the_user(laptop, monkeypatch):
    host = laptop.connect()
    await host.event()
    monkeypatch.setattr(laptop.files, "room", lambda: 10)
    await host.begin(1000)
    assert (await host.hear())[0] == "close"
    assert await host.closed()
    assert "gpu1:train.py is not opened" in laptop.said.lines[0]
    assert laptop.texts() == []


@pytest.mark.parametrize("link", [True, False])
async def test_a_disk_that_fills_up_in_the_middle_of_a_body(laptop, monkeypatch, link):
    from rbridge.server.files import Incoming, NoSpace

    def fail(incoming, data):
        raise NoSpace("the laptop has no room for this text")

    host = laptop.connect()
    if link:
        await host.link()
    else:
        await host.event()
    await host.begin(1000)
    await laptop.quiet()
    assert len(laptop.texts()) == 1
    with monkeypatch.context() as patch:
        patch.setattr(Incoming, "write", fail)
        await host.raw(host.wire.send(Body(b"x" * 500)))
        await laptop.quiet()
        assert laptop.texts() == []
    if not link:
        assert (await host.hear())[0] == "close"
        assert await host.closed()
        return
    await host.raw(host.wire.send(Body(b"x" * 500)) + host.wire.send(End()))
    assert (await host.hear())[1]["reason"] == "no-space"
    await host.open(b"y", token="u")
    assert (await host.hear())[0] == "opened"


async def test_a_name_cannot_leave_its_directory(laptop):
    host = laptop.connect()
    await host.event()
    await host.raw(
        b"open\ndisplay-name: h:../../../../../etc/x\nreal-path: /../../a\x1b[2J/\xff\xfe/../e.py\n"
        b"token: t\ndata: 1\nx\n"
    )
    edit = await laptop.editor.opened()
    assert edit.text.file.resolve().is_relative_to(laptop.root / edit.text.id)
    assert edit.text.file.name == "e.py"
    assert edit.text.name.isprintable()
    assert edit.text.path.isprintable()


async def test_two_opens_with_one_token(laptop):
    plain = laptop.connect()
    await plain.event()
    await plain.open(b"x")
    await plain.open(b"y")  # `rmate a a` does that
    for _ in "xy":
        (await laptop.editor.opened()).close()
        assert (await plain.hear())[0] == "close"
    link = laptop.connect()
    await link.link()
    await link.open(b"x")
    assert (await link.hear())[0] == "opened"
    await link.open(b"y")
    assert (await link.hear())[1]["reason"] == "failed"


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


async def test_deny_refuses_what_proves_nothing(laptop):
    laptop.configure(classic="deny")
    host = laptop.connect(ours=False)
    await host.link()
    await host.open(b"x")
    assert (await host.hear())[1]["reason"] == "denied"
    plain = laptop.connect(ours=False)
    await plain.event()
    await plain.open(b"x")
    assert (await plain.hear())[0] == "close"
    assert await plain.closed()
    own = laptop.connect(ours=True)
    await own.event()
    await own.open(b"mine")
    assert (await laptop.editor.opened()).content() == b"mine"


async def test_ask_waits_for_the_user_and_reads_no_body_meanwhile(laptop):
    laptop.configure(classic="ask")
    host = laptop.connect(ours=False)
    await host.event()
    await host.open(b"x")
    await laptop.quiet()
    assert laptop.texts() == []
    assert laptop.said.lines == ["gpu1:train.py asks to be opened: run 'rbridge allow'"]
    (question,) = laptop.consent.pending()
    laptop.consent.answer(question.id, True)
    assert (await laptop.editor.opened()).content() == b"x"
    await host.open(b"y", token="u")  # the answer holds for the connection
    assert (await laptop.editor.opened()).content() == b"y"


async def test_ask_gives_up_after_its_time(laptop, autojump_clock):
    laptop.configure(classic="ask")
    host = laptop.connect(ours=False)
    await host.link()
    await host.open(b"x")
    assert (await host.hear())[1]["reason"] == "denied"
    assert trio.current_time() == pytest.approx(laptop.config.limits.consent)


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


async def test_cancelled_at_any_await_nothing_is_left_open(laptop):
    """One checkpoint later each time, until the whole conversation fits."""
    import trio.lowlevel

    class Countdown(trio.abc.Instrument):
        def __init__(self, steps, scope):
            self.left, self.scope = steps, scope

        def before_task_step(self, task):
            if "Session.run" in task.name:
                self.left -= 1
                if self.left == 0:
                    self.scope.cancel()

    from rbridge.server.peer import Peer
    from rbridge.server.session import Session
    from tests.server.conftest import GREETING, Host

    for steps in range(1, 200):
        there, here = trio.testing.memory_stream_pair()
        session = Session(
            Peer(here, "test", laptop.config.limits, ours=True),
            laptop.config,
            laptop.documents,
            laptop.consent,
        )
        host = Host(there)
        async with trio.open_nursery() as nursery:
            countdown = Countdown(steps, nursery.cancel_scope)
            trio.lowlevel.add_instrument(countdown)
            try:
                nursery.start_soon(session.run, GREETING)
                for byte in b"open\ntoken: t\ndata: 5\nhello\n\n.\n":
                    await there.send_all(bytes([byte]))
                    await laptop.quiet()
                await host.event()
                (await laptop.editor.opened()).close()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            finally:
                trio.lowlevel.remove_instrument(countdown)
        while len(laptop.documents):
            (await laptop.editor.opened()).close()
            await laptop.quiet()
        assert laptop.texts() == []
        if countdown.left > 0:
            assert steps > 20
            return
    pytest.fail("never came to an end")


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
