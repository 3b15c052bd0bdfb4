"""``rbridge get`` and ``rbridge put`` through a real sshd: what arrives, what stays, and what is refused.

Long, because each fact is shown for both directions, and for a host that lies.
"""

import os
import subprocess
import sys
import threading

import pytest

from rbridge.errors import NoInput, UsageError
from rbridge.ssh import master, shell, transfer
from rbridge.ssh.fetching import part_name
from rbridge.ssh.transfer import Asked, destination_of, fetch, parse, send, sources
from tests.harness.environment import ROOT, stop
from tests.harness.wait import until

BIG = 6_000_000
CUT = 3_000_000
CUTTING = f"""
import os, subprocess, sys
way = sys.argv[1]
ssh = subprocess.Popen(sys.argv[2:], **{{"stdout" if way == "out" else "stdin": subprocess.PIPE}})
source, sink = (ssh.stdout.fileno(), 1) if way == "out" else (0, ssh.stdin.fileno())
left = {CUT}
while left:
    data = os.read(source, min(left, 65536))
    left -= os.write(sink, data)
ssh.kill()
sys.exit(255)
"""
"""An ssh that dies after so many bytes."""


class Host:
    """A host with a living master; what is said about transfers is in *lines*."""

    def __init__(self, sshd):
        self.home = sshd.remote.path
        self.control = str(sshd.remote.root / "cm")
        self.over = master.over(self.control)
        self.lines = []
        words = ["ssh", "-F", sshd.config, "-MNS", self.control, sshd.alias]
        self.ssh = sshd.remote.start(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: os.path.exists(self.control))

    def cut(self, way):
        """A way there that breaks after CUT bytes "out" of the host, or "in"."""
        return [sys.executable, "-c", CUTTING, way, *self.over]

    def get(self, *paths, to, over=None, **flags):
        return fetch(over or self.over, "gpu1", paths, str(to), asked(**flags), self.lines.append)

    def put(self, *files, to="", over=None, **flags):
        names = [str(file) for file in files]
        return send(over or self.over, "gpu1", names, to, asked(**flags), self.lines.append)


def asked(**flags):
    return Asked({name for name, value in flags.items() if value})


@pytest.fixture
def host(sshd):
    made = Host(sshd)
    yield made
    if made.ssh.poll() is None:
        stop(made.ssh)


@pytest.fixture
def dir_(tmp_path):
    (tmp_path / "dir").mkdir()
    return tmp_path / "dir"


def part(name):
    return part_name(os.fsencode(name)).decode()


def test_files_and_wildcards_are_fetched_in_one_go(host, dir_, sshd):
    for name in ("runs/loss.png", "logs/a.log", "logs/b.log", "logs/c.txt"):
        sshd.remote.file(name, name)
    before = sshd.log().count("Starting session")
    assert host.get("runs/loss.png", "logs/*.log", to=dir_) == 0
    assert sorted(os.listdir(dir_)) == ["a.log", "b.log", "loss.png"]
    assert sshd.log().count("Starting session") == before + 1
    assert host.lines == []


@pytest.mark.parametrize("name", [b"a b", b"a\nb", b"n\xff", b"'$(touch oops)'", b"-rf", "übung".encode()])
def test_every_name_gets_through(host, dir_, sshd, name):
    with open(os.path.join(os.fsencode(sshd.remote.path), name), "wb") as file:
        file.write(b"text")
    assert host.get("./" + os.fsdecode(name), to=dir_) == 0
    assert os.listdir(os.fsencode(dir_)) == [name]
    os.unlink(os.path.join(os.fsencode(sshd.remote.path), name))
    assert send(host.over, "gpu1", [os.path.join(str(dir_), os.fsdecode(name))], "", Asked(), print) == 0
    assert name in os.listdir(os.fsencode(sshd.remote.path))


