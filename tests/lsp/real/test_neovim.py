"""Neovim's language client in a buffer of a host: real servers, through a real sshd."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Bridge
from tests.editors.nvim import Neovim
from tests.harness import servers
from tests.harness.client import Builds
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, signalled
from tests.harness.sshd import Sshd
from tests.harness.wait import until
from tests.lsp.real.conftest import TRAIN, words_of

ONLY = "unique_symbol"
PROJECT = {
    "used.py": "def old_name() -> int:\n    return 1\n",
    "uses.py": "from used import old_name\n\nprint(old_name())\n",
    "defines.py": "def everywhere() -> int:\n    return 1\n",
    **{f"refers{number}.py": "from defines import everywhere\n\neverywhere()\n" for number in range(3)},
}
"""There before a server looks at the project."""
PATIENCE = 60.0  # seconds for a server to start and to look at the project
CLIENTS = (
    "return vim.tbl_map(function(c) return vim.split(c.name, '@')[1] end, vim.lsp.get_clients({bufnr = 0}))"
)
DIAGNOSTICS = "return vim.tbl_map(function(d) return d.message end, vim.diagnostic.get(0))"
HOVERED = """
for _, win in ipairs(vim.api.nvim_list_wins()) do
  if vim.api.nvim_win_get_config(win).relative ~= '' then
    return table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(win), 0, -1, true), ' ')
  end
