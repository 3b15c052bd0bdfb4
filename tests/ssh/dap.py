"""The little that a test says to a debugger: the Debug Adapter Protocol over a port of this machine."""

from __future__ import annotations

import json
import socket
from typing import Any

Message = dict[str, Any]


class Debugger:
    """A debug adapter at *port*. Every wait ends after *patience* seconds, with TimeoutError."""

    def __init__(self, port: int, patience: float = 60.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self._file = self._socket.makefile("rb")
        self._sent = 0
        self._events: list[Message] = []

    def __enter__(self) -> Debugger:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, command: str, **arguments: Any) -> int:
        """Say a request; its number."""
        self._sent += 1
        request = {"seq": self._sent, "type": "request", "command": command, "arguments": arguments}
        text = json.dumps(request).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        return self._sent

    def answer(self, number: int) -> Message:
        """The body of the answer to request *number*; what happens meanwhile is kept."""
        while True:
            message = self._next()
            if message["type"] == "response" and message["request_seq"] == number:
                assert message["success"], message
                return dict(message.get("body") or {})
            self._events.append(message)

    def ask(self, command: str, **arguments: Any) -> Message:
        return self.answer(self.send(command, **arguments))

    def event(self, name: str) -> Message:
        """The body of the next event of that *name*."""
        while True:
            for message in self._events:
                if message.get("event") == name:
                    self._events.remove(message)
                    return dict(message.get("body") or {})
            self._events.append(self._next())

    def _next(self) -> Message:
        size = 0
        while line := self._file.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        if not size:
            raise ConnectionError("the debugger is gone")
        return dict(json.loads(self._file.read(size)))
