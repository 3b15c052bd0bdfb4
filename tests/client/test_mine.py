"""The laptop's text in a conflict."""

from __future__ import annotations

import zlib

import pytest


@pytest.fixture
def asked(host, here):
    """Somebody has asked for the laptop's text of an open file."""
    here.file("a", "old")
    opener = host.begin("-w", "a")
    host.until(lambda: opener.open)
    asker = type(opener)()
    host.resident.resolve(host.resident.documents[0], "show", asker)
    assert host.heard("resolve").headers["choose"] == "show"
    return asker


def token(host) -> str:
    return host.resident.documents[0].source.token


@pytest.mark.parametrize("packed", [False, True])
def test_it_goes_to_the_caller_that_asked(host, asked, packed):
    text = b"my text\n" * 1000
    if packed:
        host.main.say("mine", zlib.compress(text), token=token(host), encoding="zlib", size=len(text))
    else:
        host.main.say("mine", text, token=token(host))
    host.until(lambda: asked.texts)
    assert asked.texts == [text]


def test_what_nobody_asked_for_is_passed_over(host, asked):
    host.resident.left(asked)
    host.main.say("mine", b"x", token=token(host))
    host.main.say("dial", dial=1)
    host.until(lambda: len(host.laptop.lines) > 1)
    assert asked.texts == []


@pytest.mark.parametrize(
    ("body", "size"),
    [
        (zlib.compress(b"x" * 100), 99),
        (zlib.compress(b"x" * 100), 101),
        (b"no zlib", 7),
        (zlib.compress(b"x" * 100)[:-4], 100),
    ],
)
def test_a_body_that_is_not_as_announced_makes_no_sense(host, asked, body, size):
    host.main.say("mine", body, token=token(host), encoding="zlib", size=size)
    host.until(lambda: any("makes no sense" in line for line in host.log))
    assert asked.texts == []


def test_it_is_said_when_the_laptop_is_away(host, asked):
    document = host.resident.documents[0]
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    host.resident.resolve(document, "show", asked)
    assert asked.lines == ["a: not connected to mylaptop now"]
