"""A daemon's end of the attach protocol that a test writes by hand: for what a real daemon does rarely."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.harness.wait import until

ID = "0123456789abcdef01234567"
Reply = Callable[["AttachServer", dict[str, Any]], Any]


class Refusal(Exception):
    """Raised by a handler: the answer is this error."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, "data": data}


class AttachServer:
    """Listens as *path* and serves one connection at a time. *got* holds all messages that came.

    *handlers* answer requests by method: what they return is the result, None no answer at all.
    """

    def __init__(self, path: Path, text: str = "one\n") -> None:
        self.text = text
        self.got: list[dict[str, Any]] = []
        self.known: list[dict[str, Any]] = []
        self.handlers: dict[str, Reply] = {
            "initialize": lambda self, _: {"version": 1, "buffers": self.known},
            "buffer/read": lambda self, _: {"base": self.base, "size": len(self.text), "text": self.text},
            "buffer/close": lambda self, _: {},
            "buffer/taken": lambda self, _: {},
        }
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        os.chmod(path, 0o600)
        self._listener.listen()
        self._path = path
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def base(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def state(self, state: str, **more: object) -> dict[str, Any]:
        return {"id": ID, "state": state, "message": "", "base": self.base, "connected": True, **more}

    def open(self, **more: object) -> Any:
        """Have a document opened, and wait for the answer."""
        params = {"id": ID, "uri": f"rbridge://gpu1/x.py?{ID}", "host": "gpu1", "path": "/home/u/x.py"}
        return self.ask("buffer/open", {**params, "name": "x.py", "base": self.base, "line": 0, **more})

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request, and wait for its answer; an error fails the test."""
        number = 1000 + len(self.got)
        until(lambda: self._connection, what="the plug-in is connected")
        self.send({"id": number, "method": method, "params": params})
        answer = until(lambda: [one for one in self.got if one.get("id") == number and "method" not in one])[
            0
        ]
        assert "error" not in answer, answer
        return answer["result"]

    def say(self, method: str, params: dict[str, Any]) -> None:
        self.send({"method": method, "params": params})

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.raw(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def raw(self, data: bytes) -> None:
        assert self._connection is not None
        self._connection.sendall(data)

    def asked(self, method: str, count: int = 1) -> dict[str, Any]:
        """Wait until *method* came *count* times; the params of the last one."""

        def found() -> list[Any]:
            came = [one["params"] for one in self.got if one.get("method") == method]
            return came if len(came) >= count else []

        return dict(until(found, what=f"{method} in {self.got}")[-1])

    def cut(self) -> None:
        """End the connection, not the listening."""
        assert self._connection is not None
        self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            if self._connection is not None:
                self.cut()
        self._thread.join(10)
        self._path.unlink()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connection = connection
            try:
                with connection.makefile("rb") as stream:
                    while head := stream.readline():
                        length = int(head.split(b":")[1])
                        stream.readline()
                        self._take(json.loads(stream.read(length)))
            except OSError:
                pass  # the plug-in is gone
            finally:
                with self._lock:
                    self._connection = None
                connection.close()

    def _take(self, message: dict[str, Any]) -> None:
        self.got.append(message)
        handler = self.handlers.get(message.get("method", ""))
        if handler is None or "id" not in message:
            return
        try:
            result = handler(self, message["params"])
        except Refusal as refusal:
            self.send({"id": message["id"], "error": refusal.error})
        else:
            if result is not None:
                self.send({"id": message["id"], "result": result})
