"""Requests about one folder or document: they go out numbered over whatever leads to the host, and answers
are taken by number. What was asked over a connection that is lost fails; its number is never used again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import trio

from rbridge.adapters.folder import BUSY, NO_ANSWER, NOT_CONNECTED, FolderError, Found, Root
from rbridge.errors import LocalProtocolError, clean
from rbridge.server import answers
from rbridge.server.inquiry import AnswerSink, Inquiry, Passed, Take
from rbridge.server.log import logger
from rbridge.server.peer import Peer, PeerGone
from rbridge.server.tools import Tools
from rbridge.server.turns import Turns
from rbridge.wire import codec, limits, values

if TYPE_CHECKING:
    from rbridge.adapters.base import Wanted
    from rbridge.server.session import Session

_T = TypeVar("_T")

FLAG = "yes"

SPARE = 4  # of the requests that a host takes at once: for the end of those that were given up


class Asking:
    """What :class:`~rbridge.server.folder.Folder` and :class:`~rbridge.server.library.Library` are made of;
    their parameters are described there.
    """

    def __init__(self, tools: Tools, session: Session, token: str, root: Root) -> None:
        self.session = session
        self.token = token
        self.root = root
        self.name = f"{root.name} on {root.host}"
        self._tools = tools
        self._numbers = 0
        self._asked: dict[int, Inquiry] = {}
        self._room = trio.Semaphore(limits.ASKED - SPARE)
        self._turns = Turns(self._start)
        self._writing = trio.CancelScope()  # of what is being said
        self._nursery: trio.Nursery | None = None
        self._back = trio.Event()
        self._lost = False

    @property
    def connected(self) -> bool:
        return self.session.peer is not None and not self._lost

    def answer(self, said: Mapping[str, str]) -> AnswerSink | Passed:
        """The head of an ``answer``. Raises RemoteProtocolError when it is malformed."""
        inquiry = self._asked.get(values.request(said.get("request")))
        return Passed() if inquiry is None else inquiry.sink(said)

    def asked_for(self, number: int) -> Inquiry | None:
        """Request *number*, if it is for a document that did not come yet."""
        inquiry = self._asked.get(number)
        if inquiry is None or inquiry.wanted is None or inquiry.coming or inquiry.over.is_set():
            return None
        inquiry.coming = True
        return inquiry

    def gave_up(self, number: int) -> bool:
        """Whether request *number* was asked, and nobody waits for it any more."""
        return number <= self._numbers and number not in self._asked

    async def open(
        self,
        path: str,
        wanted: Wanted,
        *,
        line: int = 0,
        column: int = 0,
        create: bool = False,
        base: str | None = None,
    ) -> str:
        """As :meth:`rbridge.adapters.folder.FolderDesk.open`."""
        tokens: list[str] = []
        more = {"create": FLAG} if create else {}
        if line:
            more["selection"] = f"{line}:{column}" if column else str(line)

        def take(said: Mapping[str, str], body: bytes) -> None:
            tokens.append(answers.document(answers.parse(body)))

        inquiry = self._inquiry("open", take)
        inquiry.wanted, inquiry.base = wanted, base
        await self._carry_out(inquiry, path, more)
        if not tokens:
            return inquiry.document
        editing = self.session.documents.get(tokens[0])
        if editing is None or editing.document.editor_gone:
            raise FolderError(BUSY, f"{clean(path)} is being closed; open it again")
        return editing.text.id

    async def _one(
        self,
        do: str,
        path: str,
        read: Callable[[Mapping[str, object]], _T],
        more: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> _T:
        """Ask what has one answer, and return what *read* makes of it."""
        said: list[_T] = []
        await self._ask(do, path, lambda _, data: said.append(read(answers.parse(data))), more, body)
        return said[-1]

    async def _stream(
        self, do: str, more: Mapping[str, str], limit: int, take: Callable[[Mapping[str, object], int], int]
    ) -> Found:
        """Ask what is found bit by bit; *take* gets an answer and how many finds it may have, and returns how
        many it has.
        """
        limit = left = min(limit or limits.FOUND, limits.FOUND)
        ends: list[Found] = []

        def hear(said: Mapping[str, str], body: bytes) -> None:
            nonlocal left
            answer = answers.parse(body)
            left -= take(answer, left)
            if said.get("more") != "yes":
                ends.append(answers.found(answer))

        await self._ask(do, "", hear, {**more, "limit": str(limit)})
        return ends[0]

    async def _ask(
        self,
        do: str,
        path: str,
        take: Take,
        more: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        endless: bool = False,
    ) -> None:
        """Ask, and return when all of the answer is there. Raises FolderError."""
        await self._carry_out(self._inquiry(do, take, endless=endless), path, more or {}, body)

    def _inquiry(self, do: str, take: Take, *, endless: bool = False) -> Inquiry:
        return Inquiry(0, do, take, endless=endless)

    async def _carry_out(
        self, inquiry: Inquiry, path: str, more: Mapping[str, str], body: bytes | None = None
    ) -> None:
        if not self.connected:
            raise FolderError(NOT_CONNECTED, f"{self.name}: not connected to {self.session.label}")
        headers = {"do": inquiry.do, **({"path": self._quoted(path)} if path else {}), **more}
        async with self._room:
            # what waited for its turn is asked in the order of its number
            self._numbers += 1
            inquiry.number = self._numbers
            self._asked[inquiry.number] = inquiry
            self._turns.add(partial(self._say_ask, inquiry, headers, body))
            try:
                await self._answered(inquiry)
            finally:
                if not inquiry.over.is_set():
                    inquiry.told = False
                    inquiry.over.set()
                    if inquiry.said:
                        cancel = partial(Peer.cancel, token=self.token, number=inquiry.number)
                        self._turns.add(partial(self._say, cancel))
                self._asked.pop(inquiry.number, None)
        if inquiry.error is not None:
            raise inquiry.error

    async def _answered(self, inquiry: Inquiry) -> None:
        """Wait for the last answer; a host that says nothing for too long has none."""
        while not inquiry.over.is_set():
            deadline = inquiry.heard + self._tools.limits.answer
            if inquiry.endless or inquiry.coming:
                deadline = float("inf")
            elif trio.current_time() >= deadline:
                raise FolderError(NO_ANSWER, f"{self.name}: the host does not answer")
            with trio.CancelScope(deadline=deadline):
                await inquiry.over.wait()

    async def _say_ask(self, inquiry: Inquiry, headers: dict[str, str], body: bytes | None) -> None:
        if inquiry.over.is_set():
            return  # given up before it was said
        inquiry.said = True
        try:
            said = await self._say(lambda peer: peer.ask(self.token, inquiry.number, headers, body))
        except LocalProtocolError as error:
            inquiry.fail("failed", clean(f"cannot ask for {inquiry.do}: {error}"))
            return
        inquiry.heard = trio.current_time()
        if not said:
            inquiry.fail(NOT_CONNECTED, f"{self.name}: the connection to {self.session.label} is lost")

    def _give_up(self, reason: str, message: str) -> None:
        """No request is answered any more."""
        for inquiry in list(self._asked.values()):
            inquiry.fail(reason, message)

    async def _back_again(self) -> None:
        """Wait for the host."""
        while not self.connected:
            await self._back.wait()

    def _quoted(self, text: str) -> str:
        try:
            return codec.quote(text)
        except LocalProtocolError as error:
            raise FolderError("failed", clean(str(error))) from None

    async def _say(self, what: Callable[[Peer], Awaitable[None]]) -> bool:
        """Say something; whether it was said."""
        peer = self.session.peer
        if peer is None or self._lost:
            return False
        try:
            with trio.CancelScope(shield=True) as self._writing:  # a folder that is closed tears no record
                await what(peer)
        except PeerGone as error:
            logger.debug("%s: %s", self.name, error)
            return False
        return True

    def _start(self, task: Callable[[], Awaitable[object]]) -> bool:
        """Run *task* as long as the folder is there; whether it is."""
        if self._nursery is None:
            return False
        try:
            self._nursery.start_soon(task)
        except RuntimeError:
            logger.debug("%s: over already", self.name)
            return False
        return True
