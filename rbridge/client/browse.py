"""``rbridge browse URL``: the laptop's browser shows it.

What a loopback URL means is on this host: its port is had there first (``port``). Programs start it as
``$BROWSER``; Jupyter then names a page of its own, which nobody else can read, that leads to the URL with the
token. That is read here: the token is in no command line, and in no log.
"""

import os
import re
import stat

from rbridge import private
from rbridge.client import port
from rbridge.client.source import Source
from rbridge.errors import Denied, NoInput, RbridgeError, UsageError

MYPY = False
if MYPY:
    from typing import List

    from rbridge.client.options import Options, Request

USAGE = """\
usage: rbridge browse [options] URL...

Shows URLs in the browser on your laptop. One of this host itself, as
http://localhost:8888, leads to its port: see 'rbridge port --help'. For
programs that open a browser themselves:
  export BROWSER='rbridge browse %s'

-s, --on, -v and the exit status: see 'rbridge open --help'.
"""

LONGEST = 8000  # characters of a URL
PAGE = 64 * 1024  # bytes of Jupyter's page
TARGET = re.compile(r"""(?:url=|href=["'])(https?://[^"'<>\s]+)""", re.I)
PORTS = {"http": 80, "https": 443}


class Browse(port.Port):
    """One call of ``rbridge browse``."""

    usage = USAGE

    def find(self, request: "Request", options: "Options") -> Source:
        url = request.path
        page = url.lower().startswith("file:")
        if page:
            url = target(url)
        from urllib.parse import quote, urlsplit

        # what a browser takes as well, but a line of ours, or a terminal, would not
        url = quote(url, "!#$%&'()*+,/:;=?@[]~")
        host = shown = ""
        number = 0
        try:
            parts = urlsplit(url)
            if parts.scheme in PORTS and "@" not in parts.netloc and len(url) <= LONGEST:
                host, number = parts.hostname or "", parts.port or PORTS[parts.scheme]
                shown = "{}://{}{}".format(parts.scheme, parts.netloc, parts.path)
        except ValueError:
            host = ""
        if not host:
            raise UsageError("it is no http or https URL without a user's name that can be shown")
        if loopback(host):
            found = self.port(request, number)
            found.url = url
            return found
        if page:
            raise Denied("that page leads to another host")
        return port.source(request, shown, ":" + os.urandom(8).hex(), "0", url)


def loopback(host: str) -> bool:
    """Whether a URL with this *host* means the machine that it is used on: this one."""
    node = os.uname().nodename.lower()
    return (
        host in ("localhost", "::1", "::", "0.0.0.0", node, node.partition(".")[0])
        or host.endswith(".localhost")
        or re.match(r"127(\.\d+){3}$", host) is not None
    )


def target(url: str) -> str:
    """Where the page of a Jupyter server that *url* names leads. Raises Denied and NoInput.

    Nobody else may have written it, or be able to read it.
    """
    from html import unescape
    from urllib.parse import unquote, urlsplit

    path = unquote(urlsplit(url).path)
    places = [os.environ.get("JUPYTER_RUNTIME_DIR", "")]
    data = os.environ.get("JUPYTER_DATA_DIR") or os.path.join(
        os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "jupyter"
    )
    places.append(os.path.join(data, "runtime"))
    if os.path.dirname(path) not in places:
        raise Denied("a file: URL is shown only of a page in {}".format(places[0] or places[1]))
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
                raise Denied("{}: it is no file that only you can write".format(path))
            if found.st_mode & 0o077:  # QUIRK: Jupyter relies on its directory for that
                private.check_private(os.path.dirname(path))
            text = file.read(PAGE).decode("utf-8", "replace")
    except OSError as error:
        raise NoInput("cannot read {}: {}".format(path, (error.strerror or "").lower())) from None
    leads = TARGET.search(unescape(text))
    if leads is None:
        raise NoInput("{}: it leads nowhere".format(path))
    return leads.group(1)


def run(argv: "List[str]") -> int:
    """``rbridge browse`` with *argv*; the exit code."""
    command = Browse(argv, "rbridge browse")
    try:
        return command()
    except RbridgeError as error:
        command.failed(error)
        return command.code
