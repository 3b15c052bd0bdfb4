"""``rbridge get HOST:PATH... [DIR]`` and ``rbridge put FILE... HOST:DIR``: the laptop's side.

It is blocking code: one thread, one channel, and what both ends run is the same text
(:mod:`rbridge.ssh.giving`, :mod:`rbridge.ssh.taking`). What is interrupted stays beside its target as
``.NAME.rbridge-part``, and the same command goes on from there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from rbridge.errors import CannotCreate, NoInput, RbridgeError, TryAgain, UsageError, clean
from rbridge.ssh import farside, fetching
from rbridge.ssh.exchange import Exchange
from rbridge.ssh.frames import Nonsense, number, text, to_text
from rbridge.ssh.giving import Giver, Told
from rbridge.ssh.outcomes import CODES, DENIED, LOST, NO_INPUT, Refused, reading, writing
from rbridge.ssh.place import Place
from rbridge.ssh.progress import Line
from rbridge.ssh.taking import Offer, Taker

Say = Callable[[str], None]

INTERRUPTED = 130
AGAIN = "what has come through is kept: run the same command again to go on"

_USAGE = """\
usage: rbridge {name} [-r] [--force] [-q] [ssh options] {words}

{does}

  -r, --recursive   directories too, with all that is in them
  -f, --force       overwrite what is there, and differs
  -q, --quiet       say nothing but what went wrong
  -F -i -J -l -o -p -4 -6 -C   as ssh has them (-P as -p)

A file that is there already, with the same content, is left alone. An interrupted transfer goes on where it
stopped when the same command is run again. All is checked by sha256.

exit codes: 0 all is there   64 wrong usage   65 the other side makes no sense   66 no such file
            69 no way to the host, or no Python 3.6 there   73 cannot create, or something else has the name
            74 a file was lost or became shorter   75 the connection was lost, run it again
            77 no permission, or a name that a host may not give
"""
GET_USAGE = _USAGE.format(
    name="get",
    words="HOST:PATH... [DIR]",
    does="""\
Fetch files from HOST into DIR (the current directory), over the connection that rbridge keeps. PATH is
relative to the home directory there; wildcards ('*', '?', '[a-z]', '**') are the host's: quote them. One file
may get a new name.""",
)
PUT_USAGE = _USAGE.format(
    name="put",
    words="FILE... HOST:DIR",
    does="""\
Send files into the directory DIR of HOST, over the connection that rbridge keeps. DIR is relative to the
home directory there, and has to exist.""",
)

_FLAGS = {
    "-r": "recursive",
    "--recursive": "recursive",
    "-f": "force",
    "--force": "force",
    "-q": "quiet",
    "--quiet": "quiet",
    "-h": "help",
    "--help": "help",
}
_SSH_FLAGS = "46C"
_SSH_VALUED = "FiJloPp"


@dataclass
class Asked:
    """A command line: our flags, ssh's options as they go before HOST, and the other words."""

    flags: set[str] = field(default_factory=set)
    ssh: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @property
    def recursive(self) -> bool:
        return "recursive" in self.flags

    @property
    def force(self) -> bool:
        return "force" in self.flags

    @property
    def quiet(self) -> bool:
        return "quiet" in self.flags


def get(arguments: Sequence[str], say: Say) -> int:
    """``rbridge get``; the exit code. Raises RbridgeError for what ends it before a file is named."""
    asked = parse(arguments)
    if "help" in asked.flags:
        sys.stdout.write(GET_USAGE)
        return 0
    host, paths, target = sources(asked.words)
    if not os.path.isdir(target):
        new_name(target, paths)  # before anybody is asked for a password
    return over_tunnel(host, asked, say, lambda over, name: fetch(over, name, paths, target, asked, say))


def put(arguments: Sequence[str], say: Say) -> int:
    """``rbridge put``; the exit code. Raises RbridgeError for what ends it before a file is sent."""
    asked = parse(arguments)
    if "help" in asked.flags:
        sys.stdout.write(PUT_USAGE)
        return 0
    host, files, directory = destination_of(asked.words)
    return over_tunnel(host, asked, say, lambda over, name: send(over, name, files, directory, asked, say))


def parse(arguments: Sequence[str]) -> Asked:
    """Take *arguments* apart; options may stand anywhere before ``--``. Raises UsageError."""
    asked, rest = Asked(), list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            asked.words += rest
            break
        if word.startswith("--"):
            if word not in _FLAGS:
                raise UsageError(f"unknown option {clean(word)}", "--help lists them")
            asked.flags.add(_FLAGS[word])
        elif word.startswith("-") and word != "-":
            _letters(word[1:], rest, asked)
        else:
            asked.words.append(word)
    return asked