def test_mode_and_time_come_along(host, dir_, sshd):
    for name, mode in (("run.sh", 0o755), ("secret", 0o600)):
        os.utime(sshd.remote.file(name, "x", mode), ns=(5, 1_600_000_000_000_000_007))
    assert host.get("run.sh", "secret", to=dir_) == 0
    assert [(dir_ / name).stat().st_mode & 0o777 for name in ("run.sh", "secret")] == [0o755, 0o600]
    assert (dir_ / "secret").stat().st_mtime_ns == 1_600_000_000_000_000_007
    (sshd.remote.path / "run.sh").unlink()
    assert host.put(dir_ / "run.sh") == 0
    assert (sshd.remote.path / "run.sh").stat().st_mode & 0o777 == 0o755


def test_one_file_may_get_a_new_name(host, dir_, sshd):
    sshd.remote.file("a", "text")
    assert host.get("a", to=dir_ / "b") == 0
    assert (dir_ / "b").read_text() == "text"


def test_several_need_a_directory(host, dir_):
    with pytest.raises(NoInput, match="no directory"):
        host.get("a", "b", to=dir_ / "none")
    with pytest.raises(NoInput, match="no directory"):
        host.get("a", to=dir_ / "none" / "b")


def test_a_tree_goes_there_and_back(host, dir_, sshd):
    for name in ("t/a", "t/u/b", "t/u/.c"):
        sshd.remote.file(name, name)
    (sshd.remote.path / "t/empty").mkdir()
    assert host.get("t", to=dir_) == 66
    assert host.lines == ["gpu1:t: is a directory (-r takes directories)"]
    assert host.get("t", to=dir_, recursive=True) == 0
    assert host.get("t", to=dir_ / "new", recursive=True) == 0
    assert (dir_ / "t/u/.c").read_text() == (dir_ / "new/u/.c").read_text() == "t/u/.c"
    (sshd.remote.path / "back").mkdir()
    assert host.put(dir_ / "t", to="back", recursive=True) == 0
    assert (sshd.remote.path / "back/t/u/b").read_text() == "t/u/b"
    assert (sshd.remote.path / "back/t/empty").is_dir()


def test_one_that_is_missing_does_not_stop_the_others(host, dir_, sshd):
    sshd.remote.file("b", "text")
    assert host.get("a", "b", "*.none", to=dir_) == 66
    assert host.lines == ["gpu1:a: no such file", "gpu1:*.none: nothing matches"]
    assert (dir_ / "b").read_text() == "text"


def test_nor_does_one_that_is_missing_here(host, dir_, sshd):
    (dir_ / "b").write_text("text")
    assert host.put(dir_ / "a", dir_ / "b") == 66
    assert host.lines == [f"{dir_}/a: no such file"]
    assert (sshd.remote.path / "b").read_text() == "text"


def test_what_is_here_already_is_said_and_what_differs_stays(host, dir_, sshd):
    for name in ("same", "other", "size"):
        sshd.remote.file(name, name)
        (dir_ / name).write_text(name if name == "same" else "mine!")
    assert host.get("same", "other", "size", to=dir_) == 73
    assert sorted(host.lines) == [
        "other: is here already, and differs (--force overwrites it)",
        "same is here already",
        "size: is here already, and differs (--force overwrites it)",
    ]
    assert (dir_ / "other").read_text() == "mine!"
    assert host.get("same", "other", "size", to=dir_, force=True) == 0
    assert (dir_ / "size").read_text() == "size"


def test_the_host_keeps_what_it_has_too(host, dir_, sshd):
    for name in ("same", "other"):
        sshd.remote.file(f"d/{name}", name)
        (dir_ / name).write_text(name if name == "same" else "laptop")
    assert host.put(dir_ / "same", dir_ / "other", to="d") == 73
    assert sorted(host.lines) == [
        f"{dir_}/other: is here already, and differs (--force overwrites it)",
        f"{dir_}/same is there already",
    ]
    assert host.put(dir_ / "other", to="~/d", force=True) == 0
    assert (sshd.remote.path / "d/other").read_text() == "laptop"


