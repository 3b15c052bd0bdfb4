"""What is VS Code's own: its conflict dialogue, restored tabs, pictures, questions."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbridge import __version__
from rbridge.adapters.viewer import KINDS
from tests.conftest import Start
from tests.editors.attach_server import ID, AttachServer
from tests.editors.bench import THREE, Bench, PlainClient, holds
from tests.editors.vscode import VSCode
from tests.harness.environment import Home
from tests.harness.wait import stays, until

SCREENSHOT = os.environ.get("RBRIDGE_TESTS_SCREENSHOT")  # docs/images/vscode.png, to make it anew


@pytest.fixture(scope="module")
def laptop() -> Iterator[Home]:
    made = Home("laptop")
    yield made
    VSCode.finish(made)
    made.close()


@pytest.fixture
def bench(laptop: Home, other_home: Home, daemon: Start) -> Iterator[Bench[VSCode]]:
    made = Bench(VSCode, laptop, other_home, daemon)
    yield made
    made.close()


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff\0\0" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def in_conflict(bench: Bench[VSCode]) -> tuple[VSCode, Path]:
    editor, file = bench.opened()
    editor.insert("X")
    editor.until_text("X" + THREE)
    file.write_text("theirs\n")
    editor.save()
    editor.said("The content of the file is newer")
    return editor, file


# In a window

SHOWN = """import torch
from torch import nn

model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(100):
    for batch, labels in loader:
        loss = nn.functional.cross_entropy(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"{epoch:3} {loss.item():.4f}")
