"""A real Emacs in tmux, with the plug-in as ``rbridge plugin install emacs`` lays it, and its own defaults.

What a person does is done with keys; what is in Emacs is asked through a socket of its own.
"""

from __future__ import annotations

import base64
import json
import os
import pwd
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

from tests.editors import emacs_tree
from tests.editors.driver import Choice, Driver
from tests.editors.emacs_tree import EmacsTree
from tests.harness.environment import Home, rbridge
from tests.harness.tmux import Tmux
from tests.harness.wait import until

READY = "rbridge-link-ready"
WORDS = {"compare": "Compare", "overwrite": "Overwrite", "reload": "Reload"}
COMMANDS = {"compare": ["rbridge-diff"], "overwrite": ["rbridge-resolve", "mine"]}
COMMANDS["reload"] = ["rbridge-resolve", "theirs"]

# Each line that comes is an expression, as base64; what it is goes back as JSON, as base64 too. It is
# evaluated in the buffer that the user sees. Nothing is compiled to native code: in a home that is new an
# Emacs would do that in the background for minutes, and show its warnings in place of what a test looks at.
DESK = r"""
(setq native-comp-deferred-compilation nil native-comp-jit-compilation nil)
(defun desk-value (value)
  (cond ((null value) :null)
        ((numberp value) value)
        ((stringp value) (replace-regexp-in-string "[^\0-\x10ffff]" "?" value t t))
        ((consp value) (vconcat (mapcar #'desk-value value)))
        ((vectorp value) (vconcat (mapcar #'desk-value value)))
        (t t)))
(defvar desk-started nil)
(add-hook 'window-setup-hook (lambda () (setq desk-started t)))
(defvar desk-questions 0)
(add-hook 'minibuffer-setup-hook (lambda () (setq desk-questions (1+ desk-questions))))
(defun desk-window ()
  (if (minibufferp (window-buffer)) (or (minibuffer-selected-window) (selected-window)) (selected-window)))
(defun desk-evaluate (line)
  (condition-case fault
      (let ((expression (read (decode-coding-string (base64-decode-string line) 'utf-8))))
        (list :value (desk-value (with-current-buffer (window-buffer (desk-window)) (eval expression t)))))
    (error (list :error (error-message-string fault)))))
(defun desk-take (process data)
  (set-process-query-on-exit-flag process nil)
  (process-put process 'held (concat (process-get process 'held) data))
  (let ((lines (split-string (process-get process 'held) "\n")))
    (process-put process 'held (car (last lines)))
    (dolist (line (butlast lines))
      (let ((answer (encode-coding-string (json-serialize (desk-evaluate line)) 'utf-8)))
        (process-send-string process (concat (base64-encode-string answer t) "\n"))))))
(make-network-process :name "desk" :server t :family 'local :service "{socket}" :coding 'binary :noquery t
                      :filter #'desk-take)
"""


