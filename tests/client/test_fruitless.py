"""What is said when nobody is to be talked to, or who it is to be is not known."""

from __future__ import annotations

import pytest

from rbridge.client import ancestry, fruitless, locate, use
from rbridge.client.options import parse
from rbridge.client.probe import ANSWERED
from rbridge.client.settings import Endpoint
from rbridge.errors import Denied, NotListening, TryAgain
from rbridge.wire import codec


class Heard:
    """A probe that was answered by *laptop*."""

    def __init__(self, laptop: str, shared: bool = True, sock: int = -1, identity: str = "") -> None:
        self.state = ANSWERED
        self.said = codec.parse_greeting(codec.greeting(laptop, "1", "vim", identity=identity))
        self.endpoint = Endpoint("unix", "test", path="/" + laptop)
        self.endpoint.shared = shared
        self.label = self.endpoint.label
        self.sock = sock  # its listener's pid, where a test says so


said: list[str] = []
"""What the last search reported."""


def search(*laptops: str, words: str = "") -> locate.Search:
    """A search that is over, in which these answered."""
    said.clear()
    made = locate.Search([], parse([*words.split(), "a"]), said.append)
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


def test_of_a_way_that_was_named_only_its_own_end_is_told():
    over = search(words="--via login1")
    over.failures = ["/run/via-login1-0.sock: refused", "login1 (--via): ssh: no route"]
    assert fruitless.nobody(over).line() == (
        "nothing was sent: no way through login1 (--via): ssh: no route ('ssh login1' has to work here, "
        "and a tunnel to end there: on your laptop, rbridge connect login1)"
    )


def test_who_is_there_beside_the_one_that_was_named():
    error = fruitless.nobody(search("two", "one", "two", words="--on three"))
    assert isinstance(error, NotListening)
    assert "no laptop called three is listening" in str(error)
    assert "there is one, two" in error.line()


@pytest.fixture
def unheard(monkeypatch):
    """Nothing on this machine says which laptop is meant, until a test says something."""
    monkeypatch.setattr(use, "chosen", lambda: "")
    monkeypatch.setattr(ancestry, "ancestors", lambda: [30, 20, 10])
    monkeypatch.setattr(ancestry, "listener", lambda sock: sock)


def test_the_one_that_use_named_is_taken(unheard, monkeypatch):
    monkeypatch.setattr(use, "chosen", lambda: "TWO")
    over = search(words="-v")
    over.probes = [Heard("two.local", shared=False), Heard("one", sock=30), Heard("two.local")]
    assert fruitless.chosen(over) is over.probes[2]
    assert said == ["/two.local leads to two.local, which is taken: 'rbridge use' named it"]


def test_the_one_whose_listener_we_descend_from_is_taken(unheard):
    over = search(words="-v")
    over.probes = [Heard("one", sock=99), Heard("two", sock=20), Heard("three", sock=0)]
    assert fruitless.chosen(over) is over.probes[1]
    assert said == [
        "/two leads to two, which is taken: this shell runs in the ssh connection that its socket belongs to"
    ]


def test_of_two_that_we_descend_from_the_nearer_one(unheard):
    over = search()
    over.probes = [Heard("one", sock=10), Heard("two", sock=20)]
    assert fruitless.chosen(over) is over.probes[1]
    assert said == []


def test_one_connection_that_leads_to_two_laptops_says_nothing(unheard):
    over = search()
    over.probes = [Heard("one", sock=20), Heard("two", sock=20), Heard("three", sock=10)]
    with pytest.raises(TryAgain, match="3 laptops are listening"):
        fruitless.chosen(over)


@pytest.mark.parametrize("named", ["", "three"])
def test_among_several_none_is_guessed(unheard, monkeypatch, named):
    monkeypatch.setattr(use, "chosen", lambda: named)
    with pytest.raises(TryAgain, match="2 laptops are listening: one, two") as caught:
        fruitless.chosen(search("one", "two"))
    assert "--on LAPTOP" in caught.value.line()


def test_two_laptops_of_one_name_are_told_apart_by_their_sockets(unheard):
    over = search()
    over.probes = [Heard("one", identity="a" * 16), Heard("one", identity="b" * 16), Heard("two")]
    over.probes[1].label = "/other"
    with pytest.raises(
        TryAgain, match=r"3 laptops are listening: one \(/one\), one \(/other\), two"
    ) as caught:
        fruitless.chosen(over)
    assert "--socket PATH" in caught.value.line()
