"""A hostile language server on the host, and a real Neovim on the laptop: nothing happens there.

The same server, started by the same Neovim without anything between them, does all the harm that it wants to.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.editors.nvim import Neovim, binary
from tests.harness.environment import PROGRAMS, Home, rbridge, stop
from tests.harness.wait import until
from tests.lsp import evil_server
from tests.lsp.conftest import Host

SECRET = "the secret of the laptop"
FILES = {name: f"{name}\n" for name in ("changed", "old", "victim", "victim too")} | {"secret": f"{SECRET}\n"}
WITNESS = "#!/bin/sh\nprintf '%s\\n' \"$0 $*\" >> {}\n"
OPENERS = ("xdg-open", "open", "gio", "wslview", "explorer.exe")
PATIENCE = 60.0

READY = """
vim.g.evil = vim.api.nvim_get_current_buf()
vim.lsp.commands['editor.own'] = function() vim.fn.writefile({{'ran'}}, '{ran}') end
return true
"""
BEGIN = """
vim.lsp.start({{
  name = 'evil', cmd = vim.json.decode([==[{cmd}]==]), root_dir = vim.fn.getcwd(),
  settings = {{ http = {{ proxy = '{secret}' }}, ['ssh'] = {{ keys = '{secret}' }}, python = {{}} }},
}})
return true
"""
ATTACHED = "local c = vim.lsp.get_clients({bufnr = 0})[1] return c ~= nil and c.initialized == true"
# What was answered before has been dealt with when this is answered.
SETTLED = """
local client = vim.lsp.get_clients()[1]
local document = { uri = vim.uri_from_bufnr(vim.g.evil) }
local params = { textDocument = document, position = { line = 0, character = 0 } }
local answer = client:request_sync('textDocument/hover', params, 20000, vim.g.evil)
return answer ~= nil and answer.result ~= nil and answer.result.contents == 'the end'
"""
ACTION = (
    "vim.lsp.buf.code_action({{ apply = true, filter = function(a) return a.title == '{}' end }}) return true"
)
STEPS = (
    "vim.lsp.buf.definition() return true",
    "vim.cmd('silent! buffer ' .. vim.g.evil) vim.lsp.buf.rename('new') return true",
    ACTION.format("delete"),
    ACTION.format("run"),
    "vim.lsp.codelens.refresh({ bufnr = vim.g.evil }) return true",
    "pcall(vim.lsp.codelens.run) return true",
)
BUFFERS = "return vim.tbl_map(function(b) return b.name end, vim.fn.getbufinfo())"
CHANGED = "return vim.tbl_map(function(b) return b.name end, vim.fn.getbufinfo({bufmodified = 1}))"


class Plain(Neovim):
    """A Neovim that has no plug-in, and edits *path*."""

    def __init__(self, home: Home, path: Path) -> None:
        self.home = home
        self._socket = home.root / f"nvim-{os.urandom(3).hex()}"
        self._out = self._socket.with_suffix(".out")
        words = [binary(), "--clean", "--headless", "-n", "--listen", str(self._socket), str(path)]
        with open(self._out, "wb") as out:
            self.process: subprocess.Popen[bytes] = home.start(
                words, stdout=out.fileno(), stderr=out.fileno()
            )
        until(self._socket.exists, what="Neovim listens")


class Laptop:
    """What there is on the laptop that a server may have its eyes on."""

    def __init__(self, home: Home, heard: Path) -> None:
        self.home = home
        self.heard_file = heard
        self.documents = home.path / "Documents"
        for name, text in FILES.items():
            home.file(f"Documents/{name}", text)
        self.opened_file = home.root / "opened"
        self.ran_file = home.root / "ran"
        for name in OPENERS:
            home.script(f"witness/{name}", WITNESS.format(self.opened_file))
        home.env["PATH"] = f"{home.path / 'witness'}:{home.env['PATH']}"
        self.before = self.files()

    def files(self) -> dict[str, str]:
        return {one.name: one.read_text() for one in self.documents.iterdir()}

    def heard(self) -> list[Any]:
        """What the server was told."""
        text = self.heard_file.read_text() if self.heard_file.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def work(self, path: Path, command: Sequence[str]) -> Harm:
        """Edit *path* with *command* as its language server, and use what that offers."""
        editor = Plain(self.home, path)
        try:
            editor.lua(BEGIN.format(cmd=json.dumps(list(command)), secret=SECRET))
            return self.use(editor)
        finally:
            stop(editor.process, signal.SIGKILL)

    def use(self, editor: Neovim) -> Harm:
        """Use what the server of the current buffer offers, when it has asked for all that it wants."""
        editor.lua(READY.format(ran=self.ran_file))
        until(lambda: editor.lua(ATTACHED), PATIENCE, what="the server is there")
        answers = {f"evil{number}" for number in range(len(evil_server.asked("")))}
        until(lambda: {one.get("id") for one in self.heard()} >= answers, PATIENCE)
        for step in STEPS:
            editor.lua(step)
            editor.until(SETTLED)
        return Harm(self, editor)


class Harm:
    """What a server has done to a laptop and its editor."""

    def __init__(self, laptop: Laptop, editor: Neovim) -> None:
        there = str(laptop.documents)
        after = laptop.files()
        self.created = sorted(set(after) - set(laptop.before))
        self.gone = sorted(set(laptop.before) - set(after))
        self.rewritten = sorted(
            name for name in set(after) & set(laptop.before) if after[name] != laptop.before[name]
        )
        self.opened = laptop.opened_file.read_text().splitlines() if laptop.opened_file.exists() else []
        self.ran = laptop.ran_file.exists()
        self.shown = sorted(name for name in editor.lua(BUFFERS) if name.startswith(there))
        self.changed = sorted(name for name in editor.lua(CHANGED) if name.startswith(there))
        self.told = [one for one in laptop.heard() if "method" not in one and SECRET in json.dumps(one)]
        self.asked = {one["method"] for one in laptop.heard() if "method" in one}


USED = {
    "textDocument/definition",
    "textDocument/rename",
    "textDocument/codeAction",
    "textDocument/codeLens",
    "textDocument/hover",
}


def server(home: Home, laptop: Path) -> tuple[list[str], Path]:
    """The command of the hostile server, and the file of what it hears."""
    heard = home.root / "heard"
    told = home.file("told.json", json.dumps({"laptop": str(laptop), "heard": str(heard)}))
    return [sys.executable, evil_server.__file__, str(told)], heard


def test_without_a_bridge_a_hostile_server_does_what_it_wants(home: Home, other_home: Home) -> None:
    command, heard = server(other_home, home.path / "Documents")
    harm = Laptop(home, heard).work(home.file("train.py", "x = 1\n"), command)
    assert {"created", "new", "renamed"} <= set(harm.created)
    assert harm.gone == ["old", "victim", "victim too"]
    assert [line.split()[1] for line in harm.opened] == [
        "https://evil.example/?secret",
        f"file://{home.path}/Documents/secret",
    ]
    assert harm.ran
    assert {Path(name).name for name in harm.shown} >= {"changed", "secret"}
    assert {Path(name).name for name in harm.changed} >= {"changed"}
    assert harm.told
    assert harm.asked >= USED


def on(host: Host, home: Home) -> Laptop:
    """The laptop, when the server is installed on the *host*."""
    command, heard = server(host.home, home.path / "Documents")
    host.home.script("bin/pylsp", "#!/bin/sh\nexec " + " ".join(command) + "\n")
    return Laptop(home, heard)


def harmless(harm: Harm, host: Host) -> None:
    assert harm.asked >= USED, "the server was not asked"
    assert (harm.created, harm.gone, harm.rewritten) == ([], [], [])
    assert harm.opened == []
    assert not harm.ran
    assert harm.shown == harm.changed == []
    assert harm.told == []
    assert host.train.read_text() == "saved = 1\n"


def test_through_the_bridge_it_does_nothing(host: Host, home: Home, proof: Callable[[str], None]) -> None:
    laptop = on(host, home)
    opened = host.open()
    harmless(laptop.work(opened.file, rbridge("lsp", "--uri", opened.file.as_uri())), host)
    opened.quit()
    proof(
        f"a hostile language server and a real Neovim: {len(evil_server.asked(''))} attacks and {len(STEPS)}"
        " traps did nothing on the laptop; without the bridge they created, deleted, ran and opened"
    )


def test_nor_does_it_through_the_plug_in(host: Host, home: Home) -> None:
    laptop = on(host, home)
    editor = Neovim(home)
    try:
        env = {"PATH": f"{host.home.path / 'bin'}:{PROGRAMS}", "VIRTUAL_ENV": "venv"}
        words = rbridge("open", "--socket", str(host.daemon.socket), "project/train.py")
        host.home.run(words, env=env).ok()
        editor.sees("train.py")
        harmless(laptop.use(editor), host)
    finally:
        editor.kill()
