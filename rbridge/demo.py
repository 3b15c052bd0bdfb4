"""``rbridge demo``: the whole round trip on this machine, with the daemon, client and sockets of real use.

The laptop's part runs in this process: the daemon, with an adapter that reports what passes through it. The
host's part is ``rbridge open -w`` as a process of its own, in a sample project in a temporary directory; with
``--ssh`` it is reached through a private sshd and a forward, as a real host is.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from rbridge import paths
from rbridge.adapters import presets
from rbridge.adapters.base import Adapter, Desk, Outcome, Pane, Standing, Text
from rbridge.adapters.command import CommandAdapter
from rbridge.adapters.process import Running, Start, cannot_start, environment
from rbridge.errors import NotListening, SaveLost, UsageError
from rbridge.private import make_private
from rbridge.server.config import Config
from rbridge.server.daemon import serve

TOGETHER = 60.0  # seconds for everything but a person's editing
ROOM = 30  # bytes of a socket's path below the directory of the demo, beside the machine's name

PROJECT = {
    "train.py": "learning_rate = 0.1\nepochs = 3\n\nfor epoch in range(epochs):\n    print(epoch)\n",
    "config.yaml": "model: small\n",
    "README": "A sample project, made by 'rbridge demo'.\n",
}
OPENED = "train.py"
BEFORE, AFTER = "learning_rate = 0.1", "learning_rate = 0.01"

PACKAGE = str(Path(__file__).resolve().parents[1])
"""Where this very rbridge is: the processes that the demo starts must not find another."""

Print = Callable[[str], None]


@dataclass
class Story:
    """Tells what happens, as it happens, with the time since the user pressed return."""

    show: Print
    began: float = 0.0
    held: list[str] | None = None
    saves: int = 0

    def begin(self) -> None:
        self.began = trio.current_time()

    def step(self, where: str, what: str, detail: str) -> None:
        line = f"{(trio.current_time() - self.began) * 1000:7.0f} ms  {where:<7} {what:<8} {detail}"
        if self.held is None:
            self.show(line)
        else:
            self.held.append(line)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the lines while an editor has the terminal, and show them afterwards."""
        self.held = []
        try:
            yield
        finally:
            lines, self.held = self.held, None
            for line in lines:
                self.show(line)


class Here:
    """Opens a terminal editor in the demo's own terminal, where no other can be had."""

    def __init__(self, story: Story) -> None:
        self._story = story

    def describe(self) -> str:
        return "in this terminal"

    @asynccontextmanager
    async def open(self, start: Start) -> AsyncIterator[Running]:
        with self._story.hold():
            try:
                process = await trio.lowlevel.open_process(
                    list(start.argv), cwd=start.cwd, env=environment(start)
                )
            except OSError as error:
                raise cannot_start(start, error.strerror or "") from error
            try:
                yield _Foreground(process)
            finally:
                if process.poll() is None:
                    process.terminate()
                with trio.CancelScope(shield=True):
                    await process.wait()


class _Foreground(Running):
    def __init__(self, process: trio.Process) -> None:
        self._process = process

    async def wait(self) -> int:
        return await self._process.wait()

    def last_words(self) -> str:
        return ""  # it wrote them to the terminal


class Observed(Adapter):
    """Another adapter, whose texts' way through it is told to *story*."""

    def __init__(self, inner: Adapter, story: Story) -> None:
        self.name = inner.name
        self._inner = inner
        self._story = story

    def describe(self) -> str:
        return self._inner.describe()

    async def edit(
        self, text: Text, desk: Desk, *, task_status: trio.TaskStatus[Pane] = trio.TASK_STATUS_IGNORED
    ) -> None:
        story, name = self._story, self._inner.name

        class Status:
            def started(self, value: Pane | None = None) -> None:
                story.step("laptop", "opened", f"{Path(text.path).name}, {text.size} bytes, in {name}")
                if value is not None:
                    task_status.started(value)

        await self._inner.edit(text, _ObservedDesk(desk, story), task_status=Status())
        story.step("laptop", "closed", f"{self._inner.name} closed {Path(text.path).name}")


