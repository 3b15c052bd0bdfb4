"""A visit to a host: one command over ssh that says what the host is like, then puts things there.

It is a POSIX sh script (``visit.sh``) that travels in ssh's command line, so that its first answer costs no
more than any command does. The line means the same to every login shell, csh and fish too (:func:`command`).
What is done afterwards is further code of that file on its input, with what it needs behind it. Its answers
stand behind a random mark; all else is what the login files print. The host is not trusted: answers are
bounded in size and time, and nothing they say is run or opened here.

Long, because the words for all that a host may answer stand where the answers are read.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import secrets
import shlex
import string
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import trio

from rbridge import build
from rbridge.errors import (
    CannotCreate,
    Denied,
    NotListening,
    RbridgeError,
    RemoteProtocolError,
    TryAgain,
    UsageError,
    clean,
)
from rbridge.ssh.deploy import LINES, Host, Paths, Put, marked, refusal, trouble

__all__ = ["Host", "Paths", "Put", "Visit", "command", "visit"]

SCRIPT = Path(__file__).with_name("visit.sh")
LARGEST = 64 * 1024
"""Bytes that one answer may have, with what login files print before it."""

SHELLS = 8.0  # seconds; visit.sh gives the shells 5
ERRORS = 4096  # bytes of the output that are kept for an error's words
FAREWELL = 0.5  # seconds that a command which ended has for its last words
SPARE = string.ascii_uppercase
SPECIAL = "\n!'\\"
"""What cannot stand in single quotes in every shell: csh trips over the first two, fish over the last."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
HEX = re.compile(r"[0-9a-f]{16}")


