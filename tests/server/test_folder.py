"""An opened folder: what the adapter asks goes out numbered, and what a host answers comes back, checked."""

from __future__ import annotations

import json
import zlib

import pytest
import trio

from rbridge.adapters.folder import FolderError, Found, Item, Match, Query
from rbridge.errors import NotListening
from rbridge.server import folder as module
from rbridge.server.overview import Overview
from rbridge.server.tools import Change
from tests.server.conftest import SECRET, digest
from tests.server.folders import announce, asked, asking, browse, reply, shown


def heard(laptop):
    """What is told of the host's files from now on."""
    found = []
    laptop.documents.tools.heard.add(lambda _session, path, change: found.append((path, change)))
    return found


async def test_a_folder_is_shown_and_closed_by_its_user(laptop):
    host, folder = await shown(laptop)
    root = folder.root
    assert (root.host, root.path, root.name) == ("gpu1", "/home/u/project", "project")
    assert root.verified
    assert root.directory.is_dir()
    folder.close()
    assert await host.hear() == ("close", {"token": "f"}, b"")
    await laptop.until(lambda: not laptop.documents.folders)
    assert laptop.texts() == []


async def test_the_host_closes_it(laptop):
    host, _folder = await shown(laptop)
    await host.say("close", token="f")
    await laptop.until(lambda: not laptop.documents.folders)
    assert laptop.texts() == []


async def test_an_editor_that_cannot_show_it_is_a_refusal(laptop):
    editor = browse(laptop)
    editor.error = NotListening("there is no window")
    host = laptop.connect()
    await host.link(session=SECRET)
    await announce(host)
    command, headers, _ = await host.hear()
    assert (command, headers["reason"]) == ("refused", "no-editor")
    assert "there is no window" in headers["message"]
    await laptop.until(lambda: not laptop.documents.folders)
    assert laptop.texts() == []


async def test_a_stat(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.stat("src/a.py")) as ask:
        number, headers, body = await asked(host)
        assert (headers["do"], headers["path"], body) == ("stat", "src/a.py", b"")
        await reply(host, number, {"type": "file", "size": 3, "mtime": 5_000_000, "mode": "100644"})
        assert await ask.over() == Item("a.py", "file", 3, 5_000_000, 0o644)


async def test_the_pages_behind_the_first_one_come_in_answers_to_one_request(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.listing("d")) as ask:
        number, headers, _ = await asked(host)
        assert (headers["limit"], headers.get("after")) == ("1000", None)
        await reply(host, number, {"entries": [{"name": "a", "type": "file"}], "next": "a"})
        assert (await ask.over())[1] == "a"
    async with asking(folder.desk.listing("d", "a", 1)) as ask:
        number, headers, _ = await asked(host)
        assert (headers["limit"], headers["after"]) == ("10000", "a")
        await reply(host, number, {"entries": [{"name": "b", "type": "file"}], "next": "b"}, more="yes")
        items, after = await ask.over()
        assert ([one.name for one in items], after) == (["b"], "b")
    await reply(host, number, {"entries": [{"name": "c", "type": "file"}], "next": None})
    items, after = await folder.desk.listing("d", "b", 1)
    assert ([one.name for one in items], after) == (["c"], "")


async def test_what_was_asked_for_ahead_is_gone_with_the_host(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.listing("d", "a", 1)) as ask:
        number, _, _ = await asked(host)
        entries = [{"name": name, "type": "file"} for name in "bcd"]
        await reply(host, number, {"entries": entries, "next": None})
        assert (await ask.over())[1] == "b"
    await host.hang_up()
    await laptop.until(lambda: not folder.desk.connected)
    with pytest.raises(FolderError, match="not connected"):
        await folder.desk.listing("d", "b", 1)


