"""Chooses the adapter: from what the user said, from the environment, or from what is installed."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from shutil import which as find_program

from rbridge.adapters import terminal as terminals
from rbridge.adapters.absent import Absent
from rbridge.adapters.base import Adapter
from rbridge.adapters.command import CommandAdapter
from rbridge.adapters.editors import GRAPHICAL, PLAIN_TERMINAL, TERMINAL, comparing, preset_of
from rbridge.adapters.process import Opener
from rbridge.adapters.rmate import RmateAdapter
from rbridge.adapters.starter import Bare
from rbridge.adapters.terminal import NoTerminal, OwnProgram
from rbridge.errors import UsageError

Which = Callable[[str], "str | None"]

OURSELVES = ("rbridge", "rmate")
ATTACHED = "attached"
"""The SPEC that starts no editor."""
_RMATE = re.compile(r"rmate:(?:(?P<host>\[[^\]]+\]|[^:]+):)?(?P<port>\d+)")
_HINT = "say which: rbridge serve --editor code, or any other editor or command; or set EDITOR"


def choose(
    spec: str | None,
    environ: Mapping[str, str] | None = None,
    which: Which = find_program,
    *,
    terminal: str | None = None,
    here: Opener | None = None,
    diff: str | None = None,
) -> Adapter:
    """The adapter for *spec*: a preset's name, a command, or ``rmate:[HOST:]PORT``.

    Without *spec*: the first editor with a window that is installed, if there is a display; else $VISUAL,
    else $EDITOR, else the first terminal editor that is installed. *terminal* is the configured terminal's
    command, *diff* that of the program which compares two files in place of an editor that is started.
    Raises UsageError when *spec* makes no sense, names a program that is not there, or nothing is found.
    """
    environ = os.environ if environ is None else environ
    choice = _Choice(environ, which, terminal, here)
    adapter = choice.make(spec)
    if diff is not None and isinstance(adapter, CommandAdapter):
        adapter.differ = choice.differ(diff)
    return adapter


def bare(
    specs: Iterable[str], environ: Mapping[str, str], which: Which, *, terminal: str | None = None
) -> Bare | None:
    """The first of *specs*, each a program or a command, that is installed and has a window here: to be
    started without a text.

    *terminal* is the configured terminal's command. Raises UsageError when one makes no sense.
    """
    return _Choice(environ, which, terminal, None).bare(specs)


def program(spec: str) -> str:
    """What the preset of *spec* is called, else its program's own name."""
    name = os.path.basename(_words(spec, "--editor")[0])
    preset = preset_of(name, display=False)
    return preset.name if preset is not None else name


class _Choice:
    def __init__(
        self, environ: Mapping[str, str], which: Which, terminal: str | None, here: Opener | None
    ) -> None:
        self._environ = environ
        self._which = which
        self._terminal = terminals.find(environ, which, terminal)
        if here is not None and isinstance(self._terminal, NoTerminal):
            self._terminal = here
        self._display = bool(
            environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY") or sys.platform == "darwin"
        )

    def make(self, spec: str | None) -> Adapter:
        if spec is not None:
            return self._named(spec)
        adapter = self._graphical() or self._from_environment() or self._in_terminal()
        if adapter is None:
            raise UsageError("no editor was found that can be opened from here", _HINT)
        return adapter

    def differ(self, spec: str) -> CommandAdapter:
        words = _words(spec, "diff")
        program = self._find(words[0])
        if program is None:
            raise UsageError(f"diff: there is no program {words[0]!r}", "install it, or name another one")
        return CommandAdapter(
            words,
            preset=comparing(program, display=self._display),
            opener=self._opener(words, program),
            environ=self._environ,
            which=self._which,
        )

    def bare(self, specs: Iterable[str]) -> Bare | None:
        for spec in specs:
            words = _words(spec, "--editor")
            program = self._find(words[0])
            if program is not None:
                opener = self._opener(words, program) or OwnProgram()
                if not isinstance(opener, NoTerminal):
                    return Bare(os.path.basename(words[0]), [program, *words[1:]], opener, self._environ)
        return None

    def _named(self, spec: str) -> Adapter:
        if spec == ATTACHED:
            return Absent()
        if spec.startswith("rmate:"):
            return _rmate(spec)
        words = _words(spec, "--editor")
        program = self._find(words[0])
        if program is None:
            raise UsageError(f"--editor: there is no program {words[0]!r}", "install it, or name another one")
        return self._command(words, program)

    def _graphical(self) -> Adapter | None:
        return self._first(preset.names for preset in GRAPHICAL) if self._display else None

    def _from_environment(self) -> Adapter | None:
        for variable in ("VISUAL", "EDITOR"):
            said = self._environ.get(variable, "")
            if not said.strip():
                continue
            words = _words(said, "$" + variable)
            program = self._find(words[0])
            if program is None or os.path.basename(program) in OURSELVES:
                continue
            adapter = self._command(words, program)
            if not (
                self._opener(words, program) is self._terminal and isinstance(self._terminal, NoTerminal)
            ):
                return adapter
        return None

    def _in_terminal(self) -> Adapter | None:
        if isinstance(self._terminal, NoTerminal):
            return None
        return self._first(preset.names for preset in TERMINAL)

    def _first(self, editors: Iterable[tuple[str, ...]]) -> Adapter | None:
        for names in editors:
            for name in names:
                if program := self._find(name):
                    return self._command([name], program)
        return None

    def _find(self, name: str) -> str | None:
        """Where *name* is; ZFS' event daemon in sbin is not the editor Zed."""
        program = self._which(name)
        if program is not None and name == "zed" and os.path.basename(os.path.dirname(program)) == "sbin":
            return None
        return program

    def _command(self, words: Sequence[str], program: str) -> Adapter:
        preset = preset_of(program, display=self._display)
        return CommandAdapter(
            words,
            preset=preset,
            opener=self._opener(words, program),
            environ=self._environ,
            which=self._which,
        )

    def _opener(self, words: Sequence[str], program: str) -> Opener | None:
        preset = preset_of(program, display=self._display)
        if preset is None:
            return self._terminal if os.path.basename(program) in PLAIN_TERMINAL else None
        if preset.in_terminal(words[1:]):
            return self._terminal
        return OwnProgram() if preset.lasting else None


def _words(said: str, source: str) -> list[str]:
    try:
        words = shlex.split(said)
    except ValueError as error:
        raise UsageError(f"{source}: {said!r}: {str(error).lower()}", "quote it as for a shell") from error
    if not words:
        raise UsageError(f"{source} is empty", _HINT)
    return words


def _rmate(spec: str) -> RmateAdapter:
    found = _RMATE.fullmatch(spec)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise UsageError(f"--editor {spec!r}", "an editor that speaks rmate is rmate:PORT or rmate:HOST:PORT")
    return RmateAdapter((found["host"] or "127.0.0.1").strip("[]"), int(found["port"]))
