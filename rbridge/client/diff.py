"""``rbridge diff A B``: two files of this host beside each other in the editor on the laptop.

Both are opened as ``rbridge open`` does it, and either can be edited and saved; that they belong together the
laptop hears with each (``diff`` in ``docs/protocol.md``). Both are opened, or none.
"""

import os
import sys
from binascii import hexlify

from rbridge.client.main import Run
from rbridge.client.options import parse
from rbridge.client.source import NOTHING, Source, check
from rbridge.errors import NoInput, RbridgeError, UsageError

MYPY = False
if MYPY:
    from typing import List

    from rbridge.client.delivery import Delivery, Document
    from rbridge.client.options import Options, Request

USAGE = """\
usage: rbridge diff [options] A B

Shows two files of this host beside each other in the editor on your laptop, and
where they differ. Either can be edited; what is saved comes back. One that does
not exist is empty, and made by the first save; so is /dev/null, for reading.

  -w, --wait            return when the editor has closed both: 0 only if the
                        last save of each is on disk (--no-wait: the default)
  -m, --name NAME       the name that the editor shows; the first is A's
  -t, --type TYPE       treat the file as TYPE, likewise
  -r, --read-only       open both for reading; saves are refused
  -n, --new             open in a new window
  -f, --force           open although the files cannot be written
  -k, --keep-focus      do not bring the editor to the front
      --large           open more than 256 MiB, or binary data above 16 MiB
      --else COMMAND    compare here when nothing is listening: --else 'vim -d'

-H, -p, -s, --on, --timeout, -v and the exit status: see 'rbridge open --help'.
For git: git config --global diff.tool rbridge
  git config --global difftool.rbridge.cmd 'rbridge diff -w "$LOCAL" "$REMOTE"'
"""


class Comparison(Run):
    """One call of ``rbridge diff``."""

    def __call__(self) -> int:
        if self.parse().help:
            sys.stdout.write(USAGE)
            return 0
        return super().__call__()

    def parse(self) -> "Options":
        """What is asked for. Raises UsageError."""
        options = parse(self.argv)
        if options.help or options.version:
            return options
        paths = [request.path for request in options.requests]
        if len(paths) != 2:
            raise UsageError("diff takes two files, not {}".format(len(paths) or "none"), "rbridge diff A B")
        if "-" in paths:
            raise UsageError("diff takes two files, and '-' is none", "write ./- if that is a file")
        if options.lines is not None or options.follow:
            raise UsageError("--head, --lines and --follow show a part of a file, and diff takes whole ones")
        return options

    def check(self, options: "Options") -> "List[Source]":
        """Both files, or none of them."""
        sources = super().check(options)
        try:
            if len(sources) == 2:
                alone(*sources)
                name = hexlify(os.urandom(8)).decode()
                for side, source in zip(("left", "right"), sources):
                    source.diff = "{} {}".format(side, name)
                return sources
        except RbridgeError as error:
            self.failed(error)
        for source in sources:
            source.close()
        return []

    def find(self, request: "Request", options: "Options") -> Source:
        """One file, which may be missing. Raises RbridgeError."""
        if os.path.realpath(request.path) == os.devnull:
            return empty(request)
        try:
            source = check(request, options)
        except NoInput:
            if options.read_only and request.path and not os.path.lexists(request.path):
                return empty(request)
            raise
        if source.folder:
            source.close()
            raise NoInput("cannot compare {}: it is a directory".format(source.path), "give two files")
        return source

    def deliver(self, delivery: "Delivery", sources: "List[Source]") -> "List[Document]":
        """Send both; where one of them could not be sent, close the other again."""
        documents = delivery.send(sources)
        if len(documents) == 2:
            if not delivery.first.link:
                line = "{} is an rmate server, which shows no diff: it is sent both files"
                self.say(line.format(delivery.first.label))
            return documents
        from rbridge.client.fork import take_back

        take_back(delivery)
        for document in documents:
            delivery.failed(document.source, NoInput("{}: closed again".format(document.source.shown)))
        self.code = self.code or delivery.code
        return []


def alone(one: Source, other: Source) -> None:
    """See that they are two files. Raises UsageError."""
    if NOTHING in (one.part, other.part):
        return
    if one.fd >= 0 and other.fd >= 0:
        same = os.path.sameopenfile(one.fd, other.fd)
    else:
        same = one.fd == other.fd and os.path.realpath(one.real) == os.path.realpath(other.real)
    if same:
        raise UsageError("{} and {} are the same file".format(one.path, other.path), "diff takes two")


def empty(request: "Request") -> Source:
    """What stands for a file that is not there, and is not to be made."""
    source = Source(request.path, os.devnull, request)
    source.fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    source.part = NOTHING
    source.read_only = True
    return source


def run(argv: "List[str]") -> int:
    """``rbridge diff`` with *argv*; the exit code."""
    command = Comparison(argv, "rbridge diff")
    try:
        return command()
    except RbridgeError as error:
        command.failed(error)
        return command.code