async def test_a_page_of_a_directory_with_names_that_no_text_can_have(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.listing("", after="a%b", limit=3)) as ask:
        number, headers, _ = await asked(host)
        assert {name: headers[name] for name in ("do", "after", "limit")} == {
            "do": "list",
            "after": "a%25b",
            "limit": "10000",
        }
        assert "path" not in headers
        entries = [
            {"name": "caf%E9", "type": "file"},
            {"name": "out", "type": "link", "link": "/etc", "outside": True},
            {"name": "z", "type": "directory"},
        ]
        await reply(host, number, {"entries": entries, "next": "z"})
        items, after = await ask.over()
    assert [one.name for one in items] == ["caf\udce9", "out", "z"]
    assert (items[1].outside, items[1].link, after) == (True, "/etc", "z")


async def test_bytes_are_read(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.read("fig.png", 10, 20)) as ask:
        number, headers, _ = await asked(host)
        assert (headers["at"], headers["length"]) == ("10", "20")
        await reply(host, number, zlib.compress(b"\0\1"), total="1000", encoding="zlib", size="2")
        assert await ask.over() == (b"\0\1", 1000)


async def test_make_move_remove(laptop):
    host, folder = await shown(laptop)
    changes = heard(laptop)
    for awaitable, wanted, content in (
        (folder.desk.make("new.py", b"x\n"), {"do": "make", "path": "new.py", "kind": "file"}, b"x\n"),
        (folder.desk.make("d", None), {"do": "make", "path": "d", "kind": "directory"}, b""),
        (folder.desk.move("a", "b", over=True), {"do": "move", "path": "a", "to": "b", "over": "yes"}, b""),
        (folder.desk.remove("d", True), {"do": "remove", "path": "d", "recursive": "yes"}, b""),
    ):
        async with asking(awaitable) as ask:
            number, headers, body = await asked(host)
            assert {**wanted, "token": "f", "request": number} == headers
            assert body == content
            await reply(host, number)
            await ask.over()
    assert changes == [
        ("/home/u/project/new.py", Change.CREATED),
        ("/home/u/project/d", Change.CREATED),
        ("/home/u/project/a", Change.DELETED),
        ("/home/u/project/b", Change.CHANGED),
        ("/home/u/project/d", Change.DELETED),
    ]


async def test_documents_that_are_moved_along_are_called_by_their_new_names(laptop):
    host, folder = await shown(laptop)
    await host.open(b"text", path="/home/u/project/src/a.py")
    assert (await host.hear())[0] == "opened"
    async with asking(folder.desk.move("src", "lib")) as ask:
        number, _, _ = await asked(host)
        await reply(host, number, {"documents": ["t", "nosuch"]})
        await ask.over()
    (document,) = laptop.documents.all()
    assert (document.text.path, document.text.name) == ("/home/u/project/lib/a.py", "a.py")


async def test_a_refusal_says_why(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.make("a", b"")) as ask:
        number, _, _ = await asked(host)
        await reply(host, number, reason="exists", message="a is there already")
        with pytest.raises(FolderError, match="a is there already") as caught:
            await ask.over()
    assert caught.value.reason == "exists"


async def test_a_write_without_a_document(laptop):
    host, folder = await shown(laptop)
    changes = heard(laptop)
    async with asking(folder.desk.write("a", b"x", "absent")) as ask:
        number, headers, body = await asked(host)
        assert (headers["do"], headers["base"], headers["sha256"], body) == (
            "write",
            "absent",
            digest(b"x"),
            b"x",
        )
        await reply(host, number, {"sha256": digest(b"x"), "size": 1})
        assert await ask.over() == digest(b"x")
    async with asking(folder.desk.write("a", b"x", digest(b"y"))) as ask:
        number, _, _ = await asked(host)
        there = {"sha256": digest(b"z"), "size": 1}
        await reply(host, number, there, reason="conflict", message="changed")
        with pytest.raises(FolderError) as caught:
            await ask.over()
        assert (caught.value.reason, caught.value.there) == ("conflict", digest(b"z"))
    with pytest.raises(FolderError, match="open a file of"):
        await folder.desk.write("a", b"\0" * ((4 << 20) + 1), "absent")
    assert changes == [("/home/u/project/a", Change.CREATED)]  # what was refused is none


