"""One save on its way in, and the base it is compared with."""

from __future__ import annotations

import os
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from rbridge.client import exchange, incoming
from rbridge.client.delivery import Document
from rbridge.client.incoming import Incoming, take_base
from rbridge.client.saver import UNKNOWN
from rbridge.errors import RemoteProtocolError
from rbridge.wire.records import Record
from tests.client import arriving
from tests.client.arriving import NEW, OLD, PLAIN, THEIRS, Saves, now, sha, text_of
from tests.harness.environment import Home

document, saves, draft = arriving.document, arriving.saves, arriving.draft


def test_a_save_lands_and_becomes_the_new_base(home: Home, document: Callable[..., Document]) -> None:
    path = home.file("a", "old")
    one = document("a")
    for serial, text in ((1, b"new"), (2, b"newer")):
        arriving = Incoming(one, Record("save", {"save": str(serial)}, len(text)), str(home.state))
        arriving.write(text)
        outcome = arriving.finish()
        assert outcome.kind == "saved"
        arriving.settle(outcome)
        assert (arriving.serial, arriving.size) == (str(serial), len(text))
        assert path.read_bytes() == text


def test_what_was_done_is_noted_only_when_it_is_settled(home: Home, saves: Saves) -> None:
    arriving = Incoming(saves.document, Record("save", {}, 3), str(home.state))
    arriving.write(b"")
    base = saves.document.target.base
    arriving.write(b"new")
    outcome = arriving.finish()
    assert saves.document.target.base is base
    arriving.settle(outcome)
    assert saves.document.target.base is outcome.stamp


def test_a_plain_server_states_nothing_and_its_words_mean_nothing(
    home: Home, document: Callable[..., Document]
) -> None:
    path = home.file("a", OLD)
    one = Saves(document("a", peer=PLAIN), home.state)
    assert one.bring(b"new", b"other", {"base": "x", "over": "any", "encoding": "delta"}).kind == "saved"
    assert path.read_bytes() == b"new"
    path.write_bytes(b"theirs")
    assert one.bring(b"newer", b"other", {"over": "any"}).reason == "conflict"


def test_fewer_bytes_than_announced_are_no_save(home: Home, document: Callable[..., Document]) -> None:
    path = home.file("a", "old")
    arriving = Incoming(document("a"), Record("save", {}, 10), str(home.state))
    arriving.write(b"new")
    assert arriving.finish().kind == "refused"
    assert path.read_bytes() == b"old"


def test_another_text_than_was_announced_is_no_save(saves: Saves) -> None:
    outcome = saves.bring(b"new", b"abc", {"base": sha(OLD)})
    assert (outcome.kind, outcome.reason) == ("refused", "failed")
    assert "did not arrive whole" in outcome.message
    assert now(saves) == OLD


def test_an_aborted_save_leaves_nothing(home: Home, document: Callable[..., Document]) -> None:
    home.file("a", "old")
    arriving = Incoming(document("a"), Record("save", {}, 10), str(home.state))
    arriving.write(b"new")
    arriving.abort()
    assert os.listdir(home.path) == ["a"]


def test_read_only_takes_the_text_and_refuses_it(home: Home, document: Callable[..., Document]) -> None:
    home.file("a", OLD)
    one = Saves(document("-r", "a"), home.state)
    for outcome in (one.whole(NEW), one.packed(NEW), one.change(OLD, NEW)):
        assert (outcome.kind, outcome.reason) == ("refused", "read-only")
    assert now(one) == OLD


# -- what a save states of itself --------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["whole", "packed", "change"])
def test_a_text_lands_however_it_is_packed(saves: Saves, way: str) -> None:
    before = OLD
    for text in (NEW, NEW + b"more\n", OLD):
        arguments = (before, text) if way == "change" else (text,)
        outcome = getattr(saves, way)(*arguments, **({} if way == "change" else {"base": sha(before)}))
        assert (outcome.kind, outcome.message) == ("saved", "")
        assert (outcome.stamp.size, outcome.stamp.sha256) == (len(text), sha(text))
        assert now(saves) == text
        before = text


