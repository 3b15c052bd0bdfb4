"""A daemon with one folder that a test plays for Vim's plug-in."""

from __future__ import annotations

from typing import Any

from tests.editors.attach_server import ID, AttachServer, Refusal
from tests.harness.environment import Home

FOLDER = "fedcba9876543210fedcba98"
ROOT = {"id": FOLDER, "uri": "rbridge://gpu1/home/u/project", "host": "gpu1", "path": "/home/u/project"}
TOP = "rbridge://gpu1/home/u/project/"


class Played(AttachServer):
    """Has one folder: *entries* are the names in each directory, by its path as messages say it."""

    def __init__(self, home: Home) -> None:
        self.entries = {"": [file("a.py"), file("b.py"), file("src", "directory")], "src": [file("model.py")]}
        super().__init__(home.runtime / "editor.sock")
        self.handlers["fs/list"] = listed
        self.handlers["fs/open"] = opened
        self.handlers.update(dict.fromkeys(("fs/watch", "fs/make", "fs/move", "folder/close"), lambda *_: {}))

    def show(self, **more: object) -> Any:
        """Have the folder shown, and wait for the answer."""
        return self.ask("folder/open", {**ROOT, "name": "project", "readOnly": False, **more})

    def asks(self, method: str) -> list[dict[str, Any]]:
        """The params of all requests and notifications *method* that came."""
        return [one["params"] for one in self.got if one.get("method") == method]

    def changes(self, *paths: str, **more: object) -> None:
        self.say("fs/changed", {"folder": FOLDER, "paths": paths, **more})


def file(name: str, kind: str = "file", **more: object) -> dict[str, Any]:
    """An entry of a directory."""
    return {"name": name, "type": kind, "size": 1, "mtime": 0, "mode": 420, **more}


def listed(server: AttachServer, params: dict[str, Any]) -> Any:
    """The answer to ``fs/list``."""
    assert isinstance(server, Played)
    entries = server.entries.get(params["path"])
    if entries is None:
        raise Refusal(-32010, f"{params['path']}: No such file or directory", {"reason": "gone"})
    rest = [one for one in entries if one["name"] > params["after"]]
    page = rest[: params["limit"]]
    return {"entries": page, "next": page[-1]["name"] if len(page) < len(rest) else None}


def opened(server: AttachServer, params: dict[str, Any]) -> Any:
    """The answer to ``fs/open``."""
    path = "/home/u/project/" + params["path"]
    name = path.rpartition("/")[2]
    return {"id": ID, "host": "gpu1", "path": path, "name": name, "base": server.base, "line": 0, "column": 0}
