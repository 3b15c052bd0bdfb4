"""How the wait for the editor ends."""

from __future__ import annotations

import os
import signal

import pytest

from tests.client.editors import LINK, Talk
from tests.harness.environment import stop
from tests.harness.wait import until


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_ctrl_c_and_a_lost_terminal_end_the_wait_and_not_the_document(
    home, editor, client_command, number, code
):
    path = home.file("a.txt", "old")
    turn = [False]

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        until(lambda: turn[0], what="the wait was ended")
        talk.save(said.token, b"after", 1)
        assert talk.record().command == "saved"
        talk.close(said.token)
        assert talk.gone()

    served = editor(script, home.root / "d.sock", LINK)
    process = home.start([*client_command, "open", "-w", *served.where, "a.txt"])
    assert process.stderr is not None
    assert process.stderr.readline() == b"a.txt: open in vim on mylaptop\n"
    assert stop(process, number) == code
    turn[0] = True
    served.result()
    assert path.read_bytes() == b"after"


def test_ctrl_c_in_the_middle_of_a_save_is_74_and_the_save_goes_on(home, editor, client_command):
    path = home.file("work/a.txt", "old")
    turn = [False]

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        talk.send(f"save\ntoken: {said.token}\nsave: 1\ndata: 10\n01234".encode())
        until(lambda: turn[0], what="the wait was ended")
        talk.send(b"56789\n")
        assert talk.record().command == "saved"
        talk.close(said.token)
        assert talk.gone()

    served = editor(script, home.root / "d.sock", LINK)
    process = home.start([*client_command, "open", "-w", *served.where, str(path)])
    until(lambda: len(os.listdir(path.parent)) == 2, what="half of the text is here")
    assert stop(process, signal.SIGINT) == 74
    assert path.read_bytes() == b"old"
    turn[0] = True
    served.result()
    assert path.read_bytes() == b"0123456789"
    assert os.listdir(path.parent) == ["a.txt"]


def test_sigterm_closes_the_document_and_ends(home, editor, client_command):
    home.file("a.txt", "old")
    said = []

    def script(talk: Talk) -> None:
        talk.linked()
        said.append(talk.record())
        assert talk.gone()

    served = editor(script, home.root / "d.sock", LINK)
    process = home.start([*client_command, "open", "-w", *served.where, "a.txt"])
    assert process.stderr is not None
    process.stderr.readline()
    assert stop(process, signal.SIGTERM) == 143
    served.result()
    assert said[0].command == "close"
