"""Where the command and the process that stays part."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from rbridge.client import background, fork
from rbridge.client.delivery import Delivery
from rbridge.client.options import parse
from rbridge.errors import TryAgain
from tests.client.editors import LINK, Talk
from tests.harness.environment import stop
from tests.harness.wait import until


def test_the_command_is_a_caller_like_any_and_the_process_is_another(home, editor, client_command):
    home.file("a.txt", "old")
    served = editor(lambda talk: talk.linked() and talk.file.read(), home.root / "d.sock", LINK)
    process = home.start([*client_command, "open", "-w", *served.where, "a.txt"])
    assert process.stderr is not None
    assert process.stderr.readline() == b"a.txt: open in vim on mylaptop\n"
    behind = [pid for pid in home.processes() if pid != process.pid]
    assert len(behind) == 1
    assert os.getsid(behind[0]) == behind[0]
    assert not [one for one in descriptors(process.pid) if "d.sock" in one]
    assert stop(process, signal.SIGTERM) == 143
    until(lambda: not home.processes(), what="nothing is left")


def descriptors(pid: int) -> list[str]:
    return [os.readlink(f"/proc/{pid}/fd/{one}") for one in os.listdir(f"/proc/{pid}/fd")]


def test_the_connection_belongs_to_the_process_alone(home, editor, client_command):
    """When that dies, the laptop sees the end, whatever the command holds."""
    home.file("a.txt", "old")
    ended = []

    def script(talk: Talk) -> None:
        talk.linked()
        ended.append(talk.gone())

    served = editor(script, home.root / "d.sock", LINK)
    process = home.start([*client_command, "open", "-w", *served.where, "a.txt"])
    assert process.stderr is not None
    process.stderr.readline()
    (behind,) = [pid for pid in home.processes() if pid != process.pid]
    os.kill(behind, signal.SIGKILL)
    served.result()
    assert ended == [True]
    assert process.wait(20) == 74
    process.communicate()


def test_directories_named_relatively_stay_the_same_in_the_other_process(home, editor, client_command):
    path = home.file("a.txt", "old")
    (home.path / "run").mkdir(0o700)
    env = {"RBRIDGE_RUNTIME_DIR": "run", "RBRIDGE_STATE_DIR": "states"}

    def script(talk: Talk) -> None:
        (said,) = talk.linked()
        until(lambda: os.listdir(home.path / "run"), what="its socket")
        talk.save(said.token, b"new", 1)
        talk.record()
        talk.close(said.token)

    served = editor(script, home.root / "d.sock", LINK)
    assert home.run([*client_command, "open", "-w", *served.where, "a.txt"], env=env).code == 0
    served.result()
    assert path.read_bytes() == b"new"
    until(lambda: not home.processes(), what="it has ended")
    assert os.listdir(home.path / "run") == []


def test_without_another_process_it_says_so(here, monkeypatch):
    def full(keep: object) -> bool:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(background, "detach", full)
    delivery = Delivery(None, parse(["a"]), print)  # type: ignore[arg-type]
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(TryAgain, match="no process can stay in the background: resource temporarily"):
        fork.stay_behind(delivery, None)  # type: ignore[arg-type]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_mistake_of_ours_in_the_background_is_in_the_log(here):
    program = (
        "import os, sys\n"
        "from rbridge.client import fork, loop\n"
        "def wrong(self): raise ZeroDivisionError('of ours')\n"
        "loop.Loop.__init__ = wrong\n"
        "fork.live(None, None, os.environ['RBRIDGE_STATE_DIR'])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], env=here.env, check=False)
    assert ran.returncode == 70
    assert "unexpected ZeroDivisionError: of ours" in (here.state / "client.log").read_text()


def test_ctrl_c_right_after_the_sending_closes_it_there(home, editor):
    """The laptop's daemon would keep the document of a client that just vanishes."""
    home.file("a.txt", "old")
    said = []

    def script(talk: Talk) -> None:
        said.extend(talk.record().command for _ in range(3))

    served = editor(script, home.root / "d.sock", LINK)
    program = (
        "import sys\n"
        "from rbridge.client import delivery\n"
        "real = delivery.Delivery.send\n"
        "def interrupted(self, sources):\n"
        "    real(self, sources)\n"
        "    raise KeyboardInterrupt\n"
        "delivery.Delivery.send = interrupted\n"
        "from rbridge.__main__ import main\n"
        "sys.exit(main(['rbridge', 'open', *sys.argv[1:]]))\n"
    )
    assert home.run([sys.executable, "-c", program, *served.where, "a.txt"]).code == 130
    served.result()
    assert said == ["link", "open", "close"]