@functools.cache
def parts() -> dict[str, str]:
    """The parts of visit.sh by name, without comments and indentation."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in SCRIPT.read_text(encoding="ascii").splitlines():
        line = line.strip()
        if line.startswith("#:: "):
            lines = found.setdefault(line[4:], [])
        elif line and not line.startswith("#"):
            lines.append(line)
    texts = {name: "\n".join(lines) + "\n" for name, lines in found.items()}
    texts["begin"] = texts["begin"].replace("@PYTHONS@", " ".join(build.candidates()))
    return texts


def command(mark: str, socket: str) -> str:
    """The line that the login shell is given; its words mean the same to sh, bash, zsh, fish and csh.

    The script is one word in single quotes, without the characters that some shell does not take there:
    others stand for them, and ``tr`` brings them back.
    """
    script = parts()["begin"]
    stand = "".join(letter for letter in SPARE if letter not in script)[: len(SPECIAL)]
    octal = "".join(f"\\{ord(letter):03o}" for letter in SPECIAL)
    word = script.translate(str.maketrans(SPECIAL, stand))
    return f'exec /bin/sh -c \'eval "$(printf %s "$0"|tr "{stand}" "{octal}")"\' \'{word}\' {mark} {socket}'


@asynccontextmanager
async def visit(
    argv: Sequence[str], identity: str, socket: str, *, deadline: float = 15.0
) -> AsyncIterator[Visit]:
    """Visit the host that the words *argv* lead to: ssh, its options, HOST.

    *identity* are this laptop's 16 hexadecimal digits, *socket* the name of its socket there, *deadline* the
    seconds that an answer may take. What was not answered is given up when the context ends.
    Raises NotListening when ssh fails, TryAgain when nobody answers in time, RemoteProtocolError or Denied
    when what answers is not our script.
    """
    if not NAME.fullmatch(socket) or not HEX.fullmatch(identity):
        raise UsageError(f"no names for a visit: {clean(identity)!r}, {clean(socket)!r}")
    mark = secrets.token_hex(8)
    words = [*argv, command(mark, socket)]
    pipe = subprocess.PIPE
    try:
        process = await trio.lowlevel.open_process(words, stdin=pipe, stdout=pipe, stderr=pipe)
    except OSError as error:
        raise NotListening(f"cannot run {clean(words[0])}: {error.strerror}", "install OpenSSH") from None
    made = Visit(process, clean(argv[-1]), identity, mark, deadline)
    try:
        await made.begin()
        yield made
    finally:
        await made.end()


class Visit:
    """A running visit. Its methods may be awaited side by side: what can go together costs one round trip.

    Each raises what :func:`visit` does, and Denied or CannotCreate for what is wrong on the host.
    """

    host: Host

    def __init__(self, process: trio.Process, name: str, identity: str, mark: str, deadline: float) -> None:
        self.name = name
        self._process = process
        self._identity = identity
        self._mark = mark.encode()
        self._deadline = deadline
        self._sending = trio.Lock()
        self._reading = trio.Lock()
        self._sent = 1  # the first answer comes unasked
        self._answers: list[list[tuple[str, str]]] = []
        self._answer: list[tuple[str, str]] = []
        self._python: str | None = None
        self._buffer = b""
        self._size = 0
        self._other = b""
        self._broken = False

    async def begin(self) -> None:
        """Hear what the host is like."""
        with self._in_time(self._deadline):
            answer = await self._heard(0, "begin")
        facts = dict(answer)
        try:
            self.host = Host(
                name=self.name,
                home=facts["home"],
                uid=int(facts["uid"]),
                user=facts["user"],
                node=facts["node"],
                system=facts["system"],
                shell=facts["shell"],
                client=facts["client"],
                client_path=facts["client_path"],
                client_version=facts["client_version"],
                client_by=facts["client_by"],
                directory=facts["directory"],
                stale=bool(facts["stale"]),
                faults=tuple(value for word, value in answer if word == "fault"),
            )
        except (KeyError, ValueError):
            raise RemoteProtocolError(f"{self.name} did not say what it is like") from None
        sound = all(not path or path.startswith("/") for path in (self.host.directory, self.host.client_path))
        if not sound or "/" in self.host.node:
            raise RemoteProtocolError(f"{self.name} named a directory that is none")

    async def end(self) -> None:
        """Give up what was not answered; ssh is gone afterwards."""
        await part(self._process)

    def directory(self) -> str:
        """Where the socket goes on the host. Raises Denied, saying whose it is, and CannotCreate."""
        if not self.host.directory:
            raise refusal(self.host)
        return self.host.directory

    async def python(self) -> Host:
        """The host, with the Python that was found: the host looks for it while other things go on."""
        with self._in_time(self._deadline):
            while self._python is None:
                async with self._reading:
                    if self._python is None:
                        await self._line()
        kind, _, rest = (self._python or "").partition("|")
        version, _, path = rest.partition("|")
        if path.startswith("/") or kind == "none":
            self.host = replace(self.host, python=path, python_version=version, python_usual=kind == "usual")
        return self.host

    async def key(self, line: bytes) -> None:
        """Put the key that *line* holds (:mod:`rbridge.client.key`) in place of what there is."""
        words = {"I": self._identity, "B": str(len(line)), "R": secrets.token_hex(8)}
        _sound(await self._ask("key", words, line), self)

    async def put(self, client: bytes) -> Put:
        """Put *client* at ``~/.local/bin/rbridge``, or beside the socket if that is outside of the home."""
        try:
            return await self._put(client, "")
        except CannotCreate:
            place = self.host.directory
            if not place or place.startswith(self.host.home + "/"):
                raise
            return await self._put(client, place)

    async def install(self, line: bytes, client: bytes) -> Put:
        """The key and the client in one round trip. Raises what the key had, else what the client had."""
        done: list[Put] = []
        failed: list[RbridgeError] = []

        async def second() -> None:
            try:
                done.append(await self.put(client))
            except RbridgeError as error:
                failed.append(error)

        async def first() -> None:
            try:
                await self.key(line)
            except RbridgeError as error:
                failed.insert(0, error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(first)
            await trio.lowlevel.checkpoint()
            nursery.start_soon(second)
        if not done:
            raise failed[0]
        return replace(done[0], notes=(*done[0].notes, "key")) if failed else done[0]

    async def paths(self) -> Paths:
        """What fresh login and interactive shells find as ``rbridge``: slow, they read their login files."""
        answer = await self._ask("paths", {}, deadline=max(self._deadline, SHELLS))
        found = dict.fromkeys(("login", "new"), "")
        values = dict(answer)
        for word, value in answer:
            kind, _, path = value.partition(" ")
            if word == "found" and kind in found:
                found[kind] = path if path.startswith("/") or "alias" in path else ""
        place = self.host.home_path
        rc = values.get("rc") or f"{values.get('zdotdir') or self.host.home}/.zshrc"
        if not rc.startswith("/"):
            raise RemoteProtocolError(f"{self.name} named {clean(rc)!r} as a file of its shell")
        others = [path for path in found.values() if path and place not in path]
        on_path = place in found["login"] and not others
        heard = any(word == "found" and value.startswith("login") for word, value in answer)
        return Paths((others or [found["login"] or found["new"]])[0], on_path, rc, heard)

    async def add(self, rc: str) -> bool:
        """Add the marked line to *rc* (``Paths.rc``); False if it was there."""
        words = {"A": rc, "L": marked(self.host.shell)}
        return not dict(_sound(await self._ask("record add", words), self)).get("had")

    async def ipython(self, file: bytes) -> tuple[str, str]:
        """Put *file* among IPython's startup files there; its path, and ``put``, ``had`` or ``changed``."""
        words = {"B": str(len(file)), "G": hashlib.sha256(file).hexdigest(), "R": secrets.token_hex(8)}
        answer = dict(_sound(await self._ask("record ipython", words, file), self))
        return answer.get("path", ""), answer.get("did", "")

    async def remove(self) -> list[str]:
        """Undo what was deployed and what this laptop made; what was done, for :func:`deploy.undone`."""
        words = {"I": self._identity, "R": secrets.token_hex(8)}
        words.update(K=LINES["sh"], L=LINES["fish"], Q=LINES["csh"])
        answer = await self._ask("record remove", words)
        return [value for word, value in answer if word == "did"]

    async def _put(self, client: bytes, place: str) -> Put:
        words = {"B": str(len(client)), "G": hashlib.sha256(client).hexdigest(), "T": place}
        words["R"] = secrets.token_hex(8)
        answer = dict(_sound(await self._ask("record put", words, client), self))
        try:
            return Put(
                path=answer["path"],
                replaced=bool(answer["replaced"]),
                kept=answer["kept"],
                runs=bool(answer["runs"]),
                rmate=bool(answer["rmate"]),
                notes=tuple(answer["note"].split()),
            )
        except KeyError:
            raise RemoteProtocolError(f"{self.name} did not say what became of the client") from None

    async def _ask(
        self, names: str, variables: Mapping[str, str], data: bytes = b"", *, deadline: float = 0
    ) -> list[tuple[str, str]]:
        """The answer to the parts *names* of the script, run with *variables*; *data* is its input."""
        code = "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
        code += "".join(parts()[name] for name in names.split())
        request = os.fsencode(code) + self._mark + b"\n" + data
        last = names.split()[-1]
        with self._in_time(deadline or self._deadline):
            async with self._sending:
                number = await self._send(request)
                if last in ("put", "ipython"):
                    # what reads it may read on: nothing may be behind it
                    self._broken = True
                    answer = await self._heard(number, last)
                    self._broken = False
                    return answer
            return await self._heard(number, last)

    async def _send(self, request: bytes) -> int:
        if self._broken:
            raise RemoteProtocolError(f"the visit to {self.name} was broken off")
        assert self._process.stdin is not None
        self._broken = True  # until all of it is sent
        try:
            await self._process.stdin.send_all(request)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise await self._ended() from None
        self._broken = False
        self._sent += 1
        return self._sent - 1

    async def _heard(self, number: int, name: str) -> list[tuple[str, str]]:
        """The answer of that *number*: answers come in the order of the requests."""
        while len(self._answers) <= number:
            async with self._reading:
                if len(self._answers) <= number:
                    await self._line()
        answer = self._answers[number]
        if answer[-1] != ("end", name):
            raise RemoteProtocolError(f"{self.name} answered something else than was asked")
        return answer

    async def _line(self) -> None:
        """Read one line, and put it where it belongs."""
        assert self._process.stdout is not None
        while b"\n" not in self._buffer:
            piece = await self._process.stdout.receive_some(LARGEST)
            self._size += len(piece)
            if not piece:
                raise await self._ended()
            if self._size > LARGEST:
                raise RemoteProtocolError(f"{self.name} answers without end: {self._first()}")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        mark, _, rest = line.partition(b" ")
        if mark != self._mark:
            self._other = (self._other + line.strip() + b"\n")[:ERRORS]
            return
        word, _, value = os.fsdecode(rest).partition(" ")
        if any(ord(letter) < 32 for letter in value):
            raise RemoteProtocolError(f"{self.name} sent control characters in a name")
        if word == "python":
            self._python = value
            return
        self._answer.append((word, value))
        if word == "end":
            self._answers.append(self._answer)
            self._answer = []
            self._size = len(self._buffer)

    def _in_time(self, seconds: float) -> _Deadline:
        return _Deadline(self, seconds)

    def late(self, seconds: float) -> RbridgeError:
        """The error for an answer that did not come within *seconds*."""
        if not self._answers and self._first():
            return RemoteProtocolError(
                f"{self.name} did not run the command within {seconds:g} s; it printed: {self._first()}",
                "is there a menu, or a question, at login?",
            )
        return TryAgain(f"{self.name} did not answer within {seconds:g} s", "try again")

    async def _ended(self) -> RbridgeError:
        """The error for a command that ended before its answer."""
        self._broken = True
        said = b""
        code: int | None = None
        assert self._process.stderr is not None
        with trio.move_on_after(FAREWELL):
            while len(said) < ERRORS and (piece := await self._process.stderr.receive_some(ERRORS)):
                said += piece
        with trio.move_on_after(FAREWELL):
            code = await self._process.wait()
        errors = clean_lines(said)
        printed = self._first() or (errors[-1] if errors else "nothing")
        everything = " ".join([*clean_lines(self._other + self._buffer), *errors]).lower()
        if self._answers:
            return NotListening(
                f"the visit to {self.name} ended: {errors[-1] if errors else 'no reason given'}"
            )
        if "restricted" in everything:
            what = f"{self.name} has a restricted shell, which runs no commands of ours: {printed}"
            return Denied(what, "ask its administrator for another login shell")
        if "not available" in everything or "nologin" in everything:
            return Denied(f"the account may not log in on {self.name}: {printed}")
        if "session open refused by peer" in everything:
            return TryAgain(f"{self.name} allows no further session over this connection (MaxSessions)")
        if code == 255:
            return NotListening(f"ssh {self.name}: {errors[-1] if errors else 'no reason given'}")
        return RemoteProtocolError(
            f"{self.name} ran something else than the command; it printed: {printed}",
            "a ForceCommand, or a login file that starts another program?",
        )

    def _first(self) -> str:
        """The first line that is not of our script."""
        return next(iter(clean_lines(self._other + self._buffer)), "")


