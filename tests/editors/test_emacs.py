"""Emacs with our plug-in, a real daemon, and the real client: what is Emacs' own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Start
from tests.editors.bench import THREE, Bench, PlainClient, holds
from tests.editors.emacs import Emacs
from tests.editors.scan import kept
from tests.harness.environment import Home, rbridge
from tests.harness.wait import stays, until


@pytest.fixture
def bench(home: Home, other_home: Home, daemon: Start) -> Iterator[Bench[Emacs]]:
    made = Bench(Emacs, home, other_home, daemon)
    yield made
    made.close()


BYTES = {
    "crlf": b"one\r\ntwo\r\n",
    "crlf and no final newline": b"one\r\ntwo",
    "mixed ends": b"one\r\ntwo\nthree\r\r\n",
    "no final newline": b"one\ntwo",
    "only newlines": b"\n\n",
    "byte order mark": b"\xef\xbb\xbfone\n",
    "byte order mark and crlf": b"\xef\xbb\xbfone\r\n",
    "Latin-1": "café ÿ\n".encode("latin-1"),
    "Latin-1 and crlf": "café ÿ\r\n".encode("latin-1"),
    "Latin-1 and mixed ends": "café\r\nÿ\n".encode("latin-1"),
    "NUL": b"a\0b\n\0\n",
    "NUL in Latin-1": b"a\0\xff\xfe\n",
    "all bytes": bytes(range(256)) * 2,
    "escapes": b"a \x1b$B\x46\x7c\x1b(B b\xff\n",
    "surrogates": b"\xed\xa0\x80 a\n",
    "beyond Unicode": b"\xf8\x88\x80\x80\x80 \xf4\x90\x80\x80\n",
    "emoji": "a 🧑\u200d🚀 b\n".encode(),
    "old Mac": b"one\rtwo\r",
    "UTF-16": "one\r\ntwo\r\n".encode("utf-16"),
    "another coding said": b"# -*- coding: latin-1 -*-\ncaf\xc3\xa9\n",
    "EUC": "日本語の文章です。\n".encode("euc-jp"),
}


def changed(file: Path, data: bytes) -> Callable[[], bool]:
    return lambda: file.read_bytes() != data


def test_bytes_come_back_as_they_came(bench: Bench[Emacs]) -> None:
    """Also after something was typed and taken back; in an Emacs that prefers another coding."""
    editor = bench.editor("(prefer-coding-system 'iso-2022-jp) (setq require-final-newline t)")
    for kind, data in BYTES.items():
        file = bench.host.file(f"{kind.replace(' ', '-')}.txt", data)
        bench.show(editor, file)
        assert not editor.modified
        editor.insert("new")
        editor.save()
        until(changed(file, data), what=f"{kind}: it is saved")
        assert file.read_bytes().replace(b"new", b"", 1).replace(b"n\0e\0w\0", b"", 1) == data, kind
        editor.until_saved()
        editor.keys("C-d", "C-d", "C-d")
        editor.save()
        until(holds(file, data), what=f"{kind} comes back: {file.read_bytes()[:80]!r}")
        editor.until_saved()


def test_a_coding_that_lacks_a_character_is_said(bench: Bench[Emacs]) -> None:
    editor, file = bench.opened("café\n".encode("latin-1"))
    assert editor.text == "café\n"
    editor.insert("é ")
    editor.save()
    until(holds(file, "é café\n".encode("latin-1")))
    editor.until_saved()
    editor.insert("日")
    editor.save()
    editor.said("it has characters that iso-latin-1 lacks, as in line 1; C-x RET f utf-8")
    assert editor.modified
    assert file.read_bytes() == "é café\n".encode("latin-1")
    editor.keys("C-x", "Enter", "f")
    editor.tmux.line("utf-8")
    editor.save()
    until(holds(file, "日é café\n".encode()))


def test_a_large_text_goes_in_chunks(bench: Bench[Emacs]) -> None:
    line = "zeile mit ä und 日本\n"
    data = (line * (9_000_000 // len(line.encode()))).encode()
    editor, file = bench.opened(data)
    editor.insert("X")
    editor.save()
    until(holds(file, b"X" + data))
    editor.until_saved()


def test_an_older_text_is_modified(bench: Bench[Emacs]) -> None:
    """Undo behind a save marks the buffer, and so does redo; undo up to what was saved does not."""
    editor, file = bench.opened()
    editor.insert("X")
    editor.save()
    editor.until_saved()
    editor.insert("Y")
    assert editor.modified
    editor.undo()
    editor.until_text("X" + THREE)
    assert not editor.modified
    editor.keys("C-x", "u")
    editor.until_text(THREE)
    assert editor.modified
    editor.save()
    until(holds(file, THREE))


def test_a_change_on_the_host_keeps_point_and_can_be_undone(bench: Bench[Emacs]) -> None:
    editor, file = bench.opened()
    editor.keys("M-g", "g")
    editor.tmux.line("3")
    until(lambda: editor.cursor == (3, 1))
    file.write_text("zero\n" + THREE)
    editor.until_text("zero\n" + THREE)
    assert editor.cursor == (4, 1)
    assert not editor.modified
    editor.undo()
    editor.until_text(THREE)
    assert editor.modified


def test_another_major_mode_changes_nothing(bench: Bench[Emacs]) -> None:
    editor, file = bench.opened("one")
    editor.command("text-mode")
    editor.until("(eq major-mode 'text-mode)")
    editor.insert("X")
    editor.save()
    until(holds(file, "Xone"))
    editor.until_saved()
    editor.command("normal-mode")
    editor.insert("Y")
    editor.save()
    until(holds(file, "YXone"))


def test_hooks_of_a_save_run(bench: Bench[Emacs]) -> None:
    editor, file = bench.opened(
        "one  \n",
        setup="(add-hook 'before-save-hook #'delete-trailing-whitespace)"
        " (add-hook 'after-save-hook (lambda () (setq after-save (buffer-modified-p))))",
    )
    editor.insert("X")
    editor.save()
    until(holds(file, "Xone\n"))
    editor.until("(boundp 'after-save)")
    assert editor.ask("after-save") is None


def test_the_mode_line_says_how_it_stands(bench: Bench[Emacs]) -> None:
    editor, _ = bench.opened()
    name = editor.ask("(buffer-name)")
    assert str(name).startswith("train.py@")
    editor.tmux.wait_for(f"{name} [saved]")
    editor.insert("X")
    editor.tmux.wait_for(f"{name} [modified]")
    bench.daemon.kill()
    editor.tmux.wait_for(f"{name} [no rbridge]")
    assert "let-bound" not in editor.told()


def test_closing_asks_before_changes_are_given_up(bench: Bench[Emacs]) -> None:
    editor, file = bench.opened()
    editor.insert("X")
    editor.close()
    editor.answer("train.py has changes that are not saved on", "no")
    stays(lambda: editor.shows("train.py"), 0.3)
    assert editor.text == "X" + THREE
    editor.close(discard=True)
    until(lambda: not editor.names)
    assert file.read_text() == THREE


def test_leaving_offers_to_save_and_asks(bench: Bench[Emacs]) -> None:
    editor, file = bench.opened()
    editor.insert("X")
    editor.quit()
    editor.tmux.wait_for("Save buffer train.py@")
    editor.keys("n")
    editor.answer("Not saved on their hosts: train.py@", "no")
    stays(lambda: editor.running, 0.3)
    editor.quit()
    editor.tmux.wait_for("Save buffer train.py@")
    editor.keys("y")
    assert editor.ended() == 0
    assert file.read_text() == "X" + THREE


def test_leaving_releases_who_waits_at_once(bench: Bench[Emacs]) -> None:
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    editor.quit(discard=True)
    assert editor.ended() == 0
    assert process.wait(5) == 0


def test_c_x_hash_saves_and_releases_who_waits(bench: Bench[Emacs]) -> None:
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    editor.insert("X")
    editor.keys("C-x", "#")
    assert process.wait(20) == 0
    assert file.read_text() == "Xmessage\n"
    assert editor.names == []


def test_a_clone_closes_nothing(bench: Bench[Emacs]) -> None:
    editor, file = bench.opened()
    editor.keys("C-x", "4", "c")
    editor.until("(buffer-base-buffer)")
    editor.insert("X")
    editor.save()
    until(holds(file, "X" + THREE))
    editor.until("(not (buffer-modified-p))")
    editor.keys("C-x", "k", "Enter")
    editor.until("(not (buffer-base-buffer))")
    assert editor.status.endswith("saved")
    assert len(editor.names) == 1


def test_write_file_makes_it_a_file_of_this_machine(bench: Bench[Emacs]) -> None:
    editor, file = bench.opened()
    copy = bench.laptop.path / "copy.py"
    editor.insert("X")
    editor.keys("C-x", "C-w")
    editor.tmux.line(str(copy))
    until(holds(copy, "X" + THREE))
    editor.insert("Y")
    editor.save()
    until(holds(copy, "YX" + THREE))
    assert file.read_text() == THREE
    assert editor.status == ""
    until(lambda: "train.py" not in bench.laptop.run(rbridge("status")).out)


def test_revert_buffer_reads_the_hosts_text(bench: Bench[Emacs]) -> None:
    editor, _ = bench.opened()
    editor.insert("X")
    editor.command("revert-buffer")
    editor.answer("Discard your changes of train.py", "yes")
    editor.until_text(THREE)
    editor.until_saved()


def test_a_comparison_is_gone_with_its_buffer(bench: Bench[Emacs]) -> None:
    editor, file = bench.opened()
    editor.insert("X")
    editor.until_text("X" + THREE)
    editor.command("rbridge-diff")
    until(lambda: editor.comparing == THREE, what=editor.screen())
    until(lambda: "+Xone" in editor.screen())
    assert file.read_text() == THREE
    editor.turn_to("train.py")
    editor.close(discard=True)
    left = '(seq-filter (lambda (one) (string-match-p "train.py" (buffer-name one))) (buffer-list))'
    until(lambda: not editor.ask(left))


def test_a_text_kept_by_nobody_can_be_written_elsewhere(bench: Bench[Emacs]) -> None:
    editor, file = bench.opened()
    editor.insert("X")
    editor.until_status("modified")
    bench.host.run(rbridge("close", str(file))).ok()
    editor.said("the text stays (C-x C-w)")
    copy = bench.laptop.path / "copy.py"
    editor.keys("C-x", "C-w")
    editor.tmux.line(str(copy))
    until(lambda: copy.exists() and copy.read_text() == "X" + THREE)


def test_a_plain_client_confirms_nothing(bench: Bench[Emacs]) -> None:
    editor = bench.editor()
    with PlainClient(bench.daemon.socket, b"first\n") as client:
        editor.sees("x.py")
        editor.insert("X")
        editor.save()
        client.gets(b"Xfirst\n")
        editor.said("x.py sent to gpu1, which confirms nothing")
        editor.until_saved()


HOSTILE = {
    "a.el": b';; -*- mode: text; eval: (write-region "" nil "W") -*-\n'
    b";; Local Variables:\n;; mode: text\n;; End:\n",
    "b.py": b"# -*- fill-column: 33; coding: utf-7 -*-\n",
    "c.pdf": b"no PDF, which would be shown elsewhere\n",
    "d.svg": b'<svg xmlns="http://www.w3.org/2000/svg"></svg>\n',
    "e.tar": b"no archive\n",
    "f.zip": b"PK\x03\x04\n",
    ".dir-locals.el": b'((nil . ((eval . (write-region "" nil "W")))))\n',
}


def test_no_text_chooses_what_happens_to_it(bench: Bench[Emacs]) -> None:
    """Viewers would read files of this machine, or write the text into one."""
    witness = bench.laptop.path / "executed"
    editor = bench.editor(Emacs.trusting)
    modes = {}
    for name, data in HOSTILE.items():
        data = data.replace(b'"W"', json.dumps(str(witness)).encode())
        file = bench.host.file(f"project/{name}", data)
        bench.show(editor, file)
        editor.insert("y")
        editor.save()
        until(holds(file, b"y" + data))
        modes[name] = editor.language
        assert editor.ask("fill-column") == 70
    viewers = ("doc-view", "image", "tar", "archive")
    assert [name for name, mode in modes.items() if mode.startswith(viewers)] == []
    assert modes["a.el"] == "emacs-lisp-mode"
    assert modes["b.py"] == "python-mode"
    bench.show(editor, bench.host.file("project/z.py", "z\n"))  # beside .dir-locals.el
    assert not witness.exists()


def test_the_host_may_name_a_mode_but_no_command(bench: Bench[Emacs]) -> None:
    """`rbridge open --type` and rmate's file-type."""
    editor = bench.editor()
    for language, mode in (("python", "python-mode"), ("desktop-save", "fundamental-mode")):
        editor.ask(
            '(with-temp-buffer (setq rbridge-document (make-rbridge-document :host "h" :path "/f"'
            f' :language "{language}")) (rbridge-text-fill "x\\n" t) (rbridge-document--choose-mode)'
            " (setq mode (symbol-name major-mode)))"
        )
        assert editor.ask("mode") == mode
    assert editor.ask("desktop-save-mode") is None


