"""A process in the background that does what a test tells it: the real door, and no laptop behind it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from rbridge.client import sockets
from rbridge.client.loop import Loop
from rbridge.client.reception import Reception
from rbridge.client.resident import Caller
from tests.client.editors import Said, Talk
from tests.harness.wait import until


class Shown:
    """Where a command's lines go."""

    code = 0

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def report(self, line: str) -> None:
        self.lines.append("! " + line)


class Answering:
    """Stands where the resident stands; *opens*: each file is open at once. Notes all that it is asked.

    *table* holds the rows: a document's real path, and its state and message.
    """

    def __init__(self) -> None:
        self.label = "mylaptop"
        self.identity = "0123456789abcdef"
        self.attached = True
        self.opens = True
        self.offered: list[tuple[list, object, Caller]] = []
        self.table: dict[str, tuple[str, bool, str]] = {}
        self.asked: list[tuple[str, ...]] = []
        self.gone = 0  # callers that have left
        self.dirty = False
        self.text: bytes | None = None  # the laptop's, in a conflict
        self.settles = True

    def open(self, sources, options, caller) -> None:
        self.offered.append((sources, options, caller))
        for source in sources if self.opens else ():
            caller.say(f"{source.shown}: open in vim on mylaptop")
            caller.opened(SimpleNamespace(source=source, text_fd=source.fd, draft=None))

    def left(self, caller) -> None:
        self.gone += 1

    def unsaved(self, caller) -> bool:
        return self.dirty

    def drop(self, caller) -> None:
        self.asked.append(("drop",))
        for document in list(caller.documents):
            caller.ended(document, 0)

    def under(self, path: str) -> list:
        return [SimpleNamespace(source=SimpleNamespace(real=real)) for real in self.table]

    def close(self, document) -> None:
        self.asked.append(("close", document.source.real))
        del self.table[document.source.real]

    def leads_to(self, path: str) -> str:
        return os.path.realpath(path)

    def rows(self, path: str = "") -> list[tuple[str, str, bool, str]]:
        return [(real, *row) for real, row in self.table.items()]

    def resolve(self, document, choose: str, caller) -> None:
        self.asked.append(("resolve", choose))
        if choose != "show" and self.settles:
            self.table[document.source.real] = ("clean", True, "")
        elif choose != "show":
            caller.report("a.txt: the laptop does not settle it")
        elif self.text is not None:
            fd = os.memfd_create("mine")
            os.write(fd, self.text)
            caller.mine(document, fd)
            os.close(fd)


class Background:
    """A reception in a thread of the test's own process, at the door of the tunnel *label*."""

    def __init__(self, states: Path, label: str = "tunnel") -> None:
        self.loop = Loop()
        self.resident = Answering()
        self.reception = Reception(self.loop, str(states))
        self.reception.resident = self.resident  # type: ignore[assignment]
        self.reception.listen(label)
        self.path = self.reception.path
        self.ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.loop.run(lambda: self.ended)

    def do(self, what: Callable[[], object]) -> None:
        """Call *what* in the loop's thread, and wait until it was."""
        done: list[bool] = []

        def call() -> None:
            what()
            done.append(True)

        self.loop.soon(call)
        until(lambda: done, what="the loop's turn")

    def close(self) -> None:
        def end() -> None:
            self.ended = True

        if self.ended:
            return
        self.loop.soon(end)
        self._thread.join(20)
        self.reception.close()
        self.loop.close()


def place(label: str = "tunnel") -> str:
    """Where the process for *label* is found, "" if there is none."""
    return sockets.place(label)


class Laptop:
    """A script for :class:`tests.client.editors.Editor`: opens all it is sent, until the client hangs up.

    *opened* are the records of all connections, *others* what else was said, *talks* the connections.
    """

    def __init__(self) -> None:
        self.opened: list[Said] = []
        self.others: list[Said] = []
        self.talks: list[Talk] = []

    def __call__(self, talk: Talk) -> None:
        self.talks.append(talk)
        said = talk.record()
        while said.command:
            if said.command in ("open", "resume"):
                (self.opened if said.command == "open" else self.others).append(said)
                talk.send(f"opened\ntoken: {said.token}\neditor: vim\n\n".encode())
            elif said.command == "link":
                talk.send(b"linked\nstanding: new\n\n")
            else:
                self.others.append(said)
            said = talk.record()

    @property
    def names(self) -> list[str]:
        return [os.path.basename(said.headers["real-path"]) for said in self.opened]