class Emacs(Driver):
    """One editor of *home*'s user, attached to the daemon that runs there (*attached*: wait for that)."""

    kind = "emacs"
    trusting = "(setq enable-local-variables :all enable-local-eval t enable-dir-local-variables t)"
    hostile = (
        '# -*- fill-column: 33; eval: (write-region "" nil "{witness}") -*-\nx = 1\n'
        '# Local Variables:\n# fill-column: 33\n# eval: (write-region "" nil "{witness}")\n# End:\n'
    )

    def __init__(self, home: Home, *, setup: str = "", attached: bool = True) -> None:
        assert shutil.which("emacs"), "this test needs Emacs 27: apt-get install emacs-nox"
        self.home = home
        # Emacs reads no settings of a user that does not exist.
        home.env["USER"] = home.env["LOGNAME"] = pwd.getpwuid(os.getuid()).pw_name
        home.run(rbridge("plugin", "install", "emacs")).ok()
        name = f"emacs-{os.urandom(3).hex()}"
        self.tmux = Tmux(home, f"{name}.tmux")
        self._code = home.root / f"{name}.code"
        desk = home.root / f"{name}.desk"
        control = home.root / f"{name}.el"
        control.write_text(DESK.replace("{socket}", str(desk)) + emacs_tree.DESK)
        if setup:
            home.file(".emacs.d/init.el", setup + "\n")
        command = f'"$@"; echo $? > {self._code}'
        self.tmux.window(["sh", "-c", command, "sh", "emacs", "-nw", "-l", str(control)])
        self._stream = until(lambda: _connected(desk), what="Emacs runs:\n" + self.screen())
        self._stream.settimeout(120)
        self._lines = self._stream.makefile("rb")
        self.pid = int(self.ask("(emacs-pid)"))
        self._answered = 0
        self._tree = EmacsTree(self)
        if attached:
            self.until(READY)
            self.settled()

    def ask(self, expression: str) -> Any:
        """What the *expression* of Emacs Lisp is in the buffer that is shown."""
        self._stream.sendall(base64.b64encode(expression.encode()) + b"\n")
        found = json.loads(base64.b64decode(self._lines.readline()))
        assert "value" in found, f"Emacs: {found['error']} in {expression}"
        return found["value"]

    def until(self, expression: str, what: str = "") -> Any:
        """Wait until *expression* is something true, and return it."""
        return until(lambda: self.ask(expression), what=f"{what or expression}; screen:\n{self.screen()}")

    def keys(self, *keys: str) -> None:
        """Press keys by tmux's names."""
        self.tmux.keys(*keys)

    def command(self, *words: str) -> None:
        """Give a command by its name, and answer what it asks with the other words."""
        self.keys("M-x")
        for word in words:
            self.tmux.line(word)

    def screen(self) -> str:
        return self.tmux.screen()

    def told(self) -> str:
        return str(self.ask('(with-current-buffer "*Messages*" (buffer-string))'))

    @property
    def path(self) -> str:
        return str(
            self.ask(
                "(if rbridge-document (rbridge-document-path rbridge-document)"
                " (or buffer-file-name (buffer-name)))"
            )
        )

    @property
    def text(self) -> str:
        return str(self.ask("(save-restriction (widen) (buffer-string))"))

    def line(self, number: int) -> str:
        at = f"(goto-char (point-min)) (forward-line {number - 1})"
        found = f"(save-excursion {at} (buffer-substring (point) (line-end-position)))"
        return str(self.ask(found))

    @property
    def cursor(self) -> tuple[int, int]:
        line, column = self.ask(
            "(save-excursion (goto-char (window-point (desk-window)))"
            " (list (line-number-at-pos) (1+ (- (point) (line-beginning-position)))))"
        )
        return line, column

    @property
    def modified(self) -> bool:
        return bool(self.ask("(buffer-modified-p)"))

    @property
    def read_only(self) -> bool:
        return bool(self.ask("buffer-read-only"))

    @property
    def language(self) -> str:
        return str(self.ask("(symbol-name major-mode)"))

    @property
    def status(self) -> str:
        return str(self.ask("(rbridge-status)"))

    @property
    def names(self) -> list[str]:
        found = self.ask(
            "(delq nil (mapcar (lambda (one) (with-current-buffer one (and rbridge-document"
            ' (concat (buffer-name) " " list-buffers-directory)))) (buffer-list)))'
        )
        return list(found or [])

    @property
    def obeys(self) -> bool:
        return bool(self.ask("(= fill-column 33)"))

    @property
    def comparing(self) -> str | None:
        found = self.ask(
            '(seq-some (lambda (one) (and (string-suffix-p "(on the host)" (buffer-name (window-buffer one)))'
            " (with-current-buffer (window-buffer one) (buffer-string)))) (window-list))"
        )
        return None if found is None else str(found)

    @property
    def asked(self) -> str:
        """What is asked in the minibuffer; empty while nothing is."""
        found = self.ask(
            "(and (active-minibuffer-window)"
            " (with-selected-window (active-minibuffer-window) (minibuffer-prompt)))"
        )
        return str(found or "")

    @property
    def tree(self) -> EmacsTree:
        return self._tree

    def open_own(self, path: str) -> None:
        self.keys("C-x", "C-f")
        self.tmux.line(path)
        self.sees(path)

    def turn_to(self, name: str) -> None:
        suffix = json.dumps(name)
        found = self.ask(
            "(seq-some (lambda (one) (with-current-buffer one (and rbridge-document"
            f" (string-suffix-p {suffix} (rbridge-document-path rbridge-document)) (buffer-name))))"
            " (buffer-list))"
        )
        assert found, f"no buffer of {name}: {self.names}"
        self.keys("C-x", "b")
        self.tmux.line(str(found))
        self.sees(name)

    def insert(self, text: str) -> None:
        self.keys("M-<")
        self.tmux.type(text)
        self.keys("M-<")

    def undo(self) -> None:
        self.keys("C-x", "u")

    def save(self) -> None:
        self.keys("C-x", "C-s")

    def save_all(self) -> None:
        self.keys("C-x", "s", "!")

    def resolve(self, choice: Choice) -> None:
        """A save that met the conflict has a question asked once its command is over; nothing else has."""
        quiet = "(not (or rbridge-link--queue rbridge-link-busy))"
        until(lambda: self._asks("was changed on") or self.ask(quiet), what="it is asked, or is not")
        if self._asks("was changed on"):
            self._answer(WORDS[choice])
        else:
            self.command(*COMMANDS[choice])

    def answer(self, words: str, choice: str) -> None:
        self._until(lambda: self._asks(words), f"a question with {words!r}")
        self._answer(choice)

    def _asks(self, words: str) -> bool:
        """Whether a question with *words* is asked, and is not the one that was answered last."""
        return words in self.asked and self.ask("desk-questions") != self._answered

    def _answer(self, choice: str) -> None:
        self._answered = self.ask("desk-questions")
        self.tmux.line(choice)

    def close(self, discard: bool = False) -> None:
        modified = self.modified
        self.keys("C-x", "k", "Enter")
        if discard and modified:
            self.answer("close it anyway?", "yes")

    def focus(self) -> None:
        self.ask("(funcall after-focus-change-function)")

    def settled(self) -> None:
        """It is told after it was drawn, and counts as looked at last, whatever has come meanwhile.

        The last that is shown at the start is the screen that greets: the plug-in is connected by then.
        """
        self.until("desk-started")
        self.ask("(ignore (redisplay t))")
        self.until("(not rbridge--focus-timer)")

    def quit(self, discard: bool = False) -> None:
        if discard:
            self.command("kill-emacs")
        else:
            self.keys("C-x", "C-c")

    @property
    def running(self) -> bool:
        return not self._code.exists()

    def ended(self) -> int:
        return int(until(lambda: not self.running and self._code.read_text().strip(), what=self.screen()))

    def kill(self) -> None:
        """Emacs with changes does not end at SIGTERM."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
            until(lambda: not os.path.exists(f"/proc/{self.pid}"), what="it has ended")
        self._lines.close()
        self._stream.close()
        self.tmux.close()


def _connected(path: Path) -> socket.socket:
    """A connection to *path*. Raises OSError while nobody listens there."""
    made = socket.socket(socket.AF_UNIX)
    try:
        made.connect(str(path))
    except OSError:
        made.close()
        raise
    return made
