"""What stands in for Sublime Text: its main thread, buffers, views, windows, and the order of its events.

Only what our plug-in touches, as the API reference (sublimetext.com/docs/api_reference.html, build 4200) and
its Python side (sublime.py, sublime_plugin.py, which Sublime Text carries) describe it; where these say
nothing, each comment names what was seen of the real one. In doubt it is stricter: an API call outside of the
main thread and an exception in the plug-in are faults that fail the test.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

CONTROL = "control"  # the name of the threads that look for the tests


class Buffer:
    """A text and its history. Scratch and read-only are its properties, not its views' (API: View)."""

    def __init__(self, number: int) -> None:
        self.id = number
        self.text = ""
        self.name = ""
        self.file_name: str | None = None
        self.scratch = False
        self.read_only = False
        self.encoding = "UTF-8"
        self.line_endings = "Unix"
        self.change_count = 0
        self.undo: list[tuple[str, list[tuple[int, int]]]] = []
        self.redo: list[tuple[str, list[tuple[int, int]]]] = []
        self.saved: int | None = 0  # how long the history was when it was saved; a new one is as if saved

    @property
    def dirty(self) -> bool:
        """API: "Scratch buffers never report as being dirty"."""
        return not self.scratch and self.saved != len(self.undo)

    def modify(self, start: int, end: int, text: str) -> None:
        """API: change_count "is incremented each time the buffer is modified"."""
        self.text = self.text[:start] + text + self.text[end:]
        self.change_count += 1


class View:
    """One view into a buffer."""

    def __init__(self, number: int, buffer: Buffer, window: Window) -> None:
        self.id = number
        self.buffer = buffer
        self.window: Window | None = window
        self.selection: list[tuple[int, int]] = [(0, 0)]
        self.settings: dict[str, Any] = {}
        self.status: dict[str, str] = {}
        self.syntax: Any = None
        self.reference: str | None = None
        self.editing = False

    def moved(self, start: int, end: int, length: int) -> None:
        """A change: what is selected behind it stays with its text."""

        def shift(point: int) -> int:
            if point >= end:
                return point + length - (end - start)
            return min(point, start + length) if point > start else point

        self.selection = [(shift(a), shift(b)) for a, b in self.selection]


class Window:
    """Groups of views, and the panel that is open."""

    def __init__(self, number: int) -> None:
        self.id = number
        self.groups: list[list[View]] = [[]]
        self.layout: dict[str, Any] = {"cols": [0.0, 1.0], "rows": [0.0, 1.0], "cells": [[0, 0, 1, 1]]}
        self.active: View | None = None
        self.quick: dict[str, Any] | None = None
        self.input: dict[str, Any] | None = None

    @property
    def views(self) -> list[View]:
        return [view for group in self.groups for view in group]

    def group_of(self, view: View) -> int:
        return next(number for number, group in enumerate(self.groups) if view in group)


