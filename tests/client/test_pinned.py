"""A file that is held by its directory, whatever happens to the way there."""

from __future__ import annotations

import os

import pytest

from rbridge.client import pinned, saver
from rbridge.client.options import parse
from rbridge.client.plan import UNKNOWN
from rbridge.client.source import check
from rbridge.errors import Denied, TryAgain
from tests.client.saving import Place


@pytest.fixture
def source(tmp_path):
    """``source(path)``: that file, held; its directory is let go of at the end."""
    made = []

    def hold(path, before=lambda: None):
        options = parse([str(path)])
        source = check(options.requests[0], options)
        made.append(source)
        before()
        pinned.pin(source)
        return source

    yield hold
    for fd in pinned.descriptors(made):
        os.close(fd)
    for one in made:
        one.close()


@pytest.fixture
def there(tmp_path):
    directory = tmp_path / "etc"
    directory.mkdir()
    path = directory / "app.conf"
    path.write_text("old\n")
    return path


def save(held, place, text=b"new\n", force=False):
    path = pinned.place(held)
    staging = saver.Staging(path, str(place.state), len(text))
    staging.write(text)
    staging.finish()
    return saver.save(saver.Target(path, UNKNOWN), staging, force)


def test_it_goes_by_the_directory_that_was_opened(source, there):
    held = source(there)
    there.parent.rename(there.parent.parent / "moved")
    there.parent.mkdir()
    there.write_text("another\n")
    with open(pinned.place(held)) as file:
        assert file.read() == "old\n"
    assert pinned.named(pinned.place(held)) == str(there.parent.parent / "moved" / "app.conf")
    assert pinned.resolved(pinned.place(held)) == pinned.place(held)


def test_links_on_the_way_are_followed_once(source, there):
    link = there.parent.parent / "link"
    link.symlink_to(there)
    held = source(link)
    link.unlink()
    link.symlink_to("/etc/passwd")
    assert pinned.named(pinned.place(held)) == str(there)
    assert held.real == str(link)


def test_a_save_lands_in_the_directory_that_was_opened(source, there, tmp_path):
    held = source(there)
    there.parent.rename(tmp_path / "moved")
    (tmp_path / "elsewhere").mkdir()
    there.parent.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "state").mkdir()
    place = Place(tmp_path / "state")
    assert save(held, place, force=True).kind == saver.SAVED
    assert (tmp_path / "moved" / "app.conf").read_text() == "new\n"
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert os.listdir(place.state / "saves") == []


def test_a_file_with_two_names_is_written_in_place_and_the_journal_names_it_for_others(
    source, there, tmp_path, monkeypatch
):
    held = source(there)
    os.link(there, tmp_path / "second")
    (tmp_path / "state").mkdir()
    place = Place(tmp_path / "state")
    seen = []
    real_overwrite = saver.inplace.overwrite

    def overwrite(*words):
        seen.extend(path.read_text() for path in (place.state / "saves").glob("*.json"))
        real_overwrite(*words)

    monkeypatch.setattr(saver.inplace, "overwrite", overwrite)
    assert save(held, place, force=True).kind == saver.SAVED
    assert (tmp_path / "second").read_text() == "new\n"
    assert [str(there) in text and pinned.HELD not in text for text in seen] == [True]


@pytest.mark.parametrize("force", [False, True])
def test_a_link_that_took_its_place_is_not_followed(source, there, tmp_path, force):
    held = source(there)
    victim = tmp_path / "victim"
    victim.write_text("secret\n")
    there.unlink()
    there.symlink_to(victim)
    (tmp_path / "state").mkdir()
    outcome = save(held, Place(tmp_path / "state"), force=force)
    assert (outcome.kind, "a symbolic link took its place" in outcome.message) == (saver.REFUSED, True)
    assert victim.read_text() == "secret\n"
    assert pinned.flags(pinned.place(held)) == os.O_NOFOLLOW
    with pytest.raises(OSError, match="symbolic"):
        os.open(pinned.place(held), os.O_RDONLY | pinned.flags(pinned.place(held)))


def test_a_new_file_is_made_in_the_directory_that_was_opened(source, there, tmp_path):
    held = source(there.parent / "new.conf")
    there.parent.rename(tmp_path / "moved")
    (tmp_path / "state").mkdir()
    path = pinned.place(held)
    staging = saver.Staging(path, str(Place(tmp_path / "state").state), 1)
    staging.write(b"x")
    staging.finish()
    assert saver.save(saver.Target(path, None), staging).kind == saver.SAVED
    assert (tmp_path / "moved" / "new.conf").read_text() == "x"


@pytest.mark.parametrize("change", ["another file", "a link", "none"])
def test_what_was_exchanged_while_it_was_opened_is_not(source, there, change):
    def exchange():
        there.unlink()
        if change == "another file":
            there.write_text("other\n")
        elif change == "a link":
            there.symlink_to("/etc/passwd")

    with pytest.raises(TryAgain, match="took the place"):
        source(there, exchange)


def test_a_new_file_that_appears_meanwhile_is_not_opened(source, there):
    with pytest.raises(TryAgain, match="took the place"):
        source(there.parent / "new.conf", lambda: (there.parent / "new.conf").write_text("x"))


def test_a_directory_that_became_a_link_is_not_entered(there, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(there.parent)
    with pytest.raises(OSError, match=r"Not a directory|symbolic"):
        pinned.walk(str(tmp_path / "link"))
    monkeypatch.setattr(pinned, "HELD", "/nowhere/")
    options = parse([str(there)])
    held = check(options.requests[0], options)
    with pytest.raises(Denied, match="needs /proc"):
        pinned.pin(held)
    monkeypatch.setattr(pinned, "walk", lambda _path: os.open("/nowhere", os.O_RDONLY))
    with pytest.raises(Denied, match="cannot be held: no such file"):
        pinned.pin(held)
    held.close()


def test_what_is_not_held_stays_as_it_is(there):
    options = parse([str(there)])
    one = check(options.requests[0], options)
    assert (pinned.place(one), pinned.descriptors([one])) == (str(there), [])
    assert (pinned.named(str(there)), pinned.flags(str(there))) == (str(there), 0)
    assert pinned.named(pinned.HELD + "99999/x") == pinned.HELD + "99999/x"
    one.close()