async def test_what_is_found_comes_as_it_is_found(laptop):
    host, folder = await shown(laptop)
    some = []
    async with asking(folder.desk.find("tr", 10, some.append)) as ask:
        number, headers, _ = await asked(host)
        assert (headers["do"], headers["query"], headers["limit"]) == ("find", "tr", "10")
        await reply(host, number, {"paths": ["train.py"]}, more="yes")
        await laptop.until(lambda: some == [["train.py"]])
        assert not ask.done.is_set()
        await reply(host, number, {"paths": ["src/tree.py"], "truncated": True, "by": "git"})
        assert await ask.over() == Found(True, "git")
    assert some == [["train.py"], ["src/tree.py"]]


async def test_a_search(laptop):
    host, folder = await shown(laptop)
    some = []
    query = Query("x.*y", regex=True, case="yes", include="*.py,*.c", exclude="build")
    async with asking(folder.desk.search(query, 5, some.extend)) as ask:
        number, headers, _ = await asked(host)
        wanted = {"query": "x.*y", "regex": "yes", "case": "yes", "include": "*.py,*.c", "exclude": "build"}
        assert {name: headers[name] for name in wanted} == wanted
        match = {"path": "a.py", "line": 3, "column": 2, "length": 4, "text": "axzzy"}
        await reply(host, number, {"matches": [match], "truncated": False, "by": "rg"})
        assert await ask.over() == Found(False, "rg")
    assert some == [Match("a.py", 3, 2, 4, "axzzy")]


async def test_without_a_connection_it_says_so_at_once_and_goes_on_when_the_host_is_back(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.stat("a")) as ask:
        number, _, _ = await asked(host)
        await host.hang_up()
        with pytest.raises(FolderError) as caught:
            await ask.over()
        assert caught.value.reason == "not-connected"
    assert folder.states == [False]
    with pytest.raises(FolderError, match="not connected"):
        await folder.desk.stat("a")
    again = laptop.connect()
    await again.link(session=SECRET, standing="resumed", resume="yes")
    await again.say(
        "resume", token="f", folder="yes", display_name="gpu1:project", real_path="/home/u/project"
    )
    assert (await again.hear())[0] == "opened"
    await laptop.until(lambda: folder.states == [False, True])
    async with asking(folder.desk.stat("a")) as ask:
        next_number, _, _ = await asked(again)
        assert int(next_number) > int(number)
        await reply(again, next_number, {"type": "file"})
        await ask.over()


async def test_one_that_was_closed_meanwhile_is_closed_on_the_host(laptop):
    host, folder = await shown(laptop)
    await host.hang_up()
    await laptop.quiet()
    folder.close()
    await laptop.until(lambda: not laptop.documents.folders)
    again = laptop.connect()
    await again.link(session=SECRET, standing="resumed", resume="yes")
    await again.say(
        "resume", token="f", folder="yes", display_name="gpu1:project", real_path="/home/u/project"
    )
    assert await again.hear() == ("close", {"token": "f"}, b"")


async def test_a_watch_goes_on_after_a_lost_connection_and_is_of_what_was_asked(laptop):
    host, folder = await shown(laptop)
    changes = []
    async with asking(folder.desk.watch(["", "a%.py"], changes.append)):
        number, headers, body = await asked(host)
        assert (headers["do"], json.loads(body)) == ("watch", {"paths": ["", "a%25.py"]})
        await reply(host, number, {"changed": ["a%25.py", "other", ""]}, more="yes")
        await laptop.until(lambda: changes == [["a%.py", ""]])
        await host.hang_up()
        again = laptop.connect()
        await again.link(session=SECRET, standing="resumed", resume="yes")
        await again.say("resume", token="f", folder="yes", display_name="gpu1:project", real_path="/x")
        heard = [await again.hear(), await again.hear()]
        assert {command for command, _, _ in heard} == {"opened", "ask"}


