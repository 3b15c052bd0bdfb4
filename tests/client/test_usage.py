"""The help text."""

from __future__ import annotations

from rbridge.client.usage import TEXT


def test_it_fits_a_terminal_and_names_the_command():
    text = TEXT.format(name="rmate")
    assert text.startswith("usage: rmate [options]")
    assert max(map(len, text.splitlines())) <= 80
    assert "{" not in text
