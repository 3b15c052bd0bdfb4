"""``rbridge diff A B``: real client, real daemon, plug-ins in Python and an editor that is started."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rbridge.jsonrpc import RpcError
from tests.adapters.plugin import Plugin, Shown
from tests.conftest import Start
from tests.e2e.test_attach import aside, attached
from tests.harness.daemon import Daemon
from tests.harness.environment import Home, Ran, rbridge, stop
from tests.harness.wait import until, until_async

ONE, TWO, NEW = b"one\ntwo\n", b"one\n2\n", b"new\n"

# An editor that goes by the name of one with a diff mode: notes its words, and ends when it is told. One that
# ended well so soon would be taken for one that only handed its files on.
EDITOR = """#!/bin/sh
printf '%s\\n' "$@" > {desk}/$$.words
while [ ! -e {desk}/end ]; do sleep 0.02; done
[ -e {desk}/left ] && cat {desk}/left > "$3"
exit 1
"""


class Stage:
    """A laptop whose daemon runs, and a host that reaches it."""

    def __init__(self, laptop: Home, host: Home, daemon: Daemon, desk: Path) -> None:
        self.laptop, self.host, self.daemon, self.desk = laptop, host, daemon, desk

    def words(self, *words: str) -> list[str]:
        return [*rbridge("diff"), "--socket", str(self.daemon.socket), *words]

    def diff(self, *words: str) -> Ran:
        return self.host.run(self.words(*words))

    def wait(self, *words: str) -> subprocess.Popen[bytes]:
        return self.host.start(self.words("-w", *words))

    def started(self) -> list[list[str]]:
        """The words of each editor that was started."""
        return [one.read_text().splitlines() for one in sorted(self.desk.glob("*.words"))]

    def files(self) -> tuple[Path, Path]:
        return self.host.file("a.py", ONE), self.host.file("b.py", TWO)


@pytest.fixture
def stage(home: Home, other_home: Home, daemon: Start) -> Stage:
    desk = home.root / "desk"
    desk.mkdir()
    code = home.script("bin/code", EDITOR.format(desk=desk))
    return Stage(home, other_home, daemon(editor=str(code), listen=("unix", "127.0.0.1:0")), desk)


def by_name(plugin: Plugin, name: str) -> Shown:
    return next(one for one in plugin.buffers.values() if one.head["path"].endswith(name))


async def shown(plugin: Plugin, number: int = 0) -> tuple[Shown, Shown]:
    """Both sides of a diff that the plug-in shows."""
    found = (await plugin.until(lambda: plugin.diffs[number:]))[0]
    return plugin.buffers[found["left"]], plugin.buffers[found["right"]]


async def test_both_files_are_compared_and_each_is_saved_to_its_own(stage: Stage) -> None:
    one, other = stage.files()
    async with attached(stage.daemon) as plugin:
        ran = await aside(stage.diff, "a.py", "b.py")
        assert ran.ok().err.count(": open in Editor on ") == 2
        left, right = await shown(plugin)
        assert (left.text, right.text) == (ONE, TWO)
        assert [one["title"] for one in plugin.diffs] == ["a.py \N{LEFT RIGHT ARROW} b.py"]
        assert [one.head.get("diff") for one in (left, right)] == [True, True]
        assert plugin.front == []
        await plugin.write(left, NEW)
        await plugin.write(right, NEW + NEW)
        assert (one.read_bytes(), other.read_bytes()) == (NEW, NEW + NEW)


async def test_with_w_it_returns_when_both_are_closed(stage: Stage) -> None:
    one, _ = stage.files()
    async with attached(stage.daemon) as plugin:
        process = stage.wait("a.py", "b.py")
        left, right = await shown(plugin)
        assert plugin.diffs[0]["wait"]
        await plugin.write(left, NEW)
        await plugin.close(left)
        await until_async(lambda: "a.py" not in stage.host.run(rbridge("status")).out)
        assert process.poll() is None
        await plugin.close(right)
        assert await aside(process.wait, 20) == 0
        stop(process)
    assert one.read_bytes() == NEW


async def test_names_that_were_given_are_the_title(stage: Stage) -> None:
    stage.files()
    async with attached(stage.daemon) as plugin:
        (await aside(stage.diff, "-m", "before", "-m", "after", "a.py", "b.py")).ok()
        assert plugin.diffs[0]["title"] == "before \N{LEFT RIGHT ARROW} after"


async def test_read_only_has_both_read_only(stage: Stage) -> None:
    stage.files()
    async with attached(stage.daemon) as plugin:
        (await aside(stage.diff, "-r", "a.py", "b.py")).ok()
        assert all(one.head["readOnly"] for one in await shown(plugin))


async def test_the_null_device_is_an_empty_text_for_reading(stage: Stage) -> None:
    stage.files()
    async with attached(stage.daemon) as plugin:
        for _ in range(2):  # the second one is handed over to the first one's process
            (await aside(stage.diff, "/dev/null", "b.py")).ok()
            left, right = await shown(plugin, len(plugin.diffs) - 1)
            assert (left.text, right.text) == (b"", TWO)
            assert (left.head["readOnly"], right.head["readOnly"]) == (True, False)
        assert len(plugin.diffs) == 2
        assert plugin.diffs[0]["right"] == plugin.diffs[1]["right"]


async def test_a_missing_file_is_empty_and_made_by_the_first_save(stage: Stage) -> None:
    stage.files()
    async with attached(stage.daemon) as plugin:
        (await aside(stage.diff, "a.py", "c.py")).ok()
        _, right = await shown(plugin)
        assert right.text == b""
        await plugin.write(right, NEW)
        assert (stage.host.path / "c.py").read_bytes() == NEW


async def test_a_missing_file_for_reading_only_is_not_made(stage: Stage) -> None:
    stage.files()
    async with attached(stage.daemon) as plugin:
        (await aside(stage.diff, "-r", "c.py", "a.py")).ok()
        left, _ = await shown(plugin)
        assert (left.text, left.head["readOnly"]) == (b"", True)
        assert plugin.diffs[0]["title"] == "c.py (empty) \N{LEFT RIGHT ARROW} a.py"
        assert not (stage.host.path / "c.py").exists()


async def test_one_that_is_open_is_compared_where_it_is(stage: Stage) -> None:
    stage.files()
    async with attached(stage.daemon, Plugin("First")) as first, attached(stage.daemon, Plugin("Second")):
        first.peer.notify("buffer/focus", {})
        ran = stage.host.run
        opened = await aside(ran, [*rbridge("open"), "--socket", str(stage.daemon.socket), "a.py"])
        assert "a.py: open in First on" in opened.ok().err
        known = (await first.shown()).id
        first.buffers[known].text, first.buffers[known].modified = b"typed\n", True
        said = await aside(stage.diff, "a.py", "b.py")
        assert said.ok().err.count(": open in First on ") == 2
        left, right = await shown(first)
        assert (left.id, left.text, right.text) == (known, b"typed\n", TWO)


async def test_both_may_be_open(stage: Stage) -> None:
    stage.files()
    async with attached(stage.daemon) as plugin:
        for _ in range(2):
            (await aside(stage.diff, "a.py", "b.py")).ok()
        assert len(plugin.diffs) == 2
        assert plugin.diffs[0] == plugin.diffs[1]


async def test_a_plug_in_without_diffs_gets_both_and_the_host_hears_why(stage: Stage) -> None:
    stage.files()
    plugin = Plugin()
    plugin.can["diff"] = False
    async with attached(stage.daemon, plugin):
        ran = await aside(stage.diff, "a.py", "b.py")
        assert "a.py: Editor shows no diff, or its plug-in is an older one" in ran.ok().err
        assert ran.err.count("no diff") == 1
        assert len(plugin.buffers) == 2
        assert not any("diff" in one.head for one in plugin.buffers.values())


async def test_a_plug_in_that_cannot_show_it_shows_both_texts(stage: Stage) -> None:
    stage.files()
    plugin = Plugin()

    async def refused(params: object) -> None:
        raise RpcError(-32603, "no room")

    plugin._compare = refused  # type: ignore[assignment, method-assign]
    async with attached(stage.daemon, plugin):
        ran = await aside(stage.diff, "a.py", "b.py")
        assert "a.py: Editor cannot show the diff: no room" in ran.ok().err
        assert sorted(plugin.front) == sorted(plugin.buffers)


async def test_an_unproved_connection_may_compare_what_it_may_open(stage: Stage) -> None:
    stage.files()
    async with attached(stage.daemon) as plugin:
        words = [*rbridge("diff"), "--host", "127.0.0.1", "--port", str(stage.daemon.port), "a.py", "b.py"]
        (await aside(stage.host.run, words)).ok()
        assert [one.head["verified"] for one in await shown(plugin)] == [False, False]


def test_an_editor_with_a_diff_mode_is_started_once_with_both(stage: Stage) -> None:
    one, _ = stage.files()
    process = stage.wait("a.py", "b.py")
    (words,) = until(stage.started)
    assert words[:2] == ["--wait", "--diff"]
    assert [Path(file).name for file in words[2:]] == ["a.py", "b.py"]
    assert [Path(file).read_bytes() for file in words[2:]] == [ONE, TWO]
    (stage.desk / "left").write_bytes(NEW)
    (stage.desk / "end").touch()
    assert process.wait(20) == 0
    stop(process)
    assert one.read_bytes() == NEW
    assert stage.host.run(rbridge("status")).out == ""


def test_the_end_of_one_side_ends_the_editor_and_the_other(stage: Stage) -> None:
    stage.files()
    process = stage.wait("a.py", "b.py")
    until(stage.started)
    until(lambda: stage.host.run(rbridge("status")).out.count("clean") == 2)
    stage.host.run(rbridge("close", "a.py")).ok()
    assert process.wait(20) == 0
    stop(process)


def test_an_editor_without_a_diff_mode_gets_both_and_the_host_hears_it(
    home: Home, other_home: Home, daemon: Start
) -> None:
    desk = home.root / "desk"
    desk.mkdir()
    plain = home.script("bin/plain", EDITOR.format(desk=desk))
    stage = Stage(home, other_home, daemon(editor=str(plain), listen=("unix",)), desk)
    stage.files()
    ran = stage.diff("a.py", "b.py").ok()
    assert "a.py: plain shows no diff: both files are open" in ran.err
    assert sorted(
        Path(words[-1]).name for words in until(lambda: stage.started()[1:] and stage.started())
    ) == [
        "a.py",
        "b.py",
    ]
    (desk / "end").touch()


def test_a_program_that_is_configured_for_it_compares_in_place_of_the_editor(
    home: Home, other_home: Home, daemon: Start
) -> None:
    desk = home.root / "desk"
    desk.mkdir()
    plain = home.script("bin/plain", EDITOR.format(desk=desk))
    meld = home.script("bin/meld", EDITOR.format(desk=desk))
    serving = daemon(editor=str(plain), listen=("unix",), config=f'diff = "{meld} --newtab"\n')
    stage = Stage(home, other_home, serving, desk)
    stage.files()
    ran = stage.diff("a.py", "b.py").ok()
    assert ran.err.count(": open in meld on ") == 2
    (words,) = until(stage.started)
    assert [words[0], *(Path(one).name for one in words[1:])] == ["--newtab", "a.py", "b.py"]
    (desk / "end").touch()
    until(lambda: stage.host.run(rbridge("status")).out == "")


def test_a_program_that_is_not_there_is_said_at_the_start(home: Home, daemon: Start) -> None:
    serving = daemon(editor="true", listen=("unix",), config='diff = "no-such-program"\n', ready=False)
    ran = serving.wait()
    assert ran.code == 64
    assert "diff: there is no program 'no-such-program'" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 64, "diff takes two files, not none"),
        (("a.py",), 64, "diff takes two files, not 1"),
        (("a.py", "b.py", "a.py"), 64, "diff takes two files, not 3"),
        (("a.py", "-"), 64, "'-' is none"),
        (("a.py", "a.py"), 64, "a.py and a.py are the same file"),
        (("a.py", "link"), 64, "a.py and link are the same file"),
        (("no.py", "./no.py"), 64, "are the same file"),
        (("a.py", "."), 66, "cannot compare"),
        (("a.py", "none/b.py"), 73, "cannot create none/b.py"),
        (("--head", "3", "a.py", "b.py"), 64, "show a part of a file"),
        (("--follow", "a.py", "b.py"), 64, "show a part of a file"),
    ],
)
def test_what_cannot_be_compared_is_refused_and_nothing_is_opened(
    stage: Stage, words: tuple[str, ...], code: int, said: str
) -> None:
    stage.files()
    (stage.host.path / "link").symlink_to("a.py")
    ran = stage.diff(*words)
    assert (ran.code, said in ran.err) == (code, True), ran
    assert ran.err.startswith("rbridge: ")
    assert ran.err.count("\n") == 1
    assert stage.started() == []


def test_help_and_version(other_home: Home) -> None:
    assert (
        other_home.run(rbridge("diff", "--help")).ok().out.startswith("usage: rbridge diff [options] A B\n")
    )
    assert other_home.run(rbridge("diff", "--version")).ok().out.startswith("rbridge ")
    assert "  diff " in other_home.run(rbridge("--help")).ok().out


def test_nothing_listening_compares_here_with_else(other_home: Home) -> None:
    other_home.file("a.py", ONE)
    other_home.file("b.py", TWO)
    words = [*rbridge("diff"), "--socket", "/no/such/socket", "a.py", "b.py"]
    assert other_home.run(words).code == 69
    ran = other_home.run([*words, "--else", "diff"])
    assert ran.code == 1
    assert ran.out.startswith("2c2\n")
