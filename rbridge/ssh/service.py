"""``rbridge setup --service``: the daemon from login on, by the user's systemd or launchd.

It runs ``rbridge serve`` with the PATH and the directories of the shell that set it up, so that it finds the
same editors and is found by the same commands. It is not put into a sandbox: editors are its children, and
would be in it too (an editor that may not write outside some directories, or whose terminal has no sudo).
What rbridge itself must not touch its own checks see to.
"""

from __future__ import annotations

import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rbridge import paths
from rbridge.errors import NoInput, RbridgeError, UsageError
from rbridge.ssh import changes, starting
from rbridge.ssh.changes import Change, Confirm, Say

LABEL = "rbridge"
UNIT = "rbridge.service"
DESKTOP = "graphical-session.target"
HANDED_ON = (
    "PATH",
    "RBRIDGE_RUNTIME_DIR",
    "RBRIDGE_STATE_DIR",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "VISUAL",
    "EDITOR",
)
"""Variables that decide where the daemon is found and what it finds; systemd and launchd know others."""

LASTING = (64, 69, 70, 73, 75, 77)
"""Exit codes that starting it once more does not mend; 75: one runs already."""

SYSTEMD = """\
# rbridge setup --service wrote this, rbridge setup --service --remove takes it back.
[Unit]
Description=rbridge: files of remote hosts in the editor of this machine
{bound}StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=exec
ExecStart={command}
{environment}Restart=on-failure
RestartSec=2
RestartPreventExitStatus={lasting}
# Editors are children of the daemon and may hold text that is not saved: they outlive it.
KillMode=process
OOMPolicy=continue
# No text and no key in a core dump.
LimitCORE=0

[Install]
WantedBy={target}
"""


@dataclass(frozen=True)
class Service:
    """What is written, and the command lines that begin and end it."""

    path: str
    text: str
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]
    reachable: bool


def service(
    environ: Mapping[str, str] | None = None, platform: str = sys.platform, program: Sequence[str] = ()
) -> Service:
    """The service for this user and *platform*, with *program* as rbridge's command line (default: this one).

    Raises UsageError where neither systemd nor launchd is known.
    """
    environ = os.environ if environ is None else environ
    words = [*(program or _program()), "serve"]
    variables = {name: environ[name] for name in HANDED_ON if environ.get(name)}
    for word in (*words, *variables.values()):
        if not word.isprintable():
            raise UsageError(f"{word!r} cannot stand in a service's file")
    if platform == "darwin":
        return _launchd(words, variables)
    if platform.startswith("linux"):
        return _systemd(words, variables, environ)
    raise UsageError(f"no service manager is known for {platform}", "start rbridge serve at login yourself")


def setup(*, echo: Say, say: Say, confirm: Confirm, made: Service | None = None) -> int:
    """Write the service's file, and start it where its manager can be reached; else say the lines to run.

    Returns 0, 1 when the answer is no, and 75 when the manager could not start it. Raises UsageError, and
    CannotCreate and TryAgain as :func:`rbridge.ssh.changes.carry_out` does.
    """
    made = made or service()
    wanted = [Change(made.path, changes.read(made.path), made.text, mode=0o644)]
    if wanted[0].before == made.text:
        say(f"{made.path} is as it should be")
    elif not changes.agree(wanted, echo, confirm, "Write this, and start the daemon at each login?"):
        return 1
    changes.carry_out(wanted)
    try:
        starting.ask({"do": "ping"})
    except RbridgeError:
        return _run(made.start, made.reachable, "start it", say)
    say(f"a daemon runs already: rbridge serve --stop, then: {shlex.join(made.start[-1])}")
    return _run(made.start[:-1], made.reachable, "make it known", say)


def remove(*, echo: Say, say: Say, confirm: Confirm, made: Service | None = None) -> int:
    """End the service and remove its file. Returns as :func:`setup` does; raises NoInput without one."""
    made = made or service()
    wanted = [Change(made.path, changes.read(made.path), None)]
    if wanted[0].before is None:
        raise NoInput(f"there is no {made.path}")
    if not changes.agree(wanted, echo, confirm, "End the daemon and remove this?"):
        return 1
    code = _run(made.stop[:1], made.reachable, "end it", say)
    changes.carry_out(wanted)
    return _run(made.stop[1:], made.reachable, "make that known", say) or code


def _run(lines: Sequence[Sequence[str]], reachable: bool, purpose: str, say: Say) -> int:
    for words in lines:
        if not reachable:
            say(f"to {purpose}: {shlex.join(words)}")
            continue
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())
            say(f"{shlex.join(words)} ended with {done.returncode}: {said}")
            return 75
    return 0


def _systemd(words: Sequence[str], variables: Mapping[str, str], environ: Mapping[str, str]) -> Service:
    base = environ.get("XDG_CONFIG_HOME", "")
    base = base if base.startswith("/") else os.path.join(paths.home(), ".config")
    bus = os.path.join(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}", "systemd", "private")
    reachable = shutil.which("systemctl") is not None and os.path.exists(bus)
    user = ("systemctl", "--user")
    # A desktop hands its DISPLAY to systemd before this target is reached, not before default.target.
    graphical = reachable and _is_active(DESKTOP)
    text = SYSTEMD.format(
        target=DESKTOP if graphical else "default.target",
        bound=f"PartOf={DESKTOP}\nAfter={DESKTOP}\n" if graphical else "",
        command=" ".join([_systemd_word(words[0], False), *map(_systemd_word, words[1:])]),
        environment="".join(
            f"Environment={_systemd_word(f'{name}={value}', False)}\n" for name, value in variables.items()
        ),
        lasting=" ".join(map(str, LASTING)),
    )
    return Service(
        os.path.join(base, "systemd", "user", UNIT),
        text,
        ((*user, "daemon-reload"), (*user, "enable", UNIT), (*user, "restart", UNIT)),
        ((*user, "disable", "--now", UNIT), (*user, "daemon-reload")),
        reachable,
    )


def _systemd_word(word: str, argument: bool = True) -> str:
    """*word* quoted as systemd.syntax(7) has it: ``%`` is doubled, and ``$`` in a command's arguments."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return '"{}"'.format(word.replace("$", "$$") if argument else word)


def _is_active(unit: str) -> bool:
    words = ["systemctl", "--user", "--quiet", "is-active", unit]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _launchd(words: Sequence[str], variables: Mapping[str, str]) -> Service:
    """KeepAlive after crashes only: launchd knows no exit codes, and 75 would come again for ever."""
    path = os.path.join(paths.home(), "Library", "LaunchAgents", f"{LABEL}.plist")
    said = {
        "Label": LABEL,
        "ProgramArguments": list(words),
        "EnvironmentVariables": dict(variables),
        "RunAtLoad": True,
        "KeepAlive": {"Crashed": True},
        "AbandonProcessGroup": True,  # editors outlive the daemon
        "ProcessType": "Interactive",
        "HardResourceLimits": {"Core": 0},
    }
    user = f"gui/{os.geteuid()}"
    return Service(
        path,
        plistlib.dumps(said, sort_keys=False).decode(),
        (("launchctl", "bootstrap", user, path),),
        (("launchctl", "bootout", f"{user}/{LABEL}"),),
        shutil.which("launchctl") is not None,
    )


def _program() -> list[str]:
    """This rbridge, absolute: the script that was started, else the interpreter with our package."""
    started = os.path.abspath(sys.argv[0]) if sys.argv else ""
    if os.path.basename(started) == "rbridge" and os.access(started, os.X_OK):
        return [started]
    return [sys.executable, "-m", "rbridge"]
