"""Looks into Vims through channels that they open themselves: ``:help channel``, mode "json"."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

# Settings that open one, with the name of the tmux pane as its first message. What is asked is evaluated in a
# function, since Vim takes it for Vim9 script while a function of such a script waits.
SETTINGS = """
function! TestsAsk(expression)
  return eval(a:expression)
endfunction
let s:test = ch_open('unix:{socket}', #{{mode: 'json'}})
call ch_sendexpr(s:test, $TMUX_PANE)
"""


class Channel:
    """The other end of one Vim's channel."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.settimeout(20)
        self._rest = ""
        self._number = 0
        self._decoder = json.JSONDecoder()
        self._lock = threading.Lock()
        self.pane = str(self._next()[1])
        self.over = False

    def ask(self, expression: str) -> Any:
        """What *expression* is in this Vim, in its legacy script; "ERROR" where it is none."""
        asked = "g:TestsAsk('" + expression.replace("'", "''") + "')"
        with self._lock:
            self._number -= 1
            self._connection.sendall(json.dumps(["expr", asked, self._number]).encode())
            while True:
                number, answer = self._next()
                if number == self._number:
                    return answer

    def alive(self) -> bool:
        try:
            if not self.over:
                self.ask("1")
        except OSError:
            self.over = True
        return not self.over

    def close(self) -> None:
        self._connection.close()

    def _next(self) -> Any:
        while True:
            try:
                found, end = self._decoder.raw_decode(self._rest)
            except ValueError:
                more = self._connection.recv(1 << 20)
                if not more:
                    raise ConnectionError("this Vim has ended") from None
                self._rest += more.decode()
            else:
                self._rest = self._rest[end:].lstrip()
                return found


class Desk:
    """Takes the channels of all Vims that connect to *path*; each begins with the name of its tmux pane."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._vims: list[Channel] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def vim(self, pane: str) -> Channel:
        """The Vim in *pane*. Raises LookupError."""
        return [one for one in self._vims if one.pane == pane and not one.over][-1]

    def panes(self) -> list[str]:
        """Where a Vim runs."""
        return [one.pane for one in list(self._vims) if one.alive()]

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        for one in self._vims:
            one.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                self._vims.append(Channel(connection))
            except OSError:
                connection.close()
