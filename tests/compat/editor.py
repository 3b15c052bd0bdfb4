"""An editor that a test drives: a real child process of the daemon, which saves and quits when it is told."""

from __future__ import annotations

import os
import selectors
import shlex
from pathlib import Path

from tests.harness.environment import Home
from tests.harness.wait import DEADLINE, Never, until

# What it is told comes through one named pipe, a line each; it answers each line through another.
SCRIPT = """#!/bin/sh
desk={desk}
here=$desk/$$
mkfifo "$here.in" "$here.out"
printf '%s' "$1" > "$here.file"
printf '%s %s' "${{2:-}}" "${{3:-}}" > "$here.position"
pwd > "$here.cwd"
: > "$here.ready"
exec 3<"$here.in" 4>"$here.out"
while read -r word source <&3; do
    case $word in
        write) cat "$source" > "$1" ;;
        rename) cp "$source" "$1.new~" && mv "$1.new~" "$1" ;;
        remove) rm "$1" ;;
        quit) exit "${{source:-0}}" ;;
    esac
    echo done >&4
done
"""


class Editor:
    """Writes the script into *home*; :attr:`spec` is what ``--editor`` takes."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._desk = home.root / "desk"
        self._desk.mkdir()
        self._seen: set[Path] = set()
        self._script = home.script("bin/an-editor", SCRIPT.format(desk=shlex.quote(str(self._desk))))
        self.spec = f"{shlex.quote(str(self._script))} {{file}} {{line}} {{column}}"

    def _new(self) -> Path | None:
        found = sorted(set(self._desk.glob("*.ready")) - self._seen, key=lambda path: path.stat().st_mtime_ns)
        return found[0] if found else None

    def wait_open(self) -> Opened:
        """The next text that the daemon opened in this editor."""
        ready = until(self._new, what="the editor is started")
        assert ready is not None
        self._seen.add(ready)
        return Opened(ready, len(self._seen))

    def started(self) -> int:
        """How many times it was started."""
        return len(list(self._desk.glob("*.ready")))


class Opened:
    """One running instance, with one text."""

    def __init__(self, ready: Path, number: int) -> None:
        self._base = ready.with_suffix("")
        self.file = Path(os.fsdecode(self._base.with_suffix(".file").read_bytes()))
        self.position = self._base.with_suffix(".position").read_text()
        """``LINE COLUMN`` as the daemon filled them in."""
        self._source = ready.parent / f"text-{number}"
        self._say = os.open(self._base.with_suffix(".in"), os.O_WRONLY)
        self._hear = os.open(self._base.with_suffix(".out"), os.O_RDONLY)

    @property
    def content(self) -> bytes:
        return self.file.read_bytes()

    def write(self, data: bytes) -> None:
        """Save by truncating the file and writing it anew."""
        self._command("write", data)

    def rename(self, data: bytes) -> None:
        """Save by writing another file and moving it over this one."""
        self._command("rename", data)

    def remove(self) -> None:
        """Delete the file that is being edited."""
        self._command("remove", b"")

    def give_up(self) -> None:
        """End the editor without a save. One that ends well so soon would be taken for one that only handed
        the text on to another process: it ends as an editor does that is told to fail.
        """
        self.quit(1)

    def quit(self, code: int = 0) -> None:
        """End the editor, which closes the text it saved."""
        os.write(self._say, b"quit %d\n" % code)
        self._answer()
        os.close(self._say)
        os.close(self._hear)

    def _command(self, word: str, data: bytes) -> None:
        self._source.write_bytes(data)
        os.write(self._say, f"{word} {self._source}\n".encode())
        assert self._answer() == b"done\n", f"the editor did not {word}"

    def _answer(self) -> bytes:
        with selectors.DefaultSelector() as selector:
            selector.register(self._hear, selectors.EVENT_READ)
            if not selector.select(DEADLINE):
                raise Never("the scripted editor does not answer")
        return os.read(self._hear, 100)
