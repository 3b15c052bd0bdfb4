"""The process that stands in for Sublime Text: ``python sublime_stub --data DIR --socket PATH``.

It loads the package ``rbridge`` below DIR/Packages as Sublime Text does (the top-level modules; what they
import is a package by the directory's name), and answers tests on the socket: lines of JSON, ``{"look":
EXPRESSION}`` or ``{"do": STATEMENTS}``. What is done is done in the main thread, as what a user does, and has
ended when it is answered, or a dialog is open then.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import app as model
import commands
import sublime
import sublime_plugin

app = sublime.app
NAMES: dict[str, Any] = {"sublime": sublime, "app": app, "commands": commands, "sys": sys}


def _restore(path: str) -> None:
    """What a session brings back before plug-ins are loaded: texts without a file, with their settings."""
    window = app.new_window()
    for about in json.loads(Path(path).read_text()) if path else []:
        view = app.new_file(window)
        view.buffer.text, view.buffer.name = about["text"], about["name"]
        view.buffer.scratch, view.settings = about["scratch"], about["settings"]
        view.buffer.saved = None


def _load(packages: Path) -> None:
    sys.path.insert(0, str(packages))
    for path in sorted((packages / "rbridge").glob("*.py")):
        module = importlib.import_module(f"rbridge.{path.stem}")
        sublime_plugin.load(module, app.listeners)
        if hasattr(module, "plugin_loaded"):
            app.guard(module.plugin_loaded)


def key(name: str) -> None:
    """A key, as the package binds it for what is shown: by a setting of the view."""
    window = app.front
    assert window
    assert window.active
    bindings = json.loads((NAMES["package"] / "Default.sublime-keymap").read_text())
    for one in bindings:
        wanted = [context["key"].removeprefix("setting.") for context in one["context"]]
        if one["keys"] == [name] and all(window.active.settings.get(setting) for setting in wanted):
            commands.of_window(window, one["command"], one.get("args", {}))
            return
    raise LookupError(f"the key {name} does nothing here")


def palette(caption: str) -> None:
    """A line of the command palette."""
    window = app.front
    assert window
    listed = json.loads((NAMES["package"] / "Default.sublime-commands").read_text())
    (found,) = [one for one in listed if one["caption"] == caption]
    commands.of_window(window, found["command"], found.get("args", {}))


def pick(number: int) -> None:
    """A line of the quick panel; -1: Escape."""
    window = next(one for one in app.windows if one.quick)
    assert window.quick
    panel, window.quick = window.quick, None
    panel["done"](number)


def answer(text: str) -> None:
    """Enter in the input panel."""
    window = next(one for one in app.windows if one.input)
    assert window.input
    panel, window.input = window.input, None
    panel["done"](text)


def _serve(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_talk, args=(connection,), name=model.CONTROL, daemon=True).start()


def _talk(connection: socket.socket) -> None:
    with connection, connection.makefile("rwb") as stream:
        for line in stream:
            said = _answered(json.loads(line))
            stream.write(json.dumps(said).encode() + b"\n")
            stream.flush()


def _answered(asked: dict[str, str]) -> dict[str, Any]:
    try:
        with app.news:
            if "do" in asked:
                _done(asked["do"])
                return {"result": None, "faults": app.faults}
            return {"result": eval(asked["look"], NAMES), "faults": app.faults}
    except Exception as error:
        return {"error": repr(error), "faults": app.faults}


def _done(code: str) -> None:
    """Run it in the main thread; back when it has ended, or a dialog that was not open before is."""
    before, over = list(app.dialogs), []

    def work() -> None:
        try:
            exec(code, NAMES)
        finally:
            over.append(True)
            app.news.notify_all()

    app.later(work)
    while not over and not [one for one in app.dialogs if one not in before] and not app.ended:
        app.news.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--session", default="")
    options = parser.parse_args()
    preferences = options.data / "Packages" / "User" / "Preferences.sublime-settings"
    if preferences.exists():
        app.preferences.update(json.loads(preferences.read_text()))
    NAMES.update(package=options.data / "Packages" / "rbridge")
    NAMES.update(key=key, palette=palette, pick=pick, answer=answer)
    with app.lock:
        _restore(options.session)
        _load(options.data / "Packages")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(options.socket)
    listener.listen()
    threading.Thread(target=_serve, args=(listener,), daemon=True).start()
    app.run()
    os._exit(0)


if __name__ == "__main__":
    main()
