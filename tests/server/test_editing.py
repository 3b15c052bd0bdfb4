"""A document whose host, editor or daemon goes at a bad moment: where the text is then, and who knows."""

import os

import pytest
import trio

from rbridge.adapters.base import Result, State
from rbridge.errors import CannotCreate, UsageError
from tests.server.editings import Saving, again, document, resume, sha

__all__ = ["document"]


async def test_a_text_under_way_stays_in_memory_after_its_editor_until_it_is_answered(
    laptop, document, nursery
):
    """A daemon that is killed meanwhile leaves it to the next one."""
    host, edit = document
    Saving(nursery, edit, b"new")
    assert (await host.hear())[0] == "save"
    edit.close()
    await laptop.until(lambda: laptop.documents.all()[0].row()["closed"])
    await laptop.quiet()
    assert edit.text.file.read_bytes() == b"new"
    await host.say("refused", token="t", save="1", reason="no-space", message="disk full")
    assert (await host.hear())[0] == "close"
    await laptop.until(lambda: laptop.texts() == [])
    assert laptop.kept() == [b"new"]


async def test_connection_lost_the_editor_stays_and_what_it_saves_is_kept(laptop, document):
    host, edit = document
    await host.hang_up()
    await laptop.until(lambda: edit.shown[-1] == (State.CLEAN, "not connected"))
    outcome = await edit.save(b"new")
    assert outcome.result is Result.KEPT
    assert laptop.kept() == [b"new"]
    (entry,) = laptop.spool.entries()
    alone = "train.py on gpu1: no connection to the host: it is sent when that is back"
    assert outcome.message == f"{alone}; the text is kept at {entry.file}"
    assert laptop.said.lines == [outcome.message]
    assert (await edit.save(b"newer")).result is Result.KEPT
    assert laptop.kept() == [b"newer"]
    assert len(laptop.said.lines) == 1
    edit.close()
    await laptop.until(lambda: laptop.texts() == [])
    assert laptop.kept() == [b"newer"]


async def test_connection_lost_before_the_answer_is_uncertain_and_kept(laptop, document, nursery):
    host, edit = document
    save = Saving(nursery, edit, b"new")
    assert (await host.hear())[0] == "save"
    await host.hang_up()
    outcome = await save.result(laptop)
    assert outcome.result is Result.UNCERTAIN
    assert laptop.kept() == [b"new"]


async def test_refused_is_told_kept_and_erased_when_the_next_save_lands(laptop, document, nursery):
    host, edit = document
    save = Saving(nursery, edit, b"new")
    assert (await host.hear())[0] == "save"
    await host.say("refused", token="t", save="1", reason="no-space", message="cannot save: disk full")
    outcome = await save.result(laptop)
    assert outcome.result is Result.REFUSED
    assert outcome.message.startswith("cannot save: disk full; the text is kept at ")
    assert laptop.said.lines == [outcome.message]
    assert laptop.kept() == [b"new"]
    save = Saving(nursery, edit, b"newer")
    assert (await host.hear())[2] == b"newer"
    await host.say("saved", token="t", save="2")
    assert (await save.result(laptop)).result is Result.SAVED
    await laptop.until(lambda: laptop.kept() == [])


async def test_the_host_hears_that_a_refused_text_stays_on_the_laptop(laptop, document, nursery):
    host, edit = document
    save = Saving(nursery, edit, b"new")
    assert (await host.hear())[0] == "save"
    await host.say("refused", token="t", save="1", reason="conflict", message="cannot save")
    await save.result(laptop)
    edit.close()
    assert (await host.hear())[:2] == ("close", {"token": "t", "unsaved": "yes"})


async def test_the_host_hears_that_a_text_was_never_handed_over(laptop, document):
    host, edit = document
    edit.text.file.write_bytes(b"just written")
    edit.close()
    assert (await host.hear())[:2] == ("close", {"token": "t", "unsaved": "yes"})
    assert laptop.kept() == [b"just written"]


async def test_a_close_after_a_good_save_says_nothing_more(laptop, document, nursery):
    host, edit = document
    save = Saving(nursery, edit, b"new")
    assert (await host.hear())[0] == "save"
    await host.say("saved", token="t", save="1")
    await save.result(laptop)
    edit.close()
    assert (await host.hear())[:2] == ("close", {"token": "t"})


async def test_a_host_that_wrote_something_else_is_not_believed(laptop, document, nursery):
    host, edit = document
    save = Saving(nursery, edit, b"new")
    assert (await host.hear())[0] == "save"
    await host.say("saved", token="t", save="1", size="3", sha256="00" * 32)
    outcome = await save.result(laptop)
    assert outcome.result is Result.REFUSED
    assert "other bytes" in outcome.message
    assert laptop.kept() == [b"new"]


