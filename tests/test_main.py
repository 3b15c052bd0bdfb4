"""The entry: where a command line goes, and that nobody ever sees a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import rbridge.__main__ as entry
from rbridge import __version__
from tests.harness.environment import Home

# Importing one of these costs the host's command more than the whole search for a listener.
SLOW = {
    "argparse", "asyncio", "click", "collections", "contextlib", "dataclasses", "enum", "hashlib", "json",
    "pathlib", "re", "shlex", "signal", "socket", "subprocess", "tempfile", "threading", "traceback", "trio",
    "typing",
}  # fmt: skip


def test_rmate_is_open(home, builds):
    ran = home.run([builds.rmate, "--version"])
    assert (ran.code, ran.out) == (0, f"rbridge {__version__}\n")
    ran = home.run([builds.rmate, "--bad"])
    assert ran.code == 64
    assert ran.err.startswith("rmate: unknown option --bad")


def test_open_has_help_of_its_own(home, client_command):
    ran = home.run([*client_command, "open", "--help"])
    assert ran.code == 0
    assert ran.out.startswith("usage: rbridge open [options]")
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_every_option_is_in_the_help(home, client_command):
    from rbridge.client import options

    text = home.run([*client_command, "open", "--help"]).out
    for name in [*options.FLAGS, *options.VALUES]:
        assert f"--{name}" in text or name.startswith("no-"), name


def test_the_version(home, client_command):
    assert home.run([*client_command, "--version"]).ok().out == f"rbridge {__version__}\n"


@pytest.mark.parametrize("debug", [True, False])
def test_a_mistake_of_ours_is_one_line_and_70(monkeypatch, capsys, debug):
    def wrong(arguments: list[str], called: str) -> int:
        raise ZeroDivisionError("of\nours")

    import rbridge.client.main

    monkeypatch.setattr(rbridge.client.main, "run", wrong)
    if debug:
        monkeypatch.setenv("RBRIDGE_DEBUG", "1")
    assert entry.main(["rbridge", "open", "a"]) == 70
    err = capsys.readouterr().err
    assert "rbridge: unexpected ZeroDivisionError: of\ufffdours" in err
    assert ("Traceback" in err) == debug


def test_ctrl_c_is_130(monkeypatch):
    def interrupted(arguments: list[str], called: str) -> int:
        raise KeyboardInterrupt

    import rbridge.client.main

    monkeypatch.setattr(rbridge.client.main, "run", interrupted)
    assert entry.main(["rbridge", "open", "a"]) == 130


def test_help_into_a_closed_pipe_is_quiet(home, client_command):
    reader, writer = os.pipe()
    os.close(reader)
    process = home.start([*client_command, "open", "--help"], stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_do_no_harm(home, client_command, closed):
    home.file("a.txt")
    command = " ".join([*client_command, "open", "-s", "/no/such/socket", "a.txt", closed])
    assert home.run(["sh", "-c", command]).code == 69


def test_the_way_to_the_first_byte_imports_nothing_slow(home: Home):
    """What is loaded when the first byte goes out, by a listener that looks at that moment."""
    home.file("a.txt", "text")
    program = (
        "import sys, os\n"
        "import _socket\n"
        "from rbridge.client import delivery\n"
        "def stop(sock, data, patience):\n"
        "    print('\\n'.join(sys.modules)); sys.stdout.flush(); os._exit(0)\n"
        "delivery.send_all = stop\n"
        "from rbridge.__main__ import main\n"
        "main(['rbridge', 'open', '-s', sys.argv[1], 'a.txt'])\n"
    )
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home.root / "s"))
        listener.listen()
        argv = [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(_root())!r})\n{program}",
        ]
        process = subprocess.Popen(
            [*argv, str(home.root / "s")], cwd=home.path, env=home.env, stdout=subprocess.PIPE
        )
        with listener.accept()[0] as sock:
            sock.sendall(b"220 x RMATE y\n")
            out, _ = process.communicate(timeout=20)
    loaded = set(out.decode().split())
    assert "rbridge.client.delivery" in loaded
    assert not loaded & SLOW
    assert not {
        name for name in loaded if name.startswith(("rbridge.server", "rbridge.adapters", "rbridge.cli."))
    }
    assert "rbridge.client.session" not in loaded
    assert "rbridge.client.saver" not in loaded


def _root() -> str:
    return os.path.dirname(os.path.dirname(os.path.abspath(entry.__file__)))
