"""Questions that only the user on the laptop may answer: with ``rbridge allow``, or in the editor."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import trio

from rbridge.server.log import logger

YES, NO = "Open", "Refuse"
ANSWERS = (YES, NO)

Ask = Callable[[str, Sequence[str]], Awaitable["str | None"]]
"""Puts a question in an editor; its answer, or None where there is none."""

WAITING = 32  # questions at once; a peer that asks more is refused


@dataclass
class Question:
    """*text* is what is asked, cleaned; *asked* is when, in seconds since the epoch."""

    id: str
    text: str
    asked: float
    answered: trio.Event = field(default_factory=trio.Event)
    allowed: bool = False


class Consent:
    """Questions under way; one that nobody answers within *patience* seconds is answered with no.

    Each is put with *ask* too, and the first answer counts.
    """

    def __init__(self, patience: float, ask: Ask | None = None) -> None:
        self._patience = patience
        self._ask = ask
        self._open: dict[str, Question] = {}

    def question(self, text: str) -> Question | None:
        """Put a question; None when too many wait already. The caller waits with :meth:`wait`."""
        if len(self._open) >= WAITING:
            return None
        question = Question(secrets.token_hex(2), text, time.time())
        while question.id in self._open:
            question.id = secrets.token_hex(2)
        self._open[question.id] = question
        return question

    async def wait(self, question: Question) -> bool:
        """Whether the user said yes."""
        try:
            async with trio.open_nursery() as nursery:
                if self._ask is not None:
                    nursery.start_soon(self._put, question, self._ask)
                with trio.move_on_after(self._patience):
                    await question.answered.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._open.pop(question.id, None)
        return question.allowed

    async def _put(self, question: Question, ask: Ask) -> None:
        """Ask in an editor; where nobody answers there, ``rbridge allow`` still does."""
        try:
            said = await ask(question.text, ANSWERS)
        except Exception:
            logger.exception("no question can be put in the editor")
            return
        if said is not None:
            self.answer(question.id, said == YES)

    def pending(self) -> list[Question]:
        """What waits for an answer, oldest first."""
        return list(self._open.values())

    def answer(self, number: str, allowed: bool) -> Question | None:
        """Answer question *number*; None if there is no such question (any more)."""
        question = self._open.pop(number, None)
        if question is not None:
            question.allowed = allowed
            question.answered.set()
        return question
