"""What is no text, in VS Code: its own viewers and notebooks, and the laptop's viewer for the rest."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Start
from tests.editors.bench import Bench
from tests.editors.test_vscode import png
from tests.editors.vscode import VSCode
from tests.harness.environment import Home
from tests.harness.wait import until

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
KIND = "const { input } = vscode.window.tabGroups.activeTabGroup.activeTab; return input.viewType ?? ''"
BAR = "return document.querySelector('.part.statusbar').textContent"
# Not the files: what a viewer is given lies in memory, and is gone with the daemon.
SHOW = '#!/bin/sh\nprintf "%s " "${{1##*/}}" >> {log}\ncksum < "$1" >> {log}\n'


def sound() -> bytes:
    """Two seconds of silence."""
    made = io.BytesIO()
    with wave.open(made, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(2 * 2 * 8000))
    return made.getvalue()


class Desktop(VSCode):
    """A laptop with a viewer for the files of its desktop."""

    @classmethod
    def serve(cls, home: Home) -> dict[str, Any]:
        home.script("bin/xdg-open", SHOW.format(log=home.path / "viewed"))
        env = {"DISPLAY": ":7", "PATH": f"{home.path}/bin:{home.env['PATH']}"}
        return {**super().serve(home), "env": env}


@pytest.fixture(scope="module")
def laptop() -> Iterator[Home]:
    made = Home("laptop")
    yield made
    VSCode.finish(made)
    made.close()


@pytest.fixture
def bench(laptop: Home, other_home: Home, daemon: Start) -> Iterator[Bench[Desktop]]:
    made = Bench(Desktop, laptop, other_home, daemon)
    yield made
    made.close()
    (laptop.path / "viewed").unlink(missing_ok=True)


def viewed(bench: Bench[Desktop]) -> list[str]:
    """What the laptop's viewer was given."""
    log = bench.laptop.path / "viewed"
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture(params=["host", "tree"])
def opened(request: pytest.FixtureRequest, bench: Bench[Desktop]) -> Any:
    """Opens a file of this name and content: by a command on the host, or out of the folder's view."""

    def run(name: str, content: bytes) -> tuple[Desktop, Path]:
        file = bench.host.file(f"project/{name}", content)
        if request.param == "host":
            editor = bench.editor()
            bench.open(str(file)).ok()
        else:
            editor, _ = bench.browsing()
            editor.tree.open(name)
        return editor, file

    return run


def test_a_picture(opened: Any, bench: Bench[Desktop]) -> None:
    editor, file = opened("figure.png", png(40, 30))
    editor.until_path("figure.png")
    assert editor.host(KIND) == "imagePreview.previewEditor"
    until(lambda: "40x30" in editor.look(BAR), what="the picture's size is shown")
    file.write_bytes(png(60, 30))
    until(lambda: "60x30" in editor.look(BAR), what="the new picture's size is shown")
    assert viewed(bench) == []


def test_a_sound(opened: Any, bench: Bench[Desktop]) -> None:
    editor, _ = opened("bell.wav", sound())
    editor.until_path("bell.wav")
    assert editor.host(KIND) == "vscode.audioPreview"
    until(lambda: editor.seconds == 2, what="the sound can be played")
    assert viewed(bench) == []


def test_a_film(opened: Any, bench: Bench[Desktop]) -> None:
    editor, _ = opened("run.webm", b"\x1a\x45\xdf\xa3" + bytes(60))
    editor.until_path("run.webm")
    assert editor.host(KIND) == "vscode.videoPreview"
    assert viewed(bench) == []


@pytest.mark.parametrize(("name", "content"), [("paper.pdf", PDF), ("scan.tiff", b"II*\0" + bytes(60))])
def test_what_vs_code_has_no_viewer_for(
    opened: Any, bench: Bench[Desktop], name: str, content: bytes
) -> None:
    editor, _ = opened(name, content)
    until(lambda: viewed(bench) == [name], what="the laptop's viewer shows it")
    assert editor.names == []


def test_the_view_says_who_shows_it_and_shows_it_again(bench: Bench[Desktop]) -> None:
    bench.host.file("project/paper.pdf", PDF)
    editor, _ = bench.browsing()
    editor.tree.open("paper.pdf")
    editor.said("paper.pdf is shown by xdg-open, for reading")
    until(lambda: viewed(bench) == ["paper.pdf"])

    def again() -> bool:
        editor.tree.open("paper.pdf")
        return len(viewed(bench)) > 1

    until(again, what="it is shown once more")


def test_a_notebook_is_a_document_that_is_saved(opened: Any) -> None:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": ["x = 1"],
    }
    book = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    editor, file = opened("book.ipynb", json.dumps(book).encode())
    editor.until_path("book.ipynb")
    kinds = "return vscode.workspace.notebookDocuments.map((one) => one.notebookType)"
    until(lambda: editor.host(kinds) == ["jupyter-notebook"])
    add(editor, "y = 2")
    editor.until_status("modified")
    editor.command("workbench.action.files.save")
    until(lambda: "y = 2" in file.read_text())
    editor.until_status("saved")
    add(editor, "z = 3")
    editor.until_status("modified")
    theirs = json.dumps({**book, "metadata": {"theirs": True}})
    file.write_text(theirs)
    editor.until_conflict()
    editor.command("workbench.action.files.save")
    editor.said("The content of the file is newer")
    assert file.read_text() == theirs
    editor.answer("The content of the file is newer", "Overwrite")
    until(lambda: "z = 3" in file.read_text())
    editor.until_status("saved")


def add(editor: VSCode, source: str) -> None:
    """One more cell at the end of the notebook."""
    editor.host(
        "const [book] = vscode.workspace.notebookDocuments; const edit = new vscode.WorkspaceEdit();"
        "const cell = new vscode.NotebookCellData(vscode.NotebookCellKind.Code, args.source, 'python');"
        "edit.set(book.uri, [vscode.NotebookEdit.insertCells(book.cellCount, [cell])]);"
        "await vscode.workspace.applyEdit(edit)",
        source=source,
    )
