"""What Sublime Text needs of the plug-in's files, as far as that shows without it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "editors" / "sublime"
FILES = [path for path in sorted(SOURCE.rglob("*.py")) if "__pycache__" not in path.parts]
README = (SOURCE / "README.md").read_text()
STANDARD = {"base64", "codecs", "contextlib", "hashlib", "itertools", "json", "os", "posixpath", "queue"}
STANDARD |= {"re", "socket", "stat", "sys", "threading", "traceback"}


def short(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=short)
def test_it_is_python_3_8(path: Path) -> None:
    """Its syntax, and by vermin its API: Sublime Text runs it in a Python 3.8 of its own."""
    ast.parse(path.read_text(), feature_version=(3, 8))
    vermin = Path(sys.executable).with_name("vermin")
    command = [vermin, "-q", "--no-tips", "--target=3.8-", "--violations", path]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_it_asks_for_that_python() -> None:
    assert (SOURCE / ".python-version").read_text() == "3.8\n"


@pytest.mark.parametrize("path", FILES, ids=short)
def test_it_imports_the_standard_library_and_sublime_text_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {one.name.partition(".")[0] for one in node.names} <= STANDARD | {
                "sublime",
                "sublime_plugin",
            }
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1, "what is not ours comes by import"


def test_only_the_top_level_is_loaded_as_a_plug_in() -> None:
    """Sublime Text loads each module beside plugin.py as one, with its commands and listeners."""
    assert [path.name for path in SOURCE.glob("*.py")] == ["plugin.py"]


def commands() -> set[str]:
    found = re.findall(r"^class (Rbridge\w+)Command\(", (SOURCE / "plugin.py").read_text(), re.MULTILINE)
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in found}


def test_what_is_in_the_palette_and_on_keys_are_commands() -> None:
    palette = json.loads((SOURCE / "Default.sublime-commands").read_text())
    keys = json.loads((SOURCE / "Default.sublime-keymap").read_text())
    assert {one["command"] for one in palette + keys} <= commands()
    for one in keys:
        assert one["context"][0]["key"] in ("setting.rbridge_folder", "setting.rbridge_results")


def test_the_commands_of_all_editors_are_there() -> None:
    palette = json.loads((SOURCE / "Default.sublime-commands").read_text())
    captions = {one["caption"].removeprefix("rbridge: ") for one in palette}
    for name in (
        "Find File",
        "Search in Files",
        "New File",
        "New Folder",
        "Rename",
        "Remove",
        "Refresh",
        "Close Folder",
    ):
        assert name in captions
        assert name in README


def test_that_it_was_never_in_sublime_text_is_said() -> None:
    editors = (SOURCE.parents[1] / "docs" / "editors.md").read_text()
    for text in (README, editors):
        assert "**Tested against a stub of its API, never in Sublime Text itself**" in text