async def test_a_watch_that_the_host_refused_is_tried_again(laptop, monkeypatch):
    monkeypatch.setattr(module, "AGAIN", 0.0)
    host, folder = await shown(laptop)
    async with asking(folder.desk.watch(["a"], list)):
        number, _, _ = await asked(host)
        await reply(host, number, {}, reason="busy", message="too much")
        again, headers, _ = await asked(host)
        assert (headers["do"], again != number) == ("watch", True)


async def test_a_newer_watch_takes_its_place(laptop):
    host, folder = await shown(laptop)
    async with asking(folder.desk.watch(["a"], list)) as first:
        number, _, _ = await asked(host)
        async with asking(folder.desk.watch(["b"], list)):
            await first.over()
            heard = [await host.hear(), await host.hear()]
            assert ("cancel", {"token": "f", "request": number}, b"") in heard
            assert [json.loads(body) for command, _, body in heard if command == "ask"] == [{"paths": ["b"]}]


async def test_it_is_a_row_of_the_status_and_can_be_closed(laptop):
    host, folder = await shown(laptop)
    overview = Overview(laptop.documents)
    (row,) = overview.rows()["rows"]
    assert (row["host"], row["path"], row["state"]) == ("gpu1", "/home/u/project", "clean")
    folder.pending = True
    (row,) = overview.rows()["rows"]
    assert row["state"] == "dirty"
    closed = await overview.close([row["id"]])
    assert closed == {"ok": True, "closed": [folder.root.id], "open": []}
    assert (await host.hear())[0] == "close"


async def test_the_end_of_the_daemon_ends_it(laptop):
    host, _folder = await shown(laptop)
    await laptop.documents.stop()
    assert (await host.hear())[0] == "close"
    await laptop.until(lambda: not laptop.documents.folders)


async def test_an_editor_that_keeps_it_has_it_from_the_next_daemon(laptop):
    host, folder = await shown(laptop)
    folder.keeps = True
    await laptop.documents.stop()
    await laptop.until(lambda: not laptop.documents.folders)
    await folder.desk.session.peer.bye("")
    assert (await host.hear())[0] == "bye"


async def test_what_was_never_delivered_is_kept(laptop):
    _host, folder = await shown(laptop)
    file = laptop.directory / "snapshot"
    file.write_bytes(b"mine")
    name = folder.desk.keep("src/a.py", file, digest(b"base"))
    (entry,) = laptop.spool.entries()
    about = entry.about
    assert (about.id, about.path, about.base) == (name, "/home/u/project/src/a.py", digest(b"base"))
    assert laptop.kept() == [b"mine"]
    laptop.configure(spool=False)
    folder.desk._tools = laptop.documents.tools
    assert folder.desk.keep("src/a.py", file, "") == ""


async def test_consent_is_asked_on_the_laptop(laptop):
    _host, folder = await shown(laptop)
    async with asking(folder.desk.confirm("remove a.py on gpu1?")) as ask:
        await laptop.until(laptop.consent.pending)
        (question,) = laptop.consent.pending()
        assert question.text == "remove a.py on gpu1?"
        assert any("rbridge allow" in line for line in laptop.said.lines)
        laptop.consent.answer(question.id, True)
        assert await ask.over() is True


async def test_a_folder_that_is_closed_while_something_is_written_tears_no_connection(laptop):
    host, folder = await shown(laptop)
    (session,) = laptop.sessions
    written = trio.Event()
    stream = session.peer.stream.send_stream
    pump = stream.send_all_hook

    async def slow():
        await pump()
        await written.wait()

    stream.send_all_hook = slow
    async with asking(folder.desk.stat("train.py")):
        await asked(host)  # it has come, and its writer does not know that yet
        await host.say("close", token="f")
        await laptop.quiet()
        written.set()
    await announce(host, token="g")
    assert (await host.hear())[:2][0] == "opened"
    assert list(laptop.sessions) == [session]
