"""Folders of a host: real daemon, real client behind sshd; plug-ins in Python, and a scripted editor."""

from __future__ import annotations

import base64
import shlex
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from tests.adapters.plugin import Folder, Plugin, digest
from tests.compat.editor import Editor
from tests.e2e.conftest import Bridge, Join
from tests.e2e.test_attach import aside, attached, error_of
from tests.harness.daemon import Daemon
from tests.harness.environment import stop
from tests.harness.sshd import Sshd
from tests.harness.tmux import Tmux
from tests.harness.wait import until, until_async

OLD = b"print('old')\n"
NEW = b"print('new')\n"


@pytest.fixture
def project(tunnel: Bridge) -> Path:
    """A directory on the host, with a repository's files in it."""
    root = tunnel.home.path / "project"
    for path, data in {
        "train.py": OLD,
        "src/model.py": b"class Model:\n    pass\n",
        "src/data.py": b"# the model's data\n",
        "figure.png": b"\x89PNG\r\n\x1a\n\0\0",
        "build/out.py": b"model\n",
        ".gitignore": b"build/\n",
        ".vscode/settings.json": b"{}\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    (root / "outside").symlink_to(tunnel.home.path)
    return root


async def shown(tunnel: Bridge, plugin: Plugin) -> Folder:
    said = await aside(lambda: tunnel.open("project").ok())
    assert "open in Editor on " in said.err
    return await plugin.folder()


async def test_a_folder_is_looked_at_changed_and_closed(tunnel: Bridge, project: Path) -> None:
    async with attached(tunnel.daemon) as plugin:
        folder = await shown(tunnel, plugin)
        assert (folder.head["path"], folder.head["name"]) == (str(project), "project")
        listed = await plugin.fs(folder, "list", "")
        names = [one["name"] for one in listed["entries"]]
        assert names == sorted([".gitignore", ".vscode", "build", "figure.png", "outside", "src", "train.py"])
        assert {one["name"] for one in listed["entries"] if one.get("outside")} == {"outside"}
        said = await plugin.fs(folder, "stat", "train.py")
        assert (said["type"], said["size"]) == ("file", len(OLD))
        read = await plugin.fs(folder, "read", "figure.png", at=1, length=3)
        assert (base64.b64decode(read["base64"]), read["size"]) == (b"PNG", 10)
        await plugin.fs(folder, "make", "lib", kind="directory")
        await plugin.fs(folder, "make", "lib/a.py", kind="file", text="a\n")
        await plugin.fs(folder, "move", "lib/a.py", to="lib/b.py")
        assert (project / "lib" / "b.py").read_bytes() == b"a\n"
        error = await error_of(plugin.fs(folder, "remove", "lib", recursive=True))
        assert (error.code, error.data["entries"]) == (-32014, 1)
        await plugin.fs(folder, "remove", "lib", recursive=True, confirmed=True)
        assert not (project / "lib").exists()
        await aside(lambda: tunnel.open("project").ok())
        await plugin.until(lambda: folder.focused == 1)
        await plugin.ask("folder/close", id=folder.id)
        await until_async(lambda: not tunnel.ps(), what="the client ends with its folder")


async def test_nothing_outside_of_it_can_be_had(tunnel: Bridge, project: Path) -> None:
    (tunnel.home.path / "secret").write_bytes(b"secret\n")
    async with attached(tunnel.daemon) as plugin:
        folder = await shown(tunnel, plugin)
        for do in ("stat", "read", "open", "list"):
            error = await error_of(plugin.fs(folder, do, "outside/secret"))
            assert (error.code, error.data["reason"]) == (-32010, "outside")
            assert (await error_of(plugin.fs(folder, do, "../secret"))).code == -32602
        error = await error_of(plugin.fs(folder, "write", "outside/new", text="x"))
        assert error.data["reason"] == "outside"
    assert not (tunnel.home.path / "new").exists()


async def test_find_and_search_respect_what_is_ignored(tunnel: Bridge, project: Path) -> None:
    await trio.run_process(["git", "init", "-q", str(project)])
    async with attached(tunnel.daemon) as plugin:
        folder = await shown(tunnel, plugin)
        found = await plugin.fs(folder, "find", query="mod")
        assert found["paths"] == ["src/model.py"]
        every = await plugin.fs(folder, "find", query="")
        assert {"train.py", "src/model.py"} <= set(every["paths"])
        assert "build/out.py" not in every["paths"]
        said = await plugin.fs(folder, "search", query="model", stream="s")
        matches = sorted(
            (one["path"], one["line"], one["column"]) for part in plugin.found for one in part["matches"]
        )
        assert matches == [("src/data.py", 1, 7), ("src/model.py", 1, 7)]
        assert said["truncated"] is False


async def test_a_file_of_it_is_edited_like_any_other(tunnel: Bridge, project: Path) -> None:
    async with attached(tunnel.daemon) as plugin:
        folder = await shown(tunnel, plugin)
        buffer = await plugin.fetch(folder, "src/model.py", line=2)
        assert (buffer.text, buffer.head["line"]) == (b"class Model:\n    pass\n", 2)
        assert buffer.head["path"] == str(project / "src" / "model.py")
        answer = await plugin.write(buffer, NEW)
        assert (answer, (project / "src" / "model.py").read_bytes()) == (
            {"outcome": "saved", "base": digest(NEW)},
            NEW,
        )
        await plugin.fs(folder, "move", "src", to="lib")
        again = await plugin.fs(folder, "open", "lib/model.py")
        assert (again["id"], again["path"]) == (buffer.id, str(project / "lib" / "model.py"))
        await plugin.ask("folder/close", id=folder.id)
        assert (await plugin.write(buffer, OLD))["outcome"] == "saved"
        assert (project / "lib" / "model.py").read_bytes() == OLD
        await plugin.close(buffer)
        await until_async(lambda: not tunnel.ps())


async def test_a_new_file_is_there_when_it_is_saved(tunnel: Bridge, project: Path) -> None:
    async with attached(tunnel.daemon) as plugin:
        folder = await shown(tunnel, plugin)
        assert (await error_of(plugin.fs(folder, "open", "new.py"))).data["reason"] == "gone"
        buffer = await plugin.fetch(folder, "new.py", create=True)
        assert not (project / "new.py").exists()
        assert (await plugin.write(buffer, NEW))["outcome"] == "saved"
        assert (project / "new.py").read_bytes() == NEW


async def test_a_file_is_written_unless_it_changed(tunnel: Bridge, project: Path) -> None:
    async with attached(tunnel.daemon) as plugin:
        folder = await shown(tunnel, plugin)
        said = await plugin.fs(folder, "write", "train.py", text="x\n", base=digest(OLD))
        assert said["base"] == digest(b"x\n")
        error = await error_of(plugin.fs(folder, "write", "train.py", text="y\n", base=digest(OLD)))
        assert (error.code, error.data["base"]) == (-32011, digest(b"x\n"))
        error = await error_of(plugin.fs(folder, "write", "train.py", text="y\n"))
        assert error.code == -32011
        assert (project / "train.py").read_bytes() == b"x\n"


async def test_what_is_shown_is_watched(tunnel: Bridge, project: Path) -> None:
    async with attached(tunnel.daemon) as plugin:
        folder = await shown(tunnel, plugin)
        await plugin.fs(folder, "watch", paths=["", "src"])
        await plugin.fs(folder, "stat", "src")
        (project / "src" / "more.py").write_bytes(b"x\n")
        await plugin.until(lambda: "src" in folder.changed)


async def test_a_cut_and_its_end(tunnel: Bridge, project: Path) -> None:
    async with attached(tunnel.daemon) as plugin:
        folder = await shown(tunnel, plugin)
        tunnel.forward.cut()
        await plugin.until(lambda: not folder.connected)
        assert (await error_of(plugin.fs(folder, "stat", ""))).code == -32015
        await aside(tunnel.again)
        await plugin.until(lambda: folder.connected)
        assert (await plugin.fs(folder, "stat", "train.py"))["size"] == len(OLD)


async def test_a_window_that_is_closed_closes_it_on_the_host(tunnel: Bridge, project: Path) -> None:
    async with attached(tunnel.daemon) as plugin:
        await shown(tunnel, plugin)
    await until_async(lambda: not tunnel.ps(), deadline=30)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_after_the_end_of_the_daemon_the_window_has_it_again(
    tunnel: Bridge, editor: Editor, project: Path, daemon: Callable[..., Daemon], end: signal.Signals
) -> None:
    plugin = Plugin()
    async with attached(tunnel.daemon, plugin):
        before = await shown(tunnel, plugin)
        code = await aside(stop, tunnel.daemon.process, end)
        assert code == (0 if end == signal.SIGTERM else -end)
        assert not before.closed
    assert tunnel.ps(), "the client waits for the next daemon"
    tunnel.daemon = await aside(daemon, editor=editor.spec)
    async with attached(tunnel.daemon, plugin):
        await aside(tunnel.again)
        await plugin.until(lambda: plugin.folders and before.id not in plugin.folders)
        folder = await plugin.folder()
        assert (await plugin.fs(folder, "stat", "train.py"))["size"] == len(OLD)
    assert editor.started() == 0


async def test_two_windows_and_a_file_of_the_folder(tunnel: Bridge, project: Path) -> None:
    other = Plugin("Other")
    async with attached(tunnel.daemon) as plugin:
        await shown(tunnel, plugin)
        async with attached(tunnel.daemon, other):
            await aside(lambda: tunnel.open("project/train.py").ok())
            await plugin.shown(str(project / "train.py"))
            assert not other.buffers


async def test_over_tcp_without_a_proof_there_are_no_folders(sshd, editor, daemon, join) -> None:  # type: ignore[no-untyped-def]
    tunnel = join(sshd, daemon(editor=editor.spec), unix=False)
    (tunnel.home.path / "project").mkdir()
    ran = await aside(lambda: tunnel.open("project"))
    assert ran.code != 0
    assert "proves nothing" in ran.err


# An editor that knows files only


def test_a_folder_in_an_editor_of_files(tunnel: Bridge, project: Path, editor: Editor) -> None:
    tunnel.open("project").ok()
    opened = editor.wait_open()
    here = opened.file
    laid = sorted(str(one.relative_to(here)) for one in here.rglob("*") if one.is_file())
    assert laid == [".gitignore", "src/data.py", "src/model.py", "train.py"]
    assert (here / "train.py").read_bytes() == OLD
    (here / "train.py").write_bytes(NEW)
    until(lambda: (project / "train.py").read_bytes() == NEW)
    (here / "new.py").write_bytes(b"new\n")
    until(lambda: (project / "new.py").is_file() and (project / "new.py").read_bytes() == b"new\n")
    (here / "train.py").unlink()
    until(lambda: "Remove train.py" in tunnel.laptop("allow").ok().out)
    assert (project / "train.py").exists()
    tunnel.laptop("allow", "--all").ok()
    until(lambda: not (project / "train.py").exists())
    opened.quit()
    until(lambda: not here.exists())
    until(lambda: not tunnel.ps(), what="the client ends with its folder")


def test_what_was_written_before_the_daemon_was_killed_is_kept(
    tunnel: Bridge, project: Path, editor: Editor, daemon: Callable[..., Daemon]
) -> None:
    tunnel.open("project").ok()
    opened = editor.wait_open()
    (opened.file / "train.py").write_bytes(NEW)
    until(lambda: (project / "train.py").read_bytes() == NEW)
    tunnel.until_laptop("train.py clean")
    tunnel.forward.cut()
    tunnel.until_laptop("project not connected")
    (opened.file / "src" / "data.py").write_bytes(b"far away\n")
    tunnel.daemon.kill()
    tunnel.daemon = daemon(editor=editor.spec)
    listed = until(lambda: tunnel.laptop("recover").ok().out)
    assert "data.py" in listed
    assert "train.py" not in listed
    opened.quit(1)


def test_a_file_that_changed_on_the_host_since_it_was_laid_out(
    tunnel: Bridge, project: Path, editor: Editor
) -> None:
    tunnel.open("project").ok()
    opened = editor.wait_open()
    (project / "src" / "data.py").write_bytes(b"theirs\n")
    (opened.file / "src" / "data.py").write_bytes(b"mine\n")
    tunnel.until_laptop("data.py conflict")
    assert (project / "src" / "data.py").read_bytes() == b"theirs\n"
    tunnel.laptop("resolve", "data.py", "--mine").ok()
    until(lambda: (project / "src" / "data.py").read_bytes() == b"mine\n")
    opened.quit()


def test_one_that_is_closed_on_the_laptop_takes_its_documents_with_it(
    tunnel: Bridge, project: Path, editor: Editor
) -> None:
    tunnel.open("project").ok()
    opened = editor.wait_open()
    (opened.file / "train.py").write_bytes(NEW)
    until(lambda: (project / "train.py").read_bytes() == NEW)
    folder = tunnel.laptop("status").ok().out.split()[0]
    assert folder.endswith("/project")
    tunnel.laptop("close", folder).ok()
    until(lambda: not tunnel.ps(), what="the client ends with its folder")
    assert not tunnel.laptop("status").ok().out


def test_too_much_is_not_laid_out(tunnel: Bridge, editor: Editor) -> None:
    for number in range(2100):
        file = tunnel.home.path / "large" / f"part{number % 3}" / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    ran = tunnel.open("large")
    assert ran.code != 0
    assert "2,100 files" in ran.err
    assert "part0 (700 files)" in ran.err
    assert editor.started() == 0


def test_a_person_edits_a_folder_in_vim(
    sshd: Sshd, tmux: Tmux, daemon: Callable[..., Daemon], join: Join
) -> None:
    root = sshd.remote.path / "project"
    root.mkdir()
    (root / "train.py").write_bytes(OLD)
    (root / "notes.txt").write_bytes(b"notes\n")
    bridge = join(sshd, daemon(editor="vim", env={"TMUX": tmux.variable}))
    shell = tmux.window(["sh"], "shell")
    tmux.line(shlex.join(bridge.argv("-w project")) + "; echo exit=$?", target=shell)
    tmux.wait_for("notes.txt")
    tmux.keys("/")
    tmux.type("train.py")
    tmux.keys("Enter", "Enter")
    tmux.wait_for("print('old')")
    tmux.keys("G")
    tmux.type("oprint('from vim')")
    tmux.keys("Escape")
    tmux.line(":w")
    until(lambda: (root / "train.py").read_bytes() == OLD + b"print('from vim')\n")
    tmux.line(":saveas %:h/other.py")
    until(lambda: (root / "other.py").is_file() and (root / "other.py").read_bytes())
    bridge.until_laptop("other.py clean")
    tmux.line(":qa")
    tmux.wait_for("exit=0", target=shell)
    assert sorted(one.name for one in root.iterdir()) == ["notes.txt", "other.py", "train.py"]


def test_a_person_edits_a_folder_in_emacs(
    sshd: Sshd, tmux: Tmux, daemon: Callable[..., Daemon], join: Join
) -> None:
    root = sshd.remote.path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "train.py").write_bytes(OLD)
    (root / "notes.txt").write_bytes(b"notes\n")
    bridge = join(sshd, daemon(editor="emacs -nw -q", env={"TMUX": tmux.variable}))
    shell = tmux.window(["sh"], "shell")
    tmux.line(shlex.join(bridge.argv("-w project")) + "; echo exit=$?", target=shell)
    tmux.wait_for("notes.txt")
    tmux.keys("C-x", "C-f")
    tmux.line("src/train.py")
    tmux.wait_for("print('old')")
    for word in ("one", "two"):
        tmux.keys("Escape", ">")
        tmux.line(f"# {word}")
        tmux.keys("C-x", "C-s")
        until(lambda: f"# {word}\n".encode() in (root / "src" / "train.py").read_bytes())  # noqa: B023
    bridge.until_laptop("train.py clean")
    tmux.keys("C-x", "C-c")
    tmux.wait_for("exit=0", target=shell)
    assert (root / "src" / "train.py").read_bytes() == OLD + b"# one\n# two\n"
    assert sorted(one.name for one in root.rglob("*")) == ["notes.txt", "src", "train.py"]


# Files that are no texts


async def test_a_picture_goes_to_the_window_that_shows_pictures(tunnel: Bridge, project: Path) -> None:
    viewer = Plugin("Viewer", viewer=True)
    async with attached(tunnel.daemon, viewer), attached(tunnel.daemon) as plugin:
        said = await aside(lambda: tunnel.open("project/figure.png").ok())
        assert "open in Viewer on " in said.err
        shown = await viewer.shown(str(project / "figure.png"))
        assert shown.text == b"\x89PNG\r\n\x1a\n\0\0"
        assert not plugin.buffers
