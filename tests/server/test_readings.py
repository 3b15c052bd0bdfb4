"""What an event is, in the light of what the document knows."""

import pytest

from rbridge.adapters.base import State
from rbridge.server.events import (
    ABSENT,
    ANY,
    EditorClosed,
    HostChanged,
    HostGone,
    Lost,
    Refused,
    Resumed,
    Settle,
)
from rbridge.server.readings import Readings

NAME = "train.py on gpu1"
CLEAN = {"state": State.CLEAN}
PENDING = {"state": State.DIRTY, "unsettled": 3, "digests": {2: "earlier", 3: "mine"}}
SENT = {"state": State.SAVING, "on_the_way": 3, "stood_on": "old", "digests": {2: "earlier", 3: "mine"}}

KINDS = [
    (CLEAN, Resumed("old"), "resumed"),
    (CLEAN, Resumed("new"), "resumed: changed"),
    (CLEAN, Resumed(ABSENT), "resumed: gone"),
    ({**CLEAN, "over": ABSENT}, Resumed(ABSENT), "resumed: decided"),
    ({**CLEAN, "replacing": 1}, Resumed("old"), "resumed: changed"),
    (PENDING, Resumed("old"), "resumed: to send"),
    (PENDING, Resumed("earlier"), "resumed: to send"),
    (PENDING, Resumed("mine"), "resumed: delivered"),
    (PENDING, Resumed("new", 3), "resumed: delivered"),
    (PENDING, Resumed("new"), "resumed: conflict"),
    ({**PENDING, "over": "new"}, Resumed("new"), "resumed: to send"),
    ({**PENDING, "over": "new"}, Resumed("newer"), "resumed: conflict"),
    ({**PENDING, "over": ANY}, Resumed("newer"), "resumed: to send"),
    (CLEAN, HostChanged("old"), "changed: same"),
    (CLEAN, HostChanged("new"), "changed"),
    ({**CLEAN, "replacing": 1}, HostChanged("old"), "changed"),
    ({**CLEAN, "yielding": True}, HostChanged("old"), "changed"),
    (PENDING, HostChanged("old"), "changed: same"),
    (PENDING, HostChanged("mine"), "changed: delivered"),
    (PENDING, HostChanged("new"), "changed: conflict"),
    ({**PENDING, "state": State.CONFLICT}, HostChanged("old"), "changed: back"),
    (SENT, HostChanged("new"), "changed: for later"),
    (SENT, Refused(3, "denied", "d"), "refused"),
    (SENT, Refused(3, "conflict", "c", "new"), "refused: conflict"),
    (SENT, Refused(3, "conflict", "c", "earlier"), "refused: ours"),
    (SENT, Refused(3, "conflict", "c", "old"), "refused: conflict"),
    (SENT, Refused(3, "gone", "g", ABSENT), "refused: conflict"),
    (SENT, Refused(3, "gone", "g"), "refused"),
    (PENDING, HostGone("gone", "g"), "gone: conflict"),
    (PENDING, HostGone("denied", "d"), "gone"),
    (CLEAN, HostGone("gone", "g"), "gone"),
    (PENDING, Settle("mine"), "settled: mine"),
    ({**PENDING, "attached": False}, Settle("mine"), "settled: mine, later"),
    (PENDING, Settle("over"), "settled: mine, later"),
    (SENT, EditorClosed(), "editor closed, text under way"),
    ({**PENDING, "attached": False}, EditorClosed(), "editor closed, text under way"),
    (PENDING, EditorClosed(), "editor closed"),
    ({**SENT, "link": False}, EditorClosed(), "editor closed"),
    ({**SENT, "link": False}, Lost(), "lost for good"),
]


@pytest.mark.parametrize(("known", "event", "kind"), KINDS)
def test_kind(known, event, kind):
    reading = Readings(NAME, **{"link": True, "base": "old", **known})
    assert reading._kind(reading._read(event)) == kind


def test_what_the_host_has_of_ours_is_the_base_of_what_follows():
    reading = Readings(NAME, True, "old", **PENDING)
    reading._kind(Resumed("new", 2))
    assert (reading.base, reading.digests) == ("earlier", {3: "mine"})


def test_a_conflict_can_be_settled_and_so_can_a_file_that_is_gone():
    assert Readings(NAME, True, "old", State.CONFLICT).disputed
    assert Readings(NAME, True, "old", State.CLEAN, theirs=ABSENT).disputed
    assert not Readings(NAME, True, "old", State.CLEAN).disputed
