"""Who hears that a file of a host was changed, and as what."""

from __future__ import annotations

from rbridge.server.tools import Change
from tests.harness.wait import until_async
from tests.server.conftest import Laptop, digest

HEARD = list[tuple[str, str, Change]]


async def heard_of(laptop: Laptop, **opened: str) -> HEARD:
    """A document is opened and saved; what is told of that."""
    found: HEARD = []
    laptop.documents.tools.heard.add(
        lambda session, path, change: found.append((session.label, path, change))
    )
    host = laptop.connect()
    await host.link("gpu1")
    await host.open(b"x = 1\n", path="/home/u/a.py", **opened)
    assert (await host.hear())[0] == "opened"
    edit = await laptop.editor.opened()
    laptop.nursery.start_soon(edit.save, b"y = 2\n")
    command, headers, _ = await host.hear()
    assert command == "save"
    assert found == []  # the host does not have it yet
    await host.say("saved", token=headers["token"], save=headers["save"], sha256=digest(b"y = 2\n"))
    await until_async(lambda: found)
    return found


async def test_a_save_is_told_when_the_host_has_it(laptop):
    ((session, path, change),) = await heard_of(laptop)
    assert ("gpu1" in session, path, change) == (True, "/home/u/a.py", Change.CHANGED)


async def test_a_file_that_was_not_there_is_created_by_its_first_save(laptop):
    ((_, path, change),) = await heard_of(laptop, absent="yes")
    assert (path, change) == ("/home/u/a.py", Change.CREATED)


async def test_who_stops_listening_while_it_is_told_disturbs_nobody(laptop):
    tools = laptop.documents.tools
    heard: list[int] = []

    def once(*_: object) -> None:
        heard.append(1)
        tools.heard.discard(once)

    tools.heard.update((once, lambda *_: heard.append(2)))
    tools.changed(None, "/a", Change.DELETED)
    tools.changed(None, "/a", Change.DELETED)
    assert sorted(heard) == [1, 2, 2]