def test_an_interrupted_get_goes_on_where_it_stopped(host, dir_, sshd):
    data = os.urandom(BIG)
    sshd.remote.file("big", data)
    assert host.get("big", to=dir_, over=host.cut("out")) == 75
    assert host.lines == [f"the connection to gpu1 was lost; {transfer.AGAIN}"]
    half = (dir_ / part("big")).stat()
    assert half.st_mode & 0o777 == 0o600
    assert 0 < half.st_size < CUT
    assert host.get("big", to=dir_) == 0
    assert "went on behind the first" in host.lines[-1]
    assert (dir_ / "big").read_bytes() == data
    assert os.listdir(dir_) == ["big"]


def test_an_interrupted_put_goes_on_where_it_stopped(host, dir_, sshd):
    data = os.urandom(BIG)
    (dir_ / "big").write_bytes(data)
    assert host.put(dir_ / "big", over=host.cut("in")) == 75
    until(lambda: 0 < (sshd.remote.path / part("big")).stat().st_size < CUT)
    assert until(lambda: host.put(dir_ / "big", to="") == 0)  # the first one's end there may take a moment
    assert "went on behind the first" in host.lines[-1]
    assert (sshd.remote.path / "big").read_bytes() == data
    assert part("big") not in os.listdir(sshd.remote.path)


def test_a_file_that_is_another_by_now_starts_anew(host, dir_, sshd):
    sshd.remote.file("big", os.urandom(BIG))
    assert host.get("big", to=dir_, over=host.cut("out")) == 75
    data = os.urandom(BIG)
    sshd.remote.file("big", data)
    assert host.get("big", to=dir_) == 0
    assert (dir_ / "big").read_bytes() == data


def test_a_connection_that_dies_leaves_what_has_come(host, dir_, sshd):
    with open(sshd.remote.path / "big", "wb") as file:
        file.truncate(1 << 30)
    killer = threading.Thread(target=_kill_at, args=(host.ssh, dir_ / part("big")))
    killer.start()
    assert host.get("big", to=dir_) == 75
    killer.join()
    assert (dir_ / part("big")).stat().st_size


def _kill_at(process, path):
    until(lambda: path.stat().st_size > 100_000)
    process.kill()
    process.wait()


def test_ctrl_c_leaves_what_has_come(host, dir_, sshd, home):
    with open(sshd.remote.path / "big", "wb") as file:
        file.truncate(1 << 30)
    code = (
        "import sys; from rbridge.ssh import transfer; "
        "sys.exit(transfer.fetch(sys.argv[2:], 'gpu1', ['big'], sys.argv[1], transfer.Asked(), print))"
    )
    process = home.start([sys.executable, "-c", code, dir_, *host.over])
    until(lambda: (dir_ / part("big")).stat().st_size > 100_000)
    process.send_signal(2)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out.decode() == f"interrupted; {transfer.AGAIN}\n"
    assert (dir_ / part("big")).stat().st_size


def test_a_directory_that_is_not_there_is_said(host, dir_):
    (dir_ / "a").write_text("x")
    assert host.put(dir_ / "a", to="none") == 66
    assert host.lines == ["gpu1:none: no such directory"]


HOSTILE = """
import hashlib, json, os, sys
from rbridge.ssh.frames import Channel
mark = sys.argv[1].rsplit(" ", 1)[1]
length = int(sys.argv[1].rsplit(" ", 2)[1])
sys.stdin.buffer.read(length)
os.write(1, f"\\n{mark}\\n".encode())
channel = Channel(0, 1)
channel.say({"rbridge": 1})
for parts in json.loads(sys.argv[2]):
    channel.say({"file": parts[0], "argument": 0, "parts": parts[1:], "size": 1, "mtime": 1, "mode": 511})
channel.say({"listed": 1})
for parts in json.loads(sys.argv[2]):
    channel.say({"sending": parts[0], "size": 1, "from": 0})
    channel.send(memoryview(b"x"))
    channel.say({"sent": parts[0], "sha256": hashlib.sha256(b"x").hexdigest()})
channel.flush()
sys.stdin.buffer.read()
"""


