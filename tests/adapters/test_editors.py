"""What every preset does with a position, a new window, the focus and the wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbridge.adapters.base import Text
from rbridge.adapters.commandline import command_line
from rbridge.adapters.editors import (
    EMACS_WINDOW,
    GRAPHICAL,
    PLAIN_TERMINAL,
    TERMINAL,
    WAIT_OPTIONS,
    Preset,
    comparing,
    preset_of,
)

FILE = "/m/ID/h/a.py"
ALL = (*GRAPHICAL, *TERMINAL)

# Name: how it waits, how it goes to line 12 and column 5, a new window, without the focus.
SAID: dict[str, tuple[str, str, str, str]] = {
    "code": ("--wait", f"--goto {FILE}:12:5", "--new-window", ""),
    "cursor": ("--wait", f"--goto {FILE}:12:5", "--new-window", ""),
    "codium": ("--wait", f"--goto {FILE}:12:5", "--new-window", ""),
    "zed": ("--wait", f"{FILE}:12:5", "--new", ""),
    "subl": ("--wait", f"{FILE}:12:5", "--new-window", "--background"),
    "mate": ("--wait", f"--line 12:5 {FILE}", "", ""),
    "kate": ("--block", f"--line 12 --column 5 {FILE}", "--new", ""),
    "gedit": ("--wait", f"+12:5 {FILE}", "--new-window", ""),
    "gvim": ("-f", f"+normal! 12Gzv04l {FILE}", "", ""),
    "emacsclient": ("--create-frame", f"+12:5 {FILE}", "", ""),
    "pycharm": ("--wait", f"--line 12 --column 5 {FILE}", "", ""),
    "idea": ("--wait", f"--line 12 --column 5 {FILE}", "", ""),
    "nvim": ("", f"+normal! 12Gzv04l {FILE}", "", ""),
    "vim": ("-f", f"+normal! 12Gzv04l {FILE}", "", ""),
    "hx": ("", f"{FILE}:12:5", "", ""),
    "micro": ("", f"+12:5 {FILE}", "", ""),
    "nano": ("", f"+12,5 {FILE}", "", ""),
    "emacs": ("-nw", f"+12:5 {FILE}", "", ""),
    "kak": ("", f"+12:5 {FILE}", "", ""),
    "joe": ("", f"+12 {FILE}", "", ""),
    "vi": ("", f"+12 {FILE}", "", ""),
}


def line(
    preset: Preset,
    line: int = 0,
    column: int = 0,
    *,
    new_window: bool = False,
    keep_focus: bool = False,
    words: tuple[str, ...] = (),
) -> str:
    """The command line of *preset*, as one string without the program."""
    text = Text(
        "ID", "h", "/a.py", "a.py", Path(FILE), 1, line, column, new_window=new_window, keep_focus=keep_focus
    )
    return " ".join(command_line([preset.name, *words], text, preset)[1:])


def joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


@pytest.fixture(params=ALL, ids=lambda preset: preset.name)
def preset(request: pytest.FixtureRequest) -> Preset:
    found: Preset = request.param
    return found


def test_this_table_has_every_preset() -> None:
    assert sorted(SAID) == sorted(preset.name for preset in ALL)


def test_it_waits(preset: Preset) -> None:
    assert line(preset) == joined(SAID[preset.name][0], FILE)


def test_it_goes_to_line_and_column(preset: Preset) -> None:
    wait, position, _, _ = SAID[preset.name]
    assert line(preset, 12, 5) == joined(wait, position)


def test_without_a_column_it_is_the_first(preset: Preset) -> None:
    assert line(preset, 12) == line(preset, 12, 1)
    assert "0" not in line(preset, 12).replace("Gzv0", "")


def test_it_opens_a_new_window_where_it_can(preset: Preset) -> None:
    wait, _, window, _ = SAID[preset.name]
    assert line(preset, new_window=True) == joined(wait, window, FILE)


def test_it_keeps_the_focus_where_it_can(preset: Preset) -> None:
    wait, _, _, focus = SAID[preset.name]
    assert line(preset, keep_focus=True) == joined(wait, focus, FILE)


def test_what_the_user_says_follows_our_options_and_is_not_doubled(preset: Preset) -> None:
    wait = SAID[preset.name][0]
    assert line(preset, words=("--mine",)) == joined(wait, "--mine", FILE)
    if wait:
        assert line(preset, words=(wait,)) == joined(wait, FILE)


def test_a_path_is_never_taken_for_an_option_or_a_command(preset: Preset) -> None:
    assert all(not word.startswith(("-", "+")) for word in line(preset, 12, 5).split() if FILE in word)


def test_every_name_of_a_preset_leads_to_it(preset: Preset, tmp_path: Path) -> None:
    for name in preset.names:
        assert preset_of(str(tmp_path / name), display=False) is preset


def test_no_name_is_given_twice() -> None:
    names = [name for preset in ALL for name in preset.names] + list(PLAIN_TERMINAL) + list(WAIT_OPTIONS)
    assert sorted(names) == sorted(set(names))


def test_editors_with_a_window_and_editors_in_a_terminal_are_told_apart() -> None:
    assert [preset.name for preset in GRAPHICAL if preset.in_terminal([])] == []
    assert [preset.name for preset in TERMINAL if not preset.in_terminal([])] == []


@pytest.mark.parametrize(
    ("name", "words", "terminal"),
    [
        ("gvim", ["-v"], True),
        ("vim", ["-g"], False),
        ("emacsclient", ["-t"], True),
        ("emacsclient", ["-nw"], True),
        ("emacsclient", ["--tty"], True),
        ("emacsclient", ["-c"], False),
        ("nano", ["-g"], True),
    ],
)
def test_an_option_turns_a_window_into_a_terminal_and_back(
    name: str, words: list[str], terminal: bool
) -> None:
    found = preset_of(name, display=False)
    assert found is not None
    assert found.in_terminal(words) is terminal


def test_options_for_a_window_are_left_out_in_a_terminal() -> None:
    assert line(next(p for p in GRAPHICAL if p.name == "emacsclient"), words=("-t",)) == f"-t {FILE}"
    assert line(next(p for p in GRAPHICAL if p.name == "gvim"), words=("-v",)) == f"-v {FILE}"


def test_an_emacs_has_a_window_where_there_is_a_display() -> None:
    assert preset_of("/usr/bin/emacs", display=True) is EMACS_WINDOW
    assert line(EMACS_WINDOW, 12, 5) == f"+12:5 {FILE}"
    assert EMACS_WINDOW.in_terminal(["-nw"])


def linked(tmp_path: Path, name: str, to: str) -> str:
    """*name* as Debian's alternatives lay it: a link to a link."""
    (tmp_path / to).touch()
    (tmp_path / "alternative").symlink_to(tmp_path / to)
    (tmp_path / name).symlink_to(tmp_path / "alternative")
    return str(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "to", "preset"),
    [
        ("vi", "vim.basic", "vim"),
        ("vi", "nvim", "nvim"),
        ("vi", "nvi", "vi"),
        ("vi", "busybox", "vi"),
        ("vim", "vim.nox", "vim"),
        ("editor", "nano", "nano"),
        ("editor", "vim.tiny", "vim"),
    ],
)
def test_a_name_that_stands_for_another_editor_is_that_editor(
    tmp_path: Path, name: str, to: str, preset: str
) -> None:
    found = preset_of(linked(tmp_path, name, to), display=False)
    assert found is not None
    assert found.name == preset


@pytest.mark.parametrize("name", ["ed", "mg", "myeditor", "vimdiff2", "code.py", "editor"])
def test_of_other_programs_nothing_is_known(name: str) -> None:
    assert preset_of(f"/no/such/{name}", display=True) is None


def test_what_makes_another_editor_wait_is_an_option() -> None:
    assert all(option.startswith("-") for option in WAIT_OPTIONS.values())


@pytest.mark.parametrize("name", ["meld", "kompare", "kdiff3", "some-tool"])
def test_a_program_that_compares_gets_both_files(name: str) -> None:
    preset = comparing(f"/usr/bin/{name}", display=True)
    assert preset.name == name
    assert preset.diff is not None
    assert preset.diff("/a", "/b")[-2:] == ["/a", "/b"]


def test_an_editor_compares_in_its_own_way_and_one_that_cannot_gets_both() -> None:
    vim, nano = comparing("vim", display=False), comparing("nano", display=False)
    assert vim is preset_of("vim", display=False)
    assert nano.diff is not None
    assert nano.diff("/a", "/b") == ["/a", "/b"]
