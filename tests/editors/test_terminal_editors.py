"""vim, nano, emacs, micro and kakoune as command editors in tmux windows: what a person does with a text."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

import pytest
import trio

from tests.adapters.desk import FakeDesk, make_text
from tests.editors.conftest import Bench
from tests.editors.keys import EDITORS, Driven, press
from tests.harness.wait import until_async

TEXT = "".join(f"line {number} of the text\n" for number in range(1, 41)).encode()

SETTINGS = {
    ".vimrc": """set modeline modelines=5 backup undofile exrc
set backupdir=$HOME/backups undodir=$HOME/undo directory=$HOME/swap viminfo='100,<50,s10
set patchmode=.orig backupskip=
call mkdir($HOME.'/backups', 'p') | call mkdir($HOME.'/undo', 'p') | call mkdir($HOME.'/swap', 'p')
""",
    "../config/nano/nanorc": """set backup
set backupdir "HOME/backups"
set historylog
set positionlog
set linenumbers
""",
    ".emacs": """(setq make-backup-files t backup-directory-alist '(("." . "~/backups")) auto-save-default t
      backup-enable-predicate (lambda (_) t)
      auto-save-file-name-transforms '((".*" "~/backups/" t)) enable-local-variables :all enable-local-eval t)
""",
    "../config/micro/settings.json": """{"backup": true, "permbackup": true,
      "savehistory": true, "saveundo": true}""",
}


def lay_settings(bench: Bench) -> dict[str, str]:
    """The settings of someone who keeps everything and trusts every text."""
    bench.home.file("backups/.keep")
    home = str(bench.home.path)
    laid = {name: text.replace("HOME", home) if "nano" in name else text for name, text in SETTINGS.items()}
    for name, text in laid.items():
        bench.home.file(name, text)
    return laid


def holding(marker: bytes, directory: Path, since: float) -> list[str]:
    """Files below *directory*, changed after *since*, that contain *marker*."""
    found = []
    for at, directories, files in os.walk(directory):
        directories[:] = [d for d in directories if not os.path.islink(os.path.join(at, d))]
        for name in files:
            path = os.path.join(at, name)
            try:
                state = os.lstat(path)
                if state.st_mtime >= since and os.path.isfile(path) and state.st_size < 1 << 22:
                    with open(path, "rb") as file:
                        found += [path] if marker in file.read() else []
            except FileNotFoundError:
                continue  # another program's, gone meanwhile
    return found


@pytest.fixture(params=EDITORS, ids=lambda driven: driven.spec)
def driven(request: pytest.FixtureRequest) -> Driven:
    editor: Driven = request.param
    return editor


async def test_it_opens_at_the_position_saves_exact_bytes_and_its_end_closes_the_text(
    bench: Bench, driven: Driven
) -> None:
    desk = FakeDesk()
    text = make_text(bench.files, TEXT, line=30, column=6)
    async with bench.editing(driven.spec, text, desk, "line 30 of") as returned:
        press(bench.tmux, (*driven.insert, "=NEW", *driven.leave))
        await until_async(lambda: "line NEW30 of" in bench.tmux.screen(), what=bench.tmux.screen())
        assert "train.py@gpu1" in bench.tmux.windows()
        press(bench.tmux, driven.save)
        await desk.until_last(TEXT.replace(b"line 30", b"line NEW30"))
        press(bench.tmux, driven.close)
        await bench.over(returned, desk)
    assert desk.saves == [TEXT.replace(b"line 30", b"line NEW30")]
    assert desk.told == []
    await until_async(lambda: bench.tmux.windows() == ["sh"], what="the window is gone")


async def test_no_copy_of_the_text_is_left_whatever_the_settings_say(bench: Bench, driven: Driven) -> None:
    settings = lay_settings(bench)
    began = time.time() - 1
    marker = uuid.uuid4().hex
    desk = FakeDesk()
    text = make_text(bench.files, f"{marker} first\nsecond\n".encode(), line=1)
    async with bench.editing(driven.spec, text, desk, f"{marker} first") as returned:
        press(bench.tmux, (*driven.insert, "=" + marker, *driven.leave, *driven.save))
        await desk.until_saved(1)
        press(bench.tmux, (*driven.insert, "=again", *driven.leave, *driven.save))
        await desk.until_saved(2)
        press(bench.tmux, driven.close)
        await bench.over(returned, desk)
    assert holding(marker.encode(), bench.home.root, began) == []
    assert holding(marker.encode(), Path("/var/tmp"), began) == []
    assert [name for name in os.listdir("/tmp") if marker in _written(Path("/tmp", name), began)] == []
    assert list(bench.files.iterdir()) == [bench.files / text.id]
    assert [bench.home.path.joinpath(name).read_text() for name in settings] == list(settings.values())


CHANGED = TEXT.replace(b"line 1 of", b"line 1 by the host of")
RELOADING = [one for one in EDITORS if one.spec in ("vim", "emacs -nw")]  # the others ask the user


@pytest.mark.parametrize("editor", RELOADING, ids=lambda one: one.spec)
async def test_the_hosts_new_text_is_shown_where_nothing_was_changed(bench: Bench, editor: Driven) -> None:
    desk = FakeDesk()
    text = make_text(bench.files, TEXT, line=2)
    (bench.home.path / "new").write_bytes(CHANGED)
    async with bench.editing(editor.spec, text, desk, "line 1 of") as returned:
        assert desk.pane is not None
        assert await desk.pane.replace(bench.home.path / "new")
        await until_async(lambda: "line 1 by the host of" in bench.tmux.screen(), what="the new text")
        press(bench.tmux, (*editor.insert, "=NEW", *editor.leave, *editor.save))
        await desk.until_last(CHANGED.replace(b"line 2 of", b"NEWline 2 of"))
        press(bench.tmux, editor.close)
        await bench.over(returned, desk)


@pytest.mark.parametrize("editor", EDITORS, ids=lambda one: one.spec)
async def test_what_the_user_has_typed_is_not_replaced(bench: Bench, editor: Driven) -> None:
    desk = FakeDesk()
    text = make_text(bench.files, TEXT, line=2)
    (bench.home.path / "new").write_bytes(CHANGED)
    async with bench.editing(editor.spec, text, desk, "line 1 of"):
        press(bench.tmux, (*editor.insert, "=NEW", *editor.leave))
        await until_async(lambda: "NEWline 2 of" in bench.tmux.screen(), what=bench.tmux.screen())
        assert desk.pane is not None
        await desk.pane.replace(bench.home.path / "new")
        stays_shown = 2.5  # seconds: more than an editor needs to look at its file
        with trio.move_on_after(stays_shown):
            await until_async(lambda: "NEWline 2 of" not in bench.tmux.screen(), 60.0)
        assert "NEWline 2 of" in bench.tmux.screen()
        assert desk.saves == []


def _written(path: Path, since: float) -> str:
    """What is in a file that was written after *since*: in a place of everybody's it may be gone."""
    try:
        fresh = path.is_file() and path.stat().st_mtime >= since
        return path.read_bytes().decode("latin-1") if fresh else ""
    except OSError:
        return ""


HOSTILE = {
    "vim": "x = 1\n# vim: set shiftwidth=3 textwidth=33 foldexpr=writefile([],'{file}') foldmethod=expr :\n",
    "emacs -nw": "x = 1\n# Local Variables:\n# fill-column: 33\n"
    '# eval: (write-region "" nil "{file}")\n# End:\n',
}

OWN = {
    "vim": "x = 1\n# vim: set textwidth=33 :\n",
    "emacs -nw": "x = 1\n# Local Variables:\n# fill-column: 33\n# End:\n",
}


@pytest.mark.parametrize("spec", HOSTILE)
async def test_a_hostile_modeline_is_not_obeyed(bench: Bench, spec: str) -> None:
    lay_settings(bench)
    witness = bench.home.path / "executed"
    desk = FakeDesk()
    data = HOSTILE[spec].replace("{file}", str(witness)).encode()
    text = make_text(bench.files, data, line=1)
    editor = next(one for one in EDITORS if one.spec == spec)
    ask = {
        "vim": ("=:call setline(1, 'is ' . &l:textwidth . &l:shiftwidth . &l:modeline)", "Enter"),
        "emacs -nw": ("M-:", '=(progn (goto-char 1) (insert (format "is %s" fill-column)))', "Enter"),
    }
    async with bench.editing(spec, text, desk, "x = 1") as returned:
        press(bench.tmux, (*ask[spec], *editor.save))
        saved = (await desk.until_saved(1)).splitlines()[0]
        press(bench.tmux, editor.close)
        await bench.over(returned, desk)
    assert saved.startswith(b"is ")
    assert b"33" not in saved
    assert not witness.exists()


@pytest.mark.parametrize("spec", HOSTILE)
async def test_local_variables_still_hold_for_the_users_own_files(bench: Bench, spec: str) -> None:
    """In the same editor: what is off for the host's text is not off for a file of the laptop."""
    lay_settings(bench)
    own = bench.home.file("own.py", OWN[spec])
    desk = FakeDesk()
    text = make_text(bench.files, b"x = 0\n", line=1)
    editor = next(one for one in EDITORS if one.spec == spec)
    look = {"vim": (f"=:split {own}", "Enter"), "emacs -nw": ("C-x", "C-f", "C-a", "C-k", f"={own}", "Enter")}
    ask = {
        "vim": ("=:call setline(1, 'is ' . &l:textwidth . &l:shiftwidth . &l:modeline . &backup)", "Enter"),
        "emacs -nw": ("M-:", '=(progn (goto-char 1) (insert (format "is %s" fill-column)))', "Enter"),
    }
    async with bench.editing(spec, text, desk, "x = 0"):
        press(bench.tmux, look[spec])
        await until_async(lambda: "x = 1" in bench.tmux.screen(), what=bench.tmux.screen())
        press(bench.tmux, (*ask[spec], *editor.save))
        await until_async(lambda: b"33" in own.read_bytes().splitlines()[0], what=bench.tmux.screen())
    assert desk.saves == []
    assert holding(b"x = 1", bench.home.path, 0), "the user's own backup is missing"


async def test_a_file_of_directory_variables_is_not_obeyed_by_emacs(bench: Bench) -> None:
    lay_settings(bench)
    witness = bench.home.path / "executed"
    data = f'((nil . ((eval . (write-region "" nil "{witness}")))))\n'.encode()
    text = make_text(bench.files, data, path="/home/u/.dir-locals.el", line=1)
    desk = FakeDesk()
    async with bench.editing("emacs -nw", text, desk, "eval") as returned:
        press(bench.tmux, ("=x", "C-x", "C-s"))
        await desk.until_saved(1)
        press(bench.tmux, ("C-x", "C-c"))
        await bench.over(returned, desk)
    assert not witness.exists()


async def test_a_crlf_text_without_a_final_newline_survives(bench: Bench, driven: Driven) -> None:
    desk = FakeDesk()
    data = b"one\r\ntwo\r\nthree\r\n"
    text = make_text(bench.files, data, line=2)
    async with bench.editing(driven.spec, text, desk, "three") as returned:
        press(bench.tmux, (*driven.insert, "=X", *driven.leave, *driven.save))
        await desk.until_last(b"one\r\nXtwo\r\nthree\r\n")
        press(bench.tmux, driven.close)
        await bench.over(returned, desk)


async def test_cancelling_leaves_the_window_and_what_was_typed(bench: Bench) -> None:
    desk = FakeDesk()
    async with bench.editing("vim", make_text(bench.files), desk, "three"):
        press(bench.tmux, ("=i", "=unsaved", "Escape"))
        await until_async(lambda: "unsaved" in bench.tmux.screen())
    assert "train.py@gpu1" in bench.tmux.windows()
    assert "unsavedone" in bench.tmux.screen()


async def test_closing_the_window_closes_the_text(bench: Bench) -> None:
    desk = FakeDesk()
    async with bench.editing("vim", make_text(bench.files), desk, "three") as returned:
        bench.tmux._call("kill-window", "-t", "t:")
        await bench.over(returned, desk)
    assert desk.saves == []


async def test_an_editor_that_fails_in_its_window_is_told(bench: Bench) -> None:
    desk = FakeDesk()
    async with bench.editing("vim", make_text(bench.files), desk, "three") as returned:
        press(bench.tmux, ("=:cq", "Enter"))
        await bench.over(returned, desk)
    assert desk.told == ["train.py on gpu1: vim ended with status 1"]


async def test_a_name_full_of_traps_reaches_tmux_and_the_editor_as_it_is(bench: Bench) -> None:
    witness = bench.home.path / "executed"
    desk = FakeDesk()
    name = f"#(touch $HOME)'\"{{line}} %; touch `id`{'&'}#{{pid}};"
    text = make_text(bench.files, path=f"/home/u/{name}")
    async with bench.editing("vim", text, desk, "three") as returned:
        press(bench.tmux, ("=iX", "Escape", "=:wq", "Enter"))
        await bench.over(returned, desk)
    assert desk.saves == [b"Xone\ntwo\nthree\n"]
    assert not witness.exists()


async def test_emacsclient_guards_the_text_in_an_emacs_that_runs_already(bench: Bench) -> None:
    lay_settings(bench)
    witness = bench.home.path / "executed"
    socket = str(bench.home.root / "emacs")
    bench.home.run(["emacs", f"--daemon={socket}"]).ok()
    ask = ["emacsclient", "-s", socket, "--eval"]
    try:
        text = make_text(bench.files, HOSTILE["emacs -nw"].replace("{file}", str(witness)).encode(), line=1)
        desk = FakeDesk()
        async with bench.editing(f"emacsclient -s {socket} -t", text, desk, "x = 1") as returned:
            press(bench.tmux, ("=X", "C-x", "C-s"))
            assert (await desk.until_saved(1)).startswith(b"Xx = 1")
            ours = (
                f'(with-current-buffer "{text.name}" (list fill-column backup-inhibited auto-save-default))'
            )
            assert bench.home.run([*ask, ours]).ok().out.strip() == "(70 t nil)"
            press(bench.tmux, ("C-x", "=#"))
            await bench.over(returned, desk)
        own = bench.home.file("own.py", OWN["emacs -nw"])
        theirs = f'(with-current-buffer (find-file-noselect "{own}") (list fill-column make-backup-files))'
        assert bench.home.run([*ask, theirs]).ok().out.strip() == "(33 t)"
        assert not witness.exists()
    finally:
        bench.home.run([*ask, "(kill-emacs)"])


async def test_emacsclient_goes_to_the_line_when_the_text_is_opened_again(bench: Bench) -> None:
    socket = str(bench.home.root / "again")
    bench.home.run(["emacs", "-Q", f"--daemon={socket}"]).ok()
    ask = ["emacsclient", "-s", socket, "--eval"]
    text, desk = make_text(bench.files, b"x = 1\nx = 2\nx = 3\n"), FakeDesk()
    try:
        async with bench.editing(f"emacsclient -s {socket} -t", text, desk, "x = 1") as returned:
            bench.tmux.window(["sh"], "shell")
            bench.tmux.wait_gone("x = 1")
            assert desk.pane is not None
            await desk.pane.reveal(3, 2)
            bench.tmux.wait_for("x = 3")
            bench.tmux.type("!")
            bench.tmux.wait_for("x! = 3")
            bench.tmux.keys("C-x", "C-s")
            await desk.until_last(b"x = 1\nx = 2\nx! = 3\n")
            bench.tmux.keys("C-x", "#")
            await bench.over(returned, desk)
    finally:
        bench.home.run([*ask, "(kill-emacs)"])
    assert desk.told == []
