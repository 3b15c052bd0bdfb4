"""Two files of a host beside each other: ``rbridge diff A B``."""

from __future__ import annotations

import os

from tests.editors import diffs
from tests.editors.bench import THREE, Bench, holds
from tests.editors.driver import Driver
from tests.editors.scan import kept
from tests.harness.environment import Ran, rbridge, stop
from tests.harness.wait import until

Stage = Bench[Driver]
OTHER = "one\n2\nthree\n"


def diff(bench: Stage, *words: str) -> Ran:
    return bench.host.run([*rbridge("diff"), "--socket", str(bench.daemon.socket), *words])


def test_diff(bench: Stage) -> None:
    """`rbridge diff A B` shows both beside each other with what differs, and the right one is edited there"""
    editor = bench.editor()
    bench.host.file("a.py", THREE)
    right = bench.host.file("b.py", OTHER)
    assert "no diff" not in diff(bench, "a.py", "b.py").ok().err
    diffs.sees(editor, THREE, OTHER)
    diffs.turn_to(editor, "right", "b.py")
    editor.insert("X")
    diffs.sees(editor, THREE, "X" + OTHER)
    editor.save()
    until(holds(right, "X" + OTHER))
    editor.until_saved()


def test_diff_left(bench: Stage) -> None:
    """... and so is the left one"""
    editor = bench.editor()
    left = bench.host.file("a.py", THREE)
    bench.host.file("b.py", OTHER)
    diff(bench, "a.py", "b.py").ok()
    diffs.sees(editor, THREE, OTHER)
    diffs.turn_to(editor, "left", "a.py")
    editor.insert("X")
    editor.save()
    until(holds(left, "X" + THREE))
    editor.until_saved()


def test_diff_waits(bench: Stage) -> None:
    """... and with `-w` it returns when both are closed"""
    editor = bench.editor()
    bench.host.file("a.py", THREE)
    right = bench.host.file("b.py", OTHER)
    process = bench.host.start([*rbridge("diff"), "--socket", str(bench.daemon.socket), "-w", "a.py", "b.py"])
    try:
        diffs.sees(editor, THREE, OTHER)
        diffs.turn_to(editor, "right", "b.py")
        editor.insert("X")
        editor.save()
        until(holds(right, "X" + OTHER))
        editor.until_saved()
        assert process.poll() is None
        diffs.close(editor, "a.py", "b.py")
        assert process.wait(20) == 0
    finally:
        stop(process)


def test_diff_with_nothing(bench: Stage) -> None:
    """... and one of them may be `/dev/null`, as git has it for a file that is new or gone"""
    editor = bench.editor()
    bench.host.file("b.py", OTHER)
    diff(bench, "/dev/null", "b.py").ok()
    diffs.sees(editor, "", OTHER)


def test_diff_in_memory(bench: Stage) -> None:
    """... and nothing of either reaches the laptop's disk"""
    marker = f"marker-{os.urandom(8).hex()}"
    temporary = bench.laptop.root / "tmp"
    temporary.mkdir(exist_ok=True)
    bench.laptop.env["TMPDIR"] = str(temporary)
    editor = bench.editor()
    bench.host.file("a.py", f"{marker}\none\n")
    right = bench.host.file("b.py", f"{marker}\n2\n")
    diff(bench, "a.py", "b.py").ok()
    diffs.sees(editor, f"{marker}\none\n", f"{marker}\n2\n")
    diffs.turn_to(editor, "right", "b.py")
    editor.insert("X")
    editor.save()
    until(holds(right, f"X{marker}\n2\n"))
    editor.until_saved()
    diffs.close(editor, "a.py", "b.py")
    until(lambda: not editor.shows("b.py") or editor.kind in ("nvim", "vim"))
    editor.quit()
    editor.ended()
    assert kept(marker, (bench.laptop.root,), bench.host.root) == []
