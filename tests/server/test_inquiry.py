"""One request: what its answers are taken for, and when it is over."""

from __future__ import annotations

import zlib

import pytest

from rbridge.errors import RemoteProtocolError
from rbridge.server.inquiry import ALL, ANSWER, Inquiry, Passed


async def told(inquiry, body, pieces=1, **said):
    sink = inquiry.sink(said)
    size = -(-len(body) // pieces) or 1
    for at in range(0, len(body), size):
        await sink.write(body[at : at + size])
    sink.complete()


@pytest.fixture
def taken():
    return []


@pytest.fixture
async def inquiry(taken):
    return Inquiry(1, "find", lambda said, body: taken.append(body))


async def test_it_is_over_with_the_answer_that_says_no_more(inquiry, taken):
    await told(inquiry, b"one", pieces=3, more="yes")
    assert not inquiry.over.is_set()
    await told(inquiry, b"two")
    assert inquiry.over.is_set()
    assert taken == [b"one", b"two"]


async def test_nothing_comes_after_the_end(inquiry, taken):
    await told(inquiry, b"one")
    await told(inquiry, b"two")
    assert taken == [b"one"]


async def test_a_body_may_be_compressed(inquiry, taken):
    await told(inquiry, zlib.compress(b"x" * 1000), encoding="zlib", size="1000")
    assert taken == [b"x" * 1000]


@pytest.mark.parametrize(
    "said", [{"encoding": "zlib"}, {"encoding": "zlib", "size": "x"}, {"encoding": "br"}]
)
async def test_one_that_is_packed_otherwise_is_malformed(inquiry, said):
    with pytest.raises(RemoteProtocolError):
        inquiry.sink(said)


async def test_a_body_that_unpacks_to_more_than_it_may_fails_the_request(inquiry, taken):
    data = b"\0" * (ANSWER + 1)
    await told(inquiry, zlib.compress(data), encoding="zlib", size=str(len(data)))
    assert "larger than anything" in str(inquiry.error)
    assert taken == []


async def test_all_answers_together_are_bounded(inquiry):
    piece = b"\0" * ANSWER
    for _ in range(ALL // ANSWER):
        inquiry.heard_all({"more": "yes"}, piece)
    assert inquiry.error is None
    inquiry.heard_all({"more": "yes"}, b"x")
    assert "larger than anything" in str(inquiry.error)


async def test_one_that_goes_on_for_ever_is_not():
    inquiry = Inquiry(1, "watch", lambda said, body: None, endless=True)
    piece = b"\0" * ANSWER
    for _ in range(ALL // ANSWER + 2):
        inquiry.heard_all({"more": "yes"}, piece)
    assert inquiry.error is None


async def test_a_reason_ends_it(inquiry, taken):
    await told(inquiry, b"ignored", reason="gone", message="a%0Ab is no more", more="yes")
    assert (inquiry.error.reason, str(inquiry.error)) == ("gone", "a\N{REPLACEMENT CHARACTER}b is no more")
    assert inquiry.over.is_set()
    assert taken == []


async def test_one_without_a_message_has_one_all_the_same(inquiry):
    await told(inquiry, b"", reason="x" * 100)
    assert (inquiry.error.reason, str(inquiry.error)) == ("x" * 32, "the host could not do it")


async def test_what_nobody_wants_is_not_kept(inquiry, taken):
    inquiry.told = False
    sink = inquiry.sink({})
    await sink.write(b"x" * 100)
    assert not sink._body
    sink.complete()
    assert taken == []


async def test_nor_what_was_never_asked():
    sink = Passed()
    await sink.write(b"x")
    sink.complete()
    sink.abandon()
