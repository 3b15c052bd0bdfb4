"""A language server of the host: started for the laptop, its bytes carried, its end told."""

from __future__ import annotations

import os

import pytest

from rbridge.client import lane, streams
from tests.client.served import ECHO, SLEEP, gone
from tests.harness.wait import stays


def test_bytes_go_through_as_they_are_and_the_connection_can_be_used_again(served):
    served.program("pylsp", ECHO)
    for count in (1, 2):
        served.stream()
        served.host.until(lambda count=count: len(served.line.all("streaming")) == count)
        data = bytes(range(256)) * 4000
        served.line.say("bytes", data)
        served.host.until(lambda data=data, count=count: served.said() == data * count)
        served.line.say("ended", token=served.token)
        assert served.ended(count) == ("closed", "", "0")
    said = served.line.all("streaming")[0]
    assert (said["server"], said["language"], said["kind"]) == ("pylsp", "python", "types")


def test_it_runs_in_the_projects_root_with_the_shells_variables_and_makes_way(served, monkeypatch):
    monkeypatch.setenv("CONDA_DEFAULT_ENV", "torch")
    served.program(
        "pylsp",
        "import os\n"
        "print([os.getcwd(), os.environ['CONDA_DEFAULT_ENV'], os.nice(0), os.getsid(0) == os.getpid(), "
        "len(os.listdir('/proc/self/fd'))])\n",
    )
    served.stream()
    served.begun()
    assert served.ended() == ("exited", "", "0")
    nice = min(19, os.nice(0) + lane.NICE)
    assert served.said().decode() == f"['{served.project}', 'torch', {nice}, True, 4]\n"


def test_it_has_exactly_the_variables_of_the_shell_that_opened_the_document(served):
    served.program("pylsp", "print(open('/proc/self/environ', 'rb').read())")
    source = served.host.resident.documents[0].source
    said = b"PATH=%s\0LD_LIBRARY_PATH=/opt/lib\0EMPTY=\0A=b=c\0BYTES=\xff\xfe\0OLDPWD=/before\0"
    source.shell = said % bytes(served.bin) + b"PWD=/nowhere\0=without a name\0without a value\0"
    served.stream()
    assert served.ended()[0] == "exited"
    expected = said % bytes(served.bin) + b"PWD=%s\0" % bytes(served.project)
    assert served.said().strip().decode() == repr(expected)


def test_one_of_several_is_named(served):
    served.program("pylsp", "print('pylsp')")
    served.program("ruff", "print('ruff')")
    served.stream(server="ruff")
    served.ended()
    assert served.said() == b"ruff\n"
    served.stream(server="clangd")
    assert served.ended(2)[:2] == ("none", "there is no clangd on the PATH of the shell that opened the file")


def test_the_laptop_may_name_the_root_and_the_language(served):
    served.program("gopls", "import os\nprint(os.getcwd(), os.environ['PWD'])")
    (served.project / "with ä space").mkdir()
    root = str(served.project / "with ä space")
    served.stream(root=root, language="go")
    said = served.begun()
    assert said["language"] == "go"
    served.ended()
    assert served.said().decode() == f"{root} {root}\n"


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("import sys\nsys.stderr.write('one\\ntwo: \\x1b[31mred\\n')\nsys.exit(3)", "3", "one | two: "),
        ("import os\nos.kill(os.getpid(), 9)", "signal 9", ""),
        ("import os, time\nos.close(1)\ntime.sleep(1000)", "signal 15", ""),
    ],
)
def test_how_it_ended_is_told_with_its_last_words(served, monkeypatch, text, status, message):
    monkeypatch.setattr(lane, "PATIENCE", 0.2)
    served.program("pylsp", text)
    served.stream()
    reason, words, how = served.ended()
    assert (reason, how) == ("exited", status)
    assert words.startswith(message)
    assert words.isprintable()


def test_one_that_the_laptop_is_done_with_has_time_to_end(served):
    pid = served.run("import os, time\nwhile os.read(0, 9): pass\nprint('bye', flush=True)\nos._exit(5)\n")
    served.line.say("bytes", b"x")
    served.line.say("ended", token=served.token)
    assert served.ended() == ("closed", "", "5")
    assert served.said() == b"bye\n"
    assert gone(pid)


def test_one_that_is_idle_is_ended_and_each_byte_counts(served, monkeypatch):
    assert lane.IDLE == 600.0
    monkeypatch.setattr(lane, "IDLE", 30.0)
    served.run(ECHO)
    for sign in (b"1", b"12"):
        served.live(lane.IDLE - 5)
        served.line.say("bytes", sign[-1:])
        served.host.until(lambda sign=sign: served.said() == sign)
    served.live(lane.IDLE - 5)
    assert not served.line.all("ended")
    served.live(10)
    assert served.ended() == ("idle", "", "0")


@pytest.mark.parametrize(
    "text", ["while os.read(0, 9): pass", "while True: os.write(1, b'x'), time.sleep(0.01)"]
)
def test_who_only_listens_or_only_talks_is_not_idle(served, monkeypatch, text):
    monkeypatch.setattr(lane, "IDLE", 30.0)
    served.run(f"import os, time\n{text}\n")
    for _ in range(10):
        if "read" in text:
            served.line.say("bytes", b"x")
        else:
            before = len(served.said())
            served.host.until(lambda before=before: len(served.said()) > before)
        served.live(10)
    assert not served.line.all("ended")