@pytest.mark.parametrize(
    ("path", "parts", "flags"),
    [
        ("a", [".bashrc"], {}),
        ("a", ["..", "a"], {"recursive": True}),
        ("a", ["a", "b"], {}),
        ("*", [".bashrc"], {}),
        ("*", ["x\x1b[2J"], {}),
        ("*", ["a", "..", "b"], {"recursive": True}),
        ("a", ["/etc/a"], {}),
        ("*", ["nul"], {}),
    ],
)
def test_a_host_that_sends_what_was_not_asked_for_gets_nothing(dir_, tmp_path, path, parts, flags):
    (tmp_path / "hostile.py").write_text(HOSTILE)
    offers = f"[[0, {', '.join(repr(one) for one in parts)}]]".replace("'", '"').replace("\\x1b", "\\u001b")
    script = f'PYTHONPATH="{ROOT}" "{sys.executable}" "{tmp_path}/hostile.py" "$1" "$OFFERS"'
    over = ["/usr/bin/env", f"OFFERS={offers}", "/bin/sh", "-c", script, "hostile"]
    lines = []
    assert fetch(over, "gpu1", [path], str(dir_), asked(**flags), lines.append) == 77
    assert os.listdir(dir_) == []
    assert len(lines) == 1
    assert "\x1b" not in lines[0]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["gpu1:a"], ("gpu1", ["a"], ".")),
        (["gpu1:a", "gpu1:b", "d"], ("gpu1", ["a", "b"], "d")),
        (["me@gpu1:a", "./x:y"], ("me@gpu1", ["a"], "./x:y")),
    ],
)
def test_the_words_of_get(words, found):
    assert sources(words) == found


@pytest.mark.parametrize("words", [[], ["a"], ["a", "gpu1:b"], ["gpu1:a", "gpu2:b"], ["gpu1:a", ""]])
def test_what_get_does_not_understand(words):
    with pytest.raises(UsageError):
        sources(words)


def test_the_words_of_put():
    assert destination_of(["a", "b", "gpu1:"]) == ("gpu1", ["a", "b"], "")
    for words in ([], ["a"], ["gpu1:a"], ["a", "b"]):
        with pytest.raises(UsageError):
            destination_of(words)


def test_options_stand_anywhere_and_ssh_has_its_own():
    found = parse(["-rq", "-P", "2222", "gpu1:a", "-Fcfg", "--force", "-4", "--", "-x"])
    assert found.flags == {"recursive", "quiet", "force"}
    assert found.ssh == ["-p2222", "-Fcfg", "-4"]
    assert found.words == ["gpu1:a", "-x"]


@pytest.mark.parametrize("words", [["-Z"], ["--nothing"], ["-F"]])
def test_options_that_are_not_known(words):
    with pytest.raises(UsageError):
        parse(words)


@pytest.mark.parametrize("run", [transfer.get, transfer.put])
def test_help(run, capsys):
    assert run(["--help"], print) == 0
    assert "usage: rbridge" in capsys.readouterr().out


def test_get_goes_through_the_tunnel_that_connect_would_make(host, dir_, sshd, monkeypatch):
    sshd.remote.file("a", "text")
    reached = []
    monkeypatch.setattr(
        shell, "reach", lambda to, *_: reached.append(to.asked) or {"control": host.control, "name": "gpu1"}
    )
    assert transfer.get([f"-F{sshd.config}", f"{sshd.alias}:a", str(dir_)], print) == 0
    (sshd.remote.path / "in").mkdir()
    assert transfer.put(["-F", str(sshd.config), str(dir_ / "a"), f"{sshd.alias}:in"], print) == 0
    assert reached == [sshd.alias] * 2
    assert (dir_ / "a").read_text() == "text"
