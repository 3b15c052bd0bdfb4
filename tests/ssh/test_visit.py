"""Visits through a real sshd: round trips, what is deployed and undone, and hosts that answer otherwise."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from rbridge import __version__
from rbridge.client import key
from rbridge.errors import (
    CannotCreate,
    Denied,
    NotListening,
    RbridgeError,
    RemoteProtocolError,
    TryAgain,
    UsageError,
)
from rbridge.ssh import deploy
from rbridge.ssh import visit as visits
from tests.harness.client import Builds
from tests.harness.environment import Home, stop
from tests.harness.proxy import Proxy
from tests.harness.sshd import Sshd
from tests.harness.wait import until
from tests.ssh.test_visit_sh import CLIENT, LINE, SOCKET, US, content, program

NAME = "gpu1"


def visiting(sshd: Sshd, *words: str, deadline: float = 15):
    return visits.visit(sshd.ssh(*words), US, SOCKET, deadline=deadline)


@pytest.fixture
def host(other_home: Home) -> Iterator[Callable[..., Sshd]]:
    """Start a host: *shell* is what it says its login shell is, *options* are lines for sshd."""
    started: list[Sshd] = []

    def start(shell: str = "bash", options: tuple[str, ...] = (), path: str = "/usr/bin:/bin") -> Sshd:
        other_home.env.update(SHELL=program(shell, other_home), PATH=path)
        for name in ("RBRIDGE_RUNTIME_DIR", "RBRIDGE_STATE_DIR", "XDG_CONFIG_HOME"):
            other_home.env.pop(name, None)
        started.append(Sshd(other_home, options=options))
        return started[-1]

    yield start
    for one in started:
        one.close()


async def test_it_says_what_the_host_is_like(host: Callable[..., Sshd]) -> None:
    sshd = host("zsh")
    async with visiting(sshd) as there:
        said = await there.python()
        assert said == there.host
    assert (said.name, said.home, said.uid, said.shell) == (NAME, str(sshd.remote.path), os.getuid(), "zsh")
    assert said.node == key.paths.node()
    assert said.system == f"{os.uname().sysname} {os.uname().machine}"
    assert said.client == said.client_version == ""
    assert os.path.isabs(said.python)
    assert said.python_version.startswith("3.")
    assert said.python_usual


async def test_the_real_client_runs_afterwards_as_rbridge_and_as_rmate(
    host: Callable[..., Sshd], builds: Builds
) -> None:
    sshd = host()
    client = content(str(builds.file))
    async with visiting(sshd) as there:
        put = await there.install(LINE, client)
        assert put == deploy.Put(f"{sshd.remote.path}/.local/bin/rbridge", False, "")
    assert sshd.run("~/.local/bin/rbridge --version").ok().out == f"rbridge {__version__}\n"
    assert sshd.run("~/.local/bin/rmate --help").ok().out.startswith("usage: rmate")
    async with visiting(sshd) as there:
        assert there.host.client == hashlib.sha256(client).hexdigest()
        assert (there.host.client_by, there.host.client_version) == ("us", __version__)


async def test_a_new_client_is_a_new_file_and_a_changed_one_is_kept(host: Callable[..., Sshd]) -> None:
    sshd = host()
    path = sshd.remote.path / ".local/bin/rbridge"
    async with visiting(sshd) as there:
        await there.put(CLIENT)
        running = os.open(path, os.O_RDONLY)
        put = await there.put(CLIENT + b"new")
        assert (put.replaced, put.kept) == (True, "")
        assert os.read(running, 1 << 20) == CLIENT
        os.close(running)
        path.write_bytes(b"the user's own")
        put = await there.put(CLIENT)
        assert put.kept == f"{path}.before-1"
        path.unlink()
        path.symlink_to("/usr/bin/true")
        put = await there.put(CLIENT)
        assert put.kept == f"{path}.before-2"
    assert path.read_bytes() == CLIENT
    assert content(f"{path}.before-1") == b"the user's own"
    assert os.readlink(f"{path}.before-2") == "/usr/bin/true"


async def test_another_rmate_is_left(host: Callable[..., Sshd]) -> None:
    sshd = host()
    theirs = sshd.remote.script(".local/bin/rmate", "#!/bin/sh\n")
    async with visiting(sshd) as there:
        assert not (await there.put(CLIENT)).rmate
        assert f"removed|{theirs}" not in await there.remove()
    assert theirs.read_text() == "#!/bin/sh\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
async def test_the_line_has_new_shells_find_it_and_remove_leaves_the_home_as_it_was(
    host: Callable[..., Sshd], shell: str
) -> None:
    sshd = host(shell)
    home = sshd.remote
    if shell == "bash":
        home.file(".profile", '. "$HOME/.bashrc"\n')
        home.file(".bashrc", "echo hello\ncase $- in *i*) ;; *) return ;; esac")
    home.file(".zshrc", "echo 'good morning'\n")
    home.file(".tcshrc", "echo good morning; set prompt = '> '\n")
    home.file(".config/fish/config.fish", "echo good morning\n")
    home.file(".local/share/fish/keep")
    before = {one: one.read_bytes() for one in home.path.rglob("*") if one.is_file()}
    async with visiting(sshd) as there:
        await there.install(LINE, CLIENT)
        paths = await there.paths()
        assert (paths.found, paths.on_path) == ("", False)
        assert await there.add(paths.rc)
        assert not await there.add(paths.rc)
        paths = await there.paths()
        assert (paths.found, paths.on_path) == (f"{home.path}/.local/bin/rbridge", True)
        did = await there.remove()
        assert f"line|{paths.rc}" in did
    after = {one: one.read_bytes() for one in home.path.rglob("*") if one.is_file()}
    if shell == "bash":  # its last line has an end now
        before[home.path / ".bashrc"] += b"\n"
    assert {one: text for one, text in after.items() if "fish" not in one.parts or one in before} == before
    assert not (home.path / ".rbridge").exists()
    assert not (home.path / ".local/bin").exists()


async def test_remove_keeps_what_the_user_changed_and_puts_back_what_was_there(
    host: Callable[..., Sshd],
) -> None:
    sshd = host()
    path = sshd.remote.script(".local/bin/rbridge", "the user's own")
    async with visiting(sshd) as there:
        assert there.host.client_by == "other"
        await there.put(CLIENT)
        assert f"restored|{path}" in await there.remove()
        assert path.read_text() == "the user's own"
        await there.put(CLIENT)
        path.write_text("changed")
        assert f"changed|{path}" in await there.remove()
    assert path.read_text() == "changed"


async def test_a_login_file_that_hangs_holds_up_nothing_but_that_answer(
    host: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd = host("zsh")
    sshd.remote.file(".zshrc", "sleep 100\n")
    text = visits.parts()
    monkeypatch.setattr(
        visits, "parts", lambda: {**text, "paths": text["paths"].replace("sleep 5", "sleep 0.2")}
    )
    async with visiting(sshd) as there:
        assert await there.paths() == deploy.Paths("", False, f"{sshd.remote.path}/.zshrc", heard=False)
        await there.key(LINE)


@pytest.mark.parametrize(
    ("forced", "kind", "words"),
    [
        ("/usr/sbin/nologin", Denied, "may not log in on gpu1: This account is currently not available"),
        ('bash -rc "$SSH_ORIGINAL_COMMAND"', Denied, "restricted shell"),
        ("echo '*** backup only ***'", RemoteProtocolError, "it printed: \\*\\*\\* backup only"),
        ("true", RemoteProtocolError, "it printed: nothing"),
        ("echo '1) shell  2) quit'; read x", RemoteProtocolError, r"within 3 s; it printed: 1\) shell"),
        ("read x", TryAgain, "did not answer within 0.7 s"),
        ("yes", RemoteProtocolError, "answers without end: y"),
    ],
)
async def test_a_host_that_runs_something_else_has_its_words(
    host: Callable[..., Sshd], forced: str, kind: type[RbridgeError], words: str
) -> None:
    sshd = host(options=(f"ForceCommand {forced}",))
    # a menu takes as long as the login until it is printed
    deadline = 3 if "quit" in forced else 0.7 if "read" in forced else 15
    with pytest.raises(kind, match=words):
        async with visiting(sshd, deadline=deadline):
            pytest.fail("it is no visit")
    assert not (sshd.remote.path / ".rbridge").exists()


async def test_an_ssh_that_fails_is_told_in_its_own_words(host: Callable[..., Sshd]) -> None:
    sshd = host(options=("AuthorizedKeysFile none",))
    with pytest.raises(NotListening, match="ssh gpu1: .*Permission denied"):
        async with visiting(sshd):
            pytest.fail("it is no visit")


async def test_a_connection_that_takes_no_more_sessions_is_told(
    host: Callable[..., Sshd], other_home: Home
) -> None:
    sshd = host(options=("MaxSessions 0",))
    ssh = sshd.ssh(f"-S{other_home.root / 'cm'}")
    master = other_home.start([*ssh[:-1], "-M", "-N", ssh[-1]])
    until((other_home.root / "cm").exists)
    with pytest.raises(TryAgain, match="allows no further session"):
        async with visits.visit(ssh, US, SOCKET):
            pytest.fail("it is no visit")
    stop(master)


async def test_what_comes_too_late_is_an_error_and_the_visit_goes_on(host: Callable[..., Sshd]) -> None:
    sshd = host("zsh")
    sshd.remote.file(".zshrc", "sleep 100\n")
    text = visits.parts()["paths"].replace("sleep 5", "sleep 1")
    async with visiting(sshd) as there:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(visits, "parts", lambda: {"paths": text})
            patch.setattr(visits, "SHELLS", 0.3)
            patch.setattr(there, "_deadline", 0.3)
            with pytest.raises(TryAgain, match="did not answer within"):
                await there.paths()
        await there.key(LINE)


async def test_a_client_that_arrives_otherwise_than_it_was_sent_is_not_put_there(
    host: Callable[..., Sshd],
) -> None:
    sshd = host()
    wrong = SimpleNamespace(sha256=lambda data: SimpleNamespace(hexdigest=lambda: "0" * 64))
    async with visiting(sshd) as there:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(visits, "hashlib", wrong)
            with pytest.raises(CannotCreate, match="did not arrive"):
                await there.put(CLIENT)
        assert not (sshd.remote.path / ".local").exists()
        await there.put(CLIENT)


async def test_a_bin_that_is_a_link_is_used_and_said(host: Callable[..., Sshd]) -> None:
    sshd = host()
    sshd.remote.file("dotfiles/bin/other")
    (sshd.remote.path / ".local").mkdir()
    (sshd.remote.path / ".local/bin").symlink_to("../dotfiles/bin")
    async with visiting(sshd) as there:
        put = await there.put(CLIENT)
        assert put.notes == ("link",)
        await there.remove()
    assert sorted(os.listdir(sshd.remote.path / "dotfiles/bin")) == ["other"]
    assert (sshd.remote.path / ".local/bin").is_symlink()


async def test_without_a_home_there_is_still_a_place_for_the_socket(other_home: Home) -> None:
    place = other_home.root / "r"
    words = ["env", "-i", "HOME=", "PATH=/usr/bin:/bin", f"RBRIDGE_RUNTIME_DIR={place}", "sh", "-c"]
    async with visits.visit(words, US, SOCKET) as there:
        assert there.host.faults[0].startswith("home|")
        assert there.directory() == str(place)
        assert (await there.put(CLIENT)).path == f"{place}/rbridge"
        with pytest.raises(CannotCreate):
            await there.key(LINE)


async def test_a_connection_that_is_cut_ends_what_waits(host: Callable[..., Sshd]) -> None:
    sshd = host()
    async with visiting(sshd) as there:
        await there.python()
        sshd.close()
        for pid in sshd.remote.processes():
            os.kill(pid, 9)
        until(lambda: not sshd.remote.processes())
        with pytest.raises(NotListening, match="the visit to gpu1 ended"):
            await there.key(LINE)
        with pytest.raises(RemoteProtocolError, match="broken off"):
            await there.key(LINE)


async def test_cancelled_it_leaves_no_process(
    host: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd = host(options=("ForceCommand read x",))
    started: list[trio.Process] = []
    really = trio.lowlevel.open_process

    async def open_process(*args: Any, **kinds: Any) -> trio.Process:
        started.append(await really(*args, **kinds))
        return started[0]

    monkeypatch.setattr(trio.lowlevel, "open_process", open_process)
    with trio.move_on_after(0.3) as scope:
        async with visiting(sshd):
            pytest.fail("it is no visit")
    assert scope.cancelled_caught
    assert started[0].returncode is not None


@pytest.mark.parametrize(
    "names", [("x", SOCKET), (US, "../s"), (US, "a b"), (US, "-rf"), (US.upper(), SOCKET)]
)
async def test_names_that_a_shell_could_misread_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(UsageError):
        async with visits.visit(["false"], *names):
            pytest.fail("it is no visit")


LOOK = """#!/bin/sh
cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' >>"$HOME/seen"
exec /usr/bin/{name} "$@"
"""


async def test_the_key_is_in_no_command_line_and_no_environment(
    host: Callable[..., Sshd], other_home: Home
) -> None:
    """What the script runs looks around before it does its work."""
    for name in ("dd", "mv", "wc"):
        other_home.script(f"bin/{name}", LOOK.format(name=name))
    sshd = host(path=f"{other_home.path}/bin:/usr/bin:/bin")
    secret = "7d3c" * 16
    async with visiting(sshd) as there:
        await there.key(f"00000000000000aa {secret} gpu1\n".encode())
    seen = (other_home.path / "seen").read_text(errors="replace")
    assert seen.count(f"RBRIDGE_TESTS_MARK={other_home.mark}") > 3
    assert secret not in seen


async def test_key_and_client_together_cost_one_round_trip_more_than_any_command(
    host: Callable[..., Sshd], other_home: Home, builds: Builds, proof: Callable[[str], None]
) -> None:
    sshd = host()
    client = content(str(builds.file))
    trip = 0.3  # seconds
    proxy = Proxy(f"127.0.0.1:{sshd.port}", delay=trip / 2)
    control = other_home.root / "cm"
    ssh = sshd.ssh(f"-p{proxy.port}", f"-S{control}")
    master = other_home.start([*ssh[:-1], "-M", "-N", ssh[-1]])
    try:
        until(control.exists)
        begin = trio.current_time()
        await trio.run_process([*ssh, "true"])
        plain = trio.current_time() - begin
        facts = installed = python = 60.0
        for _ in range(4):  # the best of them: the machine may be busy
            begin = trio.current_time()
            async with visits.visit(ssh, US, SOCKET) as there:
                facts = min(facts, trio.current_time() - begin)
                begin = trio.current_time()
                await there.install(LINE, client)
                installed = min(installed, trio.current_time() - begin)
                begin = trio.current_time()
                await there.python()
                python = min(python, trio.current_time() - begin)
            if installed < 1.5 * trip:
                break
    finally:
        stop(master)
        proxy.close()
    proof(
        f"round trip {trip * 1e3:.0f} ms: true {plain * 1e3:.0f} ms, facts {facts * 1e3:.0f} ms,"
        f" key and client {installed * 1e3:.0f} ms more"
    )
    assert facts < plain + trip / 2
    assert trip <= installed < 2 * trip
    assert python < trip / 2
