"""Making a master: the login itself, in the user's terminal, or by the daemon without a question to anybody.

A master is an ``ssh -N`` that takes other sessions through its socket. Measured with OpenSSH 9.2, and why its
command line looks as it does:

- ssh takes the first value of an option, so what must hold stands before the user's; ``-S`` takes the last.
- ``ControlPersist`` would turn the stderr of a ProxyJump or ProxyCommand into /dev/null, and with it why the
  way there fails. ``-N`` alone stays, and goes after ``-O stop`` as one with ControlPersist does.
- Forwards and LocalCommand of the configuration would be made by the master, and a forward that fails end it:
  ``ClearAllForwardings``, ``PermitLocalCommand=no``. RemoteCommand and RequestTTY do nothing under ``-N``.
- A shell gets the agent and X11 only over a master that was made with them. They are as the user wants them,
  and never on just in case: the host could then reach the agent without any shell having asked for it.
- With ``-v`` a master keeps its stderr open in the background, with ``LogLevel`` it does not.
- A ProxyJump's ssh is handed ``-F``, and no BatchMode: an unattended login brings a configuration of its own.
"""

from __future__ import annotations

import glob
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from rbridge.errors import NoInput, NotListening, RbridgeError
from rbridge.ssh import foreground, master
from rbridge.ssh.words import split

if TYPE_CHECKING:
    import trio

    from rbridge.ssh.config import Destination

ALIVE = 10  # seconds of silence after which the master asks the host whether it is there
MISSED = 3  # answers that may be missing: a dead line ends the master within 45 s
DEADLINE = 60.0  # seconds for an unattended login, with all hosts on the way
LOOK = 0.02  # seconds between looks whether the master is there, or whether ssh said something
SAID = 1 << 16  # bytes of what ssh said last

FIRST = (
    "ControlMaster=yes",
    "ControlPersist=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ExitOnForwardFailure=no",
)
# keyboard-interactive is how OTPs are asked for, and how a server sends a push.
UNASKED = {
    "BatchMode": "yes",
    "NumberOfPasswordPrompts": "0",
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
}


@dataclass(frozen=True)
class Login:
    """What a login in the terminal came to: the master's *pid*, None if it failed, and ssh's exit code.

    *stderr* is what ssh said, "" where it said so to the terminal itself.
    """

    pid: int | None
    code: int
    stderr: str


class LoginFailed(NotListening):
    """An unattended login came to nothing; *stderr* is what ssh said."""

    def __init__(self, message: str, stderr: str) -> None:
        super().__init__(message)
        self.stderr = stderr


def words(
    destination: Destination, control: str, *, unattended: bool, alive: int = ALIVE, configuration: str = ""
) -> list[str]:
    """The command line of the master of *destination* at *control*.

    *alive* is ALIVE, or less for tests. An *unattended* one stays in the foreground and is never asked
    anything; *configuration* is then read in place of the user's, and has to include it.
    """
    options = [*FIRST, f"ServerAliveInterval={alive}", f"ServerAliveCountMax={MISSED}"]
    said = split([*destination.options, destination.asked], {})
    way = list(said.way)
    if unattended:
        options += [f"{name}={value}" for name, value in UNASKED.items()] + ["LogLevel=INFO"]
        if configuration:
            way = [f"-F{configuration}", *(word for word in way if not word.startswith("-F"))]
    else:
        options += [f"LogLevel=DEBUG{min(said.options.count('-v'), 3)}"] if "-v" in said.options else []
        way = ["-f", *way]
    first = [f"-o{option}" for option in options]
    return ["ssh", *first, "-N", *way, "-S", master.literal(control), "--", destination.asked]


# In the terminal


