"""What the host remembers of texts that only the laptop has."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from rbridge.client import undelivered
from rbridge.client.undelivered import Undelivered, forget, remember, remembered
from tests.client.laptop import IDENTITY, Here
from tests.client.saving import disk


def known(states: Path) -> list[tuple[str, str, str, str]]:
    return [(one.real, one.laptop, one.identity, one.why) for one in remembered(str(states))]


@pytest.mark.parametrize("real", ["/a", "/a\nb%", os.fsdecode(b"/\xff"), "/" + "ü" * 2000])
def test_a_file_is_remembered_until_it_is_forgotten(tmp_path: Path, real: str) -> None:
    states = tmp_path / "state"
    assert known(states) == []
    one = Undelivered(real, "mylaptop", "0" * 16, "why")
    remember(str(states), one)
    remember(str(states), Undelivered(real, "mylaptop", "0" * 16, "why else"))
    assert known(states) == [(real, "mylaptop", "0" * 16, "why else")]
    forget(str(states), real, "1" * 16)
    assert len(known(states)) == 1
    forget(str(states), real, "0" * 16)
    forget(str(states), real, "0" * 16)
    assert known(states) == []
    assert os.listdir(undelivered.directory(str(states))) == []


def test_it_is_private(tmp_path: Path) -> None:
    remember(str(tmp_path), Undelivered("/a", "mylaptop", "", ""))
    (file,) = Path(undelivered.directory(str(tmp_path))).iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "a" not in file.name.split("/")


def test_two_laptops_are_two(tmp_path: Path) -> None:
    for identity in ("0" * 16, "1" * 16):
        remember(str(tmp_path), Undelivered("/a", "laptop" + identity[0], identity, ""))
    assert [one.laptop for one in remembered(str(tmp_path))] == ["laptop0", "laptop1"]


def test_what_makes_no_sense_is_passed_over(tmp_path: Path) -> None:
    remember(str(tmp_path), Undelivered("/a", "mylaptop", "", ""))
    where = Path(undelivered.directory(str(tmp_path)))
    (where / "short").write_bytes(b"one line\n")
    (where / "odd").write_bytes(b"%zz\n\n\n\n")
    (where / "part.x.1").write_bytes(b"/b\nlaptop\n\n\n")
    assert [one.real for one in remembered(str(tmp_path))] == ["/a"]


def test_a_full_disk_leaves_nothing_half_done(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "size=16k") as small:
        remember(str(small), Undelivered("/a", "mylaptop", "", ""))
        with contextlib.suppress(OSError):
            (small / "full").write_bytes(b"x" * 65536)
        with pytest.raises(OSError, match="No space"):
            remember(str(small), Undelivered("/b" * 1000, "mylaptop", "", "x" * 3000))
        assert [one.real for one in remembered(str(small))] == ["/a"]
        assert len(os.listdir(undelivered.directory(str(small)))) == 1


# the process in the background


@pytest.fixture
def token(host: Here, here) -> str:
    """Of the file a, which is open."""
    asker = host.begin("-w", str(here.file("a", "old")))
    host.until(lambda: asker.open)
    return host.resident.documents[0].source.token


def over(host: Here) -> list[tuple[str, str]]:
    """Wait for the last document's end; what is remembered then."""
    host.until(lambda: not host.resident.documents)
    return [(os.path.basename(real), identity) for real, _, identity, _ in known(host.states)]


def test_a_text_that_the_laptop_keeps_is_remembered_before_anybody_hears_of_the_end(
    host: Here, token: str
) -> None:
    (caller,) = host.resident.callers()
    seen: list[object] = []
    real = caller.ended
    caller.ended = lambda *words: (seen.append(known(host.states)), real(*words))  # type: ignore[method-assign]
    host.main.say("close", token=token, unsaved="yes")
    assert over(host) == [("a", IDENTITY)]
    assert seen == [known(host.states)]
    assert caller.codes == [74]  # type: ignore[attr-defined]
    ((_, laptop, _, why),) = known(host.states)
    assert laptop.startswith("mylaptop")
    assert why == "closed there with a text that did not get here"