end
return ''
"""
COMPLETED = """
local start = vim.lsp.omnifunc(1, '')
local client = vim.lsp.get_clients({bufnr = 0, method = 'textDocument/completion'})[1]
local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
local answer = client:request_sync('textDocument/completion', params, 20000, 0)
local result = answer and answer.result or {}
return vim.tbl_map(function(one) return one.label end, result.items or result)
"""


class Desk:
    """A laptop with Neovim, and a project on a host whose shell has an environment with language servers."""

    def __init__(self, bridge: Bridge, laptop: Home) -> None:
        self.bridge = bridge
        self.host = servers.host()
        self.laptop = laptop
        self.project = bridge.home.path / "project"
        self.editor = Neovim(laptop)

    def file(self, name: str, text: str) -> Path:
        return self.bridge.home.file(f"project/{name}", text)

    def open(self, name: str) -> None:
        """Type ``rbridge open NAME`` where the environment was activated."""
        client = f"{self.bridge.client} open {self.bridge.address}"
        command = f"cd {self.project}; {self.host.activate}; {client} {name}"
        self.bridge.home.run(self.bridge.sshd.ssh(command), deadline=60.0).ok()
        self.editor.sees(name)

    def begin(self, name: str, text: str, expects: str) -> Neovim:
        """Open a file of the project, new where it has a *text*, and wait until *expects* serves it."""
        if text:
            self.file(name, text)
        self.open(name)
        until(lambda: expects in self.editor.lua(CLIENTS), PATIENCE, what=f"{expects} for {name}")
        return self.editor

    def kill(self, program: str) -> None:
        """A crash of a language server."""
        found = [pid for pid in self.bridge.home.processes() if program in words_of(pid)]
        assert found, f"no {program} runs on the host"
        for pid in found:
            signalled(pid, signal.SIGKILL)


@contextlib.contextmanager
def made(builds: Builds, config: str = "") -> Iterator[Desk]:
    with contextlib.ExitStack() as stack:
        laptop, remote = Home("laptop"), Home("remote")
        stack.callback(laptop.close)
        stack.callback(remote.close)
        if config:
            (remote.config / "rbridge").mkdir(mode=0o700)
            (remote.config / "rbridge" / "config.toml").write_text(config)
        sshd = Sshd(remote)
        stack.callback(sshd.close)
        daemon = Daemon(laptop, editor="false")
        stack.callback(daemon.stop)
        bridge = Bridge(sshd, daemon, builds.file, unix=True, alias=sshd.alias)
        stack.callback(bridge.close)
        remote.file("project/pyproject.toml", "[project]\nname = 'project'\nversion = '1'\n")
        desk = Desk(bridge, laptop)
        stack.callback(desk.editor.kill)
        yield desk


@pytest.fixture(scope="module")
def desk(builds: Builds) -> Iterator[Desk]:
    """With what the table of servers says for Python: basedpyright, and ruff beside it."""
    with made(builds) as one:
        for name, text in PROJECT.items():
            one.file(name, text)
        yield one


def go(editor: Neovim, words: str) -> None:
    """Put the cursor on the last *words* of the text."""
    editor.lua(f"vim.cmd('normal! gg0') vim.fn.search([[\\V{words}]], 'b')")


def hovers(editor: Neovim, words: str) -> bool:
    editor.keys("K")
    return words in editor.until(HOVERED)


def test_a_completion_names_what_exists_only_there(desk: Desk) -> None:
    editor = desk.begin("complete.py", "import only_here\n\nonly_here.unique_\n", "basedpyright")
    editor.lua("vim.api.nvim_win_set_cursor(0, {3, 17}) vim.cmd('startinsert!')")
    until(lambda: ONLY in editor.lua(COMPLETED), PATIENCE)
    editor.keys("<C-x><C-o>")
    until(lambda: editor.line(3).startswith("only_here.unique_symbol"))
    editor.keys("<C-e><Esc>")


def test_both_servers_are_there_and_say_what_they_have_to_say(desk: Desk) -> None:
    editor = desk.begin("wrong.py", "import os\nimport only_here\n\nonly_here.no_such\n", "ruff")
    until(lambda: sorted(editor.lua(CLIENTS)) == ["basedpyright", "ruff"], PATIENCE)

    def said(words: str) -> bool:
        return any(words in one for one in editor.lua(DIAGNOSTICS))

    until(lambda: said("no_such"), PATIENCE)
    until(lambda: said("`os` imported but unused"), PATIENCE)


def test_hover_and_a_definition_in_site_packages(desk: Desk) -> None:
    editor = desk.begin("train.py", TRAIN, "basedpyright")
    go(editor, f"{ONLY}(")
    until(lambda: hovers(editor, "as often as this host alone knows"), PATIENCE)
    editor.keys("<Esc>")
    go(editor, f"{ONLY}(")
    editor.lua("vim.lsp.buf.definition()")
    editor.sees(str(desk.host.only_here))
    line = servers.ONLY_HERE.splitlines().index("def unique_symbol(name: str, count: int = 1) -> str:") + 1
    until(lambda: editor.cursor == (line, 5))
    assert editor.text == servers.ONLY_HERE
    assert editor.read_only
    assert not editor.lua("return vim.bo.modifiable")
    until(lambda: "basedpyright" in editor.lua(CLIENTS))
    editor.keys("<C-o>")
    editor.sees("train.py")


def test_a_rename_over_two_files_is_saved_on_the_host(desk: Desk) -> None:
    editor = desk.begin("uses.py", "", "basedpyright")
    go(editor, "old_name()")
    until(lambda: hovers(editor, "-> int"), PATIENCE)
    editor.keys("<Esc>")
    go(editor, "old_name()")
    editor.lua("vim.lsp.buf.rename('new_name')")
    until(lambda: editor.lines[2] == "print(new_name())", PATIENCE)
    editor.save_all()
    until(lambda: "new_name" in (desk.project / "used.py").read_text())
    until(
        lambda: (desk.project / "uses.py").read_text() == "from used import new_name\n\nprint(new_name())\n"
    )


def test_a_code_action_of_the_linter(desk: Desk) -> None:
    editor = desk.begin("unused.py", "import os\n\nprint(1)\n", "ruff")
    until(lambda: any("unused" in one for one in editor.lua(DIAGNOSTICS)), PATIENCE)
    editor.lua(
        "vim.lsp.buf.code_action({apply = true,"
        " filter = function(a) return a.title:find('Remove unused import') ~= nil end})"
    )
    until(lambda: "import os" not in editor.text, PATIENCE)


def test_references_in_the_project_come_into_the_quickfix_list(desk: Desk) -> None:
    editor = desk.begin("refers0.py", "", "basedpyright")
    go(editor, "everywhere()")
    until(lambda: hovers(editor, "-> int"), PATIENCE)
    editor.keys("<Esc>")
    go(editor, "everywhere()")
    editor.lua("vim.lsp.buf.references()")
    until(lambda: len(texts(editor)) == 7, PATIENCE)
    assert "def everywhere() -> int:" in texts(editor)
    editor.keys(":cclose<CR>")


def texts(editor: Neovim) -> list[str]:
    return list(editor.lua("return vim.tbl_map(function(one) return one.text end, vim.fn.getqflist())"))


def test_a_server_that_crashes_is_there_again(desk: Desk) -> None:
    editor = desk.begin("again.py", TRAIN, "basedpyright")
    go(editor, f"{ONLY}(")
    until(lambda: hovers(editor, "as often as this host alone knows"), PATIENCE)
    editor.keys("<Esc>")
    editor.keys("ggOimport only_here as typed<Esc>")
    desk.kill("basedpyright")
    go(editor, f"{ONLY}(")
    until(lambda: hovers(editor, "as often as this host alone knows"), PATIENCE)
    editor.keys("<Esc>:edit!<CR>")
    assert "quit with" not in editor.told()


def test_a_conflict_is_a_diagnostic_with_code_actions(desk: Desk) -> None:
    editor = desk.begin("disputed.py", "one = 1\n", "basedpyright")
    editor.insert("# mine ")
    (desk.project / "disputed.py").write_text("theirs = 1\n")
    editor.until_conflict()
    until(lambda: any("disputed.py" in one for one in editor.lua(DIAGNOSTICS)), PATIENCE)
    editor.lua(
        "vim.lsp.buf.code_action({apply = true,"
        " filter = function(a) return a.title:find('Overwrite') ~= nil end})"
    )
    until(lambda: (desk.project / "disputed.py").read_text() == "# mine one = 1\n")
    until(lambda: not any("disputed.py" in one for one in editor.lua(DIAGNOSTICS)))


@pytest.mark.parametrize("server", ["pylsp", "jedi-language-server"])
def test_the_hosts_configuration_says_which(builds: Builds, server: str) -> None:
    with made(builds, f'lsp-python = "{server}"\n') as desk:
        editor = desk.begin("train.py", TRAIN, server)
        assert editor.lua(CLIENTS) == [server]
        go(editor, f"{ONLY}(")
        until(lambda: hovers(editor, "as often as this host alone knows"), PATIENCE)
        editor.keys("<Esc>")
        go(editor, f"{ONLY}(")
        editor.lua("vim.lsp.buf.definition()")
        editor.sees(str(desk.host.only_here))
        assert editor.read_only


def test_a_daemon_that_is_started_anew_has_them_again(builds: Builds) -> None:
    with made(builds) as desk:
        editor = desk.begin("train.py", TRAIN, "basedpyright")
        go(editor, f"{ONLY}(")
        until(lambda: hovers(editor, "as often as this host alone knows"), PATIENCE)
        editor.keys("<Esc>")
        desk.bridge.daemon.process.kill()
        desk.bridge.daemon.process.wait()
        until(lambda: editor.lua(CLIENTS) == [])
        daemon = Daemon(desk.laptop, editor="false")
        try:
            until(lambda: "basedpyright" in editor.lua(CLIENTS), PATIENCE)
            go(editor, f"{ONLY}(")
            until(lambda: hovers(editor, "as often as this host alone knows"), PATIENCE)
            assert "quit with" not in editor.told()
        finally:
            editor.kill()
            daemon.stop()


def test_without_a_server_it_says_once_how_to_get_one(builds: Builds) -> None:
    with made(builds) as desk:
        desk.file("main.go", "package main\n")
        desk.file("other.go", "package main\n")
        for name in ("main.go", "other.go"):
            desk.open(name)
        desk.editor.said("go install golang.org/x/tools/gopls@latest")
        assert desk.editor.told().count("gopls@latest") == 1
