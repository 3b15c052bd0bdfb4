"""Documents that are open already and are to be compared."""

from tests.server.conftest import opened, resume


async def test_a_document_that_is_opened_again_for_a_diff_is_answered_with_whether_it_is_shown(laptop):
    host, edit = await opened(laptop)
    asked = []

    async def compare(half):
        asked.append(half.side)
        half.end()

    edit.compare = compare
    await resume(host, b"hello", re_activate="yes", diff="left ab")
    command, headers, _ = await host.hear()
    assert (command, headers["token"], headers["diff"]) == ("opened", "t", "yes")
    assert asked == ["left"]
    await resume(host, b"hello", re_activate="yes")
    assert "diff" not in (await host.hear())[1]


async def test_a_document_that_an_editor_cannot_compare_says_so_to_its_host(laptop):
    host, edit = await opened(laptop)

    async def compare(half):
        half.end("there is no room")

    edit.compare = compare
    await resume(host, b"hello", re_activate="yes", diff="left ab")
    command, headers, _ = await host.hear()
    assert (command, headers["note"]) == ("opened", "there is no room")
    assert "diff" not in headers
