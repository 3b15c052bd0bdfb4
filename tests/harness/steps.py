"""The steps of a run: each gives a :class:`Result`, none raises: one failure does not hide another."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness.areas import ROOT, Area
from tests.harness.outcomes import ONLY, REPORT, Outcomes
from tests.harness.setup import ALSO_ON_PATH, SetupFailed

STATIC_SECONDS = 300
NOTHING = "no tests yet"

FAR_SIDE = tuple(
    f"ssh/{name}.py"
    for name in ("farside", "fetching", "glance", "frames", "giving", "outcomes", "place", "taking")
)
"""What `rbridge get` sends to a host's own Python, below the package; no part of the single file."""
NO_TESTS = 5  # pytest's exit code when it collected none
TAIL = 300  # lines of output shown of a step that failed
GRACE = 10.0  # seconds between asking a hung step to end and ending it
REPEAT_SECONDS = 180.0  # for each test that is run once more
LOSSES = re.compile(r"/test_(faults|kills|cuts|full_disks|recover)\b")  # a text that is lost once is lost
FAILURES = 1  # pytest's exit code when tests failed, and nothing else did
MOST_WORKERS = 8  # each has to import and collect all tests first
# The person's own settings must not change what is tested; byte code is to be kept, it saves minutes.
LEFT_OUT = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "PYTEST_ADDOPTS",
    "PYTHONUNBUFFERED",
)


@dataclass
class Result:
    """What became of a step. *skips* holds (test, reason), *failures* (test, first line of why it failed) and
    *repeated* the same of those that passed only when repeated, *proofs* what tests had to say for
    themselves, *faults* by class how many there were and how many of them lost something.
    """

    name: str
    passed: int = 0
    failed: int = 0
    skips: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    repeated: list[tuple[str, str]] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    faults: dict[str, tuple[int, int]] = field(default_factory=dict)
    note: str = ""
    output: str = ""
    seconds: float = 0.0


def environment(python: Path) -> dict[str, str]:
    """The environment of every step: that of the caller, with *python*'s own programs first on PATH."""
    env = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    path = [str(python.parent), env.get("PATH", os.defpath), *ALSO_ON_PATH]
    env.update(PATH=os.pathsep.join(path), NO_COLOR="1", PY_COLORS="0")
    return env


def timed(name: str, do: Callable[[], Result]) -> Result:
    """Run *do* and note its time; a part that could not be had becomes a failed step."""
    begin = time.monotonic()
    try:
        result = do()
    except SetupFailed as error:
        result = Result(name, failed=1, output=str(error))
    result.seconds = time.monotonic() - begin
    return result


def command(name: str, argv: Sequence[str | Path], env: Mapping[str, str]) -> Result:
    """A step that passes when the command ends with 0."""
    code, output = _run(argv, env, STATIC_SECONDS)
    return Result(name, passed=int(code == 0), failed=int(code != 0), output="" if code == 0 else output)


def static(python: Path) -> list[tuple[str, list[str | Path]]]:
    """Format, lint, types and the oldest Python: names and command lines."""
    from rbridge import build

    bin_ = python.parent
    portable = [f"rbridge/{name}" for name in (*build.modules(), *FAR_SIDE)]
    scripts = (path for top in ("editors", "rbridge") for path in ROOT.glob(f"{top}/**/*.sh"))
    shell = [".ci/run", *map(str, sorted(scripts))]
    return [
        ("ruff format", [bin_ / "ruff", "format", "--check", "--diff", "--quiet", "."]),
        ("ruff check", [bin_ / "ruff", "check", "--quiet", "."]),
        ("vermin 3.6", [bin_ / "vermin", "-q", "--target=3.6-", "--violations", "--no-tips", *portable]),
        ("shellcheck", ["shellcheck", *shell]),
        ("mypy --strict", [bin_ / "mypy"]),
        ("pyright", [bin_ / "pyright", "--warnings", "--pythonpath", python]),
    ]


