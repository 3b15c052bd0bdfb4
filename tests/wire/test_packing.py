"""Whether a whole text is compressed, and how a record says so."""

import base64
import os
import zlib

import pytest

from rbridge.wire import packing
from rbridge.wire.packing import SAMPLE, WORTHLESS, middle, packed, pays, said

LARGE = os.urandom(3 * SAMPLE)


@pytest.mark.parametrize(
    ("text", "worth_it"),
    [
        (b"line\n" * 1000, True),
        (b"x" * (WORTHLESS + 1), True),
        (b"x" * WORTHLESS, False),
        (base64.b64encode(LARGE), True),
        (LARGE, False),
        (os.urandom(5000), False),
        (b"", False),
    ],
)
def test_it_is_compressed_where_that_pays(text, worth_it):
    found = packed(text)
    assert (found is not None) == worth_it
    if found is not None:
        assert zlib.decompress(found) == text
        assert len(found) < packing.PAYS * len(text)
    start = middle(len(text))
    assert pays(text[start : start + SAMPLE]) == worth_it


def test_the_middle_of_a_large_text_decides():
    licence, data = b"as is, without warranty of any kind\n" * 4000, LARGE
    assert packed(licence + data * 10) is None
    assert packed(data[:SAMPLE] + licence) is not None


def test_where_the_middle_is():
    assert [middle(size) for size in (0, SAMPLE, SAMPLE + 10)] == [0, 0, 5]


def test_a_record_says_how_its_text_is_packed():
    headers = {"token": "t"}
    text = b"x = 1\n" * 5000
    body = said(text, headers)
    assert len(body) < len(text) / 10
    assert zlib.decompress(body) == text
    assert headers == {"token": "t", "encoding": "zlib", "size": str(len(text))}


def test_a_record_of_what_cannot_be_compressed_says_nothing():
    headers = {"token": "t"}
    assert said(LARGE, headers) is LARGE
    assert headers == {"token": "t"}


@pytest.mark.parametrize("size", [SAMPLE, 3 * SAMPLE])
def test_the_quick_way_is_another_level(size):
    text = b"".join(b"%d, %d\n" % (n, n * n) for n in range(size // 10))[:size]
    assert len(packed(text)) < len(packed(text, packing.QUICKLY))