def test_nothing_of_the_text_is_on_the_disk(bench: Bench[Emacs]) -> None:
    """With all that Emacs keeps by itself, and what compares and filters; unsaved, and at the end."""
    marker = f"marker{os.urandom(8).hex()}"
    setup = (
        "(recentf-mode) (save-place-mode) (desktop-save-mode) (setq desktop-save t)"
        " (auto-save-visited-mode) (setq auto-save-interval 20 auto-save-timeout 1 make-backup-files t)"
        " (global-auto-revert-mode)"
    )
    editor, file = bench.opened(f"{marker}\nsecond\n", setup=setup)
    for _ in range(3):
        editor.insert("typed on and on")
    editor.command("rbridge-diff")
    until(lambda: editor.comparing, what=editor.screen())
    editor.turn_to("train.py")
    passing, found = bench.laptop.runtime / "passing", bench.laptop.runtime / "found"
    editor.keys("C-x", "h", "M-|")
    editor.tmux.line(f'grep -ls {marker} "${{TMPDIR:-/tmp}}"/emacs* >{found}; cat >{passing}')
    until(lambda: passing.exists() and marker in passing.read_text())
    assert found.read_text() == ""
    editor.command("do-auto-save")
    stays(lambda: not kept(marker, (bench.laptop.root,), bench.host.root), 1.5)
    assert list(bench.laptop.runtime.glob("buffer-content*")) == []
    editor.save()
    editor.until_saved()
    assert marker in file.read_text()
    editor.quit()
    assert editor.ended() == 0
    assert kept(marker, (Path("/tmp"), Path("/var")), bench.host.root) == []
