"""``rbridge open`` and ``rmate``: from the command line to the exit code.

Whatever is not needed to get the first byte out is imported after it has gone: hashing, saving, signals.
"""

import os
import sys

from rbridge import __version__, paths, system
from rbridge.client import leftovers, patience, settings, sockets, source
from rbridge.client.delivery import Delivery
from rbridge.client.locate import locate
from rbridge.client.options import parse
from rbridge.errors import Denied, NotListening, RbridgeError, clean

MYPY = False
if MYPY:
    from typing import List

    from rbridge.client.delivery import Document
    from rbridge.client.options import Options, Request
    from rbridge.client.probe import Peer
    from rbridge.client.settings import Endpoint
    from rbridge.client.source import Source


SILENT = 1.0
"""Seconds after which it is said that a file server does not answer."""

FEW = 200
"""Files up to which there are descriptors enough everywhere; each costs one until it is sent."""


class Run:
    """One call of the command; *called* is its name for messages, as in ``rbridge open`` or ``rmate``."""

    def __init__(self, argv: "List[str]", called: str) -> None:
        self.called = called
        self.argv = [paths.encodable(word) for word in argv]
        self.code = 0
        self.name = called.split()[0]
        self.hung = ""  # a socket behind which nobody answers

    def report(self, line: str) -> None:
        """One clean line on stderr about what went wrong."""
        self.write("{}: {}".format(self.name, clean(line)))

    def say(self, line: str) -> None:
        """One clean line on stderr about what went well."""
        self.write(clean(line))

    def write(self, line: str) -> None:
        try:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        except (OSError, AttributeError):
            return  # nobody is there to read it

    def failed(self, error: RbridgeError) -> None:
        self.report(error.line())
        self.code = self.code or error.exit_code

    def __call__(self) -> int:
        """Do it all; the exit code. Raises RbridgeError for what ends the command before anything is sent."""
        keep_standard_streams()
        options = parse(self.argv)
        if options.help:
            from rbridge.client.usage import TEXT

            sys.stdout.write(TEXT.format(name=self.called))
            return 0
        if options.version:
            sys.stdout.write("rbridge {}\n".format(__version__))
            return 0
        confined = system.us(os.environ)[1:]
        if confined or options.sudo:
            from rbridge.client import sudo

            code = sudo.begin(self, options)
            if code is not None:
                return code
        if not options.requests:
            from rbridge.client import stdin

            stdin.add(options, self.called)
        self.recover()
        sources = self.check(options)
        if not sources:
            return self.code
        if confined:
            from rbridge.client.sudo import pin

            pin(sources)
        endpoints = self.endpoints(options)
        place = sockets.meant(endpoints, options)
        if place:
            from rbridge.client import handover

            code = handover.served(place, sources, options, self)
            if code is not None:
                return code
        try:
            peer = self.locate(endpoints, options)
        except (NotListening, Denied) as error:
            from rbridge.client import fallback

            fallback.edit_here(options, sources, error, self.report)
            raise
        place = sockets.place(peer.endpoint.label) if peer.link else ""
        if place:
            from rbridge.client import handover

            code = handover.served(place, sources, options, self, peer)
            if code is not None:
                return code
        delivery = Delivery(peer, options, self.report)
        try:
            documents = self.deliver(delivery, sources)
            self.code = self.code or delivery.code
            if not documents:
                return self.code
            from rbridge.client.fork import stay_behind

            return stay_behind(delivery, self)
        except KeyboardInterrupt:
            from rbridge.client.fork import take_back

            take_back(delivery)
            raise

    def deliver(self, delivery: Delivery, sources: "List[Source]") -> "List[Document]":
        """Send *sources*; what was sent."""
        return delivery.send(sources)

    def recover(self) -> None:
        """Finish or undo what a crash left of earlier saves, before a file is read."""
        try:
            place = paths.state_dir(create=False)
        except RbridgeError:
            return
        if leftovers.pending(place):
            from rbridge.client.clearing import clear

            for line in clear(place):
                self.report(line)

    def check(self, options: "Options") -> "List[Source]":
        """The sources of all requests that can be opened; the others are reported."""
        found = []
        if len(options.requests) > FEW:
            from rbridge.client.room import make_room

            make_room(len(options.requests))
        for request in options.requests:
            try:
                found.append(self.ask(request, options))
            except RbridgeError as error:
                self.failed(error)
        return found

    def ask(self, request: "Request", options: "Options") -> "Source":
        """The source of one *request*; its file server may not answer."""
        if request.path == "-":
            return self.find(request, options)

        def silent() -> None:
            line = "{}: its file system does not answer; Ctrl-C ends the wait, and nothing is opened then"
            self.report(line.format(request.path))

        found: "Source" = patience.ask(lambda: self.find(request, options), SILENT, silent)
        return found

    def find(self, request: "Request", options: "Options") -> "Source":
        """What *request* means. Raises RbridgeError."""
        return source.check(request, options)

    def endpoints(self, options: "Options") -> "List[Endpoint]":
        """Where somebody may listen, in order."""
        name = os.path.basename(sys.argv[0]) if self.name == "rmate" else "rmate"
        endpoints, notes = settings.endpoints(options, os.environ, name)
        if options.verbose:
            for note in notes:
                self.report(note)
        return endpoints

    def locate(self, endpoints: "List[Endpoint]", options: "Options") -> "Peer":
        """Who listens."""
        peer = locate(endpoints, options, self.report)
        if options.verbose:
            self.say(
                "talking to {} through {} ({})".format(peer.label, peer.endpoint.label, peer.endpoint.origin)
            )
        return peer


def keep_standard_streams() -> None:
    """Have something behind 0, 1 and 2, lest a socket of ours takes the place of a stream that was closed."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def run(argv: "List[str]", called: str) -> int:
    """``rbridge open`` (or ``rmate``) with *argv*; the exit code."""
    command = Run(argv, called)
    try:
        return command()
    except RbridgeError as error:
        command.failed(error)
        return command.code
