"""What a plug-in asks about language servers, with a plug-in in Python and a host on paper."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from rbridge.adapters.base import Wanted
from rbridge.adapters.folder import FolderError
from rbridge.adapters.languages import Offer, Server
from rbridge.errors import NotListening
from tests.adapters.browses import Browse, error_of
from tests.adapters.desk import FakeDesk, make_text
from tests.adapters.plugin import Plugin, Shown

NUMPY = "/usr/lib/numpy.py"
ADVICE = "no language server for rust is there"


class Host:
    """Knows python's servers, has a file that they named, and notes what it is asked."""

    def __init__(self, browse: Browse) -> None:
        self.browse = browse
        self.asked: list[Any] = []
        self.error: Exception | None = None
        self.already = ""
        self.gate = trio.Event()
        self.gate.set()

    def prepare(self) -> None:
        self.asked.append("prepare")

    async def offer(self, document: str, language: str) -> Offer:
        self.asked.append((document, language))
        if self.error is not None:
            raise self.error
        if language == "rust":
            return Offer("gpu1", "rust", (), ADVICE)
        return Offer("gpu1", "python", [Server("pylsp", "types", "/home/u/a b\udcff")])

    def find(self, host: str, path: str) -> str:
        return self.already if (host, path) == ("gpu1", "/home/u/train.py") else ""

    async def open(self, host: str, path: str, wanted: Wanted, *, line: int = 0, column: int = 0) -> str:
        self.asked.append((host, path, line, column))
        if self.error is not None:
            raise self.error
        await self.gate.wait()
        if path != NUMPY:
            return self.already
        text = make_text(self.browse.files, b"x = 1\n", id="f" * 16, path=path, read_only=True)
        await self.browse.nursery.start(lambda **more: wanted.edit(text, FakeDesk(), **more))
        return ""


@pytest.fixture
def host(browse: Browse) -> Host:
    browse.attached.languages = host = Host(browse)
    return host


async def opened(browse: Browse, plugin: Plugin) -> Shown:
    """A document in the window."""
    text = make_text(browse.files)
    await browse.nursery.start(lambda **more: browse.attached.edit(text, FakeDesk(), **more))
    return plugin.buffers[text.id]


async def test_the_servers_of_a_buffer_are_named(browse: Browse, host: Host) -> None:
    async with browse.connected() as plugin:
        shown = await opened(browse, plugin)
        said = await plugin.ask("lsp/servers", id=shown.id)
        root = "rbridge://gpu1/home/u/a%20b%FF"
        assert said == {
            "language": "python",
            "servers": [{"name": "pylsp", "kind": "types", "root": root}],
            "advice": "",
        }
        assert host.asked == [(shown.id, "")]


async def test_advice_is_given_once_to_each_window(browse: Browse, host: Host) -> None:
    async with browse.connected() as plugin:
        shown = await opened(browse, plugin)
        given = [(await plugin.ask("lsp/servers", id=shown.id, language="rust"))["advice"] for _ in range(3)]
        assert given == [ADVICE, "", ""]


async def test_a_host_that_is_away_is_an_error(browse: Browse, host: Host) -> None:
    async with browse.connected() as plugin:
        shown = await opened(browse, plugin)
        host.error = NotListening("it is away")
        error = await error_of(plugin.ask("lsp/servers", id=shown.id))
        assert (error.code, error.message) == (-32010, "it is away")
        host.error = FolderError("not-connected", "not connected")
        assert (await error_of(plugin.ask("lsp/servers", id=shown.id))).code == -32015
        assert (await error_of(plugin.ask("lsp/servers", id="0" * 24))).code == -32009
        assert (await error_of(plugin.ask("lsp/servers", id=shown.id, language=7))).code == -32602


async def test_what_was_named_becomes_a_buffer(browse: Browse, host: Host) -> None:
    async with browse.connected() as plugin:
        await opened(browse, plugin)
        head = await plugin.ask("lsp/open", uri="rbridge://gpu1/usr/lib/numpy.py", line=3, column=2)
        assert host.asked == [("gpu1", NUMPY, 3, 2)]
        assert (head["path"], head["readOnly"]) == (NUMPY, True)
        assert head["uri"] == f"rbridge://gpu1{NUMPY}?{head['id']}"
        assert (await plugin.ask("buffer/read", id=head["id"]))["text"] == "x = 1\n"


async def test_one_that_is_open_is_that_buffer(browse: Browse, host: Host) -> None:
    async with browse.connected() as plugin:
        shown = await opened(browse, plugin)
        host.already = shown.id
        for uri in ("rbridge://gpu1/home/u/train.py", f"rbridge://gpu1/home/u/train.py?{shown.id}"):
            head = await plugin.ask("lsp/open", uri=uri, line=2)
            assert (head["id"], head["line"]) == (shown.id, 2)
        assert host.asked == []
        head = await plugin.ask(
            "lsp/open", uri="rbridge://gpu1/home/u/link.py"
        )  # the host knows it by another name
        assert head["id"] == shown.id


async def test_a_refusal_is_told_and_leaves_nothing(browse: Browse, host: Host) -> None:
    async with browse.connected() as plugin:
        host.error = FolderError("outside", "no language server has named it")
        error = await error_of(plugin.ask("lsp/open", uri="rbridge://gpu1/etc/shadow"))
        assert (error.code, error.data) == (-32010, {"reason": "outside"})
        assert error.message == "no language server has named it"
        assert len(plugin.buffers) == 0


@pytest.mark.parametrize(
    "uri",
    [
        None,
        7,
        "",
        "x",
        "file:///etc/passwd",
        "rbridge:///a",
        "rbridge://gpu1",
        "https://a/b",
        "rbridge://gpu1/\n",
    ],
)
async def test_only_files_of_hosts_are_asked_for(browse: Browse, host: Host, uri: object) -> None:
    async with browse.connected() as plugin:
        assert (await error_of(plugin.ask("lsp/open", uri=uri))).code == -32602
        assert host.asked == []


async def test_where_they_are_turned_off_there_are_none(browse: Browse) -> None:
    async with browse.connected() as plugin:
        shown = await opened(browse, plugin)
        said = await plugin.ask("lsp/servers", id=shown.id, language="python")
        assert said == {"language": "python", "servers": [], "advice": ""}
        error = await error_of(plugin.ask("lsp/open", uri="rbridge://gpu1/usr/lib/numpy.py"))
        assert (error.code, error.message) == (-32010, "language servers are turned off on this laptop")


async def test_a_file_that_comes_when_the_window_is_gone_is_not_shown(browse: Browse, host: Host) -> None:
    async with browse.connected() as plugin, trio.open_nursery() as nursery:
        host.gate = trio.Event()
        nursery.start_soon(lambda: plugin.ask("lsp/open", uri="rbridge://gpu1/usr/lib/numpy.py"))
        await trio.testing.wait_all_tasks_blocked()
        assert host.asked == [("gpu1", NUMPY, 0, 0)]
        nursery.cancel_scope.cancel()
    host.gate.set()
    await trio.testing.wait_all_tasks_blocked()
    assert browse.attached._buffers == {}


async def test_a_window_that_will_ask_is_prepared_for(browse: Browse, host: Host) -> None:
    async with browse.connected():
        assert host.asked == []
    async with browse.connected(Plugin(lsp=True)):
        assert host.asked == ["prepare"]
