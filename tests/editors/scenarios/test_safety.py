"""A host's text runs nothing on the laptop, and leaves nothing there."""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.conftest import Bridge
from tests.editors.bench import Bench, PlainClient, holds
from tests.editors.driver import Driver
from tests.editors.scan import kept
from tests.harness.wait import stays, until

Stage = Bench[Driver]
RESUMES = 40.0  # seconds for a client and a daemon that meet again, on a machine that is busy
AUTO_SAVES = 1.5  # seconds after which an editor that keeps copies by itself has made one


def test_hostile_text(bench: Stage) -> None:
    """A text that sets options and runs code is just a text, whatever the user's settings allow"""
    witness = bench.laptop.path / "executed"
    text = bench.kind.hostile.format(witness=witness)
    assert str(witness) in text
    editor, file = bench.opened(text, setup=bench.kind.trusting)
    assert not editor.obeys
    editor.insert("y")
    editor.save()
    until(holds(file, "y" + text))
    editor.until_saved()
    assert not editor.obeys
    editor.close()
    until(lambda: not editor.names)
    assert not witness.exists()


def test_own_text(bench: Stage) -> None:
    """... and the user's own files are what those settings make of them"""
    editor = bench.editor(setup=bench.kind.trusting)
    own = bench.laptop.file("own.py", bench.kind.hostile.format(witness=bench.laptop.path / "executed"))
    editor.open_own(str(own))
    until(lambda: editor.obeys, what="a text of one's own is obeyed")


def test_nothing_on_the_disk(bench: Stage) -> None:
    """With default settings no text reaches the laptop's disk, but for what docs/security.md says"""
    marker = f"marker-{os.urandom(8).hex()}"
    editor, file = bench.opened(f"{marker}\nsecond\n")
    editor.insert("X")
    editor.until_status("modified")
    places = (bench.laptop.root, Path("/tmp"), Path("/var"))

    def outside() -> list[str]:
        """Where it is, but for what the editor is known to keep."""
        found = kept(marker, (bench.laptop.root,), bench.host.root)
        known = [path for one in bench.kind.keeps for path in map(str, bench.laptop.path.glob(one))]
        return [path for path in found if path not in known]

    stays(lambda: not outside(), AUTO_SAVES)
    editor.save()
    until(holds(file, f"X{marker}\nsecond\n"))
    editor.until_saved()
    editor.close()
    until(lambda: not editor.names)
    editor.quit()
    editor.ended()
    assert kept(marker, places, bench.host.root) == []


def test_kept_text_is_erased(bench: Stage, tunnel: Bridge) -> None:
    """A save that is kept lies in rbridge's own spool, until it has arrived"""
    marker = f"marker-{os.urandom(8).hex()}"
    editor, file = bench.editor(), bench.host.file("train.py", "one\n")
    tunnel.open("train.py").ok()
    editor.sees("train.py")
    tunnel.forward.cut()
    editor.until_status("not connected")
    editor.insert(marker)
    editor.save()
    editor.until_status("waiting")
    spool = str(bench.laptop.state / "spool")
    found = kept(marker, (bench.laptop.root,), bench.host.root)
    assert found
    assert [path for path in found if not path.startswith(spool)] == []
    tunnel.again()
    until(holds(file, f"{marker}one\n"), RESUMES)
    editor.until_saved(RESUMES)
    until(lambda: not kept(marker, (bench.laptop.root,), bench.host.root), what="the spool is empty")


def test_consent(bench: Stage) -> None:
    """What needs the user's word is asked in the editor: a text that anybody may have sent"""
    bench.daemon.stop()
    bench.serve(["127.0.0.1:0"], config='classic = "ask"\n')
    editor = bench.editor()
    with PlainClient(bench.daemon.port, b"refused\n"):
        editor.answer("asks to be opened", "Refuse")
    with PlainClient(bench.daemon.port, b"allowed\n"):
        editor.answer("asks to be opened", "Open")
        editor.until_text("allowed\n")
    assert len(editor.names) == 1
