"""The connection is lost, or the daemon, while somebody edits."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Bridge
from tests.editors.bench import THREE, Bench, holds
from tests.editors.driver import Driver
from tests.harness.wait import stays, until

Stage = Bench[Driver]
RESUMES = 40.0  # seconds for a client and a daemon that meet again, on a machine that is busy


def opened(bench: Stage, tunnel: Bridge) -> tuple[Driver, Path]:
    """An editor that shows a file of the host behind the tunnel, and that file."""
    editor, file = bench.editor(), bench.host.file("train.py", THREE)
    tunnel.open("train.py").ok()
    editor.sees("train.py")
    return editor, file


def test_cut_with_unsaved_text(bench: Stage, tunnel: Bridge) -> None:
    """The connection is lost and comes back: what was typed stays, and is saved as ever"""
    editor, file = opened(bench, tunnel)
    editor.insert("X")
    tunnel.forward.cut()
    editor.until_status("not connected")
    editor.insert("Y")
    editor.until_text("YX" + THREE)
    assert editor.unsaved
    tunnel.again()
    editor.until_status("modified", RESUMES)
    editor.save()
    until(holds(file, "YX" + THREE))
    editor.until_saved()


def test_saved_while_cut(bench: Stage, tunnel: Bridge) -> None:
    """A save without a connection is kept, shown as such, and arrives by itself"""
    editor, file = opened(bench, tunnel)
    tunnel.forward.cut()
    editor.until_status("not connected")
    editor.insert("X")
    editor.save()
    editor.until_status("waiting")
    stays(holds(file, THREE), 0.3)
    tunnel.again()
    until(holds(file, "X" + THREE), RESUMES)
    editor.until_saved(RESUMES)
    editor.insert("Y")
    editor.save()
    until(holds(file, "YX" + THREE))
    editor.until_saved()


def test_saved_while_cut_in_conflict(bench: Stage, tunnel: Bridge) -> None:
    """... or is a conflict, where the host's file changed meanwhile"""
    editor, file = opened(bench, tunnel)
    tunnel.forward.cut()
    editor.until_status("not connected")
    editor.insert("X")
    editor.save()
    editor.until_status("waiting")
    file.write_text("theirs\n")
    tunnel.again()
    editor.until_status("conflict", RESUMES)
    assert file.read_text() == "theirs\n"
    assert editor.text == "X" + THREE
    editor.resolve("overwrite")
    until(holds(file, "X" + THREE))
    editor.until_saved()


def test_changed_while_cut(bench: Stage, tunnel: Bridge) -> None:
    """What changed on the host meanwhile is shown where nothing was typed"""
    editor, file = opened(bench, tunnel)
    tunnel.forward.cut()
    editor.until_status("not connected")
    file.write_text("theirs\n")
    tunnel.again()
    until(lambda: editor.text == "theirs\n", RESUMES)
    editor.until_saved()


def test_daemon_killed(bench: Stage) -> None:
    """The daemon is killed and started again: what was typed stays, and is saved as ever"""
    editor, file = bench.opened()
    editor.insert("X")
    bench.daemon.kill()
    editor.until_status("no rbridge")
    editor.insert("Y")
    editor.until_text("YX" + THREE)
    bench.serve()
    editor.until_status("modified", RESUMES)
    assert editor.text == "YX" + THREE
    assert editor.unsaved
    editor.save()
    until(holds(file, "YX" + THREE))
    editor.until_saved()


def test_saved_without_a_daemon(bench: Stage) -> None:
    """A save without the daemon fails, and says so"""
    editor, file = bench.opened()
    bench.daemon.kill()
    editor.until_status("no rbridge")
    editor.insert("X")
    editor.save()
    editor.said("not saved")
    assert editor.unsaved
    assert editor.text == "X" + THREE
    bench.serve()
    editor.until_status("modified", RESUMES)
    editor.save()
    until(holds(file, "X" + THREE))
    editor.until_saved()


def test_daemon_killed_while_cut(bench: Stage, tunnel: Bridge) -> None:
    """A kept save survives the daemon too"""
    editor, file = opened(bench, tunnel)
    tunnel.forward.cut()
    editor.until_status("not connected")
    editor.insert("X")
    editor.save()
    editor.until_status("waiting")
    bench.daemon.kill()
    editor.until_status("no rbridge")
    bench.serve()
    tunnel.again()
    until(holds(file, "X" + THREE), RESUMES)
    editor.until_saved(RESUMES)
