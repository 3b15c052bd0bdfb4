"""The folder view of Emacs' plug-in against a daemon that a test plays: what is shown."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.attach_server import AttachServer, Refusal
from tests.editors.emacs import READY, Emacs
from tests.editors.emacs_host import FOLDER, OTHER, Host, entry, here
from tests.harness.environment import Home
from tests.harness.wait import until

SOURCES = Path(__file__).parents[2] / "editors" / "emacs"
NOT_CONNECTED = -32015


@pytest.fixture
def server(home: Home) -> Iterator[AttachServer]:
    made = AttachServer(home.runtime / "editor.sock")
    yield made
    made.close()


@pytest.fixture
def host(server: AttachServer) -> Host:
    return Host(server)


@pytest.fixture
def editor(home: Home, host: Host) -> Iterator[Emacs]:
    made = Emacs(home)
    yield made
    made.kill()


@pytest.fixture
def shown(editor: Emacs, host: Host) -> Emacs:
    """An editor that shows the folder, with its root."""
    host.show()
    editor.tree.until_shows("a.txt", "src/", "z.txt")
    return editor


def test_it_compiles_without_a_warning(tmp_path: Path) -> None:
    for file in SOURCES.glob("*.el"):
        shutil.copy(file, tmp_path)
    settings = "(setq byte-compile-error-on-warn t byte-compile-docstring-max-column 116)"
    files = sorted(one.name for one in tmp_path.glob("*.el"))
    packages = Path("/usr/share/emacs/site-lisp/elpa-src").glob("[epx]*")  # Eglot and what it needs
    words = ["emacs", "-Q", "--batch", "-L", "."]
    for one in packages:
        words += ["-L", str(one)]
    words += ["--eval", settings, "-f", "batch-byte-compile", *files]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "arning" in done.stderr) == (0, False), done.stderr


def test_it_is_seen_before_anything_is_asked_of_it(editor: Emacs, host: Host) -> None:
    del host.server.handlers["fs/list"]
    host.show()
    assert editor.screen().splitlines()[1] == "gpu1:/home/u/project  [...]"
    assert editor.ask("(buffer-name)") == "project/@gpu1"
    asked = host.server.asked("fs/list")
    assert (asked["path"], asked["folder"]) == ("", FOLDER)
    assert asked["limit"] < 1000, "the first page is a short one"


def test_a_large_directory_comes_in_pages(shown: Emacs, host: Host) -> None:
    host.directories["src"] = [entry(f"{number:04}.py") for number in range(2500)]
    shown.tree.expand("src")
    assert len(shown.tree.paths) == 2503
    assert shown.tree.paths[1:4] == ["src/", "src/0000.py", "src/0001.py"]
    pages = [(one.get("after"), one["limit"]) for one in host.asked("fs/list") if one["path"] == "src"]
    assert pages[0] == (None, 200), "a short one comes first"
    assert [after for after, _ in pages[1:3]] == ["0199.py", "0599.py"]
    assert len(pages) == 7
    assert here(shown) == "src"
    assert "[" not in shown.line(3), "all of it is there"
    assert not shown.modified


def test_of_a_huge_one_it_says_that_there_is_more(shown: Emacs, host: Host) -> None:
    shown.ask("(setq rbridge-tree-most 1000)")
    host.directories["src"] = [entry(f"{number:04}.py") for number in range(2500)]
    shown.tree.expand("src")
    assert shown.line(3).endswith("src/  [the first 1000; there are more]")
    assert shown.tree.paths[-1] == "z.txt"


def test_a_refresh_touches_what_differs_and_leaves_the_user_where_he_is(shown: Emacs, host: Host) -> None:
    shown.tree.expand("src")
    shown.tree._go_to("src/n.py")
    shown.keys("C-e")
    column = shown.cursor[1]
    host.directories["src"] = [entry("k.py"), entry("n.py", size=5_000_000), entry("o.py")]
    host.changed("src")
    shown.tree.until_shows("src/k.py", "src/o.py")
    shown.tree.until_lacks("src/m.py")
    until(lambda: "4.8M" in shown.text, what="what changed of it is shown")
    assert (here(shown), shown.cursor[1]) == ("src/n.py", column)
    host.directories[""] = [entry("0.txt"), entry("src", "directory")]
    host.changed("")
    shown.tree.until_lacks("a.txt", "z.txt")
    assert shown.tree.paths == ["0.txt", "src/", "src/k.py", "src/n.py", "src/o.py"]
    assert (here(shown), shown.cursor[1]) == ("src/n.py", column)
    host.directories["src"] = [entry("o.py")]
    host.changed("src")
    shown.tree.until_lacks("src/n.py")
    assert here(shown) == "src/o.py", "the next one, where this one is gone"


def test_a_name_that_is_something_else_now(shown: Emacs, host: Host) -> None:
    shown.tree.expand("src")
    host.directories[""] = [entry("a.txt", "directory"), entry("src"), entry("z.txt")]
    host.changed("")
    shown.tree.until_shows("a.txt/", "src")
    assert shown.tree.paths == ["a.txt/", "src", "z.txt"]


def test_changes_while_it_is_read_are_read_too(shown: Emacs, host: Host) -> None:
    """... once more, and not once for each of them."""
    handler = host.server.handlers.pop("fs/list")
    before = len(host.asked("fs/list"))
    for _ in range(5):
        host.changed("")
    until(lambda: len(host.asked("fs/list")) == before + 1)
    host.server.handlers["fs/list"] = handler
    number = host.numbers("fs/list")[-1]
    host.server.send({"id": number, "result": {"entries": [entry("old.txt")], "next": None}})
    shown.tree.until_shows("a.txt")
    assert len(host.asked("fs/list")) == before + 2


def test_what_is_unfolded_is_watched(shown: Emacs, host: Host) -> None:
    odd = entry("b%0A%25", "directory", encoded=True)
    host.directories[""].insert(1, odd)
    host.directories["b%0A%25"] = []
    host.changed("")
    shown.tree.until_shows("b^J%/")
    shown.tree.expand("b^J%")
    shown.tree.expand("src")
    watched = host.asked("fs/watch")
    assert [sorted(one["paths"]) for one in watched] == [[""], [""], ["", "src"]]
    assert [one.get("encoded") for one in watched] == [None, ["b%0A%25"], ["b%0A%25"]]
    shown.tree._go_to("src/")
    shown.keys("TAB")
    until(lambda: host.asked("fs/watch")[-1]["paths"] == [""])
    assert "src/m.py" not in shown.tree.paths


def test_odd_names_are_said_as_the_daemon_says_them(shown: Emacs, host: Host) -> None:
    host.directories["src"] = [entry("caf%E9 %41%25.txt", encoded=True), entry("100% ü.txt")]
    shown.tree.expand("src")
    assert shown.tree.paths[2:4] == ["src/100% ü.txt", "src/caf\\351 A%.txt"] or shown.tree.paths[2:4] == [
        "src/caf\\351 A%.txt",
        "src/100% ü.txt",
    ]
    shown.tree.open("src/caf\\351 A%.txt")
    asked = host.server.asked("fs/open")
    assert (asked["path"], asked["encoded"]) == ("src/caf%E9%20A%25.txt", True)
    shown.sees("A%25.txt")
    shown.tree.rename("src/caf\\351 A%.txt", "50%.txt")
    moved = host.server.asked("fs/move")
    assert (moved["path"], moved["to"], moved["encoded"]) == ("src/caf%E9%20A%25.txt", "50%25.txt", True)


def test_what_cannot_be_read_says_why_in_its_line(shown: Emacs, host: Host) -> None:
    host.fault = Refusal(-32010, "src: permission denied", {"reason": "denied"})
    shown.tree._go_to("src/")
    shown.keys("Enter")
    until(lambda: shown.line(3).endswith("src/  [src: permission denied]"), what=shown.screen())
    host.fault = None
    shown.keys("g")
    shown.tree.until_shows("src/m.py")
    assert shown.line(3).endswith(" src/")


def test_a_host_that_is_gone_and_comes_back(shown: Emacs, host: Host) -> None:
    shown.tree.expand("src")
    host.fault = Refusal(NOT_CONNECTED, "project: not connected to gpu1")
    host.server.handlers["fs/open"] = lambda *_: (_ for _ in ()).throw(host.fault)  # type: ignore[arg-type]
    host.server.say("folder/state", {"id": FOLDER, "connected": False})
    until(lambda: "not connected" in shown.tree.status)
    shown.tree.open("src/m.py")
    shown.said("src/m.py: gpu1 is not connected")
    assert shown.tree.paths == ["a.txt", "src/", "src/m.py", "src/n.py", "z.txt"]
    host.fault = None
    host.directories["src"].append(entry("o.py"))
    host.server.say("folder/state", {"id": FOLDER, "connected": True})
    shown.tree.until_shows("src/o.py")
    assert shown.tree.status.endswith("[connected]")
    assert shown.line(3).endswith(" src/")


def test_it_goes_on_after_the_connection_was_lost(shown: Emacs, host: Host) -> None:
    shown.tree.expand("src")
    host.known = [{"id": FOLDER, "connected": True}]
    host.directories["src"].append(entry("o.py"))
    host.server.cut()
    said = host.server.asked("initialize", 2)["folders"]
    assert said == [{"id": FOLDER, "host": "gpu1", "path": "/home/u/project"}]
    shown.tree.until_shows("src/o.py")
    assert host.asked("fs/watch")[-1]["paths"] == ["", "src"]


def test_a_daemon_that_was_started_anew_has_it_under_another_id(shown: Emacs, host: Host) -> None:
    shown.tree.expand("src")
    host.directories["src"].append(entry("o.py"))
    host.server.cut()
    host.server.asked("initialize", 2)
    shown.until(READY)
    assert "not connected" in shown.tree.status
    shown.tree.open("a.txt")
    shown.said("a.txt: gpu1 is not connected")
    assert host.asked("fs/open") == []
    host.show(OTHER)
    shown.tree.until_shows("src/o.py")
    assert shown.ask("(length rbridge-folders)") == 1
    assert host.server.asked("fs/list")["folder"] == OTHER
    host.changed("src")  # of the old one
    shown.tree.close()
    assert host.server.asked("folder/close") == {"id": OTHER}


def test_it_is_closed_there_and_brought_to_the_front_from_there(shown: Emacs, host: Host) -> None:
    shown.tree.open("a.txt")
    shown.sees("a.txt")
    host.server.say("folder/focus", {"id": FOLDER})
    until(lambda: shown.ask("(buffer-name)") == "project/@gpu1")
    host.server.say("folder/closed", {"id": FOLDER, "message": "rbridge close 100%"})
    shown.said("project closed on gpu1: rbridge close 100%")
    assert shown.tree.root == ""
    assert len(shown.names) == 1
    assert host.asked("folder/close") == []


def test_the_end_of_emacs_closes_it(shown: Emacs, host: Host) -> None:
    shown.quit()
    assert shown.ended() == 0
    assert host.asked("folder/close") == [{"id": FOLDER}]


def test_keys_that_are_typed_do_not_land_in_it(editor: Emacs, host: Host) -> None:
    editor.keys("C-x", "b")
    editor.tmux.line("notes")
    editor.sees("notes")
    host.show(keepFocus=True)
    assert editor.path == "notes"
    assert "gpu1:/home/u/project" in editor.screen()


def test_looking_around_with_keys(shown: Emacs, host: Host) -> None:
    until(lambda: here(shown) == "a.txt")
    shown.keys("n")
    until(lambda: here(shown) == "src")
    shown.keys("TAB", "n", "n")
    shown.tree.until_shows("src/n.py")
    until(lambda: here(shown) in ("src/n.py", "z.txt"))
    shown.tree._go_to("src/n.py")
    shown.keys("^")
    until(lambda: here(shown) == "src")
    shown.keys("(")
    until(lambda: "2025" not in shown.screen())
    assert "    m.py" in shown.screen()
    shown.keys("(")
    until(lambda: "2025" in shown.screen())
    shown.tree._go_to("src/m.py")
    shown.keys("o")
    shown.sees("/home/u/project/src/m.py")
    assert shown.ask("(length (window-list))") == 2
    shown.keys("C-x", "o", "q")
    until(
        lambda: "drwx" not in shown.screen() and shown.ask("rbridge-folders"), what="it is buried, not closed"
    )


def test_paths_are_the_same_there_and_back(editor: Emacs, host: Host) -> None:
    names = ["plain", "a b%", "ü日\U0001f680", "new\nline", "\x7f", "%41", "a/b\x01/c"]
    for name in names:
        back = f"(let ((said (rbridge-path-say :path {json.dumps(name)})))"
        back += " (equal (rbridge-path-heard (plist-get said :path) (plist-get said :encoded))"
        assert editor.ask(f"{back} {json.dumps(name)}))"), name
    for said in ("%FF", "caf%E9", "%ED%A0%80", "%F4%90%80%80", "a%0Ab%C3%BC"):
        back = f'(plist-get (rbridge-path-say :path (rbridge-path-heard "{said}" t)) :path)'
        assert editor.ask(back) == said
