"""One request about a folder, from the question to the last of its answers.

The answers of a host go to :meth:`Inquiry.sink` as they come; what they are is checked where they are taken.
A host that says more than was asked for, or what makes no sense, fails this request and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import trio

from rbridge.adapters.folder import FolderError
from rbridge.errors import RemoteProtocolError, clean
from rbridge.server import answers
from rbridge.server.inflate import Inflating
from rbridge.wire import codec, values

if TYPE_CHECKING:
    from rbridge.adapters.base import Wanted

ANSWER = 4 << 20  # bytes of one answer's body, unpacked
ALL = 64 << 20  # bytes of all bodies of one request

Take = Callable[[Mapping[str, str], bytes], None]
"""Takes one answer: its headers and its body. Raises FolderError and RemoteProtocolError."""


class Inquiry:
    """Request *number*, which does *do*; *take* gets each answer. *endless*: it may go on for ever."""

    def __init__(self, number: int, do: str, take: Take, *, endless: bool = False) -> None:
        self.number = number
        self.do = do
        self.over = trio.Event()
        """Nobody waits for it any more, or nothing more comes."""
        self.told = True
        """Whether somebody still wants the answer."""
        self.error: FolderError | None = None
        self.document = ""
        """The id of the document that was open already."""
        self.wanted: Wanted | None = None
        self.base: str | None = None
        self.endless = endless
        self.said = False
        self.coming = False
        """Whether the document that was asked for is arriving."""
        self.heard = trio.current_time()
        self._take = take
        self._left = ALL

    def sink(self, said: Mapping[str, str]) -> AnswerSink:
        """For the body of an answer with these headers. Raises RemoteProtocolError when it is malformed."""
        return AnswerSink(self, said)

    def heard_all(self, said: Mapping[str, str], body: bytes) -> None:
        """One answer is here, whole."""
        self.heard = trio.current_time()
        self._left = ANSWER if self.endless else self._left - len(body)
        if self._left < 0:
            self.fail("failed", "the host's answer is larger than anything that was asked for")
            return
        if "reason" in said:
            message = clean(codec.unquote(said.get("message", "")))
            reason = clean(said["reason"])[:32]
            self.fail(reason, message or "the host could not do it", _there(reason, body))
            return
        if self.told and not self.over.is_set():
            try:
                self._take(said, body)
            except RemoteProtocolError as error:
                self.fail("failed", clean(str(error)))
            except FolderError as error:
                self.fail(error.reason, str(error))
        if said.get("more") != "yes":
            self.over.set()

    def fail(self, reason: str, message: str, there: str = "") -> None:
        """It comes to nothing."""
        if not self.over.is_set():
            self.error = FolderError(reason, message, there)
            self.over.set()


class AnswerSink:
    """The body of one answer."""

    def __init__(self, inquiry: Inquiry, said: Mapping[str, str]) -> None:
        self._inquiry = inquiry
        self._said = said
        self._body = bytearray()
        self._inflating: Inflating | None = None
        if "encoding" in said:
            values.one_of(said["encoding"], ("zlib",))
            self._inflating = Inflating(values.size(said.get("size"), values.SERIAL))

    async def write(self, data: bytes, /) -> None:
        """Take the next piece; more than anybody asked for is passed over."""
        if self._inflating is None:
            self._add(data)
            return
        for piece in self._inflating.feed(data):
            self._add(piece)
            await trio.lowlevel.checkpoint()

    def complete(self) -> None:
        if self._inflating is not None:
            self._inflating.finish()
        self._inquiry.heard_all(self._said, bytes(self._body))

    def abandon(self) -> None:
        self._body.clear()

    def _add(self, data: bytes) -> None:
        if len(self._body) + len(data) > ANSWER:
            self._inquiry.fail("failed", "the host's answer is larger than anything that was asked for")
        if self._inquiry.told and not self._inquiry.over.is_set():
            self._body += data


def _there(reason: str, body: bytes) -> str:
    """What a conflict says is there, as far as that makes sense."""
    if reason != "conflict":
        return ""
    try:
        return answers.written(answers.parse(body))
    except RemoteProtocolError:
        return ""


class Passed:
    """Where an answer goes that nobody waits for."""

    async def write(self, data: bytes, /) -> None:
        """Pass over *data*."""

    def complete(self) -> None:
        """Nothing came of it."""

    def abandon(self) -> None:
        """There is nothing to leave."""
