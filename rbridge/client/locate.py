"""Finding who listens: every address is asked, the order of the addresses decides among those that answered.

A probe connects and waits for the greeting. Probes start :data:`STAGGER` seconds apart, at once when the one
before has failed, and each has a deadline: a half-dead tunnel accepts connections and says nothing. Before a
byte is sent the listener's user is checked (docs/security).
"""

import _socket
import os
import select
from time import monotonic

from rbridge import system
from rbridge.client.probe import ANSWERED, CONNECTING, FAILED, WAITING, Peer, Probe
from rbridge.errors import NotListening

MYPY = False
if MYPY:
    from typing import Any, Callable, Iterator, List, Optional, Tuple

    from rbridge.client.options import Options
    from rbridge.client.settings import Endpoint

STAGGER = 0.25
"""Seconds between two probes; RFC 8305 recommends the same for two addresses of one host."""

DEADLINE = 2.0
"""Seconds a listener has for its greeting."""

GRACE = 0.25
"""Seconds that further sockets of ours are waited for once one has answered: is there a second laptop?"""

RETRY = 0.05  # seconds until a Unix socket whose queue was full is tried again


def locate(endpoints: "List[Endpoint]", options: "Options", report: "Callable[[str], None]") -> Peer:
    """The one to talk to. *report* is told of addresses that are dead, silent or doubtful, a line each.

    All other connections are closed. Raises NotListening, Denied when only others' listeners were found, and
    TryAgain when several laptops answer and nothing says which is meant (``fruitless.chosen``). Where nobody
    answers, the ways through other machines are gone (``elsewhere``).
    """
    return Search(endpoints, options, report).result()


class Search:
    """The probes of one search and what has become of them."""

    def __init__(
        self, endpoints: "List[Endpoint]", options: "Options", report: "Callable[[str], None]"
    ) -> None:
        self.options = options
        self.report = report
        self.waiting = list(endpoints)
        self.queue: "List[Tuple[Endpoint, int, Any]]" = []
        self.probes: "List[Probe]" = []
        self.failures: "List[str]" = []
        self.others: "List[str]" = []
        self.more: "Optional[Iterator[List[Endpoint]]]" = None  # ways that are gone when all was in vain
        self.uids = system.us(os.environ)
        self.end = monotonic() + options.patience
        self.last_start = 0.0
        self.first_answer = 0.0

    def result(self) -> Peer:
        """Search; whatever the end, no other connection stays open."""
        found: "Optional[Probe]" = None
        try:
            found = self.run()
            return Peer(found)
        finally:
            for probe in self.probes:
                if probe is not found and probe.state != FAILED:
                    probe.sock.close()

    def run(self) -> Probe:
        """Probe until the order decides."""
        while True:
            now = monotonic()
            self.start(now)
            found = self.decide(now)
            if found is not None:
                return found
            active = [probe for probe in self.probes if probe.state in (CONNECTING, WAITING)]
            if now >= self.end or not (active or self.queue or self.waiting):
                for probe in active:
                    self.give_up(probe)
                from rbridge.client import elsewhere

                self.waiting = elsewhere.further(self)
                continue
            self.wait(active, now)

    def start(self, now: float) -> None:
        """Start the probes whose time has come."""
        while self.fill():
            endpoint, family, address = self.queue[0]
            active = [probe for probe in self.probes if probe.state in (CONNECTING, WAITING)]
            together = endpoint.shared and bool(self.probes) and self.probes[-1].endpoint.shared
            if active and not together and now < self.last_start + STAGGER:
                return
            if self.answered() and not together and not self.options.on:
                return
            del self.queue[0]
            self.last_start = now
            limit = DEADLINE
            if endpoint.only and self.options.timeout is not None:
                limit = self.options.timeout
            try:
                probe = Probe(endpoint, family, address, limit)
            except OSError as error:  # no IPv6 here, or no descriptor left
                self.note("{}: {}".format(endpoint.label, (error.strerror or str(error)).lower()))
                continue
            self.probes.append(probe)
            self.check(probe)

    def fill(self) -> bool:
        """Whether there is another address to try; resolves the next name when it is its turn."""
        while not self.queue and self.waiting:
            endpoint = self.waiting.pop(0)
            try:
                self.queue = [
                    (endpoint, family, address) for family, address in addresses(endpoint, self.end)
                ]
            except NotListening as error:
                self.note(str(error))
        return bool(self.queue)

    def wait(self, active: "List[Probe]", now: float) -> None:
        """Sleep until a probe moves or something falls due."""
        until = self.end
        poll = select.poll()
        by_number = {}
        for probe in active:
            until = min(until, probe.deadline)
            if probe.state == CONNECTING and probe.endpoint.kind == "unix":
                until = min(until, now + RETRY)
                continue
            events = select.POLLIN if probe.state == WAITING else select.POLLOUT
            poll.register(probe.sock.fileno(), events)
            by_number[probe.sock.fileno()] = probe
        if self.queue and not self.answered():
            until = min(until, self.last_start + STAGGER)
        if self.first_answer and not self.options.on:
            until = min(until, self.first_answer + GRACE)
        ready = poll.poll(max(0, int((until - now) * 1000) + 1))
        for number, _ in ready:
            probe = by_number[number]
            if probe.state == CONNECTING:
                connected(probe)
            else:
                probe.read()
            self.check(probe)
        for probe in active:
            if probe.state == CONNECTING and probe.endpoint.kind == "unix":
                probe.connect()
                self.check(probe)
            if probe.state in (CONNECTING, WAITING) and monotonic() >= probe.deadline:
                self.give_up(probe)

    def give_up(self, probe: Probe) -> None:
        """The deadline has passed."""
        stage = (
            "no connection" if probe.state == CONNECTING else "it accepted the connection but said nothing"
        )
        probe.fail("{} within {:g} s".format(stage, min(probe.limit, self.options.patience)))
        self.check(probe)

    def check(self, probe: Probe) -> None:
        """See that the listener is us, as soon as that can be known, and note what failed."""
        if probe.state in (WAITING, ANSWERED) and not judge(probe, self.uids):
            self.report(
                "warning: cannot tell who listens at {}: what is sent there may be read by others".format(
                    probe.label
                )
            )
        if probe.state == FAILED:
            self.note("{}: {}".format(probe.label, probe.failure))
            if probe.denied:
                self.others.append("{} ({})".format(probe.label, probe.failure))
        elif probe.state == ANSWERED and not self.first_answer:
            self.first_answer = monotonic()

    def note(self, failure: str) -> None:
        self.failures.append(failure)
        if self.options.verbose:
            self.report(failure)

    def answered(self) -> "List[Probe]":
        """Those that have answered, in order."""
        return [probe for probe in self.probes if probe.state == ANSWERED]

    def decide(self, now: float) -> "Optional[Probe]":
        """The probe to take, or None as long as that is open."""
        answered = self.answered()
        if self.options.on:
            for probe in answered:
                if same_laptop(probe.said.laptop, self.options.on):
                    return probe
            return None
        if not answered:
            return None
        best = answered[0]
        if not best.endpoint.shared:
            return best
        more = any(probe.endpoint.shared and probe.state in (CONNECTING, WAITING) for probe in self.probes)
        if more and now < self.first_answer + GRACE:
            return None
        shared = [probe.said for probe in answered if probe.endpoint.shared]
        if len({said.identity or said.laptop for said in shared}) > 1:
            from rbridge.client import fruitless

            return fruitless.chosen(self)
        return best


