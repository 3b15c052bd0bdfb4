"""The base classes that plug-ins derive from, and the commands by name, as the real sublime_plugin.py makes
the names: ``RbridgeSaveCommand`` is ``rbridge_save``.
"""

from __future__ import annotations

import re
from typing import Any

text_commands: dict[str, type] = {}
window_commands: dict[str, type] = {}


def name_of(kind: type) -> str:
    """sublime_plugin.py, Command.name: without ``Command``, and an underscore before each capital."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__.removesuffix("Command")).lower()


class EventListener:
    """What is called by the name of the event."""


class _Command:
    def is_enabled(self, **_: Any) -> bool:
        return True


class TextCommand(_Command):
    def __init__(self, view: Any) -> None:
        self.view = view


class WindowCommand(_Command):
    def __init__(self, window: Any) -> None:
        self.window = window


def load(module: Any, listeners: list[Any]) -> None:
    """sublime_plugin.py, reload_plugin: each class of the module becomes a command or a listener."""
    for kind in vars(module).values():
        if not isinstance(kind, type) or kind.__module__ != module.__name__:
            continue
        if issubclass(kind, TextCommand):
            text_commands[name_of(kind)] = kind
        elif issubclass(kind, WindowCommand):
            window_commands[name_of(kind)] = kind
        elif issubclass(kind, EventListener):
            listeners.append(kind())
