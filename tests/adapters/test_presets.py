"""Which editor is chosen, and how it is called."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rbridge.adapters.absent import Absent
from rbridge.adapters.command import CommandAdapter
from rbridge.adapters.presets import bare, choose, program
from rbridge.adapters.rmate import RmateAdapter
from rbridge.errors import UsageError

Which = Callable[[str], "str | None"]


def having(*names: str) -> Which:
    """A machine on which just these programs are installed."""
    return lambda name: f"/usr/bin/{name}" if name in names else name if name.startswith("/") else None


DESK = {"DISPLAY": ":0"}
TMUX = {"TMUX": "/tmp/t,1,0"}


@pytest.mark.parametrize(
    ("environ", "installed", "name"),
    [
        (DESK, ("code", "zed", "vim"), "code"),
        (DESK, ("kate", "gedit"), "kate"),
        ({"WAYLAND_DISPLAY": "w", "EDITOR": "vim"}, ("zeditor", "vim"), "zed"),
        (TMUX, ("tmux", "code", "vim", "nano"), "vim"),
        ({**TMUX, "EDITOR": "nano"}, ("tmux", "vim", "nano"), "nano"),
        ({**TMUX, "VISUAL": "kak", "EDITOR": "nano"}, ("tmux", "kak", "nano"), "kak"),
        ({**TMUX, "EDITOR": "rbridge open -w"}, ("tmux", "rbridge", "nano"), "nano"),
        ({**TMUX, "EDITOR": "gone"}, ("tmux", "nano"), "nano"),
        ({"EDITOR": "code --wait"}, ("code",), "code"),
    ],
)
def test_without_a_spec_it_is_what_fits_the_place(
    environ: dict[str, str], installed: tuple[str, ...], name: str
) -> None:
    assert choose(None, environ, having(*installed)).name == name


@pytest.mark.parametrize(("environ", "installed"), [({}, ("vim", "tmux")), (TMUX, ("tmux",)), (DESK, ())])
def test_where_no_editor_can_be_opened_it_says_what_to_set(
    environ: dict[str, str], installed: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match="no editor was found") as caught:
        choose(None, environ, having(*installed))
    assert "--editor" in caught.value.hint


def test_zfs_event_daemon_is_not_the_editor_zed() -> None:
    with pytest.raises(UsageError):
        choose(None, DESK, lambda name: "/usr/sbin/zed" if name == "zed" else None)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "is empty"),
        ("vim 'x", "no closing quotation"),
        ("no-such --wait", "no program 'no-such'"),
        ("rmate:", "rmate:"),
        ("rmate:99999", "rmate:99999"),
        ("rmate:host:x", "rmate:host:x"),
    ],
)
def test_a_spec_without_sense_is_a_usage_error(spec: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        choose(spec, {}, having("vim"))


@pytest.mark.parametrize(
    ("spec", "address"),
    [("rmate:1234", "127.0.0.1:1234"), ("rmate:mac:5", "mac:5"), ("rmate:[::1]:5", "[::1]:5")],
)
def test_a_spec_of_an_rmate_editor(spec: str, address: str) -> None:
    adapter = choose(spec, {}, having())
    assert isinstance(adapter, RmateAdapter)
    assert adapter.address == address


@pytest.mark.parametrize(
    ("spec", "environ", "says"),
    [
        ("vim", TMUX, "vim in a new tmux window"),
        ("/opt/bin/nvim -R", TMUX, "nvim in a new tmux window"),
        ("vim", DESK, "vim in xterm"),
        ("code --profile work", DESK, "code in its own window"),
        ("emacs", DESK, "emacs in its own window"),
        ("emacs -nw", {**DESK, **TMUX}, "emacs in a new tmux window"),
        ("emacsclient -t", TMUX, "emacsclient in a new tmux window"),
        ("myeditor --x", {}, "myeditor in its own window"),
    ],
)
def test_it_says_how_the_editor_opens(spec: str, environ: dict[str, str], says: str) -> None:
    installed = having("vim", "code", "emacs", "emacsclient", "myeditor", "tmux", "xterm")
    assert choose(spec, environ, installed).describe() == says


def test_a_terminal_editor_without_a_terminal_says_what_mends_it() -> None:
    said = choose("vim", {}, having("vim")).describe()
    assert "no terminal" in said
    assert "tmux" in said


def test_the_configured_terminal_comes_first() -> None:
    adapter = choose("vim", TMUX, having("vim", "tmux", "foot"), terminal="foot")
    assert adapter.describe() == "vim in foot"
    with pytest.raises(UsageError, match="terminal = 'gone -e'"):
        choose("vim", TMUX, having("vim", "tmux"), terminal="gone -e")


def test_an_editor_to_be_started_without_a_text_has_its_window() -> None:
    found = bare(["gone", "vim -N", "code"], TMUX, having("tmux", "vim", "code"))
    assert found is not None
    assert (found.name, list(found.words)) == ("vim", ["/usr/bin/vim", "-N"])
    assert found.describe() == "vim in a new tmux window"
    shown = bare(["vim", "code"], {}, having("vim", "code"))
    assert shown is not None
    assert shown.describe() == "code in its own window"
    assert bare(["vim"], {}, having("vim")) is None


@pytest.mark.parametrize(
    ("spec", "name"),
    [("nvim", "nvim"), ("/opt/bin/nvim -u x", "nvim"), ("vscodium", "codium"), ("ed", "ed")],
)
def test_the_program_of_a_spec(spec: str, name: str) -> None:
    assert program(spec) == name


def test_attached_is_a_spec_that_starts_nothing() -> None:
    assert isinstance(choose("attached", {}, having()), Absent)


def test_a_program_for_diffs_is_one_of_the_editor_that_is_started() -> None:
    adapter = choose("nano", TMUX, having("tmux", "nano", "meld"), diff="meld --newtab")
    assert isinstance(adapter, CommandAdapter)
    assert adapter.differ is not None
    assert adapter.differ.describe() == "meld in its own window"


def test_without_one_the_editor_compares_itself() -> None:
    adapter = choose("vim", TMUX, having("tmux", "vim"))
    assert isinstance(adapter, CommandAdapter)
    assert adapter.differ is None


def test_a_program_for_diffs_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="diff: there is no program 'meld'"):
        choose("vim", TMUX, having("tmux", "vim"), diff="meld")
    with pytest.raises(UsageError, match="diff is empty"):
        choose("vim", TMUX, having("tmux", "vim"), diff="")
