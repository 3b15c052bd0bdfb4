"""A daemon with language servers behind it, all of them a test's own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.editors.attach_server import ID, AttachServer, Refusal
from tests.harness.environment import Home
from tests.harness.wait import until

Answer = Callable[[dict[str, Any]], Any]

ROOT = "rbridge://gpu1/home/u/project"
NAME = "rbridge://gpu1/home/u/project/x.py"
URI = f"{NAME}?{ID}"
TARGET = "rbridge://gpu1/usr/lib/python3/os.py"
OTHER = "f" * 24
PYLSP = {"name": "pylsp", "kind": "types", "root": ROOT}
RUFF = {"name": "ruff", "kind": "lint", "root": ROOT}

CAPABILITIES: dict[str, Any] = {
    "textDocumentSync": {"openClose": True, "change": 2, "save": True},
    "hoverProvider": True,
    "definitionProvider": True,
    "referencesProvider": True,
    "renameProvider": True,
    "completionProvider": {},
}


class Line:
    """One connection of a language client; *got* holds all that it said."""

    def __init__(self, server: LanguageServer, connection: socket.socket) -> None:
        self.got: list[dict[str, Any]] = []
        self.over = False
        self._server = server
        self._connection = connection

    @property
    def options(self) -> dict[str, Any]:
        """``initializationOptions`` of its ``initialize``."""
        return dict(self.asked("initialize")["initializationOptions"])

    def asked(self, method: str, count: int = 1) -> dict[str, Any]:
        """Wait until *method* came *count* times; the params of the last one."""
        self.came(method, count)
        return dict(self.all(method)[-1])

    def came(self, method: str, count: int) -> None:
        until(lambda: len(self.all(method)) >= count, what=f"{count} {method} in {self.got}")

    def all(self, method: str) -> list[Any]:
        return [one.get("params") for one in self.got if one.get("method") == method]

    def say(self, method: str, params: dict[str, Any]) -> None:
        self.send({"method": method, "params": params})

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send a request, and wait for its answer, a result or an error."""
        number = f"rbridge:{len(self.got)}"
        self.send({"id": number, "method": method, "params": params})
        return until(lambda: [one for one in self.got if one.get("id") == number and "method" not in one])[0]

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.raw(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def raw(self, data: bytes) -> None:
        self._connection.sendall(data)

    def cut(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        try:
            with self._connection, self._connection.makefile("rb") as stream:
                while head := stream.readline():
                    length = int(head.split(b":")[1])
                    while stream.readline().strip():
                        pass  # Vim says the type of the content too
                    message = json.loads(stream.read(length))
                    self.got.append(message)
                    if message.get("method") == "exit":
                        break
                    if "method" in message and "id" in message:
                        self._answer(message)
        except OSError:
            pass  # the editor is gone
        finally:
            self.over = True

    def _answer(self, message: dict[str, Any]) -> None:
        handler = self._server.handlers.get(message["method"])
        if handler is None:
            return
        try:
            result = handler(message.get("params"))  # type: ignore[arg-type]
        except Refusal as refusal:
            self.send({"id": message["id"], "error": refusal.error})
        else:
            self.send({"id": message["id"], "result": result})


class LanguageServer:
    """Listens as *path*. *handlers* answer requests by method; what has none is not answered.

    *lines* are the connections, in order.
    """

    def __init__(self, path: Path) -> None:
        self.lines: list[Line] = []
        self.handlers: dict[str, Answer] = {
            "initialize": lambda _: {"capabilities": CAPABILITIES},
            "shutdown": lambda _: None,
        }
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        os.chmod(path, 0o600)
        self._listener.listen()
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def line(self, count: int = 1) -> Line:
        """Wait until *count* clients came; the last of these."""
        until(lambda: len(self.lines) >= count, what=f"{count} language clients")
        return self.lines[count - 1]

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self.lines:
            with contextlib.suppress(OSError):  # it is over already
                line.cut()
        for thread in self._threads:
            thread.join(10)
        self._path.unlink()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            line = Line(self, connection)
            self.lines.append(line)
            self._threads.append(threading.Thread(target=line.serve, daemon=True))
            self._threads[-1].start()


def at(line: int, first: int, last: int) -> dict[str, Any]:
    """A range in one line."""
    return {"start": {"line": line, "character": first}, "end": {"line": line, "character": last}}


class Desk:
    """A daemon that a test plays, with language servers."""

    def __init__(self, home: Home) -> None:
        self.attach = AttachServer(home.runtime / "editor.sock", "one\ntwo\n")
        self.lsp = LanguageServer(home.runtime / "lsp.sock")
        self.servers: list[dict[str, Any]] = [PYLSP]
        self.advice = ""
        self.files: dict[str, str] = {}
        self.opened: list[str] = []
        self.attach.handlers["lsp/servers"] = self._servers
        self.attach.handlers["lsp/open"] = self._open
        self.attach.handlers["buffer/read"] = self._read
        self._ids: dict[str, str] = {}

    def open(self, **more: object) -> None:
        """Have x.py of the project opened."""
        self.attach.open(**{"path": "/home/u/project/x.py", "uri": URI, **more})

    def serve(self, method: str, result: Any) -> None:
        self.lsp.handlers[method] = lambda _: result

    def has(self, uri: str, text: str) -> None:
        """The host has a file that a server may lead to."""
        self.files[uri] = text

    def line(self, count: int = 1) -> Line:
        """The language client's connection number *count*, once its first document is open there."""
        line = self.lsp.line(count)
        line.asked("textDocument/didOpen")
        return line

    def close(self) -> None:
        self.lsp.close()
        self.attach.close()

    def _servers(self, _: AttachServer, params: dict[str, Any]) -> Any:
        advice, self.advice = self.advice, ""
        return {"language": params.get("language"), "servers": self.servers, "advice": advice}

    def _open(self, _: AttachServer, params: dict[str, Any]) -> Any:
        uri = params["uri"]
        self.opened.append(uri)
        if uri not in self.files:
            raise Refusal(-32010, f"{uri.rsplit('/', 1)[1]}: no language server has named it")
        number = self._ids.setdefault(uri, hashlib.sha256(uri.encode()).hexdigest()[:24])
        path = "/" + uri.split("/", 3)[3].replace("%20", " ")
        return {
            "id": number,
            "uri": f"{uri}?{number}",
            "host": "gpu1",
            "path": path,
            "name": path.rsplit("/", 1)[-1],
            "readOnly": path.startswith("/usr"),
            "base": hashlib.sha256(self.files[uri].encode()).hexdigest(),
        }

    def _read(self, _: AttachServer, params: dict[str, Any]) -> Any:
        found = [uri for uri, number in self._ids.items() if number == params["id"]]
        text = self.files[found[0]] if found else self.attach.text
        return {"base": hashlib.sha256(text.encode()).hexdigest(), "size": len(text), "text": text}
