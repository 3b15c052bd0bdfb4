"""A host's folder that a test plays for Emacs' plug-in, behind a daemon that it plays too."""

from __future__ import annotations

from typing import Any

from tests.editors.attach_server import ID, AttachServer, Refusal
from tests.editors.emacs import Emacs

FOLDER = "f" * 24
OTHER = "e" * 24


def entry(name: str, kind: str = "file", **more: object) -> dict[str, Any]:
    return {"name": name, "type": kind, "size": 5, "mtime": 1763700000000, "mode": 0o644, **more}


class Host:
    """Directories as a test says, behind the daemon *server* that it plays."""

    def __init__(self, server: AttachServer) -> None:
        self.server = server
        self.directories: dict[str, list[dict[str, Any]]] = {
            "": [entry("a.txt"), entry("src", "directory"), entry("z.txt")],
            "src": [entry("m.py"), entry("n.py")],
        }
        self.fault: Refusal | None = None
        self.known: list[dict[str, Any]] = []
        server.handlers["initialize"] = lambda *_: {
            "version": 1,
            "buffers": server.known,
            "folders": self.known,
        }
        server.handlers["fs/list"] = self._list
        server.handlers["fs/open"] = self._open
        for method in ("fs/watch", "folder/close", "fs/make", "fs/move"):
            server.handlers[method] = lambda *_: {}

    def _list(self, server: AttachServer, params: dict[str, Any]) -> Any:
        if self.fault:
            raise self.fault
        if params["path"] not in self.directories:
            raise Refusal(-32010, f"{params['path']}: no such directory", {"reason": "gone"})
        found, after, limit = self.directories[params["path"]], params.get("after", ""), params["limit"]
        rest = [one for one in found if one["name"] > after]
        more = len(rest) > limit
        return {"entries": rest[:limit], "next": rest[limit - 1]["name"] if more else None}

    def _open(self, server: AttachServer, params: dict[str, Any]) -> Any:
        path = f"/home/u/project/{params['path']}"
        name, place = (
            path.rpartition("/")[2],
            {"line": params.get("line", 0), "column": params.get("column", 0)},
        )
        return {"id": ID, "host": "gpu1", "path": path, "name": name, "base": server.base, **place}

    def show(self, identity: str = FOLDER, **more: object) -> None:
        """Have the folder shown, and wait for the answer."""
        params = {"id": identity, "uri": "rbridge://gpu1/home/u/project", "host": "gpu1", "name": "project"}
        self.server.ask("folder/open", {**params, "path": "/home/u/project", "readOnly": False, **more})

    def changed(self, *paths: str) -> None:
        self.server.say("fs/changed", {"folder": FOLDER, "paths": list(paths)})

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [one["params"] for one in self.server.got if one.get("method") == method]

    def numbers(self, method: str) -> list[int]:
        return [one["id"] for one in self.server.got if one.get("method") == method]


def here(editor: Emacs) -> str:
    """The name in the line of the cursor."""
    return str(editor.ask("(rbridge-node-path (rbridge-tree-at (window-point (desk-window))))"))
