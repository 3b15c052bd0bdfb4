"""The document's machine, read as conversations: what happens, and what is then to be done."""

import itertools

import pytest

from rbridge.adapters.base import Outcome, Result, State
from rbridge.server.document import (
    TRANSITIONS,
    Alert,
    Answer,
    CloseHost,
    Delivered,
    Document,
    Drop,
    EditorClosed,
    EndEditor,
    Failed,
    HostClosed,
    Keep,
    Lost,
    Opened,
    Refused,
    RefuseOpen,
    Saved,
    Send,
    Show,
    Stopping,
    Unanswered,
)

NAME = "train.py on gpu1"
SAVED = Outcome(Result.SAVED)
SENT = Outcome(Result.SENT)
LOST = f"{NAME}: the connection was lost"
ALONE = f"{NAME}: no connection to the host"
SILENT = f"{NAME}: the host did not answer"
CLOSED = f"{NAME}: closed before the save was answered"

CONVERSATIONS = {
    "open and close": [
        (Opened(), [Show(State.CLEAN)], State.CLEAN),
        (EditorClosed(), [CloseHost()], State.CLOSED),
    ],
    "save": [
        (Opened(), [Show(State.CLEAN)], State.CLEAN),
        (Saved(1), [Send(1), Show(State.SAVING)], State.SAVING),
        (Delivered(1), [Answer(1, SAVED), Show(State.CLEAN)], State.CLEAN),
    ],
    "save to a plain client": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (Delivered(1, Result.SENT), [Answer(1, SENT), Show(State.CLEAN)], State.CLEAN),
    ],
    "no editor": [
        (Failed("no vim"), [RefuseOpen("no-editor", "no vim"), Alert("no vim")], State.CLOSED),
        (Lost(), [], State.CLOSED),
    ],
    "a newer save takes the place of one that waits": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (Saved(2), [], State.SAVING),
        (Saved(3), [], State.SAVING),
        (Delivered(1), [Answer(1, SAVED), Send(3)], State.SAVING),
        (Delivered(3), [Answer(3, SAVED), Answer(2, SAVED), Show(State.CLEAN)], State.CLEAN),
    ],
    "refused": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (Refused(1, "denied", "no"), [Keep(1, Result.REFUSED, "no"), Show(State.DIRTY)], State.DIRTY),
        (Saved(2), [Send(2), Show(State.SAVING)], State.SAVING),
        (Delivered(2), [Drop(), Answer(2, SAVED), Show(State.CLEAN)], State.CLEAN),
    ],
    "conflict": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (
            Refused(1, "conflict", "c"),
            [Keep(1, Result.REFUSED, "c"), Show(State.CONFLICT)],
            State.CONFLICT,
        ),
        (Lost(), [Show(State.CONFLICT, "not connected")], State.CONFLICT),
        (Saved(2), [Keep(2, Result.KEPT, ALONE, alert=False)], State.CONFLICT),
        (EditorClosed(), [], State.CLOSED),
    ],
    "refused while a newer one waits: the newer one is what counts": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (Saved(2), [], State.SAVING),
        (Refused(1, "gone", "g"), [Answer(1, Outcome(Result.REFUSED, "g")), Send(2)], State.SAVING),
        (Delivered(2), [Answer(2, SAVED), Show(State.CLEAN)], State.CLEAN),
    ],
    "no answer, and a late one": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (Unanswered(1), [Keep(1, Result.UNCERTAIN, SILENT), Show(State.DIRTY)], State.DIRTY),
        (Delivered(1), [Drop(), Show(State.CLEAN)], State.CLEAN),
    ],
    "no answer, and a late refusal": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (Unanswered(1), ..., State.DIRTY),
        (Refused(1, "conflict", "c"), [Show(State.CONFLICT, "c")], State.CONFLICT),
    ],
    "a late answer while a newer save is on its way decides nothing": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (Unanswered(1), ..., State.DIRTY),
        (Saved(2), ..., State.SAVING),
        (Delivered(1), [], State.SAVING),
        (Refused(1, "denied", "d"), [], State.SAVING),
        (Delivered(2), [Drop(), Answer(2, SAVED), Show(State.CLEAN)], State.CLEAN),
    ],
    "an answer to a save that never was": [
        (Opened(), ..., State.CLEAN),
        (Delivered(9), [], State.CLEAN),
        (Refused(9, "denied", "d"), [], State.CLEAN),
    ],
    "connection lost between saves": [
        (Opened(), ..., State.CLEAN),
        (Lost(), [Show(State.CLEAN, "not connected")], State.CLEAN),
        (Lost(), [], State.CLEAN),
        (Saved(1), [Keep(1, Result.KEPT, ALONE)], State.DIRTY),
        (Saved(2), [Keep(2, Result.KEPT, ALONE, alert=False)], State.DIRTY),
        (EditorClosed(), [], State.CLOSED),
    ],
    "connection lost in a save": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (Lost(), [Keep(1, Result.UNCERTAIN, LOST), Show(State.DIRTY, "not connected")], State.DIRTY),
    ],
    "connection lost with a save on its way and two behind it": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (Saved(2), [], State.SAVING),
        (Saved(3), [], State.SAVING),
        (Lost(), [Keep(3, Result.KEPT, LOST, (1, 2)), Show(State.DIRTY, "not connected")], State.DIRTY),
    ],
    "connection lost while the editor starts": [
        (Lost(), [EndEditor()], State.CLOSED),
        (Opened(), [], State.CLOSED),
        (EditorClosed(), [], State.CLOSED),
    ],
    "the host closes": [
        (Opened(), ..., State.CLEAN),
        (HostClosed(), [EndEditor()], State.CLOSED),
        (Saved(1), [Keep(1, Result.KEPT, f"{NAME}: closed before it was saved")], State.CLOSED),
        (EditorClosed(), [], State.CLOSED),
    ],
    "the host closes in a save": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (HostClosed(), [Keep(1, Result.UNCERTAIN, CLOSED), EndEditor()], State.CLOSED),
    ],
    "the daemon stops": [
        (Opened(), ..., State.CLEAN),
        (Stopping(), [EndEditor(), CloseHost()], State.CLOSED),
    ],
    "the daemon stops in a save": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (Saved(2), [], State.SAVING),
        (Stopping(), [Keep(2, Result.KEPT, CLOSED, (1,)), EndEditor(), CloseHost(True)], State.CLOSED),
        (Delivered(1), [], State.CLOSED),
    ],
    "the daemon stops while the editor starts": [
        (Stopping(), [EndEditor(), CloseHost()], State.CLOSED),
    ],
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(name):
    document = Document(NAME, link=True)
    for event, commands, state in CONVERSATIONS[name]:
        done = document.handle(event)
        assert commands is ... or done == commands, event
        assert document.state is state, event


