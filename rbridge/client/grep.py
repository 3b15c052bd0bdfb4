"""Searching in the files of a folder: by ripgrep or git where they are, else by Python's ``re``.

For a process of its own, as :mod:`rbridge.client.tree`. What a user types is data everywhere: it stands
behind a ``=``, after ``-e``, or in a pathspec's parentheses, and never where an option could. Of a line only
so much is told as can be shown.
"""

import base64
import json
import os
import re
from time import monotonic

from rbridge.client import ignores, tree
from rbridge.client.entries import spelled
from rbridge.client.lines import anything, lines
from rbridge.client.program import started
from rbridge.client.silent import literal, silent
from rbridge.paths import encodable

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Pattern, Set, Tuple

    from rbridge.client.child import Say
    from rbridge.client.lines import May
    from rbridge.client.program import Program

    Match = Dict[str, Any]
    Idle = Callable[[], None]

SECONDS = 60.0
"""Seconds that a search may take."""

SHOWN = 300
"""Characters of a line that are told."""

BEFORE = 80
"""Of these, how many stand before a match that is far to the right."""

LINE = 1024 * 1024
"""Bytes of a line above which it is passed over."""

LARGE = 64 * 1024 * 1024
"""Bytes of a file above which it has to wait until all others were looked into: there may not be the time."""

BATCH = 200
"""Matches in one answer."""

REPLACED = "\N{REPLACEMENT CHARACTER}"
"""What bytes are read as that are no text."""

OFTEN = 0.1
"""Seconds after which those that were found are said, however few."""


class Wanted:
    """What is looked for: *text*, a regular expression or not, *case* "yes", "no" or "smart", as a *word*.

    *include* and *exclude* are globs; no include means all. *limit* is how many matches are enough.
    """

    def __init__(
        self,
        text: str,
        regex: bool,
        case: str,
        word: bool,
        include: "List[str]",
        exclude: "List[str]",
        limit: int,
    ) -> None:
        self.text = text
        self.regex = regex
        self.blind = case == "no" or (case != "yes" and text == text.lower())
        self.word = word
        self.include = [one for glob in include for one in ignores.without_braces(encodable(glob))]
        self.exclude = [one for glob in exclude for one in ignores.without_braces(encodable(glob))]
        self.limit = limit
        self.without: "List[str]" = []
        """Directories that are not looked into."""

    def pattern(self) -> "Pattern[str]":
        """The same for Python. Raises re.error."""
        text = self.text if self.regex else re.escape(self.text)
        if self.word:
            text = r"(?<!\w)(?:{})(?!\w)".format(text)
        return re.compile(text, re.IGNORECASE if self.blind else 0)

    def may(self, pattern: "Pattern[str]") -> "May":
        """Whether a line of some that are given may have it: a quick look, which misses nothing. A regular
        expression may mean another thing in many lines than in one.
        """
        if self.regex or REPLACED in self.text:
            return anything
        exact = _bytes(self.text)
        if not self.blind:
            return lambda data: exact in data
        lower = exact.lower() if _is_ascii(exact) else None

        def may(data: bytes) -> bool:
            if lower is not None and _is_ascii(data):
                return lower in data.lower()
            return pattern.search(data.decode("utf-8", "replace")) is not None  # "K" may be a Kelvin sign

        return may


class Unfit(Exception):
    """This program cannot do it."""


class Misunderstood(Exception):
    """What is looked for makes no sense; the words say why."""


class Telling:
    """Says matches in batches, and stops at *limit*."""

    def __init__(self, say: "Say", limit: int) -> None:
        self._say = say
        self._left = limit
        self._batch: "List[Match]" = []
        self._said = monotonic()

    def take(self, match: "Match") -> bool:
        """One more; False when there are too many."""
        if not self._left:
            return False
        self._left -= 1
        self._batch.append(match)
        if len(self._batch) >= BATCH:
            self._flush()
        self.idle()
        return True

    def idle(self) -> None:
        """Say what was found a while ago."""
        if self._batch and monotonic() - self._said > OFTEN:
            self._flush()

    def _flush(self) -> None:
        self._say("M", json.dumps({"matches": self._batch}).encode())
        self._batch = []
        self._said = monotonic()

    def end(self, by: str, truncated: bool) -> None:
        body = {"matches": self._batch, "truncated": truncated, "by": by}
        self._say("L", json.dumps(body).encode())


