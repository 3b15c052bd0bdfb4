"""What is to become of the client on a host, and the words for what was done: decisions, no I/O.

:class:`Host`, :class:`Put` and :class:`Paths` are what a visit (:mod:`rbridge.ssh.visit`) tells. All their
texts came from the host: they are shown through :func:`rbridge.errors.clean` only.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from rbridge.errors import CannotCreate, Denied, RbridgeError, clean

VERSION = re.compile(r"\d+(\.\d+)*")

LINES = {
    "sh": 'case ":$PATH:" in *":$HOME/.local/bin:"*) ;; *) PATH="$HOME/.local/bin:$PATH" ;; esac # rbridge',
    "fish": "contains -- $HOME/.local/bin $PATH; or set -gx PATH $HOME/.local/bin $PATH # rbridge",
    "csh": 'if (":${PATH}:" !~ *":${HOME}/.local/bin:"*) setenv PATH "${HOME}/.local/bin:${PATH}" # rbridge',
}
"""The marked line by which a family of shells finds ``~/.local/bin``; it may be read twice."""


@dataclass(frozen=True)
class Host:
    """What a host is like: *client* is the sha256 of the file at *client_path*, "" if there is none.

    *client* is ``unknown`` where the host can say nothing of what is there. *client_by* is ``us`` or
    ``other``. *directory* is where the socket goes, "" if there is no safe place (*faults* say why), *stale*
    whether an old socket was removed there. *python* is the one that the client will use, "" if there is none
    or it is not known yet; *python_usual*: the client finds it by itself.
    """

    name: str
    home: str
    uid: int
    user: str
    node: str
    system: str
    shell: str
    client: str
    client_path: str
    client_version: str
    client_by: str
    directory: str
    stale: bool
    faults: tuple[str, ...] = ()
    python: str = ""
    python_version: str = ""
    python_usual: bool = False

    @property
    def home_path(self) -> str:
        """Where the client belongs."""
        return f"{self.home}/.local/bin/rbridge"


@dataclass(frozen=True)
class Put:
    """Where the client is now; *kept* is where the one before went, "" if it was ours or there was none.

    *runs*: it can be executed there. *rmate*: ``rmate`` beside it is ours. *notes* are for :func:`said`.
    """

    path: str
    replaced: bool
    kept: str
    runs: bool = True
    rmate: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Paths:
    """What fresh shells find as ``rbridge``, "" if nothing; *on_path*: each of them finds the one deployed.

    *rc* is the file into which a line for the PATH belongs. *heard*: a login shell got as far as to tell.
    """

    found: str
    on_path: bool
    rc: str
    heard: bool = True


class Do(Enum):
    """What is to be done with the client of a host."""

    PUT = "put"
    LEAVE = "leave"


@dataclass(frozen=True)
class Plan:
    """What to do, and what is to be said before; *why* is empty where there is nothing to say.

    *python* is what the client has to be built with (:func:`rbridge.build.content`).
    """

    do: Do
    why: str = ""
    python: str = ""


def python(host: Host) -> str:
    """The Python that the client must be told of: "" where it finds one by itself."""
    return "" if host.python_usual else host.python


def decide(host: Host, wanted: str, version: str, *, asked: bool = False) -> Plan:
    """What to do on *host*, where the client of *version* with the sha256 *wanted* is to be.

    *asked*: the user said ``rbridge deploy``; else it is on the way to something else, and what is not ours
    is left. What was put there by a newer rbridge, from another laptop, is left as well.
    """
    tool = python(host)
    shown = clean(host.client_path)
    if not host.client:
        return Plan(Do.PUT, python=tool)
    if host.client == wanted:
        return Plan(Do.LEAVE, python=tool)
    if host.client_by != "us" and not asked:
        why = f"{shown} on {host.name} was not put there by rbridge deploy, or was changed since: it is left"
        return Plan(Do.LEAVE, f"{why} (rbridge deploy {host.name} replaces it, and keeps it)", tool)
    if _number(host.client_version) > _number(version):
        why = f"{shown} on {host.name} is rbridge {clean(host.client_version)}, newer than {version} here"
        if not asked:
            return Plan(Do.LEAVE, f"{why}: it is left", tool)
        return Plan(Do.PUT, f"{why}: it is replaced", tool)
    return Plan(Do.PUT, python=tool)


def said(host: Host, put: Put | None, paths: Paths | None, version: str) -> list[str]:
    """The lines for the user on what is where now: *put* None if nothing was done, *paths* if not asked."""
    path = put.path if put else host.client_path
    where = _short(host, path)
    lines = [f"rbridge {version} is at {where} on {host.name}"]
    notes = put.notes if put else ()
    if put and put.kept:
        lines.append(f"  the one that was there is kept: {_short(host, put.kept)}")
    if put and path == host.home_path and not put.rmate:
        lines.append(
            f"  {_short(host, path[: -len('rbridge')] + 'rmate')} is another program: it is left as it is"
        )
    if "group" in notes:
        above = _short(host, path.rpartition("/")[0])
        lines.append(f"  others of your group can replace it: take their right to write in {above}")
    if "link" in notes:
        lines.append("  ~/.local/bin there is a link: the client lies where it leads to")
    if "key" in notes:
        lines.append("  no key can be put there: files come through the socket only")
    if "record" in notes:
        lines.append("  what was done cannot be recorded there: --remove will not undo it")
    call = where
    if put and path != host.home_path:
        lines.append(
            "  your home directory there cannot be written to; this place is emptied when the host starts"
        )
    if put and not put.runs:
        call = f"{host.python or 'python3'} {where}"
        lines.append(f"  nothing can be executed there (noexec): alias rbridge='{call}'")
    if not host.python:
        lines.append(
            "  no Python 3.6 or later was found there: name one in RBRIDGE_PYTHON (module load python)"
        )
    if paths and paths.heard and not paths.on_path and path == host.home_path and (not put or put.runs):
        if paths.found:
            lines.append(f"  new shells there find another rbridge first: {clean(paths.found)}")
        else:
            lines.append("  ~/.local/bin is not on PATH in new shells there")
        lines.append(f"  run 'rbridge deploy {host.name} --path' to add a line to {_short(host, paths.rc)}")
        lines.append(f"  until then: {call} open FILE")
    elif call != where or path != host.home_path:
        lines.append(f"  run: {call} open FILE")
    return lines


def magic(host: Host, path: str, did: str) -> str:
    """The line for the user on IPython's startup file at *path*; *did* is ``put``, ``had`` or ``changed``."""
    where = f"{_short(host, path)} on {host.name}"
    if did == "changed":
        return f"left {where}: it is not as rbridge deploy put it there; move it away to have %rbridge anew"
    return f"%rbridge is in {where}: new IPython shells and Jupyter kernels have it"


