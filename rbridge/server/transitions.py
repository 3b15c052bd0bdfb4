"""The table of :mod:`rbridge.server.document`: for each state, where each kind of event leads.

What is absent raises. The kinds are events as the document reads them in the light of its digests:
``changed`` with the content that the document has anyway is another kind than ``changed`` with a foreign one.
"""

from __future__ import annotations

from rbridge.adapters.base import State

_CLOSES = {
    "host closed": State.CLOSED,
    "editor closed": State.CLOSED,
    "daemon stops": State.CLOSED,
}
_ANSWERS = {
    "delivered": State.CLEAN,
    "refused": State.DIRTY,
    "refused: conflict": State.CONFLICT,
}
# No text waits to be delivered: the host's text is the newest.
_IDLE = {
    "resumed": State.CLEAN,
    "resumed: changed": State.CLEAN,
    "resumed: gone": State.CLEAN,
    "changed: same": State.CLEAN,
    "taken": State.CLEAN,
    "not taken": State.CONFLICT,
    "not taken: a newer one follows": State.CLEAN,
}
# A text waits in the spool.
_PENDING = {
    "resumed: delivered": State.CLEAN,
    "resumed: to send": State.SAVING,
    "resumed: conflict": State.CONFLICT,
    "changed: delivered": State.CLEAN,
    "changed: conflict": State.CONFLICT,
    "gone: conflict": State.CONFLICT,
}

TRANSITIONS: dict[State, dict[str, State]] = {
    State.OPENING: {
        "opened": State.CLEAN,
        "failed": State.CLOSED,
        "lost": State.OPENING,
        "lost for good": State.CLOSED,
        "resumed": State.OPENING,
        "resumed: changed": State.OPENING,
        "resumed: gone": State.OPENING,
        "changed": State.OPENING,
        "changed: same": State.OPENING,
        "gone": State.OPENING,
        **_CLOSES,
    },
    State.CLEAN: {
        "opened": State.CLEAN,
        "save": State.SAVING,
        "save while detached": State.DIRTY,
        "lost": State.CLEAN,
        "lost for good": State.CLEAN,
        **_IDLE,
        "resumed: decided": State.CLEAN,
        "changed": State.CLEAN,
        "gone": State.CLEAN,
        "settled: mine, later": State.CLEAN,
        "settled: theirs": State.CLEAN,
        "nothing under way": State.CLOSED,
        **_CLOSES,
    },
    State.SAVING: {
        "save": State.SAVING,
        **_ANSWERS,
        "refused: ours": State.SAVING,
        "unanswered": State.DIRTY,
        "lost": State.DIRTY,
        "lost for good": State.DIRTY,
        "changed: for later": State.SAVING,
        "not taken": State.SAVING,
        "not taken: a newer one follows": State.SAVING,
        "gone": State.SAVING,
        "gone: conflict": State.SAVING,
        "editor closed, text under way": State.SAVING,
        **_CLOSES,
    },
    # An answer in DIRTY and CONFLICT is a late one, to a save that was given up as unanswered. In DIRTY a
    # text is always pending; in CONFLICT it may be one that the editor has not saved.
    State.DIRTY: {
        "save": State.SAVING,
        "save while detached": State.DIRTY,
        **_ANSWERS,
        "lost": State.DIRTY,
        "lost for good": State.DIRTY,
        **_PENDING,
        "changed: same": State.DIRTY,
        "not taken": State.DIRTY,
        "not taken: a newer one follows": State.DIRTY,
        "gone": State.DIRTY,
        "editor closed, text under way": State.DIRTY,
        "nothing under way": State.CLOSED,
        **_CLOSES,
    },
    State.CONFLICT: {
        "save": State.SAVING,
        "save while detached": State.CONFLICT,
        **_ANSWERS,
        "refused": State.CONFLICT,
        "lost": State.CONFLICT,
        "lost for good": State.CONFLICT,
        **_IDLE,
        **_PENDING,
        "not taken: a newer one follows": State.CONFLICT,
        "resumed: changed": State.CONFLICT,
        "resumed: gone": State.CONFLICT,
        "resumed: decided": State.CONFLICT,
        "changed": State.CONFLICT,
        "changed: back": State.SAVING,
        "changed: for later": State.CONFLICT,
        "gone": State.CONFLICT,
        "settled: mine": State.SAVING,
        "settled: mine, later": State.CONFLICT,
        "settled: theirs": State.CONFLICT,
        "editor closed, text under way": State.CONFLICT,
        "nothing under way": State.CLOSED,
        **_CLOSES,
    },
    State.CLOSED: {},
}

TRANSITIONS[State.CLOSED] = {
    kind: State.CLOSED
    for row in TRANSITIONS.values()
    for kind in row
    if kind not in ("save", "nothing under way")
}
