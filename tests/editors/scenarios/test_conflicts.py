"""What happens when the file changes on its host."""

from __future__ import annotations

from pathlib import Path

from tests.editors.bench import THREE, Bench, holds
from tests.editors.driver import Driver
from tests.harness.environment import rbridge
from tests.harness.wait import stays, until

Stage = Bench[Driver]


def in_conflict(bench: Stage) -> tuple[Driver, Path]:
    """An editor whose save just met another text on the host, and that file."""
    editor, file = bench.opened()
    editor.insert("X")
    editor.until_text("X" + THREE)
    with bench.frozen():
        file.write_text("theirs\n")
        editor.save()
    editor.until_conflict()
    return editor, file


def test_change_on_the_host(bench: Stage) -> None:
    """A change on the host is shown where nothing was typed"""
    editor, file = bench.opened()
    file.write_text("zero\n" + THREE)
    editor.until_text("zero\n" + THREE)
    editor.until_saved()
    editor.insert("X")
    editor.save()
    until(holds(file, "Xzero\n" + THREE))


def test_change_on_the_host_and_here(bench: Stage) -> None:
    """... and shown as a conflict where something was, which stays"""
    editor, file = bench.opened()
    editor.insert("X")
    editor.until_status("modified")
    file.write_text("theirs\n")
    editor.until_conflict()
    editor.said("train.py")
    assert editor.text == "X" + THREE
    assert editor.unsaved
    editor.resolve("reload")
    editor.until_text("theirs\n")
    editor.until_saved()


def test_conflict_put_off(bench: Stage) -> None:
    """A save that meets another text on the host overwrites nothing, and says so"""
    editor, file = in_conflict(bench)
    stays(holds(file, "theirs\n"), 0.3)
    assert editor.unsaved
    assert editor.text == "X" + THREE
    assert "conflict" in bench.laptop.run(rbridge("status")).out


def test_conflict_overwritten(bench: Stage) -> None:
    """A conflict settled by overwriting"""
    editor, file = in_conflict(bench)
    editor.resolve("overwrite")
    until(holds(file, "X" + THREE))
    editor.until_saved()
    editor.insert("Y")
    editor.save()
    until(holds(file, "YX" + THREE))
    editor.until_saved()


def test_conflict_reloaded(bench: Stage) -> None:
    """... by the host's text"""
    editor, file = in_conflict(bench)
    editor.resolve("reload")
    editor.until_text("theirs\n")
    editor.until_saved()
    assert file.read_text() == "theirs\n"
    editor.insert("Y")
    editor.save()
    until(holds(file, "Ytheirs\n"))
    editor.until_saved()


def test_conflict_compared(bench: Stage) -> None:
    """... after both texts were compared side by side"""
    editor, file = in_conflict(bench)
    editor.resolve("compare")
    until(lambda: editor.comparing == "theirs\n", what="the host's text is shown beside ours")
    assert file.read_text() == "theirs\n"
    editor.turn_to("train.py")
    assert editor.text == "X" + THREE
    editor.resolve("overwrite")
    until(holds(file, "X" + THREE))
    editor.until_saved()


def test_conflict_settled_on_the_host(bench: Stage) -> None:
    """... by `rbridge resolve` on the host"""
    editor, file = in_conflict(bench)
    bench.host.run(rbridge("resolve", "--theirs", str(file))).ok()
    editor.until_text("theirs\n")
    editor.until_saved()
