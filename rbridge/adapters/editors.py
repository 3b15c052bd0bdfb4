"""Every editor that rbridge knows: how it is told to wait, where to go, and what not to keep.

A preset is used when the program's name is known, whatever arguments the user gives it; its options go right
behind the program, so that ``--editor "code --profile work"`` still waits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rbridge.adapters import guards
from rbridge.adapters.guards import Guard

Position = Callable[[str, int, int], "list[str]"]
"""(file, line, column) -> arguments; line and column are at least 1."""

Diff = Callable[[str, str], "list[str]"]
"""(left file, right file) -> arguments."""


@dataclass(frozen=True)
class Preset:
    """What is particular about one editor.

    *names* are the programs it goes by, the first is ours. *terminal*: it runs in a terminal. *lasting*: the
    process is the editor itself and not a command that waits for it, so it must not be ended with the edit.
    *modes* turn that around: an option of the user's that makes it a terminal program, or one with a window.
    *again*: the command, with these options in place of *options*, has a running instance show a text that it
    has already; None where it would only start another one. *folders*: it shows a directory that it is
    started with. *diff*: the arguments that compare two files; None where it cannot, or does not wait then.
    *keeps* says what it keeps of a text on the laptop's disk and no option of a command line prevents.
    """

    names: tuple[str, ...]
    position: Position
    options: tuple[str, ...] = ()
    new_window: tuple[str, ...] = ()
    keep_focus: tuple[str, ...] = ()
    guard: Guard = guards.nothing
    terminal: bool = False
    lasting: bool = False
    terminal_options: tuple[str, ...] = ()
    window_options: tuple[str, ...] = ()
    again: tuple[str, ...] | None = None
    folders: bool = True
    diff: Diff | None = None
    keeps: str = ""

    @property
    def name(self) -> str:
        return self.names[0]

    def in_terminal(self, arguments: Sequence[str]) -> bool:
        """Does it run in a terminal when started with these *arguments*?"""
        if self.terminal:
            return not any(word in self.window_options for word in arguments)
        return any(word in self.terminal_options for word in arguments)


def _colons(*before: str) -> Position:
    return lambda file, line, column: [*before, f"{file}:{line}:{column}"]


def _plus(separator: str = ":") -> Position:
    return lambda file, line, column: [f"+{line}{separator}{column}", file]


def _plus_line(file: str, line: int, column: int) -> list[str]:
    return [f"+{line}", file]


def _options(line_option: str, column_option: str) -> Position:
    return lambda file, line, column: [line_option, str(line), column_option, str(column), file]


def _vim(file: str, line: int, column: int) -> list[str]:
    move = f"{column - 1}l" if column > 1 else ""
    return [f"+normal! {line}Gzv0{move}", file]


def _mate(file: str, line: int, column: int) -> list[str]:
    return ["--line", f"{line}:{column}", file]


def _file(file: str, line: int, column: int) -> list[str]:
    return [file]


def _diff(*before: str) -> Diff:
    return lambda left, right: [*before, left, right]


def _ediff(left: str, right: str) -> list[str]:
    words = " ".join(guards.elisp(file) for file in (left, right))
    return ["--eval", f"(ediff-files {words})"]


_BACKUPS = "unsaved text in its Backups directory (hot exit) and saved versions in its local history"
_RECOVERY = "nvi's recovery file in /var/tmp until it ends"
_JETBRAINS = "earlier versions in its local history and caches"


def _code(*names: str) -> Preset:
    return Preset(
        names,
        _colons("--goto"),
        ("--wait",),
        ("--new-window",),
        again=(),
        diff=_diff("--diff"),
        keeps=_BACKUPS,
    )  # without -n or -r it follows the user's window.openFilesInNewWindow


def _jetbrains(*names: str) -> Preset:
    return Preset(names, _options("--line", "--column"), ("--wait",), again=(), keeps=_JETBRAINS)


GRAPHICAL = (
    _code("code", "code-insiders", "code-oss"),
    _code("cursor"),
    _code("codium", "vscodium"),
    Preset(
        ("zed", "zeditor", "zedit"),
        _colons(),
        ("--wait",),
        ("--new",),
        again=(),
        keeps="unsaved text in its database",
    ),
    Preset(
        ("subl", "sublime_text"),
        _colons(),
        ("--wait",),
        ("--new-window",),
        ("--background",),
        again=(),
        keeps="unsaved text in its session (hot exit)",
    ),
    Preset(("mate",), _mate, ("--wait",), again=()),
    Preset(("kate",), _options("--line", "--column"), ("--block",), ("--new",), lasting=True, again=()),
    Preset(("gedit",), _plus(), ("--wait",), ("--new-window",), lasting=True, again=(), folders=False),
    Preset(
        ("gvim", "mvim"),
        _vim,
        ("-f",),
        guard=guards.vim,
        lasting=True,
        terminal_options=("-v",),
        diff=_diff("-d"),
    ),
    Preset(
        ("emacsclient",),
        _plus(),
        ("--create-frame",),
        guard=guards.emacsclient,
        terminal_options=("-t", "-nw", "--tty"),
        again=("--no-wait",),
    ),
    _jetbrains("pycharm", "pycharm.sh", "pycharm-community", "pycharm-professional", "charm"),
    _jetbrains("idea", "idea.sh", "intellij-idea-community", "intellij-idea-ultimate"),
)

TERMINAL = (
    Preset(("nvim",), _vim, guard=guards.vim, terminal=True, diff=_diff("-d")),
    # -f is for -g: without it the command returns at once, and that would be the end
    Preset(
        ("vim",),
        _vim,
        ("-f",),
        guard=guards.vim,
        terminal=True,
        lasting=True,
        window_options=("-g",),
        diff=_diff("-d"),
    ),
    Preset(("hx", "helix"), _colons(), terminal=True),
    Preset(("micro",), _plus(), guard=guards.micro, terminal=True, folders=False),
    Preset(("nano",), _plus(","), guard=guards.nano, terminal=True, folders=False),
    Preset(("emacs",), _plus(), ("-nw",), guard=guards.emacs, terminal=True, diff=_ediff),
    Preset(("kak",), _plus(), terminal=True, folders=False),
    Preset(("joe", "jmacs", "jstar", "jpico"), _plus_line, guard=guards.joe, terminal=True, folders=False),
    Preset(
        ("vi", "nvi"),
        _plus_line,
        terminal=True,
        folders=False,
        keeps="nvi's recovery file in /var/tmp until it ends",
    ),
)

# An Emacs with a window when the user has a display and did not say -nw.
EMACS_WINDOW = Preset(
    ("emacs",), _plus(), guard=guards.emacs, lasting=True, terminal_options=("-nw", "-t"), diff=_ediff
)

PLAIN_TERMINAL = (
    "mg",
    "ne",
    "jed",
    "zile",
    "mcedit",
    "jove",
    "tilde",
    "dte",
    "kibi",
    "amp",
    "pico",
    "ed",
    "vis",
)
"""Terminal editors of which nothing more needs to be known."""

WAIT_OPTIONS = {
    "atom": "--wait",
    "pulsar": "--wait",
    "bbedit": "--wait",
    "xed": "--wait",
    "pluma": "--wait",
    "mousepad": "--disable-server",
    "gnome-text-editor": "--standalone",
    "featherpad": "--standalone",
    "geany": "--new-instance",
    "open": "-W",
}
"""What makes an editor without a preset wait, for a message."""


COMPARING = (
    Preset(("meld",), _file, diff=_diff()),
    Preset(("kompare",), _file, diff=_diff()),
    Preset(("kdiff3",), _file, diff=_diff()),
    Preset(("diffuse",), _file, diff=_diff()),
    Preset(("xxdiff",), _file, diff=_diff()),
    Preset(("bcompare",), _file, diff=_diff("-solo")),
)
"""Programs with a window that compare two files and wait until that is closed; for what is configured."""


def comparing(program: str, *, display: bool) -> Preset:
    """The preset with which *program* compares two files: one of which nothing is known is given both."""
    name = os.path.basename(program)
    known = next(
        (preset for preset in COMPARING if name in preset.names), preset_of(program, display=display)
    )
    return known if known is not None and known.diff is not None else Preset((name,), _file, diff=_diff())


def preset_of(program: str, *, display: bool) -> Preset | None:
    """The preset of *program*, a name or a path. A ``vi`` or Debian's ``editor`` is what it leads to."""
    name = os.path.basename(program)
    if name in ("editor", "vi"):
        real = os.path.basename(os.path.realpath(program))
        name = real if name == "editor" or real.startswith(("vim", "nvim")) else name
    if name == "emacs" and display:
        return EMACS_WINDOW
    if name.startswith("vim."):  # vim.tiny, vim.basic of Debian's alternatives
        name = "vim"
    return next((preset for preset in (*GRAPHICAL, *TERMINAL) if name in preset.names), None)
