"""Panes of tmux and screen that are older than the connection, and shells whose PATH was replaced."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.compat.editor import Opened
from tests.harness.wait import until
from tests.ssh.trip import Trip

STARTED = {
    "tmux": "tmux -S {place}/tmux -f /dev/null new-session -d -s old -x 100 -y 30 sh",
    "screen": "SCREENDIR={place} screen -c /dev/null -dmS old sh",
}
TYPED = {
    "tmux": "tmux -S {place}/tmux send-keys -t old: {line} Enter",
    "screen": "SCREENDIR={place} screen -S old -p 0 -X stuff {line}'\n'",
}
ENDED = {
    "tmux": "tmux -S {place}/tmux kill-server",
    "screen": "SCREENDIR={place} screen -S old -X quit",
}


class Pane:
    """A shell that was started over ``rbridge ssh`` and stays when that has ended."""

    def __init__(self, trip: Trip, kind: str) -> None:
        self.trip, self.kind = trip, kind
        self._place = trip.host.root / "panes"
        self._place.mkdir(mode=0o700)
        self._number = 0
        trip.run("ssh", self._words(STARTED)).ok()

    def _words(self, table: dict[str, str], line: str = "") -> str:
        return table[self.kind].format(place=self._place, line=shlex.quote(line))

    def run(self, line: str) -> str:
        """Type *line* there; what it printed, when it has ended with 0."""
        self._number += 1
        out = self._place / f"out-{self._number}"
        self.trip.host.run(["sh", "-c", self._words(TYPED, f"{line} >{out} 2>&1; echo code $? >>{out}")]).ok()
        said = until(lambda: out.exists() and "code " in out.read_text() and out.read_text(), 60.0, line)
        assert str(said).endswith("code 0\n"), said
        return str(said)

    def open(self, name: str) -> Opened:
        """``rbridge open`` of a new file, in the pane."""
        path = self.trip.host.file(name, "x = 1\n")
        self.run(f"{self.trip.client} open {path}")
        return self.trip.editor.wait_open()

    def close(self) -> None:
        self.trip.host.run(["sh", "-c", self._words(ENDED)])


@pytest.mark.parametrize("kind", sorted(STARTED))
def test_a_pane_that_is_older_than_the_connection_finds_it(trip: Trip, kind: str) -> None:
    trip.sshd.add_host("gpu2")
    pane = Pane(trip, kind)
    try:
        opened = pane.open("first.py")
        before = trip.socket()
        trip.here("disconnect", "gpu1").ok()
        trip.run("connect", alias="gpu2").ok()
        assert any(path != before for path in before.parent.glob("*.sock"))
        second = pane.open("second.py")
        assert "gpu2:" in trip.here("status").ok().out
        second.write(b"x = 3\n")
        until(lambda: (trip.host.path / "second.py").read_bytes() == b"x = 3\n")
        second.quit()
        opened.quit()
    finally:
        pane.close()


def test_in_an_environment_that_replaces_the_path_and_python_s_own_variables(trip: Trip) -> None:
    """As conda and modules do; its python3 comes first, and does not run."""
    conda = trip.host.script("conda/bin/python3", "#!/bin/sh\necho broken >&2\nexit 1\n").parent
    pane = Pane(trip, "tmux")
    try:
        pane.run(
            f"export PATH={conda}:/usr/bin:/bin PYTHONHOME={conda} PYTHONPATH={conda} CONDA_PREFIX={conda}"
        )
        opened = pane.open("train.py")
        opened.write(b"x = 2\n")
        until(lambda: (trip.host.path / "train.py").read_bytes() == b"x = 2\n")
        opened.quit()
        link = conda / "rbridge"
        link.symlink_to(trip.client)
        pane.run(f"rbridge open {trip.host.file('other.py', 'y = 1')}")
        trip.editor.wait_open().quit()
        assert Path(pane.run("command -v rbridge").split()[0]) == link
    finally:
        pane.close()
