"""A document, its editor, its host and the line between them, without I/O: what happens is for the caller to
choose, and every promise is checked on the way. A text stands for its own digest. The document's rules are
the daemon's own, and what the host does with a save is decided by the client's own plan.
"""

from __future__ import annotations

import errno
from collections import deque

from rbridge.adapters.base import Result, State
from rbridge.client import plan
from rbridge.client.stamp import of_content
from rbridge.server import events as ev
from rbridge.server.document import Document

NAME = "train.py on gpu1"


def stamp(text):
    """What the client knows a text by; None for no file."""
    return None if text == ev.ABSENT else of_content(text, len(text))


class Host:
    """The file, and the client that writes it; *linked*: it has a second name, and so is written in place."""

    def __init__(self, text):
        self.disk = text
        self.history = {text}
        self.newest = 0
        self.writes = []
        self.full = False
        self.linked = False

    def put(self, text):
        """Something else than rbridge writes the file."""
        self.disk = text
        self.history.add(text)

    def save(self, serial, text, base, over, seen):
        """Take a save; returns the answer. *seen*: what may be overwritten with nothing lost unseen."""
        facts = plan.Facts(
            "/train.py",
            exists=self.disk != ev.ABSENT,
            now=stamp(self.disk),
            links=2 if self.linked else 1,
            not_beside=errno.ENOSPC if self.full else 0,
            write_error=errno.ENOSPC if self.full else 0,
        )
        over_what = plan.UNKNOWN if over in ("", ev.ANY) else stamp(over)
        target = plan.Target("/train.py", stamp(base), over=over_what)
        planned = plan.plan(facts, target, len(text), text, force=over == ev.ANY)
        if planned.kind == plan.REFUSE:
            return ev.Refused(serial, planned.reason, planned.why, self.disk)
        if planned.kind != plan.NOTHING:
            assert self.disk in seen or over in (self.disk, ev.ANY), f"{self.disk} was never seen"
            assert not self.writes or serial > self.writes[-1], "twice, or out of order"
            assert planned.kind == (
                plan.CREATE if self.disk == ev.ABSENT else plan.IN_PLACE if self.linked else plan.REPLACE
            )
            self.writes.append(serial)
            self.put(text)
        self.newest = serial
        return ev.Delivered(serial)


