"""A document whose host comes back, or changes the file: what is delivered, shown, or in conflict."""

import os
import zlib

import pytest

from rbridge.adapters.base import Result, State
from rbridge.server.sessions import Sessions
from rbridge.wire import codec
from rbridge.wire.records import Record
from tests.server.editings import Saving, again, change, cut, document, resume, sha, text_of

__all__ = ["document"]


async def test_what_was_saved_without_a_connection_is_delivered_when_the_host_is_back(laptop, document):
    host, edit = document
    await cut(laptop, host, edit)
    assert (await edit.save(b"1")).result is Result.KEPT
    assert (await edit.save(b"2")).result is Result.KEPT
    host = await again(laptop, host)
    await resume(host, b"old")
    assert (await host.hear())[0] == "opened"
    command, headers, body = await host.hear()
    assert (command, headers["save"], headers["base"]) == ("save", "2", sha(b"old"))
    assert text_of(b"old", headers, body) == b"2"
    await host.say("saved", token="t", save="2")
    await laptop.until(lambda: laptop.kept() == [])
    await laptop.until(lambda: edit.shown[-1] == (State.CLEAN, ""))


async def test_a_save_that_arrived_before_the_cut_is_not_sent_again(laptop, document, nursery):
    host, edit = document
    save = Saving(nursery, edit, b"new")
    assert (await host.hear())[0] == "save"
    await host.hang_up()
    assert (await save.result(laptop)).result is Result.UNCERTAIN
    assert laptop.kept() == [b"new"]
    host = await again(laptop, host)
    await resume(host, b"new", newest=1)
    assert (await host.hear())[0] == "opened"
    await laptop.until(lambda: laptop.kept() == [])
    save = Saving(nursery, edit, b"newer")
    command, headers, body = await host.hear()
    assert (command, headers["save"], headers["base"]) == ("save", "2", sha(b"new"))
    await host.say("saved", token="t", save="2")
    assert (await save.result(laptop)).result is Result.SAVED


async def test_a_host_that_changed_meanwhile_is_a_conflict_and_both_texts_stay(laptop, document):
    host, edit = document
    await cut(laptop, host, edit)
    await edit.save(b"mine")
    host = await again(laptop, host)
    await resume(host, b"theirs")
    assert (await host.hear())[0] == "opened"
    await laptop.until(lambda: edit.shown[-1][0] is State.CONFLICT)
    (editing,) = laptop.documents.all()
    assert "was changed on the host meanwhile, and nothing was overwritten" in laptop.said.lines[-1]
    assert laptop.kept() == [b"mine"]
    command, headers, _ = await host.hear_all()
    assert (command, headers["state"]) == ("state", "conflict")
    assert editing.settle("mine") == ""
    command, headers, body = await host.hear()
    assert (command, headers["base"], headers["over"]) == ("save", sha(b"old"), sha(b"theirs"))
    assert text_of(b"old", headers, body) == b"mine"
    await host.say("saved", token="t", save="1")
    await laptop.until(lambda: edit.shown[-1] == (State.CLEAN, ""))
    await laptop.until(lambda: laptop.kept() == [])
    assert editing.settle("mine") == "train.py on gpu1: there is no conflict"


async def test_the_text_of_an_editor_that_was_closed_without_connection_is_delivered(laptop, document):
    host, edit = document
    await cut(laptop, host, edit)
    await edit.save(b"last")
    edit.close()
    await laptop.until(lambda: laptop.texts() == [])
    (editing,) = laptop.documents.all()
    assert editing.row()["closed"]
    host = await again(laptop, host)
    await resume(host, b"old")
    command, headers, body = await host.hear()
    assert (command, body) == ("save", b"last")
    await host.say("saved", token="t", save="1")
    assert await host.hear() == ("close", {"token": "t"}, b"")
    await laptop.until(lambda: laptop.kept() == [])
    await laptop.until(lambda: len(laptop.documents) == 0)


