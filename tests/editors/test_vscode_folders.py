"""Folders of a host in VS Code: what is its own in the view, and what a daemon does rarely."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.editors.attach_server import AttachServer, Refusal
from tests.editors.folder_server import ANEW, FOLDER, ROOT, FolderServer
from tests.editors.test_vscode import COLOURS
from tests.editors.vscode import VSCode
from tests.harness.environment import Home
from tests.harness.wait import stays, until

SCREENSHOT = os.environ.get(
    "RBRIDGE_TESTS_SCREENSHOT_FOLDER"
)  # docs/images/vscode-folder.png, to make it anew
OTHER = "bbbbbbbbbbbbbbbbbbbbbbbb"


@pytest.fixture(scope="module")
def laptop() -> Iterator[Home]:
    made = Home("laptop")
    yield made
    VSCode.finish(made)
    made.close()


@pytest.fixture
def server(laptop: Home) -> Iterator[FolderServer]:
    made = FolderServer(laptop)
    made.handlers["fs/open"] = lambda _, params: head(made, params["path"])
    yield made
    made.close()


def head(server: FolderServer, path: str) -> dict[str, Any]:
    said = server.head(path)
    return {**said, "uri": f"rbridge://gpu1{ROOT}/{path}?{said['id']}"}


@pytest.fixture
def editor(laptop: Home, server: FolderServer) -> Iterator[VSCode]:
    made = VSCode(laptop)
    yield made
    made.kill()


def came(server: AttachServer, method: str) -> list[dict[str, Any]]:
    return [one for one in server.got if one.get("method") == method]


# A picture

FILES = {
    "": ["data/", "src/", ".gitignore", "README.md", "notes.ipynb", "train.py"],
    "src": ["loader.py", "model.py", "optim.py"],
}
MODEL = """import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(784, width), nn.ReLU(), nn.Linear(width, 10))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.layers(batch)
"""


def test_a_picture_of_it(editor: VSCode, server: FolderServer, tmp_path: Path) -> None:
    """It is what docs/images/vscode-folder.png shows."""
    server.files, server.text = FILES, MODEL
    found = [match("src/model.py", 5), {**match("train.py", 12), "text": "model = Model()", "column": 9}]
    server.handlers["fs/search"] = lambda *_: {"matches": found, "truncated": False, "by": "rg"}
    server.show()
    editor.tree.until_shows("train.py")
    editor.tree.expand("src")
    editor.tree.open("src/model.py")
    editor.sees("src/model.py")
    until(lambda: len(editor.look(COLOURS)) > 3, what="the text is coloured")
    editor.tree.search("Model")
    until(lambda: editor.tree.matches == [("src/model.py", 5), ("train.py", 12)])
    assert editor.host("return vscode.workspace.workspaceFolders ?? []") == []
    titles = "return [...document.querySelectorAll('.pane-header .title')].map((one) => one.textContent)"
    assert "rbridge: gpu1:project" in editor.look(titles)
    target = Path(SCREENSHOT or tmp_path / "vscode-folder.png")
    editor.screenshot(target)
    assert 5_000 < target.stat().st_size < 200_000


# Against a daemon that does what a real one does rarely


def test_several_folders_are_several_roots_and_each_is_closed_alone(
    editor: VSCode, server: FolderServer
) -> None:
    server.show()
    server.show(OTHER, path="/srv/data", name="data", uri="rbridge://gpu1/srv/data")
    editor.tree.until_shows("a.txt")
    roots = until(lambda: [row for row in editor.tree.rows() if row.level == 1])
    assert [row.label for row in roots] == ["gpu1:project", "gpu1:data"]
    editor.host(
        "vscode.commands.executeCommand('rbridge.closeFolder')"
    )  # the one that was shown last is chosen
    assert server.asked("folder/close") == {"id": OTHER}
    until(lambda: [row.label for row in editor.tree.rows() if row.level == 1] == ["gpu1:project"])


def test_what_is_shown_is_watched_and_nothing_else(editor: VSCode, server: FolderServer) -> None:
    server.show()
    editor.tree.expand("src")
    until(
        lambda: (
            came(server, "fs/watch")[-1:] and came(server, "fs/watch")[-1]["params"]["paths"] == ["", "src"]
        )
    )
    editor.tree.fold("src")
    until(lambda: came(server, "fs/watch")[-1]["params"]["paths"] == [""])
    server.files["src"].append("new.py")
    editor.tree.expand("src")
    editor.tree.until_shows("src/new.py")


def test_names_are_one_line_each_and_do_nothing(editor: VSCode, server: FolderServer) -> None:
    server.files[""] = ["$(alert).txt", "<b>bold</b>.txt", "[x](command:y).txt", "a\u202egpj.exe"]
    server.show()
    editor.tree.until_shows(*server.files[""][:3], "a\\u{202e}gpj.exe")
    inside = "return document.querySelectorAll('.monaco-list-row .label-name b, .label-name .codicon').length"
    assert editor.look(inside) == 0
    editor.tree.open("$(alert).txt")
    until(lambda: server.asked_for("fs/open") == ["$(alert).txt"])
    editor.sees("$(alert).txt")


def test_a_directory_that_cannot_be_listed_says_so_in_the_view(editor: VSCode, server: FolderServer) -> None:
    def refuse(_: AttachServer, params: dict[str, Any]) -> Any:
        if params["path"] == "src":
            raise Refusal(-32010, "src: permission denied", {"reason": "denied"})
        return server.listed(params)

    server.handlers["fs/list"] = refuse
    server.show()
    editor.tree.until_shows("src/")
    editor.tree.fold("src")  # a click unfolds it as well
    until(lambda: "src: permission denied" in [row.label for row in editor.tree.rows(lines=True)])
    editor.tree.until_shows("a.txt")


def test_removing_asks_with_what_is_at_stake(editor: VSCode, server: FolderServer) -> None:
    def remove(_: AttachServer, params: dict[str, Any]) -> Any:
        if not params.get("confirmed"):
            data = {"type": "directory", "entries": 1000, "more": True}
            raise Refusal(-32014, "removing src needs the user's word", data)
        server.files[""].remove("src/")
        return {}

    server.handlers["fs/remove"] = remove
    server.show()
    editor.tree.until_shows("src/")
    editor.tree.remove("src", confirm=False)
    assert "src on gpu1: remove the directory with more than 1,000 entries?" in editor.told()
    stays(lambda: len(came(server, "fs/remove")) == 1, 0.3)
    editor.tree.remove("src", confirm=True)
    editor.tree.until_lacks("src/")
    assert server.asked("fs/remove")["recursive"] is True


def test_a_newer_word_takes_the_older_search_for_a_file_back(editor: VSCode, server: FolderServer) -> None:
    def find(_: AttachServer, params: dict[str, Any]) -> Any:
        if params["query"] == "a":
            server.say("fs/found", {"stream": params["stream"], "paths": ["a.txt"]})
            return None  # it goes on
        return {"paths": ["b.txt", "src/ab.py"], "truncated": True, "by": "git"}

    server.handlers["fs/find"] = find
    server.show()
    editor.tree.until_shows("a.txt")
    editor.tree.begin_to_find("a")
    until(lambda: editor.tree.offered == ["a.txt"])
    editor.browse("await window.keyboard.insertText('b')")
    until(lambda: editor.tree.offered == ["b.txt", "src/ab.py"])
    first = came(server, "fs/find")[0]["id"]
    until(lambda: [one["params"]["id"] for one in came(server, "$/cancelRequest")] == [first])
    server.say("fs/found", {"stream": came(server, "fs/find")[0]["params"]["stream"], "paths": ["late.txt"]})
    stays(lambda: editor.tree.offered == ["b.txt", "src/ab.py"], 0.3)
    assert editor.tree.asked.endswith("the best 2 found")
    editor.browse("await window.keyboard.press('Backspace'); await window.keyboard.press('Backspace')")
    until(lambda: editor.tree.offered == [])
    assert [one["params"]["query"] for one in came(server, "fs/find")][:2] == ["a", "ab"]
    assert "" not in [one["params"]["query"] for one in came(server, "fs/find")]
    editor.keys("Escape")


def match(path: str, line: int) -> dict[str, Any]:
    return {"path": path, "line": line, "column": 7, "length": 5, "text": "class Model:"}


def test_a_search_shows_what_it_has_so_far_and_can_be_cancelled(editor: VSCode, server: FolderServer) -> None:
    def search(_: AttachServer, params: dict[str, Any]) -> None:
        server.say("fs/found", {"stream": params["stream"], "matches": [match("a.py", 3), match("a.py", 9)]})

    server.handlers["fs/search"] = search
    server.show()
    editor.tree.until_shows("a.txt")
    editor.tree.begin_to_search("Model")
    until(lambda: editor.tree.matches == [("a.py", 3), ("a.py", 9)])
    assert "searching" in editor.tree.said_of_search
    asked = came(server, "fs/search")[0]
    how = {"regex": False, "word": False, "case": "smart", "limit": 2000}
    assert {**asked["params"], "stream": 0} == {"folder": FOLDER, "query": "Model", "stream": 0, **how}
    editor.command("rbridge.cancelSearch")
    until(lambda: [one["params"]["id"] for one in came(server, "$/cancelRequest")] == [asked["id"]])
    server.send({"id": asked["id"], "error": {"code": -32800, "message": "cancelled"}})
    until(lambda: "cancelled" in editor.tree.said_of_search)
    assert editor.tree.matches == [("a.py", 3), ("a.py", 9)]


def test_a_search_that_found_too_much_says_so(editor: VSCode, server: FolderServer) -> None:
    server.handlers["fs/search"] = lambda *_: {"matches": [match("a.py", 1)], "truncated": True, "by": "rg"}
    server.show()
    editor.tree.until_shows("a.txt")
    editor.tree.search("Model")
    until(lambda: editor.tree.matches == [("a.py", 1)])  # the view says what it says before it has its rows
    assert "there are more" in editor.tree.said_of_search


def test_a_daemon_that_was_started_anew_has_the_folder_in_the_same_view(
    editor: VSCode, server: FolderServer
) -> None:
    server.show()
    editor.tree.until_shows("a.txt")
    server.cut()
    said = server.asked("initialize", 2)
    assert said["folders"] == [{"id": FOLDER, "host": "gpu1", "path": ROOT}]
    until(lambda: editor.tree.status == "not connected")
    editor.tree.open("a.txt")
    server.handlers["fs/open"] = lambda *_: (_ for _ in ()).throw(
        Refusal(-32017, "this window has no such folder")
    )
    server.files[""].append("new.txt")
    server.show(ANEW)
    editor.tree.until_shows("new.txt")
    assert editor.tree.status == ""
    assert len([row for row in editor.tree.rows() if row.level == 1]) == 1
    assert came(server, "fs/list")[-1]["params"]["folder"] == ANEW
    assert not came(server, "folder/close")


def test_one_that_is_opened_again_over_another_connection_takes_the_place_of_one_that_is_cut(
    editor: VSCode, server: FolderServer
) -> None:
    server.show()
    editor.tree.until_shows("a.txt")
    server.stands(False)
    until(lambda: editor.tree.status == "not connected")
    server.show(ANEW)
    until(lambda: editor.tree.status == "")
    assert server.asked("folder/close") == {"id": FOLDER}
    assert len([row for row in editor.tree.rows() if row.level == 1]) == 1


def test_vs_codes_own_viewers_read_files_of_it_by_their_address(editor: VSCode, server: FolderServer) -> None:
    data = bytes(range(256)) * 6000  # two pieces
    big = 1 << 20

    def read(_: AttachServer, params: dict[str, Any]) -> dict[str, Any]:
        piece = data[params["at"] : params["at"] + min(params["length"], big)]
        return {"base64": base64.b64encode(piece).decode(), "size": len(data)}

    server.handlers["fs/read"] = read
    server.handlers["fs/stat"] = lambda *_: {
        "name": "a.bin",
        "type": "file",
        "size": len(data),
        "mtime": 5,
        "mode": 0,
    }
    server.show()
    address = f"rbridge://gpu1{ROOT}/src/a.bin"
    look = (
        "const uri = vscode.Uri.parse(args.address); const { fs } = vscode.workspace;"
        "const [stat, bytes] = [await fs.stat(uri), await fs.readFile(uri)];"
        "return [stat.size, stat.mtime, stat.permissions, Buffer.from(bytes).toString('base64')]"
    )
    size, mtime, permissions, read_bytes = editor.host(look, address=address)
    assert (size, mtime, permissions) == (len(data), 5, 1)
    assert base64.b64decode(read_bytes) == data
    assert server.asked("fs/stat") == {"folder": FOLDER, "path": "src/a.bin"}
    names = "return vscode.workspace.fs.readDirectory(vscode.Uri.parse(args.address))"
    assert editor.host(names, address=f"rbridge://gpu1{ROOT}") == [["src", 2], ["a.txt", 1], ["b.txt", 1]]
    failing = (
        "const uri = vscode.Uri.parse(args.address); const { fs } = vscode.workspace;"
        "const code = (work) => work.then(() => '', (error) => error.code);"
        "return [await code(fs.writeFile(uri, Buffer.from('x'))), await code(fs.delete(uri)),"
        " await code(fs.stat(vscode.Uri.parse('rbridge://gpu1/etc/passwd'))),"
        " await code(fs.stat(vscode.Uri.parse('rbridge://gpu2' + args.root)))]"
    )
    refused = ["FileExists", "NoPermissions", "FileNotFound", "FileNotFound"]
    assert editor.host(failing, address=address, root=ROOT) == refused
