"""``rbridge open -``: standard input in, the edited text out."""

from __future__ import annotations

import os
import pty
import signal
import subprocess

from rbridge.client import stdin
from tests.client.editors import LINK, Talk
from tests.harness.environment import stop
from tests.harness.wait import until


def test_the_last_saved_text_comes_out(home, editor, rbridge_open):
    got = []

    def script(talk: Talk) -> None:
        said = talk.opened()
        got.append(said)
        talk.save(said.token, b"one")
        talk.save(said.token, b"two\x00\xff")
        talk.close(said.token)

    served = editor(script)
    ran = rbridge_open(*served.where, "-", stdin=b"in\xff")
    assert (ran.code, ran.out_bytes) == (0, b"two\x00\xff")
    assert got[0].body == b"in\xff"
    assert got[0].headers["display-name"] == f"{os.uname().nodename}:untitled (stdin)"
    assert got[0].headers["real-path"].startswith("/dev/stdin-")
    assert got[0].headers["file-type"] == "txt"
    assert os.listdir(home.path) == []


def test_without_a_save_what_came_in_goes_out(editor, rbridge_open):
    served = editor(lambda talk: talk.close(talk.opened().token))
    ran = rbridge_open(*served.where, "-", stdin=b"as it was\n")
    assert (ran.code, ran.out) == (0, "as it was\n")


def test_towards_our_daemon_a_save_is_acknowledged(home, editor, rbridge_open):
    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        assert said.headers["wait"] == "yes"
        talk.save(said.token, b"new", 1)
        answer = talk.record()
        assert (answer.command, answer.headers["save"]) == ("saved", "1")
        talk.close(said.token)

    served = editor(script, home.root / "s", LINK)
    ran = rbridge_open(*served.where, "-", stdin=b"old")
    served.result()
    assert (ran.code, ran.out) == (0, "new")


def test_without_a_path_standard_input_is_read_if_it_is_no_terminal(editor, rbridge_open):
    served = editor(lambda talk: talk.close(talk.opened().token))
    ran = rbridge_open(*served.where, stdin=b"text")
    assert (ran.code, ran.out) == (0, "text")


def test_without_a_path_on_a_terminal_it_asks_which_file(home, client_command):
    master, slave = pty.openpty()
    process = home.start([*client_command, "open"], stdin=slave)
    _, err = process.communicate(timeout=20)
    os.close(master)
    os.close(slave)
    assert process.returncode == 64
    assert err == b"rbridge: which file? (rbridge open --help shows how)\n"


def test_several_megabytes(home, editor, rbridge_open):
    text = os.urandom(5_000_000)

    def script(talk: Talk) -> None:
        said = talk.opened()
        talk.save(said.token, said.body[::-1])
        talk.close(said.token)

    served = editor(script)
    ran = rbridge_open(*served.where, "-", stdin=text)
    assert ran.code == 0
    assert ran.out_bytes == text[::-1]


def test_a_reader_that_has_gone_is_no_error(home, editor, client_command):
    served = editor(lambda talk: talk.close(talk.opened().token))
    process = subprocess.Popen(
        [*client_command, "open", *served.where, "-"],
        env=home.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write(b"x" * 100)
    process.stdin.close()
    assert b"Traceback" not in process.stderr.read()
    assert process.wait(20) in (0, 141)
    process.stderr.close()


def test_ctrl_c_keeps_what_was_saved(home, editor, client_command):
    saved = []

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        talk.save(said.token, b"typed for an hour", 1)
        saved.append(talk.record().command)
        talk.file.read()

    served = editor(script, home.root / "s", LINK)
    process = home.start([*client_command, "open", *served.where, "-"])
    assert process.stderr is not None
    process.stderr.readline()
    until(lambda: saved, what="it is saved")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == b""
    (kept,) = [one for one in (home.state / "kept").iterdir() if one.is_file()]
    assert kept.read_bytes() == b"typed for an hour"
    assert str(kept).encode() in err
    stop(process)


def test_a_draft_takes_pieces(home):
    draft = stdin.Draft()
    for piece in (b"a", b"", b"bc"):
        draft.write(piece)
    draft.finish()
    assert (draft.size, draft.failure) == (3, "")
    assert os.pread(draft.fd, 10, 0) == b"abc"
    assert os.fstat(draft.fd).st_nlink == 0
    draft.abort()
    assert draft.fd == -1


def test_a_nameless_file_where_o_tmpfile_is_unknown(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(stdin, "_places", lambda: [str(tmp_path / "none"), str(tmp_path)])
    fd = stdin.nameless()
    assert os.fstat(fd).st_nlink == 0
    assert os.listdir(tmp_path) == []
    os.close(fd)


def test_a_full_disk_is_said_at_the_save(home):
    draft = stdin.Draft()
    os.close(draft.fd)
    draft.fd = os.open("/dev/full", os.O_WRONLY)
    draft.write(b"x")
    draft.write(b"y")
    draft.finish()
    assert draft.failure == "cannot save untitled (stdin): no space left on device"
    draft.abort()
