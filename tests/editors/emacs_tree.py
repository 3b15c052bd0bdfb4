"""The folder view of Emacs: what its buffer shows, and the keys that its users press."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.editors.tree import Tree
from tests.harness.wait import Never, until

if TYPE_CHECKING:
    from tests.editors.emacs import Emacs

SEARCHED = 5.0  # seconds in which a folder of the tests is searched, on a machine that is busy

# The buffer of a folder that was shown last, and what is read there: names by their look, not from what the
# plug-in knows of them.
DESK = r"""
(defun desk-folder ()
  (seq-find (lambda (one) (eq (buffer-local-value 'major-mode one) 'rbridge-folder-mode)) (buffer-list)))
(defun desk-names ()
  "Lists of a line's number, the column of its name, and the name."
  (with-current-buffer (desk-folder)
    (save-excursion
      (goto-char (point-min))
      (let ((number 1) (names nil))
        (while (= 0 (forward-line 1))
          (setq number (1+ number))
          (let ((from (text-property-any (point) (line-end-position) 'rbridge-name t)))
            (when from
              (push (list number (- from (point))
                          (buffer-substring-no-properties
                           from (next-single-property-change from 'rbridge-name nil (line-end-position))))
                    names))))
        (nreverse names)))))
(defun desk-matches ()
  (with-current-buffer (window-buffer (desk-window))
    (split-string (buffer-substring-no-properties (point-min) (point-max)) "\n")))
(defun desk-offers ()
  "What is offered in the minibuffer to whoever shows it, in that order."
  (with-current-buffer (window-buffer (active-minibuffer-window))
    (let ((all (completion-all-sorted-completions)))
      (when (consp all) (setcdr (last all) nil))
      (mapcar #'substring-no-properties all))))
"""

# What stands in the minibuffer behind its prompt, if anything does: a key that kills nothing is an error.
TYPED = """(with-current-buffer (window-buffer (active-minibuffer-window))
             (let ((typed (minibuffer-contents))) (and (not (string= typed "")) typed)))"""


class EmacsTree(Tree):
    def __init__(self, editor: Emacs) -> None:
        self._editor = editor
        self._found: list[str] = []
        self._lines: list[int] = []

    def _ask(self, expression: str) -> Any:
        return self._editor.ask(f"(with-current-buffer (desk-folder) {expression})")

    @property
    def root(self) -> str:
        if not self._editor.ask("(desk-folder)"):
            return ""
        return str(
            self._ask(
                "(save-excursion (goto-char (point-min)) (buffer-substring (point) (line-end-position)))"
            )
        )

    @property
    def status(self) -> str:
        return str(self._ask("(format-mode-line mode-line-buffer-identification)"))

    def _shown(self) -> dict[str, int]:
        """The paths that are shown, each with its line; what stands deeper is in what stands above it."""
        paths: dict[str, int] = {}
        above: list[tuple[int, str]] = []
        for line, column, name in self._editor.ask("(desk-names)") or ():
            while above and above[-1][0] >= column:
                above.pop()
            path = (above[-1][1] if above else "") + name
            paths[path] = line
            if name.endswith("/"):
                above.append((column, path))
        return paths

    @property
    def paths(self) -> list[str]:
        return list(self._shown()) if self._editor.ask("(desk-folder)") else []

    def _front(self) -> None:
        """Bring the view to the front."""
        name = self._editor.ask("(buffer-name (desk-folder))")
        if self._editor.ask("(eq (current-buffer) (desk-folder))"):
            return
        self._editor.keys("C-x", "b")
        self._editor.tmux.line(str(name))
        self._editor.until("(eq (current-buffer) (desk-folder))")

    def _go_to(self, path: str) -> None:
        """Have the cursor in the line of *path*, which is shown."""
        self._front()

        def there() -> bool:
            """The view may have changed before the line was reached."""
            line = self._shown()[path]
            if self._ask("(line-number-at-pos)") == line:
                return True
            self._editor.keys("M-g", "g")
            self._editor.tmux.line(str(line))
            self._editor.until(f"(and (not (active-minibuffer-window)) (= (line-number-at-pos) {line}))")
            return False

        until(there, what=f"the cursor is at {path}")

    def expand(self, path: str) -> None:
        shown = self._shown()
        deeper = any(one.startswith(f"{path}/") and one != f"{path}/" for one in shown)
        if path == "" or deeper:
            return
        self._go_to(f"{path}/")
        self._editor.keys("Enter")
        self._editor.until(
            "(let ((node (rbridge-tree-at)))"
            " (and (rbridge-node-open node) (not (rbridge-node-listing node))))"
        )

    def open(self, path: str) -> None:
        self._go_to(path)
        self._editor.keys("Enter")

    def _prompt(self, words: str, answer: str) -> None:
        """Wait for the prompt *words*, and give *answer* in place of what stands there."""
        until(lambda: words in self._editor.asked, what=self._editor.screen())
        if self._editor.ask(TYPED):
            self._editor.keys("C-a", "C-k")
        self._editor.tmux.line(answer)

    def make(self, path: str) -> None:
        self._front()
        told = len(self._editor.told())
        self._editor.keys("+" if path.endswith("/") else "N")
        until(lambda: self._editor.asked or "read-only" in self._editor.told()[told:])
        if self._editor.asked:
            self._prompt("New ", path)

    def rename(self, path: str, to: str) -> None:
        self._go_to(path if path in self._shown() else f"{path}/")
        self._editor.keys("R")
        self._prompt("Rename ", to)

    def remove(self, path: str, confirm: bool) -> None:
        self._go_to(path if path in self._shown() else f"{path}/")
        self._editor.keys("D")
        self._editor.answer("Remove ", "yes" if confirm else "no")

    def find(self, query: str) -> list[str]:
        self._front()
        self._editor.keys("j")
        until(lambda: "Find file" in self._editor.asked, what=self._editor.screen())
        self._editor.tmux.type(query)
        until(lambda: self._editor.ask(TYPED) == query, what=self._editor.screen())
        with suppress(Never):  # while the host searches there is nothing yet; there may be nothing at all
            until(lambda: self._editor.ask("(desk-offers)"), SEARCHED)
        self._found = list(self._editor.ask("(desk-offers)") or ())
        self._lines = []
        return self._found

    def search(self, query: str) -> list[tuple[str, int]]:
        self._front()
        self._editor.keys("A")
        self._prompt("Search in ", query)
        self._editor.until(
            '(and (eq major-mode \'rbridge-search-mode) (equal rbridge-search--state "ended"))'
        )
        self._found, self._lines, found = [], [], []
        for number, line in enumerate(self._editor.ask("(desk-matches)"), start=1):
            parts = line.split(":", 3)
            if len(parts) == 4 and parts[1].isdigit() and parts[2].isdigit():
                self._lines.append(number)
                found.append((parts[0], int(parts[1])))
        return found

    def pick(self, number: int) -> None:
        """Of what was found by name the first one is taken by Enter; another one by its whole path."""
        if self._lines:
            self._editor.keys("M-g", "g")
            self._editor.tmux.line(str(self._lines[number]))
        elif number:
            self._editor.keys("C-a", "C-k")
            self._editor.tmux.type(self._found[number])
        self._editor.keys("Enter")

    def close(self) -> None:
        self._front()
        self._editor.keys("k")