class _Deadline:
    """Turns a time that is over into the visit's error."""

    def __init__(self, visit: Visit, seconds: float) -> None:
        self._visit = visit
        self._seconds = seconds
        self._scope = trio.CancelScope()

    def __enter__(self) -> None:
        self._scope = trio.move_on_after(self._seconds)
        self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scope.__exit__(kind, error, trace)
        if self._scope.cancelled_caught:
            raise self._visit.late(self._seconds)


def clean_lines(data: bytes) -> list[str]:
    """The lines of *data* that say something, as they may be shown, shortened."""
    lines = (clean(line.strip())[:200] for line in data.decode("utf-8", "replace").splitlines())
    return [line for line in lines if line]


def _sound(answer: list[tuple[str, str]], visit: Visit) -> list[tuple[str, str]]:
    """*answer*, unless it tells of a fault: that is raised."""
    for word, value in answer:
        if word == "fault":
            raise trouble(visit.name, value)
    return answer


async def part(process: trio.Process) -> None:
    """End *process*, an ssh with pipes; it is gone afterwards."""
    with trio.CancelScope(shield=True):
        if process.poll() is None:
            process.terminate()
            with trio.move_on_after(FAREWELL):
                await process.wait()
        if process.poll() is None:
            process.kill()
        await process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                await stream.aclose()
