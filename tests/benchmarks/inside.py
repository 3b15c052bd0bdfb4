"""Takes times inside an editor: when a text is drawn, how long a save takes until it is shown as saved.

To look from outside, again and again, would be too coarse. What is measured happens in the editor itself, in
its own language, and is fetched when it is over; its clock is one that Python reads too, see :func:`offset`.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.editors.command import Command
from tests.editors.emacs import Emacs
from tests.editors.nvim import Neovim
from tests.editors.vim import Vim
from tests.editors.vscode import VSCode
from tests.harness.environment import Home
from tests.harness.wait import until

PATIENCE = 60.0
SLACK = 0.005  # seconds that a clock which is rounded may be off
CLOCKS = (time.monotonic, time.time)


@dataclass(frozen=True)
class Span:
    """From *begin* to *end*, by ``time.monotonic``."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


def offset(now: Callable[[], float]) -> float:
    """What is to be added to times of the clock *now* to have those of ``time.monotonic``.

    It has to be one of CLOCKS in another process. Raises AssertionError where it is none.
    """
    for clock in CLOCKS:
        before, seen, after = clock(), now(), clock()
        if before - SLACK <= seen <= after + SLACK:
            return 0.0 if clock is time.monotonic else time.monotonic() - clock()
    raise AssertionError("its clock is none of this machine's")


class Inside(ABC):
    """The *driver*'s editor. It was started with :meth:`setup`'s settings."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._saves = 0

    @classmethod
    def setup(cls, home: Home) -> str:
        """The editor's settings, as its driver takes them."""
        return ""

    @abstractmethod
    def shown(self, name: str) -> float:
        """When the file *name* was drawn, once it is. It was not shown before."""

    @abstractmethod
    def open_own(self, path: str) -> Span:
        """Open a file of the laptop itself, which was not shown before, until it is drawn."""

    def turn_to(self, name: str) -> None:
        """Show the file *name*, which is open."""
        self._driver.turn_to(name)

    @abstractmethod
    def save(self) -> Span:
        """Change the shown buffer and save it, until the editor is done with that."""


LUA = """
bench = {}
local function now() return math.floor(vim.uv.hrtime() / 1000) end
vim.api.nvim_create_autocmd('BufWinEnter', { callback = function(event)
  local name = vim.api.nvim_buf_get_name(event.buf)
  vim.schedule(function() vim.cmd.redraw(); bench.shown = { name, now() } end)
end })
function bench.open(path)
  local begin = now()
  vim.cmd.edit(path)
  vim.cmd.redraw()
  bench.opened = { begin, now() }
end
function bench.save(number)
  vim.api.nvim_buf_set_lines(0, 0, 1, true, { '# ' .. number })
  local begin = now()
  vim.cmd.write()
  vim.cmd.redraw()
  bench.saved = { number, begin, now(), vim.bo.modified }
end
bench.now = now
"""


class InNeovim(Inside):
    _driver: Neovim

    def __init__(self, driver: Any) -> None:
        super().__init__(driver)
        self._offset = offset(lambda: float(self._driver.lua("return bench.now()")) / 1e6)

    @classmethod
    def setup(cls, home: Home) -> str:
        return f"luafile {home.file('bench.lua', LUA)}"

    def _span(self, begin: int, end: int) -> Span:
        return Span(begin / 1e6 + self._offset, end / 1e6 + self._offset)

    def shown(self, name: str) -> float:
        looked = f"return bench.shown and vim.endswith(bench.shown[1], '/{name}') and bench.shown[2]"
        return float(self._driver.until(looked)) / 1e6 + self._offset

    def open_own(self, path: str) -> Span:
        self._driver.lua("bench.opened = nil")
        self._driver.keys(f":lua bench.open('{path}')<CR>")
        return self._span(*self._driver.until("return bench.opened"))

    def save(self) -> Span:
        self._saves += 1
        self._driver.keys(f":lua bench.save({self._saves})<CR>")
        look = f"return bench.saved and bench.saved[1] == {self._saves} and bench.saved"
        _, begin, end, modified = self._driver.until(look)
        assert not modified, f"not saved: {self._driver.told()}"
        return self._span(begin, end)


