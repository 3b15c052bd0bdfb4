"""What becomes of an ``open``, said by a host."""

import json
import zlib
from contextlib import suppress

import pytest
import trio
import trio.testing

from rbridge.wire.blocks import PACKED, PLAIN, head
from rbridge.wire.records import Body, End
from tests.server.conftest import SECRET, opened


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
    assert await host.hear() == ("opened", {"token": "u", "editor": "ed", "undelivered": "no"}, b"")


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


async def test_a_compressed_text_is_opened_as_it_was(laptop):
    text = b"line\n" * 100_000
    host = laptop.connect()
    await host.link()
    await host.open(zlib.compress(text), encoding="zlib", size=str(len(text)))
    assert (await host.hear())[0] == "opened"
    assert (await laptop.editor.opened()).content() == text


async def test_so_is_one_that_came_in_blocks(laptop):
    text = b"line\n" * 100_000
    packed = zlib.compress(text)
    body = head(PLAIN, len(text)) + text + head(PACKED, len(packed)) + packed
    host = laptop.connect()
    await host.link()
    await host.open(body, encoding="blocks", size=str(2 * len(text)))
    assert (await host.hear())[0] == "opened"
    assert (await laptop.editor.opened()).content() == 2 * text


@pytest.mark.parametrize(
    "more",
    [
        {"encoding": "zlib"},
        {"encoding": "zlib", "size": "4"},
        {"encoding": "zlib", "size": "6"},
        {"encoding": "lzma", "size": "5"},
        {"encoding": "blocks"},
        {"encoding": "blocks", "size": "5"},
        {"encoding": "zlib", "size": "9" * 15},
        {"follow": "yes"},
        {"follow": "yes", "at": "-1"},
    ],
    ids=str,
)
async def test_an_open_that_makes_no_sense_ends_the_connection_and_leaves_nothing(laptop, more):
    host = laptop.connect()
    await host.link()
    with suppress(trio.BrokenResourceError):  # it need not hear all of it
        await host.open(zlib.compress(b"hello"), **more)
    assert await host.closed()
    await laptop.until(lambda: laptop.texts() == [])
    assert len(laptop.documents) == 0


async def test_what_is_followed_is_for_reading(laptop):
    _, edit = await opened(laptop)
    assert not edit.text.read_only
    host = laptop.connect()
    await host.link()
    await host.open(b"end\n", follow="yes", at="4096")
    assert (await host.hear())[0] == "opened"
    assert (await laptop.editor.opened()).text.read_only


async def test_an_editor_hears_who_waits_and_whether_it_is_known_who_sent_it(laptop):
    for known, wait in ((True, "yes"), (False, "no")):
        host = laptop.connect(ours=known)
        await host.link()
        await host.open(b"x", wait=wait)
        text = (await laptop.editor.opened()).text
        assert (text.wait, text.verified) == (known, known)


async def test_an_open_whose_answer_was_lost_is_said_again(laptop):
    host, edit = await opened(laptop)
    await host.hang_up()
    await laptop.quiet()
    again = laptop.connect()
    await again.link(session=SECRET, standing="resumed", resume="yes")
    await again.open(b"hello")
    assert (await again.hear())[0] == "opened"
    assert len(laptop.texts()) == len(laptop.documents) == 1
    edit.close()
    assert (await again.hear())[0] == "close"


async def test_a_proved_name_goes_before_what_the_host_says(laptop):
    host = laptop.connect(name="gpu1", identity="key one")
    await host.link("someone-else")
    await host.open(b"x", name="another:x.py")
    assert (await host.hear())[0] == "opened"
    assert (await laptop.editor.opened()).text.host == "gpu1"


