"""Opening, editing, saving, closing."""

from __future__ import annotations

import subprocess

from tests.editors.bench import THREE, Bench, PlainClient, holds
from tests.editors.driver import Driver
from tests.harness.environment import rbridge
from tests.harness.wait import stays, until

Stage = Bench[Driver]
ODD = "a b %41%2F 'q' \"d\" #1 ü日 $HOME `id` [x] {y} | ~ & ;.py"


def test_open_at_a_position(bench: Stage) -> None:
    """Open a file at its line and column, in its language"""
    editor, file = bench.editor(), bench.host.file("train.py", "one\nzwölf\nthree\n")
    bench.open(f"{file}:2:4").ok()
    editor.sees("train.py")
    assert editor.path.endswith(str(file))
    until(lambda: editor.cursor == (2, 4), what=f"the cursor is at {editor.cursor}")
    until(lambda: "python" in editor.language.lower(), what=f"the language is {editor.language}")
    assert editor.text == "one\nzwölf\nthree\n"
    editor.until_saved()


def test_save(bench: Stage) -> None:
    """Edit and save; it says modified, then saved once the host has the text"""
    editor, file = bench.opened()
    editor.insert("X")
    editor.until_text("X" + THREE)
    assert editor.modified
    editor.until_status("modified")
    assert file.read_text() == THREE
    editor.save()
    until(holds(file, "X" + THREE))
    editor.until_saved()
    editor.insert("Y")
    editor.save()
    until(holds(file, "YX" + THREE))
    editor.until_saved()


def test_undo(bench: Stage) -> None:
    """Undo goes back behind a save, and never to before the text came"""
    editor, file = bench.opened()
    editor.undo()
    editor.insert("X")
    editor.save()
    editor.until_saved()
    editor.undo()
    editor.until_text(THREE)
    editor.undo()
    editor.save()
    until(holds(file, THREE))
    editor.until_text(THREE)


def test_save_all(bench: Stage) -> None:
    """Save all files"""
    editor, first = bench.opened("1\n", "a.txt")
    editor.insert("X")
    second = bench.host.file("b.txt", "2\n")
    bench.show(editor, second)
    editor.insert("Y")
    editor.save_all()
    until(holds(first, "X1\n"))
    until(holds(second, "Y2\n"))
    editor.until_saved()
    editor.turn_to("a.txt")
    editor.until_saved()


def test_failed_save(bench: Stage) -> None:
    """A save that fails says why, and the next one can get there"""
    editor, file = bench.opened()
    file.unlink()
    file.mkdir()
    editor.insert("X")
    editor.save()
    editor.said("is a directory")
    assert editor.unsaved
    assert "saved" not in editor.status
    assert editor.text == "X" + THREE
    file.rmdir()
    file.write_text(THREE)
    editor.save()
    until(holds(file, "X" + THREE))
    editor.until_saved()


def test_modified_until_saved(bench: Stage) -> None:
    """The editor itself shows a text as modified until the host has it"""
    editor, file = bench.opened()
    file.unlink()
    file.mkdir()
    editor.insert("X")
    editor.save()
    editor.said("is a directory")
    stays(lambda: editor.modified, 0.3)
    file.rmdir()
    file.write_text(THREE)
    editor.save()
    editor.until_saved()
    assert not editor.modified


def test_new_file(bench: Stage) -> None:
    """A file that is not there yet is made by the first save"""
    editor, file = bench.editor(), bench.host.path / "new.py"
    bench.show(editor, file)
    assert editor.text == ""
    assert not file.exists()
    editor.insert("x = 1")
    editor.save()
    until(file.exists)
    until(lambda: file.read_text().rstrip("\n") == "x = 1")
    editor.until_saved()


def test_read_only(bench: Stage) -> None:
    """Read-only is shown, and nothing is written"""
    editor, file = bench.editor(), bench.host.file("fixed.txt", "fixed\n")
    bench.open("--read-only", str(file)).ok()
    editor.sees("fixed.txt")
    assert editor.read_only
    editor.insert("X")
    editor.save()
    stays(holds(file, "fixed\n"), 0.5)


def test_several_at_once(bench: Stage) -> None:
    """Several files with one command, each saved to its own"""
    editor = bench.editor()
    files = [bench.host.file(f"{number}.txt", f"{number}\n") for number in range(5)]
    bench.open(*map(str, files)).ok()
    until(lambda: len(editor.names) == len(files), what=f"all are open: {editor.names}")
    for file in (files[3], files[0]):
        editor.turn_to(file.name)
        editor.insert("X")
        editor.save()
        until(holds(file, f"X{file.stem}\n"))
        editor.until_saved()
    assert [file.read_text() for file in files[1:3]] == ["1\n", "2\n"]


