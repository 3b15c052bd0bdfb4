"""Two files for one diff, as the laptop hears of them; what is seen there: ``e2e/test_diff.py``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rbridge.client.diff import Comparison, alone, empty
from rbridge.client.options import Request
from rbridge.client.source import NOTHING
from rbridge.errors import NoInput, RbridgeError, UsageError
from tests.client.editors import LINK, Editor, Talk
from tests.client.residents import Laptop
from tests.harness.environment import Home, Ran
from tests.harness.wait import until

Diff = Callable[..., Ran]


@pytest.fixture
def diff(home: Home, client_command: list[str]) -> Diff:
    """``diff(*words)`` runs ``rbridge diff`` to its end, once for each way the client is started."""

    def run(*words: str) -> Ran:
        return home.run([*client_command, "diff", *words])

    return run


def comparison(*words: str) -> Comparison:
    return Comparison(list(words), "rbridge diff")


def test_both_are_said_with_their_sides_and_a_name_of_their_own(
    home: Home, editor: Callable[..., Editor], diff: Diff
) -> None:
    home.file("a", "1")
    home.file("b", "2")
    laptop = Laptop()
    served = editor(laptop, home.root / "s", LINK)
    diff(*served.where, "a", "b").ok()
    left, right = (one.headers["diff"].split() for one in laptop.opened)
    assert (left[0], right[0]) == ("left", "right")
    assert left[1] == right[1]
    assert len(left[1]) == 16


def test_a_daemon_that_says_nothing_of_a_diff_shows_none(
    home: Home, editor: Callable[..., Editor], diff: Diff
) -> None:
    home.file("a", "1")
    home.file("b", "2")
    served = editor(Laptop(), home.root / "s", LINK)
    ran = diff(*served.where, "a", "b").ok()
    assert ran.err.splitlines() == [
        "a: mylaptop shows no diff: its rbridge is an older one; both files are open",
        "a: open in vim on mylaptop",
        "b: open in vim on mylaptop",
    ]


def test_its_own_reason_is_shown_in_place_of_that(
    home: Home, editor: Callable[..., Editor], diff: Diff
) -> None:
    home.file("a", "1")
    home.file("b", "2")

    def script(talk: Talk) -> None:
        talk.record()
        talk.send(b"linked\nstanding: new\n\n")
        for more in ("note: vim shows no diff\n", ""):
            said = talk.record()
            talk.send(f"opened\ntoken: {said.token}\neditor: vim\n{more}\n".encode())
        for _ in range(2):
            talk.record()

    served = editor(script, home.root / "s", LINK)
    ran = diff(*served.where, "a", "b").ok()
    assert ran.err.splitlines()[0] == "a: vim shows no diff"
    assert ran.err.count("diff") == 1


def test_one_that_is_open_is_said_again_and_waited_for(
    home: Home, editor: Callable[..., Editor], diff: Diff, rbridge_open: Diff
) -> None:
    """On a socket that commands find by themselves, so that the second one hands over."""
    home.file("a", "1")
    home.file("b", "2")
    laptop = Laptop()
    editor(laptop, home.path / ".rbridge" / os.uname().nodename / "d.sock", LINK)
    rbridge_open("a").ok()
    ran = diff("a", "b").ok()
    opened = [line for line in ran.err.splitlines() if "open in vim" in line]
    assert sorted(opened) == ["a: open in vim on mylaptop", "b: open in vim on mylaptop"]
    (again,) = [one for one in laptop.others if one.command == "resume"]
    assert again.headers["re-activate"] == "yes"
    side, name = again.headers["diff"].split()
    assert (side, laptop.opened[1].headers["diff"]) == ("left", f"right {name}")
    assert "a: mylaptop shows no diff: its rbridge is an older one; both files are open" in ran.err


def test_a_plain_server_gets_both_and_it_is_said_that_there_is_no_diff(
    home: Home, editor: Callable[..., Editor], diff: Diff
) -> None:
    home.file("a", "1")
    home.file("b", "2")
    served = editor(lambda talk: talk.opened(), home.root / "s")
    ran = diff(*served.where, "a", "b").ok()
    assert "is an rmate server, which shows no diff: it is sent both files" in ran.err
    assert ran.err.count(": sent to ") == 2
    until(lambda: served.connections == 2)


def test_where_one_cannot_be_read_none_is_opened(home: Home, diff: Diff, powerless: list[str]) -> None:
    home.file("a", "1")
    home.file("b", "2", 0o000)
    words = ["diff", "-s", "/no/such/socket", "a", "b"]
    ran = home.run([*powerless, "python3", "-m", "rbridge", *words]) if powerless else diff(*words[1:])
    assert (ran.code, "b" in ran.err) == (77, True), ran
    assert "nobody is listening" not in ran.err


def test_two_names_of_one_file_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").write_text("x")
    os.link("a", "hard")
    command = comparison("a", "hard")
    options = command.parse()
    sources = [command.find(one, options) for one in options.requests]
    with pytest.raises(UsageError, match="a and hard are the same file"):
        alone(*sources)
    for one in sources:
        one.close()


def test_an_empty_one_is_no_file_of_its_own() -> None:
    one, other = empty(Request("x")), empty(Request("/dev/null"))
    alone(one, other)
    assert (one.path, one.real, one.part, one.read_only, one.size) == ("x", os.devnull, NOTHING, True, 0)
    assert os.read(one.fd, 1) == b""
    one.close()
    other.close()


def test_a_directory_is_refused_and_closed(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(NoInput, match="is a directory"):
        comparison().find(Request(str(tmp_path)), comparison("a", "b").parse())
    assert set(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize("words", [[], ["a"], ["a", "b", "c"], ["-", "a"], ["--follow", "a", "b"]])
def test_two_files_and_no_parts(words: list[str]) -> None:
    with pytest.raises(RbridgeError) as caught:
        comparison(*words).parse()
    assert caught.value.exit_code == 64


class _Sent:
    """A delivery that got the first of two files out."""

    code = 74

    class first:
        link = True

    class _Document:
        class source:
            shown = "a"

        class peer:
            link = False

    def __init__(self) -> None:
        self.documents = [self._Document()]
        self.said: list[str] = []

    def send(self, sources: object) -> object:
        return self.documents

    def failed(self, source: object, error: RbridgeError) -> None:
        self.said.append(str(error))


def test_one_that_was_sent_alone_is_closed_again() -> None:
    command, sent = comparison("a", "b"), _Sent()
    assert command.deliver(sent, []) == []  # type: ignore[arg-type]
    assert sent.said == ["a: closed again"]
    assert command.code == 74