async def test_the_text_of_a_closed_editor_in_conflict_stays_on_the_laptop(laptop, document):
    host, edit = document
    await cut(laptop, host, edit)
    await edit.save(b"last")
    edit.close()
    await laptop.until(lambda: laptop.texts() == [])
    host = await again(laptop, host)
    await resume(host, b"theirs")
    assert await host.hear() == ("close", {"token": "t", "unsaved": "yes"}, b"")
    assert laptop.kept() == [b"last"]


async def test_the_daemon_stops_while_a_text_waits_for_the_host(laptop, document):
    host, edit = document
    await cut(laptop, host, edit)
    await edit.save(b"last")
    edit.close()
    await laptop.until(lambda: laptop.texts() == [])
    await laptop.documents.stop()
    (entry,) = laptop.spool.entries()
    assert (entry.about.session, entry.about.token, entry.about.serial) == (host.secret, "t", 1)
    assert (entry.about.base, entry.file.read_bytes()) == (sha(b"old"), b"last")


async def test_a_text_that_a_daemon_before_this_one_kept_is_delivered(laptop, document):
    """The spool knows whose it is; the editor is gone with the daemon."""
    host, edit = document
    await cut(laptop, host, edit)
    await edit.save(b"last")
    await laptop.documents.stop()
    laptop.documents.stopping = False
    laptop.sessions = Sessions(laptop.documents, laptop.config.limits.sessions)
    host = await again(laptop, host, standing="new")
    await resume(host, b"old")
    command, headers, body = await host.hear()
    assert (command, headers["save"], headers["base"], body) == ("save", "1", sha(b"old"), b"last")
    await host.say("saved", token="t", save="1")
    assert await host.hear() == ("close", {"token": "t"}, b"")
    await laptop.until(lambda: laptop.kept() == [])


async def test_a_clean_document_gets_what_changed_while_the_host_was_away(laptop, document):
    host, edit = document
    edit.takes = True
    await cut(laptop, host, edit)
    host = await again(laptop, host)
    await resume(host, b"newer")
    assert (await host.hear())[0] == "opened"
    assert await host.hear() == ("fetch", {"token": "t"}, b"")
    await change(host, b"newer", fetched="yes")
    await laptop.until(lambda: edit.content() == b"newer")


# The host's texts


async def test_a_change_on_the_host_takes_the_place_of_a_clean_text(laptop, document, nursery):
    host, edit = document
    edit.takes = True
    await change(host, b"theirs")
    await laptop.until(lambda: edit.content() == b"theirs")
    save = Saving(nursery, edit, b"mine on theirs")
    command, headers, body = await host.hear()
    assert (command, headers["base"]) == ("save", sha(b"theirs"))
    await host.say("saved", token="t", save="1")
    assert (await save.result(laptop)).result is Result.SAVED


@pytest.fixture
async def long(laptop):
    """A document of some length, which takes texts of the host."""
    text = b"".join(b"line %d\n" % number for number in range(1000))
    host = laptop.connect()
    await host.link()
    await host.open(text)
    edit = await laptop.editor.opened()
    edit.takes = True
    assert (await host.hear())[0] == "opened"
    return host, edit, text


async def test_a_change_comes_as_a_difference_and_is_the_next_base(laptop, long, nursery):
    host, edit, text = long
    theirs = text.replace(b"line 500\n", b"theirs\n")
    await change(host, theirs, base=text)
    await laptop.until(lambda: edit.content() == theirs)
    mine = theirs.replace(b"line 700\n", b"mine\n")
    Saving(nursery, edit, mine)
    command, headers, body = await host.hear()
    assert headers["encoding"] == "delta"
    assert len(body) < 100
    assert text_of(theirs, headers, body) == mine


async def test_a_difference_to_something_else_is_fetched_whole(laptop, long):
    host, edit, text = long
    other = text + b"other\n"
    theirs = other + b"theirs\n"
    await change(host, theirs, base=other)
    assert await host.hear() == ("fetch", {"token": "t"}, b"")
    packed = zlib.compress(theirs)
    await host.say(
        "changed",
        packed,
        token="t",
        sha256=sha(theirs),
        size=str(len(theirs)),
        encoding="zlib",
        fetched="yes",
    )
    await laptop.until(lambda: edit.content() == theirs)


