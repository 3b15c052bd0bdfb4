"""What editors are told so that they neither obey a text nor keep it. The editors themselves are asked in
``tests/editors``; here it is the words and the settings that they get.
"""

from __future__ import annotations

import json
import os
import pwd
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from rbridge.adapters import guards
from rbridge.adapters.editors import GRAPHICAL, TERMINAL
from rbridge.adapters.guards import Site


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    return made


@pytest.fixture
def site(tmp_path: Path, home: Path) -> Site:
    return make_site(tmp_path, home, "/usr/bin/ed")


def make_site(tmp_path: Path, home: Path, *argv: str, files: str = "files", **environ: str) -> Site:
    private = tmp_path / "private"
    private.mkdir(exist_ok=True)
    (tmp_path / files).mkdir(exist_ok=True)
    return Site(tmp_path / files, private, argv, {"HOME": str(home), **environ})


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_which_editor_has_which_guard() -> None:
    guarded = {p.name: p.guard.__name__ for p in (*GRAPHICAL, *TERMINAL) if p.guard is not guards.nothing}
    assert guarded == {
        "gvim": "vim",
        "vim": "vim",
        "nvim": "vim",
        "emacsclient": "emacsclient",
        "emacs": "emacs",
        "nano": "nano",
        "micro": "micro",
        "joe": "joe",
    }


def test_an_editor_that_keeps_nothing_is_told_nothing(site: Site) -> None:
    assert guards.nothing(site) == guards.Measures()
    assert list(site.private.iterdir()) == []


def test_vim_has_no_swap_file_and_reads_the_guard_before_the_users_settings(site: Site) -> None:
    assert guards.vim(site).options == ["-n", "--cmd", f"source {site.private}/guard.vim"]


