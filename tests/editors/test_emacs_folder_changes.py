"""The folder view of Emacs' plug-in against a daemon that a test plays: what is opened and changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.editors.attach_server import AttachServer, Refusal
from tests.editors.emacs import Emacs
from tests.editors.emacs_host import FOLDER, OTHER, Host, entry, here
from tests.harness.environment import Home
from tests.harness.wait import stays, until

UNCONFIRMED = -32014


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


def test_opened_twice_at_once_is_one_buffer(shown: Emacs, host: Host) -> None:
    handler = host.server.handlers.pop("buffer/read")
    shown.tree.open("a.txt")
    host.server.asked("buffer/read")
    shown.tree.open("a.txt")
    host.server.asked("fs/open", 2)
    host.server.handlers["buffer/read"] = handler
    result = {"base": host.server.base, "size": 4, "text": host.server.text}
    host.server.send({"id": host.numbers("buffer/read")[0], "result": result})
    shown.sees("a.txt")
    stays(lambda: len(shown.names) == 1 and len(host.asked("buffer/read")) == 1, 0.3)


@pytest.mark.parametrize(
    ("code", "words"),
    [(-32016, "gpu1:/a.txt is open in another window, of VS Code"), (-32010, "cannot open a.txt: 100% gone")],
)
def test_what_is_not_opened_says_why_and_is_read_anew(
    shown: Emacs, host: Host, code: int, words: str
) -> None:
    def refuse(*_: object) -> Any:
        raise Refusal(code, words, {"reason": "gone"})

    host.server.handlers["fs/open"] = refuse
    host.directories[""] = [entry("src", "directory")]
    shown.tree.open("a.txt")
    shown.said(words)
    shown.tree.until_lacks("a.txt")
    assert not shown.names


def test_what_emacs_does_not_show_is_shown_elsewhere(shown: Emacs, host: Host) -> None:
    viewed = {"viewer": "xdg-open", "kind": "PDF files", "name": "a.txt"}
    host.server.handlers["fs/open"] = lambda *_: viewed
    shown.tree.open("a.txt")
    shown.said("a.txt is shown by xdg-open, for reading: Emacs shows no PDF files here")
    assert not shown.names


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"type": "directory", "entries": 12, "more": False}, "Remove src/ from gpu1, with 12 names in it?"),
        ({"type": "directory", "entries": 999, "more": True}, "with more than 999 names in it?"),
        ({"type": "directory", "entries": 1, "more": False}, "with 1 name in it?"),
        ({"type": "directory", "entries": 0, "more": False}, "Remove src/ from gpu1, which is empty?"),
    ],
)
def test_removing_asks_first(shown: Emacs, host: Host, data: dict[str, Any], words: str) -> None:
    def remove(_: AttachServer, params: dict[str, Any]) -> Any:
        if params.get("confirmed"):
            host.directories[""] = [entry("a.txt")]
            return {}
        raise Refusal(UNCONFIRMED, "removing src needs the user's word", data)

    host.server.handlers["fs/remove"] = remove
    shown.tree._go_to("src/")
    shown.keys("D")
    shown.answer(words, "no")
    until(lambda: not shown.asked)
    stays(lambda: len(host.asked("fs/remove")) == 1, 0.2)
    shown.keys("D")
    until(lambda: words in shown.asked)
    shown.keys("C-g")
    until(lambda: not shown.asked)
    stays(lambda: len(host.asked("fs/remove")) == 2, 0.2)
    shown.keys("D")
    shown.answer(words, "yes")
    shown.tree.until_lacks("src/")
    last = host.asked("fs/remove")[-1]
    assert (last["path"], last["recursive"], last["confirmed"]) == ("src", True, True)


def test_a_rename_takes_the_buffers_along(shown: Emacs, host: Host) -> None:
    shown.tree.expand("src")
    shown.tree.open("src/m.py")
    shown.sees("src/m.py")
    shown.insert("X")
    shown.tree.rename("src", "lib")
    until(lambda: shown.shows("/home/u/project/lib/m.py"))
    shown.turn_to("lib/m.py")
    assert shown.text == "Xone\n"
    assert shown.modified
    assert shown.language == "python-mode"
    shown.command("rbridge-rename")  # of this text
    until(lambda: "Rename lib/m.py to: lib/m.py" in shown.asked + shown.screen())
    shown.keys("C-a", "C-k")
    shown.tmux.line("src/")
    until(lambda: shown.path == "/home/u/project/src/m.py")
    assert host.asked("fs/move")[-1]["to"] == "src/m.py"
    shown.command("rbridge-rename")
    until(lambda: "Rename src/m.py" in shown.asked)
    shown.keys("C-a", "C-k")
    shown.tmux.line("/home/u/project/m.txt")
    until(lambda: shown.language == "text-mode", what="its mode is that of its name")
    assert (shown.path, shown.text, shown.ask("(buffer-name)")) == (
        "/home/u/project/m.txt",
        "Xone\n",
        "m.txt@gpu1",
    )
    assert shown.modified


def test_who_went_on_meanwhile_is_left_where_he_is(shown: Emacs, host: Host) -> None:
    handler = host.server.handlers.pop("fs/make")
    shown.tree.make("new/")
    host.server.asked("fs/make")
    shown.tree._go_to("z.txt")
    host.server.handlers["fs/make"] = handler
    host.directories[""].insert(1, entry("new", "directory"))
    host.server.send({"id": host.numbers("fs/make")[0], "result": {}})
    shown.tree.until_shows("new/")
    assert here(shown) == "z.txt"
    host.directories[""].insert(1, entry("more", "directory"))
    shown.tree.make("more/")
    until(lambda: here(shown) == "more", what="who waits for it is taken there")


def test_who_sees_a_new_name_is_there_already(shown: Emacs, host: Host) -> None:
    """The line under the cursor does not change once the name is shown, though the answer comes later"""
    handler = host.server.handlers.pop("fs/move")
    shown.tree.rename("a.txt", "zz.txt")
    host.server.asked("fs/move")
    host.directories[""] = [entry("src", "directory"), entry("z.txt"), entry("zz.txt")]
    host.changed("")
    shown.tree.until_shows("zz.txt")
    assert here(shown) == "zz.txt"
    shown.ask('(rbridge-tree-goto rbridge-folder "src")')
    host.server.handlers["fs/move"] = handler
    lists = len(host.asked("fs/list"))
    host.server.send({"id": host.numbers("fs/move")[0], "result": {}})
    until(lambda: len(host.asked("fs/list")) > lists, what="it is read anew")
    stays(lambda: here(shown) == "src", 0.3)


def test_who_was_refused_a_name_stays(shown: Emacs, host: Host) -> None:
    def refuse(*_: object) -> Any:
        host.directories[""].append(entry("zz.txt"))
        raise Refusal(-32010, "zz.txt exists", {"reason": "exists"})

    host.server.handlers["fs/move"] = refuse
    shown.tree.rename("a.txt", "zz.txt")
    shown.said("zz.txt exists")
    shown.tree.until_shows("zz.txt")
    assert here(shown) == "a.txt"


def test_read_only_is_said_and_nothing_asked(editor: Emacs, host: Host) -> None:
    host.show(readOnly=True)
    editor.tree.until_shows("a.txt")
    assert editor.tree.status.endswith("[read-only]")
    before = len(host.server.got)
    for key in ("+", "N", "R", "D"):
        editor.keys(key)
        editor.said("project is read-only")
        editor.ask('(with-current-buffer "*Messages*" (let ((inhibit-read-only t)) (erase-buffer)))')
    assert [one for one in host.server.got[before:] if one.get("method", "").startswith("fs/")] == []


def test_commands_without_a_folder_say_so(editor: Emacs, host: Host) -> None:
    for command in ("rbridge-find-file", "rbridge-search", "rbridge-new-file", "rbridge-folder"):
        editor.command(command)
        editor.said("no folder is open here: rbridge open DIRECTORY on a host shows one")
        editor.ask('(with-current-buffer "*Messages*" (let ((inhibit-read-only t)) (erase-buffer)))')


def test_of_two_folders_a_text_belongs_to_the_one_around_it(shown: Emacs, host: Host) -> None:
    host.show(OTHER, path="/home/u/project/src", name="src")
    until(lambda: len(shown.ask("(mapcar #'rbridge-folder-path rbridge-folders)")) == 2)
    shown.tree._front()
    host.server.open(path="/home/u/project/src/m.py", name="m.py")
    assert shown.ask("(rbridge-folder-id (rbridge-folder-here))") == OTHER
    host.server.open(id="a" * 24, path="/home/u/project/z.txt", name="z.txt")
    assert shown.ask("(rbridge-folder-id (rbridge-folder-here))") == FOLDER
    shown.open_own(str(shown.home.file("own.txt", "")))
    shown.command("rbridge-folder")
    until(lambda: "Folder: " in shown.asked)
    shown.tmux.line("gpu1:/home/u/project/src")
    until(lambda: shown.ask("(buffer-name)") == "src/@gpu1")
