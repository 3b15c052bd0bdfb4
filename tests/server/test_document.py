"""The document's machine, read as conversations: what happens, and what is then to be done."""

import pytest

from rbridge.adapters.base import Outcome, Result, State
from rbridge.server.document import NEXT_STEP, Document
from rbridge.server.events import (
    ABSENT,
    Alert,
    Answer,
    CloseHost,
    Delivered,
    Drop,
    EditorClosed,
    EndEditor,
    Failed,
    Fetch,
    HostChanged,
    HostClosed,
    HostGone,
    Keep,
    KeepTheirs,
    Lost,
    NotTaken,
    Opened,
    Refused,
    RefuseOpen,
    Replace,
    Resumed,
    Saved,
    SayOpened,
    Send,
    SetAside,
    Settle,
    Show,
    Stopping,
    Taken,
    Unanswered,
)

NAME = "train.py on gpu1"
SAVED = Outcome(Result.SAVED)
SENT = Outcome(Result.SENT)
LOST = f"{NAME}: the connection was lost"
ALONE = f"{NAME}: no connection to the host: it is sent when that is back"
SILENT = f"{NAME}: the host did not answer"
CONFLICT = f"{NAME}: the file was changed on the host meanwhile, and nothing was overwritten; {NEXT_STEP}"
GONE = f"{NAME}: the file is gone on the host, and nothing was overwritten; {NEXT_STEP}"
CLOSED = f"{NAME}: closed before the save was answered"

