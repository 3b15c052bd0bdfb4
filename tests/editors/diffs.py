"""What a person sees of two files that are compared, and does there: the drivers' part for diffs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.editors.driver import LONG, Driver
from tests.harness.wait import until

# Of Vim and Neovim: the texts of the windows with a diff, from the left to the right.
VIM = (
    "range(1, winnr('$'))->filter({_, one -> getwinvar(one, '&diff')})"
    "->map({_, one -> getbufline(winbufnr(one), 1, '$')->join(\"\\n\")})"
)
EMACS = (
    "(vconcat (mapcar (lambda (one) (with-current-buffer (window-buffer one) (buffer-string)))"
    " (sort (seq-filter (lambda (one) (buffer-local-value 'rbridge-document (window-buffer one)))"
    " (window-list))"
    " (lambda (one other) (< (window-left-column one) (window-left-column other))))))"
)
EMACS_TO = (
    "(select-window (seq-find (lambda (one) (let ((document (buffer-local-value 'rbridge-document"
    " (window-buffer one)))) (and document (string-suffix-p {name} (rbridge-document-path document)))))"
    " (window-list)))"
)
CODE = (
    "const tab = vscode.window.tabGroups.activeTabGroup.activeTab;"
    "if (!tab || !(tab.input instanceof vscode.TabInputTextDiff)) { return []; }"
    "const of = (uri) => vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri.toString());"
    "return [tab.input.original, tab.input.modified].map((uri) => of(uri)?.getText() ?? null)"
)

SUBLIME = (
    "next(([one.buffer.text, other.buffer.text] for one in app.front.groups[0]"
    " for other in app.front.groups[-1] if other.reference == one.buffer.text), [])"
)

TEXTS: dict[str, Callable[[Any], Any]] = {
    "nvim": lambda editor: editor.lua(f"return vim.fn.eval([[{VIM}]])"),
    "vim": lambda editor: editor.ask(VIM),
    "command": lambda editor: editor._ask(VIM),
    "emacs": lambda editor: editor.ask(EMACS),
    "vscode": lambda editor: editor.host(CODE),
    "sublime": lambda editor: editor.look(SUBLIME),
}


def texts(editor: Driver) -> list[str]:
    """The texts that are shown beside each other with what differs, without a last line end; else none."""
    return [one.rstrip("\n") if one is not None else "" for one in TEXTS[editor.kind](editor) or []]


def sees(editor: Driver, *wanted: str) -> None:
    """Wait until these two texts are shown as a diff."""
    shown: list[list[str]] = []

    def look() -> bool:
        shown.append(texts(editor))
        return shown[-1] == [one.rstrip("\n") for one in wanted]

    try:
        until(look, LONG, "the diff is shown")
    except AssertionError as never:
        raise AssertionError(
            f"{editor.kind}: {never}; shown is {shown[-1]}, told {editor.told()[-2000:]}"
        ) from None


def turn_to(editor: Any, side: str, name: str) -> None:
    """Put the cursor into the text on the ``left`` or the ``right``, whose path ends with *name*."""
    key = "h" if side == "left" else "l"
    if editor.kind == "nvim":
        editor.keys(f"<C-w>{key}")
    elif editor.kind in ("vim", "command"):
        (editor.tmux if editor.kind == "vim" else editor._tmux).keys("C-w", key)
    elif editor.kind == "emacs":
        editor.ask(EMACS_TO.replace("{name}", json.dumps(name)))
    elif editor.kind == "sublime":
        editor.turn_to(name)
    editor.sees(name)


def close(editor: Any, *names: str) -> None:
    """Close both texts, as a person does who is done with the comparison."""
    if editor.kind == "nvim":
        editor.keys(":q<CR>:q<CR>")
    elif editor.kind == "vim":
        editor.tmux.line(":q")
        editor.tmux.line(":q")
    elif editor.kind == "command":
        editor._tmux.line(":qa")
    elif editor.kind == "emacs":
        for name in names:
            editor.ask(EMACS_TO.replace("{name}", json.dumps(name)))
            editor.keys("C-x", "#")
            until(lambda: not editor.shows(name), LONG, f"{name} is closed")  # noqa: B023 - it ends here
    elif editor.kind == "sublime":
        for name in names:
            editor.turn_to(name)
            editor.close()
    else:
        editor.close()
