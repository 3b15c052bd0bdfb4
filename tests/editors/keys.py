"""How the editors of these tests are driven: the keys for what a person does."""

from __future__ import annotations

from dataclasses import dataclass

from tests.harness.tmux import Tmux

Keys = tuple[str, ...]  # tmux' names of keys; a string that starts with "=" is typed as it is


@dataclass(frozen=True)
class Driven:
    """*insert*: begin to type at the cursor; *leave*: stop typing; *exact*: it opens at the column too."""

    spec: str
    save: Keys
    close: Keys
    insert: Keys = ()
    leave: Keys = ()


EDITORS = [
    Driven("vim", ("=:w", "Enter"), ("=:q", "Enter"), ("=i",), ("Escape",)),
    Driven("nano", ("C-o", "Enter"), ("C-x",)),
    Driven("emacs -nw", ("C-x", "C-s"), ("C-x", "C-c")),
    Driven("micro", ("C-s",), ("C-q",)),
    Driven("kak", ("=:w", "Enter"), ("=:q", "Enter"), ("=i",), ("Escape",)),
]


def press(tmux: Tmux, keys: Keys) -> None:
    for key in keys:
        if key.startswith("="):
            tmux.type(key[1:])
        else:
            tmux.keys(key)
