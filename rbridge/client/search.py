"""Looking for the daemon of a session that has lost its connection, until it is there again.

Every second the sockets where it may listen are tried, as for a first connection (``locate``), but patiently:
at most one attempt at each is outstanding, and it is kept as long as it takes, because a half-dead sshd leaks
a descriptor at every further one. It is made anew when it has failed, or when there is another socket under
that name. Only a listener that is ours and greets with the same identity is taken.
"""

import os
from time import monotonic

from rbridge import system
from rbridge.client import locate, settings
from rbridge.client.loop import READ, WRITE
from rbridge.client.probe import ANSWERED, CONNECTING, FAILED, WAITING, Peer, Probe
from rbridge.client.worker import Worker
from rbridge.errors import RbridgeError

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Optional, Tuple

    from rbridge.client.elsewhere import Detour
    from rbridge.client.loop import Loop, Timer
    from rbridge.client.options import Options
    from rbridge.client.settings import Endpoint

EVERY = 1.0
"""Seconds between two looks."""

TIRED = 600.0
"""Seconds after which they become rarer:"""

RARELY = 2.0
"""so that a session still goes on within 3 s of the tunnel's return"""

STRANGER = 30.0
"""Seconds until one that was another laptop, or belongs to somebody else, is tried again."""

ALONE = 0.5
"""Seconds until ways through other machines are made as well (``elsewhere``)."""

RESOLVE = 10.0  # seconds for the name of a host


class Attempt:
    """What is known of one address: the *probe*, of the socket file *inode*; *rest*: leave it until then."""

    __slots__ = ("fd", "inode", "probe", "rest")

    def __init__(self) -> None:
        self.probe: "Optional[Probe]" = None
        self.inode: "Optional[Tuple[int, int]]" = None
        self.rest = 0.0
        self.fd = -1


