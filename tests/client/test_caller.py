"""One command at the door: the order of what it may say, its exit code, and how it leaves."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace

import pytest

from rbridge.client import caller, reception
from rbridge.client.intercom import Intercom, connected, spelled
from rbridge.errors import Denied, NoInput
from tests.harness.wait import until


class Visit:
    """A command that has handed ``names`` over and said go; *heard* are the answers as they come."""

    def __init__(self, there, here, *names: str, wait: bool = True, stdin: bool = False) -> None:
        self.there = there
        sock = connected(there.path)
        sock.settimeout(20)
        self.intercom = Intercom(sock)
        hand = {"files": str(len(names)), "version": reception.__version__, "wait": "yes" if wait else ""}
        self.intercom.send_all(spelled("hand", hand, b"A=b\0"))
        for name in names:
            fd = os.open(here.file(name, name), os.O_RDWR)
            headers = {"path": name, "real": str(here.path / name), "stdin": "yes" if stdin else ""}
            self.intercom.send_all(spelled("file", headers, count=1), [fd])
            os.close(fd)
        assert self.next().command == "ready"
        before = len(there.resident.offered)
        self.intercom.say("go")
        until(lambda: len(there.resident.offered) > before, what="they are to be opened")
        self.sources, self.options, self.caller = there.resident.offered[before]

    def next(self):
        message = self.intercom.next()
        while message is None and not self.intercom.ended:
            self.intercom.receive()
            message = self.intercom.next()
        return message

    def ends(self) -> int:
        """The exit code; what comes before is passed over, what comes after is nothing."""
        message = self.next()
        while message.command != "done":
            message = self.next()
        assert self.next() is None
        return message.number("code")

    def document(self, index: int = 0, draft: object = None):
        source = self.sources[index]
        return SimpleNamespace(source=source, text_fd=source.fd if source.stdin else -1, draft=draft)

    def close(self) -> None:
        self.intercom.close()
        for source in self.sources:
            source.close()


@pytest.fixture
def visit(here, background):
    """``visit("a", wait=True)`` to a resident that opens nothing by itself."""
    there = background()
    there.resident.opens = False
    made = []

    def connect(*names: str, **options: bool) -> Visit:
        made.append(Visit(there, here, *names, **options))
        return made[-1]

    connect.there = there  # type: ignore[attr-defined]
    yield connect
    for one in made:
        one.close()


def test_without_w_it_ends_when_all_are_open(visit):
    one = visit("a", "b", wait=False)
    one.there.do(lambda: one.caller.opened(one.document(0)))
    assert one.there.reception.callers
    one.there.do(lambda: one.caller.opened(one.document(1)))
    assert one.ends() == 0


def test_with_w_it_ends_when_all_are_closed(visit):
    one = visit("a", "b")
    documents = [one.document(0), one.document(1)]
    for document in documents:
        one.there.do(lambda document=document: one.caller.opened(document))
    one.there.do(lambda: one.caller.ended(documents[0], 0))
    assert one.there.reception.callers
    one.there.do(lambda: one.caller.ended(documents[1], 0))
    assert one.ends() == 0


def test_what_was_not_saved_outdoes_every_other_code(visit):
    one = visit("a", "b", "c")
    documents = [one.document(0), one.document(1)]
    one.there.do(lambda: one.caller.failed(one.sources[2], Denied("c: not opened", "hint")))
    for document in documents:
        one.there.do(lambda document=document: one.caller.opened(document))
    one.there.do(lambda: one.caller.ended(documents[0], 74))
    one.there.do(lambda: one.caller.ended(documents[1], 0))
    report = one.next()
    assert (report.command, report.get("text")) == ("report", "c: not opened (hint)")
    assert one.ends() == 74


def test_the_first_failure_gives_the_code(visit):
    one = visit("a", "b", wait=False)
    one.there.do(lambda: one.caller.failed(one.sources[0], Denied("a")))
    one.there.do(lambda: one.caller.failed(one.sources[1], NoInput("b")))
    assert one.ends() == 77


def test_the_resident_is_told_that_it_left(visit):
    one = visit("a")
    one.intercom.close()
    until(lambda: one.there.resident.gone, what="it was told")
    assert ("drop",) not in one.there.resident.asked
    one.there.do(lambda: one.caller.say("to nobody"))


@pytest.mark.parametrize(("dirty", "code"), [(True, 74), (False, 0)])
def test_ctrl_c_leaves_it_open(visit, dirty, code):
    one = visit("a")
    one.there.resident.dirty = dirty
    one.there.do(lambda: one.caller.opened(one.document()))
    one.intercom.say("stop", {"signal": str(int(signal.SIGINT))})
    said = one.next()
    assert (said.command, said.get("text")) == ("say", "a: stays open on mylaptop")
    assert one.ends() == code
    assert ("drop",) not in one.there.resident.asked


def test_sigterm_closes_it(visit):
    one = visit("a")
    one.there.do(lambda: one.caller.opened(one.document()))
    one.intercom.say("stop", {"signal": str(int(signal.SIGTERM))})
    assert one.ends() == 0
    assert ("drop",) in one.there.resident.asked


def test_any_signal_before_it_is_open_closes_it(visit):
    one = visit("a")
    one.intercom.say("stop", {"signal": str(int(signal.SIGINT))})
    assert one.ends() == 0
    assert ("drop",) in one.there.resident.asked


def test_documents_that_do_not_end_are_not_waited_for_for_ever(visit, monkeypatch):
    monkeypatch.setattr(caller, "SAVED_LATE", 0.1)
    one = visit("a")
    document = one.document()
    one.there.resident.drop = lambda asker: None
    one.there.resident.dirty = True
    one.there.do(lambda: one.caller.opened(document))
    one.intercom.say("stop", {"signal": str(int(signal.SIGTERM))})
    assert one.ends() == 74


def test_the_text_of_standard_input_goes_back(visit):
    one = visit("untitled", stdin=True)
    document = one.document()
    os.pwrite(document.text_fd, b"edited", 0)
    one.there.do(lambda: one.caller.opened(document))
    one.there.do(lambda: one.caller.ended(document, 0))
    message = one.next()
    assert message.command == "text"
    assert os.pread(message.descriptors[0], 100, 0) == b"editeded"
    message.close()
    assert one.ends() == 0


def test_after_ctrl_c_the_saved_text_of_standard_input_is_kept(visit, here):
    one = visit("untitled", stdin=True)
    document = one.document(draft=object())
    one.there.do(lambda: one.caller.opened(document))
    one.intercom.say("stop", {"signal": str(int(signal.SIGINT))})
    report = one.next()
    assert report.command == "report"
    assert one.ends() == 0
    (kept,) = [path for path in here.state.rglob("*") if path.is_file()]
    assert str(kept) in report.get("text")
    assert kept.read_bytes() == b"untitled"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_text_of_standard_input_that_was_never_saved_is_not_kept(visit, here):
    one = visit("untitled", stdin=True)
    document = one.document()
    one.there.do(lambda: one.caller.opened(document))
    one.intercom.say("stop", {"signal": str(int(signal.SIGINT))})
    assert one.ends() == 0
    assert [path for path in here.state.rglob("*") if path.is_file()] == []