def workers() -> int:
    """How many tests run at once: more than there are processors, since many of them mostly wait."""
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        processors = os.cpu_count() or 1
    return min(processors + 2, MOST_WORKERS)


def pytest(area: Area, python: Path, amount: str = "") -> Result:
    """Run one area's tests; *amount* is ``--quick``, ``--all`` or nothing."""
    arguments = area.arguments()
    result = Result(area.name)
    if not arguments:
        result.note = NOTHING
        return result
    words: list[str | Path] = [python, "-m", "pytest", "-q", "--tb=short", "--no-header"]
    words += ["-p", "no:cacheprovider"]
    last = [*([amount] if amount else []), *arguments]
    beside: list[str] = []
    if area.parallel:
        # an editor takes a processor of its own, and VS Code is started once
        number, deal = (workers() - 1, "loadgroup") if area.code else (workers(), "worksteal")
        beside = ["-n", str(number), "--dist", deal]
    seconds = area.minutes * 60 * (4 if amount == "--all" else 1)
    code, output, tests = _reported([*words, *beside, *last], python, seconds)
    failed = tests.those("failed")
    names = [test for test, _ in failed]
    alone = not tests.running and not any(map(LOSSES.search, names))
    if code == FAILURES and 0 < len(failed) <= area.repeats and alone:
        _, more, again = _reported([*words, *last], python, REPEAT_SECONDS * len(names), names)
        result.repeated = tests.repeat(again)
        output += f"\n\nonce more, alone:\n{more}"
        code = FAILURES if tests.those("failed") else 0
    _count(tests, result)
    counted = result.passed + result.failed + len(result.skips)
    if code == NO_TESTS and not counted:
        result.note = NOTHING
        return result
    if code == 0 and not counted:
        code, output = 1, f"nothing was counted: {output}"
    if code != 0 and not result.failed:
        result.failed = 1  # ended from outside, or a failure that belongs to no test
    result.output = output if result.failed else ""
    return result


def _reported(
    words: Sequence[str | Path], python: Path, seconds: float, only: Sequence[str] | None = None
) -> tuple[int, str, Outcomes]:
    """Run pytest, of what it collects *only* those: its exit code, what it printed, and what it reported."""
    with tempfile.TemporaryDirectory(prefix="rb-report-") as directory:
        report = Path(directory) / "report"
        report.touch()
        env = {**environment(python), REPORT: str(report)}
        if only is not None:
            env[ONLY] = json.dumps(only)
        code, output = _run(words, env, seconds)
        return code, output, Outcomes(json.loads(line) for line in report.read_text().splitlines())


def _count(tests: Outcomes, result: Result) -> None:
    result.failures = tests.those("failed")
    result.passed, result.failed = len(tests.those("passed")), len(result.failures)
    result.skips, result.faults = tests.those("skipped"), tests.faults
    result.proofs = [text for _, text in tests.proofs]
    if tests.running:
        result.note = "was in: " + ", ".join(sorted(tests.running))
    elif tests.left_out:
        result.note = f"{tests.left_out} more without --quick"


def _run(argv: Sequence[str | Path], env: Mapping[str, str], seconds: float) -> tuple[int, str]:
    """Run a command in a process group of its own; when time is over the whole group is ended."""
    try:
        process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return 127, f"{argv[0]}: {error.strerror}"
    try:
        output, _ = process.communicate(timeout=seconds)
        late = ""
    except subprocess.TimeoutExpired:
        output = _end(process)
        late = f"\nended: not done after {seconds:g} s\n"
    except BaseException:
        _end(process)
        raise
    text = output.decode("utf-8", "replace") + late
    return (process.returncode or 1) if late else process.returncode, "\n".join(text.splitlines()[-TAIL:])


def _end(process: subprocess.Popen[bytes]) -> bytes:
    """SIGINT first: pytest then says where it was."""
    for number in (signal.SIGINT, signal.SIGKILL):
        os.killpg(process.pid, number)
        try:
            return process.communicate(timeout=GRACE)[0]
        except subprocess.TimeoutExpired:
            continue
    return b""