def in_terminal(
    destination: Destination,
    control: str,
    environ: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> Login:
    """Log in as ssh does in this terminal, and return when the master is in the background.

    ssh has the terminal to itself meanwhile, see :mod:`rbridge.ssh.foreground`: Ctrl-C ends the login, Ctrl-Z
    suspends it and us, and what it leaves running on the way to the host is not ended by a later Ctrl-C.
    Where stderr is no terminal, what ssh says is passed on and kept. Where it is one, ssh has it directly:
    passed on, "Permission denied, please try again." could come after the question that follows it. Without
    a terminal ssh asks by SSH_ASKPASS if there is one, and fails otherwise. For the main thread only.

    QUIRK: a ProxyCommand or ProxyJump keeps the terminal as its stderr, as it does under ``ssh -f``. RACE: an
    ssh of the user's that makes a master at the same path meanwhile leaves ours in the background, unused.
    """
    master.clear(control)
    argv = words(destination, control, unattended=False)
    with tempfile.TemporaryFile() as errors:
        done = False
        try:
            code = foreground.run(argv, None if os.isatty(2) else errors, environ, cwd)
            done = code == 0
        except OSError as error:
            raise _not_started(error, cwd) from None
        finally:
            if not done:
                _undo(control)
        said = tail(errors)
    pid = master.check_now(control) if done else None
    if done and pid is None:
        return Login(None, 255, said or f"no master answers at {control}\n")
    return Login(pid, code, said)


def _undo(control: str) -> None:
    """End the master that was made in the moment in which the login was ended."""
    if master.check_now(control) is not None:
        with suppress(subprocess.TimeoutExpired):
            words = master.asking(control, "-O", "exit")
            subprocess.run(words, stderr=subprocess.DEVNULL, timeout=master.ASK, check=False)


def tail(errors: IO[bytes]) -> str:
    """What ssh said last."""
    size = os.fstat(errors.fileno()).st_size
    return os.pread(errors.fileno(), SAID, max(0, size - SAID)).decode("utf-8", "replace")


def _not_started(error: OSError, cwd: str | None) -> NotListening | NoInput:
    if cwd is not None and not os.path.isdir(cwd):
        return NoInput(f"{cwd} is not there any more", "run it in another directory")
    return NotListening(f"cannot run ssh: {error.strerror}", "install OpenSSH")


# Unattended


async def unattended(
    destination: Destination,
    control: str,
    environ: Mapping[str, str],
    cwd: str,
    *,
    deadline: float = DEADLINE,
    alive: int = ALIVE,
) -> int:
    """Log in without a question to anybody: the pid of a master that is ready, and outlives this process.

    It has no terminal, and a session of its own. Nothing is left when this is cancelled. Raises LoginFailed
    when ssh does not get in, or not within *deadline* seconds.
    """
    import trio

    await trio.to_thread.run_sync(master.clear, control)
    with tempfile.TemporaryFile() as errors, _unasking(destination, cwd, environ) as (configuration, env):
        argv = words(destination, control, unattended=True, alive=alive, configuration=configuration)
        argv[:1] = [_program(environ), f"-oConnectTimeout={max(1, int(deadline) - 2)}"]
        try:
            starter = await trio.lowlevel.open_process(
                ["/bin/sh", "-c", STARTER, "sh", *argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise _not_started(error, cwd) from None
        attempt = _Attempt(starter, control)
        try:
            with trio.move_on_after(deadline) as patience:
                await attempt.succeed()
        finally:
            with trio.CancelScope(shield=True):
                await attempt.settle()
        said = tail(errors)
    if attempt.master is not None:
        return attempt.master
    if patience.cancelled_caught:
        said += f"Connection timed out: no login within {deadline:g} s\n"
    raise LoginFailed(f"cannot log in to {destination.known_as} unattended", said)


# It says ssh's pid and ends, so that ssh is nobody's child here. Until it is waited for, its own pid, after
# which the group of ssh and of what ssh starts on the way is called, is given to nobody else.
STARTER = '"$@" </dev/null >/dev/null & echo $!'


class _Attempt:
    """An unattended login that runs; *master* is the pid of the one that came of it."""

    def __init__(self, starter: trio.Process, control: str) -> None:
        self.master: int | None = None
        self._starter = starter
        self._control = control
        self._ssh = 0
        self._keeps = False

    async def succeed(self) -> None:
        """Return when there is a master, or ssh has ended."""
        import trio

        assert self._starter.stdout is not None
        while not (said := await self._starter.stdout.receive_some(32)).endswith(b"\n"):
            if not said:
                return
        self._ssh = int(said)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, nursery.cancel_scope)
            while not os.path.lexists(self._control):  # noqa: ASYNC110, ASYNC240 - ssh tells nobody
                await trio.sleep(LOOK)
            nursery.cancel_scope.cancel()
        found = await master.check(self._control)
        self._keeps = found == self._ssh  # else somebody was faster, and theirs does as well
        self.master = found

    async def _watch(self, scope: trio.CancelScope) -> None:
        await master.watch(self._ssh)
        scope.cancel()

    async def settle(self) -> None:
        """End what is not to stay."""
        import trio

        if not self._keeps:
            self._signal(signal.SIGTERM)
            if self._ssh:
                with trio.move_on_after(master.GRACE):
                    await master.watch(self._ssh)
            self._signal(signal.SIGKILL)
            with suppress(RbridgeError):  # another's, which lives
                await trio.to_thread.run_sync(master.clear, self._control)
        await self._starter.wait()
        if self._starter.stdout is not None:
            await self._starter.stdout.aclose()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._starter.pid, number)


@contextmanager
def _unasking(
    destination: Destination, cwd: str, environ: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """What keeps every ssh on the way from asking: a configuration, or "", and an environment.

    The configuration is for the ssh of a ProxyJump, which gets it by ``-F``; for the one in a ProxyCommand it
    is a program called ssh. QUIRK: that finds no ssh named by its path, which has no terminal to ask at, but
    by which a server may still be led to send a push.
    """
    env = {name: value for name, value in environ.items() if name != "SSH_ASKPASS"}
    env["SSH_ASKPASS_REQUIRE"] = "never"
    if destination.direct:
        yield "", env
        return
    with tempfile.TemporaryDirectory(prefix="rbridge-") as directory:
        configuration = ""
        if destination.jump:
            configuration = os.path.join(directory, "config")
            lines = [f"{name} {value}" for name, value in UNASKED.items()]
            lines += [f'Include "{glob.escape(path)}"' for path in _configurations(destination, cwd, environ)]
            _write(configuration, "\n".join(lines) + "\n", 0o600)
        options = " ".join(f"-o{name}={value}" for name, value in UNASKED.items())
        script = f'#!/bin/sh\nexec {shlex.quote(_program(environ))} {options} "$@"\n'
        _write(os.path.join(directory, "ssh"), script, 0o700)
        env["PATH"] = directory + os.pathsep + environ.get("PATH", os.defpath)
        yield configuration, env


def _configurations(destination: Destination, cwd: str, environ: Mapping[str, str]) -> list[str]:
    """The files that ssh would read, in order: that which ``-F`` names, or the user's and the system's."""
    named = [word[2:] for word in destination.options if word.startswith("-F")]
    if named:
        return [os.path.join(cwd, named[-1])] if named[-1] != "none" else []
    prefix = os.path.dirname(os.path.dirname(_program(environ)))  # Homebrew's ssh has its own
    own = [] if prefix in ("", "/", "/usr") else [os.path.join(prefix, "etc", "ssh", "ssh_config")]
    systems = next((path for path in own if os.path.exists(path)), "/etc/ssh/ssh_config")
    return ["~/.ssh/config", systems]


def _program(environ: Mapping[str, str]) -> str:
    return shutil.which("ssh", path=environ.get("PATH", os.defpath)) or "ssh"


def _write(path: str, text: str, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
