"""What an editor that shows how a document stands is told, and what its user may choose."""

from rbridge.adapters.base import Result, Standing, State
from tests.server.editings import Saving, change, cut, document, sha

__all__ = ["document"]


async def test_how_a_document_stands(laptop, document, nursery):
    host, edit = document
    desk = edit.desk
    assert desk.standing() == Standing(State.CLEAN, sha(b"old"))
    save = Saving(nursery, edit, b"mine")
    assert (await host.hear())[0] == "save"
    assert desk.standing().state is State.SAVING
    await host.say(
        "refused", token="t", save="1", reason="conflict", message="no", sha256=sha(b"x"), size="1"
    )
    assert (await save.result(laptop)).result is Result.REFUSED
    standing = desk.standing()
    assert (standing.state, standing.base, standing.theirs) == (State.CONFLICT, sha(b"old"), sha(b"x"))
    assert (standing.disputed, standing.connected) == (True, True)
    assert "nothing was overwritten" in standing.message
    await cut(laptop, host, edit)
    assert not desk.standing().connected


async def test_the_next_save_goes_over_what_the_host_has_and_no_older_one(laptop, document, nursery):
    host, edit = document
    save = Saving(nursery, edit, b"mine")
    assert (await host.hear())[0] == "save"
    await host.say(
        "refused", token="t", save="1", reason="conflict", message="no", sha256=sha(b"x"), size="1"
    )
    assert (await save.result(laptop)).result is Result.REFUSED
    assert edit.desk.settle("over") == ""
    save = Saving(nursery, edit, b"newer")
    command, headers, _ = await host.hear()
    assert (command, headers["save"], headers["over"]) == ("save", "2", sha(b"x"))
    await host.say("saved", token="t", save="2")
    assert (await save.result(laptop)).result is Result.SAVED
    assert edit.desk.standing() == Standing(State.CLEAN, sha(b"newer"))
    assert "no conflict" in edit.desk.settle("over")
    await laptop.until(lambda: laptop.kept() == [])


async def test_the_users_choice_of_the_hosts_text_is_known(laptop, document, nursery):
    host, edit = document
    await change(host, b"theirs")
    await laptop.until(lambda: edit.desk.standing().state is State.CONFLICT)
    assert edit.desk.theirs().read_bytes() == b"theirs"
    assert not edit.desk.standing().yielding
    edit.desk.settle("theirs")
    assert edit.desk.standing().yielding


async def test_a_file_that_is_gone_has_no_digest(laptop, document):
    host, edit = document
    await host.say("gone", token="t", reason="gone", message="train.py is gone")
    await laptop.until(lambda: edit.desk.standing().disputed)
    assert edit.desk.standing().theirs == ""
