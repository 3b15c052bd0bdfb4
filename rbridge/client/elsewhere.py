"""Where else the tunnel may end when nobody answers here, and the way there.

First the sockets under other names than this machine's: in a container it has another name and the same
kernel. Where it is another machine that shares this home, they refuse at once, and the user's ssh goes there
(``via``). First of all it goes to where the batch job was submitted.
"""

import os
from time import monotonic, time

from rbridge import paths, private, system
from rbridge.client import fruitless, via
from rbridge.client.rendezvous import MOST_SOCKETS
from rbridge.errors import RbridgeError

MYPY = False
if MYPY:
    from typing import Dict, Iterator, List, Tuple

    from rbridge.client.locate import Search
    from rbridge.client.loop import Loop
    from rbridge.client.settings import Endpoint

SUBMITTED = ("SLURM_SUBMIT_HOST", "PBS_O_HOST", "LSB_SUB_HOST")
"""Variables in which a batch system names the machine where the job was submitted."""

NODES = 3
"""Machines that are gone to without having been named."""

SECONDS = 8.0
"""that each of them has; all of them have as long as a listener."""

BRIEF = (2.0, 4.0)
"""The same, of one and of all, where an editor is to take over instead (``--else``)."""

FRESH = 300.0
"""Seconds: a socket that appeared since so long before a session was lost may be where it goes on."""

WORDLESS = "without a word"
SHUT = "it lets nothing through to the socket there: its sshd forbids that (AllowTcpForwarding)"
HERE, HOME = "the job was submitted there", "it shares this home"

PAUSES = (1.0, 60.0)
"""Seconds between two ways made for a lost session, at first and at most."""

DENIED = 1800.0
"""Seconds that a machine is left alone that did not let us in: it may lock out who keeps trying."""


def further(search: "Search") -> "List[Endpoint]":
    """What to try now that *search* has tried all it had. Raises what ends it when that is nothing."""
    if search.more is None:
        search.more = ways(search)
    for found in search.more:
        if found:
            search.end = monotonic() + search.options.patience
            return list(found)
    raise fruitless.nobody(search)


def ways(search: "Search") -> "Iterator[List[Endpoint]]":
    """What to try, one way after the other; each is made when the one before was in vain."""
    options = search.options
    if options.socket or options.host or options.port or system.us(os.environ)[1:]:
        return  # and under sudo it would be root's ssh
    if options.via:
        yield from through(search, options.via, "--via", options.patience)
        return
    from rbridge.client import fallback

    others = elsewhere()
    before = len(search.failures)
    yield [via.endpoint(path) for paths_there in others.values() for path in paths_there]
    del search.failures[before:]  # they are other machines'
    named = submitted()
    each, all_of_them = SECONDS, max(options.patience, SECONDS)
    if options.timeout is None and fallback.command(options):
        each, all_of_them = BRIEF
    end = monotonic() + all_of_them
    for node in (named + [one for one in others if one not in named])[:NODES]:
        left = min(each, end - monotonic())
        if left > 0:
            yield from through(search, node, HERE if node in named else HOME, left)


def through(search: "Search", node: str, why: str, seconds: float) -> "Iterator[List[Endpoint]]":
    """The way through *node*, or a note of what is wrong with it."""
    named = why == "--via"
    try:
        found = via.lead(node, seconds, named and has_terminal())
    except RbridgeError as error:
        asks = "; --via {} may ask you".format(node) if "denied" in str(error) and not named else ""
        search.note("{} ({}): {}{}".format(node, why, error, asks))
        return
    if not named or search.options.verbose:
        search.report("going through {}, where the tunnel is ({})".format(node, why))
    before = len(search.failures)
    yield found
    if all(WORDLESS in one for one in search.failures[before:]):
        search.note("{} ({}): {}".format(node, why, SHUT))


def has_terminal() -> bool:
    """Whether ssh can ask somebody."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


def submitted() -> "List[str]":
    """Where this batch job was submitted, unless that was here."""
    found = []
    for name in SUBMITTED:
        node = os.environ.get(name, "")
        if via.is_name(node) and not same(node, paths.node()) and node not in found:
            found.append(node)
    return found


def same(one: str, other: str) -> bool:
    """Whether two names are one machine's: equal, or one is the other with a domain."""
    return one == other or one.startswith(other + ".") or other.startswith(one + ".")


def elsewhere(since: float = 0.0) -> "Dict[str, List[str]]":
    """The sockets of the machines that share this home, by machine, of which one is newer than *since*.

    The newest come first.
    """
    above = os.path.join(paths.home(), ".rbridge")
    uids = system.us(os.environ)
    dated: "List[Tuple[float, str, List[str]]]" = []
    try:
        private.check_private(above, uids)
        names = os.listdir(above)
    except (OSError, RbridgeError):
        return {}
    for name in names:
        place = os.path.join(above, name)
        if name == paths.node() or not via.is_name(name):
            continue
        try:
            private.check_private(place, uids)
            found = [os.path.join(place, one) for one in os.listdir(place) if one.endswith(".sock")]
            times = {path: os.lstat(path).st_mtime for path in found}
        except (OSError, RbridgeError):
            continue
        if found and max(times.values()) > since:
            found.sort(key=lambda path: -times[path])
            dated.append((-times[found[0]], name, found[:MOST_SOCKETS]))
    return {name: found for _, name, found in sorted(dated)}


class Detour:
    """The way through another machine, made again for a session that was lost: its socket is found then.

    *first* is the address where it was.
    """

    def __init__(self, loop: "Loop", first: "Endpoint") -> None:
        from rbridge.client.worker import Worker

        self._loop = loop
        self._node = via.node_of(first.path)
        self._since = time() - FRESH
        self._pause, self._next = PAUSES[0], loop.clock()
        self._rest: "Dict[str, float]" = {}  # when those that denied may be gone to again
        self._worker = Worker(loop, lambda: None)

    def look(self) -> None:
        """Make it, if it is time to; it is made in a thread."""
        now = self._loop.clock()
        if now < self._next or self._worker.busy:
            return
        self._next, self._pause = now + self._pause, min(2 * self._pause, PAUSES[1])
        self._worker.do(self._make, lambda _result, _error: None)

    def _make(self) -> None:
        for node in self.nodes():
            if self._loop.clock() < self._rest.get(node, 0.0):
                continue
            try:
                via.lead(node, SECONDS)
            except RbridgeError as error:
                if "denied" in str(error):
                    self._rest[node] = self._loop.clock() + DENIED

    def nodes(self) -> "List[str]":
        """Where it led through, and the machines on which a tunnel was made since."""
        found = [self._node] if self._node else []
        return found + [node for node in elsewhere(self._since) if node != self._node][:NODES]
