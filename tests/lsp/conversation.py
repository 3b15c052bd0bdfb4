"""A bridge between a pretended editor and a pretended server, both in plain sight of the test."""

from __future__ import annotations

import json
from typing import Any

from rbridge.lsp.bridge import Bridge
from rbridge.lsp.policy import Policy
from rbridge.lsp.uris import Places

ID = "0123456789abcdef01234567"
PATH = b"/home/ada/train.py"
THERE = "file:///home/ada/train.py"
HERE = f"rbridge://gpu1/home/ada/train.py?{ID}"
ITEM = {"languageId": "python", "version": 1, "text": "x = 1\n"}


def find(document: str, path: bytes) -> tuple[str, bytes] | None:
    return (ID, PATH) if document == ID or path == PATH else None


class Conversation:
    """``editor`` and ``server`` say what they are given; ``heard`` and ``served`` are what came of it."""

    def __init__(self, *, in_memory: bool = False) -> None:
        self.left: list[str] = []
        places = Places("gpu1", b"/dev/shm/files", find, in_memory=in_memory)
        self.bridge = Bridge(Policy(places, "pylsp"), b"/home/ada", self.left.append)

    def editor(self, said: Any) -> None:
        self.bridge.from_editor(said if isinstance(said, bytes) else json.dumps(said).encode())

    def server(self, said: Any) -> None:
        self.bridge.from_server(said if isinstance(said, bytes) else json.dumps(said).encode())

    def raw_heard(self) -> list[bytes]:
        """What the editor has heard since it was last asked, as it came."""
        taken = list(self.bridge.to_editor)
        self.bridge.to_editor.clear()
        return taken

    def raw_served(self) -> list[bytes]:
        taken = list(self.bridge.to_server)
        self.bridge.to_server.clear()
        return taken

    def heard(self) -> list[Any]:
        return [json.loads(one) for one in self.raw_heard()]

    def served(self) -> list[Any]:
        """What the server has heard since it was last asked."""
        return [json.loads(one) for one in self.raw_served()]

    def begin(self, capabilities: Any = None, **params: Any) -> Any:
        """The handshake, and one open document; what the editor got as capabilities."""
        self.bridge.initialize(1, {"capabilities": {}, "processId": 7, **params})
        (asked,) = self.served()
        self.server({"jsonrpc": "2.0", "id": asked["id"], "result": {"capabilities": capabilities or {}}})
        (answered,) = self.heard()
        self.editor({"method": "initialized", "params": {}})
        self.editor({"method": "textDocument/didOpen", "params": {"textDocument": {"uri": HERE, **ITEM}}})
        assert [one["method"] for one in self.served()] == ["initialized", "textDocument/didOpen"]
        return answered["result"]["capabilities"]

    def ask(self, number: Any, method: str, **params: Any) -> Any:
        """The editor asks about the document; what the server hears of it."""
        said = {"textDocument": {"uri": HERE}, **params}
        self.editor({"jsonrpc": "2.0", "id": number, "method": method, "params": said})
        (asked,) = self.served()
        return asked