def search(root: int, wanted: Wanted, say: "Say") -> None:
    """Say what is found below the directory *root*: ``M`` with matches, ``L`` at the end, or ``E``."""
    os.fchdir(root)
    wanted.without = silent(root)
    told = Telling(say, wanted.limit)
    places: "Set[Tuple[str, int, int]]" = set()  # one who fails in the middle has told of some
    for by, matches in (("rg", by_rg), ("git grep", by_git), ("python", by_python)):
        truncated = False
        try:
            for match in matches(root, wanted, told.idle):
                place = match["path"], match["line"], match["column"]
                if place in places:
                    continue
                places.add(place)
                if not told.take(match):
                    truncated = True
                    break
        except Unfit:
            continue
        except Misunderstood as error:
            say("E", str(error).encode("utf-8", "replace"))
            return
        told.end(by, truncated)
        return


def match_of(path: str, number: int, line: str, begin: int, end: int) -> "Match":
    """What is told of one match, from *begin* to *end* of *line*."""
    line = line.rstrip("\r\n")
    end = min(end, len(line))
    first = 0 if len(line) <= SHOWN else min(max(0, begin - BEFORE), len(line) - SHOWN)
    found: "Match" = {"path": spelled(path), "line": number, "column": begin + 1}
    found["length"] = max(0, end - begin)
    found["text"] = line[first : first + SHOWN]
    if first:
        found["from"] = first + 1
    return found


def by_rg(_root: int, wanted: Wanted, idle: "Idle") -> "Iterator[Match]":
    """Those that ripgrep finds. Raises Unfit and Misunderstood."""
    words = [*tree.RG, "--json", "--no-messages"]
    if wanted.blind:
        words.append("--ignore-case")
    if wanted.word:
        words.append("--word-regexp")
    if not wanted.regex:
        words.append("--fixed-strings")
    words += ["--glob=!" + name for name in sorted(ignores.CACHES)]
    for glob in wanted.include:
        if "/" not in glob and "*" in glob:  # a glob would bring back what is ignored; a type does not
            words += ["--type-add=wanted:" + glob, "--type=wanted"]
        else:
            words += ["--glob=" + glob, "--glob=" + glob.rstrip("/") + "/**"]
    words += ["--glob=!" + glob for glob in wanted.exclude]
    words += ["--glob=!" + literal(path) for path in wanted.without]
    parent: "Tuple[str, ...]" = ()
    while True:
        found, ran = 0, False
        held: "List[Match]" = []  # of the file that is being told of: at its end it may be a binary one
        told = [os.fsencode(word) for word in (*words, *parent)]
        program = _program(told + [b"--regexp=" + _bytes(wanted.text), b"--", b"./"])
        try:
            for said in program.split(b"\n", LINE, idle):
                message = json.loads(said.decode("utf-8"))
                ran = ran or message["type"] == "summary"
                if message["type"] == "match":
                    held += _rg_matches(message["data"])
                if message["type"] == "end" and message["data"].get("binary_offset") is not None:
                    held = []
                if message["type"] == "end" or len(held) > BATCH:
                    found += len(held)
                    for match in held:
                        yield match
                    held = []
            if not ran:
                raise _failure(program)
        finally:
            program.close()
        if found or parent or not ignored_as_a_whole():
            return
        parent = ("--no-ignore-parent",)


def _rg_matches(data: "Any") -> "Iterator[Match]":
    raw = _rg_bytes(data["lines"])
    line = _text(raw)
    path = os.fsdecode(_rg_bytes(data["path"]))
    path = path[2:] if path.startswith("./") else path
    for one in data["submatches"]:
        begin, end = (len(_text(raw[: one[edge]])) for edge in ("start", "end"))
        yield match_of(path, data["line_number"], line, begin, end)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _rg_bytes(said: "Any") -> bytes:
    if "text" in said:
        return bytes(said["text"].encode("utf-8", "surrogatepass"))
    return base64.b64decode(said["bytes"])


