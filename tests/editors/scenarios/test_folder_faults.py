"""A folder of the host in the editor: what is odd in it, what goes wrong, and what it must not do."""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.conftest import Bridge
from tests.editors.bench import THREE, Bench, edited, holds
from tests.editors.driver import Driver
from tests.harness.environment import rbridge
from tests.harness.wait import stays, until

Stage = Bench[Driver]
RESUMES = 40.0  # seconds for a client and a daemon that meet again, on a machine that is busy

# The last two are no text that could be shown as it is: a line end with a terminal's commands, and Latin-1.
ODD = {
    "odd-a": "odd-a b %41%2F 'q' \"d\" #1 ü日 $HOME `id` [x] {y} | ~ & ;.txt".encode(),
    "odd-b": b"odd-b\n\x1b]0;owned\x07\x1b[2J.txt",
    "odd-c": b"odd-c caf\xe9 \xff.txt",
}

# What steers an editor, or a program that it starts, where it lies beside a file of the laptop itself.
STEERS = {
    ".exrc": "set textwidth=33\ncall system('touch {witness}')\n",
    ".vimrc": "set textwidth=33\ncall system('touch {witness}')\n",
    ".nvimrc": "set textwidth=33\ncall system('touch {witness}')\n",
    ".nvim.lua": "vim.o.textwidth = 33\nos.execute('touch {witness}')\n",
    ".dir-locals.el": '((nil . ((fill-column . 33) (eval . (write-region "" nil "{witness}")))))\n',
    ".editorconfig": "root = true\n[*]\nmax_line_length = 33\nindent_size = 7\ntab_width = 7\n",
    ".vscode/settings.json": '{{"editor.tabSize": 7, "editor.detectIndentation": false}}\n',
    ".vscode/tasks.json": """{{"version": "2.0.0", "tasks": [{{
        "label": "t", "type": "shell", "command": "touch {witness}", "runOptions": {{"runOn": "folderOpen"}}
    }}]}}\n""",
    "project.sublime-project": '{{"folders": [{{"path": "."}}], "settings": {{"tab_size": 7}}}}\n',
    "src/other.py": "y = 1\n",
}


def test_folder_odd_names(bench: Stage) -> None:
    """Names with quotes, line ends, escape sequences, bytes that are no UTF-8: each is one line, and opens"""
    root = bench.project({"plain.txt": "plain\n"}, "100% odd 'folder'")
    for short, name in ODD.items():
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_text(f"{short}\n")
    editor = bench.editor()
    bench.open(str(root)).ok()
    editor.tree.until_root(str(root))
    editor.tree.until_shows("plain.txt", ODD["odd-a"].decode())

    def shown(short: str) -> str:
        found = [path for path in editor.tree.paths if path.startswith(short)]
        assert len(found) == 1, editor.tree.paths
        return found[0]

    assert len(editor.tree.paths) == len(ODD) + 1
    for short, name in ODD.items():
        assert shown(short).isprintable()
        editor.tree.open(shown(short))
        editor.until_text(f"{short}\n")
        edited(editor, Path(os.fsdecode(os.fsencode(root) + b"/" + name)))
    editor.tree.rename(shown("odd-b"), "renamed.txt")
    until(lambda: (root / "renamed.txt").read_text() == "Xodd-b\n")
    editor.tree.until_shows("renamed.txt")  # until then the cursor may move to it
    removed = shown("odd-c")
    editor.tree.remove(removed, confirm=True)
    editor.tree.until_lacks(removed)
    assert len(list(root.iterdir())) == len(ODD)


def test_folder_link_outside(bench: Stage) -> None:
    """A link that leads out of the folder is shown, and refused"""
    root = bench.project()
    secret = bench.host.file("secret.txt", "secret\n")
    (root / "escape.txt").symlink_to(secret)
    (root / "inside.txt").symlink_to("notes.txt")
    editor = bench.editor()
    bench.open(str(root)).ok()
    editor.tree.until_root(str(root))
    editor.tree.until_shows("escape.txt", "inside.txt")
    editor.tree.open("escape.txt")
    editor.said("leads out of the folder")
    assert not editor.shows("escape.txt")
    editor.tree.open("inside.txt")
    editor.until_text("notes\n")
    editor.tree.remove("escape.txt", confirm=True)
    until(lambda: not (root / "escape.txt").is_symlink())
    assert secret.read_text() == "secret\n"


def test_folder_stale_entry(bench: Stage) -> None:
    """What is gone meanwhile, or became a directory, is not opened but said; the view stays"""
    root = bench.project()
    # what links lead to is not shown, and so not watched
    away, other = (bench.host.file(f"project/far/{name}.txt", "there\n") for name in ("away", "other"))
    (root / "latest.txt").symlink_to("far/away.txt")
    (root / "older.txt").symlink_to("far/other.txt")
    editor = bench.editor()
    bench.open(str(root)).ok()
    editor.tree.until_root(str(root))
    editor.tree.until_shows("latest.txt", "older.txt")
    other.unlink()
    other.mkdir()
    editor.tree.open("older.txt")
    editor.said("is a directory")
    editor.tree.until_shows("older.txt/", "notes.txt")
    away.unlink()
    editor.tree.open("latest.txt")
    until(
        lambda: any(one in editor.told().lower() for one in ("no such file", "not found")), what="it is said"
    )
    editor.tree.until_shows("latest.txt", "notes.txt")
    assert not editor.names


