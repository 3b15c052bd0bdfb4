"""Windows that outlive us: for editors that run in a terminal, and for those that are a program of their own.

A terminal editor gets a new tmux window where the daemon runs in tmux, else a terminal emulator. When an edit
is cancelled all of these are left alone: they may show text that is not saved.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from rbridge.adapters.lifeline import Lifeline, lifeline
from rbridge.adapters.process import Opener, Running, Start, environment
from rbridge.errors import NotListening, UsageError

Which = Callable[[str], "str | None"]

TITLE = 60  # characters of a window's name
_WINDOW = re.compile(r"@\d+")

EMULATORS = {
    "x-terminal-emulator": "-e",
    "kitty": "--title {title}",
    "alacritty": "--title {title} -e",
    "foot": "--title={title}",
    "wezterm": "start --always-new-process --",
    "ghostty": "-e",
    "gnome-terminal": "--wait --title {title} --",
    "ptyxis": "--new-window --title {title} --",
    "kgx": "--title {title} --",
    "konsole": "--separate -p tabtitle={title} -e",
    "xfce4-terminal": "--disable-server --title {title} -x",
    "mate-terminal": "--disable-factory --title {title} -x",
    "terminator": "--title {title} -x",
    "urxvt": "-T {title} -e",
    "st": "-T {title} -e",
    "xterm": "-T {title} -e",
}
"""How each emulator takes a title and a command, in the order in which they are looked for."""


class OwnProgram:
    """For an editor that is its own process with its own window, and may show other texts too."""

    def describe(self) -> str:
        return "in its own window"

    @asynccontextmanager
    async def open(self, start: Start) -> AsyncIterator[Running]:
        async with lifeline(start) as line:
            await line.launch(line.hold(), environment(start))
            await line.started()
            yield line


class Tmux:
    """A new window in the tmux session that the daemon runs in. *program* is tmux, *environ* has $TMUX."""

    def __init__(self, program: str) -> None:
        self._program = program

    def describe(self) -> str:
        return "in a new tmux window"

    @asynccontextmanager
    async def open(self, start: Start) -> AsyncIterator[Running]:
        words = [self._program, "new-window", "-P", "-F", "#{window_id}", "-n", plain(start.title)]
        if start.keep_focus:
            words.append("-d")
        async with lifeline(start) as line:
            # the new process has tmux' environment, not ours
            added = ["/usr/bin/env", *(f"{name}={value}" for name, value in start.added.items())]
            held = [*(added if start.added else []), *line.hold()]
            line.window = await line.ask([*words, "--", *map(_tmux_word, held)], start.environ)
            await line.started()
            yield line

    def raising(self, window: str) -> list[str]:
        """The command that brings *window* to the front; empty for what is none of tmux'."""
        return [self._program, "select-window", "-t", window] if _WINDOW.fullmatch(window) else []


class Emulator:
    """A terminal emulator: *words* is its command line up to where the editor's begins."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def describe(self) -> str:
        return f"in {os.path.basename(self._words[0])}"

    @asynccontextmanager
    async def open(self, start: Start) -> AsyncIterator[Running]:
        title = plain(start.title)
        async with lifeline(start) as line:
            words = [word.replace("{title}", title) for word in self._words]
            await line.launch([*words, *self._command(start, line)], environment(start))
            await line.started()
            yield line

    def _command(self, start: Start, line: Lifeline) -> list[str]:
        # an emulator's server has an environment of its own
        added = ["/usr/bin/env", *(f"{name}={value}" for name, value in start.added.items())]
        return [*(added if start.added else []), *line.hold()]


class MacTerminal(Emulator):
    """macOS' Terminal, which takes a script and no arguments. Written for macOS and not run there."""

    def __init__(self) -> None:
        super().__init__(["/usr/bin/open", "-a", "Terminal"])

    def _command(self, start: Start, line: Lifeline) -> list[str]:
        script = start.private / "editor.command"
        script.write_text(f"#!/bin/sh\nexec {shlex.join(super()._command(start, line))}\n")
        script.chmod(0o700)
        return [str(script)]


class NoTerminal:
    """There is no window to be had; *hint* says what mends it."""

    hint = (
        "start 'rbridge serve' inside tmux, or set terminal = \"xterm -e\" (your terminal's command) in "
        "config.toml, or choose an editor with a window: rbridge serve --editor SPEC"
    )

    def describe(self) -> str:
        return f"but there is no terminal to show it in: {self.hint}"

    @asynccontextmanager
    async def open(self, start: Start) -> AsyncIterator[Running]:
        raise NotListening(f"cannot start {start.editor}: there is no terminal to show it in", self.hint)
        yield  # what makes this a generator


def find(
    environ: Mapping[str, str], which: Which, configured: str | None = None, platform: str = sys.platform
) -> Opener:
    """How a terminal editor opens: *configured* (a command line to which the editor's is appended), tmux if
    the daemon runs in it, an emulator if there is a display. Raises UsageError if *configured* is not there.
    """
    if configured:
        return _configured(configured, which)
    tmux = which("tmux") if environ.get("TMUX") else None
    if tmux is not None:
        return Tmux(tmux)
    if platform == "darwin":
        return MacTerminal()
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        for name, options in EMULATORS.items():
            if program := which(name):
                return Emulator([program, *shlex.split(options)])
    return NoTerminal()


def plain(title: str) -> str:
    """*title* as a window's name: short, and without ``#``, which tmux would expand, even to commands."""
    shown = "".join("_" if c == "#" or not c.isprintable() else c for c in title)
    return shown[:TITLE].lstrip("-") or "rbridge"


def _configured(command: str, which: Which) -> Emulator:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"terminal = {command!r}: {error}", "correct it in config.toml") from error
    program = which(words[0]) if words else None
    if program is None:
        raise UsageError(f"terminal = {command!r}: no such program", "correct it in config.toml")
    if len(words) == 1:
        words += shlex.split(EMULATORS.get(os.path.basename(words[0]), "-e"))
    return Emulator([program, *words[1:]])


def _tmux_word(word: str) -> str:
    """tmux takes a word that ends in ``;`` for the end of its command."""
    return word[:-1] + "\\;" if word.endswith(";") else word