VIM = """
let g:bench_shown = ['', 0]
let g:bench_opened = []
let g:bench_saved = [0, 0, 0, 0]
function BenchNow()
  return float2nr(reltimefloat(reltime()) * 1.0e6)
endfunction
function BenchDrawn(name)
  redraw
  let g:bench_shown = [a:name, BenchNow()]
endfunction
function BenchOpen(path)
  let begin = BenchNow()
  execute 'edit' a:path
  redraw
  let g:bench_opened = [begin, BenchNow()]
endfunction
function BenchSave(number)
  call setline(1, '# ' .. a:number)
  let begin = BenchNow()
  write
  redraw
  let g:bench_saved = [a:number, begin, BenchNow(), &modified]
endfunction
function BenchEntered(name)
  call timer_start(0, {_ -> BenchDrawn(a:name)})
endfunction
autocmd BufWinEnter * call BenchEntered(bufname())
"""


class InVim(Inside):
    """Each file in this Vim."""

    _driver: Vim

    def __init__(self, driver: Any) -> None:
        super().__init__(driver)
        self._offset = offset(lambda: float(self._ask("BenchNow()")) / 1e6)

    @classmethod
    def setup(cls, home: Home) -> str:
        return VIM

    def _ask(self, expression: str) -> Any:
        return self._driver.ask(expression)

    def _keys(self, keys: str) -> None:
        self._driver.keys(keys)

    def _span(self, begin: int, end: int) -> Span:
        return Span(begin / 1e6 + self._offset, end / 1e6 + self._offset)

    def shown(self, name: str) -> float:
        def drawn() -> Any:
            path, at = self._ask("g:bench_shown")
            return at if path.endswith(f"/{name}") else None

        return float(until(drawn, PATIENCE, f"{name} is drawn")) / 1e6 + self._offset

    def open_own(self, path: str) -> Span:
        self._ask("execute('let g:bench_opened = []')")
        self._keys(f":call BenchOpen('{path}')<CR>")
        return self._span(*until(lambda: self._ask("g:bench_opened"), PATIENCE, f"{path} is drawn"))

    def save(self) -> Span:
        self._saves += 1
        number = self._saves
        self._keys(f":call BenchSave({number})<CR>")

        def saved() -> Any:
            found = self._ask("g:bench_saved")
            return found if found[0] == number else None

        _, begin, end, modified = until(saved, PATIENCE, "it is saved")
        assert not modified, "not saved"
        return self._span(begin, end)


class InCommand(InVim):
    """Each file in a Vim of its own, which the daemon starts; a file of the laptop in one that we start."""

    _driver: Command  # type: ignore[assignment]

    def __init__(self, driver: Any) -> None:
        Inside.__init__(self, driver)
        self._offset = 0.0

    def _ask(self, expression: str) -> Any:
        return self._driver._ask(expression)

    def _keys(self, keys: str) -> None:
        self._driver._tmux.line(keys.removesuffix("<CR>"))

    def shown(self, name: str) -> float:
        until(lambda: self._ask("g:bench_shown")[1], PATIENCE, f"{name} is drawn")
        self._offset = offset(lambda: float(self._ask("BenchNow()")) / 1e6)
        return super().shown(name)

    def open_own(self, path: str) -> Span:
        begin = time.monotonic()
        self._driver._tmux.window(["vim", path])
        return Span(begin, self.shown(path.rpartition("/")[2]))


LISP = """;;; -*- lexical-binding: t -*-
(defvar bench-shown nil)
(defvar bench-opened nil)
(defvar bench-saved nil)
(defun bench-now () (truncate (* 1e6 (float-time))))
(defun bench-path (buffer)
  (with-current-buffer buffer
    (if (bound-and-true-p rbridge-document)
        (rbridge-document-path rbridge-document)
      (or buffer-file-name (buffer-name)))))
(defun bench-drawn (buffer)
  (redisplay t)
  (setq bench-shown (list (bench-path buffer) (bench-now))))
(add-hook 'window-buffer-change-functions
          (lambda (_) (run-at-time 0 nil #'bench-drawn (window-buffer))))
(defun bench-open (path)
  (let ((begin (bench-now)))
    (find-file path)
    (redisplay t)
    (setq bench-opened (list begin (bench-now)))))
(defun bench-show (name)
  (switch-to-buffer (seq-find (lambda (one) (string-suffix-p name (bench-path one))) (buffer-list))))
(defun bench-save (number)
  (goto-char (point-min))
  (delete-region (point) (line-end-position))
  (insert (format "# %d" number))
  (let ((begin (bench-now)))
    (save-buffer)
    (redisplay t)
    (setq bench-saved (list number begin (bench-now) (buffer-modified-p)))))
"""


