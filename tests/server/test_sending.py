import os
import zlib
from hashlib import sha256

import pytest

from rbridge.server import sending
from rbridge.server.events import ABSENT, ANY
from rbridge.server.sending import UNKNOWN, Base, SaveBody
from rbridge.wire import delta

OLD = b"".join(b"line %d\n" % number for number in range(2000))
NEW = OLD.replace(b"line 1000\n", b"another\n")


def sha(data):
    return sha256(data).hexdigest()


@pytest.fixture
def held(tmp_path):
    """Makes a descriptor of a file with the given bytes."""
    made = []

    def hold(data):
        path = tmp_path / f"text-{len(made)}"
        path.write_bytes(data)
        made.append(os.open(path, os.O_RDONLY))
        return made[-1]

    yield hold
    for fd in made:
        os.close(fd)


def whole(body):
    """All of *body*, read in pieces."""
    data = b""
    while piece := body.read(1000, len(data)):
        data += piece
    assert len(data) == body.size
    return data


def test_a_body_is_read_from_a_file_or_from_the_heap(held):
    assert whole(SaveBody({}, 5000, held(b"x" * 6000))) == b"x" * 5000
    assert whole(SaveBody({}, 3, data=b"abc")) == b"abc"


def test_a_plain_peer_gets_the_text_and_no_header(held):
    body = sending.full(held(OLD))
    assert (body.headers, whole(body)) == ({}, OLD)


def test_a_small_change_goes_as_the_difference_to_the_base(held, tmp_path):
    body = sending.save(held(NEW), sha(NEW), sha(OLD), "", Base(sha(OLD), held(OLD)), str(tmp_path))
    headers = {"base": sha(OLD), "sha256": sha(NEW), "size": str(len(NEW)), "encoding": "delta"}
    assert body.headers == headers
    assert body.size < 100
    made = delta.apply(lambda at, count: OLD[at : at + count], whole(body), len(NEW))
    assert b"".join(made) == NEW


def test_of_a_large_base_the_signature_will_do(held, tmp_path):
    base = Base(sha(OLD), signature=delta.signature(OLD))
    body = sending.save(held(NEW), sha(NEW), sha(OLD), "", base, str(tmp_path))
    assert body.headers["encoding"] == "delta"
    made = delta.apply(lambda at, count: OLD[at : at + count], whole(body), len(NEW))
    assert b"".join(made) == NEW


def test_a_base_that_the_save_does_not_stand_on_is_of_no_use(held, tmp_path):
    body = sending.save(held(NEW), sha(NEW), sha(b"other"), "", Base(sha(OLD), held(OLD)), str(tmp_path))
    assert body.headers["base"] == sha(b"other")
    assert body.headers["encoding"] == "zlib"
    assert zlib.decompress(whole(body)) == NEW


@pytest.mark.parametrize(
    ("over", "headers"),
    [
        ("", {"base": "b"}),
        ("1" * 64, {"base": "b", "over": "1" * 64}),
        (ANY, {"base": "b", "over": "any"}),
        (ABSENT, {"base": "absent"}),
    ],
)
def test_what_the_user_said_may_be_overwritten(held, tmp_path, over, headers):
    body = sending.save(held(b"x"), sha(b"x"), "b", over, None, str(tmp_path))
    assert body.headers == {**headers, "sha256": sha(b"x"), "size": "1"}


@pytest.mark.parametrize("over", ["1" * 64, ANY, ABSENT])
def test_what_goes_over_another_content_goes_whole(held, tmp_path, over):
    """The host has that content and not the base: a difference to the base would fit nothing there."""
    body = sending.save(held(NEW), sha(NEW), sha(OLD), over, Base(sha(OLD), held(OLD)), str(tmp_path))
    assert body.headers.get("encoding") != "delta"


def test_without_a_known_base_the_host_has_another_one(held, tmp_path):
    body = sending.save(held(b"x"), sha(b"x"), "", "", None, str(tmp_path))
    assert body.headers["base"] == UNKNOWN


@pytest.mark.parametrize("data", [os.urandom(100_000), b"short", b""])
def test_what_does_not_get_smaller_goes_as_it_is(held, tmp_path, data):
    fd = held(data)
    body = sending.save(fd, sha(data), "b", "", None, str(tmp_path))
    assert "encoding" not in body.headers
    assert (body.fd, whole(body)) == (fd, data)


def test_a_large_compressed_text_is_not_held_in_the_heap(held, tmp_path, monkeypatch):
    monkeypatch.setattr(sending, "HELD", 1000)
    body = sending.save(held(OLD * 10), sha(OLD * 10), "b", "", None, str(tmp_path))
    assert body.data == b""
    assert zlib.decompress(whole(body)) == OLD * 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text-0"]
    os.close(body.fd)


def test_without_room_for_the_compressed_text_it_goes_as_it_is(held, tmp_path, monkeypatch):
    monkeypatch.setattr(sending, "HELD", 1000)
    fd = held(OLD * 10)
    body = sending.save(fd, sha(OLD * 10), "b", "", None, str(tmp_path / "gone"))
    assert (body.fd, "encoding" in body.headers) == (fd, False)


def test_a_text_of_the_laptop_says_its_size(held, tmp_path):
    body = sending.mine(held(OLD), str(tmp_path))
    assert body.headers == {"size": str(len(OLD)), "encoding": "zlib"}
    assert zlib.decompress(whole(body)) == OLD


@pytest.mark.parametrize("size", [0, 10, sending.READ, sending.READ + 1])
def test_the_whole_of_a_file_is_at_hand(held, size):
    data = os.urandom(size)
    with sending.buffer(held(data)) as text:
        assert text[:] == data