@pytest.mark.parametrize("way", ["whole", "packed", "change"])
def test_what_changed_on_the_host_is_a_conflict_and_not_overwritten(saves: Saves, way: str) -> None:
    Path(saves.document.source.real).write_bytes(THEIRS)
    arguments = (OLD, NEW) if way == "change" else (NEW,)
    outcome = getattr(saves, way)(*arguments, base=sha(OLD))
    assert (outcome.kind, outcome.reason) == ("refused", "conflict")
    assert (outcome.stamp.size, outcome.stamp.sha256) == (len(THEIRS), sha(THEIRS))
    assert now(saves) == THEIRS
    if way == "change":
        assert outcome.message.endswith(
            "it was changed meanwhile (nothing was overwritten; the laptop keeps your text)"
        )
        assert (outcome.kept, saves.kept()) == ("", [])
    else:
        assert saves.kept() == [NEW]


@pytest.mark.parametrize("way", ["whole", "packed", "change"])
def test_a_save_that_is_there_already_is_done(saves: Saves, way: str) -> None:
    path = Path(saves.document.source.real)
    path.write_bytes(NEW)
    inode = path.stat().st_ino
    arguments = (OLD, NEW) if way == "change" else (NEW,)
    assert getattr(saves, way)(*arguments, base=sha(OLD)).kind == "saved"
    assert path.stat().st_ino == inode
    assert saves.change(NEW, OLD).kind == "saved"


@pytest.mark.parametrize("way", ["whole", "change"])
def test_the_base_that_is_stated_counts_not_what_this_process_knows(saves: Saves, way: str) -> None:
    Path(saves.document.source.real).write_bytes(THEIRS)
    text = THEIRS + b"and mine\n"
    outcome = saves.whole(text, base=sha(THEIRS)) if way == "whole" else saves.change(THEIRS, text)
    assert outcome.kind == "saved"
    assert now(saves) == text
    assert saves.whole(OLD, base=sha(OLD + b"x")).reason == "conflict"