"""


COLOURS = (
    "return [...new Set([...document.querySelectorAll('.view-line span span')].map((one) => one.className))]"
)


def test_a_picture_of_it(bench: Bench[VSCode], tmp_path: Path) -> None:
    """It is what docs/images/vscode.png shows."""
    editor = bench.editor()
    with PlainClient(bench.daemon.socket, SHOWN.encode(), "gpu1", "train.py"):
        editor.sees("train.py")
        until(lambda: len(editor.look(COLOURS)) > 3, what="the text is coloured")
        target = Path(SCREENSHOT or tmp_path / "vscode.png")
        editor.screenshot(target)
        assert 5_000 < target.stat().st_size < 200_000


def test_the_tab_and_the_status_bar_name_the_host(bench: Bench[VSCode]) -> None:
    editor = bench.editor()
    with PlainClient(bench.daemon.socket, b"first\n", "gpu1"):
        editor.sees("x.py")
        until(
            lambda: editor.look("return document.querySelector('.tab.active').textContent") == "x.py (gpu1)"
        )
        assert editor.status.strip() == "gpu1: saved"
        preview = "return vscode.window.tabGroups.activeTabGroup.activeTab.isPreview"
        assert editor.host(preview) is False


def test_a_conflict_asked_by_vs_code_itself_and_overwritten(bench: Bench[VSCode]) -> None:
    editor, file = in_conflict(bench)
    editor.answer("The content of the file is newer", "Overwrite")
    until(holds(file, "X" + THREE))
    editor.until_saved()
    assert "Failed to save" not in editor.toasts


def test_a_conflict_compared_by_vs_code_itself_and_reverted(bench: Bench[VSCode]) -> None:
    editor, file = in_conflict(bench)
    editor.answer("The content of the file is newer", "Compare")
    until(lambda: editor.comparing == "theirs\n")
    editor.command("workbench.action.files.revert")
    editor.until_text("theirs\n")
    editor.until_saved()
    editor.insert("Y")
    editor.save()
    until(holds(file, "Ytheirs\n"))
    editor.until_saved()


def test_a_change_of_the_same_size_is_a_conflict_too(bench: Bench[VSCode]) -> None:
    editor, file = bench.opened()
    editor.insert("X")
    file.write_text(THREE.upper())
    editor.save()
    editor.said("The content of the file is newer")
    assert file.read_text() == THREE.upper()
    editor.command("workbench.action.files.revert")
    editor.until_text(THREE.upper())
    editor.until_saved()


def test_a_picture_opens_as_a_picture_and_follows_the_host(bench: Bench[VSCode]) -> None:
    editor, file = bench.editor(), bench.host.file("figure.png", png(40, 30))
    bench.open(str(file)).ok()
    until(lambda: editor.path.endswith("figure.png"))
    kind = "return vscode.window.tabGroups.activeTabGroup.activeTab.input.viewType"
    assert editor.host(kind) == "imagePreview.previewEditor"
    bar = "return document.querySelector('.part.statusbar').textContent"
    until(lambda: "40x30" in editor.look(bar), what="the picture's size is shown")
    file.write_bytes(png(60, 30))
    until(lambda: "60x30" in editor.look(bar), what="the new picture's size is shown")


def test_a_notebook_opens_as_a_notebook_and_is_saved(bench: Bench[VSCode]) -> None:
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": ["x = 1"]}
    book = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    editor, file = bench.editor(), bench.host.file("book.ipynb", json.dumps(book))
    bench.open(str(file)).ok()
    until(lambda: editor.path.endswith("book.ipynb"))
    until(lambda: editor.host("return vscode.workspace.notebookDocuments.length") == 1)
    editor.host(
        "const [book] = vscode.workspace.notebookDocuments; const edit = new vscode.WorkspaceEdit();"
        "const cell = new vscode.NotebookCellData(vscode.NotebookCellKind.Code, 'y = 2', 'python');"
        "edit.set(book.uri, [vscode.NotebookEdit.insertCells(1, [cell])]);"
        "await vscode.workspace.applyEdit(edit)"
    )
    editor.until_status("modified")
    editor.command("workbench.action.files.save")
    until(lambda: "y = 2" in file.read_text())
    editor.until_status("saved")


def test_who_waits_is_released_by_the_last_tab_only(bench: Bench[VSCode]) -> None:
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    editor.host("await vscode.commands.executeCommand('workbench.action.splitEditor')")
    editor.command("workbench.action.closeActiveEditor")
    stays(lambda: process.poll() is None, 0.5)
    editor.host("await vscode.commands.executeCommand('workbench.action.moveEditorToNextGroup')")
    editor.host("await vscode.commands.executeCommand('workbench.action.splitEditorRight')")
    stays(lambda: process.poll() is None, 0.5)
    editor.host("await vscode.commands.executeCommand('workbench.action.closeAllEditors')")
    assert process.wait(20) == 0


def test_a_restored_tab_whose_document_is_gone_offers_to_reopen(bench: Bench[VSCode]) -> None:
    editor, file = bench.opened()
    gone = f"rbridge://gpu1{file}?0123456789abcdef01234567"
    editor.host("vscode.commands.executeCommand('vscode.open', vscode.Uri.parse(args.uri))", uri=gone)
    editor.said("train.py on gpu1 is not connected: Reopen")
    editor.answer("is not connected: Reopen", "Reopen")
    editor.said("run this on gpu1: rbridge open")


def test_bytes_that_no_encoding_was_chosen_for_are_not_lost(bench: Bench[VSCode]) -> None:
    """Read as UTF-8 by the user's choice, they would be saved as question marks."""
    editor, file = bench.opened("café\n".encode("latin-1"), "file.txt")
    editor.host(
        "const { document } = vscode.window.activeTextEditor;"
        "await vscode.workspace.openTextDocument(document.uri, { encoding: 'utf8' })"
    )
    until(lambda: "\ufffd" in editor.text)
    editor.insert("X")
    editor.save()
    editor.said("has bytes that are no UTF-8")
    assert file.read_bytes() == "café\n".encode("latin-1")
    assert editor.modified


# Against a daemon that does what a real one does rarely


@pytest.fixture
def server(laptop: Home) -> Iterator[AttachServer]:
    made = AttachServer(laptop.runtime / "editor.sock")
    yield made
    made.close()


@pytest.fixture
def editor(laptop: Home, server: AttachServer) -> Iterator[VSCode]:
    made = VSCode(laptop)
    yield made
    made.kill()


def test_a_question_is_a_notification_with_buttons(editor: VSCode, server: AttachServer) -> None:
    server.send(
        {
            "id": 99,
            "method": "question",
            "params": {"message": "May gpu1 open files?", "answers": ["Open", "Refuse"]},
        }
    )
    editor.answer("May gpu1 open files?", "Refuse")
    (answer,) = until(lambda: [one for one in server.got if one.get("id") == 99])
    assert answer["result"] == {"answer": "Refuse"}


