"""``rbridge open HOST:PATH``: which words mean that, and what the host's client is told, by real shells."""

import os
import shutil
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.errors import UsageError
from rbridge.ssh import master, opening, shell
from rbridge.ssh.opening import command, in_home, open_there, quoted, split
from tests.harness.environment import stop
from tests.harness.wait import until

SHELLS = [name for name in ("sh", "bash", "dash", "fish", "tcsh", "zsh", "ksh") if shutil.which(name)]
ODD = [
    "a b",
    "it's",
    "$(touch oops)",
    "`x`",
    "a\nb\n",
    "!!",
    "\\n%s",
    "*",
    "",
    "n\udcff",
    "-x",
    '"',
    "ü~{a,b}",
]

CLIENT = """\
#!/bin/sh
printf '%s\\0' "$PWD" "$RBRIDGE_SOCKET" "$@" > "$HOME/called"
echo said
exit 66
"""


@pytest.fixture
def far(other_home):
    """A host whose client writes down how it was called."""
    other_home.script(".local/bin/rbridge", CLIENT)
    return other_home


def called(far):
    return [os.fsdecode(word) for word in (far.path / "called").read_bytes().split(b"\0")[:-1]]


@pytest.mark.parametrize("shell_", SHELLS)
def test_every_login_shell_hands_every_word_on_as_it_is(far, shell_):
    line = command("gpu1", "/tmp/my sock", ODD, ["-w", "+5", "--name", "x y"])
    done = far.run([shutil.which(shell_), "-c", line], cwd="/")
    assert (done.code, done.out) == (66, "said\n"), done
    paths = [word or "." for word in ODD]
    assert called(far) == [str(far.path), "/tmp/my sock", "open", "-w", "+5", "--name", "x y", "--", *paths]


def test_without_a_socket_the_client_looks_for_one(far):
    far.run(["/bin/sh", "-c", command("gpu1", "", ["a"], [])])
    assert called(far)[1] == ""


def test_a_home_that_nothing_may_be_executed_from(far):
    (far.path / ".local/bin/rbridge").chmod(0o644)
    assert far.run(["/bin/sh", "-c", command("gpu1", "", ["a"], [])]).code == 66


def test_a_host_without_the_client_is_told_what_to_do(other_home):
    done = other_home.run(["/bin/sh", "-c", command("gpu1", "", ["a"], [])])
    assert done.code == 69
    assert done.err == "rbridge: gpu1 has no ~/.local/bin/rbridge; run: rbridge deploy gpu1\n"


@given(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30))
def test_no_shell_finds_anything_in_a_quoted_word(word):
    found = quoted(word)
    assert not set(found[1:-1]) & set("'\"!$`\n \t*?[]{}()<>|&;#~")
    done = subprocess.run(["printf", "%b", found[1:-1]], capture_output=True, check=True)
    assert done.stdout == word.encode()


@pytest.mark.parametrize(
    ("path", "found"),
    [("", "."), ("~", "."), ("~/a", "a"), ("~//a", "a"), ("-", "./-"), ("/a", "/a"), ("~me/a", "~me/a")],
)
def test_paths_are_the_homes(path, found):
    assert in_home(path) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["gpu1:a"], ("gpu1", ["a"], [])),
        (["-w", "+5", "gpu1:a", "gpu1:b"], ("gpu1", ["a", "b"], ["-w", "+5"])),
        (["--name", "x:y", "gpu1:a"], ("gpu1", ["a"], ["--name", "x:y"])),
        (["-m", "x:y", "-wl5", "gpu1:a"], ("gpu1", ["a"], ["-m", "x:y", "-wl5"])),
        (["--nam", "x:y", "gpu1:a:12"], ("gpu1", ["a:12"], ["--nam", "x:y"])),
        (["-n", "--", "gpu1:-x"], ("gpu1", ["-x"], ["-n"])),
        (["a"], None),
        (["./a:b", "-"], None),
        (["new.py:12"], None),
        (["new.py:12:3"], None),
        (["-m", "gpu1:a"], None),
        ([], None),
    ],
)
def test_which_words_mean_a_host(words, found):
    assert split(words) == found


def test_a_file_of_that_name_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gpu1:a").write_text("")
    assert split(["gpu1:a"]) is None
    assert opening.run(["gpu1:a"], print) is None


@pytest.mark.parametrize("words", [["a", "gpu1:b"], ["gpu1:a", "gpu2:b"]])
def test_one_command_opens_files_of_one_host(words):
    with pytest.raises(UsageError):
        split(words)


@pytest.mark.parametrize("options", [["--on", "x"], ["-s", "/x"], ["-wp5"], ["--unix=/x"]])
def test_another_laptop_makes_no_sense(options):
    with pytest.raises(UsageError, match="makes no sense"):
        open_there("gpu1", ["a"], options)


def test_it_runs_over_the_master_that_the_tunnel_has(sshd, monkeypatch, capfd):
    sshd.remote.script(".local/bin/rbridge", CLIENT)
    control = str(sshd.remote.root / "cm")
    words = ["ssh", "-F", sshd.config, "-MNS", control, sshd.alias]
    ssh = sshd.remote.start(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: os.path.exists(control))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    monkeypatch.setattr(shell, "reach", lambda *_: {"control": control, "name": "gpu1", "socket": "/run/s"})
    try:
        assert opening.run(["-w", f"{sshd.alias}:a b"], print) == 66
    finally:
        stop(ssh, 9)
    assert capfd.readouterr().out == "said\n"
    assert called(sshd.remote) == [str(sshd.remote.path), "/run/s", "open", "-w", "--", "a b"]


def test_a_connection_that_was_made_with_options_is_meant_by_its_name(trip):
    """ssh's own configuration knows no such host here."""
    text = trip.host.file("proj/train.py", "x = 1\n")
    trip.run("connect").ok()
    assert "open in" in trip.here("open", "gpu1:proj/train.py").ok().err
    assert trip.editor.wait_open().content == b"x = 1\n"
    trip.here("get", "gpu1:proj/train.py").ok()
    assert (trip.laptop.path / "train.py").read_bytes() == text.read_bytes()
    ran = trip.here("get", "gpu9:proj/train.py")
    assert ran.code != 0
    assert "gpu9" in ran.err


def test_a_connection_by_name_that_is_down_is_not_made_in_another_way(trip):
    trip.run("connect").ok()
    trip.sshd.close()
    (master_,) = trip.masters()
    os.kill(master_, signal.SIGKILL)
    trip.until_standing("gpu1")
    ran = trip.here("get", "gpu1:proj/train.py")
    assert ran.code == 75
    assert "rbridge connect, with the options that it was made with" in ran.err


def test_a_master_that_has_gone_is_ssh_s_own_word(tmp_path):
    assert opening.over_master(master.over(str(tmp_path / "none")), "true") == 255


@pytest.mark.parametrize("word", ["foo.c:12:5", "foo.c:12", "http://a.b/c", "./a:b", "x.py:3:"])
def test_what_is_no_host_is_left_to_the_client_here(word: str) -> None:
    assert opening.split([word]) is None
