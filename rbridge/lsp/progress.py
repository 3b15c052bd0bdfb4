"""How far a save has come on its way to the host, for editors that show ``$/progress``."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import trio

from rbridge.lsp import late
from rbridge.lsp.exchange import OURS

PATIENCE = 1.0  # seconds in which nothing is shown: most saves are over by then
TICK = 0.25  # seconds between two looks


class Travel(NamedTuple):
    """A save of document *name* that is on its way: *done* of its bytes are written, *of* None while it is
    not known how many it has.
    """

    name: str
    serial: int
    done: int
    of: int | None

    @property
    def words(self) -> str:
        if self.of is None:
            return "being compared"
        if self.done == self.of:
            return "the host writes it"
        return f"{self.done / 1e6:.1f} of {self.of / 1e6:.1f} MB"

    @property
    def percentage(self) -> int:
        if self.of is None:
            return 0
        return 100 * self.done // self.of if self.of else 100


Ask = Callable[[str, Any, Callable[[dict[str, Any]], None]], None]
Tell = Callable[[str, Any], None]


class SaveProgress:
    """For one language client: *travel* knows of a document by its URI, *ask* asks the editor (see
    :meth:`rbridge.lsp.exchange.Exchange.ask`), and *tell* notifies it.
    """

    def __init__(self, travel: Callable[[str], Travel | None], ask: Ask, tell: Tell) -> None:
        self._travel = travel
        self._ask = ask
        self._tell = tell
        self._shown: dict[str, _Shown] = {}
        self._looked = 0.0

    @property
    def pause(self) -> float:
        """Seconds until it is worth another look."""
        return TICK if self._shown else math.inf

    def look(self, uris: Iterable[str], due: bool) -> None:
        """Say what is new of these documents, if one of them stands otherwise (*due*) or time has passed."""
        now = trio.current_time()
        if not due and not (self._shown and now - self._looked >= TICK):
            return
        self._looked = now
        found = {uri: travel for uri in uris if (travel := self._travel(uri)) is not None}
        for uri, shown in list(self._shown.items()):
            if uri not in found or found[uri].serial != shown.last.serial:
                shown.end()
                del self._shown[uri]
        for uri, travel in found.items():
            if uri not in self._shown:
                self._shown[uri] = _Shown(travel, self._ask, self._tell)
            self._shown[uri].look(travel)


class _Shown:
    """One save, and what the editor was told of it."""

    def __init__(self, first: Travel, ask: Ask, tell: Tell) -> None:
        self.last = self._said = first
        self._token = f"{OURS}save {secrets.token_hex(8)}"  # no server knows it
        self._ask = ask
        self._tell = tell
        self._since = trio.current_time()  # it began, or the last report
        self._asked = self._begun = self._over = False

    def look(self, travel: Travel) -> None:
        self.last = travel
        waited = trio.current_time() - self._since
        if self._begun and travel != self._said and waited >= TICK:
            self._report("report")
        elif not self._asked and waited >= PATIENCE:
            self._asked = True
            self._ask("window/workDoneProgress/create", {"token": self._token}, self._begin)

    def end(self) -> None:
        self._over = True
        if self._begun:
            self._say("end")

    def _begin(self, answer: dict[str, Any]) -> None:
        """The editor has made room for it, or refused."""
        if "result" in answer and not self._over:
            self._begun = True
            self._report("begin", title=f"Saving {self.last.name}")

    def _report(self, kind: str, **more: Any) -> None:
        last = self._said = self.last
        self._since = trio.current_time()
        self._say(kind, **more, message=last.words, percentage=last.percentage)

    def _say(self, kind: str, **more: Any) -> None:
        self._tell("$/progress", {"token": self._token, "value": {"kind": kind, **more}})


def reports(initialize: Any) -> bool:
    """Whether an editor shows progress, as it said in the parameters of ``initialize``."""
    window = late.capabilities(initialize).get("window")
    return isinstance(window, dict) and window.get("workDoneProgress") is True
