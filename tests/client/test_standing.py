"""How a document stands, and where its file lies."""

from __future__ import annotations

import os

import pytest

from rbridge.client import standing
from rbridge.client.delivery import OPEN, SENT, Document
from rbridge.client.saver import Target
from rbridge.client.stamp import Stamp


@pytest.fixture
def one(home, check):
    home.file("a", "text")
    made = Document(check("a"), None)
    made.state = OPEN
    return made


def test_the_file_system_is_that_of_the_newest_stamp(home, one):
    there = os.stat(home.path / "a").st_dev
    one.before = None
    one.source.device = 7
    assert standing.device(one) == 7
    one.before = os.stat(home.path / "a")
    assert standing.device(one) == there
    one.target = Target("a", Stamp(4, "f" * 64, 9, 1, 0, 0, 0))
    assert standing.device(one) == 9


def test_a_file_that_was_looked_at_is_not_unsaved(one):
    one.worker = object()
    assert not standing.is_unsaved(one)
    one.arriving = 1
    assert standing.is_unsaved(one)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"state": SENT}, "opening"),
        ({"shown": "dirty", "arriving": 1}, "dirty"),
        ({"arriving": 1, "failure": "no"}, "saving"),
        ({"failure": "no"}, "unsaved"),
        ({}, "clean"),
    ],
)
def test_the_words_for_status(one, said, word):
    for name, value in said.items():
        setattr(one, name, value)
    assert standing.state(one) == word
