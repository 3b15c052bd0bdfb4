"""A daemon's end of the attach protocol with one folder, played by a test: see ``attach_server.py``."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.editors.attach_server import AttachServer
from tests.harness.environment import Home

FOLDER = "fedcba9876543210fedcba98"
ANEW = "aaaaaaaaaaaaaaaaaaaaaaaa"
ROOT = "/home/u/project"


class FolderServer(AttachServer):
    """*files* has what is in each directory of the one folder: names, those of directories end with ``/``."""

    def __init__(self, home: Home) -> None:
        self.files: dict[str, list[str]] = {"": ["src/", "a.txt", "b.txt"], "src": ["c.py"]}
        self.page = 1000
        self.folders: list[dict[str, Any]] = []
        super().__init__(home.runtime / "editor.sock")
        self.handlers.update(
            {
                "initialize": lambda _, __: {"version": 1, "buffers": self.known, "folders": self.folders},
                "fs/list": lambda _, params: self.listed(params),
                "fs/watch": lambda _, __: {},
                "fs/open": lambda _, params: self.head(params["path"]),
                "folder/close": lambda _, __: {},
            }
        )

    def listed(self, params: dict[str, Any]) -> dict[str, Any]:
        names = self.files[params["path"]]
        begin = names.index(params["after"]) + 1 if "after" in params else 0
        page = names[begin : begin + self.page]
        more = names[begin + self.page :]
        entries = [{"name": name.rstrip("/"), "type": _kind(name)} for name in page]
        return {"entries": entries, "next": page[-1] if more else None}

    def head(self, path: str) -> dict[str, Any]:
        """What ``fs/open`` says of a file; its id is made of its path."""
        identifier = hashlib.sha256(path.encode()).hexdigest()[:24]
        where = {"host": "gpu1", "path": f"{ROOT}/{path}", "name": path.rpartition("/")[2]}
        return {"id": identifier, **where, "base": self.base, "line": 0, "column": 0, "readOnly": False}

    def show(self, identifier: str = FOLDER, **more: object) -> None:
        """Have the folder opened."""
        head = {"id": identifier, "uri": f"rbridge://gpu1{ROOT}", "host": "gpu1", "path": ROOT}
        self.ask("folder/open", {**head, "name": "project", "readOnly": False, "wait": False, **more})

    def asked_for(self, method: str, key: str = "path") -> list[Any]:
        return [one["params"].get(key) for one in self.got if one.get("method") == method]

    def stands(self, connected: bool) -> None:
        self.say("folder/state", {"id": FOLDER, "connected": connected})


def _kind(name: str) -> str:
    return "directory" if name.endswith("/") else "file"