def test_a_large_file_is_not_hashed_when_the_base_is_stated(
    home: Home, document: Callable[..., Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    home.file("a", OLD)
    one = Saves(document("a"), home.state)
    with monkeypatch.context() as patch:
        patch.setattr(incoming, "take_base", None)
        assert one.change(OLD, NEW).kind == "saved"
    assert one.document.source.fd == -1
    assert one.whole(OLD, base=sha(NEW)).kind == "saved"
    assert now(one) == OLD


@pytest.mark.parametrize("way", ["whole", "packed"])
def test_a_new_file_has_an_absent_base(home: Home, document: Callable[..., Document], way: str) -> None:
    one = Saves(document("new"), home.state)
    assert getattr(one, way)(b"text", base="absent").kind == "saved"
    assert now(one) == b"text"
    refused = one.whole(b"other", base="absent")
    assert (refused.reason, refused.stamp and refused.stamp.size) == ("conflict", 4)


@pytest.mark.parametrize("way", ["whole", "change"])
def test_a_file_that_is_gone_is_not_made_again_unasked(saves: Saves, way: str) -> None:
    path = Path(saves.document.source.real)
    path.unlink()
    outcome = saves.whole(NEW, base=sha(OLD)) if way == "whole" else saves.change(OLD, NEW)
    assert (outcome.kind, outcome.reason, outcome.stamp) == ("refused", "gone", None)
    assert not path.exists()


# -- at the user's word ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["whole", "packed", "change"])
@pytest.mark.parametrize("over", ["any", "that"])
def test_over_overwrites_and_keeps_what_was_there(saves: Saves, way: str, over: str) -> None:
    Path(saves.document.source.real).write_bytes(THEIRS)
    word = sha(THEIRS) if over == "that" else over
    if way == "change":
        outcome = saves.change(THEIRS, NEW, base=sha(OLD), over=word)
    else:
        outcome = getattr(saves, way)(NEW, base=sha(OLD), over=word)
    assert outcome.kind == "saved"
    assert "kept at" in outcome.message
    assert now(saves) == NEW
    assert saves.kept() == [THEIRS]
    assert saves.change(NEW, OLD).kind == "saved"


@pytest.mark.parametrize("way", ["whole", "change"])
def test_over_one_content_spares_every_other(saves: Saves, way: str) -> None:
    Path(saves.document.source.real).write_bytes(THEIRS + b"and more")
    said = {"base": sha(OLD), "over": sha(THEIRS)}
    outcome = saves.whole(NEW, **said) if way == "whole" else saves.change(THEIRS, NEW, **said)
    assert outcome.reason == "conflict"
    assert now(saves) == THEIRS + b"and more"


def test_over_finds_the_base_again_and_keeps_nothing(saves: Saves) -> None:
    outcome = saves.whole(NEW, base=sha(OLD), over=sha(THEIRS))
    assert (outcome.kind, outcome.message, saves.kept()) == ("saved", "", [])


@pytest.mark.parametrize("over", ["any", "absent"])
def test_over_makes_a_file_that_was_deleted(saves: Saves, over: str) -> None:
    path = Path(saves.document.source.real)
    assert saves.whole(NEW, base=sha(OLD), over=over).kind == "saved"
    path.unlink()
    assert saves.whole(NEW, base=sha(OLD), over=over).kind == "saved"
    assert now(saves) == NEW


def test_over_absent_overwrites_nothing(saves: Saves) -> None:
    Path(saves.document.source.real).write_bytes(THEIRS)
    assert saves.whole(NEW, base=sha(OLD), over="absent").reason == "conflict"
    assert now(saves) == THEIRS


# -- what makes no sense -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        {"sha256": "x"},
        {"sha256": "A" * 64},
        {"base": ""},
        {"base": "any"},
        {"over": "yes"},
        {"size": "-1"},
        {"size": "1" * 30},
        {"size": ""},
        {"encoding": "gzip"},
        {"encoding": "zlib"},
        {"encoding": "zlib", "size": "3"},
        {"encoding": "delta", "size": "3", "sha256": "0" * 64},
        {"encoding": "delta", "size": "3", "sha256": "0" * 64, "base": "absent"},
    ],
    ids=str,
)
def test_headers_that_make_no_sense_are_an_error(saves: Saves, said: dict[str, str]) -> None:
    with pytest.raises(RemoteProtocolError, match="save: "):
        Incoming(saves.document, Record("save", said, 3), str(saves.state))
    assert now(saves) == OLD


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no zlib",
        zlib.compress(NEW)[:-1],
        zlib.compress(NEW) + b"x",
        zlib.compress(NEW + b"x"),
        zlib.compress(NEW[:-1]),
        zlib.compress(NEW[:-1] + b"x"),
        zlib.compress(bytes(50 << 20)),
    ],
    ids=["empty", "none", "cut short", "longer", "more text", "less text", "other text", "bomb"],
)
@pytest.mark.parametrize("encoding", ["zlib", "delta"])
def test_a_body_that_cannot_be_unpacked_is_no_save(saves: Saves, body: bytes, encoding: str) -> None:
    outcome = saves.bring(body, NEW, {"base": sha(OLD), "encoding": encoding})
    assert (outcome.kind, outcome.reason) == ("refused", "failed")
    assert now(saves) == OLD
    assert saves.kept() == []


def test_a_delta_that_is_too_large_is_not_held(saves: Saves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "DELTA", 2000)
    noise = os.urandom(2500)
    outcome = saves.change(OLD, OLD[:9000] + noise + OLD[9000:] * 2)
    assert (outcome.kind, outcome.reason) == ("refused", "too-large")
    assert "the laptop keeps your text" in outcome.message
    assert now(saves) == OLD


