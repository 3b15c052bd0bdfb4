"""A window's connection: who may say what, and when."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
import trio
import trio.testing

from rbridge.adapters import window as module
from rbridge.adapters.attached import Attached
from rbridge.adapters.browsing import Browsing
from rbridge.adapters.buffer import OPEN, Buffer
from rbridge.adapters.fetched import Fetched
from rbridge.adapters.languages import Languages
from rbridge.adapters.window import METHODS, Window
from rbridge.jsonrpc import RpcError
from tests.adapters.buffers import OLD, Open
from tests.adapters.plugin import Plugin, digest


class House:
    def __init__(self) -> None:
        self.buffers: dict[str, Buffer] = {}
        self.coming = trio.Event()
        self.coming.set()
        self.entered: list[Window] = []
        self.turned: list[Window] = []
        self.languages: Languages | None = None

    async def show_again(self, document: str, screen: Any, line: int, column: int) -> dict[str, Any]:
        raise NotImplementedError

    def fetched(self, screen: Any) -> Fetched:
        raise NotImplementedError

    def buffer(self, document: str) -> Buffer | None:
        return self.buffers.get(document)

    def folder(self, folder: str) -> Browsing | None:
        return None

    async def expected(self, document: str) -> None:
        await self.coming.wait()

    def enters(self, window: Window) -> None:
        self.entered.append(window)

    def focused(self, window: Window) -> None:
        self.turned.append(window)


class Rig:
    def __init__(self, nursery: trio.Nursery) -> None:
        self.house = House()
        self.nursery = nursery

    def connect(self) -> trio.abc.Stream:
        there, here = trio.testing.memory_stream_pair()
        self.nursery.start_soon(Window(here, self.house).run)
        return there


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with trio.open_nursery() as nursery:
        yield Rig(nursery)
        nursery.cancel_scope.cancel()


@pytest.fixture
def plugin() -> Plugin:
    return Plugin()


async def error_of(asked: Awaitable[Any]) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await asked
    return caught.value


async def test_the_first_message_is_initialize(rig: Rig, plugin: Plugin) -> None:
    async with plugin.connected(rig.connect(), initialize=False):
        for method in (*METHODS, "shutdown"):
            assert (await error_of(plugin.ask(method, id="x"))).code == -32002
        assert rig.house.entered == []
        welcome = await plugin.initialize()
        assert (welcome["version"], welcome["buffers"]) == (1, [])
        assert welcome["server"]["name"] == "rbridge"
        assert [window.name for window in rig.house.entered] == ["Editor"]
        assert (await error_of(plugin.initialize())).code == -32600
        assert len(rig.house.entered) == 1


@pytest.mark.parametrize("version", [0, 2, "1", None, True])
async def test_another_version_is_told_which_there_are(rig: Rig, plugin: Plugin, version: Any) -> None:
    async with plugin.connected(rig.connect(), initialize=False):
        error = await error_of(plugin.initialize(version=version))
        assert (error.code, error.data) == (-32600, {"versions": [1]})
        assert rig.house.entered == []


@pytest.mark.parametrize(
    "changes",
    [
        {"client": None},
        {"client": {}},
        {"client": {"name": "\x1b[31m"}},
        {"capabilities": []},
        {"buffers": [7, {}]},
    ],
)
async def test_what_is_missing_in_initialize_is_nothing(
    rig: Rig, plugin: Plugin, changes: dict[str, Any]
) -> None:
    async with plugin.connected(rig.connect(), initialize=False):
        assert (await plugin.initialize(**changes))["buffers"] == []
        assert rig.house.entered[0].name.isprintable()


async def test_buffers_that_are_no_list_are_refused(rig: Rig, plugin: Plugin) -> None:
    async with plugin.connected(rig.connect(), initialize=False):
        assert (await error_of(plugin.initialize(buffers="x"))).code == -32602


async def test_one_that_says_nothing_is_closed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELLO", 0.01)
    stream = rig.connect()
    with trio.fail_after(10):
        assert await stream.receive_some() == b""


async def test_what_it_may_not_ask(rig: Rig, plugin: Plugin, open_: Open) -> None:
    """A buffer of another window is no buffer of this one."""
    rig.house.buffers[open_.text.id] = open_.buffer
    async with plugin.connected(rig.connect()):
        for method in METHODS:
            for name in (open_.text.id, "nothing", 7, None):
                assert (await error_of(plugin.ask(method, id=name))).code == -32009
        assert (await error_of(plugin.ask("buffer/open", id="x"))).code == -32601
        with pytest.raises(RpcError) as caught:
            await plugin.peer.request("buffer/read", [1])
        assert caught.value.code == -32602


async def test_a_text_is_opened(rig: Rig, plugin: Plugin, open_: Open) -> None:
    rig.house.buffers[open_.text.id] = open_.buffer
    async with plugin.connected(rig.connect()):
        await rig.house.entered[0].open(open_.buffer)
        shown = await plugin.shown(open_.text.id)
        assert shown.text == OLD
        assert shown.head == {
            "id": open_.text.id,
            "uri": f"rbridge://gpu1/home/u/train.py?{open_.text.id}",
            "host": "gpu1",
            "path": "/home/u/train.py",
            "name": "train.py",
            "size": len(OLD),
            "base": digest(OLD),
            "line": 0,
            "column": 0,
            "language": "",
            "readOnly": False,
            "newWindow": False,
            "keepFocus": False,
            "wait": False,
            "utf8": True,
            "verified": True,
        }
        plugin.peer.notify("buffer/focus", {"id": shown.id})
        plugin.peer.notify("buffer/focus", {})
        await plugin.write(shown, b"new\n")
        assert open_.desk.focused == 1
        assert rig.house.turned == rig.house.entered * 2


async def test_a_plugin_that_refuses_hears_that_it_is_closed(rig: Rig, plugin: Plugin, open_: Open) -> None:
    plugin.refuse = RpcError(-32603, "no more tabs")
    async with plugin.connected(rig.connect()):
        error = await error_of(rig.house.entered[0].open(open_.buffer))
        assert error.message == "no more tabs"
        await plugin.until(lambda: plugin.said[-1][0] == "buffer/closed")


async def test_a_plugin_has_ten_seconds_from_its_last_read(
    rig: Rig, plugin: Plugin, open_: Open, mock_clock: trio.testing.MockClock
) -> None:
    rig.house.buffers[open_.text.id] = open_.buffer
    plugin.silent = True
    async with plugin.connected(rig.connect()), trio.open_nursery() as nursery:

        async def read_on() -> None:
            await plugin.until(lambda: plugin.said)
            for _ in range(3):
                mock_clock.jump(OPEN - 1)
                await plugin.ask("buffer/read", id=open_.text.id)
            mock_clock.jump(OPEN)

        nursery.start_soon(read_on)
        with pytest.raises(trio.TooSlowError):
            await rig.house.entered[0].open(open_.buffer)
        assert trio.current_time() == 4 * OPEN - 3


async def test_a_plugin_that_goes_away_while_it_opens(rig: Rig, plugin: Plugin, open_: Open) -> None:
    plugin.silent = True
    async with trio.open_nursery() as nursery:

        async def leave() -> None:
            await plugin.until(lambda: plugin.said)
            plugin.peer.end()

        async with plugin.connected(rig.connect()):
            nursery.start_soon(leave)
            with pytest.raises(trio.BrokenResourceError):
                await rig.house.entered[0].open(open_.buffer)


async def test_its_buffers_go_on_when_it_comes_back(rig: Rig, plugin: Plugin, open_: Open) -> None:
    rig.house.buffers[open_.text.id] = open_.buffer
    async with plugin.connected(rig.connect()):
        await rig.house.entered[0].open(open_.buffer)
        open_.buffer.opened = True
        other = Plugin("Other")  # says that it has it, but it is another window's
        other.buffers = dict(plugin.buffers)
        async with other.connected(rig.connect()):
            assert other.welcome["buffers"] == []
        # its connection is not known to be dead yet
        async with plugin.connected(rig.connect()):
            (state,) = plugin.welcome["buffers"]
            assert state == {
                "id": open_.text.id,
                "state": "clean",
                "message": "",
                "base": digest(OLD),
                "connected": True,
            }
            assert open_.buffer.window is rig.house.entered[-1]


async def test_it_waits_for_what_a_dead_daemon_left(rig: Rig, plugin: Plugin, open_: Open) -> None:
    async with plugin.connected(rig.connect()):
        rig.house.buffers[open_.text.id] = open_.buffer
        await rig.house.entered[0].open(open_.buffer)
    del rig.house.buffers[open_.text.id]
    open_.buffer.lost(rig.house.entered[0])
    open_.buffer.opened = True
    rig.house.coming = trio.Event()
    async with trio.open_nursery() as nursery:

        async def come_back() -> None:
            async with plugin.connected(rig.connect()):
                assert len(plugin.welcome["buffers"]) == 1

        nursery.start_soon(come_back)
        await trio.testing.wait_all_tasks_blocked()
        rig.house.buffers[open_.text.id] = open_.buffer
        rig.house.coming.set()


async def test_a_text_that_is_no_utf8_does_not_go_on_in_an_editor_that_cannot_show_it(
    rig: Rig, plugin: Plugin, open_: Open
) -> None:
    rig.house.buffers[open_.text.id] = open_.buffer
    async with plugin.connected(rig.connect()):
        await rig.house.entered[0].open(open_.buffer)
        open_.buffer.opened = True
        shown = await plugin.shown(open_.text.id)
        await plugin.write(shown, b"caf\xe9")
    open_.buffer.lost(rig.house.entered[0])
    plugin.base64 = False
    async with plugin.connected(rig.connect()):
        assert plugin.welcome["buffers"] == []


async def test_a_buffer_that_is_shown_comes_to_the_front_and_keeps_its_text(
    rig: Rig, plugin: Plugin, open_: Open
) -> None:
    rig.house.buffers[open_.text.id] = open_.buffer
    async with plugin.connected(rig.connect()):
        (window,) = rig.house.entered
        await window.open(open_.buffer)
        shown = await plugin.shown(open_.text.id)
        shown.text, shown.modified = b"typed\n", True
        await window.reveal(open_.buffer, 3, 2)
        assert plugin.front == [shown.id]
        assert (shown.head["line"], shown.head["column"], shown.text) == (3, 2, b"typed\n")
        plugin.refuse = RpcError(-32603, "no")
        await window.reveal(open_.buffer, 1, 1)
    await window.reveal(open_.buffer, 1, 1)  # it is gone
    assert not plugin.buffers[open_.text.id].closed


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"answer": "Open"}, "Open"),
        ({"answer": "Whatever"}, None),
        ({"answer": ["Open"]}, None),
        ({}, None),
        ("Open", None),
        (RpcError(-32603, "no"), None),
    ],
)
async def test_a_question_is_answered_by_one_of_its_answers_or_not_at_all(
    rig: Rig, plugin: Plugin, said: object, answer: str | None
) -> None:
    plugin.answer = said
    async with plugin.connected(rig.connect()):
        (window,) = rig.house.entered
        assert window.question
        assert await window.ask("may it?", ("Open", "Refuse")) == answer
    with pytest.raises(trio.BrokenResourceError):
        await window.ask("may it?", ("Open", "Refuse"))


async def test_whether_the_plug_in_is_still_there_shows_at_once() -> None:
    """Before anything was read: a daemon that ends leaves no text with an editor that has just died."""
    there, here = trio.socket.socketpair()
    with there:
        async with trio.SocketStream(here) as stream:
            window = Window(stream, Attached())
            assert window.here
            await there.send(b"Content-Length: 1")
            assert window.here
            there.close()
            assert not window.here


async def test_two_texts_are_compared(rig: Rig, plugin: Plugin, open_: Open) -> None:
    rig.house.buffers[open_.text.id] = open_.buffer
    async with plugin.connected(rig.connect()):
        window = rig.house.entered[0]
        await window.open(open_.buffer)
        assert await window.compare(open_.buffer, open_.buffer) == ""
        title = "train.py \N{LEFT RIGHT ARROW} train.py"
        how = {"newWindow": False, "keepFocus": False, "wait": False}
        assert plugin.diffs == [{"left": open_.text.id, "right": open_.text.id, "title": title, **how}]
        plugin.refuse = RpcError(-32603, "no room")
        assert await window.compare(open_.buffer, open_.buffer) == "Editor cannot show the diff: no room"
    assert "is gone" in await window.compare(open_.buffer, open_.buffer)


async def test_a_plug_in_that_does_not_answer_shows_no_diff(
    rig: Rig, plugin: Plugin, open_: Open, autojump_clock: trio.testing.MockClock
) -> None:
    async with plugin.connected(rig.connect()):
        plugin.silent = True
        why = await rig.house.entered[0].compare(open_.buffer, open_.buffer)
    assert why == "Editor does not answer, so there is no diff"


async def test_a_plug_in_that_knows_no_diffs_is_not_asked(rig: Rig, plugin: Plugin, open_: Open) -> None:
    plugin.can["diff"] = False
    async with plugin.connected(rig.connect()):
        why = await rig.house.entered[0].compare(open_.buffer, open_.buffer)
    assert why == "Editor shows no diff, or its plug-in is an older one: both files are open"


async def test_one_whose_connection_has_ended_is_here_no_more() -> None:
    """Also where its own end is closed already: the daemon may be ending just then."""
    ours, theirs = trio.socket.socketpair()
    stream = trio.SocketStream(ours)
    window = Window(stream, House())
    assert window.here
    theirs.close()
    assert not window.here
    await stream.aclose()
    assert not window.here