class InEmacs(Inside):
    _driver: Emacs

    def __init__(self, driver: Any) -> None:
        super().__init__(driver)
        self._offset = offset(lambda: float(self._driver.ask("(bench-now)")) / 1e6)

    @classmethod
    def setup(cls, home: Home) -> str:
        return LISP

    def _evaluate(self, expression: str) -> None:
        self._driver.keys("M-:")
        self._driver.tmux.line(expression)

    def _span(self, begin: int, end: int) -> Span:
        return Span(begin / 1e6 + self._offset, end / 1e6 + self._offset)

    def shown(self, name: str) -> float:
        looked = f'(and bench-shown (string-suffix-p "/{name}" (car bench-shown)) (cadr bench-shown))'
        return float(self._driver.until(looked)) / 1e6 + self._offset

    def open_own(self, path: str) -> Span:
        self._driver.ask("(setq bench-opened nil)")
        self._evaluate(f'(bench-open "{path}")')
        return self._span(*self._driver.until("bench-opened"))

    def turn_to(self, name: str) -> None:
        self._driver.ask(f'(bench-show "/{name}")')
        self._driver.sees(name)

    def save(self) -> Span:
        self._saves += 1
        self._evaluate(f"(bench-save {self._saves})")
        look = f"(and (equal (car bench-saved) {self._saves}) bench-saved)"
        _, begin, end, modified = self._driver.until(look)
        assert not modified, f"not saved: {self._driver.told()}"
        return self._span(begin, end)


# In the page: when each file was first drawn, in milliseconds of the page's clock.
DRAWN = """
window.drawn = {};
const look = () => {
  for (const one of document.querySelectorAll('.monaco-editor[data-uri]')) {
    const name = one.getAttribute('data-uri').replace(/[?].*/, '').replace(/.*[/]/, '');
    if (!(name in window.drawn) && one.querySelector('.view-line')) {
      window.drawn[name] = 0;
      requestAnimationFrame(() => { window.drawn[name] = performance.timeOrigin + performance.now(); });
    }
  }
};
new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
"""
NOW = "const now = () => Number(process.hrtime.bigint() / 1000n);"
OPEN = f"{NOW} const begin = now(); await vscode.commands.executeCommand('vscode.open',"
EDIT = """
const { activeTextEditor: editor } = vscode.window;
return editor.edit((one) => one.replace(editor.document.lineAt(0).range, args.line));
"""
IDLE = "return new Promise((done) => requestIdleCallback(() => done(true)))"
SAVE = f"""
{NOW}
const {{ document }} = vscode.window.activeTextEditor;
const begin = now();
const saved = await document.save();
return [begin, now(), saved && !document.isDirty];
"""


class InCode(Inside):
    """What is drawn is seen in the page; a save is that of the extensions' interface."""

    _driver: VSCode

    def __init__(self, driver: Any) -> None:
        super().__init__(driver)
        self._driver.look(DRAWN)
        self._page = offset(
            lambda: float(self._driver.look("return performance.timeOrigin + performance.now()")) / 1e3
        )
        self._host = offset(lambda: float(self._driver.host(f"{NOW} return now()")) / 1e6)

    def shown(self, name: str) -> float:
        at = until(
            lambda: self._driver.look("return window.drawn[args.file]", file=name),
            PATIENCE,
            f"{name} is drawn",
        )
        return float(at) / 1e3 + self._page

    def open_own(self, path: str) -> Span:
        begin = self._driver.host(f"{OPEN} vscode.Uri.file(args.path)); return begin", path=path)
        return Span(begin / 1e6 + self._host, self.shown(path.rpartition("/")[2]))

    def save(self) -> Span:
        self._saves += 1
        assert self._driver.host(EDIT, line=f"# {self._saves}"), "not edited"
        self._driver.look(IDLE)  # what it has to do for that, and for what was shown before, is no save's
        begin, end, saved = self._driver.host(SAVE)
        assert saved, f"not saved: {self._driver.told()}"
        return Span(begin / 1e6 + self._host, end / 1e6 + self._host)


INSIDE: dict[str, type[Inside]] = {
    "command": InCommand,
    "nvim": InNeovim,
    "vim": InVim,
    "emacs": InEmacs,
    "vscode": InCode,
}
"""What takes times in each kind of editor."""