def test_unpacking_costs_little_memory(saves: Saves) -> None:
    text = b"x" * (64 << 20)
    body = zlib.compress(text)
    said = {"size": str(len(text)), "sha256": sha(text), "encoding": "zlib", "base": sha(OLD)}
    arriving = Incoming(saves.document, Record("save", said, len(body)), str(saves.state))
    tracemalloc.start()
    try:
        arriving.write(body)
        assert tracemalloc.get_traced_memory()[1] < 6 << 20
    finally:
        tracemalloc.stop()
    assert arriving.finish().kind == "saved"
    assert now(saves) == text


# -- the base ----------------------------------------------------------------------------------------------


def test_the_base_of_a_large_file_is_hashed_from_the_same_descriptor(
    home: Home, document: Callable[..., Document]
) -> None:
    home.file("a", "old")
    one = document("a")
    take_base(one)
    assert one.target.base.size == 3
    assert one.source.fd == -1


def test_a_file_that_changed_after_it_was_sent_has_no_base(
    home: Home, document: Callable[..., Document]
) -> None:
    path = home.file("a", "old")
    one = document("a")
    with open(path, "a") as file:
        file.write("more")
    take_base(one)
    assert one.target.base is UNKNOWN


def test_a_new_file_has_none(document: Callable[..., Document]) -> None:
    one = document("new")
    take_base(one)
    assert one.target.base is None


def test_what_was_hashed_while_it_was_sent_is_not_read_again(
    home: Home, document: Callable[..., Document]
) -> None:
    home.file("a", "old")
    one = document("a", sha256="0" * 64)
    take_base(one)
    assert one.target.base.sha256 == "0" * 64
    assert one.target.base.taken_ns == 0


# -- standard input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["whole", "packed", "change"])
def test_a_draft_takes_a_text_however_it_is_packed(draft: Saves, way: str) -> None:
    before = OLD
    for text in (NEW, THEIRS):
        outcome = getattr(draft, way)(*((before, text) if way == "change" else (text,)))
        assert (outcome.kind, outcome.stamp.sha256) == ("saved", sha(text))
        assert text_of(draft) == text
        before = text


def test_a_draft_that_is_there_already_is_done_and_another_base_is_none(draft: Saves) -> None:
    assert draft.change(OLD, NEW).kind == "saved"
    kept = draft.document.draft
    assert draft.change(OLD, NEW).kind == "saved"
    assert draft.document.draft is kept
    outcome = draft.change(THEIRS, THEIRS + b"x")
    assert (outcome.reason, outcome.stamp.sha256) == ("conflict", sha(NEW))
    assert text_of(draft) == NEW


def test_settling_twice_does_no_harm(draft: Saves) -> None:
    arrived = Incoming(draft.document, Record("save", {}, 3), str(draft.state))
    arrived.write(b"new")
    outcome = arrived.finish()
    arrived.settle(outcome)
    arrived.settle(outcome)
    assert text_of(draft) == b"new"


def test_a_draft_that_did_not_arrive_whole_changes_nothing(draft: Saves) -> None:
    assert draft.whole(NEW).kind == "saved"
    for encoding in ({}, {"encoding": "zlib"}):
        outcome = draft.bring(zlib.compress(NEW + b"x") + b"x", OLD, encoding)
        assert (outcome.kind, outcome.reason) == ("refused", "failed")
        assert text_of(draft) == NEW


def test_nothing_stays_open(draft: Saves, saves: Saves) -> None:
    def rounds() -> int:
        for one, other in ((OLD, NEW), (NEW, OLD)):
            for each in (draft, saves):
                assert each.change(one, other).kind == "saved"
                assert each.change(THEIRS, THEIRS + b"x").reason == "conflict"
                each.whole(THEIRS, size="3")
        return len(os.listdir("/dev/fd"))

    before = rounds()
    assert rounds() == before


def test_all_that_the_first_save_needs_can_be_loaded_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "_call", [])
    incoming.warm()
    assert exchange._call
    assert {"ctypes", "hashlib", "zlib", "rbridge.wire.delta"} <= set(sys.modules)
