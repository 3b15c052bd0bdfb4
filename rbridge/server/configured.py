"""The ports that the user's configuration names for a host: they are here as long as the tunnel stands.

The host's own client brings them, as if the user had typed ``rbridge port`` there: it is started over the
tunnel, now and whenever it is gone. The configuration is the user's word, so nobody is asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

import trio

from rbridge.errors import RbridgeError, clean
from rbridge.server.kept import Kept
from rbridge.server.log import logger
from rbridge.server.ports import Ports
from rbridge.ssh import master, opening
from rbridge.ssh.events import State
from rbridge.ssh.keeper import Keeper

LOOK = 2.0  # seconds between looks whether they are there
PATIENCE = 60.0  # seconds for the client to have one here
LONGEST = 600.0  # seconds between tries

NOT_UP = tuple(state for state in State if state is not State.UP)

Wanted = Collection[tuple[int, int]]


class Configured:
    """Those of the host *kept*, whose tunnel *keeper* keeps: *wanted* are the numbers there and here. *tell*
    is for its user.
    """

    def __init__(
        self, kept: Kept, keeper: Keeper, wanted: Wanted, ports: Ports, tell: Callable[[str], None]
    ) -> None:
        self._kept = kept
        self._keeper = keeper
        self._wanted = wanted
        self._ports = ports
        self._tell = tell
        self._told: dict[int, str] = {}  # why one is not here

    async def run(self) -> None:
        """Have them here until cancelled. One that the user has closed here stays away until then."""
        pause = LOOK
        while await self._keeper.wait_for((State.UP,), math.inf) is State.UP:
            missing = [one for one in self._wanted if self._is_missing(one[0])]
            pause = LOOK if await self._bring(missing) else min(2 * pause, LONGEST)
            with trio.move_on_after(pause) as waited:
                await self._keeper.wait_for(NOT_UP, math.inf)
            if not waited.cancelled_caught:
                pause = LOOK  # the next tunnel is another matter

    def _is_missing(self, number: int) -> bool:
        identity = self._kept.identity
        if (identity, number) in self._ports.declined:
            return False
        mine = (one for one in self._ports.of(identity) if one.number == number)
        return not any(one.session.peer is not None for one in mine)

    async def _bring(self, missing: Wanted) -> bool:
        """Have these here; whether all are."""
        whole = True
        for number, wanted in missing:
            carrier = self._keeper.carrier
            if carrier is None or self._keeper.state is not State.UP:
                return True  # the next tunnel begins anew
            why = await self._ask(carrier.control, number, wanted)
            if why and self._keeper.state is State.UP:
                whole = False
                if self._told.get(number) != why:
                    self._tell(f"{self._kept.name}: port {number} is not here: {why}")
                self._told[number] = why
            elif not why:
                self._told.pop(number, None)
        return whole

    async def _ask(self, control: str, number: int, wanted: int) -> str:
        """Start the host's client for one of them; why it failed, "" if it did not."""
        line = opening.client(self._kept.destination.asked, self._kept.remote, ["port", f"{number}:{wanted}"])
        try:
            ran = await master.run([*master.over(control), line], deadline=PATIENCE)
        except RbridgeError as error:
            return error.line()
        said = [one for one in ran.err.decode("utf-8", "replace").splitlines() if one.strip()]
        logger.info("%s: port %d: %s", self._kept.name, number, clean("; ".join(said))[:500])
        if ran.late:
            return f"the client there has not had it within {PATIENCE:g} s"
        if ran.code == 0:
            return ""
        return clean(said[-1] if said else f"exit code {ran.code}")[:300].replace("rbridge: ", "", 1)