def test_a_save_that_a_plain_client_did_not_take_whole_is_kept_and_not_uncertain():
    document = Document(NAME, link=False)
    document.handle(Opened())
    document.handle(Saved(1))
    assert document.handle(Lost())[0] == Keep(1, Result.KEPT, LOST)


def test_a_save_before_the_editor_is_open_is_a_mistake():
    with pytest.raises(KeyError):
        Document(NAME, link=True).handle(Saved(1))


def test_every_state_has_a_row_and_every_transition_leads_to_a_state():
    assert set(TRANSITIONS) == set(State)
    assert all(isinstance(state, State) for row in TRANSITIONS.values() for state in row.values())


def test_nothing_leads_out_of_closed():
    assert set(TRANSITIONS[State.CLOSED].values()) == {State.CLOSED}


EVENTS = [
    lambda n: Saved(n),
    lambda n: Delivered(n),
    lambda n: Refused(n, "denied", "d"),
    lambda n: Refused(n, "conflict", "c"),
    lambda n: Unanswered(n),
    lambda n: Lost(),
    lambda n: HostClosed(),
    lambda n: EditorClosed(),
    lambda n: Stopping(),
]


def test_every_save_is_answered_once_whatever_happens():
    """All sequences of five events: each save is answered exactly once, at the latest by the close."""
    for makers in itertools.product(EVENTS, repeat=5):
        document = Document(NAME, link=True)
        document.handle(Opened())
        saves, answers, kept = 0, [], []
        for make in (*makers, EVENTS[-1]):
            event = make(saves)
            if isinstance(event, Saved):
                saves += 1
                event = Saved(saves)
            for command in document.handle(event):
                if isinstance(command, Answer):
                    answers.append(command.serial)
                elif isinstance(command, Keep):
                    kept.append(command.serial)
                    answers += [command.serial, *command.overtaken]
        assert sorted(answers) == list(range(1, saves + 1)), makers
        assert document.state is State.CLOSED
        assert kept == sorted(kept)
