"""The editors that the scenarios run over: their kinds, and where the driver of each is."""

from __future__ import annotations

import importlib

from tests.editors.driver import Driver

DRIVERS = {
    "nvim": "tests.editors.nvim:Neovim",
    "vim": "tests.editors.vim:Vim",
    "emacs": "tests.editors.emacs:Emacs",
    "vscode": "tests.editors.vscode:VSCode",
    "sublime": "tests.editors.sublime:Sublime",
    "command": "tests.editors.command:Command",
}


def driver(kind: str) -> type[Driver]:
    """The class that drives *kind*; only then is its module imported."""
    module, _, name = DRIVERS[kind].partition(":")
    found: type[Driver] = getattr(importlib.import_module(module), name)
    assert found.kind == kind, f"{found} says that it is {found.kind}"
    return found
