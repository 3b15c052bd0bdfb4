import os

import pytest
import trio
import trio.testing

from rbridge.errors import LocalProtocolError
from rbridge.server.config import Limits
from rbridge.server.peer import Peer, PeerGone
from rbridge.server.sending import SaveBody
from rbridge.wire.records import NEED_DATA
from tests.server.conftest import GREETING, Host


class Both:
    """A peer whose host has opened a document with token t."""

    def __init__(self, here, there, limits=Limits()):  # noqa: B008  # immutable
        self.peer = Peer(here, "test", limits, ours=True)
        self.host = Host(there)

    async def opened(self, link=False):
        await self.peer.greet(GREETING)
        await self.host.event()
        if link:
            await self.host.introduce()
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


async def test_a_save_is_whole(both, text):
    await both.opened()
    expected = os.pread(text, 1_000_000, 0)
    await both.peer.save("t", 1, SaveBody({}, 1_000_000, fd=text))
    assert await both.host.hear() == ("save", {"token": "t"}, expected)


async def test_an_empty_save_still_has_its_data_line(both, tmp_path):
    await both.opened()
    (tmp_path / "empty").touch()
    fd = os.open(tmp_path / "empty", os.O_RDONLY)
    await both.peer.save("t", 1, SaveBody({}, 0, fd=fd))
    os.close(fd)
    assert bytes(await both.host.stream.receive_some(1000)).endswith(b"save\ntoken: t\ndata: 0\n\n")


async def test_a_small_record_is_one_write(both, text):
    """Both C clients lose a save whose header lines come in pieces, and each write wakes the host."""
    await both.opened()
    pieces = []
    send = both.peer.stream.send_all

    async def note(data):
        pieces.append(bytes(data))
        await send(data)

    both.peer.stream.send_all = note
    await both.peer.save("t", 1, SaveBody({}, 100, fd=text))
    (whole,) = pieces
    assert whole.startswith(b"save\ntoken: t\ndata: 100\n")
    assert len(whole) == len(b"save\ntoken: t\ndata: 100\n") + 100 + 1


async def test_records_do_not_mix(both, text, nursery):
    await both.opened(link=True)
    for serial in range(5):
        nursery.start_soon(both.peer.save, "t", serial, SaveBody({}, 1_000_000, fd=text))
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
        await both.peer.save("t", 1, SaveBody({}, 1_000_000, fd=text))
    with pytest.raises(PeerGone):
        await both.peer.close("t")


async def test_a_text_that_became_shorter_ends_the_connection(both, text):
    await both.opened()
    with pytest.raises(PeerGone, match="shorter"):
        await both.peer.save("t", 1, SaveBody({}, 2_000_000, fd=text))


async def test_a_text_that_cannot_be_read_ends_the_connection(both, tmp_path):
    await both.opened()
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(PeerGone, match="could not be read"):
        await both.peer.save("t", 1, SaveBody({}, 10, fd=fd))
    os.close(fd)


async def test_what_cannot_be_said_is_our_mistake_and_harms_nothing(both, text):
    await both.opened()
    with pytest.raises(LocalProtocolError):
        await both.peer.save("a\nb", 1, SaveBody({}, 10, fd=text))
    await both.peer.save("t", 1, SaveBody({}, 10, fd=text))
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
        await both.peer.save("t", 1, SaveBody({}, 10, fd=text))


async def test_what_a_host_said_before_it_hung_up_can_be_read(text):
    ours, theirs = trio.socket.socketpair()
    both = Both(trio.SocketStream(ours), trio.SocketStream(theirs))
    await both.opened(link=True)
    await theirs.send(b"close\ntoken: t\n\n")
    theirs.close()
    for _ in range(2):
        with pytest.raises(PeerGone):
            await both.peer.save("t", 1, SaveBody({}, 10, fd=text))
    assert await both.peer.stream.receive_some(100) == b"close\ntoken: t\n\n"
    await both.peer.end()


async def test_a_save_on_a_link_is_awaited_until_it_is_answered(both, text):
    await both.opened(link=True)
    headers = {"base": "absent", "sha256": "0" * 64, "size": "10"}
    await both.peer.save("t", 7, SaveBody(headers, 10, fd=text))
    command, said, _ = await both.host.hear()
    assert (command, said) == ("save", {"token": "t", "save": "7", **headers})
    assert both.peer.awaited.oldest is not None
    both.peer.awaited.end("t", 7)
    assert both.peer.awaited.oldest is None


async def test_a_save_that_was_never_whole_is_not_awaited(both, text):
    await both.opened(link=True)
    with pytest.raises(PeerGone):
        await both.peer.save("t", 7, SaveBody({}, 2_000_000, fd=text))
    assert both.peer.awaited.oldest is None


async def test_a_plain_peer_gets_no_headers_and_is_not_waited_for(both, text):
    await both.opened()
    await both.peer.save("t", 7, SaveBody({"base": "absent"}, 10, fd=text))
    assert (await both.host.hear())[1] == {"token": "t"}
    assert both.peer.awaited.oldest is None


async def test_a_body_may_come_from_memory(both):
    await both.opened(link=True)
    await both.peer.mine("t", SaveBody({"encoding": "zlib", "size": "9"}, 4, data=b"text"))
    assert await both.host.hear() == ("mine", {"token": "t", "encoding": "zlib", "size": "9"}, b"text")


@pytest.mark.parametrize(
    ("say", "heard"),
    [
        (("linked", "new"), {"standing": "new"}),
        (("linked", "refused", "", "100 % no"), {"standing": "refused", "message": "100 %25 no"}),
        (("opened", "t", "e d", "a note"), {"token": "t", "editor": "e d", "note": "a note"}),
        (("opened", "t", "ed"), {"token": "t", "editor": "ed"}),
        (("opened", "t", "ed", "", True), {"token": "t", "editor": "ed", "undelivered": "yes"}),
        (("close", "t", True), {"token": "t", "unsaved": "yes"}),
        (("close", "t"), {"token": "t"}),
        (("fetch", "t"), {"token": "t"}),
        (("focus", "t"), {"token": "t"}),
        (("state", "t", "dirty", "why\nnot"), {"token": "t", "state": "dirty", "message": "why%0Anot"}),
        (("state", "t", "clean", "", False), {"token": "t", "state": "clean", "undelivered": "no"}),
        (("dial", 3), {"dial": "3"}),
        (("beat",), {}),
        (("bye", "gone"), {"message": "gone"}),
    ],
    ids=lambda said: said[0] if isinstance(said, tuple) else None,
)
async def test_each_record_as_a_link_host_hears_it(both, say, heard):
    await both.opened(link=True)
    await getattr(both.peer, say[0])(*say[1:])
    assert await both.host.hear_all() == (say[0], heard, b"")


async def test_a_plain_host_hears_none_of_them(both):
    await both.opened()
    await both.peer.fetch("t")
    await both.peer.focus("t")
    await both.peer.state("t", "dirty")
    await both.peer.dial(1)
    await both.peer.beat()
    await both.peer.mine("t", SaveBody({}, 4, data=b"text"))
    await both.peer.close("t", unsaved=True)
    assert await both.host.hear() == ("close", {"token": "t"}, b"")


async def test_who_proved_it_has_a_name(both):
    assert not both.peer.verified
    both.peer.name, both.peer.identity = "gpu1", "ssh key"
    assert both.peer.verified