class _ObservedDesk:
    def __init__(self, inner: Desk, story: Story) -> None:
        self._inner = inner
        self._story = story

    async def save(self, snapshot: Path, /, digest: str = "") -> Outcome:
        size = os.stat(snapshot).st_size  # in memory
        began = trio.current_time()
        self._story.step("laptop", "saved", f"the editor wrote {size} bytes")
        outcome = await self._inner.save(snapshot, digest)
        took = (trio.current_time() - began) * 1000
        if outcome.delivered:
            self._story.saves += 1
            self._story.step("host", "on disk", f"written, synced and acknowledged in {took:.0f} ms")
        else:
            self._story.step("host", outcome.result.value, outcome.message)
        return outcome

    def focus(self) -> None:
        self._inner.focus()

    def tell(self, message: str) -> None:
        self._story.step("laptop", "note", message)
        self._inner.tell(message)

    def standing(self) -> Standing:
        return self._inner.standing()

    def settle(self, choose: str, /) -> str:
        return self._inner.settle(choose)

    def theirs(self) -> Path | None:
        return self._inner.theirs()

    def ask_theirs(self) -> None:
        self._inner.ask_theirs()


async def demo(show: Print, *, scripted: bool, ssh: bool) -> None:
    """Run the demo and tell it through *show*, a line at a time.

    *scripted* takes an editor without a screen instead of the user's own. Leaves nothing behind. Raises
    NotListening when a part cannot be started and SaveLost when the text did not arrive.
    """
    root = _temporary()
    try:
        with _environment(
            {
                "RBRIDGE_RUNTIME_DIR": str(_made(root / "laptop" / "run")),
                "RBRIDGE_STATE_DIR": str(_made(root / "laptop" / "state")),
                "PYTHONPATH": PACKAGE,
            }
        ):
            await _play(root, show, scripted, ssh)
    except Exception as error:
        raise _innermost(error) from None
    finally:
        shutil.rmtree(root, ignore_errors=True)


async def _play(root: Path, show: Print, scripted: bool, ssh: bool) -> None:
    story = Story(show)
    adapter = _scripted() if scripted else _editor_of_the_user(story, show)
    scripted = scripted or adapter.name == "scripted"
    project = _made(root / "host" / "project")
    for name, content in PROJECT.items():
        (project / name).write_text(content)
    shown = "through a private sshd" if ssh else "over loopback"
    show(f"This machine plays laptop and host, {shown}; the host's files are in {project}.")
    async with AsyncExitStack() as stack:
        words = await _host(stack, root, project, ssh)
        nursery = await stack.enter_async_context(trio.open_nursery())
        story.begin()
        await nursery.start(partial(serve, Config(listen=_listen()), Observed(adapter, story), say=_quiet))
        editor = "a scripted editor" if scripted else adapter.describe()
        story.step("laptop", "ready", f"rbridge serve: files open in {editor}")
        if not scripted:
            show(f"Change {OPENED}, save it and close the editor.")
        story.step("host", "$", f"rbridge open -w {OPENED}")
        code = None
        with trio.move_on_after(TOGETHER if scripted else float("inf")):
            code = await _open(words, story)
        nursery.cancel_scope.cancel()
    if code is None:
        raise SaveLost(f"the demo did not end within {TOGETHER:.0f} s")
    _judge(project, story, code, scripted)