def test_folder_viewer(bench: Stage) -> None:
    """A PDF file out of it is shown by the laptop's own viewer, and the editor says so"""
    seen = bench.laptop.path / "seen"
    program = f"#!/bin/sh\nhead -c 8 \"$1\" > '{seen}.part' && mv '{seen}.part' '{seen}'\n"
    viewer = bench.laptop.script("bin/xdg-open", program)
    bench.daemon.stop()
    bench.serve(env={"PATH": f"{viewer.parent}:{bench.laptop.env['PATH']}", "DISPLAY": ":0"})
    editor, root = bench.browsing({"notes.txt": "notes\n", "paper.pdf": "%PDF-1.7\n"})
    editor.tree.open("paper.pdf")
    until(seen.exists, what="the viewer shows it")
    assert seen.read_bytes() == b"%PDF-1.7"
    editor.said("paper.pdf")
    assert not editor.shows("paper.pdf")
    editor.tree.until_shows("notes.txt", "paper.pdf")


def test_folder_open_elsewhere(bench: Stage) -> None:
    """A file that another window has open is not opened twice: it says where it is"""
    other, file = bench.opened(name="project/train.py")
    editor, _ = bench.browsing()
    editor.tree.open("train.py")
    editor.said("open in another window")
    assert not editor.shows("train.py")
    other.insert("X")
    other.save()
    until(holds(file, "X" + THREE))


def test_folder_file_of_it(bench: Stage) -> None:
    """`rbridge open` of a file in it goes to the window that shows the folder"""
    editor, root = bench.browsing()
    other = bench.editor()
    bench.show(other, bench.host.file("b.txt", "b\n"))
    bench.show(editor, root / "src" / "model.py")
    assert not other.shows("model.py")


def test_folder_read_only(bench: Stage) -> None:
    """A folder that is opened read-only is only looked at"""
    editor, root = bench.editor(), bench.project()
    bench.browse(editor, root, "--read-only")
    editor.tree.make("new.py")
    editor.said("read-only")
    editor.tree.open("train.py")
    editor.sees("train.py")
    assert editor.read_only
    assert not (root / "new.py").exists()


def test_folder_wait(bench: Stage) -> None:
    """`rbridge open -w` of a folder returns when it is closed; its texts stay"""
    editor, root = bench.editor(), bench.project()
    process = bench.wait(str(root))
    editor.tree.until_root(str(root))
    editor.tree.until_shows("train.py")
    editor.tree.open("train.py")
    editor.sees("train.py")
    stays(lambda: process.poll() is None, 0.3)
    editor.tree.close()
    assert process.wait(20) == 0
    until(lambda: editor.tree.root == "", what="it is not shown any more")
    editor.turn_to("train.py")
    edited(editor, root / "train.py")


def test_folder_closed_on_the_host(bench: Stage) -> None:
    """`rbridge close` on the host closes it, and what is open below it"""
    editor, root = bench.browsing()
    editor.tree.open("train.py")
    editor.sees("train.py")
    said = bench.host.run(rbridge("close", str(root))).ok().err
    assert f"{root / 'train.py'}: closed\n" in said
    until(lambda: editor.tree.root == "", what="it is not shown any more")
    until(lambda: not editor.names, what=f"its texts are gone; on the host it said {said!r}")


def test_folder_cut(bench: Stage, tunnel: Bridge) -> None:
    """The connection is lost: the view stays and says so, and goes on by itself when it is back"""
    editor, root = bench.editor(), bench.project()
    tunnel.open("project").ok()
    editor.tree.until_root(str(root))
    editor.tree.until_shows("train.py")
    tunnel.forward.cut()
    until(lambda: "not connected" in editor.tree.status, what="the view says that it is not connected")
    editor.tree.open("train.py")
    editor.said("not connected")
    assert not editor.shows("train.py")
    editor.tree.until_shows("train.py")
    (root / "new.txt").write_text("new\n")
    tunnel.again()
    until(lambda: "not connected" not in editor.tree.status, RESUMES, "the view goes on")
    editor.tree.until_shows("new.txt")
    editor.tree.open("new.txt")
    editor.sees("new.txt")
    edited(editor, root / "new.txt")


def test_folder_daemon_killed(bench: Stage) -> None:
    """The daemon is killed and started again: the folder is shown as before, and goes on"""
    editor, root = bench.browsing()
    editor.tree.open("train.py")
    editor.sees("train.py")
    editor.insert("X")
    bench.daemon.kill()
    until(lambda: "no rbridge" in editor.tree.status, what="the view says that there is no rbridge")
    (root / "new.txt").write_text("new\n")
    bench.serve()
    until(lambda: "new.txt" in editor.tree.paths, RESUMES, "the view goes on")
    assert "no rbridge" not in editor.tree.status
    editor.tree.open("new.txt")
    editor.sees("new.txt")
    edited(editor, root / "new.txt")
    editor.turn_to("train.py")
    editor.save()
    until(holds(root / "train.py", "X" + THREE))


def test_folder_hostile(bench: Stage) -> None:
    """Nothing in a folder steers the editor or runs, whatever the user's settings allow"""
    witness = bench.laptop.path / "executed"
    files = {path: text.format(witness=witness) for path, text in STEERS.items()}
    files["train.py"] = bench.kind.hostile.format(witness=witness)
    editor, root = bench.browsing(files, setup=bench.kind.trusting)
    for path in ("train.py", "src/other.py"):
        editor.tree.expand(os.path.dirname(path))
        editor.tree.open(path)
        editor.sees(path)
        assert not editor.obeys
        edited(editor, root / path)
        assert not editor.obeys
    editor.tree.close()
    until(lambda: editor.tree.root == "")
    stays(lambda: not witness.exists(), 0.5)
