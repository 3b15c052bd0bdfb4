"""``rbridge open -w`` and ``rbridge diff -w`` as the editor of the real git, and of sudoedit.

The settings are those of docs/git.md, read from there.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.adapters.plugin import Plugin, Shown
from tests.compat.editor import Editor, Opened
from tests.conftest import Start
from tests.e2e.test_attach import aside, attached
from tests.harness.client import Builds
from tests.harness.daemon import Daemon
from tests.harness.environment import ROOT, Home, Ran, stop
from tests.layers import docs

# What sudoedit does, for a user who is not root: a copy that is the user's own, and back if it differs.
SUDOEDIT = """#!/bin/sh
copy=$(mktemp /var/tmp/app.XXXXXX) && cp "$1" "$copy" && before=$(cksum < "$copy")
$SUDO_EDITOR -- "$copy" || { rm "$copy"; exit 1; }
[ "$before" = "$(cksum < "$copy")" ] || cat "$copy" > "$1"
rm "$copy"
"""


def settings() -> str:
    """The ``git config`` lines of docs/git.md."""
    found = [one.commands() for one in docs.blocks(ROOT / "docs" / "git.md")]
    lines = "\n".join(one for one in found if "git config --global" in one)
    assert "core.editor" in lines
    return lines


class Repository:
    """A repository on a host that reaches the daemon of a laptop."""

    def __init__(self, host: Home, daemon: Daemon, editor: Editor, client: Path) -> None:
        self.host, self.daemon, self.editor = host, daemon, editor
        self.path = host.path / "project"
        self.path.mkdir()
        (host.path / "bin").mkdir()
        (host.path / "bin" / "rbridge").symlink_to(client)
        host.env["PATH"] = f"{host.path / 'bin'}:{host.env['PATH']}"
        host.env["RBRIDGE_SOCKET"] = str(daemon.socket)
        host.env["GIT_CONFIG_NOSYSTEM"] = "1"
        host.run(["sh", "-e", "-c", settings()]).ok()
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "Ada")
        self.git("config", "user.email", "ada@example.org")
        self._running: list[subprocess.Popen[bytes]] = []
        for number in (1, 2, 3):
            self.commit(f"{number}\n", f"change {number}")

    def git(self, *words: str) -> str:
        return self.host.run(["git", *words], cwd=self.path).ok().out

    def commit(self, text: str, message: str) -> None:
        (self.path / "train.py").write_text(text)
        self.git("add", "train.py")
        self.git("commit", "--quiet", "--message", message)

    def start(self, *words: str, **env: str) -> subprocess.Popen[bytes]:
        """``git WORDS``, which waits for an editor."""
        made = self.host.start(["git", *words], cwd=self.path, env=env)
        self._running.append(made)
        return made

    def edit(self, process: subprocess.Popen[bytes], change: Callable[[str], str]) -> Opened:
        """What git opened next, changed and saved, and closed."""
        opened = self.editor.wait_open()
        opened.write(change(opened.content.decode()).encode())
        opened.quit()
        return opened

    def ended(self, process: subprocess.Popen[bytes]) -> Ran:
        out, err = process.communicate(timeout=30)
        return Ran(process.returncode, out, err)

    def log(self) -> list[str]:
        return self.git("log", "--format=%s").splitlines()

    def close(self) -> None:
        for process in self._running:
            stop(process)


@pytest.fixture
def editor(home: Home) -> Editor:
    return Editor(home)


@pytest.fixture
def repository(
    home: Home, other_home: Home, daemon: Start, editor: Editor, builds: Builds
) -> Iterator[Repository]:
    made = Repository(other_home, daemon(editor=editor.spec, listen=("unix",)), editor, builds.file)
    yield made
    made.close()


def test_the_message_of_a_commit_is_written_on_the_laptop(repository: Repository) -> None:
    (repository.path / "train.py").write_text("4\n")
    process = repository.start("commit", "--all")
    opened = repository.edit(process, lambda text: "written on the laptop\n" + text)
    assert opened.file.name == "COMMIT_EDITMSG"
    assert repository.ended(process).ok()
    assert repository.log()[0] == "written on the laptop"


def test_a_message_that_is_closed_unsaved_ends_the_commit(repository: Repository) -> None:
    (repository.path / "train.py").write_text("4\n")
    process = repository.start("commit", "--all")
    repository.editor.wait_open().give_up()
    ran = repository.ended(process)
    assert ran.code == 1
    assert "empty commit message" in ran.err
    assert repository.log()[0] == "change 3"


def test_a_message_that_could_not_be_saved_ends_the_commit(repository: Repository) -> None:
    (repository.path / "train.py").write_text("4\n")
    process = repository.start("commit", "--all")
    opened = repository.editor.wait_open()
    message = repository.path / ".git" / "COMMIT_EDITMSG"
    message.unlink()
    message.mkdir()
    opened.write(b"lost?\n")
    opened.quit()
    ran = repository.ended(process)
    message.rmdir()
    assert ran.code == 1
    assert "problem with the editor" in ran.err
    assert repository.log()[0] == "change 3"


def test_an_amended_message_of_git_editor(repository: Repository) -> None:
    process = repository.start("commit", "--amend", GIT_EDITOR="rbridge open --wait --type gitcommit")
    repository.edit(process, lambda text: text.replace("change 3", "change three"))
    repository.ended(process).ok()
    assert repository.log()[0] == "change three"


def test_rebase_has_its_list_and_then_a_message_edited(repository: Repository) -> None:
    process = repository.start("rebase", "--interactive", "HEAD~2")
    todo = repository.edit(process, lambda text: text.replace("pick", "reword", 1))
    assert todo.file.name == "git-rebase-todo"
    repository.edit(process, lambda text: text.replace("change 2", "the second change"))
    repository.ended(process).ok()
    assert repository.log() == ["change 3", "the second change", "change 1"]


def test_with_nothing_listening_git_edits_here(repository: Repository) -> None:
    here = repository.host.script("bin/vim", '#!/bin/sh\necho "written here" > "$1"\n')
    assert here.exists()
    (repository.path / "train.py").write_text("4\n")
    process = repository.start("commit", "--all", GIT_EDITOR="rbridge open -w -s /no/such --else vim")
    ran = repository.ended(process).ok()
    assert "opening in vim here" in ran.err
    assert repository.log()[0] == "written here"


def test_with_nothing_listening_and_no_other_editor_git_says_so(repository: Repository) -> None:
    (repository.path / "train.py").write_text("4\n")
    ran = repository.ended(repository.start("commit", "--all", GIT_EDITOR="rbridge open -w -s /no/such"))
    assert ran.code == 1
    assert "nobody is listening" in ran.err


def sides(plugin: Plugin, number: int) -> tuple[Shown, Shown]:
    found = plugin.diffs[number]
    return plugin.buffers[found["left"]], plugin.buffers[found["right"]]


async def test_difftool_shows_one_diff_after_the_other_and_takes_changes(repository: Repository) -> None:
    (repository.path / "train.py").write_text("4\n")
    (repository.path / "new.py").write_text("new\n")
    repository.git("add", "new.py")
    async with attached(repository.daemon) as plugin:
        process = repository.start("difftool", "HEAD")
        await plugin.until(lambda: len(plugin.diffs) == 1)
        nothing, new = sides(plugin, 0)
        assert (nothing.text, new.text) == (b"", b"new\n")
        assert nothing.head["readOnly"]
        await plugin.close(nothing)
        await plugin.close(new)
        await plugin.until(lambda: len(plugin.diffs) == 2)
        before, now = sides(plugin, 1)
        assert (before.text, now.text) == (b"3\n", b"4\n")
        await plugin.write(now, b"5\n")
        await plugin.close(before)
        await plugin.close(now)
        (await aside(repository.ended, process)).ok()
    assert (repository.path / "train.py").read_text() == "5\n"


@pytest.fixture
def conflict(repository: Repository) -> Repository:
    repository.git("branch", "other", "HEAD~1")
    repository.git("checkout", "--quiet", "other")
    repository.commit("theirs\n", "theirs")
    repository.git("checkout", "--quiet", "main")
    assert repository.host.run(["git", "merge", "other"], cwd=repository.path).code == 1
    return repository


def test_mergetool_takes_what_was_resolved(conflict: Repository) -> None:
    process = conflict.start("mergetool", "--no-prompt")
    opened = conflict.edit(process, lambda text: "3, theirs\n" if "<<<<<<<" in text else "wrong")
    assert opened.file.name == "train.py"
    conflict.ended(process).ok()
    assert (conflict.path / "train.py").read_text() == "3, theirs\n"
    assert conflict.git("status", "--porcelain") == "M  train.py\n"


@pytest.mark.parametrize("saves", [False, True])
def test_mergetool_does_not_take_what_still_has_a_conflict(conflict: Repository, saves: bool) -> None:
    process = conflict.start("mergetool", "--no-prompt")
    opened = conflict.editor.wait_open()
    if saves:
        opened.write(opened.content + b"more\n")
        opened.quit()
    else:
        opened.give_up()
    ran = conflict.ended(process)
    assert ran.code == 1
    assert "UU train.py" in conflict.git("status", "--porcelain")


async def test_mergetool_with_both_sides_beside(conflict: Repository) -> None:
    async with attached(conflict.daemon) as plugin:
        process = conflict.start("mergetool", "--no-prompt", "--tool", "rbridge-sides")
        await plugin.until(lambda: plugin.diffs)
        assert [one.text for one in sides(plugin, 0)] == [b"3\n", b"theirs\n"]
        merged = await plugin.shown(str(conflict.path / "train.py"))
        assert b"<<<<<<<" in merged.text
        await plugin.write(merged, b"3, theirs\n")
        await plugin.close(merged)
        (await aside(conflict.ended, process)).ok()
        await plugin.until(lambda: not plugin.buffers)
    assert conflict.git("status", "--porcelain") == "M  train.py\n"


def test_sudoedit_writes_what_was_saved_to_the_file_of_another_user(repository: Repository) -> None:
    host = repository.host
    file = host.file("etc/app.conf", "port = 1\n", 0o600)
    root = os.geteuid() == 0
    command = "sudoedit" if root else str(host.script("bin/as-sudoedit", SUDOEDIT))
    host.env["SUDO_EDITOR"] = f"{shlex.quote(str(host.path / 'bin' / 'rbridge'))} open -w"
    process = host.start([command, str(file)])
    opened = repository.editor.wait_open()
    assert opened.content == b"port = 1\n"
    assert "/var/tmp/app" in str(opened.file)
    assert file.read_text() == "port = 1\n"
    opened.write(b"port = 2\n")
    opened.quit()
    repository.ended(process).ok()
    assert file.read_text() == "port = 2\n"
    assert not list(Path("/var/tmp").glob("app*.conf"))
