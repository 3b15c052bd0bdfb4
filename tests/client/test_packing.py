"""Whether a whole text is compressed, and how an ``open`` says so."""

import os
import zlib

import pytest

from rbridge.client.packing import opened, packed


@pytest.mark.parametrize(
    ("text", "pays"),
    [(b"line\n" * 1000, True), (os.urandom(5000), False), (b"short", False), (b"", False)],
)
def test_it_is_compressed_where_that_pays(text, pays):
    found = packed(text)
    assert (found is not None) == pays
    if found is not None:
        assert zlib.decompress(found) == text


def test_an_open_says_how_its_text_is_packed():
    headers = {"token": "t"}
    text = b"x = 1\n" * 5000
    body = opened(text, headers)
    assert len(body) < len(text) / 10
    assert zlib.decompress(body) == text
    assert headers == {"token": "t", "encoding": "zlib", "size": str(len(text))}


def test_an_open_of_what_cannot_be_compressed_says_nothing():
    headers = {"token": "t"}
    text = os.urandom(50_000)
    assert opened(text, headers) is text
    assert headers == {"token": "t"}
