"""The module ``sublime`` that the plug-in imports, over :mod:`app`: names and meanings as in Sublime Text's
own sublime.py (build 4200).

Each class is a number and looks everything up, as there: an object of a view that was closed stays, and its
``is_valid()`` is false. It is long because the API is one module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import app as model
import commands

app = model.App()

DIALOG_CANCEL, DIALOG_YES, DIALOG_NO = 0, 1, 2


class Region:
    def __init__(self, a: int, b: int | None = None) -> None:
        self.a = a
        self.b = a if b is None else b

    def begin(self) -> int:
        return min(self.a, self.b)

    def end(self) -> int:
        return max(self.a, self.b)


class Edit:
    """API: "Edit objects may not be used after the TextCommand's run method has returned"."""

    def __init__(self) -> None:
        self.over = False


class Syntax:
    def __init__(self, name: str, scope: str, *extensions: str) -> None:
        self.path = f"Packages/{name}/{name}.sublime-syntax"
        self.name = name
        self.hidden = False
        self.scope = scope
        self.extensions = extensions


SYNTAXES = [Syntax("Python", "source.python", "py"), Syntax("Markdown", "text.html.markdown", "md")]


def version() -> str:
    return "4200"


def platform() -> str:
    return "linux"


def set_timeout(callback: Callable[[], Any], delay: float = 0) -> None:
    """The one function that any thread of ours may call."""
    app.later(callback, delay)


def status_message(message: str) -> None:
    app.check()
    app.told.append(message)


def ok_cancel_dialog(message: str, ok_title: str = "OK", title: str = "") -> bool:
    app.check()
    return app.ask(message, [ok_title, "Cancel"]) == ok_title


def yes_no_cancel_dialog(message: str, yes: str = "Yes", no: str = "No", title: str = "") -> int:
    app.check()
    answer = app.ask(message, [yes, no, "Cancel"])
    return {yes: DIALOG_YES, no: DIALOG_NO}.get(answer, DIALOG_CANCEL)


def windows() -> list[Window]:
    app.check()
    return [Window(one.id) for one in app.windows]


def active_window() -> Window:
    app.check()
    assert app.front
    return Window(app.front.id)


def run_command(name: str, args: dict[str, Any] | None = None) -> None:
    app.check()
    commands.of_application(name, args or {})


def list_syntaxes() -> list[Syntax]:
    app.check()
    return SYNTAXES


def find_syntax_for_file(path: str, first_line: str = "") -> Syntax | None:
    app.check()
    return next((one for one in SYNTAXES if path.rpartition(".")[2] in one.extensions), None)


class Settings:
    def __init__(self, own: dict[str, Any]) -> None:
        self._own = own

    def get(self, key: str, default: Any = None) -> Any:
        app.check()
        return self._own.get(key, app.preferences.get(key, default))

    def set(self, key: str, value: Any) -> None:
        app.check()
        self._own[key] = value

    def erase(self, key: str) -> None:
        app.check()
        self._own.pop(key, None)

    def has(self, key: str) -> bool:
        return key in self._own or key in app.preferences

    __contains__ = has


class Selection:
    """API: regions, sorted, each added one merged with those that it touches; here they are apart."""

    def __init__(self, view: model.View) -> None:
        self._view = view

    def __len__(self) -> int:
        return len(self._view.selection)

    def __getitem__(self, number: int) -> Region:
        return Region(*self._view.selection[number])

    def __iter__(self) -> Iterator[Region]:
        return (Region(*one) for one in self._view.selection)

    def clear(self) -> None:
        app.check()
        self._view.selection = []

    def add(self, region: Region) -> None:
        app.check()
        self._view.selection = sorted({*self._view.selection, (region.a, region.b)})


class Sheet:
    def __init__(self, view: View) -> None:
        self._view = view

    def view(self) -> View:
        return self._view


class View:
    def __init__(self, number: int) -> None:
        self._number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, View) and other._number == self._number

    def __hash__(self) -> int:
        return self._number

    @property
    def _view(self) -> model.View:
        app.check()
        return app.views[self._number]

    @property
    def _buffer(self) -> model.Buffer:
        return self._view.buffer

    def id(self) -> int:
        return self._number

    def buffer_id(self) -> int:
        """0 of a view that is closed: sublime.py, View.is_valid."""
        app.check()
        return app.views[self._number].buffer.id if self._number in app.views else 0

    def is_valid(self) -> bool:
        return self.buffer_id() != 0

    def window(self) -> Window | None:
        app.check()
        found = app.views.get(self._number)
        return Window(found.window.id) if found and found.window else None

    def element(self) -> None:
        """API: None "for normal views that are part of a Sheet"."""
        app.check()

    def clones(self) -> list[View]:
        return [
            View(number)
            for number, one in app.views.items()
            if one.buffer is self._buffer and one is not self._view
        ]

    def name(self) -> str:
        return self._buffer.name

    def set_name(self, name: str) -> None:
        self._buffer.name = name

    def file_name(self) -> str | None:
        return self._buffer.file_name

    def size(self) -> int:
        return len(self._buffer.text)

    def substr(self, region: Region) -> str:
        return self._buffer.text[region.begin() : region.end()]

    def change_count(self) -> int:
        return self._buffer.change_count

    def is_dirty(self) -> bool:
        return self._buffer.dirty

    def is_scratch(self) -> bool:
        return self._buffer.scratch

    def set_scratch(self, scratch: bool) -> None:
        self._buffer.scratch = scratch

    def is_read_only(self) -> bool:
        return self._buffer.read_only

    def set_read_only(self, read_only: bool) -> None:
        self._buffer.read_only = read_only

    def encoding(self) -> str:
        return self._buffer.encoding

    def set_encoding(self, name: str) -> None:
        self._buffer.encoding = name

    def line_endings(self) -> str:
        return self._buffer.line_endings

    def set_line_endings(self, name: str) -> None:
        self._buffer.line_endings = name

    def settings(self) -> Settings:
        return Settings(self._view.settings)

    def sel(self) -> Selection:
        return Selection(self._view)

    def syntax(self) -> Syntax | None:
        return self._view.syntax  # type: ignore[no-any-return]

    def assign_syntax(self, syntax: Syntax) -> None:
        self._view.syntax = syntax

    def set_status(self, key: str, value: str) -> None:
        self._view.status[key] = value

    def get_status(self, key: str) -> str:
        return self._view.status.get(key, "")

    def erase_status(self, key: str) -> None:
        self._view.status.pop(key, None)

    def set_reference_document(self, text: str) -> None:
        self._view.reference = text

    def reset_reference_document(self) -> None:
        self._view.reference = None

    def rowcol(self, point: int) -> tuple[int, int]:
        text = self._buffer.text
        return text.count("\n", 0, point), point - (text.rfind("\n", 0, point) + 1)

    def text_point(self, row: int, col: int) -> int:
        """A row behind the last one is the end of the text."""
        text, start = self._buffer.text, 0
        for _ in range(row):
            start = text.find("\n", start) + 1
            if start == 0:
                return len(text)
        return min(start + col, len(text))

    def line(self, point: int) -> Region:
        text = self._buffer.text
        end = text.find("\n", point)
        return Region(text.rfind("\n", 0, point) + 1, len(text) if end < 0 else end)

    def show(self, point: int) -> None:
        app.check()

    show_at_center = show

    def replace(self, edit: Edit, region: Region, text: str) -> None:
        if edit.over:
            raise ValueError("Edit objects may not be used after the TextCommand's run method has returned")
        if self.settings().get("translate_tabs_to_spaces"):
            text = text.replace("\t", "    ")  # View.insert: "may differ ... due to tab translation"
        commands.change(self._view, region.begin(), region.end(), text)

    def run_command(self, name: str, args: dict[str, Any] | None = None) -> None:
        commands.of_view(self._view, name, args or {})

    def clear_undo_stack(self) -> None:
        """Not in a text command: the changes of AutoSetSyntax 2.2.5 tell that it cannot be."""
        if self._view.editing:
            raise RuntimeError("clear_undo_stack inside a text command")
        buffer = self._buffer
        buffer.saved = 0 if buffer.saved == len(buffer.undo) else None
        buffer.undo, buffer.redo = [], []

    def close(self) -> bool:
        return app.close(self._view)


class Window:
    def __init__(self, number: int) -> None:
        self._number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Window) and other._number == self._number

    def __hash__(self) -> int:
        return self._number

    @property
    def _window(self) -> model.Window:
        app.check()
        return next(one for one in app.windows if one.id == self._number)

    def id(self) -> int:
        return self._number

    def is_valid(self) -> bool:
        return any(one.id == self._number for one in app.windows)

    def new_file(self) -> View:
        return View(app.new_file(self._window).id)

    def views(self) -> list[View]:
        return [View(one.id) for one in self._window.views]

    def views_in_group(self, group: int) -> list[View]:
        return [View(one.id) for one in self._window.groups[group]]

    def sheets_in_group(self, group: int) -> list[Sheet]:
        return [Sheet(one) for one in self.views_in_group(group)]

    def selected_sheets(self) -> list[Sheet]:
        view = self.active_view()
        return [Sheet(view)] if view else []

    def active_sheet(self) -> Sheet | None:
        view = self.active_view()
        return Sheet(view) if view else None

    def active_view(self) -> View | None:
        active = self._window.active
        return View(active.id) if active else None

    def active_group(self) -> int:
        active = self._window.active
        return self._window.group_of(active) if active else 0

    def num_groups(self) -> int:
        return len(self._window.groups)

    def get_view_index(self, view: View) -> tuple[int, int]:
        group = self._window.group_of(view._view)
        return group, self._window.groups[group].index(view._view)

    def set_view_index(self, view: View, group: int, index: int) -> None:
        for one in self._window.groups:
            if view._view in one:
                one.remove(view._view)
        self._window.groups[group].insert(index, view._view)

    def layout(self) -> dict[str, Any]:
        return self._window.layout

    def set_layout(self, layout: dict[str, Any]) -> None:
        """Views of groups that go are in the last one that stays."""
        window, count = self._window, len(layout["cells"])
        window.layout = layout
        kept = window.groups[:count] + [[] for _ in range(count - len(window.groups))]
        for group in window.groups[count:]:
            kept[-1].extend(group)
        window.groups = kept

    def focus_view(self, view: View) -> None:
        app.focus(view._view)

    def bring_to_front(self) -> None:
        app.front = self._window

    def run_command(self, name: str, args: dict[str, Any] | None = None) -> None:
        commands.of_window(self._window, name, args or {})

    def show_quick_panel(
        self, items: list[Any], on_select: Callable[[int], Any], placeholder: str = ""
    ) -> None:
        """API: on_select "will be called once", with -1 when it is cancelled, as by another panel."""
        before = self._window.quick
        self._window.quick = {"items": items, "done": on_select, "placeholder": placeholder}
        app.told.append(placeholder)
        if before:
            app.later(lambda: before["done"](-1))

    def show_input_panel(
        self, caption: str, initial: str, on_done: Any, on_change: Any, on_cancel: Any
    ) -> None:
        self._window.input = {"caption": caption, "text": initial, "done": on_done}
