"""What is decided, without a disk."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from rbridge.client.plan import (
    CREATE,
    IN_PLACE,
    NOTHING,
    REFUSE,
    REPLACE,
    UNKNOWN,
    Facts,
    Plan,
    Target,
    describe,
    plan,
)
from rbridge.client.stamp import Stamp, of_content

BASE = Stamp(4, "base", 1, 2, 3, 4, 5)
OTHER = Stamp(4, "other", 1, 2, 3, 4, 5)
NEW = Stamp(3, "new", 1, 2, 3, 4, 5)


def decided(
    base: Any = BASE,
    force: bool = False,
    read_only: bool = False,
    unprotect: bool = False,
    over: Any = UNKNOWN,
    **facts: Any,
) -> Plan:
    facts.setdefault("now", BASE)
    target = Target("/data/train.py", base, read_only, unprotect, over)
    return plan(Facts("/data/train.py", **facts), target, NEW.size, NEW.sha256, force)


def test_an_unchanged_file_is_replaced() -> None:
    assert decided() == Plan(REPLACE)
    assert hash(decided()) == hash(Plan(REPLACE))
    assert repr(Plan(REPLACE)) == "Plan('replace', '', '')"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"links": 2}, "it has 2 hard links"),
        ({"not_beside": errno.EACCES}, "nothing can be made in its directory"),
        ({"ours": False}, "it belongs to another user"),
        ({"uncopied": "group"}, "its group cannot be carried over to a new file"),
    ],
)
def test_what_cannot_be_replaced_is_written_in_place(facts: dict[str, Any], why: str) -> None:
    assert decided(**facts) == Plan(IN_PLACE, "", why)
    assert decided(now=OTHER, **facts).reason == "conflict"
    assert decided(now=None, unstable=True, force=True, **facts).reason == "conflict"
    assert decided(write_error=errno.EACCES, force=True, **facts).reason == "denied"


@pytest.mark.parametrize("base", [BASE, None, UNKNOWN])
def test_equal_content_needs_nothing_whatever_the_base(base: Any) -> None:
    assert decided(base, now=NEW) == Plan(NOTHING)
    assert decided(base, now=NEW, write_error=errno.EACCES) == Plan(NOTHING)


@pytest.mark.parametrize(
    ("base", "facts", "why"),
    [
        (BASE, {"now": OTHER}, "it was changed meanwhile"),
        (None, {}, "a file of that name has appeared meanwhile"),
        (UNKNOWN, {}, "it was being changed while it was opened"),
        (BASE, {"now": None, "unstable": True}, "another program is writing to it"),
    ],
)
def test_what_the_user_has_not_seen_is_a_conflict_unless_forced(
    base: Any, facts: dict[str, Any], why: str
) -> None:
    assert decided(base, **facts) == Plan(REFUSE, "conflict", why)
    assert decided(base, force=True, **facts) == Plan(REPLACE)


@pytest.mark.parametrize("base", [BASE, None, UNKNOWN, of_content("base")])
def test_what_the_user_saw_may_be_overwritten_and_nothing_else(base: Any) -> None:
    third = Stamp(4, "third", 1, 2, 3, 4, 5)
    for over in (OTHER, of_content("other")):
        assert decided(base, over=over, now=OTHER) == Plan(REPLACE)
        assert decided(base, over=over, now=OTHER, links=2).kind == IN_PLACE
        assert decided(base, over=over, now=third).reason == "conflict"
        assert decided(base, over=over, now=None, unstable=True).reason == "conflict"
    assert decided(base, over=None, exists=False, now=None) == Plan(CREATE)
    assert decided(base, over=None, now=OTHER).reason == "conflict"
    assert decided(OTHER, over=OTHER, exists=False, now=None).reason == "gone"


def test_a_base_known_by_its_hash_alone_is_a_base() -> None:
    assert decided(of_content("base")) == Plan(REPLACE)
    assert decided(of_content("base"), now=OTHER).reason == "conflict"


def test_a_file_that_is_not_there() -> None:
    assert decided(None, exists=False, now=None) == Plan(CREATE)
    assert decided(exists=False, now=None).reason == "gone"
    assert decided(UNKNOWN, exists=False, now=None).reason == "gone"
    assert decided(exists=False, now=None, force=True) == Plan(CREATE)
    assert decided(None, exists=False, now=None, not_beside=errno.ENOENT).reason == "gone"
    assert decided(None, exists=False, now=None, not_beside=errno.EROFS).reason == "read-only"


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"problem": "it is a directory"}, "failed"),
        ({"read_only": True}, "read-only"),
        ({"read_error": errno.EACCES}, "denied"),
        ({"write_error": errno.EACCES}, "denied"),
        ({"write_error": errno.EPERM}, "denied"),
        ({"write_error": errno.EROFS}, "read-only"),
    ],
)
def test_what_may_not_be_written_is_refused(facts: dict[str, Any], reason: str) -> None:
    assert (decided(**facts).kind, decided(**facts).reason) == (REFUSE, reason)


def test_force_replaces_a_protected_file_of_our_own_but_nothing_immutable() -> None:
    assert decided(write_error=errno.EACCES, force=True) == Plan(REPLACE)
    assert decided(write_error=errno.EPERM, force=True).reason == "denied"
    assert decided(write_error=errno.EACCES, force=True, ours=False).reason == "denied"


def test_a_file_opened_by_force_is_replaced_but_a_conflict_stays_one() -> None:
    assert decided(write_error=errno.EACCES, unprotect=True) == Plan(REPLACE)
    assert decided(write_error=errno.EACCES, unprotect=True, ours=False).reason == "denied"
    assert decided(write_error=errno.EROFS, unprotect=True).reason == "read-only"
    assert decided(write_error=errno.EACCES, unprotect=True, now=OTHER).reason == "conflict"


def test_a_running_program_can_only_be_replaced() -> None:
    assert decided(write_error=errno.ETXTBSY) == Plan(REPLACE)
    assert decided(write_error=errno.ETXTBSY, links=2).kind == REFUSE


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOSPC, "no-space"),
        (errno.EDQUOT, "no-space"),
        (errno.EFBIG, "too-large"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "denied"),
        (errno.EPERM, "denied"),
        (errno.ENOENT, "gone"),
        (errno.EIO, "failed"),
        (errno.ESTALE, "failed"),
        (0, "failed"),
    ],
)
def test_every_errno_has_a_reason_and_words(code: int, reason: str) -> None:
    assert describe(code)[0] == reason
    assert describe(code)[1]