def test_odd_name(bench: Stage) -> None:
    """A name with spaces, quotes, percent signs, brackets and characters beyond ASCII"""
    editor, file = bench.opened(name=ODD)
    assert editor.text == THREE
    editor.insert("X")
    editor.save()
    until(holds(file, "X" + THREE))
    editor.until_saved()
    editor.close()
    until(lambda: not editor.names)


def test_same_file_twice(bench: Stage) -> None:
    """The same file again goes to the buffer that has it, with what was typed there"""
    editor, file = bench.opened()
    editor.insert("X")
    other = bench.host.file("b.txt", "2\n")
    bench.show(editor, other)
    bench.open(f"{file}:3").ok()
    assert len(editor.names) == 2
    editor.turn_to("train.py")
    assert editor.text == "X" + THREE
    editor.save()
    until(holds(file, "X" + THREE))


def test_same_file_at_a_line(bench: Stage) -> None:
    """... and brings it to the front, at the line that was asked for"""
    editor, file = bench.opened()
    bench.show(editor, bench.host.file("b.txt", "2\n"))
    bench.open(f"{file}:3").ok()
    editor.sees("train.py")
    until(lambda: editor.cursor[0] == 3, what="the cursor is in line 3")


def test_same_path_on_two_hosts(bench: Stage) -> None:
    """The same path on two hosts is two buffers, each with its host's name"""
    editor = bench.editor()
    with PlainClient(bench.daemon.socket, b"first\n", "gpu1") as first:
        editor.sees("x.py")
        editor.until_text("first\n")
        with PlainClient(bench.daemon.socket, b"other\n", "gpu2") as other:
            editor.until_text("other\n")
            assert len(editor.names) == 2
            assert sorted("gpu1" in name for name in editor.names) == [False, True]
            assert sorted("gpu2" in name for name in editor.names) == [False, True]
            editor.insert("X")
            editor.save()
            other.gets(b"Xother\n")
            editor.close()
            editor.until_text("first\n")
            editor.insert("Y")
            editor.save()
            first.gets(b"Yfirst\n")


def test_two_editors(bench: Stage) -> None:
    """Of two windows the one that was used last gets the file; one that has it already keeps it"""
    first, second = bench.editor(), bench.editor()
    bench.show(second, bench.host.file("a.txt", "a\n"))
    first.focus()
    bench.show(first, bench.host.file("b.txt", "b\n"))
    assert not first.shows("a.txt")
    assert not second.shows("b.txt")
    assert second.path.endswith("a.txt")
    bench.open(str(bench.host.path / "a.txt")).ok()
    assert not first.shows("a.txt")
    second.insert("X")
    second.save()
    until(holds(bench.host.path / "a.txt", "Xa\n"))


def test_wait(bench: Stage) -> None:
    """`rbridge open -w` returns when the buffer is closed: 0 when all is saved"""
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    editor.insert("X")
    editor.save()
    editor.until_saved()
    stays(lambda: process.poll() is None, 0.3)
    editor.close()
    assert process.wait(20) == 0
    assert file.read_text() == "Xmessage\n"
    until(lambda: not editor.shows("COMMIT"))


def test_wait_unsaved(bench: Stage) -> None:
    """... and 74 when the last save did not get there"""
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    file.unlink()
    file.mkdir()
    editor.insert("X")
    editor.save()
    editor.said("is a directory")
    stays(lambda: process.poll() is None, 0.3)
    editor.close(discard=True)
    assert process.wait(20) == 74


def test_pipe(bench: Stage) -> None:
    """`... | rbridge open - | ...` gives on what was saved when the buffer is closed"""
    editor = bench.editor()
    process = bench.wait("-", stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(b"from a pipe\n")
    process.stdin.close()
    editor.until_text("from a pipe\n")
    editor.insert("X")
    editor.save()
    editor.until_saved()
    editor.close()
    assert process.wait(20) == 0
    assert process.stdout
    assert process.stdout.read() == b"Xfrom a pipe\n"


def test_quit(bench: Stage) -> None:
    """The end of the editor closes its files on the host"""
    editor, file = bench.editor(), bench.host.file("COMMIT", "message\n")
    process = bench.wait(str(file))
    editor.sees("COMMIT")
    editor.quit()
    editor.ended()
    assert process.wait(20) == 0


def test_closed_on_the_host(bench: Stage) -> None:
    """`rbridge close` on the host closes a buffer without changes, and keeps the text of one with"""
    editor, first = bench.opened("1\n", "a.txt")
    second = bench.host.file("b.txt", "2\n")
    bench.show(editor, second)
    editor.insert("X")
    editor.until_status("modified")
    bench.host.run(rbridge("close", str(first))).ok()
    until(lambda: not editor.shows("a.txt"), what="a.txt is gone")
    bench.host.run(rbridge("close", str(second))).ok()
    editor.until_status("closed")
    assert editor.text == "X2\n"
