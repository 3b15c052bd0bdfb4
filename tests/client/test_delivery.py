"""What goes out on the wire, and how much memory it takes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import zlib

import pytest

from tests.client.editors import LINK, Talk
from tests.harness.environment import stop

HOST = os.uname().nodename


def test_a_plain_server_gets_one_connection_per_file_and_one_new_window(home, sent):
    for name in "abc":
        home.file(name, name)
    got = sent("-n", "a", "b", "c", files=3)
    assert sorted(one.body for one in got) == [b"a", b"b", b"c"]
    assert sum("new" in one.headers for one in got) == 1


NAMES = [
    b"a b.txt",
    "ünïcödé ☃.txt".encode(),
    b"-x",
    b"--",
    b"new\nline",
    b"tab\t",
    b"caf\xe9.txt",
    b"x-data: 6",
    b"a:b: c",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_opens_and_saves(home, editor, client_command, name):
    path = os.fsencode(home.path) + b"/" + name
    with open(path, "wb") as file:
        file.write(b"old")
    got = []

    def script(talk: Talk) -> None:
        said = talk.opened()
        got.append(said)
        talk.save(said.token, b"new")
        talk.close(said.token)

    served = editor(script)
    argv = [os.fsencode(word) for word in [*client_command, "open", "-w", *served.where, "--"]] + [name]
    done = subprocess.run(argv, env=home.env, cwd=home.path, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done
    served.result()
    with open(path, "rb") as file:
        assert file.read() == b"new"
    assert got[0].headers["display-name"].isprintable()
    assert b"\n" not in done.stderr[:-1]


@pytest.mark.parametrize("lang", ["C", "POSIX", "C.UTF-8"])
def test_a_name_goes_out_as_utf_8_in_every_locale(home, sent, lang):
    home.env.update(LANG=lang, LC_ALL=lang)
    home.file("ü.txt", "x")
    (said,) = sent("ü.txt")
    assert said.headers["real-path"] == str(home.path / "ü.txt")


def test_an_empty_file(home, sent):
    home.file("a")
    (said,) = sent("a")
    assert said.body == b""


def test_a_part_is_sent_read_only_under_its_own_name(home, editor, rbridge_open):
    home.file("train.log", "".join(f"{n}\n" for n in range(1, 1001)))
    got = []

    def script(talk: Talk) -> None:
        got.extend(talk.linked())

    served = editor(script, home.root / "s", LINK)
    ran = rbridge_open("--lines", "10:12", *served.where, "train.log")
    served.result()
    assert ran.err == "train.log (lines 10-12): open in vim on mylaptop\n"
    assert got[0].body == b"10\n11\n12\n"
    assert got[0].headers["display-name"] == f"{HOST}:train.log (lines 10-12)"
    assert got[0].headers["read-only"] == "yes"


def test_the_header_block_comes_in_one_piece(home, editor, rbridge_open):
    home.file("a", "x" * 3_000_000)
    first = []

    def script(talk: Talk) -> None:
        first.append(talk.sock.recv(65536))
        while talk.sock.recv(1 << 20):
            pass

    served = editor(script)
    ran = rbridge_open("-m", "n" * 4000, *served.where, "a")
    assert ran.code == 0
    assert b"\ndata: 3000000\n" in first[0]


@pytest.mark.parametrize("size", [1024 * 1024, 1024 * 1024 + 1, 5_000_000])
def test_small_and_large_files_arrive_whole_and_can_be_saved(home, editor, rbridge_open, size):
    text = os.urandom(size)  # which is not compressed
    path = home.file("a", text)

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        assert hashlib.sha256(said.body).digest() == hashlib.sha256(text).digest()
        talk.save(said.token, said.body + b"!", 1)
        assert talk.record().command == "saved"
        talk.close(said.token)

    served = editor(script, home.root / "s", LINK)
    assert rbridge_open("-w", *served.where, "a").code == 0
    served.result()
    assert path.read_bytes() == text + b"!"


def test_a_text_that_is_worth_it_is_sent_compressed(home, editor, rbridge_open):
    text = b"".join(b"line %d of a text\n" % number for number in range(10_000))
    home.file("a", text)

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        assert (said.headers["encoding"], said.headers["size"]) == ("zlib", str(len(text)))
        assert len(said.body) < len(text) / 3
        assert zlib.decompress(said.body) == text
        talk.close(said.token)

    served = editor(script, home.root / "s", LINK)
    assert rbridge_open("-w", *served.where, "a").code == 0
    served.result()


def test_memory_does_not_grow_with_the_file(home, editor, client_command):
    with open(home.path / "big", "wb") as file:
        file.truncate(200 * 1024 * 1024)
    peaks = {}
    for name, size in (("small", 1000), ("big", 200 * 1024 * 1024)):
        home.file("small", b"x" * 1000)

        def script(talk: Talk, size: int = size) -> None:
            while not (line := talk.file.readline()).startswith(b"data: "):
                assert line
            left = size
            while left:
                left -= len(talk.file.read(min(left, 1 << 20)))
            talk.hang_up()

        served = editor(script)
        process = home.start([*client_command, "open", "-w", "--large", *served.where, name])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        stop(process)
        peaks[name] = usage.ru_maxrss  # KiB
    # sendfile needs nothing; the loop without it holds a piece of 1 MiB, and PyPy's collector a few of them
    assert peaks["big"] - peaks["small"] < 20 * 1024, peaks


def test_a_server_that_closes_in_the_middle_is_one_clear_line(home, editor, rbridge_open):
    path = home.file("a", b"x" * 50_000_000)
    served = editor(lambda talk: talk.sock.recv(10))
    ran = rbridge_open("--large", *served.where, "a")
    assert ran.code == 69
    assert "closed the connection while it was sent" in ran.err
    assert ran.err.count("\n") == 1
    assert path.stat().st_size == 50_000_000


def test_all_that_can_be_opened_are_and_the_first_failure_counts(home, editor, rbridge_open):
    home.file("a", "a")
    (home.path / "d").mkdir()
    home.file("b", "b")
    served = editor(lambda talk: talk.close(talk.opened().token))
    ran = rbridge_open("-w", *served.where, "a", "d", "none/x", "b")
    served.result(2)
    assert ran.code == 73
    assert f"not opened: {home.path}/d is a directory" in ran.err
    assert "cannot create none/x" in ran.err
    assert ran.err.count("sent to") == 2


def test_a_file_of_proc_that_has_no_size_is_sent_whole(sent):
    if not os.path.exists("/proc/version"):
        pytest.fail("no /proc here: run the tests on Linux")
    (said,) = sent("-r", "/proc/version")
    with open("/proc/version", "rb") as file:
        assert said.body == file.read()


def test_a_file_of_many_that_cannot_be_read_any_more_spoils_nothing(home, editor, rbridge_open):
    home.file("a", "a")
    home.file("b", "b")
    got = []

    def script(talk: Talk) -> None:
        got.extend(talk.linked(2))

    served = editor(script, home.root / "s", LINK)
    # /proc/self/mem can be opened, but not read at its start
    ran = rbridge_open("-r", *served.where, "a", "/proc/self/mem", "b")
    served.result()
    assert ran.code == 66
    assert "cannot read /proc/self/mem: input/output error" in ran.err
    assert [one.body for one in got] == [b"a", b"b"]


def test_a_name_that_cannot_be_said_costs_only_what_shares_its_connection(home, editor, rbridge_open):
    home.file("a", "a")
    got = []

    def script(talk: Talk) -> None:
        if said := talk.record().command:
            assert said == "link"
            got.append(talk.record())
            talk.send(f"opened\ntoken: {got[0].token}\neditor: vim\n\n".encode())

    served = editor(script, home.root / "s", LINK)
    ran = rbridge_open("-m", "x" * 20000, *served.where, "a", "a")
    served.result(2)
    assert ran.code == 65
    assert "a line is longer than" in ran.err
    assert [one.body for one in got] == [b"a"]
