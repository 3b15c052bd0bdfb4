"""What a plug-in asks of a folder, with a plug-in in Python and a directory that stands for the host's."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import trio
import trio.testing

from rbridge.jsonrpc import RpcError
from tests.adapters.browses import Browse, error_of
from tests.adapters.desk import FakeDesk, make_text
from tests.adapters.folders import digest
from tests.adapters.plugin import Plugin


async def test_it_is_shown_and_closed(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        assert folder.head == {
            "id": "f0badcafe0000001",
            "uri": "rbridge://gpu1/home/u/project",
            "host": "gpu1",
            "path": "/home/u/project",
            "name": "project",
            "readOnly": False,
            "newWindow": False,
            "keepFocus": False,
            "wait": False,
            "verified": True,
        }
        assert await plugin.ask("folder/close", id=folder.id) == {}
        await browse.over.wait()
        assert (await error_of(plugin.fs(folder, "stat", ""))).code == -32017


async def test_stat_and_list(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        one = await plugin.fs(folder, "stat", "train.py")
        file = browse.host / "train.py"
        assert one == {
            "name": "train.py",
            "type": "file",
            "size": 13,
            "mtime": file.stat().st_mtime_ns // 1_000_000,
            "mode": file.stat().st_mode & 0o7777,
        }
        said = await plugin.fs(folder, "list", "", limit=1)
        assert ([one["name"] for one in said["entries"]], said["next"]) == (["src"], "src")
        said = await plugin.fs(folder, "list", "", after="src")
        assert ([one["name"] for one in said["entries"]], said["next"]) == (["train.py"], None)


async def test_a_name_that_is_no_utf_8_is_said_encoded_and_found_again(browse: Browse) -> None:
    name = "caf\udce9\n%.txt"
    (browse.host / name).write_bytes(b"x")
    async with browse.connected() as plugin:
        folder = await browse.shown()
        entry = (await plugin.fs(folder, "list", ""))["entries"][0]
        assert (entry["name"], entry["encoded"]) == ("caf%E9%0A%25.txt", True)
        said = await plugin.fs(folder, "read", entry["name"], encoded=True)
        assert said == {"base64": base64.b64encode(b"x").decode(), "size": 1}
        found = await plugin.fs(folder, "find", query="caf")
        assert (found["paths"], found["encoded"]) == ([], ["caf%E9%0A%25.txt"])
        assert (await error_of(plugin.fs(folder, "stat", entry["name"]))).code == -32010


async def test_make_move_remove(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        await plugin.fs(folder, "make", "new.py", kind="file", text="x\n")
        await plugin.fs(folder, "make", "empty.py", kind="file")
        await plugin.fs(folder, "make", "lib", kind="directory")
        await plugin.fs(folder, "move", "new.py", to="lib/old.py")
        assert (browse.host / "lib" / "old.py").read_bytes() == b"x\n"
        assert (browse.host / "empty.py").read_bytes() == b""
        error = await error_of(plugin.fs(folder, "make", "lib", kind="directory"))
        assert (error.code, error.data) == (-32010, {"reason": "exists"})
        await plugin.fs(folder, "remove", "lib", recursive=True, confirmed=True)
        assert not (browse.host / "lib").exists()


async def test_a_buffer_is_moved_along(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        shown = await plugin.fetch(folder, "src/model.py")
        beside = await plugin.fetch(folder, "train.py")
        await plugin.fs(folder, "move", "src", to="lib")
        for buffer, path in ((shown, "lib/model.py"), (beside, "train.py")):
            browse.desk.already = buffer.id
            head = await plugin.fs(folder, "open", path)
            assert (head["path"], head["name"]) == (f"/home/u/project/{path}", path.rpartition("/")[2])


async def test_nothing_is_removed_without_the_users_word(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        error = await error_of(plugin.fs(folder, "remove", "src", recursive=True))
        assert (error.code, error.data) == (-32014, {"type": "directory", "entries": 1, "more": False})
        error = await error_of(plugin.fs(folder, "remove", "train.py", confirmed="yes"))
        assert (error.code, error.data) == (-32014, {"type": "file", "entries": 0, "more": False})
        assert not [one for one in browse.desk.asked if one[0] == "remove"]


OUTSIDE = ("..", "../x", "a/../b", "/etc/passwd", "a//b", ".", "a/.", "a\0b", "\ud800", 7, None, ["a"])


@pytest.mark.parametrize("path", OUTSIDE, ids=range(len(OUTSIDE)))
async def test_what_leads_out_of_the_folder_is_never_asked(browse: Browse, path: object) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        for do, more in (
            ("stat", {}),
            ("list", {}),
            ("read", {}),
            ("write", {"text": ""}),
            ("make", {"kind": "file"}),
            ("move", {"to": "a"}),
            ("remove", {"confirmed": True}),
            ("open", {}),
        ):
            if path == "\ud800":
                continue  # cannot be said in UTF-8: see test_spelling
            asked = plugin.ask(f"fs/{do}", folder=folder.id, path=path, **more)
            assert (await error_of(asked)).code == -32602, do
        if path != "\ud800":
            assert (await error_of(plugin.fs(folder, "move", "a", to=path))).code == -32602
            assert (await error_of(plugin.fs(folder, "watch", paths=[path]))).code == -32602
    assert browse.desk.asked == []


@pytest.mark.parametrize("path", ["a%2Fb", "%2e%2e/x", "%2E", "a%00", "a%zz", "%2e%2e"])
async def test_nor_what_does_so_when_it_is_decoded(browse: Browse, path: str) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        assert (await error_of(plugin.fs(folder, "stat", path, encoded=True))).code == -32602
    assert browse.desk.asked == []


WRONG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("read", {"path": "a", "at": -1}),
    ("read", {"path": "a", "at": "0"}),
    ("read", {"path": "a", "length": 1 << 30}),
    ("list", {"path": "", "limit": True}),
    ("list", {"path": "", "after": ".."}),
    ("make", {"path": "a", "kind": "fifo"}),
    ("make", {"path": "a", "kind": "file", "text": "x", "base64": "eA=="}),
    ("write", {"path": "a"}),
    ("write", {"path": "a", "text": "x", "base": 5}),
    ("find", {"query": 5}),
    ("find", {"query": "x" * 5000}),
    ("search", {"query": ""}),
    ("search", {"query": "x", "case": "maybe"}),
    ("search", {"query": "x", "include": ["*.py"]}),
    ("watch", {"paths": "a"}),
    ("watch", {"paths": ["a"] * 2001}),
    ("open", {"path": "a", "line": "x"}),
)


@pytest.mark.parametrize(("do", "params"), WRONG, ids=range(len(WRONG)))
async def test_parameters_that_make_no_sense(browse: Browse, do: str, params: dict[str, Any]) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        assert (await error_of(plugin.fs(folder, do, **params))).code == -32602
    assert browse.desk.asked == []


async def test_find_and_search_as_a_whole_and_as_they_are_found(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        found = await plugin.fs(folder, "find", query=".py")
        assert found == {"paths": ["src/model.py", "train.py"], "truncated": False, "by": "git"}
        found = await plugin.fs(folder, "find", query=".py", stream="s1")
        assert found == {"paths": ["src/model.py", "train.py"], "truncated": False, "by": "git"}
        assert plugin.found == [
            {"stream": "s1", "paths": ["src/model.py"]},
            {"stream": "s1", "paths": ["src/model.py", "train.py"]},
        ]
        match = {"path": "train.py", "line": 1, "column": 8, "length": 5, "text": "import torch"}
        assert await plugin.fs(folder, "search", query="torch") == {
            "matches": [match],
            "truncated": False,
            "by": "rg",
        }
        await plugin.fs(folder, "search", query="torch", stream=2)
        assert plugin.found[-1] == {"stream": 2, "matches": [match]}


async def test_a_request_can_be_cancelled(browse: Browse) -> None:
    browse.desk.gate = trio.Event()
    async with browse.connected() as plugin, trio.open_nursery() as nursery:
        folder = await browse.shown()
        errors: list[RpcError] = []

        async def ask() -> None:
            errors.append(await error_of(plugin.fs(folder, "search", query="x")))

        nursery.start_soon(ask)
        await browse.desk.until(lambda: browse.desk.asked)
        number = next(iter(plugin.peer._asked))
        plugin.peer.notify("$/cancelRequest", {"id": number})
        await browse.desk.until(lambda: errors)
        assert errors[0].code == -32800
        assert browse.desk.cancelled == 1


async def test_a_plugin_that_vanishes_in_the_middle_cancels_what_it_asked(browse: Browse) -> None:
    browse.desk.gate = trio.Event()
    async with browse.connected() as plugin:
        folder = await browse.shown()
        plugin.peer._put({"jsonrpc": "2.0", "id": 99, "method": "fs/find", "params": {"folder": folder.id}})
        await browse.desk.until(lambda: browse.desk.asked)
    await browse.desk.until(lambda: browse.desk.cancelled == 1)


async def test_without_a_connection_every_request_says_so(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        browse.desk.connected = False
        error = await error_of(plugin.fs(folder, "stat", "train.py"))
        assert (error.code, error.data) == (-32015, {"reason": "not-connected"})
        await browse.attached._folders[folder.id].show(False)
        await plugin.until(lambda: not folder.connected)


async def test_what_is_watched(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        await plugin.fs(folder, "watch", paths=["", "src"])
        await browse.desk.until(lambda: browse.desk.asked == [("watch", "", "src")])
        assert browse.desk.watching is not None
        browse.desk.watching(["src"])
        await plugin.until(lambda: folder.changed == ["src"])
        await plugin.fs(folder, "watch", paths=["", "src"])  # as after every listing
        await plugin.fs(folder, "watch", paths=["src"])
        await browse.desk.until(lambda: browse.desk.asked == [("watch", "", "src"), ("watch", "src")])


async def test_a_file_that_is_opened_is_a_buffer_of_the_window_that_asked(browse: Browse) -> None:
    async with browse.connected() as plugin, browse.connected(Plugin("Other")):
        folder = await browse.shown_in(plugin)
        shown = await plugin.fetch(folder, "src/model.py", line=3, column=2)
        assert (shown.text, shown.head["line"], shown.head["column"]) == (b"x = 1\n", 3, 2)
        assert shown.head["path"] == "/home/u/project/src/model.py"
        answer = await plugin.write(shown, b"x = 2\n")
        assert answer == {"outcome": "saved", "base": digest(b"x = 2\n")}
        assert (browse.host / "src" / "model.py").read_bytes() == b"x = 2\n"
        await plugin.close(shown)
        await browse.desk.desks["src/model.py"].closed.wait()


async def test_a_file_that_is_not_there_can_be_begun(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        assert (await error_of(plugin.fs(folder, "open", "new.py"))).data == {"reason": "gone"}
        shown = await plugin.fetch(folder, "new.py", create=True)
        assert shown.text == b""
        await plugin.write(shown, b"new\n")
        assert (browse.host / "new.py").read_bytes() == b"new\n"


async def test_one_that_is_open_here_is_the_same_buffer(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        shown = await plugin.fetch(folder, "train.py")
        browse.desk.already = shown.id
        again = await plugin.fs(folder, "open", "train.py", line=7)
        assert again == {**shown.head, "line": 7}


async def test_one_that_is_open_elsewhere_says_where(browse: Browse) -> None:
    other = Plugin("Other")
    async with browse.connected() as plugin, browse.connected(other):
        folder = await browse.shown_in(plugin)
        text = make_text(browse.files, id="0badcafe00000009", path="/tmp/elsewhere.py")
        await plugin.tell("buffer/focus")
        await other.tell("buffer/focus")

        async def edit() -> None:
            await browse.attached.edit(text, FakeDesk())

        browse.nursery.start_soon(edit)
        await other.shown("elsewhere.py")
        browse.desk.already = text.id
        error = await error_of(plugin.fs(folder, "open", "train.py"))
        assert (error.code, "of Other" in error.message) == (-32016, True)
        browse.desk.already = "0badcafe0000000a"
        error = await error_of(plugin.fs(folder, "open", "train.py"))
        assert (error.code, "another editor" in error.message) == (-32016, True)


async def test_bytes_go_only_to_a_window_that_can_show_them(browse: Browse) -> None:
    (browse.host / "latin").write_bytes(b"caf\xe9")
    async with browse.connected(Plugin(base64=False)) as plugin:
        await browse.browse()
        folder = await plugin.folder()
        error = await error_of(plugin.fs(folder, "open", "latin"))
        assert (error.code, "no UTF-8" in error.message) == (-32010, True)


async def test_an_open_that_was_cancelled_leaves_no_buffer(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        fetched = browse.attached.fetched(browse.attached.windows[0])
        fetched.forget()
        await browse.desk.open("train.py", fetched)
        await browse.desk.until(lambda: browse.desk.desks["train.py"].closed.is_set())
        again = browse.attached.fetched(browse.attached.windows[0])
        await browse.desk.open("train.py", again)
        await again.head()
        again.forget()
        await browse.desk.desks["train.py"].closed.wait()
        assert (await plugin.fs(folder, "stat", "train.py"))["size"] == 13


async def test_a_file_without_a_buffer_is_written(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        said = await plugin.fs(folder, "write", "data.bin", base64="AP8=")
        assert said == {"outcome": "saved", "base": digest(b"\0\xff")}
        assert (browse.host / "data.bin").read_bytes() == b"\0\xff"
        said = await plugin.fs(folder, "write", "data.bin", text="x", base=said["base"])
        assert (browse.host / "data.bin").read_bytes() == b"x"


async def test_a_write_over_what_nobody_saw_is_a_conflict(browse: Browse) -> None:
    async with browse.connected() as plugin:
        folder = await browse.shown()
        there = {"reason": "conflict", "base": digest(b"import torch\n")}
        error = await error_of(plugin.fs(folder, "write", "train.py", text="x"))
        assert (error.code, error.data) == (-32011, there)
        error = await error_of(plugin.fs(folder, "write", "train.py", text="x", base=digest(b"y")))
        assert (error.code, error.data) == (-32011, there)
        error = await error_of(plugin.fs(folder, "write", "new.py", text="x", base=digest(b"y")))
        assert (error.code, error.data) == (-32011, {"reason": "conflict", "base": "absent"})
        assert (browse.host / "train.py").read_bytes() == b"import torch\n"
