"""The words themselves: values that do not change, and what tells one master from another."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from rbridge.errors import RbridgeError
from rbridge.ssh import events as ev
from rbridge.ssh.messages import Remedy
from rbridge.ssh.reasons import Reason
from rbridge.ssh.tunnel import TRANSITIONS


def test_a_master_is_its_process_whatever_else_is_said_of_it():
    one = ev.Carrier("/run/cm.1", 7, own=True)
    assert one == ev.Carrier("/elsewhere/cm", 7, own=False)
    assert one != dataclasses.replace(one, pid=8)


def test_a_failure_says_what_its_reason_says():
    reason = Reason("refused", "connection refused", "is the host up?", Remedy.NETWORK)
    failed = ev.Failed(reason)
    assert isinstance(failed, RbridgeError)
    assert (failed.line(), failed.exit_code) == ("connection refused (is the host up?)", 69)
    assert failed.reason is reason


@pytest.mark.parametrize("word", [*typing.get_args(ev.Event), *typing.get_args(ev.Command)])
def test_every_word_is_a_value(word):
    assert word.__dataclass_params__.frozen


def test_what_users_see_of_the_states_is_what_the_documents_call_them():
    assert [state.value for state in TRANSITIONS] == [
        "down",
        "connecting",
        "up",
        "suspect",
        "needs-you",
        "ended",
    ]