def ignored_as_a_whole() -> bool:
    """Whether the folder is in a repository that ignores all of it: then who opened it means it."""
    program = started(tree.raw((*tree.GIT, "check-ignore", "--quiet", ".")))
    if program is None:
        return False
    code = program.wait()
    program.close()
    return code == 0


def by_git(_root: int, wanted: Wanted, idle: "Idle") -> "Iterator[Match]":
    """Those on the lines that git finds. Raises Unfit outside of a repository, and Misunderstood."""
    try:
        pattern: "Optional[Pattern[str]]" = wanted.pattern()
    except re.error:
        pattern = None
    words = [*tree.GIT, "grep", "-n", "-I", "-z", "--untracked", "--exclude-standard", "--no-color"]
    words += ["--no-recurse-submodules", "--no-textconv", "-P" if wanted.regex else "-F"]
    words += ["-i"] * wanted.blind + ["-w"] * wanted.word
    specs = [spec for glob in wanted.include or ["**"] for spec in pathspecs("glob", glob)]
    specs += [spec for glob in wanted.exclude for spec in pathspecs("exclude,glob", glob)]
    told = [*tree.raw(tuple(words)), b"-e", _bytes(wanted.text), b"--"]
    if wanted.without or ignored_as_a_whole():
        raise Unfit
    program = _program(told + [_bytes(spec) for spec in specs])
    try:
        for said in program.split(b"\n", LINE, idle):
            name, _, rest = said.partition(b"\0")
            digits = re.match(rb"([0-9]+)[\0:]", rest)
            path = os.fsdecode(name)
            if digits is None or ignores.cached(path):
                continue
            line = rest[digits.end() :].decode("utf-8", "replace")
            places = [one.span() for one in pattern.finditer(line)] if pattern is not None else []
            for begin, end in places or [(0, 0)]:
                yield match_of(path, int(digits.group(1)), line, begin, end)
        if program.wait() > 1:
            raise _failure(program)
    finally:
        program.close()


def pathspecs(magic: str, glob: str) -> "List[str]":
    """What git is given for *glob*: the files that it fits, and those below a directory that it fits."""
    glob = glob.strip("/") if "/" in glob.rstrip("/") else "**/" + glob.rstrip("/")
    return [":({}){}".format(magic, one) for one in (glob, glob + "/**")]


def by_python(root: int, wanted: Wanted, idle: "Idle") -> "Iterator[Match]":
    """Those that a walk finds. Raises Misunderstood."""
    try:
        pattern = wanted.pattern()
    except (re.error, RecursionError, OverflowError) as error:
        raise Misunderstood("the regular expression makes no sense: {}".format(error)) from None
    may = wanted.may(pattern)
    later: "Set[str]" = set()
    for now in (True, False):
        for path, fd, name in tree.walk(root, wanted.without):
            idle()
            if wanted.include and not ignores.fits(wanted.include, path):
                continue
            if (wanted.exclude and ignores.fits(wanted.exclude, path)) or (not now and path not in later):
                continue
            try:
                opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
            except OSError:
                continue
            try:
                if now and os.fstat(opened).st_size > LARGE:
                    later.add(path)
                    continue
                for number, line in lines(opened, LINE, may, idle):
                    if pattern.search(line):
                        for found in pattern.finditer(line):
                            yield match_of(path, number, line, *found.span())
            finally:
                os.close(opened)
        if not later:
            return


def _is_ascii(data: bytes) -> bool:
    try:
        data.decode("ascii")
    except UnicodeDecodeError:
        return False
    return True


def _program(words: "List[bytes]") -> "Program":
    """*words*, started. Raises Unfit."""
    program = started(words)
    if program is None:
        raise Unfit
    return program


def _failure(program: "Program") -> Exception:
    """What to raise for a *program* that did not search."""
    code, said = program.wait(), program.complaint()
    lines = [line.strip() for line in said.split("\n") if line.strip() and line.strip() != "^"]
    if code == 2 and "regex" in said:
        return Misunderstood("the regular expression makes no sense: {}".format(lines[-1][:SHOWN]))
    return Unfit()


def _bytes(text: str) -> bytes:
    """*text* from the wire for a program."""
    return text.encode("utf-8", "surrogateescape")
