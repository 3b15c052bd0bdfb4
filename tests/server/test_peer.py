import os

import pytest
import trio
import trio.testing

from rbridge.errors import LocalProtocolError
from rbridge.server.config import Limits
from rbridge.server.peer import Peer, PeerGone
from rbridge.wire.records import NEED_DATA
from tests.server.conftest import GREETING, Host


class Both:
    """A peer whose host has opened a document with token t."""

    def __init__(self, here, there, limits=Limits()):  # noqa: B008  # immutable
        self.peer = Peer(here, "test", limits, ours=True)
        self.host = Host(there)

    async def opened(self, link=False):
        await self.peer.greet(GREETING)
        if link:
            await self.host.link()
        else:
            await self.host.event()
        await self.host.open(b"x")
        self.peer.wire.receive_data(bytes(await self.peer.stream.receive_some(65536)))
        while self.peer.wire.next_event() is not NEED_DATA:
            pass
        return self


@pytest.fixture
async def both():
    there, here = trio.testing.memory_stream_pair()
    return Both(here, there)


@pytest.fixture
def text(tmp_path):
    """A text of 1 MB."""
    (tmp_path / "text").write_bytes(os.urandom(1_000_000))
    fd = os.open(tmp_path / "text", os.O_RDONLY)
    yield fd
    os.close(fd)


async def test_a_save_is_whole_and_its_hash_known(both, text, nursery):
    import hashlib

    await both.opened()
    expected = os.pread(text, 1_000_000, 0)
    sent = await both.peer.save("t", 1, text, 1_000_000)
    assert await both.host.hear() == ("save", {"token": "t"}, expected)
    assert (sent.size, sent.sha256) == (1_000_000, hashlib.sha256(expected).hexdigest())


async def test_an_empty_save_still_has_its_data_line(both, tmp_path):
    await both.opened()
    (tmp_path / "empty").touch()
    fd = os.open(tmp_path / "empty", os.O_RDONLY)
    await both.peer.save("t", 1, fd, 0)
    os.close(fd)
    assert bytes(await both.host.stream.receive_some(1000)).endswith(b"save\ntoken: t\ndata: 0\n\n")


async def test_head_and_body_begin_in_one_write(both, text):
    """Both C clients lose a save whose header lines come in pieces."""
    await both.opened()
    pieces = []
    send = both.peer.stream.send_all

    async def note(data):
        pieces.append(bytes(data))
        await send(data)

    both.peer.stream.send_all = note
    await both.peer.save("t", 1, text, 100)
    assert pieces[0].startswith(b"save\ntoken: t\ndata: 100\n")
    assert len(pieces[0]) == len(b"save\ntoken: t\ndata: 100\n") + 100


async def test_records_do_not_mix(both, text, nursery):
    await both.opened(link=True)
    for serial in range(5):
        nursery.start_soon(both.peer.save, "t", serial, text, 1_000_000)
        nursery.start_soon(both.peer.opened, "t", "ed")
    heard = [(await both.host.hear())[0] for _ in range(10)]
    assert sorted(heard) == ["opened"] * 5 + ["save"] * 5


async def test_a_plain_host_is_not_told_what_it_cannot_understand(both):
    await both.opened()
    await both.peer.opened("t", "ed")
    await both.peer.bye("gone")
    await both.peer.refuse("t", "no-editor", "no ed")
    assert await both.host.hear() == ("close", {"token": "t"}, b"")


async def test_a_link_host_is_told_why(both):
    await both.opened(link=True)
    await both.peer.refuse("t", "no-editor", "no\ned 100 %")
    assert (await both.host.hear())[1] == {"token": "t", "reason": "no-editor", "message": "no%0Aed 100 %25"}


async def test_a_peer_that_takes_nothing_is_gone(text, autojump_clock):
    there, here = trio.testing.lockstep_stream_pair()
    peer = Peer(here, "test", Limits(stall=10), ours=True)
    with pytest.raises(PeerGone, match="takes no data"):
        await peer.greet(GREETING)
    assert trio.current_time() == 10
    with pytest.raises(PeerGone):
        await peer.close("t")


async def test_a_cancelled_write_ends_the_connection_since_its_record_is_torn(both, text, autojump_clock):
    await both.opened()

    async def never(data):
        await trio.sleep_forever()

    both.peer.stream.send_all = never
    with trio.move_on_after(1):
        await both.peer.save("t", 1, text, 1_000_000)
    with pytest.raises(PeerGone):
        await both.peer.close("t")


async def test_a_text_that_became_shorter_ends_the_connection(both, text):
    await both.opened()
    with pytest.raises(PeerGone, match="shorter"):
        await both.peer.save("t", 1, text, 2_000_000)


async def test_a_text_that_cannot_be_read_ends_the_connection(both, tmp_path):
    await both.opened()
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(PeerGone, match="could not be read"):
        await both.peer.save("t", 1, fd, 10)
    os.close(fd)


async def test_what_cannot_be_said_is_our_mistake_and_harms_nothing(both, text):
    await both.opened()
    with pytest.raises(LocalProtocolError):
        await both.peer.save("a\nb", 1, text, 10)
    await both.peer.save("t", 1, text, 10)
    assert (await both.host.hear())[0] == "save"


async def test_finish_lets_the_last_words_out(both):
    await both.opened()
    await both.peer.close("t")
    await both.peer.finish()
    assert (await both.host.hear())[0] == "close"
    assert await both.host.closed()


async def test_a_connection_that_broke_is_gone(both, text):
    await both.opened()
    await both.host.hang_up()
    with pytest.raises(PeerGone):
        await both.peer.save("t", 1, text, 10)