def test_a_line_for_the_user(editor: VSCode, server: AttachServer) -> None:
    server.say("window/show", {"kind": "warning", "message": "the disk is nearly full"})
    editor.said("rbridge: the disk is nearly full")


def test_what_it_says_of_itself(editor: VSCode, server: AttachServer) -> None:
    said = server.asked("initialize")
    assert said["version"] == 1
    assert said["client"]["plugin"] == __version__
    viewer = said["capabilities"].pop("viewer")
    capable = ("base64", "question", "diff", "folders", "lsp")
    assert said["capabilities"] == dict.fromkeys(capable, True)
    assert said["folders"] == []
    assert {"png", "wav", "mp4"} < set(viewer) <= set(KINDS)
    assert not {"pdf", "tiff"} & set(viewer)


def test_a_text_that_cannot_be_read_is_said_on_the_host(editor: VSCode, server: AttachServer) -> None:
    server.handlers["buffer/read"] = lambda *_: {"base": server.base, "size": 4}
    assert server.open() == {}  # nothing is an empty text
    editor.sees("x.py")
    assert editor.text == ""


def test_a_cut_connection_is_made_again_with_the_buffers(editor: VSCode, server: AttachServer) -> None:
    server.open()
    editor.sees("x.py")
    editor.insert("X")
    editor.until_status("modified")
    server.known = [server.state("clean")]
    server.cut()
    said = server.asked("initialize", 2)
    assert said["buffers"] == [{"id": ID, "base": server.base, "modified": True}]
    editor.until_status("modified")
    assert editor.text == "Xone\n"


def test_a_document_that_is_not_known_any_more_keeps_its_text(editor: VSCode, server: AttachServer) -> None:
    server.open()
    editor.sees("x.py")
    editor.insert("X")
    editor.until_status("modified")
    server.cut()
    editor.said("x.py is closed on gpu1; the text stays here")
    assert editor.text == "Xone\n"
    editor.save()
    editor.said("is not open there any more")
    assert editor.modified


def backed_up(laptop: Home) -> bool:
    """Whether VS Code has made its copy of what is typed and not saved."""
    backups = laptop.path / ".local" / "share" / "code-server" / "User" / "Backups"
    return bool(list(backups.glob("*/rbridge/*")))


def test_a_reloaded_window_goes_on_with_what_was_typed(
    laptop: Home, editor: VSCode, server: AttachServer
) -> None:
    """Not with a real daemon: its ten seconds may be over on a machine that is busy."""
    server.open()
    editor.sees("x.py")
    editor.insert("X")
    editor.until_status("modified")
    until(lambda: backed_up(laptop), what="VS Code has made its backup")
    server.known = [server.state("clean")]
    editor.reload()
    editor.sees("x.py")
    editor.until_text("Xone\n")
    editor.until_status("modified")
    said = [one["params"] for one in server.got if one.get("method") == "initialize"][-1]
    assert [one["id"] for one in said["buffers"]] == [ID]
    base = server.base
    server.text = "Xone\n"
    server.handlers["buffer/write"] = lambda server, _: {"outcome": "saved", "base": server.base}
    editor.save()
    editor.until_saved()
    assert server.asked("buffer/write") == {"id": ID, "base": base, "text": "Xone\n"}


def test_what_was_typed_stays_in_a_reloaded_window_whose_document_is_gone(
    laptop: Home, editor: VSCode, server: AttachServer
) -> None:
    server.open()
    editor.sees("x.py")
    editor.insert("X")
    editor.until_status("modified")
    until(lambda: backed_up(laptop), what="VS Code has made its backup")
    editor.reload()
    editor.sees("x.py")
    editor.until_text("Xone\n")
    editor.said("x.py on gpu1 is not connected: Reopen")
    editor.save()
    editor.said("Failed to save 'x.py'")
    assert editor.modified


def test_nonsense_ends_the_connection_and_nothing_else(editor: VSCode, server: AttachServer) -> None:
    server.open()
    editor.sees("x.py")
    server.known = [server.state("clean")]
    server.raw(b"HTTP/1.1 200 OK\r\n\r\n")
    server.asked("initialize", 2)
    editor.until_status("saved")
