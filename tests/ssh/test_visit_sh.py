"""The script on the host, under every shell: as the login shell that is given its line, and as /bin/sh."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rbridge import build
from rbridge.client import key
from rbridge.errors import CannotCreate, Denied
from rbridge.ssh import visit as visits
from rbridge.ssh.deploy import marked
from tests.client.saving import disk
from tests.harness.environment import Home

US = "0123456789abcdef"
SOCKET = US + "-00c0ffee.sock"
LINE = b"00000000000000aa " + b"5e" * 32 + b" gpu1\n"
CLIENT = b'#!/bin/sh\n# rbridge 9.9.9, a small one\necho "rbridge 9.9.9"\nexit 0\n' + b"\0\xff" * 3000
LOGIN_SHELLS = ("bash", "dash", "zsh", "fish", "tcsh", "ash")
SCRIPT_SHELLS = ("bash", "dash", "zsh", "ash", "bash --posix")
TOOLS = "cat chmod dd env grep head id ln ls mkdir mv rm rmdir sed sleep sort tail tr uname wc"
NOBODY = 65534


def program(name: str, home: Home) -> str:
    """Where the shell *name* is; busybox is ash here. One that is missing fails the test."""
    found = shutil.which("busybox" if name == "ash" else name, path="/usr/bin:/bin")
    assert found, f"{name} is missing: install the Debian packages bash dash zsh fish tcsh busybox"
    if name == "ash":
        link = home.path.parent / "ash"
        if not link.exists():
            link.symlink_to(found)
        return str(link)
    return found


def as_sshd(home: Home, shell: str, **more: str) -> list[str]:
    """What stands for ``ssh HOST``: the login shell runs the line as sshd has it run."""
    env = {"HOME": str(home.path), "PATH": "/usr/bin:/bin", "LOGNAME": "me", "SHELL": shell, **more}
    setsid = ["setsid", "-w", "env", "-i"]
    return [*setsid, *(f"{name}={value}" for name, value in env.items()), shell, "-c"]


def visiting(home: Home, shell: str = "dash", **more: str):
    return visits.visit(as_sshd(home, program(shell, home), **more), US, SOCKET, deadline=10)


def directory(home: Home) -> Path:
    return home.path / ".rbridge" / key.paths.node()


def content(path: str) -> bytes:
    return Path(path).read_bytes()


def needs_root() -> None:
    if os.geteuid() != 0:
        pytest.fail(
            "another user's files and small disks need root, as in CI; run: sudo python3 -m tests ssh"
        )


def test_the_lines_have_no_faults() -> None:
    checked = subprocess.run(
        ["shellcheck", "-s", "sh", visits.SCRIPT], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_the_command_is_one_short_line_without_what_some_shell_takes_for_its_own() -> None:
    line = visits.command("0" * 16, SOCKET)
    assert len(line) < 8192
    script = line.split("' '")[1].rpartition("'")[0]
    assert not set(script) & set("\n!'\\")
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize("shell", LOGIN_SHELLS)
async def test_each_login_shell_runs_it_whatever_its_files_print(home: Home, shell: str) -> None:
    for name in (".bashrc", ".zshenv", ".tcshrc", ".config/fish/config.fish"):
        home.file(name, "echo welcome\necho end begin\n")
    async with visiting(home, shell) as there:
        assert there.host.home == str(home.path)
        assert there.host.uid == os.getuid()
        assert there.host.shell == ("ash" if shell == "ash" else shell)
        assert there.directory() == str(directory(home))
        put = await there.install(LINE, CLIENT)
    assert content(put.path) == CLIENT
    assert stat.S_IMODE(directory(home).stat().st_mode) == 0o700


@contextmanager
def plain(home: Home, shell: str) -> Iterator[Callable[[str], str]]:
    """The script's first part run by *shell* itself; what it yields runs one more and gives its answer."""
    words = program(shell.split()[0], home), *shell.split()[1:]
    script = home.file("begin.sh", visits.parts()["begin"])
    mark = "c0ffee"
    env = {"HOME": str(home.path), "PATH": "/usr/bin:/bin", "SHELL": words[0]}
    process = subprocess.Popen(
        [*words, script, mark, SOCKET], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout

    def answer() -> str:
        text = ""
        while not text.split("\n")[-2:][0].startswith(f"{mark} end"):
            line = process.stdout.readline().decode()
            assert line, text
            text += "" if line == "\n" or " python " in line else line
        return text

    def run(request: bytes) -> str:
        process.stdin.write(request)
        process.stdin.flush()
        return answer()

    with process:
        try:
            assert f"{mark} node " in answer()
            yield run
            process.stdin.close()
            process.wait(10)
        finally:
            process.kill()


@pytest.mark.parametrize("shell", SCRIPT_SHELLS)
def test_each_sh_runs_all_parts(home: Home, shell: str) -> None:
    if shell == "zsh":  # as it is where it is /bin/sh
        shell = "zsh --emulate sh"
    digest = hashlib.sha256(CLIENT).hexdigest()
    part = visits.parts()
    rc = home.file(".profile", "true")
    line = marked("sh")
    with plain(home, shell) as run:
        head = f"I={US}\nB={len(LINE)}\nR=aa\n"
        assert "fault" not in run(f"{head}{part['key']}c0ffee\n".encode() + LINE)
        head = f"B={len(CLIENT)}\nG={digest}\nR=aa\nT=''\n"
        said = run(f"{head}{part['record']}{part['put']}c0ffee\n".encode() + CLIENT)
        assert f"path {home.path}/.local/bin/rbridge\n" in said
        assert "runs 1\n" in said
        head = f"B={len(CLIENT)}\nG={digest}\nR=aa\n"
        said = run(f"{head}{part['record']}{part['ipython']}c0ffee\n".encode() + CLIENT)
        assert f"path {home.path}/.ipython/profile_default/startup/50-rbridge.py\n" in said
        head = f"A={rc}\nL='{line}'\n"
        assert "had \n" in run(f"{head}{part['record']}{part['add']}c0ffee\n".encode())
        assert rc.read_text() == f"true\n{line}\n"
        head = f"I={US}\nR=aa\nK='{line}'\nL=x\nQ=x\n"
        assert "line|" in run(f"{head}{part['record']}{part['remove']}c0ffee\n".encode())
    assert rc.read_text() == "true\n"
    assert {one.name for one in home.path.iterdir()} <= {".profile", "begin.sh"}


async def test_the_key_is_what_the_client_reads(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async with visiting(home) as there:
        await there.key(LINE.replace(b"aa ", b"bb "))
        await there.key(LINE)
    monkeypatch.setenv("HOME", str(home.path))
    found = key.read(US)
    assert found
    assert (found.id, found.name) == ("00000000000000aa", "gpu1")
    assert os.listdir(home.path / ".rbridge" / "keys") == [key.file_name(US)]


async def test_a_stale_socket_is_removed_and_nothing_else(home: Home) -> None:
    place = directory(home)
    place.mkdir(mode=0o700, parents=True)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(place / SOCKET))
        async with visiting(home) as there:
            assert there.host.stale
    assert not (place / SOCKET).exists()
    (place / SOCKET).write_text("a file of the user's")
    async with visiting(home) as there:
        with pytest.raises(Denied, match="it is no socket"):
            there.directory()
    (place / SOCKET).unlink()
    (place / SOCKET).symlink_to("/etc/passwd")
    async with visiting(home) as there:
        with pytest.raises(Denied, match="symbolic link"):
            there.directory()
    assert (place / SOCKET).is_symlink()


@pytest.mark.parametrize("level", ["top", "node", "keys"])
@pytest.mark.parametrize("way", ["link", "mode", "owner"])
async def test_a_directory_that_others_could_have_made_is_refused(home: Home, level: str, way: str) -> None:
    place = home.path / ".rbridge"
    if level != "top":
        place /= directory(home).name if level == "node" else "keys"
    place.parent.mkdir(mode=0o700, exist_ok=True)
    if way == "link":
        (home.path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(home.path / "elsewhere")
        words = "is a symbolic link"
    elif way == "mode":
        place.mkdir()
        place.chmod(0o770)
        words = "can be changed by others"
    else:
        needs_root()
        place.mkdir(mode=0o700)
        os.chown(place, NOBODY, NOBODY)
        words = "belongs to nobody"
    async with visiting(home) as there:
        if level == "keys":
            with pytest.raises(Denied, match=words):
                await there.key(LINE)
        else:
            with pytest.raises(Denied, match=words):
                there.directory()
    assert not [one for one in home.path.rglob("*") if one.is_file()]
    assert not list((home.path / "elsewhere").glob("*"))


async def test_a_directory_that_others_could_only_look_into_is_closed_to_them(home: Home) -> None:
    directory(home).mkdir(parents=True)
    directory(home).chmod(0o755)
    (home.path / ".rbridge").chmod(0o2755)
    async with visiting(home) as there:
        there.directory()
    assert stat.S_IMODE(directory(home).stat().st_mode) == 0o700
    assert stat.S_IMODE((home.path / ".rbridge").stat().st_mode) & 0o777 == 0o700


async def test_where_the_path_is_too_long_the_socket_goes_where_the_client_looks_next(home: Home) -> None:
    runtime = home.root / "run"
    runtime.mkdir(mode=0o700)
    long = home.path / ("x" * 80)
    long.mkdir()
    async with visiting(home, HOME=str(long), XDG_RUNTIME_DIR=str(runtime)) as there:
        assert there.directory() == f"{runtime}/rbridge"
        assert there.host.faults[0].startswith("long|")
        await there.key(LINE)
    assert (long / ".rbridge" / "keys" / key.file_name(US)).read_bytes() == LINE


async def test_squatters_of_the_other_places_are_named(home: Home) -> None:
    needs_root()
    runtime = home.root / "run"
    (runtime / "rbridge").mkdir(parents=True)
    os.chown(runtime / "rbridge", NOBODY, NOBODY)
    open_to_all = home.root / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    long = str(home.path / ("x" * 80))
    os.mkdir(long)
    for named, words in (
        (f"{runtime}/rbridge", "belongs to nobody"),
        (f"{open_to_all}/r", "above is open to all"),
    ):
        async with visiting(home, HOME=long, RBRIDGE_RUNTIME_DIR=named) as there:
            with pytest.raises(Denied, match=words):
                there.directory()


async def test_a_home_that_is_read_only_leaves_the_runtime_directory_for_socket_and_client(
    home: Home,
) -> None:
    needs_root()
    runtime = home.root / "run"
    runtime.mkdir(mode=0o700)
    with disk(home.path / "ro", "ro") as there_home:
        async with visiting(home, HOME=str(there_home), XDG_RUNTIME_DIR=str(runtime)) as there:
            assert there.directory() == f"{runtime}/rbridge"
            put = await there.put(CLIENT)
            with pytest.raises(CannotCreate, match=r"(?i)read-only"):
                await there.key(LINE)
        assert put.path == f"{runtime}/rbridge/rbridge"
        async with visiting(home, HOME=str(there_home), XDG_RUNTIME_DIR=str(runtime)) as there:
            assert there.host.client == hashlib.sha256(CLIENT).hexdigest()
            assert await there.remove() == [f"removed|{put.path}"]
    assert "rbridge" not in os.listdir(runtime)


async def test_a_full_disk_leaves_the_old_client_and_the_visit_goes_on(home: Home) -> None:
    needs_root()
    with disk(home.path / "full", "size=32k") as there_home:
        async with visiting(home, HOME=str(there_home)) as there:
            put = await there.put(CLIENT)
            with pytest.raises(CannotCreate, match="No space left") as caught:
                await there.put(CLIENT * 10)
            assert "make room" in caught.value.hint
            await there.key(LINE)
        assert content(put.path) == CLIENT
        assert sorted(os.listdir(there_home / ".local/bin")) == ["rbridge", "rmate"]


async def test_a_home_that_nothing_may_be_executed_from_is_noticed(home: Home) -> None:
    needs_root()
    with disk(home.path / "noexec", "noexec") as there_home:
        async with visiting(home, HOME=str(there_home)) as there:
            assert not (await there.put(CLIENT)).runs


@pytest.mark.parametrize("name", ["local", "bin", "dangling", "client", "foreign", "open"])
async def test_what_is_in_the_way_has_its_own_words(home: Home, name: str) -> None:
    local = home.path / ".local"
    kind: type[Exception] = CannotCreate
    if name == "local":
        local.write_text("")
        words = r"/\.local on .* is not a directory"
    elif name == "bin":
        home.file(".local/bin")
        words = r"/bin on .* is not a directory"
    elif name == "dangling":
        local.mkdir()
        (local / "bin").symlink_to("/nowhere/at/all")
        words = "leads nowhere"
    elif name == "client":
        (local / "bin" / "rbridge").mkdir(parents=True)
        words = "/rbridge on .* is a directory"
    elif name == "foreign":
        needs_root()
        (local / "bin").mkdir(parents=True)
        os.chown(local / "bin", NOBODY, NOBODY)
        kind, words = Denied, "belongs to nobody"
    else:
        (local / "bin").mkdir(parents=True)
        (local / "bin").chmod(0o777)
        kind, words = Denied, "can be changed by others"
    async with visiting(home) as there:
        with pytest.raises(kind, match=words):
            await there.put(CLIENT)
        await there.key(LINE)


async def test_a_python_off_the_path_is_found_and_the_client_can_be_built_with_it(home: Home) -> None:
    # nothing usual is found: each name leads to a program that is no Python
    usual = [
        str(home.script(f"no/{one.replace('/', '_')}", "#!/bin/sh\nexit 1\n")) for one in build.candidates()
    ]
    conda = home.script("miniconda3/bin/python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    begin = visits.parts()["begin"].replace(" ".join(build.candidates()), " ".join(usual))
    begin = begin.replace("/usr/bin/python3.*[0-9] /usr/local/bin/python3 ", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visits, "parts", lambda: {"begin": begin})
        async with visiting(home) as there:
            host = await there.python()
    assert host.python == str(conda)
    assert not host.python_usual
    assert host.python_version.startswith("3.")


@pytest.mark.parametrize("tool", ["sha256sum", "shasum", "python3", ""])
async def test_a_host_with_few_programs_checks_with_what_it_has(home: Home, tool: str) -> None:
    few = home.root / "few"
    few.mkdir()
    for name in [*TOOLS.split(), *tool.split()]:
        found = shutil.which(name, path="/usr/bin:/bin") or shutil.which(name)
        assert found, name
        (few / name).symlink_to(found)
    async with visiting(home, PATH=str(few)) as there:
        await there.install(LINE, CLIENT)
    async with visiting(home, PATH=str(few)) as there:
        assert there.host.client == (hashlib.sha256(CLIENT).hexdigest() if tool else "unknown")
        assert there.host.client_by == "us"
        did = await there.remove()
    if tool:
        assert not list(home.path.iterdir())
    else:  # it may have been changed: nobody can tell
        assert f"changed|{there.host.client_path}" in did
        assert content(there.host.client_path) == CLIENT
