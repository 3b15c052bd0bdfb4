"""Where the plug-ins look for the daemon, and where they do not; and one that speaks another version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.editors import emacs, nvim, sublime, vim
from tests.editors.attach_server import AttachServer, Refusal
from tests.editors.emacs import Emacs
from tests.editors.nvim import Neovim
from tests.editors.sublime import Sublime
from tests.editors.vim import Vim
from tests.harness.environment import Home
from tests.harness.wait import stays


@dataclass(frozen=True)
class Plugin:
    """An editor: what tells that it is *ready*, and what finds its *candidates* with these variables."""

    kind: Any
    ready: str
    candidates: Callable[[Any, Mapping[str, str]], object]


def of_nvim(editor: Neovim, variables: Mapping[str, str]) -> object:
    lines = [f"vim.env.{name} = '{value}'" for name, value in variables.items()]
    return editor.lua("; ".join([*lines, "return require('rbridge.place').candidates()"]))


def of_vim(editor: Vim, variables: Mapping[str, str]) -> object:
    editor.until("rbridge#place#Candidates()[0] != ''")
    for name, value in variables.items():
        editor.do(f"let ${name} = '{value}'")
    return editor.ask("rbridge#place#Candidates()")


def of_emacs(editor: Emacs, variables: Mapping[str, str]) -> object:
    changes = " ".join(f'(setenv "{name}" "{value}")' for name, value in variables.items())
    return editor.ask(f"(progn {changes} (mapcar #'expand-file-name (rbridge-link-candidates)))")


def of_sublime(editor: Sublime, variables: Mapping[str, str]) -> object:
    editor.do(f"__import__('os').environ.update({variables!r})")
    return editor.look("sys.modules['rbridge.lib.place'].candidates()")


@pytest.fixture(
    params=[
        Plugin(Neovim, nvim.READY, of_nvim),
        Plugin(Vim, vim.READY, of_vim),
        Plugin(Emacs, emacs.READY, of_emacs),
        Plugin(Sublime, sublime.READY, of_sublime),
    ],
    ids=lambda plugin: plugin.kind.kind,
)
def plugin(request: pytest.FixtureRequest) -> Plugin:
    found: Plugin = request.param
    return found


def test_another_version_is_said_once(home: Home, plugin: Plugin) -> None:
    def refuse(*_: object) -> Any:
        raise Refusal(-32600, "rbridge speaks version 2", {"versions": [2]})

    server = AttachServer(home.runtime / "editor.sock")
    server.handlers["initialize"] = refuse
    editor = plugin.kind(home, attached=False)
    try:
        editor.said(f"rbridge speaks version 2 (rbridge plugin install {plugin.kind.kind})")
        stays(lambda: len(server.got) == 1, 1.5)
    finally:
        editor.kill()
        server.close()


@pytest.mark.parametrize("mode", [0o777, 0o755])
def test_a_runtime_directory_that_others_can_reach_is_not_used(home: Home, plugin: Plugin, mode: int) -> None:
    server = AttachServer(home.runtime / "editor.sock")
    home.runtime.chmod(mode)
    editor = plugin.kind(home, attached=False)
    try:
        stays(lambda: not server.got, 1.5)
        home.runtime.chmod(0o700)
        editor.until(plugin.ready)
    finally:
        editor.kill()
        server.close()


def test_the_place_is_the_daemons(home: Home, plugin: Plugin) -> None:
    """The same directories, in the same order, as the daemon looks at."""
    editor = plugin.kind(home, attached=False)
    try:
        for environ in (
            {},
            {"XDG_RUNTIME_DIR": str(home.path)},
            {"TMPDIR": "/var/tmp"},
            {"RBRIDGE_RUNTIME_DIR": "/x/"},
        ):
            variables = {"XDG_RUNTIME_DIR": "", "TMPDIR": "", "RBRIDGE_RUNTIME_DIR": "", **environ}
            ours = home.run(
                ["python3", "-c", "from rbridge import paths; print(*paths.runtime_candidates())"],
                env=variables,
            ).ok()
            assert plugin.candidates(editor, variables) == ours.out.split()
    finally:
        editor.kill()