async def test_a_text_that_is_not_what_was_announced_is_shown_to_nobody(laptop, document):
    host, edit = document
    edit.takes = True
    await host.say("changed", b"bad", token="t", sha256="00" * 32, size="3", fetched="yes")
    await laptop.until(lambda: laptop.said.lines)
    assert "the host's new text cannot be read" in laptop.said.lines[0]
    assert edit.content() == b"old"


async def test_a_body_that_breaks_off_leaves_nothing(laptop, document):
    host, edit = document
    headers = {"token": "t", "sha256": sha(b"theirs"), "size": "6"}
    await host.raw(host.wire.send(Record("changed", headers, length=6)) + b"the")
    await host.hang_up()
    await laptop.until(lambda: edit.shown[-1][1] == "not connected")
    (directory,) = laptop.texts()
    assert [path.name for path in directory.iterdir() if path.name.startswith(".inc")] == []


async def test_an_editor_that_does_not_take_the_text_is_in_conflict(laptop, document, nursery):
    host, edit = document
    await change(host, b"theirs")
    await laptop.until(lambda: edit.shown[-1][0] is State.CONFLICT)
    (editing,) = laptop.documents.all()
    assert editing.theirs().read_bytes() == b"theirs"
    save = Saving(nursery, edit, b"mine")
    command, headers, _ = await host.hear()
    assert (command, headers["base"]) == ("save", sha(b"old"))
    await host.say(
        "refused", token="t", save="1", reason="conflict", message="no", sha256=sha(b"theirs"), size="6"
    )
    assert (await save.result(laptop)).result is Result.REFUSED
    edit.takes = True
    assert editing.settle("theirs") == ""
    await laptop.until(lambda: edit.content() == b"theirs")
    await laptop.until(lambda: [entry.about.why for entry in laptop.spool.entries()] == ["replaced"])
    assert laptop.kept() == [b"mine"]
    await laptop.until(lambda: edit.shown[-1] == (State.CLEAN, ""))


async def test_the_host_settles_a_conflict_and_looks_at_the_laptops_text(laptop, document, nursery):
    host, edit = document
    save = Saving(nursery, edit, b"mine")
    assert (await host.hear())[0] == "save"
    await host.say(
        "refused", token="t", save="1", reason="conflict", message="no", sha256=sha(b"theirs"), size="6"
    )
    await save.result(laptop)
    await host.say("resolve", token="t", choose="show")
    assert await host.hear() == ("mine", {"token": "t", "size": "4"}, b"mine")
    edit.takes = True
    await host.say("resolve", token="t", choose="theirs")
    assert await host.hear() == ("fetch", {"token": "t"}, b"")
    await change(host, b"theirs", fetched="yes")
    await laptop.until(lambda: edit.content() == b"theirs")
    await laptop.until(lambda: edit.shown[-1] == (State.CLEAN, ""))
    await host.say("resolve", token="t", choose="theirs")
    while not host.states or "there is no conflict" not in codec.unquote(host.states[-1][1]):
        command, headers, _ = await host.hear_all()
        host.states.append((headers["state"], headers.get("message", "")))
    assert [state for state, _ in host.states] == ["conflict", "clean", "clean"]


async def test_a_file_that_is_gone_is_told_and_written_again_if_the_user_says_so(laptop, document, nursery):
    host, edit = document
    await host.say("gone", token="t", reason="gone", message="train.py is gone")
    await laptop.until(lambda: laptop.said.lines == ["train.py is gone"])
    assert edit.shown[-1] == (State.CLEAN, "train.py is gone")
    save = Saving(nursery, edit, b"mine")
    command, headers, _ = await host.hear()
    assert (command, headers["base"]) == ("save", sha(b"old"))
    await host.say("refused", token="t", save="1", reason="gone", message="it is gone", absent="yes")
    assert (await save.result(laptop)).result is Result.REFUSED
    (editing,) = laptop.documents.all()
    editing.settle("mine")
    command, headers, body = await host.hear()
    assert (command, headers["base"], body) == ("save", "absent", b"mine")
    assert "over" not in headers


