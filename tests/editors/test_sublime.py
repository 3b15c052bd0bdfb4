"""The plug-in for Sublime Text over a stub of its API, with a real daemon and the real client."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.conftest import Start
from tests.editors.bench import THREE, Bench, holds
from tests.editors.sublime import ACTIVE, Sublime
from tests.harness.environment import Home
from tests.harness.wait import stays, until

Stage = Bench[Sublime]


@pytest.fixture
def bench(home: Home, other_home: Home, daemon: Start) -> Iterator[Stage]:
    made = Bench(Sublime, home, other_home, daemon)
    yield made
    made.close()


BYTES = {
    "crlf": b"one\r\ntwo\r\n",
    "crlf and no final newline": b"one\r\ntwo",
    "mixed ends": b"one\r\ntwo\nthree\r\r\n",
    "no final newline": b"one\ntwo",
    "only newlines": b"\n\n",
    "byte order mark": b"\xef\xbb\xbfone\n",
    "byte order mark before no UTF-8": b"\xef\xbb\xbfcaf\xe9\n",
    "Latin-1": "café ÿ\n".encode("latin-1"),
    "NUL": b"a\0b\n\0\n",
    "all bytes": bytes(range(256)) * 2,
    "emoji": "a 🧑‍🚀 b\n".encode(),
    "tabs": b"\ta\tb\n",
    "old Mac": b"one\rtwo\r",
    "UTF-16": "one\r\ntwo\r\n".encode("utf-16"),
    "empty": b"",
}


@pytest.mark.parametrize("kind", BYTES)
def test_bytes_come_back_as_they_came(bench: Stage, kind: str) -> None:
    editor, file = bench.opened(BYTES[kind], "file.txt", setup='{"translate_tabs_to_spaces": true}')
    assert (editor.modified, editor.read_only) == (False, False)
    editor.insert("X")
    editor.save()
    editor.until_saved()
    editor.undo()
    assert editor.modified
    editor.save()
    editor.until_saved()
    assert file.read_bytes() == BYTES[kind]


def test_what_is_changed_back_is_not_modified_any_more(bench: Stage) -> None:
    editor, _ = bench.opened()
    editor.insert("X")
    assert editor.modified
    editor.undo()
    assert not editor.modified
    assert editor.status.endswith(": saved")


def test_a_text_that_the_buffer_does_not_hold_is_read_only(bench: Stage) -> None:
    """Should Sublime Text change characters on their way in, nothing that was changed so gets to the host."""
    editor, file = bench.editor(), bench.host.file("odd.txt", "a\0b\n")
    editor.do("modify = sys.modules['app'].Buffer.modify")
    editor.do(
        "sys.modules['app'].Buffer.modify ="
        " lambda self, start, end, text: modify(self, start, end, text.replace('\\0', '?'))"
    )
    bench.show(editor, file)
    editor.said("cannot hold all of its characters")
    assert editor.read_only
    editor.insert("X")
    editor.save()
    editor.said("it is read-only")
    assert file.read_bytes() == b"a\0b\n"


def test_latin_1_refuses_other_characters_until_it_is_saved_as_utf_8(bench: Stage) -> None:
    editor, file = bench.opened("café\n".encode("latin-1"))
    assert editor.text == "café\n"
    editor.insert("日")
    editor.save()
    editor.said("has characters that Western (ISO 8859-1) lacks")
    assert file.read_bytes() == "café\n".encode("latin-1")
    editor.command("save", encoding="UTF-16 LE")
    editor.said("not as UTF-16 LE")
    editor.command("save", encoding="utf-8 with bom")
    until(holds(file, b"\xef\xbb\xbf" + "日café\n".encode()))
    editor.until_saved()


def test_line_endings_that_the_user_chooses(bench: Stage) -> None:
    editor, file = bench.opened("one\ntwo\n")
    editor.do(f"sublime.View({ACTIVE}.id).set_line_endings('Windows')")
    editor.save()
    until(holds(file, b"one\r\ntwo\r\n"))
    editor.until_saved()


def test_the_command_to_save_is_taken_over_in_either_form(bench: Stage) -> None:
    editor, file = bench.opened()
    editor.do("commands.as_window_command.clear()")
    editor.insert("X")
    editor.save()
    until(holds(file, "X" + THREE))
    editor.until_saved()


def test_save_all_saves_files_of_the_laptop_too(bench: Stage) -> None:
    editor, file = bench.opened()
    editor.insert("X")
    own = bench.laptop.file("own.txt", "own\n")
    editor.open_own(str(own))
    editor.insert("Y")
    assert editor.modified
    editor.save_all()
    until(holds(file, "X" + THREE))
    assert not editor.modified
    editor.turn_to("train.py")
    editor.until_saved()


@pytest.mark.parametrize("command", ["close", "close_file", "close_all", "close_window", "exit"])
def test_closing_asks_about_what_is_unsaved(bench: Stage, command: str) -> None:
    editor, file = bench.opened()
    editor.insert("X")
    editor.command(command)
    assert "has changes that are not on" in editor.dialog
    editor.press("Cancel")
    editor.until("not app.dialogs")
    assert editor.shows("train.py")
    if command == "close_window":  # which the stub lacks
        return
    editor.command(command)
    editor.press("Save")
    until(holds(file, "X" + THREE))
    if command == "exit":
        assert editor.ended() == 0
    else:
        until(lambda: not editor.names)


def test_a_save_before_closing_that_fails_closes_nothing(bench: Stage) -> None:
    editor, file = bench.opened()
    editor.insert("X")
    file.unlink()
    file.mkdir()
    editor.command("close")
    editor.press("Save")
    editor.said("is a directory")
    assert editor.text == "X" + THREE
    editor.command("close")
    assert editor.dialog
    editor.press("Don't Save")
    until(lambda: not editor.names)


def test_of_several_only_what_is_unsaved_is_asked_about(bench: Stage) -> None:
    editor, first = bench.opened("1\n", "a.txt")
    bench.show(editor, bench.host.file("b.txt", "2\n"))
    bench.show(editor, bench.host.file("c.txt", "3\n"))
    editor.command("close_by_index", group=0, index=1)
    until(lambda: len(editor.names) == 2)
    editor.turn_to("a.txt")
    editor.insert("X")
    editor.command("close_all")
    assert "a.txt" in editor.dialog
    editor.press("Don't Save")
    until(lambda: not editor.names)
    assert first.read_text() == "1\n"


def test_the_button_of_a_tab_leaves_the_question_to_sublime_text(bench: Stage) -> None:
    """It gives no command (sublimehq/sublime_text issue 1922); but the buffer is no scratch buffer then."""
    editor, _ = bench.opened()
    editor.insert("X")
    editor.do(f"app.close({ACTIVE})")
    assert "has been modified, save changes?" in editor.dialog
    editor.press("Cancel")
    editor.undo()
    editor.do(f"app.close({ACTIVE})")
    until(lambda: not editor.names)


def test_a_second_view_of_a_text(bench: Stage) -> None:
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    editor.command("clone_file")
    editor.insert("X")
    editor.until("[one.status['rbridge'].endswith('modified') for one in app.views.values()] == [True, True]")
    editor.command("close")
    assert editor.dialog == ""
    stays(lambda: process.poll() is None, 0.3)
    editor.save()
    editor.until_saved()
    editor.close()
    assert process.wait(20) == 0


def test_save_as_makes_it_a_file_of_the_laptop(bench: Stage) -> None:
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    editor.insert("X")
    copy = bench.laptop.path / "copy"
    editor.do(f"commands.of_view({ACTIVE}, 'prompt_save_as', {{'path': {str(copy)!r}}})")
    assert copy.read_text() == "Xmessage\n"
    assert process.wait(20) == 0
    assert editor.status == ""
    editor.insert("Y")
    assert editor.modified
    assert file.read_text() == "message\n"


def test_what_a_session_would_keep_says_whether_it_is_saved(bench: Stage) -> None:
    editor, _ = bench.opened()
    mark = f"{ACTIVE}.settings['rbridge']"
    assert editor.look(f"{mark}['unsaved']") is False
    editor.insert("X")
    assert editor.look(f"{mark}['unsaved']") is True
    editor.save()
    editor.until(f"{mark}['unsaved'] is False")


def test_tabs_have_names_that_tell_them_apart(bench: Stage) -> None:
    editor = bench.editor()
    for name in ("a/x.py", "b/x.py", "x.txt"):
        bench.show(editor, bench.host.file(name, name))
    names = editor.look("[one.buffer.name for one in app.views.values()]")
    assert [name.partition(" (")[0] for name in names] == ["x.py", "b/x.py", "x.txt"]


def test_a_comparison_takes_half_of_the_window_until_it_is_closed(bench: Stage) -> None:
    editor, _ = bench.opened()
    editor.insert("X")
    editor.resolve("compare")
    until(lambda: editor.comparing == THREE)
    assert editor.text == "X" + THREE
    assert editor.look(f"{ACTIVE}.reference") == THREE
    assert editor.look("len(app.front.groups)") == 2
    editor.do("app.close(app.front.groups[1][0])")
    editor.until("len(app.front.groups) == 1")


def test_what_a_session_brings_back(bench: Stage) -> None:
    """What was typed and not saved stays; a text that was saved, and what shows a folder, is closed."""

    def left(name: str, kind: str, unsaved: bool) -> dict[str, object]:
        mark = {"kind": kind, "id": "0" * 24, "host": "gpu1", "path": f"/{name}", "unsaved": unsaved}
        return {"name": name, "text": f"{name}\n", "scratch": not unsaved, "settings": {"rbridge": mark}}

    about = [left("clean", "document", False), left("typed", "document", True), left("tree", "folder", False)]
    other = {"name": "own", "text": "own\n", "scratch": False, "settings": {}}
    session = bench.laptop.file("session", json.dumps([*about, other]))
    editor = Sublime(bench.laptop, session=str(session))
    try:
        assert editor.look("[one.buffer.name for one in app.views.values()]") == ["typed", "own"]
        editor.do("app.focus(app.front.views[0])")
        assert (editor.status, editor.text, editor.modified) == ("gpu1: closed", "typed\n", True)
    finally:
        editor.kill()