def test_a_document_that_ends_well_leaves_nothing(host: Here, here, token: str) -> None:
    host.main.save(token, 1, b"new", b"old")
    host.heard("saved")
    host.main.say("close", token=token)
    assert over(host) == []
    assert not os.path.exists(undelivered.directory(str(host.states)))


def test_what_is_closed_here_while_dirty_there_is_remembered(host: Here, token: str) -> None:
    host.main.say("state", token=token, state="dirty")
    host.until(lambda: host.resident.rows()[0][1] == "dirty")
    host.resident.close(host.resident.documents[0])
    assert over(host) == [("a", IDENTITY)]
    assert known(host.states)[0][3] == "closed here while dirty"


def test_what_is_closed_here_while_the_laptop_is_away_is_remembered(host: Here, token: str) -> None:
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    host.resident.close(host.resident.documents[0])
    assert over(host) == [("a", IDENTITY)]


def test_a_refused_save_is_remembered_when_this_host_shuts_down(host: Here, here, token: str) -> None:
    (here.path / "a").write_bytes(b"theirs")
    host.main.save(token, 1, b"new", b"old")
    host.heard("refused")
    host.resident.signalled(signal.SIGTERM)
    assert over(host) == [("a", IDENTITY)]


def test_after_a_day_without_the_laptop_it_is_remembered(host: Here, token: str) -> None:
    host.laptop.hang_up()
    host.until(lambda: not host.resident.attached)
    host.resident.expire()
    assert over(host) == [("a", IDENTITY)]


def remembers(host: Here, here) -> None:
    remember(str(host.states), Undelivered(str(here.path / "a"), "mylaptop", IDENTITY, "why"))
    remember(str(host.states), Undelivered(str(here.path / "a"), "other", "f" * 16, "why"))


def identities(host: Here) -> list[str]:
    return [one.identity for one in remembered(str(host.states))]


@pytest.mark.parametrize("command", ["opened", "state"])
def test_the_laptop_says_that_it_has_nothing_any_more(host: Here, here, token: str, command: str) -> None:
    remembers(host, here)
    host.main.say(command, token=token, undelivered="no", editor="vim", state="clean")
    host.until(lambda: identities(host) == ["f" * 16])


def test_the_laptop_says_that_it_has_an_older_text(host: Here, here, token: str) -> None:
    host.main.say("opened", token=token, editor="vim", undelivered="yes")
    host.until(lambda: identities(host) == [IDENTITY])
    host.main.save(token, 1, b"new", b"old")
    host.heard("saved")
    host.main.say("state", token=token, state="clean", undelivered="maybe")
    host.main.say("close", token=token)
    assert over(host) == [("a", IDENTITY)]


def test_where_it_says_nothing_a_save_on_this_disk_is_enough(host: Here, here, token: str) -> None:
    remembers(host, here)
    host.main.save(token, 1, b"new", b"old")
    host.until(lambda: identities(host) == ["f" * 16])


def test_that_it_cannot_be_written_down_is_said(host: Here, token: str, monkeypatch) -> None:
    def fail(states: str, one: Undelivered) -> None:
        raise OSError("no room")

    monkeypatch.setattr(undelivered, "remember", fail)
    (caller,) = host.resident.callers()
    host.main.say("close", token=token, unsaved="yes")
    assert over(host) == []
    assert "'rbridge status' will not know that: no room" in caller.lines[-1]  # type: ignore[attr-defined]


def test_standard_input_is_no_file_of_this_host(host: Here, token: str) -> None:
    document = host.resident.documents[0]
    document.source.stdin = True
    done: list[bool] = []
    undelivered.note(host.resident, document, "why", lambda: done.append(True))
    undelivered.said(host.resident, document, "yes")
    host.turns()
    assert (done, known(host.states)) == ([True], [])