async def test_a_new_file_is_saved_onto_nothing(laptop, nursery):
    host = laptop.connect()
    await host.link()
    await host.open(b"", absent="yes")
    edit = await laptop.editor.opened()
    assert (await host.hear())[0] == "opened"
    Saving(nursery, edit, b"first")
    command, headers, body = await host.hear()
    assert (command, headers["base"], body) == ("save", "absent", b"first")


# How saves travel


async def test_a_change_of_one_line_is_small_in_both_directions(laptop, long, nursery):
    host, edit, text = long
    mine = text.replace(b"line 500\n", b"mine\n")
    save = Saving(nursery, edit, mine)
    command, headers, body = await host.hear_all()
    assert command == "save"
    head = sum(len(name) + len(value) + 3 for name, value in headers.items()) + len("save\ndata: 99\n\n")
    assert head + len(body) <= 300
    await host.say("saved", token="t", save="1")
    assert (await save.result(laptop)).result is Result.SAVED
    again = mine.replace(b"line 600\n", b"mine too\n")
    Saving(nursery, edit, again)
    command, headers, body = await host.hear_all()
    assert (command, headers["encoding"]) == ("save", "delta")
    assert text_of(mine, headers, body) == again


async def test_a_text_that_has_nothing_of_the_old_one_is_compressed_where_that_pays(
    laptop, document, nursery
):
    host, edit = document
    Saving(nursery, edit, b"all the same, " * 1000)
    _, headers, body = await host.hear()
    assert headers["encoding"] == "zlib"
    assert text_of(b"old", headers, body) == b"all the same, " * 1000


async def test_a_large_body_has_a_connection_of_its_own(laptop, document, nursery):
    host, edit = document
    data = os.urandom(3 << 20)
    save = Saving(nursery, edit, data)
    command, headers, _ = await host.hear()
    assert command == "dial"
    other = laptop.connect()
    await other.link(session=host.secret, standing="joined", join=headers["dial"])
    command, headers, body = await other.hear()
    assert (command, headers["save"]) == ("save", "1")
    assert body == data
    await host.say("saved", token="t", save="1")
    assert (await save.result(laptop)).result is Result.SAVED


async def test_what_is_focused_is_told(laptop, document):
    host, edit = document
    edit.desk.focus()
    assert await host.hear() == ("focus", {"token": "t"}, b"")


async def test_the_row_of_a_document(laptop, document):
    host, edit = document
    (editing,) = laptop.documents.all()
    assert laptop.documents.of(host.secret, "t") is editing
    assert laptop.documents.find("gpu1", "/home/u/train.py") == [editing]
    row = editing.row()
    assert (row["state"], row["connected"], row["closed"], row["editor"]) == ("clean", True, False, "ed")
    assert not editing.pending


async def test_a_kept_text_is_sent_to_the_open_document(laptop, document, nursery, tmp_path):
    host, edit = document
    edit.takes = True
    (editing,) = laptop.documents.all()
    kept = tmp_path / "kept"
    kept.write_bytes(b"kept")
    assert (await editing.recover(kept, "00" * 32)).result is Result.REFUSED
    outcomes = []

    async def recover():
        outcomes.append(await editing.recover(kept, sha(b"old")))

    nursery.start_soon(recover)
    command, headers, body = await host.hear()
    assert (command, headers["base"], body) == ("save", sha(b"old"), b"kept")
    assert edit.content() == b"kept"
    await host.say("saved", token="t", save="1")
    await laptop.until(lambda: outcomes)
    assert outcomes[0].result is Result.SAVED
    edit.takes = False
    assert (await editing.recover(kept, sha(b"kept"))).result is Result.REFUSED


async def test_no_descriptor_is_left(laptop, document, nursery):

    host, edit = document

    def count():
        return len(os.listdir("/proc/self/fd"))

    before = count()
    for number in range(1, 4):
        save = Saving(nursery, edit, b"new")
        assert (await host.hear())[0] == "save"
        await host.say("refused", token="t", save=str(number), reason="denied", message="no")
        await save.result(laptop)
    await laptop.until(lambda: count() == before + 1)  # the text may have to be sent again
    save = Saving(nursery, edit, b"newer")
    assert (await host.hear())[0] == "save"
    await host.say("saved", token="t", save="4")
    await save.result(laptop)
    await laptop.until(lambda: count() == before)