async def test_no_answer_in_time_and_a_late_one(laptop, document, nursery, clock):
    host, edit = document
    save = Saving(nursery, edit, b"new")
    assert (await host.hear())[0] == "save"
    for _ in range(int(laptop.config.limits.answer) // 5 + 1):  # the host is there: its heart beats
        await laptop.quiet()
        clock.jump(5)
        await host.say("beat")
    outcome = await save.result(laptop)
    assert outcome.result is Result.UNCERTAIN
    assert laptop.kept() == [b"new"]
    await host.say("saved", token="t", save="1")
    await laptop.until(lambda: laptop.kept() == [])
    await laptop.until(lambda: edit.shown[-1][0] is State.CLEAN)


async def test_saves_that_come_meanwhile_are_one(laptop, document, nursery):
    host, edit = document
    saves = [Saving(nursery, edit, b"1")]
    assert (await host.hear())[2] == b"1"
    for text in (b"2", b"3", b"4"):
        saves.append(Saving(nursery, edit, text))
        await laptop.quiet()
    await host.say("saved", token="t", save="1")
    command, headers, data = await host.hear()
    assert (command, headers["save"], headers["base"], data) == ("save", "4", sha(b"1"), b"4")
    await host.say("saved", token="t", save="4")
    assert [(await save.result(laptop)).result for save in saves] == [Result.SAVED] * 4


async def test_one_document_does_not_wait_for_the_answer_to_another(laptop, document, nursery):
    host, edit = document
    Saving(nursery, edit, b"unanswered")
    assert (await host.hear())[0] == "save"
    await host.open(b"x", token="u")
    assert (await host.hear())[0] == "opened"
    other = await laptop.editor.opened()
    save = Saving(nursery, other, b"answered")
    assert (await host.hear())[2] == b"answered"
    await host.say("saved", token="u", save="1")
    assert (await save.result(laptop)).result is Result.SAVED


async def test_without_spool_nothing_is_kept_and_the_user_is_told(laptop):
    laptop.configure(spool=False)
    host = laptop.connect()
    await host.link()
    await host.open(b"old")
    edit = await laptop.editor.opened()
    await host.hang_up()
    await laptop.until(lambda: edit.shown[-1:] == [(State.CLEAN, "not connected")])
    outcome = await edit.save(b"new")
    assert outcome.result is Result.REFUSED
    assert "NOT kept" in outcome.message
    assert laptop.kept() == []


async def test_a_full_spool_is_told(laptop, document):
    host, edit = document
    laptop.spool._limit = 2
    await host.hang_up()
    await laptop.until(lambda: edit.shown[-1] == (State.CLEAN, "not connected"))
    outcome = await edit.save(b"new")
    assert outcome.result is Result.REFUSED
    assert "could NOT be kept (the spool is full)" in outcome.message


async def test_an_editor_that_fails_is_told_and_its_last_text_kept(laptop, document):
    host, edit = document
    edit.text.file.write_bytes(b"typed, written, not handed over")
    edit.fail(CannotCreate("ed fell over"))
    assert (await host.hear())[0] == "close"
    await laptop.until(lambda: laptop.texts() == [])
    assert laptop.kept() == [b"typed, written, not handed over"]
    assert laptop.said.lines[0] == "cannot edit train.py on gpu1: ed fell over"
    assert "closed before it was saved; the text is kept at" in laptop.said.lines[1]


async def test_a_mistake_in_an_adapter_ends_its_document_only(laptop, document, caplog):
    host, edit = document
    await host.open(b"x", token="u")
    assert (await host.hear())[0] == "opened"
    other = await laptop.editor.opened()
    edit.fail(ZeroDivisionError("the text"))
    assert await host.hear() == ("close", {"token": "t"}, b"")
    assert other.content() == b"x"
    assert "ed failed, the log has more" in laptop.said.lines[0]


async def test_an_error_that_a_nursery_wrapped_is_still_known(laptop, document):
    host, edit = document

    async def fail():
        raise UsageError("inner trouble")

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
    except Exception as error:
        edit.fail(error)
    assert (await host.hear())[0] == "close"
    assert laptop.said.lines == ["cannot edit train.py on gpu1: inner trouble"]


async def test_stopping_delivers_what_can_be_delivered(laptop, document, nursery):
    host, edit = document
    save = Saving(nursery, edit, b"new")
    assert (await host.hear())[0] == "save"
    nursery.start_soon(laptop.documents.stop)
    await laptop.quiet()
    assert not edit.cancelled
    await host.say("saved", token="t", save="1")
    assert (await save.result(laptop)).result is Result.SAVED
    assert (await host.hear())[0] == "close"
    await laptop.until(lambda: laptop.texts() == [])
    assert edit.cancelled
    assert laptop.kept() == []


async def test_stopping_keeps_what_cannot_be_delivered(laptop, document, nursery, clock):
    host, edit = document
    Saving(nursery, edit, b"new")
    assert (await host.hear())[0] == "save"
    stopped = trio.Event()

    async def stop():
        await laptop.documents.stop()
        stopped.set()

    nursery.start_soon(stop)
    for _ in range(3):
        await laptop.quiet()
        clock.jump(laptop.config.limits.shutdown + 1)
    await stopped.wait()
    assert laptop.kept() == [b"new"]
    assert laptop.texts() == []


async def test_stopping_keeps_what_the_editor_wrote_and_nobody_handed_over(laptop, document):
    host, edit = document
    edit.text.file.write_bytes(b"just written")
    await laptop.documents.stop()
    assert laptop.kept() == [b"just written"]


async def test_closing_keeps_what_the_editor_wrote_and_nobody_could_hand_over(laptop, document):
    host, edit = document
    edit.text.file.write_bytes(b"there was no room for a copy")
    edit.close()
    assert (await host.hear())[0] == "close"
    await laptop.until(lambda: laptop.texts() == [])
    assert laptop.kept() == [b"there was no room for a copy"]
    (line,) = laptop.said.lines
    (entry,) = laptop.spool.entries()
    assert line.endswith(f"the text is kept at {entry.file}")


async def test_stopping_keeps_nothing_of_an_untouched_text(laptop, document):
    await laptop.documents.stop()
    assert laptop.kept() == []
    assert laptop.said.lines == []


@pytest.mark.parametrize("steps", range(12))
async def test_ending_at_any_moment_of_an_end_is_no_error(laptop, caplog, steps):
    host = laptop.connect()
    await host.link()
    for number in range(20):  # the order in which trio runs tasks that are ready varies
        await host.open(b"old", token=f"t{number}")
        edit = await laptop.editor.opened()
        assert (await host.hear())[0] == "opened"
        (editing,) = laptop.documents._open
        edit.close()
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        editing.stop()
        assert (await host.hear())[0] == "close"
        await laptop.until(lambda: laptop.texts() == [])
    assert "an error in rbridge" not in caplog.text


async def test_no_new_documents_while_stopping(laptop):
    await laptop.documents.stop()
    host = laptop.connect()
    await host.link()
    await host.open(b"x")
    assert (await host.hear())[1]["reason"] == "failed"


@pytest.mark.parametrize("instead", ["nothing", "directory", "link", "fifo"])
async def test_an_editor_may_put_anything_in_place_of_the_file(laptop, document, instead, tmp_path):

    _, edit = document
    file = edit.text.file
    file.unlink()
    if instead == "directory":
        file.mkdir()
        (file / "x").write_text("x")
        (file / "locked").mkdir(mode=0o000)
    elif instead == "link":
        (tmp_path / "precious").write_text("precious")
        file.symlink_to(tmp_path / "precious")
    elif instead == "fifo":
        os.mkfifo(file)
    await laptop.documents.stop()
    assert laptop.texts() == []
    assert laptop.kept() == []
    if instead == "link":
        assert (tmp_path / "precious").read_text() == "precious"


async def test_the_connection_goes_while_the_editor_starts(laptop):
    laptop.editor.slow = trio.Event()
    host = laptop.connect()
    await host.link()
    await host.open(b"x")
    await laptop.until(lambda: len(laptop.documents) == 1)
    await host.hang_up()
    await laptop.quiet()
    laptop.editor.slow.set()
    edit = await laptop.editor.opened()
    await laptop.until(lambda: edit.shown == [(State.CLEAN, "not connected")])
    host = await again(laptop, host)
    await resume(host, b"x")
    assert (await host.hear())[:2] == ("opened", {"token": "t", "editor": "ed", "undelivered": "no"})


async def test_the_connection_of_a_plain_client_goes_while_the_editor_starts(laptop):
    laptop.editor.slow = trio.Event()
    host = laptop.connect()
    await host.event()
    await host.open(b"x")
    await laptop.until(lambda: len(laptop.documents) == 1)
    await host.hang_up()
    await laptop.until(lambda: len(laptop.documents) == 0)
    assert laptop.texts() == []


async def test_a_snapshot_that_is_not_there_is_a_refusal(laptop, document, tmp_path):
    _, edit = document
    outcome = await edit.desk.save(tmp_path / "nothing")
    assert outcome.result is Result.REFUSED
    assert "cannot read what was saved" in outcome.message


async def test_a_hash_that_the_adapter_has_is_not_made_again(laptop, document, nursery, monkeypatch):
    host, edit = document
    text = b"a line of text\n" * 10_000
    monkeypatch.setattr("rbridge.server.texts.digest", None)
    nursery.start_soon(edit.save, text, sha(text))
    word, headers, *_ = await host.hear()
    assert word == "save"
    assert headers["sha256"] == sha(text)
    await host.say("saved", token="t", save="1")
    await laptop.until(lambda: edit.shown[-1] == (State.CLEAN, ""))


async def test_what_an_adapter_tells_is_shown_with_the_documents_name(laptop, document):
    _, edit = document
    edit.desk.focus()
    edit.desk.tell("no terminal")
    edit.desk.tell("train.py was deleted")
    assert laptop.said.lines == ["train.py on gpu1: no terminal", "train.py was deleted"]


async def test_what_became_of_a_save_is_told_once(laptop, document):
    host, edit = document
    await host.hang_up()
    await laptop.until(lambda: edit.shown[-1] == (State.CLEAN, "not connected"))
    for text in (b"1", b"2"):
        outcome = await edit.save(text)
        edit.desk.tell(outcome.message)
    assert len(laptop.said.lines) == 1
