"""How the editors of these tests are driven: the keys for what a person does."""

from __future__ import annotations

from dataclasses import dataclass

from tests.harness.tmux import Tmux

# tmux' names of keys; a string that starts with "=" is typed as it is, and one that starts with "!" is
# waited for until it has left the screen.
Keys = tuple[str, ...]


@dataclass(frozen=True)
class Driven:
    """*insert*: begin to type at the cursor; *leave*: stop typing."""

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
    # Kakoune takes Escape and a key that is there by then for Alt and that key.
    Driven("kak", ("=:w", "Enter"), ("=:q", "Enter"), ("=i",), ("Escape", "!insert")),
]


def press(tmux: Tmux, keys: Keys) -> None:
    for key in keys:
        if key.startswith("="):
            tmux.type(key[1:])
        elif key.startswith("!"):
            tmux.wait_gone(key[1:])
        else:
            tmux.keys(key)
