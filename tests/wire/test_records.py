"""Records are values."""

from __future__ import annotations

import pytest

from rbridge.wire.records import NEED_DATA, Body, Dot, End, Eof, Event, Greeting, NeedData, Record

ALL: list[Event] = [
    Greeting("hi"),
    Record("open", {"token": "1"}, 3),
    Body(b"abc"),
    End(),
    Dot(),
    Eof("save"),
    NEED_DATA,
]


@pytest.mark.parametrize("event", ALL, ids=repr)
def test_nothing_can_be_changed(event: Event) -> None:
    for name in [*event.__slots__, "other"]:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(event, name, 1)


def test_they_compare_by_type_and_value() -> None:
    assert Body(b"a") == Body(b"a") != Body(b"b")
    assert Record("open", {"a": "b"}) == Record("open", {"a": "b"})
    assert Record("open", {"a": "b"}) != Record("open", {"a": "b"}, 0)
    assert End() == End() != Dot()
    assert Greeting("x") != "x"
    assert NeedData() == NEED_DATA


def test_they_can_be_kept_in_a_set_except_records() -> None:
    assert len({End(), End(), Dot(), Body(b"a"), Body(b"a")}) == 3
    with pytest.raises(TypeError):
        hash(Record("open", {}))


def test_a_repr_shows_everything_but_the_text() -> None:
    assert (
        repr(Record("save", {"token": "1"}, 2)) == "Record(command='save', headers={'token': '1'}, length=2)"
    )
    assert repr(Body(b"secret")) == "Body(<6 bytes>)"
    assert repr(End()) == "End()"