def _letters(letters: str, rest: list[str], asked: Asked) -> None:
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in _SSH_VALUED:
            value, letters = letters or (rest.pop(0) if rest else ""), ""
            if not value:
                raise UsageError(f"option -{letter} needs a value")
            asked.ssh.append(f"-{'p' if letter == 'P' else letter}{value}")
        elif letter in _SSH_FLAGS:
            asked.ssh.append(f"-{letter}")
        elif f"-{letter}" in _FLAGS:
            asked.flags.add(_FLAGS[f"-{letter}"])
        else:
            raise UsageError(f"unknown option -{clean(letter)}", "--help lists them")


def sources(words: Sequence[str]) -> tuple[str, list[str], str]:
    """HOST, its paths, and the target of ``get``. Raises UsageError."""
    found = [fetching.remote(word) for word in words]
    target = "."
    if len(words) > 1 and found[-1] is None:
        target = words[-1]
        found.pop()
    paths = [one[1] for one in found if one]
    hosts = {one[0] for one in found if one}
    if not paths or None in found:
        wrong = [word for word, one in zip(words, found, strict=False) if one is None]
        said = f"{clean(wrong[0])} is not HOST:PATH" if wrong else "what shall be fetched?"
        raise UsageError(said, "run: rbridge get HOST:PATH... [DIR]")
    if len(hosts) > 1:
        raise UsageError("these are files of several hosts", "fetch from one after the other")
    if not target:
        raise UsageError("the directory is an empty word")
    return hosts.pop(), paths, target


def destination_of(words: Sequence[str]) -> tuple[str, list[str], str]:
    """HOST, the files, and the directory of ``put``. Raises UsageError."""
    to = fetching.remote(words[-1]) if words else None
    if to is None or len(words) < 2:
        raise UsageError("where to?" if words else "what shall be sent?", "run: rbridge put FILE... HOST:DIR")
    return to[0], list(words[:-1]), to[1]


def over_tunnel(host: str, asked: Asked, say: Say, work: Callable[[list[str], str], int]) -> int:
    """Log in to *host*, unless a tunnel to it is up, and do the *work* over its master."""
    from rbridge.ssh import config, master, shell
    from rbridge.ssh import words as sshwords

    said = sshwords.split([*asked.ssh, host], {})
    sshwords.check(said)
    destination = config.ask_now(said.host, said.options, config.here(), {**os.environ, shell.OURS: "1"})
    try:
        tunnel = shell.reach(destination, said, "" if asked.ssh else host)
        over, name = shell.session(tunnel, said), str(tunnel["name"])
    except shell.NotIn as error:
        say(error.line())
        return int(error.exit_code)
    except shell.NoTunnel as error:  # no forward can be had there, and none is needed for this
        over, name = master.over(error.control), destination.known_as
    return work(over, name)


def fetch(over: Sequence[str], host: str, paths: Sequence[str], target: str, asked: Asked, say: Say) -> int:
    """Fetch *paths* of *host*, reached with the command line *over*, into *target*; the exit code."""
    rename = "" if os.path.isdir(target) else new_name(target, paths)
    directory = os.path.dirname(target) or "." if rename else target
    try:
        place = Place(os.fsencode(directory), sync=False)
    except OSError as error:
        raise _cannot(directory, error) from None
    outcome = Outcome(say, asked.quiet, [f"{host}:{path}" for path in paths])
    name = partial(named, outcome, paths, asked.recursive, rename)
    try:
        with Exchange(over, host) as exchange:
            channel = exchange.channel
            channel.say({"rbridge": farside.VERSION, "do": "get", "recursive": asked.recursive})
            for path in paths:
                channel.say({"path": path})
            channel.say({"go": True})
            exchange.meet()
            Taker(channel, place, outcome, name, asked.force).run()
    except (RbridgeError, KeyboardInterrupt) as error:
        return outcome.ended(error)
    finally:
        place.close()
    return outcome.code


def send(over: Sequence[str], host: str, files: Sequence[str], directory: str, asked: Asked, say: Say) -> int:
    """Send *files* to the *directory* of *host*, reached with the command line *over*; the exit code."""
    outcome = Outcome(say, asked.quiet, files)
    try:
        with Exchange(over, host) as exchange:
            channel = exchange.channel
            channel.say({"rbridge": farside.VERSION, "do": "put", "to": directory, "force": asked.force})
            exchange.meet()
            answer = channel.record()
            if "ready" not in answer:
                code, said = number(answer, "code"), clean(text(answer, "refused")[:300])
                raise _Unready(code if code in CODES else LOST, f"{host}:{directory}: {said}")
            giver = Giver(channel, outcome)
            outcome.sending = giver.paths
            for argument, file in enumerate(files):
                try:
                    giver.offer(os.fsencode(file), _own_name(file), argument, asked.recursive)
                except Refused as refused:
                    giver.wrong(argument, refused)
            giver.serve()
    except (RbridgeError, KeyboardInterrupt) as error:
        return outcome.ended(error)
    return outcome.code