class App:
    """All of it, and the main thread's loop. *lock* is held while anything of it runs or is looked at."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.news = threading.Condition(self.lock)
        self.numbers = itertools.count(1)
        self.buffers: dict[int, Buffer] = {}
        self.views: dict[int, View] = {}
        self.windows: list[Window] = []
        self.front: Window | None = None
        self.listeners: list[Any] = []
        self.preferences: dict[str, Any] = {"detect_indentation": True, "hot_exit": "always"}
        self.told: list[str] = []
        self.dialogs: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.ended = False
        self._jobs: list[tuple[float, int, Callable[[], Any]]] = []

    # The main thread

    def check(self) -> None:
        """The reference calls the API thread-safe; we promise to use it in the main thread only."""
        thread = threading.current_thread()
        if thread is not threading.main_thread() and thread.name != CONTROL:
            self.faults.append("called from another thread:\n" + "".join(traceback.format_stack()[-4:-1]))

    def later(self, job: Callable[[], Any], delay: float = 0) -> None:
        """API: set_timeout; "callbacks with an equal delay will be run in the order they were added"."""
        with self.news:
            heapq.heappush(self._jobs, (time.monotonic() + delay / 1000, next(self.numbers), job))
            self.news.notify_all()

    def run(self) -> None:
        """The main thread's loop."""
        with self.news:
            while not self.ended:
                due = self._jobs[0][0] - time.monotonic() if self._jobs else None
                if due is None or due > 0:
                    self.news.wait(due)
                else:
                    self.guard(heapq.heappop(self._jobs)[2])

    def guard(self, job: Callable[..., Any], *arguments: Any) -> Any:
        """sublime_plugin.py prints exceptions of plug-ins into the console; here each fails the test."""
        try:
            return job(*arguments)
        except Exception:
            self.faults.append(traceback.format_exc())
            return None

    def ask(self, message: str, buttons: list[str]) -> str:
        """A dialog: the main thread runs nothing else until it is answered."""
        about: dict[str, Any] = {"message": message, "buttons": buttons, "answer": None}
        self.told.append(message)
        self.dialogs.append(about)
        self.news.notify_all()
        while about["answer"] is None:
            self.news.wait()
        self.dialogs.remove(about)
        self.news.notify_all()
        return str(about["answer"])

    # Events. sublime_plugin.py calls the listeners one after the other, in the main thread.

    def event(self, name: str, view: View | None, *arguments: Any) -> None:
        import sublime

        found = [sublime.View(view.id)] if view is not None else []
        for listener in self.listeners:
            if hasattr(listener, name):
                self.guard(getattr(listener, name), *found, *arguments)

    def hooked(self, event: str, about: Any, name: str, arguments: dict[str, Any]) -> Any:
        """sublime_plugin.py, on_text_command: the first that returns a pair has rewritten the command."""
        for listener in self.listeners:
            if hasattr(listener, event):
                said = self.guard(getattr(listener, event), about, name, dict(arguments))
                if isinstance(said, tuple):
                    return said[0], said[1] or {}
        return name, arguments

    # Windows and views

    def new_window(self) -> Window:
        made = Window(next(self.numbers))
        self.windows.append(made)
        self.front = made
        return made

    def new_file(self, window: Window) -> View:
        buffer = Buffer(next(self.numbers))
        view = View(next(self.numbers), buffer, window)
        self.buffers[buffer.id] = buffer
        self.views[view.id] = view
        group = window.group_of(window.active) if window.active else 0
        window.groups[group].append(view)
        self.event("on_new", view)
        self.focus(view)
        return view

    def clone(self, view: View) -> View:
        assert view.window
        made = View(next(self.numbers), view.buffer, view.window)
        self.views[made.id] = made
        view.window.groups[view.window.group_of(view)].append(made)
        self.event("on_clone", made)
        self.focus(made)
        return made

    def focus(self, view: View) -> None:
        """API: on_activated, "when a view gains input focus"."""
        assert view.window
        before, view.window.active = view.window.active, view
        if before is not view and before is not None:
            self.event("on_deactivated", before)
        if before is not view and view.window is self.front:
            self.event("on_activated", view)

    def close(self, view: View) -> bool:
        """Sublime Text's own: it asks about a buffer that is dirty, where this is its last view."""
        others = [one for one in self.views.values() if one.buffer is view.buffer and one is not view]
        if view.buffer.dirty and not others:
            answer = self.ask(
                f"{view.buffer.name} has been modified, save changes?", ["Save", "Don't Save", "Cancel"]
            )
            assert answer != "Save", "a dialog for a file name is not played"
            if answer == "Cancel":
                return False
        self.event("on_pre_close", view)  # "The view will still be in the window at this point"
        window = view.window
        assert window
        window.groups[window.group_of(view)].remove(view)
        del self.views[view.id]
        view.window = None
        if not others:
            del self.buffers[view.buffer.id]
        self.event("on_close", view)  # "may still have the view id, but is_valid() is false"
        if window.active is view:
            window.active = None
            if window.views:
                self.focus(window.views[-1])
        return True
