"""A real debugpy on the host, steered from the laptop through its port."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import setup
from tests.harness.environment import stop
from tests.harness.wait import free_port
from tests.ssh.dap import Debugger
from tests.ssh.reach import Reach

pytestmark = pytest.mark.timeout(600)  # the first time its environment is made

TRAIN = """\
loss = 8.0
for step in range(3):
    loss = loss / 2
print("loss", loss)
"""


@pytest.fixture(scope="module")
def gpu1() -> Iterator[Reach]:
    reach = Reach()
    yield reach
    reach.close()


@pytest.fixture
def train(gpu1: Reach) -> Path:
    return gpu1.remote.file("proj/train.py", TRAIN)


@pytest.fixture
def running(gpu1: Reach, train: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """``train.py`` on the host, which waits for a debugger, and its port here."""
    number = free_port()
    words = [setup.debugpy_python(), "-Xfrozen_modules=off", "-m", "debugpy", "--listen"]
    words += [f"127.0.0.1:{number}", "--wait-for-client", train]
    process = gpu1.remote.start(words, stderr=subprocess.DEVNULL)
    try:
        with gpu1.asked("port", f"{number}:{free_port()}") as asked:
            port = gpu1.leads(asked.communicate(timeout=20)[1].decode())
        yield process, port
    finally:
        stop(process)


def attached(debugger: Debugger, local: str, remote: str) -> None:
    """Attach as VS Code does with these ``pathMappings``; it then waits for breakpoints."""
    debugger.ask("initialize", adapterID="debugpy", pathFormat="path", linesStartAt1=True)
    mappings = [{"localRoot": local, "remoteRoot": remote}]
    debugger.send("attach", pathMappings=mappings, justMyCode=True)
    debugger.event("initialized")


@pytest.mark.parametrize("local", ["/laptop/proj", "rbridge://gpu1/proj"])
def test_it_stops_where_the_laptop_says_and_tells_paths_of_the_laptop(
    running: tuple[subprocess.Popen[bytes], int], train: Path, local: str
) -> None:
    process, port = running
    assert process.stdout is not None
    with Debugger(port) as debugger:
        attached(debugger, local, str(train.parent))
        source = {"path": f"{local}/train.py"}
        (set_,) = debugger.ask("setBreakpoints", source=source, breakpoints=[{"line": 3}])["breakpoints"]
        assert set_["verified"], set_
        debugger.ask("configurationDone")
        stopped = debugger.event("stopped")
        assert stopped["reason"] == "breakpoint"
        (frame,) = debugger.ask("stackTrace", threadId=stopped["threadId"])["stackFrames"]
        assert (frame["line"], frame["source"]["path"]) == (3, source["path"])
        found = debugger.ask("evaluate", expression="loss", frameId=frame["id"], context="hover")
        assert found["result"] == "8.0"
        debugger.ask("setBreakpoints", source=source, breakpoints=[])
        debugger.ask("continue", threadId=stopped["threadId"])
        debugger.event("terminated")
    assert process.stdout.read() == b"loss 1.0\n"
