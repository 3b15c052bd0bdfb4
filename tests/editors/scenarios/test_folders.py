"""A folder of the host in the editor: looking around, opening, changing; and what may go wrong meanwhile."""

from __future__ import annotations

import socket

from tests.editors.bench import PROJECT, THREE, Bench, edited, holds
from tests.editors.driver import Driver
from tests.harness.wait import stays, until

Stage = Bench[Driver]
RESUMES = 40.0  # seconds for a client and a daemon that meet again, on a machine that is busy
MANY = 3000  # entries: several pages


def test_folder(bench: Stage) -> None:
    """Open a folder: it is shown with its host's name and what is in it, hidden names and directories too"""
    editor, root = bench.browsing()
    assert socket.gethostname() in editor.tree.root.removesuffix(str(root))
    shown = [path for path in editor.tree.paths if path.count("/") - path.endswith("/") == 0]
    assert sorted(shown) == [".gitignore", "build/", "notes.txt", "src/", "train.py"]
    assert "not connected" not in editor.tree.status


def test_folder_file(bench: Stage) -> None:
    """Open a file out of it, edit and save, as any file; again it is the same buffer"""
    editor, root = bench.browsing()
    editor.tree.expand("src")
    editor.tree.until_shows("src/data.py", "src/model.py")
    editor.tree.open("src/model.py")
    editor.sees("src/model.py")
    editor.until_text(PROJECT["src/model.py"])
    until(lambda: "python" in editor.language.lower(), what=f"the language is {editor.language}")
    edited(editor, root / "src" / "model.py")
    editor.tree.open("src/model.py")
    editor.sees("src/model.py")
    assert len(editor.names) == 1


def test_folder_changed_on_the_host(bench: Stage) -> None:
    """What comes and goes on the host does so in the view"""
    editor, root = bench.browsing()
    (root / "new.txt").write_text("new\n")
    editor.tree.until_shows("new.txt")
    (root / "notes.txt").unlink()
    editor.tree.until_lacks("notes.txt")
    editor.tree.expand("src")
    (root / "src" / "more").mkdir()
    editor.tree.until_shows("src/more/")
    (root / "src" / "data.py").rename(root / "src" / "renamed.py")
    editor.tree.until_shows("src/renamed.py")
    editor.tree.until_lacks("src/data.py")


def test_folder_new_file(bench: Stage) -> None:
    """A new file: it is there on the host, and shown to be edited"""
    editor, root = bench.browsing()
    editor.tree.make("src/new.py")
    editor.sees("src/new.py")
    until((root / "src" / "new.py").exists)
    editor.insert("x = 1")
    editor.save()
    until(lambda: (root / "src" / "new.py").read_text().rstrip("\n") == "x = 1")
    editor.until_saved()
    editor.tree.expand("src")
    editor.tree.until_shows("src/new.py")


def test_folder_new_file_that_is_there(bench: Stage) -> None:
    """... and never in place of one that is there"""
    editor, root = bench.browsing()
    editor.tree.make("notes.txt")
    editor.said("exists")
    assert (root / "notes.txt").read_text() == "notes\n"


def test_folder_new_directory(bench: Stage) -> None:
    """A new directory, and a file in it"""
    editor, root = bench.browsing()
    editor.tree.make("lib/")
    editor.tree.until_shows("lib/")
    assert (root / "lib").is_dir()
    editor.tree.make("lib/a.py")
    editor.sees("lib/a.py")
    assert (root / "lib" / "a.py").exists()


def test_folder_rename(bench: Stage) -> None:
    """A file that is open is moved: what was typed stays, and is saved at the new place"""
    editor, root = bench.browsing()
    editor.tree.open("train.py")
    editor.sees("train.py")
    editor.insert("X")
    editor.until_status("modified")
    editor.tree.rename("train.py", "src/moved.py")
    until((root / "src" / "moved.py").exists)
    editor.tree.until_lacks("train.py")
    until(lambda: editor.shows("src/moved.py"), what="the buffer has the new name")
    editor.turn_to("src/moved.py")
    editor.until_text("X" + THREE)
    assert editor.unsaved
    editor.save()
    until(holds(root / "src" / "moved.py", "X" + THREE))
    editor.until_saved()
    assert not (root / "train.py").exists()
    assert len(editor.names) == 1


def test_folder_rename_directory(bench: Stage) -> None:
    """... and so it is with what is in a directory that is renamed"""
    editor, root = bench.browsing()
    editor.tree.expand("src")
    editor.tree.open("src/data.py")
    editor.sees("src/data.py")
    editor.tree.expand("")
    editor.tree.rename("src", "lib")
    until((root / "lib" / "data.py").exists)
    editor.tree.until_shows("lib/")
    editor.tree.until_lacks("src/")
    until(lambda: editor.shows("lib/data.py"), what="the buffer has the new name")
    editor.turn_to("lib/data.py")
    edited(editor, root / "lib" / "data.py")
    assert not (root / "src").exists()


def test_folder_rename_over(bench: Stage) -> None:
    """... but never over a file that is there"""
    editor, root = bench.browsing()
    editor.tree.rename("notes.txt", "train.py")
    editor.said("exists")
    assert (root / "train.py").read_text() == THREE
    assert (root / "notes.txt").read_text() == "notes\n"


def test_folder_remove(bench: Stage) -> None:
    """Remove a file: only after a question, and not when that is dismissed"""
    editor, root = bench.browsing()
    editor.tree.remove("notes.txt", confirm=False)
    stays((root / "notes.txt").exists, 0.5)
    editor.tree.remove("notes.txt", confirm=True)
    until(lambda: not (root / "notes.txt").exists())
    editor.tree.until_lacks("notes.txt")


def test_folder_remove_directory(bench: Stage) -> None:
    """... and a directory with all that is in it"""
    editor, root = bench.browsing()
    editor.tree.remove("src", confirm=False)
    stays((root / "src" / "model.py").exists, 0.5)
    editor.tree.remove("src", confirm=True)
    until(lambda: not (root / "src").exists())
    editor.tree.until_lacks("src/")
    assert (root / "train.py").exists()


def test_folder_find(bench: Stage) -> None:
    """Find a file by some letters of its path; what git ignores is left out"""
    editor, root = bench.browsing()
    assert editor.tree.find("mdl") == ["src/model.py"]
    editor.tree.pick(0)
    editor.sees("src/model.py")
    edited(editor, root / "src" / "model.py")


def test_folder_search(bench: Stage) -> None:
    """Search in the files, and go to a match: its line and column"""
    editor, _ = bench.browsing()
    found = editor.tree.search("Model")
    assert sorted(found) == [("src/data.py", 1), ("src/model.py", 3)]
    editor.tree.pick(found.index(("src/model.py", 3)))
    editor.sees("src/model.py")
    until(lambda: editor.cursor == (3, 7), what=f"the cursor is at {editor.cursor}")


def test_folder_large(bench: Stage) -> None:
    """A directory with 3,000 entries is shown whole"""
    editor, root = bench.browsing({"many/0000.txt": "0\n"})
    for number in range(1, MANY):
        (root / "many" / f"{number:04}.txt").write_text(f"{number}\n")
    editor.tree.expand("many")
    names = {f"many/{number:04}.txt" for number in range(MANY)}
    until(lambda: names <= set(editor.tree.paths), what="all of them are shown")
    editor.tree.open(f"many/{MANY - 1:04}.txt")
    editor.until_text(f"{MANY - 1}\n")
