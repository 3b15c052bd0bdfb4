"""Whose folders are shown."""

from __future__ import annotations

import pytest

from rbridge.server.showing import FOLDERS
from tests.server.conftest import IDENTITY, SECRET
from tests.server.folders import announce, browse, shown

NONCE = "00" * 16


async def test_a_peer_that_proves_nothing_may_open_texts_and_has_no_folder(laptop):
    editor = browse(laptop)
    host = laptop.connect(ours=False, nonce=NONCE)
    await host.link(session=SECRET)
    await announce(host)
    command, headers, _ = await host.hear()
    assert (command, headers["token"], headers["reason"]) == ("refused", "f", "denied")
    assert "proves nothing" in headers["message"]
    assert not editor.folders
    assert laptop.texts() == []
    await host.open(b"text")
    assert (await host.hear())[0] == "opened"


async def test_nor_one_that_says_it_comes_back_with_it(laptop):
    editor = browse(laptop)
    host = laptop.connect(ours=False, nonce=NONCE)
    await host.link(session=SECRET, resume="yes")
    await host.say("resume", token="f", folder="yes", display_name="gpu1:p", real_path="/p")
    assert (await host.hear())[0] == "refused"
    assert not editor.folders


async def test_a_host_that_we_know_is_called_what_we_call_it(laptop):
    editor = browse(laptop)
    host = laptop.connect(ours=False, name="cluster", identity=IDENTITY)
    await host.link(host="lies", session=SECRET)
    await announce(host)
    assert (await host.hear())[0] == "opened"
    assert editor.folders[0].root.host == "cluster"


async def test_a_daemon_that_was_started_anew_takes_it_up(laptop):
    editor = browse(laptop)
    host = laptop.connect()
    await host.link(session=SECRET, resume="yes")
    await host.say("resume", token="f", folder="yes", display_name="gpu1:p", real_path="/home/u/p")
    assert (await host.hear())[0] == "opened"
    assert (editor.folders[0].root.path, editor.folders[0].root.again) == ("/home/u/p", True)


async def test_one_that_it_does_not_know_and_cannot_learn_is_unknown(laptop):
    browse(laptop)
    host = laptop.connect()
    await host.link(session=SECRET, resume="yes")
    await host.say("resume", token="f", folder="yes")
    assert await host.hear() == ("close", {"token": "f", "unknown": "yes"}, b"")


async def test_a_user_who_opens_it_again_sees_it(laptop):
    host, folder = await shown(laptop)
    await host.say("resume", token="f", folder="yes", re_activate="yes")
    assert (await host.hear())[0] == "opened"
    await laptop.until(lambda: "seen" in folder.states)


@pytest.mark.parametrize("more", [{"real_path": "/a%zz"}, {"real_path": "/a%00"}])
async def test_a_name_that_makes_no_sense_is_refused(laptop, more):
    browse(laptop)
    host = laptop.connect()
    await host.link(session=SECRET)
    await host.say("folder", token="f", display_name="gpu1:p", **more)
    command, headers, _ = await host.hear()
    assert (command, headers["reason"]) == ("refused", "failed")


async def test_a_token_stands_for_one_thing(laptop):
    browse(laptop)
    host = laptop.connect()
    await host.link(session=SECRET)
    await announce(host)
    assert (await host.hear())[0] == "opened"
    await announce(host)
    assert (await host.hear())[0] == "refused"
    await host.open(b"text", token="f")
    assert (await host.hear())[0] == "refused"
    await host.open(b"text", token="t")
    assert (await host.hear())[0] == "opened"
    await announce(host, token="t")
    assert (await host.hear())[0] == "refused"


async def test_a_session_has_so_many_at_most(laptop):
    browse(laptop)
    host = laptop.connect()
    await host.link(session=SECRET)
    for number in range(FOLDERS):
        await announce(host, token=f"f{number}")
        assert (await host.hear())[0] == "opened"
    await announce(host, token="more")
    command, headers, _ = await host.hear()
    assert (command, "too many" in headers["message"]) == ("refused", True)


async def test_how_it_is_to_be_shown(laptop):
    editor = browse(laptop)
    host = laptop.connect()
    await host.link(session=SECRET)
    await announce(host, read_only="yes", new="yes", keep_focus="yes", wait="yes")
    assert (await host.hear())[0] == "opened"
    root = editor.folders[0].root
    assert (root.read_only, root.new_window, root.keep_focus, root.wait) == (True, True, True, True)
    assert root.in_memory == laptop.documents.tools.files.in_memory
