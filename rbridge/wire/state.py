"""Who may say what, when: one table for each party, and nowhere else.

A table maps a state to the events possible in it and the states they lead to; an event that is not there is
a protocol error. Names in lower case are commands, those in capitals the other events. What holds in every
state stands in ``ANYWHERE``; what one party's state does to the other's in ``TRIGGERED``. A change here is
a change of ``docs/protocol.md``, whose diagrams are drawn from these tables: run
``python -m tests.wire.diagrams``.
"""

from rbridge.errors import LocalProtocolError

MYPY = False
if MYPY:
    from typing import Dict, List, Tuple

    Table = Dict[str, Dict[str, str]]

HOST = "host"
"""The party that has the file: an rmate client, or ours."""
EDITOR = "editor"
"""The party that edits it: an rmate server, or our daemon."""

GREETING, OFFER = "GREETING", "OFFER"  # a greeting without and with link/1
BODY, END, EOF, ERROR = "BODY", "END", "EOF", "ERROR"

START, INVITED, IDLE, OPENING = "start", "invited", "idle", "opening"
INTRODUCING, LINKED, PRESENTING, TELLING = "introducing", "linked", "presenting", "telling"
SILENT, OFFERING, PLAIN, SAVING, CLOSING = "silent", "offering", "plain", "saving", "closing"
DELIVERING, LEAVING = "delivering", "leaving"
ENDED, FAILED = "ended", "failed"


def _each(words: str, leads: str) -> "Dict[str, str]":
    """Each of these records leads there."""
    return dict.fromkeys(words.split(), leads)


TABLES: "Dict[str, Table]" = {
    HOST: {
        START: {"open": OPENING, ".": IDLE},
        INVITED: {"open": OPENING, ".": IDLE, "link": INTRODUCING},
        IDLE: {"open": OPENING, ".": IDLE},
        OPENING: {BODY: OPENING, END: IDLE},
        INTRODUCING: {END: LINKED},
        LINKED: dict(
            _each("open changed append answer bytes", PRESENTING),
            **_each(
                "folder port resume saved refused slow gone resolve streaming ended close beat",
                TELLING,
            ),
        ),
        PRESENTING: {BODY: PRESENTING, END: LINKED},
        TELLING: {END: LINKED},
        ENDED: {},
        FAILED: {},
    },
    EDITOR: {
        SILENT: {GREETING: PLAIN, OFFER: OFFERING},
        OFFERING: {},
        PLAIN: {"save": SAVING, "close": CLOSING},
        SAVING: {BODY: SAVING, END: PLAIN},
        CLOSING: {END: PLAIN},
        LINKED: dict(
            _each("save mine ask bytes", DELIVERING),
            bye=LEAVING,
            **_each("cancel stream ended linked opened refused fetch focus state dial close beat", TELLING),
        ),
        DELIVERING: {BODY: DELIVERING, END: LINKED},
        TELLING: {END: LINKED},
        LEAVING: {END: ENDED},
        ENDED: {},
        FAILED: {},
    },
}

ANYWHERE = {EOF: ENDED, ERROR: FAILED}

TRIGGERED: "Dict[Tuple[str, str], Tuple[str, str]]" = {
    # (the host's state, the editor's state): (who moves, where to)
    (START, OFFERING): (HOST, INVITED),
    (INTRODUCING, OFFERING): (EDITOR, LINKED),
    (OPENING, OFFERING): (EDITOR, PLAIN),
    (IDLE, OFFERING): (EDITOR, PLAIN),
}


class States:
    """Where both parties of one connection stand."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = {HOST: START, EDITOR: SILENT}

    def check(self, party: str, event: str) -> str:
        """The state that *event* would lead *party* to; raises :class:`LocalProtocolError` if it may not."""
        row = TABLES[party][self.now[party]]
        if event in row:
            return row[event]
        if event in ANYWHERE:
            return ANYWHERE[event]
        raise LocalProtocolError("{} cannot say {} while {}".format(party, event, self.now[party]))

    def step(self, party: str, event: str) -> None:
        """Move *party* by *event*, and the other one where that follows; raises like :meth:`check`."""
        self.now[party] = self.check(party, event)
        moved = TRIGGERED.get((self.now[HOST], self.now[EDITOR]))
        if moved:
            self.now[moved[0]] = moved[1]

    def has_body(self, party: str, command: str) -> bool:
        """Whether the record that *command* begins may have a body; raises like :meth:`check`."""
        return BODY in TABLES[party][self.check(party, command)]

    def commands(self, party: str) -> "List[str]":
        """What *party* may begin now, or, inside a record, as soon as that has ended."""
        table = TABLES[party]
        row = table[self.now[party]]
        if END in row:
            row = table[row[END]]
        return [event for event in row if not event.isupper()]