def test_vims_guard_stands_below_files_in_both_spellings(tmp_path: Path, home: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    guards.vim(make_site(tmp_path, home, "vim", files="link"))
    script = (tmp_path / "private" / "guard.vim").read_text()
    assert f"{tmp_path}/link/*,{tmp_path}/real/* setlocal nomodeline noundofile noswapfile" in script
    assert "{pattern}" not in script


def test_a_pattern_of_vims_cannot_come_out_of_a_directorys_name(tmp_path: Path, home: Path) -> None:
    guards.vim(make_site(tmp_path, home, "vim", files="a, {b}*[c] $d?"))
    script = (tmp_path / "private" / "guard.vim").read_text()
    assert r"/a\,\ \{b\}\*\[c\]\ \$d\?/* setlocal" in script


def test_a_command_of_vims_cannot_come_out_of_a_directorys_name(tmp_path: Path, home: Path) -> None:
    private = tmp_path / "p |!ls %#"
    private.mkdir()
    said = guards.vim(Site(tmp_path, private, ["vim"], {"HOME": str(home)}))
    assert said.options[-1] == rf"source {tmp_path}/p\ \|\!ls\ \%\#/guard.vim"


def test_emacs_loads_the_guard_of_its_files(site: Site) -> None:
    assert guards.emacs(site).options == ["--eval", f'(load "{site.private}/guard.el" nil t t)']
    script = (site.private / "guard.el").read_text()
    assert f'(add-to-list \'rbridge-files "{site.files}/")' in script
    assert "{files}" not in script


def test_emacs_code_cannot_come_out_of_a_directorys_name(tmp_path: Path, home: Path) -> None:
    guards.emacs(make_site(tmp_path, home, "emacs", files='x" (kill-emacs) "\\'))
    script = (tmp_path / "private" / "guard.el").read_text()
    assert '/x\\" (kill-emacs) \\"\\\\/")' in script


def test_a_running_emacs_is_told_first_and_started_if_it_does_not_run(site: Site) -> None:
    said = guards.emacsclient(site)
    assert said.options == ["--alternate-editor="]
    assert said.before == [
        "/usr/bin/ed",
        "--alternate-editor=",
        "--eval",
        f'(load "{site.private}/guard.el" nil t t)',
    ]


@pytest.mark.parametrize(
    ("words", "server"),
    [
        (("-s", "/run/e"), ["-s", "/run/e"]),
        (("-s/run/e",), ["-s/run/e"]),
        (("--socket-name", "work"), ["--socket-name", "work"]),
        (("--socket-name=work", "-t"), ["--socket-name=work"]),
        (("-t", "-f", "auth"), ["-f", "auth"]),
        (("--server-file=auth",), ["--server-file=auth"]),
        (("-t", "--frame-parameters=((width . 80))"), []),
    ],
)
def test_it_is_the_emacs_that_the_user_named(
    tmp_path: Path, home: Path, words: tuple[str, ...], server: list[str]
) -> None:
    said = guards.emacsclient(make_site(tmp_path, home, "emacsclient", *words))
    assert said.before[2:-2] == server


@pytest.fixture
def someone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests, they are not root for nano's guard."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


NANO = "\nunset backup\nunset historylog\nunset positionlog\n"


def nanorc(site: Site) -> str:
    (option,) = guards.nano(site).options
    assert option == f"--rcfile={site.private}/nanorc"
    return (site.private / "nanorc").read_text()


@pytest.mark.usefixtures("someone")
def test_nano_has_the_settings_of_its_prefix_then_the_users_and_ours_last(tmp_path: Path, home: Path) -> None:
    write(tmp_path / "opt" / "etc" / "nanorc", "set system")
    write(home / ".nanorc", "set mine")
    site = make_site(tmp_path, home, f"{tmp_path}/opt/bin/nano")
    assert nanorc(site) == f"set system\nset mine{NANO}"


@pytest.mark.usefixtures("someone")
def test_nano_reads_the_first_of_the_users_files_only(tmp_path: Path, home: Path) -> None:
    argv = f"{tmp_path}/opt/bin/nano"
    write(home / ".config" / "nano" / "nanorc", "set second")
    assert nanorc(make_site(tmp_path, home, argv)) == f"\nset second{NANO}"
    write(tmp_path / "xdg" / "nano" / "nanorc", "set third")
    xdg = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert nanorc(make_site(tmp_path, home, argv, **xdg)) == f"\nset third{NANO}"
    write(home / ".nanorc", "set first")
    assert nanorc(make_site(tmp_path, home, argv, **xdg)) == f"\nset first{NANO}"


@pytest.mark.usefixtures("someone")
def test_without_any_settings_nano_has_ours(tmp_path: Path, home: Path) -> None:
    assert nanorc(make_site(tmp_path, home, f"{tmp_path}/opt/bin/nano")) == f"\n{NANO}"


def test_roots_nano_reads_the_settings_of_roots_home(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    write(root / ".nanorc", "set root")
    write(home / ".nanorc", "set somebody")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: SimpleNamespace(pw_dir=str(root)))
    assert nanorc(make_site(tmp_path, home, f"{tmp_path}/opt/bin/nano")) == f"\nset root{NANO}"


def test_macos_nano_is_pico_and_gets_no_option_that_it_does_not_know(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert guards.nano(make_site(tmp_path, home, "/usr/bin/nano")) == guards.Measures()
    assert guards.nano(make_site(tmp_path, home, "/opt/homebrew/bin/nano")).options


def test_micro_keeps_nothing_in_a_directory_of_ours(site: Site) -> None:
    assert guards.micro(site).options == [
        f"-config-dir={site.private}/micro",
        "-autosave=0",
        "-backup=false",
        "-permbackup=false",
        "-savecursor=false",
        "-savehistory=false",
        "-saveundo=false",
    ]


@pytest.mark.parametrize("where", ["HOME", "XDG_CONFIG_HOME", "MICRO_CONFIG_HOME"])
def test_micro_has_the_users_settings_as_copies_and_plugins_as_links(
    tmp_path: Path, home: Path, where: str
) -> None:
    theirs = {"HOME": home / ".config/micro", "XDG_CONFIG_HOME": tmp_path / "xdg/micro"}.get(
        where, tmp_path / "mine"
    )
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "MICRO_CONFIG_HOME": str(tmp_path / "mine")}
    write(theirs / "settings.json", json.dumps({"tabsize": 3}))
    write(theirs / "plug" / "fmt" / "fmt.lua", "x")
    write(theirs / "buffers" / "history", "secret")
    site = make_site(tmp_path, home, "micro", **{where: environ.get(where, str(home))})
    guards.micro(site)
    ours = site.private / "micro"
    assert sorted(path.name for path in ours.iterdir()) == ["plug", "settings.json"]
    assert not (ours / "settings.json").is_symlink(), "micro would write our options into the user's file"
    assert json.loads((ours / "settings.json").read_text()) == {"tabsize": 3}
    assert os.readlink(ours / "plug") == os.path.realpath(theirs / "plug")


def test_joe_keeps_no_backup_no_deadjoe_and_no_state(site: Site) -> None:
    assert guards.joe(site).options == ["-nobackups", "-nodeadjoe", "--joe_state"]


@pytest.mark.usefixtures("someone")
def test_settings_that_cannot_be_read_are_left_out(tmp_path: Path, home: Path) -> None:
    (home / ".nanorc").symlink_to("/proc/self/mem")  # an error for root too
    assert nanorc(make_site(tmp_path, home, f"{tmp_path}/opt/bin/nano")) == f"\n{NANO}"
