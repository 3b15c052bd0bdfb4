"""Programs that are started as a shell would start them."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import rbridge
from rbridge.client import process
from tests.harness.client import PYPY

SHELL = "/bin/sh"


class Ran:
    """What a shell script said when it was *started*, and how it ended."""

    def __init__(self, script: str, environ=None, **options) -> None:
        self.read, write = os.pipe()
        nothing = os.open(os.devnull, os.O_RDWR)
        words = [b"the-name", b"-c", script.encode()]
        try:
            self.pid = process.started(SHELL, words, environ or {}, [nothing, write, write], **options)
        finally:
            os.close(write)
            os.close(nothing)
        with open(self.read, "rb") as file:
            self.said = file.read()
        self.status = os.waitpid(self.pid, 0)[1]


@pytest.fixture(autouse=True)
def none_is_lost():
    """No test leaves a descriptor open."""
    before = sorted(os.listdir("/proc/self/fd"))
    yield
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_it_has_its_words_and_its_variables_and_no_others():
    environ = {b"PATH": b"/usr/bin:/bin", b"EMPTY": b"", b"BYTES": b"\xff=\xfe"}
    ran = Ran("echo $0; cat /proc/$$/environ", environ)
    said = b"".join(name + b"=" + value + b"\0" for name, value in environ.items())
    assert ran.said == b"the-name\n" + said
    assert ran.status == 0


def test_nothing_but_its_three_descriptors_is_open_in_it(tmp_path):
    kept = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(kept, True)
    try:
        ran = Ran("exec /bin/ls /proc/self/fd")
    finally:
        os.close(kept)
    assert ran.said.split() == [b"0", b"1", b"2", b"3"]  # the last one is the listing's own


def test_descriptors_may_stand_where_others_are_to_be():
    """What is to be 0 is 2 now, and the other way round."""
    script = """
import os, sys
from rbridge.client import process
read, write = os.pipe()
inside, outside = os.pipe()
os.write(outside, b"in\\n")
os.dup2(inside, 2)
os.dup2(write, 0)
words = [b"sh", b"-c", b"read -r x; echo got $x; echo wrong >&2"]
pid = process.started("/bin/sh", words, {}, [2, 0, 1])
os.close(0)
os.close(write)
os.waitpid(pid, 0)
print(os.read(read, 100).decode(), end="")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=top(), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.stdout == "wrong\ngot in\n"


def top() -> Path:
    return Path(rbridge.__file__).parents[1]


def test_signals_that_python_ignores_or_we_do_are_as_they_are_for_a_shell(tmp_path):
    before = [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGINT)]
    try:
        ran = Ran("grep SigIgn /proc/$$/status", {b"PATH": b"/usr/bin:/bin"})
    finally:
        signal.signal(signal.SIGHUP, before[0])
        signal.signal(signal.SIGINT, before[1])
    ignored = int(ran.said.split()[1], 16)
    for name in process.IGNORED:
        assert not ignored & 1 << getattr(signal, name) - 1, name


def test_what_is_to_be_prepared_is_done_there():
    ran = Ran("pwd; umask", prepare=lambda: (os.chdir("/usr"), os.umask(0o077)))
    assert ran.said == b"/usr\n0077\n"
    assert os.getcwd() != "/usr"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (None, errno.ENOENT),
        (b"#!/no/such/interpreter\n", errno.ENOENT),
        (b"\x7fELF and nonsense", errno.ENOEXEC),
        (b"", errno.ENOEXEC),
    ],
)
def test_a_program_that_cannot_be_run_is_an_error_with_its_name(tmp_path, text, number):
    path = tmp_path / "pr\N{LATIN SMALL LETTER O WITH DIAERESIS}gram"
    if text is not None:
        path.write_bytes(text)
        path.chmod(0o755)
    with pytest.raises(OSError) as caught:  # noqa: PT011
        process.started(str(path), [b"x"], {}, [0, 1, 2])
    assert (caught.value.errno, caught.value.filename) == (number, str(path))
    assert childless()


def childless() -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return False
    return True


def test_a_directory_is_no_program(tmp_path):
    with pytest.raises(PermissionError):
        process.started(str(tmp_path), [b"x"], {}, [0, 1, 2])


def test_what_goes_wrong_in_the_preparation_is_an_error_with_its_name():
    with pytest.raises(FileNotFoundError) as caught:
        process.started(SHELL, [b"sh"], {}, [0, 1, 2], lambda: os.chdir("/no/such/place"))
    assert caught.value.filename == "/no/such/place"
    assert childless()


