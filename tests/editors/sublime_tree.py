"""The folder view of the plug-in for Sublime Text: a tree in a tab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.editors.tree import Tree
from tests.harness.wait import until

if TYPE_CHECKING:
    from tests.editors.sublime import Sublime

FOLDER = "[one for one in app.views.values() if one.settings.get('rbridge_folder')]"
RESULTS = "app.front.active.settings.get('rbridge_results')"
LINE = re.compile("^((?:  )*)([▸▾] |  )(.+?)(?:\t→ .*)?$")
MATCH = re.compile(r"^ *(\d+): ")


class SublimeTree(Tree):
    """What is in the tab, line by line; keys are those that the package binds."""

    def __init__(self, editor: Sublime) -> None:
        self._editor = editor

    def _lines(self) -> list[str]:
        found = self._editor.look(f"[one.buffer.text for one in {FOLDER}]")
        return str(found[0]).splitlines() if found else []

    @property
    def root(self) -> str:
        return (self._lines() or [""])[0].partition("   [")[0]

    @property
    def status(self) -> str:
        return (self._lines() or [""])[0].partition("   [")[2]

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self._rows()]

    def _rows(self) -> list[tuple[str, int]]:
        """Each path that is shown, with its row."""
        found: list[tuple[str, int]] = []
        above: list[str] = []
        for row, line in enumerate(self._lines()[1:], 1):
            matched = LINE.match(line)
            if matched is None or matched.group(3).startswith(("… ", "(empty)")):
                continue
            depth = len(matched.group(1)) // 2
            above[depth:] = [matched.group(3)]
            found.append(("".join(above), row))
        return found

    def _front(self) -> None:
        self._editor.do(f"app.focus({FOLDER}[0])")

    def _at(self, path: str) -> None:
        """Bring the view to the front and the cursor to the line of *path*."""
        self.until_shows(path)
        self._front()
        view = "sublime.active_window().active_view()"

        def there() -> bool:
            """The view may have changed before the line was reached."""
            row = dict(self._rows())[path]
            self._editor.do(
                f"view = {view}; point = view.text_point({row}, 0); view.sel().clear();"
                " view.sel().add(sublime.Region(point))"
            )
            now = self._editor.look(f"{view}.rowcol({view}.sel()[0].begin())[0]")
            return bool(now == row == dict(self._rows())[path])

        until(there, what=f"the cursor is at {path}")

    def _key(self, key: str) -> None:
        self._editor.do(f"key({key!r})")

    def _type(self, key: str, text: str) -> None:
        """A key that has a line asked for, and that line, if it is."""
        self._key(key)
        if self._editor.look("bool(app.front.input)"):
            self._editor.do(f"answer({text!r})")

    def expand(self, path: str) -> None:
        if not path:
            self._front()
            return
        self._at(path.rstrip("/") + "/")
        self._key("right")
        folder = "sys.modules['rbridge.lib.folders'].current(sublime.active_window())"
        wanted = f"{path.rstrip('/').replace('%', '%25')!r}"
        until(lambda: self._editor.look(f"{wanted} in {folder}.tree.entries"), what=f"{path} is listed")

    def open(self, path: str) -> None:
        self._at(path)
        self._key("enter")

    def make(self, path: str) -> None:
        self._front()
        if path.endswith("/"):
            self._type("N", path)
        else:
            self._type("n", path)

    def rename(self, path: str, to: str) -> None:
        self._at(path if path in self.paths else path + "/")
        self._type("f2", to)

    def remove(self, path: str, confirm: bool) -> None:
        self._at(path if path in self.paths else path + "/")
        self._key("delete")
        self._editor.until("app.dialogs", "it is asked")
        assert path in self._editor.dialog
        self._editor.press("Remove" if confirm else "Cancel")

    def find(self, query: str) -> list[str]:
        self._front()
        self._type("f", query)
        self._editor.until("bool(app.front.quick)", "files are offered")
        return self._editor.panel

    def search(self, query: str) -> list[tuple[str, int]]:
        self._front()
        self._type("/", query)
        self._editor.until(f"{RESULTS} and ' (by ' in app.front.active.buffer.text", "the search has ended")
        return [(path, line) for path, line, _ in self._matches()]

    def _matches(self) -> list[tuple[str, int, int]]:
        """Path, line and row of each match."""
        found: list[tuple[str, int, int]] = []
        path = ""
        for row, line in enumerate(self._editor.text.splitlines()):
            matched = MATCH.match(line)
            if matched and row:
                found.append((path, int(matched.group(1)), row))
            else:
                path = line.removesuffix(":")
        return found

    def pick(self, number: int) -> None:
        shown: Any = self._editor.look("app.front.quick and True")
        if shown:
            self._editor.do(f"pick({number})")
            return
        view = "sublime.active_window().active_view()"
        row = self._matches()[number][2]
        self._editor.do(
            f"view = {view}; point = view.text_point({row}, 0); view.sel().clear();"
            " view.sel().add(sublime.Region(point))"
        )
        self._key("enter")

    def close(self) -> None:
        self._front()
        self._editor.do("palette('rbridge: Close Folder')")
