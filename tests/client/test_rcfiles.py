"""Settings files as ruby, bash and python rmate write them, and the simple part of TOML."""

from __future__ import annotations

import os

import pytest

from rbridge.client.rcfiles import parse_config, parse_rc, rc_paths, read_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host: box\nport: 52699\n", {"host": "box", "port": "52699"}),  # YAML, ruby
        ("---\nhost: 'my box'\nunixsocket: ~/.x.sock\n", {"host": "my box", "unixsocket": "~/.x.sock"}),
        (":host: box\n", {"host": "box"}),
        ("host=box\nport=52699\n", {"host": "box", "port": "52699"}),  # bash, ini
        ("host = box # mine\n", {"host": "box"}),
        ("[NOSECTION]\nHost: box\n", {"host": "box"}),
        ("# host: no\n; port: 1\n", {}),
        ("host:\nport\n=5\n", {}),
        ("shell: zsh\n", {}),
        ("host: a\nhost: b\n", {"host": "b"}),
        ("host: # nothing\n", {}),
        ('unixsocket: "/a b:c=d"\n', {"unixsocket": "/a b:c=d"}),
        ("\udcff\udcfe: x\nhost: box\r\n", {"host": "box"}),
    ],
)
def test_rc_files_of_every_client(text, expected):
    assert parse_rc(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('fallback = "vim"', {"fallback": "vim"}),
        ("fallback = 'vim -u NONE'", {"fallback": "vim -u NONE"}),
        ('a = "x # y" # z', {"a": "x # y"}),
        (r'a = "tab\t\"q\" \u00e9 \\"', {"a": 'tab\t"q" é \\'}),
        (
            "a = 5 # five\nb = 1_000\nc = 0.5\nd = true\ne = false",
            {"a": 5, "b": 1000, "c": 0.5, "d": True, "e": False},
        ),
        ("[table]\nfallback = 'vim'", {}),
        ("a = 1\n[table]\na = 2", {"a": 1}),
        ("# a = 1\n\n", {}),
        ('a = ["x", "y"]\nb = { c = 1 }\nd = """x"""\ne = 1979-05-27\nf = 1', {"f": 1}),
        ('a = "no end', {}),
        (r'a = "bad \q"', {}),
        (r'a = "\uZZZZ"', {}),
        ('"a" = 1', {"a": 1}),
    ],
)
def test_the_plain_part_of_toml(text, expected):
    assert parse_config(text) == expected


def test_rc_files_of_the_home_directory_come_last(home):
    home.file(".rmate.rc")
    home.file(".rmate/rmate.rc")
    home.file(".subl.rc")
    here = str(home.path)
    assert [path for path in rc_paths("rmate", {}, here) if path.startswith(here)] == [
        f"{here}/.rmate/rmate.rc",
        f"{here}/.rmate.rc",
    ]
    assert rc_paths("subl", {}, here)[-1] == f"{here}/.subl.rc"


def test_all_places_that_ruby_bash_and_python_look_at_the_later_ones_winning(monkeypatch):
    monkeypatch.setattr("os.path.isfile", lambda path: True)
    everywhere = ["/etc/rmate.rc", "/usr/local/etc/rmate.rc", "/etc/rmate"]
    assert rc_paths("rmate", {}, "/h") == [*everywhere, "/h/.rmate/rmate.rc", "/h/.rmate.rc"]
    assert rc_paths("subl", {}, "/h") == [
        *everywhere,
        "/etc/subl",
        "/etc/subl.rc",
        "/h/.rmate/rmate.rc",
        "/h/.rmate.rc",
        "/h/.subl/subl.rc",
        "/h/.subl.rc",
    ]


@pytest.mark.parametrize(("uid", "read"), [(0, True), (1000, False)])
def test_under_sudo_the_callers_files_count_too(monkeypatch, uid, read):
    monkeypatch.setattr("os.path.isfile", lambda path: True)
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setattr("rbridge.system.home_of", lambda uid: f"/home/{uid}")
    found = rc_paths("rmate", {"SUDO_UID": "1000"}, "/root")
    assert ("/home/1000/.rmate.rc" in found) == read
    if read:
        assert found.index("/home/1000/.rmate.rc") > found.index("/root/.rmate.rc")


def test_a_file_that_cannot_be_read_is_empty(home):
    assert read_text(os.fspath(home.path / "none")) == ""
    assert read_text(os.fspath(home.path)) == ""
