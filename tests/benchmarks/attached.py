"""A window of an attached editor that asks one thing after the other, as docs/attach.md has it: no more of a
plug-in than is needed to take its times.
"""

from __future__ import annotations

import itertools
import os
import socket
import time
from pathlib import Path
from typing import Any

from rbridge.jsonrpc import LIMIT, frame, parse
from rbridge.lsp.framing import Frames

RECEIVE = 1 << 20
PATIENCE = 120.0


class Window:
    """Attached at *path*, as a window that shows folders."""

    def __init__(self, path: Path) -> None:
        self.notes: list[dict[str, Any]] = []
        """The notifications since the last request was made."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(path))
        self._frames = Frames(LIMIT)
        self._numbers = itertools.count(1)
        self.ask(
            "initialize",
            version=1,
            client={"name": "Bench", "version": "1", "plugin": "0", "pid": os.getpid()},
            capabilities={"base64": True, "folders": True},
            buffers=[],
            folders=[],
        )

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a request."""
        return self._result(self._say(method, params))

    def timed(self, method: str, **params: Any) -> tuple[Any, float]:
        """The result, and the seconds until it was here and read."""
        begin = time.perf_counter()
        result = self.ask(method, **params)
        return result, time.perf_counter() - begin

    def folder(self) -> str:
        """Wait for a folder that is to be shown; its id."""
        while True:
            message = self._next()
            if message.get("method") == "folder/open":
                self._socket.sendall(frame({"jsonrpc": "2.0", "id": message["id"], "result": {}}))
                return str(message["params"]["id"])

    def close(self) -> None:
        self._socket.close()

    def _say(self, method: str, params: dict[str, Any]) -> int:
        self.notes.clear()
        number = next(self._numbers)
        self._socket.sendall(frame({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
        return number

    def _result(self, number: int) -> Any:
        while True:
            message = self._next()
            if message.get("id") != number or "method" in message:
                self.notes.append(message)
            elif "error" in message:
                raise RuntimeError(f"the daemon answers {message['error']}")
            else:
                return message["result"]

    def _next(self) -> dict[str, Any]:
        while (body := self._frames.next()) is None:
            data = self._socket.recv(RECEIVE)
            if not data:
                raise RuntimeError("the daemon has closed editor.sock")
            self._frames.feed(data)
        return dict(parse(body))