async def test_a_new_client_of_a_proved_host_gets_the_document_that_is_open(laptop):
    first = laptop.connect(name="gpu1", identity="key one")
    await first.link(session=SECRET)
    await first.open(b"x", path="/x.py")
    assert (await first.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    await first.hang_up()
    await laptop.quiet()
    second = laptop.connect(name="gpu1", identity="key one")
    await second.link(session="f" * 32)
    await second.open(b"x", token="new", path="/x.py")
    command, said, _ = await second.hear()
    assert (command, said["token"]) == ("opened", "new")
    assert len(laptop.documents) == len(laptop.texts()) == 1
    assert [session.secret for session in laptop.sessions] == ["f" * 32]
    about = json.loads((laptop.texts()[0] / ".document.json").read_text())  # should this daemon be killed
    assert (about["session"], about["token"]) == ("f" * 32, "new")
    edit.close()
    assert await second.hear() == ("close", {"token": "new"}, b"")


@pytest.mark.parametrize("who", [{"ours": False}, {"name": "gpu1", "identity": "key two"}])
async def test_nobody_else_gets_it(laptop, who):
    first = laptop.connect(name="gpu1", identity="key one")
    await first.link(session=SECRET)
    await first.open(b"x", path="/x.py")
    assert (await first.hear())[0] == "opened"
    await first.hang_up()
    await laptop.quiet()
    second = laptop.connect(**who)
    await second.link(session="f" * 32)
    await second.open(b"x", path="/x.py")
    assert (await second.hear())[0] == "opened"
    assert len(laptop.documents) == 2


def keep(laptop, tmp_path, **about):
    """Put a text into the spool."""
    (tmp_path / "kept").write_bytes(b"kept")
    with (tmp_path / "kept").open("rb") as file:
        about = {"host": "gpu1", "path": "/x.py", "shown": "x.py", "why": "lost", "base": "", **about}
        return laptop.spool.keep("a" * 24, file.fileno(), "x.py", **about).about


async def test_an_undelivered_text_of_the_file_is_mentioned_on_both_sides(laptop, tmp_path):
    keep(laptop, tmp_path)
    host = laptop.connect()
    await host.link("gpu1")
    await host.open(b"x", path="/x.py", name="x.py")
    said = (await host.hear())[1]
    assert said["note"].startswith("laptop keeps an undelivered text of it from ")
    assert said["undelivered"] == "yes"
    ((kind, remark),) = (await laptop.editor.opened()).remarks
    assert (kind, remark) == ("info", laptop.said.lines[-1])
    assert laptop.said.lines[-1].endswith("rbridge recover show " + "a" * 24)


@pytest.mark.parametrize(("host", "ours"), [("gpu2", True), ("gpu1", False)])
async def test_it_is_not_mentioned_to_anyone_else(laptop, tmp_path, host, ours):
    keep(laptop, tmp_path)
    there = laptop.connect(ours=ours)
    await there.link(host)
    await there.open(b"x", path="/x.py", name="x.py")
    said = (await there.hear())[1]
    assert "note" not in said
    assert said.get("undelivered") == ("no" if ours else None)
    assert laptop.said.lines == []


async def test_two_for_a_diff_are_opened_where_the_editor_shows_none_and_the_left_one_says_so(laptop):
    host = laptop.connect()
    await host.link()
    await host.open(b"x", diff="left ab")
    command, headers, _ = await host.hear()
    assert (command, headers["token"]) == ("opened", "t")
    assert headers["note"] == "ed shows no diff: both files are open"
    assert "diff" not in headers
    await host.open(b"y", token="u", path="/home/u/other.py", diff="right ab")
    assert await host.hear() == ("opened", {"token": "u", "editor": "ed", "undelivered": "no"}, b"")


async def test_both_halves_of_a_diff_know_each_other(laptop):
    host = laptop.connect()
    await host.link()
    await host.open(b"x", diff="right ab")
    await host.open(b"y", token="u", path="/home/u/other.py", diff="left ab")
    one, other = await laptop.editor.opened(), await laptop.editor.opened()
    assert {one.text.half.side, other.text.half.side} == {"left", "right"}
    assert one.text.half.pair is other.text.half.pair


@pytest.mark.parametrize("said", ["", "left", "up ab", "left a/b"])
async def test_a_diff_that_makes_no_sense_ends_the_connection(laptop, said):
    host = laptop.connect()
    await host.link()
    with suppress(trio.BrokenResourceError):  # it may be closed before all of the record is out
        await host.open(b"x", diff=said)
    assert await host.closed()
    assert laptop.texts() == []


async def test_one_that_is_refused_does_not_keep_the_other_waiting(laptop, monkeypatch):
    host = laptop.connect()
    await host.link()
    await host.open(b"x", diff="left ab")
    assert (await host.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    monkeypatch.setattr(laptop.files, "room", lambda: 10)
    await host.open(b"y" * 1000, token="u", path="/home/u/other.py", diff="right ab")
    assert (await host.hear())[0] == "refused"
    assert edit.text.half.why == "the other file was not opened, so there is no diff"
