"""What is said to a ControlMaster, the ssh that holds a connection, through its control socket.

Every word goes through the user's own ``ssh -S CONTROL``; nothing here ever opens a connection to a host. The
master is one of rbridge's (:mod:`rbridge.ssh.login`) or the user's own.

Measured with OpenSSH 9.2, for a master with ``-N``, with ControlPersist or without, in the foreground or not:
after ``-O stop`` its socket is gone, shells run on, and it ends with the last one, whatever it forwards;
``-O exit`` cuts them all. trio is imported where it is needed: commands without it use this as well.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rbridge import system
from rbridge.adapters import pids
from rbridge.errors import CannotCreate, Denied, NotListening, UsageError

if TYPE_CHECKING:
    import trio

    from rbridge.ssh.config import Destination

ROOM = (103 if system.MACOS else 107) - len(".0123456789abcdef")
"""Bytes a control path may have: ssh binds it with 17 more behind it, then links it to its place."""

ASK = 5.0  # seconds that a master may take to say that it runs
CHANGE = 15.0  # ... and to have the host make or undo a forward
KEPT = 1 << 16  # bytes of each output that are kept
GRACE = 2.0  # seconds to end by itself, before the next, harder way
LEFT = 1.0  # seconds that output may still come after the process has ended
LOOK = 1.0  # seconds between looks at a process where the system does not tell of its end

_RUNNING = re.compile(rb"pid=(\d+)")


class Refused(NotListening):
    """The master, or the host behind it, did not do what was asked; *stderr* is what ssh said."""

    def __init__(self, message: str, stderr: str) -> None:
        super().__init__(message, "rbridge doctor names what is wrong")
        self.stderr = stderr


@dataclass(frozen=True)
class Ran:
    """A command that ended, or was ended when it was *late*: exit code (negative: a signal), and output."""

    code: int
    out: bytes
    err: bytes
    late: bool = False

    @property
    def said(self) -> str:
        """What it said as an error."""
        return self.err.decode("utf-8", "replace").strip()


def control_path(destination: Destination, runtime: str) -> tuple[str, bool]:
    """Where the master of *destination* has its socket, and whether that is the place the user chose.

    It is the user's where his configuration wants a master there, or one lives there already. Raises
    CannotCreate when the path is too long for a socket.
    """
    named = destination.control_path
    if named and (destination.control_master or answers(named)):
        _fits(named, "choose a shorter ControlPath, such as ~/.ssh/%C")
        return named, True
    own = os.path.join(runtime, f"cm.{destination.digest[:8]}")
    _fits(own, "set RBRIDGE_RUNTIME_DIR to a shorter path")
    return own, False


def over(control: str, host: str = "rbridge") -> list[str]:
    """The command line that runs a command through the master: a shell line is to follow.

    *host* is only a name here. Where no master answers, it ends with 255 and opens no connection of its own.
    """
    never = ["-F", "/dev/null", "-o", "ProxyCommand=false", "-o", "ControlMaster=no"]
    return ["ssh", *never, "-T", "-S", literal(control), host]


def asking(control: str, *words: str) -> list[str]:
    """The command line that says *words* to the master: ``-O`` and what follows it."""
    return ["ssh", "-F", "/dev/null", "-S", literal(control), *words, "rbridge"]


def literal(path: str) -> str:
    """*path* spelled so that ssh, which expands tokens, means it. Raises UsageError where that cannot be."""
    if "${" in path or "\0" in path:
        raise UsageError(f"ssh cannot use the path {path!r}", "choose one without '${'")
    return path.replace("%", "%%")


def answers(control: str) -> bool:
    """Whether somebody listens at *control*; at once, and without a word to them."""
    return _knock(control) is None


def clear(control: str) -> None:
    """Remove the socket that a dead master left at *control*, as ssh does with ``ControlMaster auto``.

    QUIRK: with ``ControlMaster yes`` ssh logs in beside such a socket and shares nothing. Raises NotListening
    where somebody still listens, Denied for what is no socket of ours.
    """
    try:
        found = os.lstat(control)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise Denied(f"{control} is not a socket of ours", "remove it, or choose another ControlPath")
    error = _knock(control)
    if isinstance(error, ConnectionRefusedError):
        try:
            os.unlink(control)
        except FileNotFoundError:
            return
    elif error is None or not isinstance(error, FileNotFoundError):
        raise NotListening(
            f"the ssh that listens at {control} does not answer",
            f"end it: ssh -S {control} -O exit x, or kill it",
        )


async def check(control: str, deadline: float = ASK) -> int | None:
    """The pid of the master at *control*, None where none answers within *deadline* seconds."""
    done = await run(asking(control, "-O", "check"), deadline=deadline)
    return _pid(done.code, done.err)


def check_now(control: str, deadline: float = ASK) -> int | None:
    """The same for a command that runs no trio."""
    if not os.path.lexists(control):
        return None
    try:
        done = subprocess.run(
            asking(control, "-O", "check"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=deadline,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        raise _no_ssh(error) from None
    return _pid(done.returncode, done.stderr)


async def forward(control: str, remote: str, local: str, deadline: float = CHANGE) -> None:
    """Have the socket *remote* of the host lead to the socket *local* here. Raises Refused.

    The host makes *remote*, 0600, where nothing is; no ssh ever removes it. QUIRK: what was forwarded before
    is not asked for again, even if the socket has gone since: :func:`cancel` it first.
    """
    await _change(control, "forward", remote, local, deadline)


async def cancel(control: str, remote: str, local: str, deadline: float = CHANGE) -> None:
    """Take a forward back; one that is not there is none to take back. Raises Refused where no master is.

    The host hears of it before it hears of what is asked for next, and may take one more connection until it
    does.
    """
    await _change(control, "cancel", remote, local, deadline)


async def probe(control: str) -> bool:
    """Whether the host answers anything over the master; waits as long as that takes.

    It is asked for a connection to a port where nothing listens: to refuse that it need start no process.
    """
    argv = [*over(control)[:-1], "-W", "127.0.0.1:1", "rbridge"]
    done = await run(argv, deadline=float("inf"))
    return done.code == 0 or b"forwarding request failed" in done.err


async def leave(control: str, deadline: float = ASK) -> None:
    """Have a master of ours end when the last shell over it has ended: at once, if none runs.

    It takes no new ones, and its socket goes. Forwards do not keep it, and lead on until it ends: take ours
    back first. Nothing happens where no master is.
    """
    await run(asking(control, "-O", "stop"), deadline=deadline)


async def end(control: str, pid: int, born: str = "") -> None:
    """End the master *pid* with all that runs over it; returns when it is gone, and its socket with it.

    It is told to, and killed where it does not listen. *born* is as for :func:`watch`.
    """
    import trio

    await run(asking(control, "-O", "exit"), deadline=GRACE)
    name = born or await trio.to_thread.run_sync(pids.birth, pid)
    for number in (0, signal.SIGTERM, signal.SIGKILL):
        if number and name and await trio.to_thread.run_sync(pids.birth, pid) == name:
            _signal(os.kill, pid, number)
        with trio.move_on_after(GRACE):
            await watch(pid, name)
            break
    clear(control)


async def watch(pid: int, born: str = "") -> None:
    """Return when the process *pid* is gone.

    *born* is what :func:`rbridge.adapters.pids.birth` said of it: a process that has its pid now is another.
    """
    import trio

    first = await trio.to_thread.run_sync(pids.birth, pid)
    if born and first != born:
        return
    descriptor = _descriptor(pid)
    if descriptor == GONE:
        return
    if descriptor is None:
        await _look_after(pid, first)
        return
    try:
        if await trio.to_thread.run_sync(pids.birth, pid) == first:
            await trio.lowlevel.wait_readable(descriptor)
    finally:
        os.close(descriptor)


async def run(
    argv: Sequence[str],
    stdin: bytes = b"",
    deadline: float = ASK,
    environ: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> Ran:
    """Run a command to its end, without a terminal; it is killed at the deadline, and when cancelled.

    Of each output the first 64 KiB are kept. Raises NotListening where it cannot be started.
    """
    import trio

    try:
        process = await trio.lowlevel.open_process(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environ,
            cwd=cwd,
        )
    except OSError as error:
        raise _no_ssh(error) from error
    out, err = bytearray(), bytearray()
    try:
        with trio.move_on_after(deadline) as time:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_feed, process.stdin, stdin)
                nursery.start_soon(_gather, process.stdout, out)
                nursery.start_soon(_gather, process.stderr, err)
                await process.wait()
                nursery.cancel_scope.deadline = trio.current_time() + LEFT
    finally:
        with trio.CancelScope(shield=True):
            if process.poll() is None:
                _signal(os.killpg, process.pid, signal.SIGKILL)
            await process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    await pipe.aclose()
    code = process.returncode
    return Ran(-signal.SIGKILL if code is None else code, bytes(out), bytes(err), time.cancelled_caught)


GONE = -1


def _descriptor(pid: int) -> int | None:
    """What becomes readable at the end of *pid*; GONE, or None where the system has no such thing."""
    open_pidfd = getattr(os, "pidfd_open", None)
    if open_pidfd is None:
        return None
    try:
        return int(open_pidfd(pid))
    except ProcessLookupError:
        return GONE
    except OSError:  # an old kernel, or a sandbox
        return None


async def _look_after(pid: int, first: str) -> None:
    """Look again and again: whether there is such a process and, less often, whether it is still that one."""
    import trio

    while True:
        for _ in range(10):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            except PermissionError:
                return  # somebody else's: ours has ended
            await trio.sleep(LOOK)
        if await trio.to_thread.run_sync(pids.birth, pid) != first:
            return


async def _change(control: str, verb: str, remote: str, local: str, deadline: float) -> None:
    spec = f"{_field(remote)}:{_field(local)}"
    done = await run(asking(control, "-O", verb, "-R", spec), deadline=deadline)
    if done.late:
        raise Refused(f"no answer from the ssh at {control} within {deadline:g} s", done.said)
    if done.code:
        raise Refused(f"ssh does not {verb} {remote}: {done.said}", done.said)


def _field(path: str) -> str:
    """*path* as a part of a forwarding specification, in which colons part and a backslash quotes."""
    if not path.startswith("/"):
        raise UsageError(f"{path!r} is no absolute path", "ssh forwards sockets by their absolute paths")
    return literal(path).replace("\\", "\\\\").replace(":", "\\:")


def _fits(path: str, hint: str) -> None:
    length = len(os.fsencode(path))
    if length > ROOM:
        raise CannotCreate(f"{path} is too long for ssh's socket: {length} bytes, of {ROOM}", hint)


def _knock(control: str) -> OSError | None:
    """What connecting to *control* comes to; None when somebody is there."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(ASK)
        try:
            sock.connect(control)
        except OSError as error:
            return error
    return None


def _pid(code: int, said: bytes) -> int | None:
    found = _RUNNING.search(said)
    return int(found[1]) if code == 0 and found else None


def _no_ssh(error: OSError) -> NotListening:
    return NotListening(f"cannot run ssh: {error.strerror}", "install OpenSSH")


def _signal(send: Callable[[int, int], None], pid: int, number: int) -> None:
    """Send a signal to what may have ended meanwhile; macOS has PermissionError for a group of zombies."""
    with suppress(ProcessLookupError, PermissionError):
        send(pid, number)


async def _feed(pipe: trio.abc.SendStream | None, data: bytes) -> None:
    import trio

    if pipe is None:
        return
    async with pipe:
        try:
            await pipe.send_all(data)
        except trio.BrokenResourceError:
            return  # it did not want to hear all of it


async def _gather(pipe: trio.abc.ReceiveStream | None, kept: bytearray) -> None:
    if pipe is None:
        return
    while data := await pipe.receive_some(KEPT):
        kept += data[: KEPT - len(kept)]
