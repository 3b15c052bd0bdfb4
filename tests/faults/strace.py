"""Running a piece of our code with one system call failing, or the process killed at one, under strace.

A :class:`Rig` keeps a warm process that forks a child for each run; strace attaches to the child before it
begins, so the n-th call counts from the first line of the piece itself and a run takes a few hundredths of a
second. What the child says at its end goes out through ``writev``, which no fault names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Fault:
    """The *when*-th *call* fails with *error*, or the process is killed as it enters it (error "SIGKILL").

    With *stays* all calls from that one on fail.
    """

    call: str
    when: int
    error: str = "SIGKILL"
    stays: bool = False

    def __str__(self) -> str:
        return f"{self.call} {self.when}{'+' * self.stays}: {self.error}"

    def option(self) -> str:
        how = f"signal={self.error}" if self.error == "SIGKILL" else f"error={self.error}"
        return f"inject={self.call}:{how}:when={self.when}{'+' * self.stays}"


@dataclass(frozen=True)
class Run:
    """What became of a run: *answer* is what the piece returned, None if it was *killed* or raised."""

    answer: Any
    killed: bool
    hit: bool
    calls: list[str]
    raised: str = ""


class Rig:
    """Runs ``MODULE.NAME(arguments)`` for pieces that are importable and take and return plain JSON."""

    def __init__(self, module: str) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-W", "error", __file__, module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def close(self) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(20)
        self._server.stdout.close()

    def _say(self, line: str) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()

    def _hear(self) -> Any:
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        assert line, "the rig's process ended"
        return json.loads(line)

    def run(self, piece: str, arguments: dict[str, Any], *faults: Fault, trace: str = "") -> Run:
        """One run with *faults*; *trace* names more calls to list, in strace's spelling."""
        self._say(json.dumps({"piece": piece, "arguments": arguments}))
        pid = self._hear()
        calls = ",".join(filter(None, [trace, *(fault.call for fault in faults)])) or "none"
        options = [word for fault in faults for word in ("-e", fault.option())]
        with subprocess.Popen(
            ["strace", "-p", str(pid), "-e", f"trace={calls}", *options, "-o", "/dev/fd/1", "-y", "-s", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as strace:
            assert strace.stdout is not None
            assert strace.stderr is not None
            attached = strace.stderr.readline()
            assert "attached" in attached, attached + strace.stderr.read()
            self._say("go")
            answer = self._hear()
            listed = strace.stdout.read().splitlines()
            strace.stderr.read()
        killed = answer["signal"] == 9
        hit = killed or any("(INJECTED)" in line for line in listed)
        return Run(answer["answer"], killed, hit, listed, answer["raised"])


def _serve(module: str) -> None:
    """The warm process: a line with a piece, the child's pid out, a line to go, the child's answer out."""
    import importlib

    pieces = importlib.import_module(module)
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        wanted = json.loads(line)
        gate, opener = os.pipe()
        answers, said = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(opener)
            os.read(gate, 1)
            try:
                result = {"answer": getattr(pieces, wanted["piece"])(**wanted["arguments"]), "raised": ""}
            except BaseException as error:  # whatever it is, the test has to hear of it
                result = {"answer": None, "raised": repr(error)}
            os.writev(said, [json.dumps(result).encode()])
            os._exit(0)
        os.close(said)
        os.close(gate)
        print(pid, flush=True)
        sys.stdin.readline()
        os.write(opener, b"g")
        os.close(opener)
        with os.fdopen(answers, "rb") as file:
            text = file.read()
        _, status = os.waitpid(pid, 0)
        answer = json.loads(text) if text else {"answer": None, "raised": ""}
        answer["signal"] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