@pytest.mark.parametrize("environ", [{b"": b"x"}, {b"A=B": b"x"}, {b"A": b"\0"}])
def test_what_no_system_takes_is_an_error_too(environ):
    with pytest.raises(OSError, match="Invalid argument"):
        process.started(SHELL, [b"sh"], environ, [0, 1, 2])
    assert childless()


def test_a_descriptor_that_is_not_open_is_an_error():
    with pytest.raises(OSError, match="Bad file descriptor"):
        process.started(SHELL, [b"sh"], {}, [0, 1, 999_999])
    assert childless()


def test_without_a_process_for_it_nothing_is_left(monkeypatch):
    def fork():
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(process.os, "fork", fork)
    with pytest.raises(BlockingIOError):
        process.started(SHELL, [b"sh"], {}, [0, 1, 2])


def test_many_threads_start_programs_at_once():
    said, failures = [], []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                said.append(Ran(f"echo {number} {turn}").said == b"%d %d\n" % (number, turn))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert said == [True] * 40


ELSEWHERE = """
import os, sys, _thread, time
sys.path.insert(0, {top!r})
from rbridge.client import process

over = _thread.allocate_lock()
over.acquire()

def work():
    try:
        read, write = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        words = [b"sh", b"-c", b"grep SigIgn /proc/$$/status; ls /proc/self/fd; pwd"]
        environ = {{b"PATH": b"/usr/bin:/bin"}}
        pid = process.started("/bin/sh", words, environ, [nothing, write, 2], lambda: os.chdir("/usr"))
        os.close(write)
        said = b""
        while True:
            data = os.read(read, 1000)
            if not data:
                break
            said += data
        print(said.decode().split(), os.waitpid(pid, 0)[1])
        for path, prepare in (("/no/such", None), ("/bin/sh", lambda: os.chdir("/no/place"))):
            try:
                process.started(path, [b"x"], {{}}, [0, 1, 2], prepare)
            except OSError as error:
                print(error.errno, error.filename)
    finally:
        over.release()

_thread.start_new_thread(work, ())
over.acquire()
"""


@pytest.mark.parametrize("python", [sys.executable, PYPY])
def test_it_works_from_a_thread_of_each_python(python, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(ELSEWHERE.format(top=str(top())))
    done = subprocess.run([python, "-IS", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    first, *rest = done.stdout.splitlines()
    assert first == "['SigIgn:', '0000000000000000', '0', '1', '2', '3', '/usr'] 0"
    assert rest == ["2 /no/such", "2 /no/place"]


def test_an_ended_program_is_not_waited_for_by_the_wrong_one():
    """The end of a program says nothing of another one that was begun meanwhile."""
    long = subprocess.Popen(["sleep", "1000"])
    try:
        assert Ran("exit 3").status == 3 << 8
        assert long.poll() is None
    finally:
        long.kill()
        long.wait()


@pytest.mark.parametrize("path", ["", ".", ":", "bin", "./bin", "::bin:.", "~/bin"])
def test_only_absolute_directories_are_searched(tmp_path, monkeypatch, path):
    for place in (tmp_path, tmp_path / "bin", tmp_path / "~" / "bin"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "tool").write_text("#!/bin/sh\n")
        (place / "tool").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert process.search("tool", path.encode()) == ""
    assert process.search("tool", path.encode() + b":" + bytes(tmp_path / "bin")) == str(
        tmp_path / "bin/tool"
    )


def test_the_first_that_can_be_run_is_found(tmp_path):
    for number, name in enumerate("abcde"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tool").write_text(str(number))
    (tmp_path / "a" / "tool").unlink()
    (tmp_path / "a" / "tool").mkdir()
    (tmp_path / "b" / "tool").chmod(0o644)
    (tmp_path / "c" / "tool").unlink()
    (tmp_path / "c" / "tool").symlink_to("nowhere")
    (tmp_path / "d" / "tool").chmod(0o755)
    (tmp_path / "e" / "tool").chmod(0o755)
    path = b":".join(bytes(tmp_path / name) for name in "abcde")
    assert process.search("tool", path) == str(tmp_path / "d" / "tool")
    assert process.search("other", path) == ""


def test_a_directory_whose_name_is_no_text_is_searched(tmp_path):
    place = bytes(tmp_path) + b"/\xff"
    os.mkdir(place)
    with open(place + b"/tool", "w") as file:
        os.fchmod(file.fileno(), 0o755)
    assert os.fsencode(process.search("tool", place)) == place + b"/tool"


def test_variables_are_taken_apart_and_what_is_none_is_left_out():
    said = b"A=1\0B=\0C=x=y\0\xff=\xfe\0without\0=empty\0\0A=2\0"
    assert process.variables(said) == {b"A": b"2", b"B": b"", b"C": b"x=y", b"\xff": b"\xfe"}
    assert process.variables(b"") == {}
