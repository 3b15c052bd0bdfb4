"""The demo's editor: it writes the way Vim does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rbridge.adapters import inotify, scripted


def test_it_changes_the_text_and_saves_each_change(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text("epochs = 3\n")
    file.chmod(0o640)
    command = [
        sys.executable,
        "-m",
        "rbridge.adapters.scripted",
        "--replace",
        "3",
        "9",
        "--append",
        "# done\n",
    ]
    subprocess.run([*command, str(file)], check=True, timeout=30)
    assert file.read_text() == "epochs = 9\n# done\n"
    assert file.stat().st_mode & 0o7777 == 0o640
    assert os.listdir(tmp_path) == ["train.py"]


def test_it_saves_as_vim_does(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"old")
    seen = inotify.Inotify()
    seen.add(tmp_path)
    scripted.save(str(file), b"new")
    names = {inotify.MOVED_FROM: "from", inotify.MOVED_TO: "to", inotify.CREATE: "create"}
    names |= {inotify.CLOSE_WRITE: "close", inotify.DELETE: "delete", inotify.MODIFY: "modify"}
    events = [(names[event.mask], event.name.decode()) for event in seen.read()]
    seen.close()
    wanted = [("from", "f"), ("to", "f~"), ("create", "f"), ("modify", "f"), ("close", "f"), ("delete", "f~")]
    assert events == wanted


def test_what_is_not_in_the_text_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"old")
    with pytest.raises(SystemExit, match="1"):
        scripted.main(["--replace", "x", "y", str(file)])
    assert "'x' is not in the text" in capsys.readouterr().err
    assert file.read_bytes() == b"old"
