"""A folder of a host in VS Code: the view in the Explorer, its commands, and the lists of what is found."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.editors.tree import LONG, Tree
from tests.harness.wait import until

if TYPE_CHECKING:
    from tests.editors.vscode import VSCode

FOLDERS, RESULTS = "rbridge", "Search: "
STATUS = re.compile(r"^((?:not connected|no rbridge|read-only)(?:, read-only)?): ")

# What is drawn are the rows that fit: it is scrolled through, from the top, until all of it was seen; or to
# where the row is that is wanted.
LOOK = """
return (async () => {
  const titled = (pane) => pane.querySelector('.pane-header .title')?.textContent.startsWith(args.title);
  const pane = [...document.querySelectorAll('.pane')].find(titled);
  const list = pane?.querySelector('.pane-body .monaco-list');
  if (!list) { return null; }
  const found = new Map();
  const whole = parseFloat(list.querySelector('.monaco-list-rows').style.height);
  const fits = whole <= list.clientHeight;
  const take = () => {
    for (const row of list.querySelectorAll('.monaco-list-rows > .monaco-list-row')) {
      const index = Number(row.dataset.index);
      let at = [0, 0], clear = false;
      if (fits || index === args.wanted) { // each look at it has the page laid out
        const { left, top, width, height } = row.getBoundingClientRect();
        at = [left + width / 2, top + height / 2];
        clear = row.contains(document.elementFromPoint(...at));
      }
      const icon = row.querySelector('.custom-view-tree-node-item-icon')?.className ?? '';
      found.set(index, {
        level: Number(row.getAttribute('aria-level')),
        expanded: row.getAttribute('aria-expanded'),
        label: row.querySelector('.label-name')?.textContent ?? '',
        more: row.querySelector('.label-description')?.textContent ?? '',
        line: /codicon-(ellipsis|warning)/.test(icon),
        clear,
        at,
      });
    }
  };
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const wheel = (deltaY) => {
    const event = new WheelEvent('wheel', { deltaY, bubbles: true, cancelable: true });
    Object.defineProperty(event, 'wheelDeltaY', { value: -deltaY * 2.4 }); // 120 of these are 50 pixels
    list.querySelector('.monaco-scrollable-element').dispatchEvent(event);
  };
  if (!fits) { wheel(-1e7); }
  await frame();
  take();
  if (args.wanted !== null && !fits) {
    wheel(args.wanted * 22 - list.clientHeight / 2); // each row is as high
    await frame();
    take();
  }
  for (let last = -1; !fits && args.wanted === null && Math.max(...found.keys()) > last; take()) {
    last = Math.max(...found.keys());
    wheel(list.clientHeight - 44);
    await frame();
  }
  const message = pane.querySelector('.pane-body .message')?.textContent ?? '';
  const title = pane.querySelector('.pane-header .title').textContent;
  const rows = [...found].sort((a, b) => a[0] - b[0]).map(([index, row]) => ({ index, ...row }));
  return { title, message, rows };
})()
"""


@dataclass(frozen=True)
class Row:
    """One line of a view; *path* is that of its names from the first level on, *at* where it is drawn."""

    index: int
    level: int
    path: str
    label: str
    more: str
    at: tuple[float, float]
    clear: bool = True
    expanded: bool = False


class VSCodeTree(Tree):
    """The views of one window."""

    def __init__(self, editor: VSCode) -> None:
        self.editor = editor
        self._roomy = False
        self._found: Callable[[], list[Row]] | None = None

    # What is seen

    def _make_room(self) -> None:
        """Fold the part of the Explorer that would like a folder of the laptop's to be opened."""
        fold = (
            "const titled = (head) => head.textContent.startsWith('No Folder Opened');"
            "const head = [...document.querySelectorAll('.pane-header')].find(titled);"
            "if (head?.getAttribute('aria-expanded') === 'true') { head.click(); }"
            "return head && head.parentElement.offsetHeight <= head.offsetHeight"
        )
        found = self.editor.look(fold)
        if found is not None:
            until(lambda: self.editor.look(fold), what="there is room for the view")
            self._roomy = True

    def _view(self, title: str, wanted: int | None = None) -> dict[str, Any]:
        if not self._roomy:
            self._make_room()
        found = self.editor.look(LOOK, title=title, wanted=wanted)
        return dict(found) if found else {"title": "", "message": "", "rows": []}

    def _rows(self, title: str = FOLDERS, wanted: int | None = None, *, lines: bool = False) -> list[Row]:
        rows: list[Row] = []
        above: list[str] = []
        for one in self._view(title, wanted)["rows"]:
            level, label = one["level"], one["label"].replace("\xa0", " ")
            above[level - 1 :] = [label]
            path = "/".join(above[1:]) + ("/" if level > 1 and one["expanded"] is not None else "")
            x, y = one["at"]
            if lines or not one["line"]:
                more = one["more"].replace("\xa0", " ")
                rows.append(
                    Row(
                        one["index"],
                        level,
                        path,
                        label,
                        more,
                        (x, y),
                        one["clear"],
                        one["expanded"] == "true",
                    )
                )
        return rows

    def rows(self, *, lines: bool = False) -> list[Row]:
        """What the view shows, with its roots; *lines*: and with what it says of a directory in between."""
        return self._rows(lines=lines)

    def _top(self) -> Row | None:
        return next((one for one in self._rows() if one.level == 1), None)

    @property
    def root(self) -> str:
        top = self._top()
        return f"{top.label} {STATUS.sub('', top.more)}" if top else ""

    @property
    def status(self) -> str:
        top = self._top()
        found = STATUS.search(top.more) if top else None
        return found[1] if found else ""

    @property
    def paths(self) -> list[str]:
        return [one.path for one in self._rows() if one.level > 1]

    def _row(self, path: str, title: str = FOLDERS) -> Row:
        """The row of *path*, which is drawn now."""

        def drawn() -> list[Row]:
            """The view may have changed before the row stood still."""
            found = [one for one in self._rows(title) if one.path.rstrip("/") == path.rstrip("/")]
            assert found, f"{path} is not shown: {self.paths}"
            now = self._drawn(found[0], title)
            return [now] if now.label == found[0].label else []

        return until(drawn, LONG, f"{path} is drawn")[0]

    def _drawn(self, row: Row, title: str) -> Row:
        """Scroll to it, until it stands still: the editor may be drawing."""

        last = row

        def stands() -> bool:
            nonlocal last
            before = last
            last = [one for one in self._rows(title, row.index) if one.index == row.index][0]
            return last == before and last.clear

        until(stands, what=f"{row.label} stands still, with nothing over it")
        return last

    # What is done

    def _click(self, row: Row, button: str = "left") -> None:
        x, y = row.at
        self.editor.browse(
            "await window.mouse.click(args.x, args.y, args.how)", x=x, y=y, how={"button": button}
        )

    def _menu(self, path: str, item: str) -> None:
        """Choose from the menu of a row. VS Code hears no click on it that comes too soon."""
        self._click(self._row(path), "right")
        script = (
            "const one = window.locator('.monaco-menu .action-label', { hasText: args.item }).first();"
            "if (args.first) { await one.waitFor(); } else if (await one.count() === 0) { return true; }"
            "await one.click({ timeout: 1000 }).catch(() => undefined); return false"
        )
        self.editor.browse(script, item=item, first=True)
        until(lambda: self.editor.browse(script, item=item, first=False), LONG, f"{item} is chosen")

    def expand(self, path: str) -> None:
        if not path:
            return
        row = self._row(path)
        if not row.expanded:
            self._click(row)

        def below() -> bool:
            rows = {one.index: one for one in self._rows(FOLDERS, row.index)}
            return row.index + 1 in rows and rows[row.index + 1].level > row.level

        until(below, LONG, f"what is in {path} is shown")

    def open(self, path: str) -> None:
        self._click(self._row(path))

    def make(self, path: str) -> None:
        """Where nothing can be made it is said at once, and no path is asked for."""
        before = self.editor.told()
        self.editor.command("rbridge.newFolder" if path.endswith("/") else "rbridge.newFile")
        asked = until(lambda: self._asked() or self.editor.told()[len(before) :], LONG, "a path is asked for")
        if asked.startswith("New "):
            self._type("New ", path)

    def rename(self, path: str, to: str) -> None:
        self._menu(path, "Rename...")
        self._type("Rename ", to)

    def _type(self, title: str, words: str) -> None:
        """Answer what is asked for, in place of what stands there."""
        until(lambda: self._asked().startswith(title), LONG, f"{title} is asked")
        self.editor.browse(
            "await window.keyboard.press('Control+a'); await window.keyboard.insertText(args.words);"
            "await window.keyboard.press('Enter')",
            words=words,
        )

    def _asked(self) -> str:
        """The title of what VS Code asks for on top of the window, empty where it does not."""
        return str(
            self.editor.look(
                "const one = document.querySelector('.quick-input-widget');"
                "return one && one.style.display !== 'none' "
                "? one.querySelector('.quick-input-title').textContent : ''"
            )
        )

    def remove(self, path: str, confirm: bool) -> None:
        self._menu(path, "Remove")
        self.editor.answer("remove", "Remove" if confirm else "Cancel")

    def fold(self, path: str) -> None:
        """Click on a directory."""
        self._click(self._row(path))

    def find(self, query: str) -> list[str]:
        self.begin_to_find(query)
        until(lambda: self._asked().endswith(" found"), LONG, f"{query} is looked for: {self._asked()}")
        self._found = self._offered
        return self.offered

    def begin_to_find(self, query: str) -> None:
        """Type *query*, and do not wait for what is found."""
        self.editor.command("rbridge.findFile")
        box = (
            "const one = document.querySelector('.quick-input-widget:not([style*=\"display: none\"])');"
            "return Boolean(one && one.querySelector('input').placeholder.startsWith('Find a file'))"
        )
        until(lambda: self.editor.look(box), LONG, "a name is asked for")
        self.editor.browse("await window.keyboard.insertText(args.query)", query=query)

    @property
    def offered(self) -> list[str]:
        """The paths in the list that is in front."""
        return [one.path for one in self._offered()]

    @property
    def asked(self) -> str:
        """The title of what is in front."""
        return self._asked()

    def _offered(self) -> list[Row]:
        rows = self.editor.look(
            "return [...document.querySelectorAll('.quick-input-list .monaco-list-row')].map((row) => {"
            " const { left, top, width, height } = row.getBoundingClientRect();"
            " return [Number(row.dataset.index), row.querySelector('.label-name').textContent,"
            " row.querySelector('.label-description')?.textContent ?? '',"
            " left + width / 2, top + height / 2]; })"
        )
        return [
            Row(index, 1, f"{more}/{label}" if more else label, label, more, (x, y))
            for index, label, more, x, y in sorted(rows)
        ]

    def begin_to_search(self, query: str) -> None:
        """Search for *query*, and do not wait for what is found."""
        self.editor.command("rbridge.search")
        self._type("Search in ", query)

    @property
    def said_of_search(self) -> str:
        """What the view of the matches says of them."""
        return str(self._view(RESULTS)["message"])

    @property
    def matches(self) -> list[tuple[str, int]]:
        """Path and line of what is listed as found."""
        return [(one.path, int(one.more)) for one in self._matches()]

    def search(self, query: str) -> list[tuple[str, int]]:
        self.begin_to_search(query)
        title = f"{RESULTS}{query}"

        def over() -> bool:
            view = self._view(title)
            drawn = any(one["level"] > 1 for one in view["rows"]) or view["message"]
            return bool(view["title"] and "searching" not in view["message"] and drawn)

        until(over, LONG, f"the search for {query} has ended")
        self._found = self._matches
        last = self.matches

        def stands() -> bool:
            """The files are opened one after the other."""
            nonlocal last
            before, last = last, self.matches
            return last == before

        until(stands, LONG, f"the matches of {query} are drawn", every=0.3)
        return last

    def _matches(self) -> list[Row]:
        """The rows below those of the files; each with the path of its file."""
        found: list[Row] = []
        file = ""
        for one in self._rows(RESULTS):
            if one.level == 1:
                file = one.label
            else:
                found.append(Row(one.index, one.level, file, one.label, one.more, one.at))
        return found

    def pick(self, number: int) -> None:
        assert self._found is not None, "nothing was looked for"
        row = self._found()[number]
        self._click(self._drawn(row, RESULTS) if row.level > 1 else row)

    def close(self) -> None:
        self.editor.command("rbridge.closeFolder")
