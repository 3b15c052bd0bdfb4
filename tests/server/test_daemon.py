"""A whole daemon, in the test's own process. Long, because each of its tests needs the same one."""

import json
import os
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from rbridge import memory
from rbridge.adapters.attached import Attached
from rbridge.adapters.routed import Routed
from rbridge.errors import NotListening, TryAgain, UsageError
from rbridge.private import make_private
from rbridge.server import control, daemon
from rbridge.server.config import Config, Limits
from rbridge.server.keys import Keys
from rbridge.wire import auth
from rbridge.wire.codec import parse_greeting
from tests.adapters.plugin import Plugin
from tests.server.conftest import Editor, connected, resume

SOCKET = "unix:{}/run/daemon.sock"


class Served:
    """A daemon in the test's process, with the test's editor."""

    def __init__(self, directories):
        (directories / "snapshots").mkdir(exist_ok=True)
        self.directories = directories
        self.editor = Editor(directories / "snapshots")
        self.lines = []
        self.addresses = []
        self.scope = trio.CancelScope()

    @property
    def tcp(self):
        return next(one for one in self.addresses if not one.startswith("unix:"))

    @property
    def unix(self):
        return next(one for one in self.addresses if one.startswith("unix:"))

    def texts(self):
        return [name for name in os.listdir(memory.files_dir()[0]) if not name.startswith(".")]


@pytest.fixture
def serving(directories):
    """``async with serving(...) as served``: a daemon that is cancelled at the end and must leave nothing."""

    @asynccontextmanager
    async def start(prepare=None, **options):
        served = Served(directories)
        if prepare is not None:
            prepare(served)
        both = ("127.0.0.1:0", SOCKET.format(directories))
        config = Config(**{"listen": both, "notify": False, **options})

        async def run(task_status):
            with served.scope:
                await daemon.serve(config, served.editor, say=served.lines.append, task_status=task_status)

        async with trio.open_nursery() as nursery:
            served.addresses = await nursery.start(run)
            yield served
            served.scope.cancel()
        assert served.texts() == []
        assert sorted(os.listdir(directories / "run")) in (["daemon.lock"], ["daemon.lock", "files"])
        assert "endpoints.json" not in os.listdir(directories / "state")

    return start


async def test_listens_on_both_kinds_and_says_where(serving, directories):
    async with serving() as served:
        assert served.unix == SOCKET.format(directories)
        assert served.tcp.startswith("127.0.0.1:")
        assert "ed on paper" in served.lines[-1]
        said = json.loads((directories / "state" / "endpoints.json").read_text())
        assert said["listeners"] == served.addresses
        for address in served.addresses:
            async with connected(address) as host:
                assert (await host.event()).text.startswith("220 ")


async def test_many_hosts_and_files_at_once(serving):
    async with serving() as served, trio.open_nursery() as nursery:

        async def one(number, address):
            async with connected(address) as host:
                await host.event()
                text = str(number).encode() * 1000
                await host.open(text, token=str(number))
                await host.dot()
                assert await host.hear() == ("save", {"token": str(number)}, text + b"!")
                assert (await host.hear())[0] == "close"
                assert await host.closed()

        async def edit_one():
            edit = await served.editor.opened()
            await edit.save(edit.content() + b"!")
            edit.close()

        for number in range(40):
            nursery.start_soon(one, number, served.addresses[number % 2])
            nursery.start_soon(edit_one)


async def test_ends_when_told_and_tells_its_clients(serving):
    async with serving() as served, connected(served.unix) as plain, connected(served.unix) as link:
        await plain.event()
        await plain.open(b"x")
        first = await served.editor.opened()
        await link.link()
        await link.open(b"x")
        second = await served.editor.opened()
        assert (await link.hear())[0] == "opened"
        await control.ask({"do": "stop"})
        assert (await plain.hear())[0] == "close"
        assert await plain.closed()
        heard = [(await link.hear())[0] for _ in range(3)]
        assert heard == ["close", "bye", "eof"]
        assert first.cancelled
        assert second.cancelled


async def test_one_daemon_per_runtime_directory(serving):
    async with serving():
        with pytest.raises(TryAgain, match=f"pid {os.getpid()}"):
            await daemon.serve(Config(), Editor(None))


