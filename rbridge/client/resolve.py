"""``rbridge resolve`` on the host: a file was changed here and on the laptop; which text stays?"""

import os
import sys

from rbridge.client import asking
from rbridge.errors import UsageError, clean

MYPY = False
if MYPY:
    from typing import Iterable, List

    from rbridge.client.intercom import Message

USAGE = """\
usage: rbridge resolve PATH [--show | --mine | --theirs]

  --show    the difference between PATH and the text on the laptop (default)
  --mine    the laptop's text goes to PATH
  --theirs  PATH stays; the editor on the laptop gets its text
"""

FLAGS = {"--show": "show", "--mine": "mine", "--theirs": "theirs", "-h": "help", "--help": "help"}

PATIENCE = 30.0
"""Seconds that settling may take; a text may have to cross the tunnel."""

LARGEST = 8 * 1024 * 1024
"""Bytes of a text that is compared line by line."""

UNSETTLED = 74


def run(arguments: "List[str]", alone: bool = True) -> int:
    """``rbridge resolve`` with *arguments*; the exit code. Unless *alone*, that nothing is open is not said.

    Raises UsageError.
    """
    flags, paths = asking.words(arguments, FLAGS)
    if "help" in flags:
        sys.stdout.write(USAGE)
        return 0
    if len(paths) != 1 or len(flags) > 1:
        raise UsageError("which file, and which text?", "rbridge resolve PATH --show, --mine or --theirs")
    choice = flags[0] if flags else "show"
    headers = asking.where(paths[0])
    headers["choose"] = choice
    answers = asking.ask("resolve", headers, PATIENCE)
    try:
        return told(paths[0], choice, answers, alone)
    finally:
        for answer in answers:
            answer.close()


def told(path: str, choice: str, answers: "List[asking.Answer]", alone: bool) -> int:
    """Show what the processes answered; the exit code."""
    code = asking.silent(answers)
    known = [answer for answer in answers if not answer.trouble and answer.code != asking.NOTHING]
    for answer in known:
        for message in answer.messages:
            if message.command == "report":
                asking.report(message.get("text"))
            elif message.command == "say":
                asking.say(message.get("text"))
            elif message.command == "row":
                code = code or about(message)
            elif message.command == "mine" and message.descriptors:
                asking.show("".join(difference(message)))
                asking.say("--mine puts the laptop's text here, --theirs keeps this file's")
        if choice in ("mine", "theirs") and not answer.code and not answer.of("row"):
            kept = "the laptop's text is on this disk" if choice == "mine" else "this file's text stays"
            asking.say("{}: settled: {}".format(path, kept))
        code = code or answer.code
    if not known and not code:
        if alone:
            asking.report("{} is not open".format(path))
        return asking.NOTHING
    return code


def about(row: "Message") -> int:
    """Say how a file stands that nothing was done with."""
    path = row.get("path")
    if row.get("state") != "conflict":
        asking.say("{}: no conflict, it is {} on {}".format(path, row.get("state"), row.get("laptop")))
        return 0
    asking.say("{}: in conflict with {}{}".format(path, row.get("laptop"), because(row)))
    asking.report("more than one file is open below that path: name one")
    return UsageError.exit_code


def because(row: "Message") -> str:
    return ": " + row.get("message") if row.get("message") else ""


def difference(mine: "Message") -> "Iterable[str]":
    """A unified diff from the file here to the laptop's text, or why there is none."""
    path = mine.path("path")
    try:
        with open(path, "rb") as file:
            here = file.read(LARGEST + 1)
    except OSError as error:
        return ["{}: {}\n".format(clean(path), (error.strerror or "").lower())]
    there = os.pread(mine.descriptors[0], LARGEST + 1, 0)
    if here == there and len(here) <= LARGEST:
        return ["both texts are the same\n"]
    if max(len(here), len(there)) > LARGEST or b"\0" in here or b"\0" in there:
        kind = "too large" if max(len(here), len(there)) > LARGEST else "binary"
        sizes = (os.stat(path).st_size, os.fstat(mine.descriptors[0]).st_size)
        return ["{}: {}, {} bytes here and {} on {}\n".format(clean(path), kind, *sizes, mine.get("laptop"))]
    from difflib import unified_diff

    theirs = "theirs (on {})".format(os.uname().nodename)
    return unified_diff(
        lines(here), lines(there), clean(theirs), clean("mine (on {})".format(mine.get("laptop")))
    )


def lines(text: bytes) -> "List[str]":
    """Lines as a terminal may show them, each with its end."""
    found = text.decode("utf-8", "replace").split("\n")
    last = found.pop()
    shown = [visible(line) + "\n" for line in found]
    return shown + ([visible(last) + "\n\\ no line end at the end\n"] if last else [])


def visible(line: str) -> str:
    return "\t".join(clean(part) for part in line.split("\t"))
