"""``rbridge port N``: a port of this host on the laptop's loopback, as long as it is wanted.

A port travels like a document: it is handed over to the process in the background, listed, closed, and said
anew when a lost connection is back. What goes through it is in ``passage``.
"""

import sys

from rbridge import paths
from rbridge.client import rcfiles
from rbridge.client.main import Run
from rbridge.client.options import parse, port_number
from rbridge.client.source import Source
from rbridge.errors import Denied, RbridgeError, UsageError

MYPY = False
if MYPY:
    from typing import List

    from rbridge.client.options import Options, Request

USAGE = """\
usage: rbridge port [options] N[:M]...
       rbridge port --close N...

Has port N of this host on your laptop: http://127.0.0.1:M there leads to it. M
is N unless you say so, and another one if it is taken or below 1024. You are
asked on the laptop, once for each port. 'rbridge status' lists it.

      --close           end it
-s, --on, -v and the exit status: see 'rbridge open --help'.
"""


class Port(Run):
    """One call of ``rbridge port``."""

    usage = USAGE

    def __call__(self) -> int:
        if "--close" in self.argv:
            from rbridge.client import close

            words = [word.lstrip(":") for word in self.argv if word != "--close"] or [""]
            return close.run([":{}".format(port_number(word, "port")) for word in words])
        options = parse(self.argv)
        if options.help:
            sys.stdout.write(self.usage)
            return 0
        if not options.requests and not options.version:
            raise UsageError("which {}?".format(self.called.split()[1]), "{} --help".format(self.called))
        for place in (rcfiles.SYSTEM, paths.config_file()):
            if rcfiles.parse_config(rcfiles.read_text(place)).get("ports", True) is not True:
                raise Denied("ports of this host are turned off by ports in {}".format(place))
        return super().__call__()

    def find(self, request: "Request", options: "Options") -> Source:
        number, colon, wanted = request.path.partition(":")
        port_number(number, "port")
        if colon:
            port_number(wanted, "port")
        return self.port(request, int(number), wanted)

    def port(self, request: "Request", number: int, wanted: str = "") -> Source:
        """What stands for the port *number*."""
        if not listens(number):
            self.say("port {}: nothing listens there yet".format(number))
        return source(request, "port {}".format(number), ":{}".format(number), "{}:{}".format(number, wanted))


def source(request: "Request", shown: str, real: str, port: str, url: str = "") -> Source:
    """One that is no file: see ``port`` of :class:`Source`."""
    found = Source(shown, real, request)
    found.folder = found.read_only = True
    found.port, found.url, found.resolved = port, url, real
    return found


def listens(number: int) -> bool:
    """Whether somebody listens on that port here, as far as the kernel tells."""
    ends, told = ":{:04X}".format(number), False
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in rcfiles.read_text(table, 1 << 24).splitlines()[1:]:
            told = True
            words = line.split()
            if words[1].endswith(ends) and words[3] == "0A":
                return True
    return not told


def run(argv: "List[str]") -> int:
    """``rbridge port`` with *argv*; the exit code."""
    command = Port(argv, "rbridge port")
    try:
        return command()
    except RbridgeError as error:
        command.failed(error)
        return command.code
