"""What is said when nobody is to be talked to, or who it is to be is not known."""

from __future__ import annotations

import pytest

from rbridge.client import fruitless, locate, use
from rbridge.client.options import parse
from rbridge.client.probe import ANSWERED
from rbridge.client.settings import Endpoint
from rbridge.errors import Denied, NotListening, TryAgain
from rbridge.wire import codec


class Heard:
    """A probe that was answered by *laptop*."""

    def __init__(self, laptop: str, shared: bool = True) -> None:
        self.state = ANSWERED
        self.said = codec.parse_greeting(codec.greeting(laptop, "1", "vim"))
        self.endpoint = Endpoint("unix", "test", path="/" + laptop)
        self.endpoint.shared = shared


def search(*laptops: str, words: str = "") -> locate.Search:
    """A search that is over, in which these answered."""
    made = locate.Search([], parse([*words.split(), "a"]), lambda line: None)
    made.probes = [Heard(laptop) for laptop in laptops]
    return made


def test_nothing_was_there_to_try():
    error = fruitless.nobody(search())
    assert isinstance(error, NotListening)
    assert str(error) == "nothing was sent: nobody is listening: nothing to try"
    assert fruitless.HOW_TO_LISTEN in error.line()


def test_each_attempt_is_told():
    over = search()
    over.failures = ["a: refused", "b: silent"]
    assert str(fruitless.nobody(over)).endswith("nobody is listening: a: refused; b: silent")


def test_that_only_others_listen_goes_before_what_failed():
    over = search()
    over.failures, over.others = ["a: refused", "b"], ["b (it belongs to eve, not to you)"]
    error = fruitless.nobody(over)
    assert isinstance(error, Denied)
    assert str(error) == "nothing was sent: who listens is not you: b (it belongs to eve, not to you)"


def test_who_is_there_beside_the_one_that_was_named():
    error = fruitless.nobody(search("two", "one", "two", words="--on three"))
    assert isinstance(error, NotListening)
    assert "no laptop called three is listening" in str(error)
    assert "there is one, two" in error.line()


def test_the_one_that_use_named_is_taken(monkeypatch):
    monkeypatch.setattr(use, "chosen", lambda: "TWO")
    probes = [Heard("two.local", shared=False), Heard("one"), Heard("two.local")]
    assert fruitless.chosen(probes, ["one", "two.local"]) is probes[2]


@pytest.mark.parametrize("named", ["", "three"])
def test_among_several_none_is_guessed(monkeypatch, named):
    monkeypatch.setattr(use, "chosen", lambda: named)
    with pytest.raises(TryAgain, match="2 laptops are listening: one, two") as caught:
        fruitless.chosen([Heard("one"), Heard("two")], ["one", "two"])
    assert "--on LAPTOP" in caught.value.line()