class Outcome(Told):
    """What became of the files, for the user: lines, and the exit code of the first failure."""

    def __init__(self, say: Say, quiet: bool, arguments: Sequence[str]) -> None:
        self.code = 0
        self.names: dict[int, str] = {}
        self.sending: list[bytes] = []
        self._say = say
        self._quiet = quiet
        self._arguments = arguments
        self._sizes: dict[int, int] = {}
        self._line = Line(sys.stderr, not quiet and sys.stderr.isatty())

    def wrong(self, argument: int, code: int, said: str, name: str) -> None:
        if argument >= len(self._arguments):
            raise Nonsense("an argument that was not given")
        where = self._arguments[argument]
        self._failure(code, f"{where}: {name}: {said}" if name else f"{where}: {said}")

    def moved(self, which: int, at: int, size: int) -> None:
        self._sizes[which] = size
        self._line.moved(self._name(which), at, size)

    def kept(self, which: int, already: bool, resumed: int) -> None:
        name, size = self._name(which), self._sizes.pop(which, 0)
        self.names.pop(which, None)
        if already:
            self._tell(f"{name} is {'there' if self.sending else 'here'} already")
            return
        self._line.done(name, size)
        if resumed:
            self._tell(
                f"{name}: went on behind the first {resumed} bytes, which were there from an earlier try"
            )

    def failed(self, which: int, code: int, said: str) -> None:
        self._sizes.pop(which, None)
        self._failure(code if code in CODES else LOST, f"{self._name(which)}: {said}")
        self.names.pop(which, None)

    def changed(self, which: int) -> None:
        said = "changed while it was read, and may be of two versions: run it again with --force"
        self._failure(LOST, f"{self._name(which)}: {said}")

    def ended(self, error: RbridgeError | KeyboardInterrupt) -> int:
        """The transfer ended before its end; the exit code."""
        self._line.end()
        if isinstance(error, KeyboardInterrupt):
            self._say(f"interrupted; {AGAIN}")
            return INTERRUPTED
        self._say(clean(f"{error}; {AGAIN}" if error.exit_code in (LOST, 75) else error.line()))
        lost = error.exit_code == TryAgain.exit_code
        return error.exit_code if lost else self.code or error.exit_code

    def _name(self, which: int) -> str:
        if which < len(self.sending):
            return to_text(self.sending[which])
        return self.names.get(which, "?")

    def _failure(self, code: int, line: str) -> None:
        self.code = self.code or code
        self._line.end()
        self._say(clean(line))

    def _tell(self, line: str) -> None:
        if not self._quiet:
            self._line.end()
            self._say(clean(line))


class _Unready(RbridgeError):
    """The host has no such directory for us."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = code


def new_name(target: str, paths: Sequence[str]) -> str:
    """The name that the one file gets, for a *target* that is no directory. Raises NoInput, UsageError."""
    above, name = os.path.split(target)
    if len(paths) > 1 or not name or not os.path.isdir(above or "."):
        missing = above if len(paths) == 1 and name else target
        raise NoInput(f"no directory {clean(missing)}", "make it first; only one file can get a new name")
    if name in (".", ".."):
        raise NoInput(f"no directory {clean(target)}")
    return to_text(os.fsencode(name))


def named(outcome: Outcome, paths: Sequence[str], recursive: bool, rename: str, offer: Offer) -> list[str]:
    """The name that *offer* gets here. Raises Refused for one that a host may not give."""
    if offer.argument >= len(paths):
        raise Nonsense("an argument that was not given")
    parts, asked = offer.parts, paths[offer.argument]
    outcome.names[offer.which] = "/".join(parts)
    if not recursive and (offer.directory or len(parts) > 1):
        raise Refused(DENIED, "is a directory, and was not asked for")
    if not fetching.fits(asked, parts[0]):
        raise Refused(DENIED, "is not what was asked for")
    for number_, part in enumerate(parts):
        typed = not number_ and part == fetching.last(asked)
        why = fetching.impossible(part) if typed else fetching.unfit(part)
        if why:
            raise Refused(DENIED, why)
    return [rename, *parts[1:]] if rename else parts


def _own_name(file: str) -> str:
    """The name that *file* of this machine gets on the host. Raises Refused."""
    try:
        path = file if os.path.basename(file.rstrip("/")) not in ("", ".", "..") else os.path.realpath(file)
    except OSError as error:
        raise reading(error) from None
    name = os.path.basename(path.rstrip("/"))
    if not name:
        raise Refused(NO_INPUT, "has no name of its own")
    return to_text(os.fsencode(name))


def _cannot(directory: str, error: OSError) -> RbridgeError:
    refused = writing(error)
    found = CannotCreate(f"{clean(directory)}: {refused.said}")
    found.exit_code = refused.code
    return found
