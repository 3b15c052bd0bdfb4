"""Vim with our plug-in, a real daemon, and the real client: what is Vim's own.

What every editor does is in ``tests/editors/scenarios``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Start
from tests.editors.bench import Bench, holds
from tests.editors.vim import Vim
from tests.harness.environment import Home
from tests.harness.wait import stays, until


@pytest.fixture
def bench(home: Home, other_home: Home, daemon: Start) -> Iterator[Bench[Vim]]:
    made = Bench(Vim, home, other_home, daemon)
    yield made
    made.close()


def test_keys_and_screen_of_an_open_and_a_save(bench: Bench[Vim]) -> None:
    editor = bench.editor("set laststatus=2 statusline=%f\\ %m\\ %{rbridge#Status()}")
    file = bench.host.file("train.py", "one\nzwölf\nthree\n")
    bench.open(f"{file}:2:4").ok()
    editor.sees("train.py")
    assert editor.cursor == (2, 4)
    editor.keys("iX<Esc>")
    editor.tmux.wait_for(": modified")
    editor.keys(":w<CR>")
    until(holds(file, "one\nzwöXlf\nthree\n"))
    editor.tmux.wait_for("rbridge: train.py saved on")
    editor.tmux.wait_for(": saved")
    assert not editor.waits_for_a_key


@pytest.mark.parametrize("keys", [":wq<CR>", ":x<CR>", "ZZ"])
def test_writing_and_quitting(bench: Bench[Vim], keys: str) -> None:
    editor, file = bench.opened()
    editor.keys("iX<Esc>" + keys)
    assert editor.ended() == 0
    assert file.read_text() == "Xone\ntwo\nthree\n"


def test_wq_does_not_quit_where_the_save_failed(bench: Bench[Vim]) -> None:
    editor, file = bench.opened()
    file.unlink()
    file.mkdir()
    editor.keys("iX<Esc>:wq<CR>")
    editor.said("is not saved on")
    stays(lambda: editor.running, 0.3)
    assert editor.modified
    assert not editor.waits_for_a_key, editor.screen()
    file.rmdir()


def test_events_come_as_for_a_file(bench: Bench[Vim]) -> None:
    editor, _ = bench.opened(
        setup="let g:events = []\n"
        "autocmd BufReadPost *.py call add(g:events, 'read')\n"
        "autocmd BufWritePre *.py call add(g:events, 'writes')\n"
        "autocmd BufWritePost *.py call add(g:events, 'wrote')\n"
        "autocmd FileType python call add(g:events, &filetype)"
    )
    editor.keys("iX<Esc>:w<CR>")
    editor.said("saved on")
    events = [event for event in editor.ask("g:events") if event in ("read", "python", "writes", "wrote")]
    assert events == ["python", "read", "writes", "wrote"]


BYTES = {
    "only newlines": b"\n\n",
    "one newline": b"\n",
    "nothing": b"",
    "only a mark": b"\xef\xbb\xbf",
    "mixed ends": b"one\r\ntwo\nthree\r\r\n",
    "old Mac": b"one\rtwo\r",
    "NUL at the ends": b"\0a\\u0000\\\0\n\0",
    "NUL and nothing": b"\0",
    "NUL in Latin-1": b"a\0\xff\xfe\n",
    "all bytes": bytes(range(256)) * 2,
    "UTF-16": "one\r\ntwo\r\n".encode("utf-16"),
    "surrogates": b"a\xed\xa0\x80\xed\xb0\x80b\n",
    "overlong": b"a\xc0\x80\xe0\x80\x80\xf0\x80\x80\x80b\n",
    "too large a number": b"a\xf4\x90\x80\x80\xf8\x88\x80\x80\x80b\n",
}


@pytest.mark.parametrize("kind", BYTES)
def test_bytes_come_back_as_they_came(bench: Bench[Vim], kind: str) -> None:
    editor, file = bench.opened(BYTES[kind], "file.txt")
    assert not editor.modified
    editor.keys(":w<CR>")
    editor.said("saved on")
    assert file.read_bytes() == BYTES[kind]
    editor.keys("ggOnew<Esc>:w<CR>")
    until(lambda: b"new" in file.read_bytes())
    editor.keys("ggdd:w<CR>")
    ended = BYTES[kind].endswith(b"\n") or kind == "old Mac"
    empty = BYTES[kind] in (b"", b"\xef\xbb\xbf")
    until(holds(file, BYTES[kind] + b"\n" if empty and not ended else BYTES[kind]))


@pytest.mark.parametrize(("data", "after"), [(b"", b"x\n"), (b"\n", b"x\n")])
def test_an_empty_file_gets_whole_lines(bench: Bench[Vim], data: bytes, after: bytes) -> None:
    editor, file = bench.opened(data)
    editor.keys("ix<Esc>:w<CR>")
    until(holds(file, after))


def test_an_encoding_refuses_what_it_lacks(bench: Bench[Vim]) -> None:
    editor, file = bench.opened("café\n".encode("latin-1"))
    assert editor.lines == ["café"]
    editor.keys("A é<Esc>:w<CR>")
    until(holds(file, "café é\n".encode("latin-1")))
    editor.keys("A 日<Esc>:w<CR>")
    editor.said("it has characters that latin1 lacks; :setlocal fileencoding=utf-8 changes that")
    assert editor.modified
    assert file.read_bytes() == "café é\n".encode("latin-1")
    editor.keys(":setlocal fileencoding=utf-8 | w<CR>")
    until(holds(file, "café é 日\n"))


def test_other_encodings_and_what_no_text_may_hold(bench: Bench[Vim]) -> None:
    editor, file = bench.opened("a\n")
    editor.keys(":call setline(1, '10 € é') | setlocal fileencoding=cp1252 | w<CR>")
    until(holds(file, "10 € é\n".encode("cp1252")))
    editor.keys(r':call setline(1, "\xff\xc0\x80") | setlocal fileencoding=utf-8 | w<CR>')
    until(holds(file, b"\xff\xc0\x80\n"))
    until(lambda: not editor.modified)


def test_a_long_line_goes_in_chunks(bench: Bench[Vim]) -> None:
    data = ("zeile mit ä und 日本 " * 200_000).encode()
    editor, file = bench.opened(data + b"\n")
    editor.keys("iX<Esc>:w<CR>")
    until(holds(file, b"X" + data + b"\n"), 60)
    until(lambda: not editor.modified)


def test_wa_and_buffers_that_are_not_shown(bench: Bench[Vim]) -> None:
    """'hidden' is off, as by default."""
    editor, first = bench.opened("1\n", "a.txt")
    editor.keys("iX<Esc>")
    second = bench.host.file("b.txt", "2\n")
    bench.open(str(second)).ok()
    editor.sees("b.txt")
    assert not editor.ask("&hidden")
    editor.keys("iY<Esc>:buffer a.txt<CR>:wa<CR>")
    until(holds(first, b"X1\n"))
    until(holds(second, b"Y2\n"))
    until(lambda: editor.ask("len(getbufinfo(#{bufmodified: 1}))") == 0)


@pytest.mark.parametrize("keys", [":q<CR>", ":bd<CR>", "iX<Esc>:wq<CR>", "iX<Esc>:q!<CR>", "iX<Esc>ZZ"])
def test_who_waits_is_released(bench: Bench[Vim], keys: str) -> None:
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    editor.keys(keys)
    assert process.wait(20) == 0
    assert file.read_text() == ("Xmessage\n" if "wq" in keys or "ZZ" in keys else "message\n")
    assert editor.running


def test_q_with_changes_does_not_release_who_waits(bench: Bench[Vim]) -> None:
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    editor.keys("iX<Esc>:q<CR>")
    editor.tmux.wait_for("E37")
    stays(lambda: process.poll() is None, 0.2)
    assert editor.lines == ["Xmessage"]


def test_a_comparison_has_a_tab_page_of_its_own(bench: Bench[Vim]) -> None:
    editor, file = bench.opened()
    editor.keys("iX<Esc>")
    file.write_text("theirs\n")
    editor.said("and here: :RbridgeDiff")
    editor.keys(":RbridgeDiff<CR>")
    until(lambda: editor.comparing == "theirs\n")
    assert editor.ask("[tabpagenr(), &diff, getline(1)]") == [2, 1, "Xone"]
    editor.keys(":tabclose<CR>")
    editor.keys(":RbridgeResolve th\t<CR>")
    until(lambda: editor.lines == ["theirs"])
    assert editor.ask("len(getbufinfo('rbridge-host:'))") == 0


def test_an_external_diff_is_not_used(bench: Bench[Vim]) -> None:
    editor, _ = bench.opened(setup="set diffopt=filler")
    editor.keys(":RbridgeDiff<CR>")
    editor.said("the texts would get onto the disk")
    assert editor.comparing is None


def test_saveas_makes_it_a_file_of_this_machine(bench: Bench[Vim]) -> None:
    editor, file = bench.opened()
    copy = bench.laptop.path / "copy.py"
    editor.keys(f":saveas {copy}<CR>")
    until(holds(copy, "one\ntwo\nthree\n"))
    editor.keys("iX<Esc>:w<CR>")
    until(holds(copy, "Xone\ntwo\nthree\n"))
    assert editor.status == ""
    assert file.read_text() == "one\ntwo\nthree\n"


def test_parts_and_other_names_are_refused(bench: Bench[Vim]) -> None:
    editor, file = bench.opened()
    editor.keys(":1,2w!<CR>")
    editor.said("only a whole text can be written to its host")
    editor.keys(":w! rbridge://other/x.py<CR>")
    editor.said("a text goes to its own host and name only")
    assert file.read_text() == "one\ntwo\nthree\n"


def test_viminfo_has_nothing_of_ours(bench: Bench[Vim]) -> None:
    editor, _ = bench.opened("secret-marker\nsecond\n")
    own = bench.laptop.file("own.txt", "own-text\n")
    editor.keys('yy"ayy"Ayyddumalgg:w<CR>')
    editor.keys(f":edit {own}<CR>")
    editor.sees("own.txt")
    editor.keys("/own-te<CR>:let g:own = 1<CR>")
    editor.keys(":buffer train.py<CR>/secret-mark<CR>:let g:x = 'secret'<CR>:buffer own.txt<CR>/own<CR>")
    editor.keys('"byy:qa!<CR>')
    assert editor.ended() == 0
    viminfo = (bench.laptop.path / ".viminfo").read_text()
    assert "own-text" in viminfo
    assert "g:own" in viminfo
    assert "secret" not in viminfo
    assert "rbridge:" not in viminfo


def test_viminfo_has_nothing_of_a_folder(bench: Bench[Vim]) -> None:
    editor, _ = bench.browsing({"secret-name.txt": "secret-marker\n"})
    own = bench.laptop.file("own.txt", "own-text\n")
    editor.keys("yG/secret<CR>")
    assert editor.tree.search("secret-marker") == [("secret-name.txt", 1)]
    editor.keys('"ayy/secret-m<CR>')
    editor.tree.make("secret-new.txt")
    editor.sees("secret-new.txt")
    editor.keys(f":edit {own}<CR>")
    editor.sees("own.txt")
    editor.keys("/own-te<CR>:let g:own = 1<CR>:qa!<CR>")
    assert editor.ended() == 0
    viminfo = (bench.laptop.path / ".viminfo").read_text()
    assert "g:own" in viminfo
    assert "secret" not in viminfo
    assert "rbridge:" not in viminfo


def test_an_open_from_vims_own_terminal_leaves_the_terminal_in_view(bench: Bench[Vim]) -> None:
    editor = bench.editor()
    editor.keys(":terminal ++curwin sh<CR>")
    editor.keys("echo still the $((6 * 7))nd<CR>")
    editor.tmux.wait_for("still the 42nd")
    bench.open(str(bench.host.file("train.py", "import torch\n"))).ok()
    screen = editor.tmux.wait_for("import torch")
    assert "still the 42nd" in screen
