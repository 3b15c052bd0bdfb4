"""Commands by name: the plug-in's, and those of Sublime Text's own that the scenarios give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import app as model
import sublime_plugin

as_window_command = {"save"}
"""What is taken for a window command although a view runs it too. Both of on_text_command and
on_window_command were seen to get ``save``; the reference does not say which."""


def change(view: model.View, start: int, end: int, text: str) -> None:
    """Replace a part of a buffer, unless it is read-only."""
    if not view.buffer.read_only:
        view.buffer.modify(start, end, text)
        for one in _app().views.values():
            if one.buffer is view.buffer:
                one.moved(start, end, len(text))


def _app() -> model.App:
    import sublime

    return sublime.app


def of_view(view: model.View, name: str, args: dict[str, Any]) -> None:
    """sublime_plugin.py: on_text_command, then the command with an Edit, then on_modified of what changed."""
    import sublime

    name, args = _app().hooked("on_text_command", sublime.View(view.id), name, args)
    if name in sublime_plugin.text_commands:
        command = sublime_plugin.text_commands[name](sublime.View(view.id))
        _edited(view, lambda edit: command.run(edit, **args))
    elif name in TEXT:
        TEXT[name](view, **args)
    else:
        raise LookupError(f"there is no text command {name}")


def _edited(view: model.View, work: Callable[[Any], Any]) -> None:
    """All changes of one command are one step of the history."""
    import sublime

    edit, buffer = sublime.Edit(), view.buffer
    before, count = (buffer.text, list(view.selection)), buffer.change_count
    view.editing = True
    try:
        work(edit)
    finally:
        view.editing, edit.over = False, True
    if buffer.change_count != count:
        if buffer.saved is not None and buffer.saved > len(buffer.undo):
            buffer.saved = None
        buffer.undo.append(before)
        buffer.redo = []
        _modified(buffer)


def _modified(buffer: model.Buffer) -> None:
    for view in [one for one in _app().views.values() if one.buffer is buffer]:
        _app().event("on_modified", view)


def _step(view: model.View, back: list[Any], forth: list[Any]) -> None:
    if back and not view.buffer.read_only:
        forth.append((view.buffer.text, list(view.selection)))
        text, view.selection = back.pop()
        view.buffer.modify(0, len(view.buffer.text), text)
        _modified(view.buffer)


def _insert(view: model.View, characters: str) -> None:
    def work(edit: Any) -> None:
        for a, b in reversed(view.selection):
            change(view, min(a, b), max(a, b), characters)

    _edited(view, work)


def _save(view: model.View, **_: Any) -> None:
    """Of a buffer without a file it asks for a name: a fault, since nobody is there to give one."""
    if view.buffer.file_name is None:
        raise LookupError(f"Sublime Text asks for a name for {view.buffer.name!r}")
    view.buffer.saved = len(view.buffer.undo)
    _app().event("on_post_save", view)


def _save_as(view: model.View, path: str) -> None:
    """``prompt_save_as``, with the name that the user gives in the dialog."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(view.buffer.text)
    view.buffer.file_name = path
    _save(view)


TEXT: dict[str, Callable[..., None]] = {
    "insert": _insert,
    "undo": lambda view: _step(view, view.buffer.undo, view.buffer.redo),
    "redo": lambda view: _step(view, view.buffer.redo, view.buffer.undo),
    "save": _save,
    "prompt_save_as": _save_as,
    "detect_indentation": lambda view, **_: None,
}


def of_window(window: model.Window, name: str, args: dict[str, Any]) -> None:
    """API: run_command is "able to run any sort of command, dispatching the command via input focus"."""
    import sublime

    if name in TEXT and name not in as_window_command or name in sublime_plugin.text_commands:
        assert window.active
        of_view(window.active, name, args)
        return
    name, args = _app().hooked("on_window_command", sublime.Window(window.id), name, args)
    if name in sublime_plugin.window_commands:
        command = sublime_plugin.window_commands[name](sublime.Window(window.id))
        if command.is_enabled():
            command.run(**args)
    elif name in WINDOW:
        WINDOW[name](window, **args)
    elif name in TEXT:
        assert window.active
        TEXT[name](window.active, **args)
    else:
        of_application(name, args)


def _save_all(window: model.Window) -> None:
    for view in list(_app().views.values()):
        if view.buffer.dirty:
            _save(view)


def _close(window: model.Window) -> None:
    if window.active:
        _app().close(window.active)


def _close_by_index(window: model.Window, group: int, index: int) -> None:
    _app().close(window.groups[group][index])


def _close_all(window: model.Window) -> None:
    for view in list(window.views):
        if not _app().close(view):
            return


WINDOW: dict[str, Callable[..., None]] = {
    "save_all": _save_all,
    "close": _close,
    "close_file": _close,
    "close_by_index": _close_by_index,
    "close_all": _close_all,
    "clone_file": lambda window: _app().clone(window.active) and None,
}


def of_application(name: str, args: dict[str, Any]) -> None:
    if name == "new_window":
        _app().new_window()
    elif name == "exit":
        _app().ended = True  # hot_exit: nothing is asked, and what is open goes into the session
    else:
        raise LookupError(f"there is no command {name}")