def same_laptop(name: str, wanted: str) -> bool:
    """Whether *wanted* is the laptop's *name*, or the first part of it, in whatever case."""
    name, wanted = name.lower(), wanted.lower()
    return bool(name) and wanted in (name, name.partition(".")[0])


def connected(probe: Probe) -> None:
    """A TCP connection was made or refused."""
    code = probe.sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
    if code:
        probe.fail(os.strerror(code).lower())
    else:
        probe.state = WAITING


def judge(probe: Probe, uids: "Tuple[int, ...]") -> bool:
    """Fail *probe* unless the listener is one of *uids*, as soon as that can be known.

    False when it cannot be told, and the user named the host, so that it is tolerated.
    """
    if probe.endpoint.kind == "unix":
        uid = system.peer_uid(probe.sock)
    elif probe.state == ANSWERED:
        from rbridge import tcpowner

        try:
            ends = probe.sock.getsockname(), probe.sock.getpeername()
        except OSError as error:  # it has hung up already
            probe.fail(str(error))
            return True
        uid = tcpowner.tcp_peer_uid(*ends)
    else:
        return True  # before accept(2) a TCP connection shows user 0
    if uid is not None and uid not in uids:
        probe.fail("it belongs to {}, not to you".format(system.user_name(uid)), True)
    elif uid is None and probe.endpoint.kind == "tcp" and probe.endpoint.named:
        return False
    elif uid is None:
        probe.fail("cannot tell who listens there, name it with --host to go on", True)
    return True


def again(peer: Peer, options: "Options", report: "Callable[[str], None]") -> Peer:
    """A second connection to where *peer* is, checked like the first. Raises as :func:`locate` does."""
    search = Search([], options, report)
    search.more = iter(())
    search.queue = [(peer.endpoint, peer.address[0], peer.address[1])]
    return search.result()


def addresses(endpoint: "Endpoint", end: float) -> "List[Tuple[int, Any]]":
    """Family and socket address of each way to *endpoint*; names are looked up until *end*.

    ``localhost`` is both loopbacks, without asking anyone: somebody else may hold one of the two, and sshd is
    then content with the other (docs/security).
    """
    if endpoint.kind == "unix":
        return [(_socket.AF_UNIX, endpoint.path)]
    host, port = endpoint.host, endpoint.port
    if host == "localhost":
        return [(_socket.AF_INET, ("127.0.0.1", port)), (_socket.AF_INET6, ("::1", port))]
    family = _family(host)
    if family:
        return [(family, (host, port))]
    from rbridge.client import lookup

    return lookup.looked_up(host, port, end)


def is_numeric(endpoint: "Endpoint") -> bool:
    """Whether :func:`addresses` has nobody to ask."""
    return endpoint.kind == "unix" or endpoint.host == "localhost" or bool(_family(endpoint.host))


def _family(host: str) -> int:
    """The address family of a numeric *host*, 0 for a name."""
    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            _socket.inet_pton(family, host)
            return int(family)
        except OSError:
            continue
    return 0