def test_a_laptop_that_takes_nothing_holds_the_server_up_and_not_the_memory(served, monkeypatch):
    monkeypatch.setattr(streams, "FULL", 100_000)
    served.run(
        "import os\nos.read(0, 1)\nfor n in range(400):\n    os.write(1, bytes([n % 256]) * 100_000)\n"
    )
    served.line.deaf = True
    served.line.say("bytes", b"x")
    served.host.until(lambda: served.lane.waiting > 100_000)
    taken = progress(served)
    assert served.lane.waiting <= 100_000 + lane.RECEIVE  # and one read
    assert taken < 10_000_000  # of 40 MB: what lies in sockets and pipes, and one read that was under way
    served.line.deaf = False
    served.host.laptop.greet_held()  # it looks at the other connections only, until it is woken
    assert served.ended()[0] == "exited"
    assert served.said() == b"".join(bytes([n % 256]) * 100_000 for n in range(400))


def progress(served) -> int:
    """The bytes that the server has written when it can write no more."""
    place = f"/proc/{served.pids[-1]}"
    written = [0]

    def look() -> bool:
        served.host.turns()
        with open(f"{place}/io") as file:
            said = int(next(line for line in file if line.startswith("wchar")).split()[1])
        with open(f"{place}/stat") as file:
            sleeps = (
                file.read().rpartition(")")[2].split()[0] == "S"
            )  # and is not just waiting for a processor
        written.append(said if sleeps else -len(written))
        return len(written) > 30 and len(set(written[-30:])) == 1

    served.host.until(look)
    return written[-1]


def test_a_server_that_takes_nothing_holds_the_laptop_up_and_not_the_memory(served, monkeypatch):
    monkeypatch.setattr(lane, "FULL", 100_000)
    served.run("import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n" + ECHO)
    data = os.urandom(1 << 20)
    served.line.say("bytes", data)
    served.host.until(lambda: served.channel.paused)
    assert len(served.lane._left) < 400_000
    (served.project / "go").touch()
    served.host.until(lambda: served.said() == data)


def test_one_that_takes_nothing_is_no_lost_connection_and_is_ended_when_it_is_idle(served, monkeypatch):
    monkeypatch.setattr(lane, "FULL", 100_000)
    monkeypatch.setattr(lane, "IDLE", 95.0)
    pid = served.run(SLEEP)
    served.line.say("bytes", os.urandom(1 << 20))
    served.host.until(lambda: served.channel.paused)
    served.line.cut()  # which nobody hears who does not listen
    for _ in range(9):
        served.host.main.say("beat")
        served.host.turns()
        served.host.skip(10.0)
    assert served.channel.paused
    served.host.main.say("beat")
    served.host.turns()
    served.host.skip(10.0)
    served.host.until(lambda: gone(pid))
    assert served.host.resident.attached


@pytest.mark.parametrize("say", [("bytes", b"x"), ("ended", None)])
def test_what_crossed_with_its_end_does_nothing(served, say):
    served.program("pylsp", "")
    served.stream()
    served.ended()
    served.line.say(say[0], say[1], **({"token": served.token} if say[0] == "ended" else {}))
    served.stream()
    assert served.ended(2)[0] == "exited"


def test_a_language_that_the_laptop_spells_wrongly_is_refused(served):
    served.line.say("stream", token=served.token, to="lsp", language="%zz")
    assert served.ended()[0] == "failed"


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (b"", ""),
        (b"one\n\n  two  \n", "one | two"),
        (
            b"\xff\xfe\x00 binary\x1b[0m",
            "\N{REPLACEMENT CHARACTER}" * 3 + " binary\N{REPLACEMENT CHARACTER}[0m",
        ),
        (b"\n".join(b"%d" % n for n in range(100)), "94 | 95 | 96 | 97 | 98 | 99"),
        (b"x" * 5000, "x" * lane.SHOWN),
    ],
)
def test_the_last_words_are_a_short_line(said, line):
    assert lane.last_words(said) == line


def test_nothing_is_read_while_it_is_not_wanted(served, monkeypatch):
    """What is not read is not in memory: the descriptor is not watched either."""
    monkeypatch.setattr(streams, "FULL", 50_000)
    served.run("import os\nos.read(0, 1)\nwhile True: os.write(1, bytes(100_000))\n")
    served.line.deaf = True
    served.line.say("bytes", b"x")
    served.host.until(lambda: served.lane.waiting > 50_000)
    progress(served)
    before = served.lane.waiting
    stays(lambda: served.host.turns() or served.lane.waiting == before, 0.2)


def test_a_head_that_is_written_by_itself_goes_with_what_follows(served):
    """As two small packets ssh would send the second only when the first is acknowledged."""
    head = b"Content-Length: 2\r\n\r\n"
    served.run(f"import os\nos.write(1, {head!r})\nos.read(0, 1)\nos.write(1, b'{{}}')\nos.read(0, 1)\n")
    served.host.until(lambda: served.lane._head == head)
    assert served.said() == b""
    served.line.say("bytes", b"go on")
    served.host.until(lambda: served.said() == head + b"{}")
    assert len(served.line.all("bytes")) == 1


def test_a_head_without_anything_behind_it_is_said_at_the_end(served):
    served.run("import os\nos.write(1, b'x\\r\\n\\r\\n')\n")
    served.ended()
    assert served.said() == b"x\r\n\r\n"