CONVERSATIONS = {
    "open and close": [
        (Opened(), [SayOpened(), Show(State.CLEAN)], State.CLEAN),
        (EditorClosed(), [CloseHost()], State.CLOSED),
    ],
    "save": [
        (Opened(), [SayOpened(), Show(State.CLEAN)], State.CLEAN),
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
        (Refused(1, "denied", "no"), [Keep(1, Result.REFUSED, "no"), Show(State.DIRTY, "no")], State.DIRTY),
        (Saved(2), [Send(2), Show(State.SAVING)], State.SAVING),
        (Delivered(2), [Drop(), Answer(2, SAVED), Show(State.CLEAN)], State.CLEAN),
    ],
    "conflict": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (
            Refused(1, "conflict", "c"),
            [Keep(1, Result.REFUSED, CONFLICT), Show(State.CONFLICT, CONFLICT)],
            State.CONFLICT,
        ),
        (Lost(), [Show(State.CONFLICT, "not connected")], State.CONFLICT),
        (Saved(2), [Keep(2, Result.KEPT, ALONE, alert=False)], State.CONFLICT),
        (EditorClosed(), [], State.CONFLICT),
        (Stopping(), [EndEditor()], State.CLOSED),
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
        (Unanswered(1), [Keep(1, Result.UNCERTAIN, SILENT), Show(State.DIRTY, SILENT)], State.DIRTY),
        (Delivered(1), [Drop(), Show(State.CLEAN)], State.CLEAN),
    ],
    "no answer, and a late refusal": [
        (Opened(), ..., State.CLEAN),
        (Saved(1), ..., State.SAVING),
        (Unanswered(1), ..., State.DIRTY),
        (Refused(1, "conflict", "c"), [Show(State.CONFLICT, CONFLICT)], State.CONFLICT),
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
        (EditorClosed(), [], State.DIRTY),
        (Resumed(""), [Send(2), Show(State.SAVING)], State.SAVING),
        (Delivered(2), [Drop(), Show(State.CLEAN), CloseHost()], State.CLOSED),
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
        (Lost(), [], State.OPENING),
        (Opened(), [Show(State.CLEAN, "not connected")], State.CLEAN),
        (Resumed(""), [SayOpened(), Show(State.CLEAN)], State.CLEAN),
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

# The same with digests: what the host has decides. A text's digest is its own word here; "old" was opened.
IN_CONFLICT = [
    (Opened(), ..., State.CLEAN),
    (Saved(1, "mine"), [Send(1, "old"), Show(State.SAVING)], State.SAVING),
    (
        Refused(1, "conflict", "c", "theirs"),
        [Keep(1, Result.REFUSED, CONFLICT), Show(State.CONFLICT, CONFLICT)],
        State.CONFLICT,
    ),
]
DETACHED = [
    (Opened(), ..., State.CLEAN),
    (Lost(), ..., State.CLEAN),
    (Saved(1, "mine"), ..., State.DIRTY),
]

MEETINGS = {
    "a save stands on the one before": [
        (Opened(), ..., State.CLEAN),
        (Saved(1, "a"), [Send(1, "old"), Show(State.SAVING)], State.SAVING),
        (Saved(2, "b"), [], State.SAVING),
        (Delivered(1), [Answer(1, SAVED), Send(2, "a")], State.SAVING),
    ],
    "equal content is no conflict": [
        *IN_CONFLICT[:2],
        (Refused(1, "conflict", "c", "mine"), [Answer(1, SAVED), Show(State.CLEAN)], State.CLEAN),
        (Saved(2, "b"), [Send(2, "mine"), Show(State.SAVING)], State.SAVING),
    ],
    "saving again in a conflict": [
        *IN_CONFLICT,
        (Saved(2, "more"), [Send(2, "old"), Show(State.SAVING)], State.SAVING),
    ],
    "mine goes over what was shown, and over nothing else": [
        *IN_CONFLICT,
        (Settle("mine"), [Send(1, "old", "theirs"), Show(State.SAVING)], State.SAVING),
        (
            Refused(1, "conflict", "c", "others"),
            [Alert(CONFLICT), Show(State.CONFLICT, CONFLICT)],
            State.CONFLICT,
        ),
        (Saved(2, "more"), [Send(2, "old"), Show(State.SAVING)], State.SAVING),
    ],
    "the next save goes over what was shown": [
        *IN_CONFLICT,
        (Settle("over"), [], State.CONFLICT),
        (Saved(2, "more"), [Send(2, "old", "theirs"), Show(State.SAVING)], State.SAVING),
        (Delivered(2), [Drop(), Answer(2, SAVED), Show(State.CLEAN)], State.CLEAN),
    ],
    "theirs takes the place of mine, which is kept": [
        *IN_CONFLICT,
        (Settle("theirs"), [SetAside(1), Fetch()], State.CONFLICT),
        (HostChanged("theirs"), [KeepTheirs("theirs"), Replace("theirs")], State.CONFLICT),
        (Taken("theirs"), [Show(State.CLEAN)], State.CLEAN),
        (Saved(2, "more"), [Send(2, "theirs"), Show(State.SAVING)], State.SAVING),
    ],
    "the host goes back to the base": [
        *IN_CONFLICT,
        (HostChanged("old"), [Send(1, "old"), Show(State.SAVING)], State.SAVING),
    ],
    "the host gets the same text another way": [
        *IN_CONFLICT,
        (HostChanged("mine"), [Drop(), Show(State.CLEAN)], State.CLEAN),
    ],
    "an answer that was lost is made good by the next save": [
        (Opened(), ..., State.CLEAN),
        (Saved(1, "a"), ..., State.SAVING),
        (Unanswered(1), ..., State.DIRTY),
        (Saved(2, "b"), [Send(2, "old"), Show(State.SAVING)], State.SAVING),
        (Refused(2, "conflict", "c", "a"), [Send(2, "a")], State.SAVING),
        (Delivered(2), [Drop(), Answer(2, SAVED), Show(State.CLEAN)], State.CLEAN),
    ],
    "back, and the text arrived": [
        *DETACHED,
        (Resumed("mine"), [SayOpened(), Drop(), Show(State.CLEAN)], State.CLEAN),
    ],
    "back, the text arrived and was changed since": [
        *DETACHED,
        (Resumed("other", 1), [SayOpened(), Drop(), Show(State.CLEAN), Fetch()], State.CLEAN),
    ],
    "back, and nothing happened": [
        *DETACHED,
        (Resumed("old"), [SayOpened(), Send(1, "old"), Show(State.SAVING)], State.SAVING),
        (Delivered(1), [Drop(), Show(State.CLEAN)], State.CLEAN),
    ],
    "back, and lost again": [
        *DETACHED,
        (Resumed("old"), ..., State.SAVING),
        (Lost(), [Show(State.DIRTY, "not connected")], State.DIRTY),
        (Resumed("old"), [SayOpened(), Send(1, "old"), Show(State.SAVING)], State.SAVING),
    ],
    "back, and the file is another one": [
        *DETACHED,
        (Resumed("theirs"), [SayOpened(), Alert(CONFLICT), Show(State.CONFLICT, CONFLICT)], State.CONFLICT),
    ],
    "back, and the file is gone": [
        *DETACHED,
        (Resumed(ABSENT), [SayOpened(), Alert(GONE), Show(State.CONFLICT, GONE)], State.CONFLICT),
        (Settle("mine"), [Send(1, "old", ABSENT), Show(State.SAVING)], State.SAVING),
    ],
    "back, the editor is gone and the file another one": [
        *DETACHED,
        (EditorClosed(), [], State.DIRTY),
        (
            Resumed("theirs"),
            [Alert(CONFLICT), Show(State.CONFLICT, CONFLICT), CloseHost(True)],
            State.CLOSED,
        ),
    ],
    "closed in a save: the answer is waited for": [
        *IN_CONFLICT[:2],
        (EditorClosed(), [], State.SAVING),
        (Delivered(1), [Answer(1, SAVED), Show(State.CLEAN), CloseHost()], State.CLOSED),
    ],
    "changed on the host": [
        (Opened(), ..., State.CLEAN),
        (HostChanged("new"), [KeepTheirs("new"), Replace("new")], State.CLEAN),
        (Taken("new"), [Show(State.CLEAN)], State.CLEAN),
        (HostChanged("new"), [Show(State.CLEAN)], State.CLEAN),
    ],
    "the host goes back while its text is put into the editor": [
        (Opened(), ..., State.CLEAN),
        (Lost(), ..., State.CLEAN),
        (Resumed("new", 0), [SayOpened(), Show(State.CLEAN), Fetch()], State.CLEAN),
        (HostChanged("new"), [KeepTheirs("new"), Replace("new")], State.CLEAN),
        (Lost(), ..., State.CLEAN),
        (Resumed("old", 0), [SayOpened(), Show(State.CLEAN), Fetch()], State.CLEAN),
        (Taken("new"), [Show(State.CLEAN)], State.CLEAN),
        (HostChanged("old"), [KeepTheirs("old"), Replace("old")], State.CLEAN),
        (Taken("old"), [Show(State.CLEAN)], State.CLEAN),
    ],
    "the same, and the editor had saved the text that the host went back to": [
        (Opened(), ..., State.CLEAN),
        (HostChanged("new"), [KeepTheirs("new"), Replace("new")], State.CLEAN),
        (Lost(), ..., State.CLEAN),
        (Saved(1, "old"), ..., State.DIRTY),
        (Resumed("old", 0), [SayOpened(), Drop(), Show(State.CLEAN)], State.CLEAN),
        (Taken("new"), [Show(State.CLEAN), Fetch()], State.CLEAN),
    ],
    "a text that the host has no more is not taken, which changes nothing of a conflict": [
        (Opened(), ..., State.CLEAN),
        (HostChanged("new"), ..., State.CLEAN),
        (HostChanged("old"), ..., State.CLEAN),
        (Lost(), ..., State.CLEAN),
        (Saved(1, "mine"), ..., State.DIRTY),
        (Resumed(ABSENT, 0), ..., State.CONFLICT),
        (NotTaken("new"), [], State.CONFLICT),
        (NotTaken("old"), [], State.CONFLICT),
    ],
    "changed on the host, and the editor keeps its text": [
        (Opened(), ..., State.CLEAN),
        (HostChanged("new"), ..., State.CLEAN),
        (NotTaken("new"), [Alert(CONFLICT), Show(State.CONFLICT, CONFLICT)], State.CONFLICT),
        (Saved(1, "mine"), [Send(1, "old"), Show(State.SAVING)], State.SAVING),
    ],
    "changed on the host in a save: the answer decides": [
        *IN_CONFLICT[:2],
        (HostChanged("new"), [KeepTheirs("new")], State.SAVING),
        (Delivered(1), [Answer(1, SAVED), Show(State.CLEAN)], State.CLEAN),
    ],
    "gone on the host": [
        (Opened(), ..., State.CLEAN),
        (HostGone("gone", "it is gone"), [Alert("it is gone"), Show(State.CLEAN, "it is gone")], State.CLEAN),
        (Settle("mine"), ..., State.CLEAN),
        (Saved(1, "mine"), [Send(1, "old", ABSENT), Show(State.SAVING)], State.SAVING),
    ],
}


@pytest.mark.parametrize("name", MEETINGS)
def test_meeting(name):
    document = Document(NAME, link=True, base="old")
    for event, commands, state in MEETINGS[name]:
        done = document.handle(event)
        assert commands is ... or done == commands, event
        assert document.state is state, event


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


def test_saves_that_were_never_sent_are_not_remembered():
    document = Document(NAME, link=True, base="old")
    document.handle(Opened())
    document.handle(Saved(1, "one"))
    document.handle(Lost())
    for serial in range(2, 50):
        document.handle(Saved(serial, f"text {serial}"))
    assert document.digests == {1: "one", 49: "text 49"}