class Search:
    """The search for the daemon called *identity*. *found* is called with its connection.

    *first* is the endpoint where it was; the others are those that *options* and the environment name now.
    :meth:`again` goes on after it was found in vain, :meth:`close` ends it.
    """

    def __init__(
        self,
        loop: "Loop",
        identity: str,
        options: "Options",
        first: "Endpoint",
        found: "Callable[[Peer], None]",
    ) -> None:
        self.attempts: "Dict[Any, Attempt]" = {}
        self._loop = loop
        self._identity = identity
        self._options = options
        self._first = first
        self._found = found
        self._began = loop.clock()
        self._timer: "Optional[Timer]" = None
        self._uids = system.us(os.environ)
        self._names: "Dict[str, List[Tuple[int, Any]]]" = {}  # of hosts whose addresses were asked for
        self._asking: "List[str]" = []
        self._closed = False
        self._detour: "Optional[Detour]" = None
        self.look()

    def look(self) -> None:
        """Try what can be tried now, and look again later."""
        if self._timer is not None:
            self._timer.cancel()
        tired = self._loop.clock() - self._began >= TIRED
        self._timer = self._loop.at(RARELY if tired else EVERY, self.look)
        for endpoint in self._endpoints():
            for family, address in self._addresses(endpoint):
                if self._closed or self._timer is None:
                    return  # found
                self._try(endpoint, family, address)
        first, late = self._first, self._loop.clock() >= self._began + ALONE
        if late and len(self._uids) == 1 and first.kind == "unix" and not first.only:
            from rbridge.client.elsewhere import Detour

            self._detour = self._detour or Detour(self._loop, first)
            self._detour.look()

    def again(self) -> None:
        """What was found was no use: go on."""
        if not self._closed and self._timer is None:
            self._began = self._loop.clock()
            self._timer = self._loop.at(EVERY, self.look)

    def avoid(self, peer: Peer) -> None:
        """Leave the address of *peer* alone for a while."""
        attempt = self.attempts.setdefault(peer.address, Attempt())
        attempt.rest = self._loop.clock() + STRANGER
        attempt.inode = inode(peer.endpoint)

    def close(self) -> None:
        """End the search, and all attempts."""
        self._closed = True
        self._pause()

    def _pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for attempt in self.attempts.values():
            self._drop(attempt)

    def _drop(self, attempt: Attempt) -> None:
        """Close an attempt that is under way."""
        probe, attempt.probe = attempt.probe, None
        if attempt.fd >= 0:
            self._loop.forget(attempt.fd)
            attempt.fd = -1
        if probe is not None and probe.state != FAILED:
            probe.sock.close()

    def _endpoints(self) -> "List[Endpoint]":
        """Where it may be: where it was, and what is named or has appeared since."""
        try:
            found, _ = settings.endpoints(self._options, os.environ)
        except RbridgeError:
            found = []
        others = [one for one in found if one.label != self._first.label]
        return [self._first] + others

    def _addresses(self, endpoint: "Endpoint") -> "List[Tuple[int, Any]]":
        """The ways to *endpoint*; none while a host's name is being looked up, which happens in a thread."""
        if locate.is_numeric(endpoint):
            return locate.addresses(endpoint, 0.0)
        host = endpoint.label
        if host not in self._names and host not in self._asking:
            self._asking.append(host)

            def answered(rows: "Any", _error: "Optional[BaseException]") -> None:
                self._asking.remove(host)
                if rows:
                    self._names[host] = rows

            Worker(self._loop, lambda: None).do(
                lambda: locate.addresses(endpoint, monotonic() + RESOLVE), answered
            )
        return self._names.get(host, [])

    def _try(self, endpoint: "Endpoint", family: int, address: "Any") -> None:
        """Begin an attempt at one address unless one is under way."""
        attempt = self.attempts.setdefault((family, address), Attempt())
        now = inode(endpoint)
        another = now != attempt.inode
        if attempt.probe is not None and another:
            self._drop(attempt)
        if attempt.probe is not None:
            if attempt.probe.state == CONNECTING and endpoint.kind == "unix":
                attempt.probe.connect()  # its queue was full
                self._moved(attempt)
            return
        if endpoint.kind == "unix" and now is None:
            return
        if not another and self._loop.clock() < attempt.rest:
            return
        attempt.inode = now
        try:
            attempt.probe = Probe(endpoint, family, address, RESOLVE)
        except OSError:  # no such address family here, or no descriptor left
            return
        self._moved(attempt)

    def _moved(self, attempt: Attempt) -> None:
        """Go on according to the state of an attempt."""
        probe = attempt.probe
        assert probe is not None
        if probe.state in (WAITING, ANSWERED):
            locate.judge(probe, self._uids)
        if probe.state == ANSWERED and probe.said.identity != self._identity:
            probe.fail("another laptop", True)
        if probe.state == FAILED:
            if attempt.fd >= 0:
                self._loop.forget(attempt.fd)
                attempt.fd = -1
            attempt.probe = None
            attempt.rest = self._loop.clock() + STRANGER if probe.denied else 0.0
        elif probe.state == ANSWERED:
            self._loop.forget(attempt.fd)
            attempt.fd, attempt.probe = -1, None
            self._pause()
            self._found(Peer(probe))
        elif probe.state == WAITING or probe.endpoint.kind != "unix":
            attempt.fd = probe.sock.fileno()
            events = READ if probe.state == WAITING else WRITE
            self._loop.watch(attempt.fd, events, lambda _events: self._ready(attempt))

    def _ready(self, attempt: Attempt) -> None:
        probe = attempt.probe
        if probe is None:
            return
        if probe.state == CONNECTING:
            locate.connected(probe)
        else:
            probe.read()
        self._moved(attempt)


def inode(endpoint: "Endpoint") -> "Optional[Tuple[int, int]]":
    """Which socket file *endpoint* is now; None for TCP, and where there is none."""
    if endpoint.kind != "unix":
        return None
    try:
        found = os.stat(endpoint.path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