async def test_and_one_per_state_directory(serving, directories, monkeypatch):
    (directories / "run2").mkdir(mode=0o700)
    async with serving():
        monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(directories / "run2"))
        with pytest.raises(TryAgain, match=f"keeps its state in .*pid {os.getpid()} on"):
            await daemon.serve(Config(), Editor(None))
        assert os.listdir(directories / "run2") == ["daemon.lock"]
        monkeypatch.setenv("RBRIDGE_RUNTIME_DIR", str(directories / "run"))


async def test_each_connection_over_tcp_gets_a_nonce_of_its_own_and_the_identity_stays(serving):
    identities, nonces = set(), []
    for _ in range(2):
        async with serving() as served:
            for address in (served.tcp, served.tcp, served.unix):
                async with connected(address) as host:
                    said = parse_greeting((await host.event()).text)
                    identities.add(said.identity)
                    nonces.append(said.nonce)
    assert len(identities) == 1
    assert [len(nonce) for nonce in nonces] == [32, 32, 0] * 2
    assert len(set(nonces)) == 5


async def test_a_host_that_has_a_key_proves_it_over_tcp(serving, directories):
    key = Keys(str(directories / "state" / "keys")).issue("gpu1", "ssh key of gpu1")
    async with serving(classic="deny") as served, connected(served.tcp) as host:
        said = parse_greeting((await host.event()).text)
        mine = "1" * 32
        proof = auth.proof(key.secret, auth.HOST, said.identity, key.id, said.nonce, mine)
        await host.introduce("me", key=key.id, nonce=mine, proof=proof)
        _, heard, _ = await host.hear()
        assert heard["standing"] == "new"
        assert auth.check(heard["proof"], key.secret, auth.EDITOR, said.identity, key.id, said.nonce, mine)
        await host.open(b"x", name="x.py")
        edit = await served.editor.opened()
        assert edit.text.host == "gpu1"
        edit.close()


async def test_a_listener_for_one_host_verifies_who_comes_through_it(serving, directories, monkeypatch):
    listen = daemon.listeners.listen

    async def for_one_host(address):
        name, identity = ("gpu1", "ssh key of gpu1") if "one.sock" in str(address) else ("", "")
        return await listen(address, name, identity)

    monkeypatch.setattr(daemon.listeners, "listen", for_one_host)
    place = f"unix:{directories}/run/one.sock"
    async with serving(listen=(place, "127.0.0.1:0")) as served, connected(place) as host:
        await host.link("someone-else")
        await host.open(b"x", name="x.py")
        edit = await served.editor.opened()
        assert edit.text.host == "gpu1"
        edit.close()


async def test_a_session_is_found_again_on_another_connection(serving):
    async with serving() as served:
        async with connected(served.unix) as host:
            await host.link()
            await host.open(b"x")
            assert (await host.hear())[0] == "opened"
        edit = await served.editor.opened()
        async with connected(served.tcp) as again:
            await again.link(session=host.secret, standing="resumed", resume="yes")
            await resume(again, b"x")
            assert (await again.hear())[0] == "opened"
            edit.close()
            assert (await again.hear())[0] == "close"


async def test_a_state_directory_that_cannot_hold_an_identity_is_said(serving, directories):
    (directories / "state" / "identity").mkdir()
    async with serving() as served, connected(served.unix) as host:
        assert parse_greeting((await host.event()).text).identity
        assert any("find this daemon again" in line for line in served.lines)


async def test_a_daemon_can_follow_another(serving):
    for _ in range(2):
        async with serving() as served, connected(served.unix) as host:
            await host.event()


