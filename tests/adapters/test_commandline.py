"""The words that an editor is started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbridge.adapters.base import Text
from rbridge.adapters.commandline import again, command_line, compared
from rbridge.adapters.editors import preset_of

FILE = "/m/ID/gpu1/home/u/a b{line}.py"


def text(line: int = 0, column: int = 0, *, new_window: bool = False, keep_focus: bool = False) -> Text:
    return Text(
        "ID",
        "gpu1",
        "/home/u/a",
        "a",
        Path(FILE),
        1,
        line,
        column,
        new_window=new_window,
        keep_focus=keep_focus,
    )


@pytest.mark.parametrize(
    ("words", "at", "expected"),
    [
        (["ed"], (0, 0), ["ed", FILE]),
        (["ed", "{file}"], (0, 0), ["ed", FILE]),
        (["ed", "{file}:{line}:{column}"], (7, 0), ["ed", FILE + ":7:1"]),
        (["ed", "-l", "{line}", "--", "{file}"], (0, 0), ["ed", "-l", "1", "--", FILE]),
        (["ed", "{other}"], (7, 2), ["ed", "{other}", FILE]),
    ],
)
def test_a_command_of_the_users(words: list[str], at: tuple[int, int], expected: list[str]) -> None:
    assert command_line(words, text(*at)) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("code", f"code --wait --goto {FILE}:12:5"),
        ("cursor", f"cursor --wait --goto {FILE}:12:5"),
        ("codium", f"codium --wait --goto {FILE}:12:5"),
        ("code --wait -n", f"code --wait -n --goto {FILE}:12:5"),
        ("zed", f"zed --wait {FILE}:12:5"),
        ("subl", f"subl --wait {FILE}:12:5"),
        ("mate", f"mate --wait --line 12:5 {FILE}"),
        ("kate", f"kate --block --line 12 --column 5 {FILE}"),
        ("gedit", f"gedit --wait +12:5 {FILE}"),
        ("idea", f"idea --wait --line 12 --column 5 {FILE}"),
        ("pycharm", f"pycharm --wait --line 12 --column 5 {FILE}"),
        ("vim", f"vim -f +normal! 12Gzv04l {FILE}"),
        ("nvim", f"nvim +normal! 12Gzv04l {FILE}"),
        ("gvim", f"gvim -f +normal! 12Gzv04l {FILE}"),
        ("hx", f"hx {FILE}:12:5"),
        ("micro", f"micro +12:5 {FILE}"),
        ("nano", f"nano +12,5 {FILE}"),
        ("kak", f"kak +12:5 {FILE}"),
        ("emacsclient", f"emacsclient --create-frame +12:5 {FILE}"),
        ("emacsclient -t", f"emacsclient -t +12:5 {FILE}"),
        ("joe", f"joe +12 {FILE}"),
    ],
)
def test_a_known_editor_waits_and_goes_to_the_position(words: str, expected: str) -> None:
    said = words.split()
    got = command_line(said, text(12, 5), preset_of(said[0], display=False))
    assert " ".join(got) == expected


def test_options_for_a_window_and_the_focus() -> None:
    preset = preset_of("subl", display=True)
    got = command_line(["subl"], text(new_window=True, keep_focus=True), preset)
    assert got == ["subl", "--wait", "--new-window", "--background", FILE]


def test_the_guards_options_come_first() -> None:
    preset = preset_of("emacs", display=False)
    assert command_line(["emacs", "-q"], text(), preset, ["--eval", "x"]) == [
        "emacs",
        "--eval",
        "x",
        "-nw",
        "-q",
        FILE,
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("code", f"code --goto {FILE}:12:5"),
        ("cursor -n -w --profile work", f"cursor --profile work --goto {FILE}:12:5"),
        ("codium --wait --new-window", f"codium --goto {FILE}:12:5"),
        ("zed", f"zed {FILE}:12:5"),
        ("subl -n -w", f"subl {FILE}:12:5"),
        ("mate -w", f"mate --line 12:5 {FILE}"),
        ("kate -b", f"kate --line 12 --column 5 {FILE}"),
        ("gedit --wait", f"gedit +12:5 {FILE}"),
        ("idea", f"idea --line 12 --column 5 {FILE}"),
        ("pycharm", f"pycharm --line 12 --column 5 {FILE}"),
        ("emacsclient -s work -c", f"emacsclient --no-wait -s work +12:5 {FILE}"),
        ("emacsclient -t", f"emacsclient --no-wait +12:5 {FILE}"),
    ],
)
def test_a_running_instance_is_told_with_the_same_command_that_does_not_wait(
    words: str, expected: str
) -> None:
    preset = preset_of(words.split()[0], display=True)
    assert preset is not None
    assert again(words.split(), text(12, 5, new_window=True, keep_focus=True), preset) == _split(expected)


def test_without_a_position_only_the_file_is_named() -> None:
    preset = preset_of("code", display=True)
    assert preset is not None
    assert again(["code", "--wait", "{file}"], text(), preset) == ["code", FILE]


@pytest.mark.parametrize("name", ["vim", "nvim", "gvim", "nano", "micro", "hx", "emacs", "kak"])
def test_of_what_would_only_start_anew_there_is_no_such_command(name: str) -> None:
    preset = preset_of(name, display=True)
    assert preset is not None
    assert again([name], text(1, 1), preset) == []


def _split(expected: str) -> list[str]:
    """The words, of which the file's name has a blank."""
    return [word.replace("@", FILE) for word in expected.replace(FILE, "@").split()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("code", f"code --wait --diff {FILE} /m/ID2/gpu1/b.py"),
        ("code --wait -n", f"code --wait -n --diff {FILE} /m/ID2/gpu1/b.py"),
        ("codium", f"codium --wait --diff {FILE} /m/ID2/gpu1/b.py"),
        ("vim", f"vim -f -d {FILE} /m/ID2/gpu1/b.py"),
        ("nvim", f"nvim -d {FILE} /m/ID2/gpu1/b.py"),
        ("gvim", f"gvim -f -d {FILE} /m/ID2/gpu1/b.py"),
        ("emacs", f'emacs -nw --eval (ediff-files "{FILE}" "/m/ID2/gpu1/b.py")'),
    ],
)
def test_two_files_that_are_compared(words: str, expected: str) -> None:
    preset = preset_of(words.split()[0], display=False)
    assert preset is not None
    made = compared(words.split(), text(12, 5), Path("/m/ID2/gpu1/b.py"), preset)
    assert " ".join(made) == expected


def test_guards_and_a_new_window_go_before_them() -> None:
    preset = preset_of("code", display=True)
    assert preset is not None
    made = compared(["code"], text(new_window=True), Path("/b"), preset, ["--guard"])
    assert made == ["code", "--guard", "--wait", "--new-window", "--diff", FILE, "/b"]


@pytest.mark.parametrize("words", ["nano", "kate", "emacsclient", "vim {file}"])
def test_an_editor_or_a_command_that_takes_one_file_compares_none(words: str) -> None:
    preset = preset_of(words.split()[0], display=True)
    assert preset is not None
    assert compared(words.split(), text(), Path("/b"), preset) == []
