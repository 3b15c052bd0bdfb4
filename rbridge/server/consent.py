"""Questions that only the user on the laptop may answer, with ``rbridge allow``."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

import trio

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
    """Questions under way; one that nobody answers within *patience* seconds is answered with no."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
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
            with trio.move_on_after(self._patience):
                await question.answered.wait()
        finally:
            self._open.pop(question.id, None)
        return question.allowed

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