def marked(shell: str) -> str:
    """The line for the login shell *shell* that puts ``~/.local/bin`` on its PATH."""
    return LINES[{"fish": "fish", "tcsh": "csh", "csh": "csh"}.get(shell, "sh")]


def undone(name: str, did: Iterable[str]) -> list[str]:
    """The lines for what was removed from the host *name*; each of *did* is ``WORD|PATH``."""
    words = {
        "removed": "removed {}",
        "restored": "put back {}",
        "changed": "left {}: it was changed since it was deployed",
        "foreign": "left {}: there is no record that rbridge deploy put it there",
        "left": "left {}",
        "line": "took the line out of {}",
        "noline": "left {}: the line is not in it as it was added",
        "cannot": "could not undo {}: take it out yourself",
    }
    lines = []
    for one in did:
        word, _, path = one.partition("|")
        if word in words:
            lines.append(f"{name}: {words[word].format(clean(path))}")
    return lines or [f"{name}: nothing of rbridge is there"]


def trouble(name: str, fault: str) -> RbridgeError:
    """The error for a *fault* that the host *name* told: ``KIND|WHO|WHY|PATH``."""
    kind, who, why, path = (clean(part) for part in (fault + "|||").split("|", 3))
    path = path.removesuffix("|||") or "?"
    at = f"{path} on {name}"
    if kind == "link":
        return Denied(f"{at} is a symbolic link: nothing is put there", "remove it")
    if kind == "dangling":
        return CannotCreate(
            f"{at} is a symbolic link that leads nowhere", "remove it, or make what it leads to"
        )
    if kind == "owner":
        return Denied(
            f"{at} belongs to {who or 'another user'}: nothing is put there", "tell the administrator"
        )
    if kind == "mode":
        mend = f"ssh {shlex.quote(name)} {shlex.quote('chmod go-w ' + shlex.quote(path))}"
        return Denied(f"{at} can be changed by others ({who})", f"look at what is in it, then: {mend}")
    if kind == "open":
        return Denied(f"{at} could be replaced by others: the directory above is open to all")
    if kind == "socket":
        return Denied(f"{at} is in the way: it is no socket", "remove it")
    if kind == "key":
        return Denied(f"{at} is in the way of a key: it is no file", "remove it")
    if kind == "file":
        return CannotCreate(f"{at} is not a directory", "move it away")
    if kind == "directory":
        return CannotCreate(f"{at} is a directory", "move it away")
    if kind == "regular":
        return CannotCreate(f"{at} is not a regular file")
    if kind == "long":
        return CannotCreate(f"{at} is too long a path for a socket")
    if kind == "home":
        return CannotCreate(f"the account has no home directory on {name}")
    if kind == "sum":
        return CannotCreate(
            f"the client did not arrive at {at} as it was sent; what was there is intact", "try again"
        )
    return CannotCreate(f"cannot create {at}: {why or 'no reason was given'}", _mend(why))


def refusal(host: Host) -> RbridgeError:
    """Why *host* has no directory for the socket: the last of several places, and what all had."""
    errors = [trouble(host.name, fault) for fault in host.faults]
    if not errors:
        return CannotCreate(f"{host.name} has no directory for a socket")
    kind = Denied if any(isinstance(error, Denied) for error in errors) else CannotCreate
    hint = next((error.hint for error in errors if isinstance(error, kind) and error.hint), "")
    return kind("; ".join(dict.fromkeys(map(str, errors))), hint)


def _mend(why: str) -> str:
    low = why.lower()
    if "quota" in low:
        return "your quota there is used up: make room (quota -s shows it)"
    if "no space" in low:
        return "the disk there is full: make room"
    if "read-only" in low or "denied" in low or "written" in low:
        return "the client can also be run from another place: python3 FILE open"
    return ""


def _short(host: Host, path: str) -> str:
    if host.home and path.startswith(host.home + "/"):
        path = "~" + path[len(host.home) :]
    return clean(path)


def _number(version: str) -> tuple[int, ...]:
    found = VERSION.match(version[:40])
    return tuple(int(part) for part in found.group().split(".")) if found else ()