async def test_an_explicit_address_in_use(serving, directories):
    (taken,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = taken.socket.getsockname()[1]
    with pytest.raises(NotListening, match=str(port)):
        await daemon.serve(Config(listen=(SOCKET.format(directories), f"127.0.0.1:{port}")), Editor(None))
    assert os.listdir(directories / "run") == ["daemon.lock"]
    await taken.aclose()


async def test_the_default_port_in_use_is_a_warning(serving, monkeypatch):
    (taken,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    monkeypatch.setattr(daemon, "DEFAULT_PORT", taken.socket.getsockname()[1])
    async with serving(listen=()) as served:
        assert [address[:5] for address in served.addresses] == ["unix:"]
        assert any("is held by" in line for line in served.lines)
    await taken.aclose()


async def test_both_defaults(serving, monkeypatch, directories):
    monkeypatch.setattr(daemon, "DEFAULT_PORT", 0)
    async with serving(listen=()) as served:
        assert served.unix == SOCKET.format(directories)
        assert served.tcp.startswith("127.0.0.1:")


async def test_more_connections_than_allowed_are_closed_at_once(serving):
    async with serving(limits=Limits(connections=2)) as served:
        async with connected(served.tcp) as one, connected(served.tcp) as two:
            await one.event()
            await two.event()
            async with connected(served.tcp) as three:
                assert await three.stream.receive_some() == b""
        await trio.testing.wait_all_tasks_blocked(0.01)
        async with connected(served.tcp) as four:
            await four.event()


async def test_another_users_connection_to_our_socket_is_closed_without_a_word(serving, monkeypatch):
    async with serving() as served:
        monkeypatch.setattr(daemon.system, "peer_uid", lambda sock: os.geteuid() + 1)
        async with connected(served.unix) as host:
            assert await host.stream.receive_some() == b""


async def test_on_tcp_nobody_proves_who_he_is(serving):
    async with serving(classic="deny") as served:
        async with connected(served.tcp) as host:
            await host.link()
            await host.open(b"x")
            assert (await host.hear())[1]["reason"] == "denied"
        async with connected(served.unix) as host:
            await host.link()
            await host.open(b"x")
            assert (await host.hear())[0] == "opened"
            (await served.editor.opened()).close()


def attaching(served):
    """Let plug-ins attach; the test's own editor gets what none of them shows."""
    served.editor = Routed(Attached(), served.editor)


async def test_plugins_attach_to_a_socket_of_their_own(serving, directories):
    async with serving(prepare=attaching) as served, connected(served.unix) as host:
        path = directories / "run" / "editor.sock"
        assert path.stat().st_mode & 0o777 == 0o600
        plugin = Plugin()
        async with plugin.connected(await trio.open_unix_socket(str(path))):
            await host.link()
            await host.open(b"x")
            assert (await host.hear())[1]["editor"] == "Editor"
            shown = await plugin.shown()
            assert (shown.text, shown.head["verified"], shown.head["wait"]) == (b"x", True, False)
            await plugin.close(shown)
        assert (await host.hear())[0] == "close"


async def test_another_users_plugin_is_closed_without_a_word(serving, directories, monkeypatch):
    async with serving(prepare=attaching):
        monkeypatch.setattr(daemon.system, "peer_uid", lambda sock: os.geteuid() + 1)
        stream = await trio.open_unix_socket(str(directories / "run" / "editor.sock"))
        async with stream:
            assert await stream.receive_some() == b""


async def test_a_fault_with_one_plugin_is_not_the_daemons_end(serving, directories, monkeypatch):
    async def fail(self, stream):
        raise ZeroDivisionError

    async with serving(prepare=attaching) as served:
        monkeypatch.setattr(Attached, "serve", fail)
        async with await trio.open_unix_socket(str(directories / "run" / "editor.sock")) as stream:
            assert await stream.receive_some() == b""
        async with connected(served.unix) as host:
            await host.event()


async def test_without_attached_editors_there_is_no_socket_for_them(serving, directories):
    async with serving():
        assert "editor.sock" not in os.listdir(directories / "run")


async def test_consent_is_given_through_the_control_socket(serving):
    async with serving(classic="ask") as served, connected(served.tcp) as host:
        await host.event()
        await host.open(b"x")
        pending = []
        with trio.fail_after(20):
            while not pending:
                pending = (await control.ask({"do": "pending"}))["pending"]
        assert "gpu1:train.py" in pending[0]["text"]
        await control.ask({"do": "answer", "ids": [], "allow": True})
        assert (await served.editor.opened()).content() == b"x"


async def test_what_a_killed_daemon_left_is_wiped_and_said(serving):
    root, _ = memory.files_dir()
    os.mkdir(os.path.join(root, "0" * 24))
    async with serving() as served:
        assert served.texts() == []
        assert any("wiped 1 open texts" in line for line in served.lines)


async def test_no_memory_file_system_is_said(serving, monkeypatch, directories):
    place = directories / "run" / "files"

    def on_disk():
        make_private(str(place))
        return str(place), False

    monkeypatch.setattr(daemon.memory, "files_dir", on_disk)
    async with serving() as served:
        assert any("texts lie on the disk" in line and str(place) in line for line in served.lines)
        async with connected(served.unix) as host:
            await host.event()
            await host.open(b"x" * 1000)
            edit = await served.editor.opened()
            assert edit.content() == b"x" * 1000
            edit.close()
            assert (await host.hear())[0] == "close"


async def test_cancelled_in_a_save_the_text_is_kept(serving, directories):
    async with serving(limits=Limits(shutdown=0.1)) as served, connected(served.unix) as host:
        await host.link()
        await host.open(b"x")
        edit = await served.editor.opened()
        assert (await host.hear())[0] == "opened"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(edit.save, b"new")
            assert (await host.hear())[0] == "save"
            served.scope.cancel()
    (directory,) = (directories / "state" / "spool").iterdir()
    texts = [path.read_bytes() for path in directory.iterdir() if path.name != "about.json"]
    assert texts == [b"new"]


async def test_no_editor_that_can_be_found_is_said_before_anything_is_bound(directories, monkeypatch):
    monkeypatch.setattr(daemon.presets, "choose", partial(_no_editor))
    with pytest.raises(UsageError, match="no editor"):
        await daemon.serve(Config())
    assert sorted(os.listdir(directories / "run")) == ["daemon.lock"]


@pytest.mark.parametrize(
    ("editor", "with_plugin", "shown"),
    [
        (None, [], "vim in a new tmux window, or in an editor whose plug-in is attached"),
        (None, ["nvim"], "nvim in a new tmux window, whose plug-in is installed, or in another"),
        (None, ["gone", "nvim"], "nvim in a new tmux window, whose plug-in is installed, or in another"),
        ("vim", ["nvim"], "vim in a new tmux window, or in an editor whose plug-in is attached"),
        ("nvim -u x", ["nvim"], "nvim in a new tmux window, whose plug-in is installed, or in another"),
        ("attached", ["nvim"], "editors whose plug-in is attached, and in no other"),
    ],
)
def test_which_editor_it_will_be(monkeypatch, tmp_path, editor, with_plugin, shown):
    for name in ("tmux", "vim", "nvim"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EDITOR", "vim")
    monkeypatch.setenv("TMUX", "/tmp/t,1,0")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(daemon.plugins, "installed", lambda: with_plugin)
    assert daemon.choose(Config(editor=editor)).describe().startswith(shown)


def test_a_plug_in_that_is_installed_is_editor_enough(monkeypatch):
    monkeypatch.setattr(daemon.presets, "choose", partial(_no_editor))
    monkeypatch.setattr(daemon.plugins, "installed", lambda: ["gone"])
    assert daemon.choose(Config()).describe() == "editors whose plug-in is attached, and in no other"
    with pytest.raises(UsageError):
        daemon.choose(Config(editor="ed"))


def _no_editor(*words, **more):
    raise UsageError("no editor was found")


async def test_an_address_that_makes_no_sense_is_said_before_anything_is_made(directories):
    with pytest.raises(UsageError):
        await daemon.serve(Config(listen=("0.0.0.0:1",)), Editor(None))
    assert os.listdir(directories / "run") == []


async def test_an_error_of_our_own_ends_one_connection_and_is_logged(serving, monkeypatch, caplog):
    monkeypatch.setattr(daemon.logger, "propagate", True)
    run = daemon.Connection.run

    async def fail(self):
        monkeypatch.setattr(daemon.Connection, "run", run)
        raise KeyError

    monkeypatch.setattr(daemon.Connection, "run", fail)
    async with serving() as served, connected(served.unix) as bad, connected(served.unix) as good:
        assert await bad.closed()
        await good.link()
    assert "an error in rbridge itself" in caplog.text
