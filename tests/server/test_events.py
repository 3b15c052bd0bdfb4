"""Events and commands are values."""

import dataclasses

import pytest

from rbridge.adapters.base import Result
from rbridge.server import events

KINDS = [*events.Event.__args__, *events.Command.__args__]


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_a_frozen_value(kind):
    values = {"result": Result.SAVED, "choose": "mine"}
    made = [kind(**{f.name: values.get(f.name, 1) for f in dataclasses.fields(kind)}) for _ in range(2)]
    assert made[0] == made[1]
    for field in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made[0], field.name, None)


def test_events_and_commands_are_apart():
    assert set(events.Event.__args__).isdisjoint(events.Command.__args__)


def test_what_stands_for_no_file_and_for_any_is_no_digest():
    assert not {events.ABSENT, events.ANY} & {"", "0" * 64}
