"""Language servers of a host and the files that they name: what the daemon of a test says of them."""

from __future__ import annotations

from typing import Any

from tests.editors.attach_server import ID, AttachServer, Refusal, Reply

ROOT = "rbridge://gpu1/home/u"
URI = f"{ROOT}/x.py?{ID}"
OTHER = "abcdef0123456789abcdef01"
NAME = "lib one#.py"
TARGET = f"{ROOT}/lib%20one%23.py"
PATH = f"/home/u/{NAME}"
LIB = "# lib\ndef go(): ...\n"
TEXT = "import lib\nlib.go()\n"
DEMO = {"name": "demo", "kind": "types", "root": ROOT}


def span(line: int, start: int, end: int) -> dict[str, Any]:
    return {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}


def has(*servers: dict[str, Any], advice: str = "") -> Reply:
    """``lsp/servers``, whatever it is asked about."""
    return lambda _, params: {"language": "python", "servers": list(servers), "advice": advice}


def opened(server: AttachServer, params: dict[str, Any]) -> Any:
    """``lsp/open`` of the target, which is only for reading."""
    uri = f"{params['uri']}?{OTHER}"
    return {"id": OTHER, "uri": uri, "host": "gpu1", "path": PATH, "name": NAME, "readOnly": True}


def writable(server: AttachServer, params: dict[str, Any]) -> Any:
    return {**opened(server, params), "readOnly": False}


def read(server: AttachServer, params: dict[str, Any]) -> Any:
    """``buffer/read`` of it, or of the server's own text."""
    text = LIB if params["id"] == OTHER else server.text
    return {"base": server.base, "size": len(text), "text": text}


def refused(server: AttachServer, params: dict[str, Any]) -> Any:
    raise Refusal(-32010, "only what is below /home/u is opened for it")


def absent(server: AttachServer, params: dict[str, Any]) -> Any:
    raise Refusal(-32010, "gpu1 is not connected")
