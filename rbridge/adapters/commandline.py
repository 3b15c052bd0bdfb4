"""Puts an editor's command line together. Pure: words in, words out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rbridge.adapters.base import Text
from rbridge.adapters.editors import Preset

_SHORT = ("-w", "-n", "-b", "-c")
"""What editors with an ``again`` call to wait, a new window, to block, and to create a frame."""

_PLACE = re.compile(r"\{(file|line|column)\}")


def command_line(
    words: Sequence[str], text: Text, preset: Preset | None = None, guarding: Sequence[str] = ()
) -> list[str]:
    """*words* with the file and the position in them, and the *preset*'s options behind the program.

    ``{file}``, ``{line}`` and ``{column}`` are filled in, in one pass: a name that contains ``{line}`` stays
    as it is. Without ``{file}`` the path is appended, with the position if the preset knows how.
    """
    program, *arguments = words
    return [program, *_options(arguments, text, preset, guarding), *_tail(arguments, text, preset)]


def compared(
    words: Sequence[str], left: Text, right: Path, preset: Preset, guarding: Sequence[str] = ()
) -> list[str]:
    """The command that shows *left* and the file *right* beside each other.

    Empty where the editor, or the command of the user's, takes one file only.
    """
    program, *arguments = words
    if preset.diff is None or any("{file}" in word for word in arguments):
        return []
    return [
        program,
        *_options(arguments, left, preset, guarding),
        *arguments,
        *preset.diff(str(left.file), str(right)),
    ]


def again(words: Sequence[str], text: Text, preset: Preset) -> list[str]:
    """The command by which a running instance shows *text*, which it has already, at its position.

    Empty where there is none. What would make it wait, or open another window, is left out.
    """
    if preset.again is None:
        return []
    program, *arguments = words
    starts = {*preset.options, *preset.new_window, *preset.terminal_options, *_SHORT}
    return [program, *preset.again, *_tail([one for one in arguments if one not in starts], text, preset)]


def _options(
    arguments: Sequence[str], text: Text, preset: Preset | None, guarding: Sequence[str]
) -> list[str]:
    """What goes in front of the user's *arguments*."""
    options = [*guarding]
    if preset is not None:
        if not set(preset.terminal_options) & set(arguments):
            options += [word for word in preset.options if word not in arguments]
        options += preset.new_window if text.new_window else ()
        options += preset.keep_focus if text.keep_focus else ()
    return options


def _tail(arguments: Sequence[str], text: Text, preset: Preset | None) -> list[str]:
    """The user's *arguments*, filled in, and the file with its position where they do not name it."""
    values = {"file": str(text.file), "line": str(max(text.line, 1)), "column": str(max(text.column, 1))}
    filled = [_PLACE.sub(lambda found: values[found[1]], word) for word in arguments]
    if any("{file}" in word for word in arguments):
        tail = []
    elif preset is not None and text.line:
        tail = preset.position(values["file"], max(text.line, 1), max(text.column, 1))
    else:
        tail = [values["file"]]
    return [*filled, *tail]