def _judge(project: Path, story: Story, code: int, scripted: bool) -> None:
    """Compare what is on the host's disk with what has to be there."""
    text = (project / OPENED).read_text(errors="replace")
    expected = PROJECT[OPENED].replace(BEFORE, AFTER)
    if code or (scripted and (text != expected or not story.saves)):
        raise SaveLost(f"the demo failed: rbridge open returned {code}, {OPENED} has {len(text)} characters")
    before, after = PROJECT[OPENED].splitlines(), text.splitlines()
    changed = [line for line in after if line not in before]
    for line in changed[:3]:
        story.show(f"{OPENED} on the host now has: {line}")
    if not changed:
        story.show(f"{OPENED} on the host is as it was: nothing was changed and saved.")
    story.show(
        "Everything the demo made is removed. For real: 'rbridge ssh HOST' here, 'rbridge open FILE' there."
    )


async def _host(stack: AsyncExitStack, root: Path, project: Path, ssh: bool) -> list[str]:
    """The command line of the host's part; with *ssh* its sshd runs until *stack* unwinds."""
    client = [sys.executable, "-m", "rbridge", "open", "-w", OPENED]
    if not ssh:
        return ["/bin/sh", "-c", f"cd {shlex.quote(str(project))} && exec {shlex.join(client)}"]
    from rbridge.ssh import private

    absent = private.missing()
    if absent:
        raise NotListening(f"not installed: {', '.join(absent)}", "install OpenSSH, or leave out --ssh")
    home = root / "host"
    forwarded = home / ".rbridge" / paths.node() / "laptop.sock"
    _made(forwarded.parent)
    variables = {
        "HOME": str(home),
        "RBRIDGE_RUNTIME_DIR": str(_made(home / "run")),
        "RBRIDGE_STATE_DIR": str(_made(home / "state")),
        "PYTHONPATH": PACKAGE,
    }
    reach = await stack.enter_async_context(private.private_sshd(_made(root / "sshd"), variables))
    socket = Path(paths.runtime_dir()) / "daemon.sock"
    options = ["-o", "ExitOnForwardFailure=yes", "-R", f"{forwarded}:{socket}"]
    return [*reach[:-1], *options, reach[-1], f"cd {shlex.quote(str(project))} && {shlex.join(client)}"]


async def _open(words: list[str], story: Story) -> int:
    """Run the host's part; what it says is told, its exit code returned."""
    process = await trio.lowlevel.open_process(words, stdin=-3, stdout=-3, stderr=-1)
    try:
        assert process.stderr is not None
        async with process.stderr:
            rest = b""
            async for piece in process.stderr:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    story.step("host", "says", line.decode(errors="replace"))
        code = await process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
    story.step("host", "returned", f"rbridge open -w ended with {code}")
    return code


def _scripted() -> Adapter:
    words = [sys.executable, "-m", "rbridge.adapters.scripted", "--replace", BEFORE, AFTER]
    return CommandAdapter(words, name="scripted")


def _editor_of_the_user(story: Story, show: Print) -> Adapter:
    try:
        return presets.choose(None, here=Here(story))
    except UsageError as error:
        show(f"{error}: a scripted editor takes its place.")
        return _scripted()


def _listen() -> tuple[str, ...]:
    return ("127.0.0.1:0", f"unix:{Path(paths.runtime_dir()) / 'daemon.sock'}")


def _quiet(line: str) -> None:
    """The daemon's words at the start: the demo says the same in its own."""


def _innermost(error: Exception) -> Exception:
    """The error itself: a nursery wraps what one of its tasks raises in groups."""
    while isinstance(inner := (getattr(error, "exceptions", None) or [None])[0], Exception):
        error = inner
    return error


def _temporary() -> Path:
    """A private directory whose path leaves room for a socket's."""
    root = Path(tempfile.mkdtemp(prefix="rbridge-demo-"))
    if len(os.fsencode(root)) + len(paths.node()) + ROOM > paths.SOCKET_PATH_LIMIT:
        root.rmdir()
        root = Path(tempfile.mkdtemp(prefix="rbridge-demo-", dir="/tmp"))
    return root


def _made(path: Path) -> Path:
    """*path* as a directory, with its parents, all of them private."""
    make_private(str(path))
    return path


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process, and put back what was there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
