"""Where a daemon or an rmate editor may be listening, in the order in which it is looked for.

The order: what the command line names, ``$RBRIDGE_SOCKET``, ``$RMATE_UNIXSOCKET``, ``$RMATE_HOST`` and
``$RMATE_PORT``, the rc files and ``~/.rmate.socket``, the sockets in ``~/.rbridge/<uname -n>/`` and then in
the runtime directories, the newest first, and ``localhost:52698``. As with rmate a port from the environment
goes with a host from an rc file, and so on: rc files < environment < command line.
"""

import os

from rbridge import paths, system
from rbridge.client.options import PORT, Options, port_number
from rbridge.errors import UsageError

MYPY = False
if MYPY:
    from typing import Dict, List, Mapping, Tuple


class Endpoint:
    """One address. *origin* says who named it; *kind* is ``unix`` or ``tcp``.

    *only* is set for what the command line names: nothing else is tried then. *named* means that the user
    chose the host, so that a listener whose owner cannot be told is tolerated with a warning. *shared* marks
    the sockets that were found in our own directories, among which the daemons' identities decide.
    """

    __slots__ = ("host", "kind", "named", "only", "origin", "path", "port", "shared")

    def __init__(self, kind: str, origin: str, path: str = "", host: str = "", port: int = 0) -> None:
        self.kind = kind
        self.origin = origin
        self.path = path
        self.host = host
        self.port = port
        self.only = False
        self.named = False
        self.shared = False

    @property
    def label(self) -> str:
        """How users write this address."""
        if self.kind == "unix":
            return shortened(self.path)
        return ("[{}]:{}" if ":" in self.host else "{}:{}").format(self.host, self.port)

    def __repr__(self) -> str:
        return "Endpoint({} from {})".format(self.label, self.origin)


def shortened(path: str) -> str:
    """*path* with the home directory written as ``~``."""
    home = paths.home()
    return "~" + path[len(home) :] if home != "/" and path.startswith(home + "/") else path


def endpoints(
    options: Options, environ: "Mapping[str, str]", name: str = "rmate"
) -> "Tuple[List[Endpoint], List[str]]":
    """What to try, in order, and one line for each place that was passed over and why.

    *name* is what the command was called as. Raises UsageError for a setting that makes no sense.
    """
    notes: "List[str]" = []
    written, where = _written(environ, name, notes)
    host = options.host or environ.get("RMATE_HOST", "") or written.get("host", "")
    port = options.port or _environment_port(environ) or int(written.get("port", "0"))
    if options.socket or options.host or options.port:
        return _told(options, host, port, environ), notes
    if options.via:
        from rbridge.client import via

        return via.ends(options.via), notes
    found: "List[Endpoint]" = []
    if environ.get("RBRIDGE_SOCKET"):
        found.append(_unix(environ["RBRIDGE_SOCKET"], "$RBRIDGE_SOCKET"))
    if environ.get("RMATE_UNIXSOCKET"):
        found.append(_unix(environ["RMATE_UNIXSOCKET"], "$RMATE_UNIXSOCKET"))
    if environ.get("RMATE_HOST") or environ.get("RMATE_PORT"):
        origin = "$RMATE_HOST" if environ.get("RMATE_HOST") else "$RMATE_PORT"
        found.append(_tcp(host, port, origin, environ, bool(host)))
    if written.get("unixsocket"):
        found.append(_unix(written["unixsocket"], where))
    usual = os.path.join(paths.home(), ".rmate.socket")
    if os.path.exists(usual):
        found.append(_unix(usual, "the usual place"))
    if written.get("host") or written.get("port"):
        found.append(_tcp(host, port, where, environ, bool(host)))
    from rbridge.client.rendezvous import shared_sockets

    found += shared_sockets(system.us(environ), notes)
    found.append(_tcp("localhost", PORT, "the usual port", environ, False))
    return _distinct(found), notes


def _told(options: Options, host: str, port: int, environ: "Mapping[str, str]") -> "List[Endpoint]":
    found = []
    if options.socket:
        found.append(_unix(options.socket, "--socket"))
    if options.host or options.port:
        found.append(_tcp(host, port, "--host" if options.host else "--port", environ, bool(host)))
    for endpoint in found:
        endpoint.only = True
    return found


def _unix(path: str, origin: str) -> Endpoint:
    return Endpoint("unix", origin, path=os.path.abspath(os.path.expanduser(path)))


def _tcp(host: str, port: int, origin: str, environ: "Mapping[str, str]", named: bool) -> Endpoint:
    if host == "auto":  # rmate's word for the machine that one came from
        host = (environ.get("SSH_CONNECTION", "").split() or ["localhost"])[0]
    endpoint = Endpoint("tcp", origin, host=host or "localhost", port=port or PORT)
    endpoint.named = named
    return endpoint


def _distinct(found: "List[Endpoint]") -> "List[Endpoint]":
    seen: "Dict[str, Endpoint]" = {}
    for endpoint in found:
        seen.setdefault(endpoint.label, endpoint)
    return list(seen.values())


def _environment_port(environ: "Mapping[str, str]") -> int:
    value = environ.get("RMATE_PORT", "")
    return port_number(value, "$RMATE_PORT") if value else 0


def _written(environ: "Mapping[str, str]", name: str, notes: "List[str]") -> "Tuple[Dict[str, str], str]":
    """What the rc files say, all together, and which one said it last."""
    places = ["/etc/rmate.rc", "/usr/local/etc/rmate.rc", "/etc/rmate"]
    places += [os.path.join(paths.home(), leaf) for leaf in (".rmate.rc", ".rmate")]
    if name in ("rmate", "rbridge") and "SUDO_UID" not in environ and not any(map(os.path.exists, places)):
        return {}, ""
    from rbridge.client import rcfiles

    told: "Dict[str, str]" = {}
    where = ""
    for path in rcfiles.rc_paths(name, environ, paths.home()):
        values = rcfiles.parse_rc(rcfiles.read_text(path))
        if "port" in values:
            try:
                port_number(values["port"], shortened(path))
            except UsageError as error:
                notes.append("{}: passed over".format(error))
                del values["port"]
        if values:
            told.update(values)
            where = shortened(path)
    return told, where