class World:
    """All of it; *link* False would be a plain peer, which has no promises to keep."""

    def __init__(self, text="v0"):
        self.host = Host(text)
        self.document = Document(NAME, link=True, base=text)
        self.editor = text  # what the editor shows and has saved
        self.can_replace = True
        self.texts = {}
        self.seen = {text}
        self.serial = 0
        self.answers = {}
        self.spool = None  # serial
        self.aside = set()
        self.held = None
        self.queue = deque()  # what Editing takes one after the other: saves that are hashed, Replace
        self.up = deque()
        self.down = deque()
        self.ended = False
        self.closed_to_host = None
        self.deaf = set()  # saves of an editor that is no more
        self.kept_from = ""  # the base of the text in the spool
        self.feed(ev.Opened())

    # What may happen

    def save(self, text):
        assert self.editor is not None
        self.serial += 1
        self.editor = text
        self.texts[self.serial] = text
        self.seen.add(text)
        self.queue.append(("saved", self.serial))

    def take_next(self):
        """Editing gets round to the next save or Replace."""
        what, value = self.queue.popleft()
        document = self.document
        if what == "saved":
            self.feed(ev.Saved(value, self.texts[value]))
        elif self.busy() or not self.can_replace or self.editor is None:
            self.feed(ev.NotTaken(value))
        else:
            assert document.unsettled is None
            self.editor = value
            self.seen.add(value)
            self.feed(ev.Taken(value))

    def busy(self):
        document = self.document
        saves = any(what == "saved" for what, _ in self.queue)
        return saves or document.unsettled is not None or document.state is State.SAVING

    def host_changes(self, text):
        self.host.put(text)
        if self.document.attached:
            self.down.append(self.now())

    def now(self):
        return ev.HostGone("gone", "gone") if self.host.disk == ev.ABSENT else ev.HostChanged(self.host.disk)

    def host_hears(self):
        record = self.up.popleft()
        if record == "fetch":
            self.down.append(self.now())
        else:
            serial, base, over = record
            self.down.append(self.host.save(serial, self.texts[serial], base, over, self.seen))

    def host_dies(self, written):
        """The client is killed in the middle of what it heard next, before or after the file had it; who
        comes after it knows of no save.
        """
        if self.up and self.up[0] != "fetch" and written:
            serial, base, over = self.up[0]
            self.host.save(serial, self.texts[serial], base, over, self.seen)
        self.host.newest = 0
        self.host.writes.clear()  # one that is sent again may find what the user wanted to be overwritten
        self.cut()

    def laptop_hears(self):
        self.feed(self.down.popleft())

    def cut(self):
        self.up.clear()
        self.down.clear()
        self.feed(ev.Lost())

    def resume(self):
        self.feed(ev.Resumed(self.host.disk, self.host.newest))

    def daemon_dies(self):
        """It is killed, and the editor with it: another one finds what lies in FILES and in the spool."""
        for queue in (self.up, self.down, self.queue):
            queue.clear()
        base = self.document.base
        under_way = self.document.waiting or self.document.on_the_way
        left = self.editor if self.editor is not None else self.texts.get(under_way, base)
        if self.serial and left != base:
            self.serial += 1000  # nobody knows which of its saves were sent
            self.texts[self.serial] = left
            self.spool, self.kept_from = self.serial, base
        self.answers = dict.fromkeys(self.texts, Result.KEPT)  # nobody is left who could hear one
        self.deaf = set(self.texts)
        self.editor = None
        self.document = document = Document(NAME, link=True, base=self.kept_from, attached=False)
        if self.spool is None:
            self.ended = True
            document.state = State.CLOSED
            return
        document.editor_gone = True
        document.state = State.DIRTY
        document.unsettled, document.digests = self.spool, {self.spool: self.texts[self.spool]}
        self.check()

    def no_answer(self):
        if self.document.on_the_way is not None:
            self.feed(ev.Unanswered(self.document.on_the_way))

    def settle(self, choose):
        if self.document.disputed:
            if choose in ("mine", "over") and self.document.theirs:
                self.seen.add(self.document.theirs)  # the user's word
            self.feed(ev.Settle(choose))

    def close(self):
        """The editor closes; what it saved was handed over before."""
        while self.queue:
            self.take_next()
        self.editor = None
        self.feed(ev.EditorClosed())

    # Carrying out

    def feed(self, event):
        for command in self.document.handle(event):
            self.do(command)
        self.check()

    def do(self, command):
        document = self.document
        if isinstance(command, ev.Send):
            assert document.attached
            self.up.append((command.serial, command.base, command.over))
        elif isinstance(command, ev.Keep):
            assert self.spool is None or self.spool <= command.serial, "an older text replaced a newer one"
            self.spool, self.kept_from = command.serial, self.document.base
            for serial in (command.serial, *command.overtaken):
                self.answer(serial, command.result)
        elif isinstance(command, ev.Answer):
            self.answer(command.serial, command.outcome.result)
        elif isinstance(command, ev.Drop):
            assert self.texts[self.spool] in self.host.history or self.serial > self.spool
            self.spool = None
        elif isinstance(command, ev.SetAside):
            assert self.spool == command.serial
            self.aside.add(self.texts[self.spool])
            self.spool = None
        elif isinstance(command, ev.Fetch):
            assert document.attached
            self.up.append("fetch")
        elif isinstance(command, ev.KeepTheirs):
            self.held = command.digest
        elif isinstance(command, ev.Replace):
            self.queue.append(("replace", command.digest))
        elif isinstance(command, ev.CloseHost):
            assert document.attached
            self.closed_to_host = command.unsaved
        elif isinstance(command, ev.EndEditor):
            self.editor = None

    def answer(self, serial, result):
        assert serial not in self.answers or serial in self.deaf, "answered twice"
        self.answers[serial] = result
        if result is Result.SAVED:
            newer = [self.texts[number] for number in self.texts if number >= serial]
            assert any(text in self.host.history for text in newer), "told SAVED, and not on the disk"

    # What holds at every moment

    def check(self):
        document = self.document
        if self.serial:
            newest = self.texts[self.serial]
            under_way = (document.on_the_way, document.waiting, *(n for w, n in self.queue if w == "saved"))
            assert (
                newest in self.host.history
                or self.serial in under_way
                or self.spool == self.serial
                or newest in self.aside
            ), "the newest text is nowhere"
        if document.unsettled is not None:
            assert self.spool == document.unsettled
            assert document.state is not State.CLEAN
        if document.state is State.CLOSED and self.closed_to_host is False:
            assert not self.serial or self.spool is None

    def settle_down(self):
        """The line is up and all has been said: what is left to the user is shown."""
        document = self.document
        if self.ended:
            assert not self.serial or self.texts[self.serial] in {*self.host.history, *self.aside}
            return
        self.host.full = False
        if not document.attached:
            self.resume()
        for _ in range(1000):
            if self.queue:
                self.take_next()
            elif self.up:
                self.host_hears()
            elif self.down:
                self.laptop_hears()
            else:
                break
        else:
            raise AssertionError("it never comes to rest")
        assert document.on_the_way is None
        assert document.waiting is None
        assert set(self.answers) == set(self.texts)
        if document.state is State.CLEAN and document.theirs is None:
            assert self.host.disk == document.base
            assert self.editor in (self.host.disk, None)
        if document.state is State.CLOSED and not self.closed_to_host:
            assert self.spool is None
