"""A host with ports: it makes the connections that it is asked for, and tells what it hears on each."""

from __future__ import annotations

from contextlib import suppress

import trio

from tests.harness.wait import free_port
from tests.server.conftest import SECRET

GPU1 = "fedcba9876543210"
WHO = {"name": "gpu1", "identity": GPU1}


class Line:
    """A further connection, over which a stream goes."""

    def __init__(self, host):
        self.host = host
        self._put, self._take = trio.open_memory_channel(1000)

    async def hear(self):
        with trio.fail_after(3600):
            return await self._take.receive()

    async def run(self, streams):
        with suppress(trio.ClosedResourceError):  # the test has hung up
            while (heard := await self.host.hear())[0] != "eof":
                if heard[0] == "stream":
                    assert heard[1]["to"] == "port"
                    streams.send_nowait(self)
                else:
                    self._put.send_nowait(heard)
            self._put.send_nowait(heard)


class Gpu:
    """The host called gpu1, and the user of the laptop, who answers what is asked."""

    def __init__(self, laptop, **who):
        self.laptop = laptop
        self.who = who or WHO
        self.main = laptop.connect(**self.who)
        self.lines = []
        self.scope = trio.CancelScope()
        self._put, self._take = trio.open_memory_channel(1000)
        self._streams, self._begun = trio.open_memory_channel(1000)

    async def begin(self, secret=SECRET, **link):
        await self.main.link(session=secret, **link)
        self.laptop.nursery.start_soon(self.run)
        return self

    async def run(self):
        """Hear the main connection, and make the others."""
        with self.scope:
            async with trio.open_nursery() as nursery:
                while (heard := await self.main.hear_all())[0] != "eof":
                    if heard[0] == "dial":
                        nursery.start_soon(self.join, heard[1]["dial"], nursery)
                    elif heard[0] != "beat":
                        self._put.send_nowait(heard)
                nursery.cancel_scope.cancel()

    async def join(self, number, nursery):
        host = self.laptop.connect(**self.who)
        await host.link(session=self.main.secret, standing="joined", join=number)
        self.lines.append(Line(host))
        nursery.start_soon(self.lines[-1].run, self._streams)

    async def hear(self):
        """What is said on the main connection."""
        with trio.fail_after(3600):
            return await self._take.receive()

    async def stream(self):
        """The line of the next stream."""
        with trio.fail_after(3600):
            return await self._begun.receive()

    async def hang_up(self):
        self.scope.cancel()
        for line in self.lines:
            await line.host.hang_up()
        await self.main.hang_up()

    async def answer(self, allow=True):
        """The laptop's user answers the question, which is returned."""
        await self.laptop.until(self.laptop.consent.pending)
        (question,) = self.laptop.consent.pending()
        self.laptop.consent.answer(question.id, allow)
        return question.text

    async def port(self, number=0, token="p", **said):
        """Have port *number*, by default one that is free here as well; the one that it has on the laptop."""
        number = number or free_port()
        await self.main.say("port", token=token, port=str(number), **said)
        asking = await self.hear()
        assert (asking[0], asking[1]["state"]) == ("state", "asking")
        await self.answer()
        return await self.opened()

    async def opened(self):
        command, headers, _ = await self.hear()
        assert command == "opened", headers
        return int(headers["editor"].rpartition(":")[2])


async def connect(laptop, port, host="127.0.0.1"):
    """A program of the laptop that connects to *port*, until the end of the test."""
    client = await trio.open_tcp_stream(host, port)

    async def close_at_the_end():
        async with client:
            await trio.sleep_forever()

    laptop.nursery.start_soon(close_at_the_end)
    return client


async def read(client):
    """All that comes until the end."""
    with trio.fail_after(3600):
        return b"".join([data async for data in client])


async def broken(client):
    """Whether it is broken off, and not just ended."""
    try:
        while await client.receive_some():
            pass
    except trio.BrokenResourceError:
        return True
    return False
