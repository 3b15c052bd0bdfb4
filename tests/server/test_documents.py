import pytest
import trio

from tests.server.folders import shown


async def test_stopping_with_nothing_open_returns_at_once(laptop):
    with trio.fail_after(5):
        await laptop.documents.stop()
    assert len(laptop.documents) == 0


async def test_stopping_ends_all_at_the_same_time(laptop, clock):
    """Each waits for its own save; together they take as long as one."""
    hosts = [laptop.connect() for _ in range(20)]
    for host in hosts:
        await host.link()
        await host.open(b"x")
    edits = [await laptop.editor.opened() for _ in hosts]
    for edit in edits:
        laptop.nursery.start_soon(edit.save, b"y")
    for host in hosts:
        assert (await host.hear())[0] == "opened"
        assert (await host.hear())[0] == "save"
    await laptop.quiet()
    assert len(laptop.documents) == 20
    limit = laptop.config.limits.shutdown
    with trio.fail_after(3 * limit):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(laptop.documents.stop)
            await laptop.quiet()
            clock.jump(limit + 1)
    assert len(laptop.documents) == 0
    assert laptop.kept() == [b"y"] * 20


async def test_an_error_of_our_own_ends_one_document_and_is_logged(laptop, monkeypatch, caplog):
    from rbridge.server import documents

    monkeypatch.setattr(documents.logger, "propagate", True)
    host = laptop.connect()
    await host.link()
    await host.open(b"x", token="bad")
    bad = await laptop.editor.opened()
    await host.open(b"y", token="good")
    good = await laptop.editor.opened()
    monkeypatch.setattr(bad.desk.document, "handle", lambda event: 1 / 0)
    bad.close()
    await laptop.until(lambda: len(laptop.documents) == 1)
    assert "an error in rbridge itself" in caplog.text
    assert good.content() == b"y"
    assert len(laptop.texts()) == 1


@pytest.mark.parametrize("count", [1000])
async def test_a_thousand_documents_are_cheap(laptop, count):
    """Memory beside the texts, an adapter of no weight, one connection each as plain clients do it."""
    import resource

    async def open_one(number):
        host = laptop.connect()
        await host.event()
        await host.open(b"x" * 100, token=str(number))
        return host

    hosts = [await open_one(-1)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(count):
        hosts.append(await open_one(number))
    edits = [await laptop.editor.opened() for _ in hosts]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / count
    assert grown < 100, f"{grown:.0f} KB for each document"
    for edit in edits:
        edit.close()
    for host in hosts:
        assert (await host.hear())[0] == "close"
    await laptop.until(lambda: len(laptop.documents) == 0)
    assert laptop.texts() == []


async def test_stopping_does_not_wait_for_a_host_that_takes_nothing(laptop, clock):
    host = laptop.connect()
    await host.link()
    await host.open(b"x")
    await laptop.editor.opened()
    assert (await host.hear())[0] == "opened"
    (one,) = laptop.documents.all()

    async def stuck():
        await trio.sleep_forever()

    one.session.peer.stream.send_stream.send_all_hook = stuck
    limit = laptop.config.limits.shutdown
    with trio.fail_after(3 * limit):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(laptop.documents.stop)
            for _ in range(2):
                await laptop.quiet()
                clock.jump(limit)
    assert laptop.texts() == []


async def test_nor_for_one_that_shows_a_folder(laptop, clock):
    _host, folder = await shown(laptop)

    async def stuck():
        await trio.sleep_forever()

    folder.desk.session.peer.stream.send_stream.send_all_hook = stuck
    limit = laptop.config.limits.shutdown
    with trio.fail_after(3 * limit):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(laptop.documents.stop)
            for _ in range(2):
                await laptop.quiet()
                clock.jump(limit)
    assert not laptop.documents.folders
