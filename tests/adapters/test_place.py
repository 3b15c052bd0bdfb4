"""The directories of one edit: who may look into them, and that they go."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from rbridge.adapters.base import Text
from rbridge.adapters.place import place_again, place_for, private_of, root_of
from rbridge.errors import CannotCreate
from tests.adapters.desk import make_text
from tests.adapters.traces import names


@pytest.fixture
def text(tmp_path: Path) -> Text:
    return make_text(tmp_path / "files")


def mode(directory: Path) -> int:
    return stat.S_IMODE(directory.stat().st_mode)


def test_only_the_user_may_look_into_our_directory(text: Text) -> None:
    with place_for(text) as place:
        assert mode(place.private) == 0o700


def test_the_editors_directory_is_empty_and_cannot_be_written(text: Text) -> None:
    with place_for(text) as place:
        assert mode(place.cwd) == 0o500
        assert list(place.cwd.iterdir()) == []


def test_ours_lies_with_the_text_and_the_editors_outside(text: Text, tmp_path: Path) -> None:
    with place_for(text) as place:
        assert place.files == tmp_path / "files"
        assert place.private.parent == place.files / text.id
        assert place.cwd.parent == place.files


def test_the_editors_directory_is_named_after_the_document(text: Text) -> None:
    with place_for(text) as place:
        assert place.cwd.name.startswith(text.id + ".")


def test_two_edits_of_one_document_have_two_places(text: Text) -> None:
    with place_for(text) as one, place_for(text) as two:
        assert len({one.private, two.private, one.cwd, two.cwd}) == 4


def test_nothing_is_left_and_the_text_stays(text: Text, tmp_path: Path) -> None:
    before = names(tmp_path)
    with place_for(text) as place:
        (place.private / "sub").mkdir()
        (place.private / "sub" / "file").touch()
    assert names(tmp_path) == before


def test_nothing_is_left_after_an_exception_either(text: Text, tmp_path: Path) -> None:
    before = names(tmp_path)
    with pytest.raises(KeyboardInterrupt), place_for(text):
        raise KeyboardInterrupt
    assert names(tmp_path) == before


def test_what_an_editor_put_into_its_directory_all_the_same_goes_with_it(text: Text, tmp_path: Path) -> None:
    before = names(tmp_path)
    with place_for(text) as place:
        place.cwd.chmod(0o700)
        (place.cwd / "core").touch()
        place.cwd.chmod(0o500)
    assert names(tmp_path) == before


def test_a_link_in_ours_is_removed_and_not_followed(text: Text, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "kept").touch()
    with place_for(text) as place:
        (place.private / "link").symlink_to(theirs)
    assert (theirs / "kept").exists()


def test_directories_that_somebody_removed_before_us_are_no_error(text: Text) -> None:
    with place_for(text) as place:
        os.rmdir(place.cwd)
        shutil.rmtree(place.files / text.id)
    assert list(place.files.iterdir()) == []


def test_where_no_directory_can_be_made_it_says_for_which_text(text: Text, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "files" / text.id)
    with pytest.raises(CannotCreate, match=r"for train\.py .*No such file"), place_for(text):
        pass


def test_half_a_place_is_taken_back(text: Text, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tempfile.mkdtemp

    def full(prefix: str, dir: Path) -> str:  # noqa: A002 - as tempfile calls it
        if not prefix.startswith("."):
            raise OSError(28, "No space left on device")
        return real(prefix=prefix, dir=dir)

    before = names(tmp_path)
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(CannotCreate, match="No space left"), place_for(text):
        pass
    assert names(tmp_path) == before


def test_the_root_is_the_outermost_directory_of_the_id() -> None:
    inner = Path("/m/files/abc/gpu1/home/abc/x/abc")
    text = Text("abc", "gpu1", "/home/abc/x/abc", "abc", inner, 0)
    assert root_of(text) == Path("/m/files/abc")


def test_a_text_outside_a_directory_of_its_id_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="named abc"):
        root_of(Text("abc", "gpu1", "/x", "x", Path("/m/files/other/x"), 0))


def test_a_place_is_found_again_by_its_names_and_removed_at_the_end(text: Text) -> None:
    with place_for(text) as place:
        resume = place.resume
        copy = Path(f"{place.private}.kept"), Path(f"{place.cwd}.kept")
        place.private.rename(copy[0])  # the process that made it is killed here
        place.cwd.rename(copy[1])
    copy[0].rename(place.private)
    copy[1].rename(place.cwd)
    assert resume == {"private": place.private.name, "cwd": place.cwd.name}
    assert private_of(text, resume) == place.private
    with place_again(text, resume) as again:
        assert again == place
    assert not place.private.exists()
    assert not place.cwd.exists()
    assert text.file.exists()


@pytest.mark.parametrize(
    ("private", "cwd"),
    [
        (".rbridge-x/../../victim", "0badcafe00000001.x"),
        (".rbridge-x", "../victim"),
        (".rbridge-x", "0badcafe00000001.x/../../victim"),
        ("..", "0badcafe00000001.x"),
        (".rbridge-link", "0badcafe00000001.x"),
        (".rbridge-none", "0badcafe00000001.x"),
        (None, None),
    ],
)
def test_what_was_written_down_wrongly_is_no_place(
    text: Text, tmp_path: Path, private: str | None, cwd: str | None
) -> None:
    root = root_of(text)
    victim = tmp_path / "victim"
    victim.mkdir()
    (root / ".rbridge-x").mkdir()
    (root / ".rbridge-link").symlink_to(victim)
    resume = {"private": private, "cwd": cwd}
    assert private_of(text, resume) is None
    with pytest.raises(CannotCreate), place_again(text, resume):
        pass
    assert victim.exists()


def test_a_place_that_is_left_stays_for_another_process(text: Text) -> None:
    with place_for(text) as place:
        place.left = True
    with place_again(text, place.resume) as again:
        assert (again.private, again.cwd, again.left) == (place.private, place.cwd, False)
    assert not place.private.exists()
    assert not place.cwd.exists()
