"""An open document of a daemon in this process, and what its host and its editor do with it."""

import zlib
from hashlib import sha256

import pytest

from rbridge.wire import delta


@pytest.fixture
async def document(laptop):
    """A text open on a link: the host's end, the editor's."""
    host = laptop.connect()
    await host.link()
    await host.open(b"old")
    edit = await laptop.editor.opened()
    assert (await host.hear())[0] == "opened"
    return host, edit


def sha(data):
    return sha256(data).hexdigest()


async def again(laptop, host, standing="resumed", **more):
    """The host of *host*, with a new connection."""
    new = laptop.connect(**more)
    await new.link(session=host.secret, standing=standing, resume="yes")
    return new


async def resume(host, data, newest=0, token="t"):
    """The host has *data* in its file now."""
    more = {"save": str(newest)} if newest else {}
    there = {"absent": "yes"} if data is None else {"size": str(len(data)), "sha256": sha(data)}
    await host.say("resume", token=token, **there, **more)


def text_of(base, headers, body):
    """What a save's body makes of *base*."""
    encoding = headers.get("encoding", "")
    if encoding == "delta":
        assert headers["base"] == sha(base)
        body = b"".join(delta.apply(lambda at, count: base[at : at + count], body, int(headers["size"])))
    elif encoding == "zlib":
        body = zlib.decompress(body)
    assert (len(body), sha(body)) == (int(headers["size"]), headers["sha256"])
    return body


class Saving:
    """A save that goes on beside the test."""

    def __init__(self, nursery, edit, data):
        self.outcome = None
        nursery.start_soon(self._run, edit, data)

    async def _run(self, edit, data):
        self.outcome = await edit.save(data)

    async def result(self, laptop):
        await laptop.until(lambda: self.outcome is not None)
        return self.outcome


async def cut(laptop, host, edit):
    await host.hang_up()
    await laptop.until(lambda: edit.shown[-1][1] == "not connected")


async def change(host, data, token="t", base=None, **more):
    body = data
    if base is not None:
        body = delta.encode(base, data)
        more = {"base": sha(base), "encoding": "delta", **more}
    await host.say("changed", body, token=token, sha256=sha(data), size=str(len(data)), **more)
