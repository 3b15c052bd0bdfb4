"""Remote files as buffers of attached editors: real daemon, real client behind sshd, plug-ins in Python."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from rbridge.jsonrpc import RpcError
from tests.adapters.plugin import Plugin, Shown, digest
from tests.compat.editor import Editor
from tests.e2e.conftest import Bridge, Join
from tests.harness.daemon import Daemon
from tests.harness.environment import stop
from tests.harness.sshd import Sshd
from tests.harness.wait import until_async

OLD = b"print('old')\n"
NEW = b"print('new')\n"
THEIRS = b"print('theirs')\n"


async def aside(do: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """Run what waits in a thread; the plug-ins go on meanwhile."""
    return await trio.to_thread.run_sync(partial(do, *args, **more))


@asynccontextmanager
async def attached(daemon: Daemon, plugin: Plugin | None = None) -> AsyncIterator[Plugin]:
    """A plug-in that is connected to *daemon* for the length of the block."""
    plugin = plugin or Plugin()
    stream = await trio.open_unix_socket(str(daemon.home.runtime / "editor.sock"))
    async with plugin.connected(stream):
        yield plugin


async def begin(tunnel: Bridge, plugin: Plugin, name: str = "train.py") -> tuple[Path, Shown]:
    file = tunnel.home.file(name, OLD)
    await aside(lambda: tunnel.open(name).ok())
    shown = await plugin.shown(name)
    await aside(tunnel.until_host, f"{name} clean")
    return file, shown


async def error_of(asked: Awaitable[Any]) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await asked
    return caught.value


async def test_open_write_close(tunnel: Bridge, editor: Editor) -> None:
    async with attached(tunnel.daemon) as plugin:
        file = tunnel.home.file("train.py", OLD)
        said = await aside(lambda: tunnel.open("+1:7 train.py").ok())
        assert "train.py: open in Editor on " in said.err
        shown = await plugin.shown("train.py")
        assert shown.text == OLD
        assert (shown.head["line"], shown.head["column"]) == (1, 7)
        assert shown.head["path"] == str(file)
        answer = await plugin.write(shown, NEW)
        assert answer == {"outcome": "saved", "base": digest(NEW)}
        assert file.read_bytes() == NEW
        await plugin.close(shown)
        await until_async(lambda: not tunnel.ps())
    assert editor.started() == 0


async def test_what_is_open_already_comes_to_the_front_at_the_line(tunnel: Bridge) -> None:
    async with attached(tunnel.daemon) as plugin:
        file, shown = await begin(tunnel, plugin)
        _, other = await begin(tunnel, plugin, "other.py")
        shown.text, shown.modified = b"typed\n", True
        said = await aside(lambda: tunnel.open("+7:3 train.py").ok())
        assert "train.py: open in Editor on " in said.err
        await plugin.until(lambda: plugin.front == [shown.id])
        assert (shown.head["line"], shown.head["column"], shown.text) == (7, 3, b"typed\n")
        await aside(lambda: tunnel.open("--keep-focus other.py").ok())
        await aside(lambda: tunnel.open("train.py").ok())
        await plugin.until(lambda: plugin.front == [shown.id, shown.id])
        assert other.id not in plugin.front
        assert await plugin.write(shown, NEW) == {"outcome": "saved", "base": digest(NEW)}
        assert file.read_bytes() == NEW


async def test_a_file_that_changed_on_the_host_is_a_conflict_and_can_be_overwritten(tunnel: Bridge) -> None:
    async with attached(tunnel.daemon) as plugin:
        plugin.takes = False
        file, shown = await begin(tunnel, plugin)
        file.write_bytes(THEIRS)
        error = await error_of(plugin.write(shown, NEW))
        assert error.code == -32011
        assert error.data == {"base": digest(THEIRS)}
        assert "nothing was overwritten" in error.message
        assert file.read_bytes() == THEIRS
        await plugin.until(lambda: shown.states and shown.states[-1]["state"] == "conflict")
        assert await plugin.read(shown, "buffer/theirs") == THEIRS
        answer = await plugin.write(shown, NEW + b"#\n", force=True)
        assert answer["outcome"] == "saved"
        assert file.read_bytes() == NEW + b"#\n"
        await aside(tunnel.until_laptop, "train.py clean")


@pytest.mark.parametrize(("choose", "text"), [("mine", NEW), ("theirs", THEIRS)])
async def test_a_conflict_is_settled_in_the_editor(tunnel: Bridge, choose: str, text: bytes) -> None:
    async with attached(tunnel.daemon) as plugin:
        plugin.takes = False
        file, shown = await begin(tunnel, plugin)
        file.write_bytes(THEIRS)
        assert (await error_of(plugin.write(shown, NEW))).code == -32011
        await plugin.ask("buffer/resolve", id=shown.id, choose=choose)
        await plugin.until(lambda: shown.states[-1]["state"] == "clean")
        assert file.read_bytes() == shown.text == text
        assert shown.states[-1]["base"] == digest(text)
        assert not shown.modified
        again = await plugin.write(shown, b"and on\n")
        assert (again["outcome"], file.read_bytes()) == ("saved", b"and on\n")
        assert (await error_of(plugin.ask("buffer/resolve", id=shown.id, choose="mine"))).code == -32013


async def test_a_change_on_the_host_is_read_by_an_unmodified_buffer(tunnel: Bridge) -> None:
    async with attached(tunnel.daemon) as plugin:
        file, shown = await begin(tunnel, plugin)
        await plugin.tell("buffer/focus", id=shown.id)
        file.write_bytes(THEIRS)
        await plugin.until(lambda: shown.text == THEIRS)
        answer = await plugin.write(shown, NEW)
        assert (answer["outcome"], file.read_bytes()) == ("saved", NEW)


async def test_without_a_connection_it_is_kept_and_arrives_later(tunnel: Bridge) -> None:
    async with attached(tunnel.daemon) as plugin:
        file, shown = await begin(tunnel, plugin)
        tunnel.forward.cut()
        await plugin.until(lambda: shown.states and not shown.states[-1]["connected"])
        answer = await plugin.write(shown, NEW)
        assert (answer["outcome"], answer["digest"]) == ("kept", digest(NEW))
        assert shown.modified
        assert file.read_bytes() == OLD
        await aside(tunnel.again)
        await plugin.until(lambda: not shown.modified)
        assert file.read_bytes() == NEW
        assert (shown.states[-1]["state"], shown.states[-1]["base"]) == ("clean", digest(NEW))
        again = await plugin.write(shown, b"and on\n")
        assert (again["outcome"], file.read_bytes()) == ("saved", b"and on\n")


async def test_a_plugin_that_comes_back_goes_on(tunnel: Bridge) -> None:
    plugin = Plugin()
    async with attached(tunnel.daemon, plugin):
        file, shown = await begin(tunnel, plugin)
    async with attached(tunnel.daemon, plugin):
        assert [one["id"] for one in plugin.welcome["buffers"]] == [shown.id]
        assert plugin.welcome["buffers"][0]["base"] == shown.base
        answer = await plugin.write(shown, NEW)
        assert (answer["outcome"], file.read_bytes()) == ("saved", NEW)
        await plugin.close(shown)
    await until_async(lambda: not tunnel.ps(), what="the client ends with its last document")


async def test_what_waits_when_the_daemon_is_told_to_end_is_kept_and_delivered_by_the_next(
    tunnel: Bridge, editor: Editor, daemon: Callable[..., Daemon]
) -> None:
    plugin = Plugin()
    async with attached(tunnel.daemon, plugin):
        file, shown = await begin(tunnel, plugin)
        tunnel.forward.cut()
        await plugin.until(lambda: shown.states and not shown.states[-1]["connected"])
        assert (await plugin.write(shown, NEW))["outcome"] == "kept"
        await aside(lambda: tunnel.laptop("serve", "--stop").ok())
        await aside(tunnel.daemon.wait)
    (line,) = tunnel.laptop("recover").ok().out.splitlines()
    assert f"{len(NEW)} bytes" in line
    tunnel.daemon = await aside(daemon, editor=editor.spec)
    async with attached(tunnel.daemon, plugin):
        assert [one["id"] for one in plugin.welcome["buffers"]] == [shown.id]
        await aside(tunnel.again)
        await plugin.until(lambda: not shown.modified)
        assert file.read_bytes() == NEW
        await plugin.close(shown)
    assert tunnel.laptop("recover", "list").ok().out == ""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_after_the_end_of_the_daemon_the_buffers_go_on_with_the_next(
    tunnel: Bridge, editor: Editor, daemon: Callable[..., Daemon], end: signal.Signals
) -> None:
    plugin = Plugin()
    async with attached(tunnel.daemon, plugin):
        file, shown = await begin(tunnel, plugin)
        assert (await plugin.write(shown, NEW))["outcome"] == "saved"
        shown.text, shown.modified = NEW + b"unsaved\n", True
        code = await aside(stop, tunnel.daemon.process, end)
        assert code == (0 if end == signal.SIGTERM else -end)
        assert "buffer/closed" not in [method for method, _ in plugin.said]
    assert tunnel.ps(), "the client waits for the next daemon"
    tunnel.daemon = await aside(daemon, editor=editor.spec)
    async with attached(tunnel.daemon, plugin):
        assert [one["id"] for one in plugin.welcome["buffers"]] == [shown.id]
        await plugin.until(lambda: shown.states[-1]["connected"])
        assert shown.text == NEW + b"unsaved\n"
        answer = await plugin.write(shown, shown.text)
        assert (answer["outcome"], file.read_bytes()) == ("saved", NEW + b"unsaved\n")
        await plugin.close(shown)
        await until_async(lambda: not tunnel.ps(), what="the client ends with its last document")
    assert tunnel.laptop("recover", "list").ok().out == ""


async def test_a_kept_text_survives_the_daemon_and_arrives(
    tunnel: Bridge, editor: Editor, daemon: Callable[..., Daemon]
) -> None:
    plugin = Plugin()
    async with attached(tunnel.daemon, plugin):
        file, shown = await begin(tunnel, plugin)
        tunnel.forward.cut()
        await plugin.until(lambda: shown.states and not shown.states[-1]["connected"])
        assert (await plugin.write(shown, NEW))["outcome"] == "kept"
        await aside(tunnel.daemon.kill)
    tunnel.daemon = await aside(daemon, editor=editor.spec)
    async with attached(tunnel.daemon, plugin):
        assert [one["id"] for one in plugin.welcome["buffers"]] == [shown.id]
        assert (shown.text, shown.modified, file.read_bytes()) == (NEW, True, OLD)
        await aside(tunnel.again)
        await plugin.until(lambda: not shown.modified)
        assert file.read_bytes() == NEW
        assert (await plugin.write(shown, THEIRS))["outcome"] == "saved"
        assert file.read_bytes() == THEIRS
        await plugin.close(shown)
    assert tunnel.laptop("recover", "list").ok().out == ""


async def test_an_editor_that_saves_and_quits_at_once_loses_nothing(tunnel: Bridge) -> None:
    async with attached(tunnel.daemon) as plugin:
        file, shown = await begin(tunnel, plugin)
        plugin.peer.notify("buffer/write", {"id": shown.id, "base": shown.base, "text": NEW.decode()})
        plugin.peer.notify("buffer/close", {"id": shown.id})
    await until_async(lambda: file.read_bytes() == NEW)
    await until_async(lambda: not tunnel.ps(), what="the client ends with its last document")


async def test_texts_go_to_the_window_focused_last_and_a_file_to_the_one_that_has_it(
    tunnel: Bridge, editor: Editor
) -> None:
    async with attached(tunnel.daemon) as one, attached(tunnel.daemon) as two:
        await begin(tunnel, two, "a.py")
        await one.tell("buffer/focus")
        await begin(tunnel, one, "b.py")
        assert [one_of.head["name"] for one_of in two.buffers.values()] == ["a.py"]
    await aside(tunnel.host, "close")
    assert editor.started() == 0


async def test_without_a_window_the_editor_is_started(tunnel: Bridge, editor: Editor) -> None:
    async with attached(tunnel.daemon) as plugin:
        plugin.refuse = RpcError(-32603, "too many tabs")
        tunnel.home.file("train.py", OLD)
        said = await aside(tunnel.open, "train.py")
        assert said.code
        assert "Editor cannot show train.py: too many tabs" in said.err
    said = await aside(lambda: tunnel.open("train.py").ok())
    assert "open in an-editor on" in said.err
    opened = await aside(editor.wait_open)
    opened.give_up()


async def test_closed_on_the_host_it_is_closed_in_the_editor(tunnel: Bridge) -> None:
    async with attached(tunnel.daemon) as plugin:
        _, shown = await begin(tunnel, plugin)
        await aside(lambda: tunnel.host("close").ok())
        await plugin.until(lambda: shown.closed)
        assert (await error_of(plugin.ask("buffer/read", id=shown.id))).code == -32009


async def test_a_plugin_that_makes_no_sense_disturbs_nobody(tunnel: Bridge) -> None:
    path = str(tunnel.daemon.home.runtime / "editor.sock")
    async with attached(tunnel.daemon) as plugin:
        file, shown = await begin(tunnel, plugin)
        for nonsense in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"Content-Length: 17825792\r\n\r\n" + b"x" * 1000,
            b"Content-Length: 4\r\n\r\n{}{}",
            b"\0" * 5000,
        ):
            stream = await trio.open_unix_socket(path)
            async with stream:
                await stream.send_all(nonsense)
                heard = b""
                with trio.fail_after(20):
                    while more := await stream.receive_some():
                        heard += more
                assert b"-32700" in heard
        async with attached(tunnel.daemon, Plugin("Other")) as other:
            for unknown in (shown.id, "../../etc", 7, None):
                assert (
                    await error_of(other.ask("buffer/write", id=unknown, base="", text=""))
                ).code == -32009
        answer = await plugin.write(shown, NEW)
        assert (answer["outcome"], file.read_bytes()) == ("saved", NEW)


async def test_large_texts_and_bytes_that_are_no_text(tunnel: Bridge) -> None:
    texts = {
        "large": "ä€😀\n".encode() * 700_000,
        "nul": b"\0" * 3_000_000,
        "latin": b"caf\xe9\r\n",
        "empty": b"",
    }
    async with attached(tunnel.daemon) as plugin:
        for name, text in texts.items():
            file = tunnel.home.file(name, text)
            await aside(lambda name=name: tunnel.open(name).ok())
            shown = await plugin.shown(name)
            assert shown.text == text
            answer = await plugin.write(shown, text + b"\xff", size=1_500_000)
            assert answer["base"] == digest(text + b"\xff")
            assert file.read_bytes() == text + b"\xff"


async def test_what_proved_nothing_is_asked_about_in_the_window(
    sshd: Sshd, editor: Editor, daemon: Callable[..., Daemon], join: Join
) -> None:
    running = daemon(editor=editor.spec, config='classic = "ask"\n')
    bridge = join(sshd, running, unix=False)
    bridge.home.file("train.py", OLD)
    plugin = Plugin()
    plugin.answer = {"answer": "Refuse"}
    async with attached(running, plugin):
        refused = await aside(bridge.open, "train.py")
        assert refused.code == 77
        (question,) = plugin.heard("question")
        assert question["answers"] == ["Open", "Refuse"]
        assert "train.py" in question["message"]
        assert "unverified" in question["message"]
        plugin.answer = {"answer": "Open"}
        await aside(lambda: bridge.open("train.py").ok())
        assert (await plugin.shown("train.py")).text == OLD


async def test_an_older_text_that_was_never_delivered_is_said_in_the_window(tunnel: Bridge) -> None:
    async with attached(tunnel.daemon) as plugin:
        file, shown = await begin(tunnel, plugin)
        file.write_bytes(THEIRS)
        assert (await error_of(plugin.write(shown, NEW))).code == -32011
        await plugin.close(shown)
        await until_async(lambda: not tunnel.ps())
        await aside(lambda: tunnel.open("train.py").ok())
        again = await plugin.shown("train.py")
        (said,) = await plugin.until(lambda: plugin.heard("window/show"))
        assert (said["id"], said["kind"]) == (again.id, "info")
        assert "was never delivered: rbridge recover show" in said["message"]
