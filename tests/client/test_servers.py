"""Which language servers there are: what is installed, configured and wanted, and for which language."""

from __future__ import annotations

import re

import pytest

from rbridge.client import servers
from rbridge.client.servers import LINT, TYPES, Settings

NOTHING = Settings([])
SYSTEM = servers.SYSTEM
OWN = "/home/ada/.config/rbridge/config.toml"


@pytest.fixture
def installed(tmp_path):
    """``installed("pylsp", ...)``: the PATH of a directory with these programs."""

    def make(*names: str, place: str = "bin") -> bytes:
        directory = tmp_path / place
        directory.mkdir(exist_ok=True)
        for name in names:
            (directory / name).write_text("#!/bin/sh\n")
            (directory / name).chmod(0o755)
        return bytes(directory)

    return make


def named(found):
    return [(one.name, one.kind) for one in found]


# The table


def test_each_line_of_the_table_can_be_started_and_says_how_to_get_it():
    for command, languages, kind, how in servers.TABLE:
        words = command.split()
        assert re.fullmatch(r"[A-Za-z][\w-]*", words[0]), command
        assert languages, command
        assert all(re.fullmatch(r"[a-z-]+", one) for one in languages), command
        assert kind in (TYPES, LINT)
        assert how.isprintable()
        assert how.isascii()


def test_no_command_is_there_twice_and_names_tell_those_of_a_language_apart():
    commands = [command for command, *_ in servers.TABLE]
    assert len(set(commands)) == len(commands)
    for language in spoken():
        names = [servers.name_of(command.split()) for command, many, *_ in servers.TABLE if language in many]
        assert len(set(names)) == len(names), language


def spoken() -> set[str]:
    return {language for _, languages, *_ in servers.TABLE for language in languages}


def test_all_languages_that_are_told_from_a_file_have_a_server_and_the_other_way_round():
    told = {*servers._BY_EXTENSION.values(), *servers._BY_NAME.values()}
    assert {language for _, language in servers._INTERPRETERS} <= told
    assert told <= spoken()
    assert spoken() - told == {"objective-c"}  # .m is MATLAB's as well
    assert set(servers._ALIASES) <= spoken()
    assert {*servers.ROOTS, *servers._SAME_ROOTS} <= spoken()


def test_no_extension_belongs_to_two_languages():
    ends = [end for many in servers._EXTENSIONS.values() for end in many.split()]
    assert len(set(ends)) == len(ends)


def test_no_language_is_another_ones_extension_or_alias():
    for language in spoken():
        assert servers.known(language) == language


# What is installed


def test_the_first_for_types_is_usual_and_all_that_lint(installed):
    path = installed("ruff", "jedi-language-server", "pylsp", "basedpyright-langserver")
    found = servers.find("python", path, NOTHING)
    assert named(found) == [
        ("basedpyright", TYPES),
        ("pylsp", TYPES),
        ("jedi-language-server", TYPES),
        ("ruff", LINT),
    ]
    assert named(servers.usual(found)) == [("basedpyright", TYPES), ("ruff", LINT)]
    assert servers.usual(found[3:]) == found[3:]
    assert servers.usual([]) == []


def test_it_is_started_as_the_table_says_from_where_it_was_found(installed, tmp_path):
    (found,) = servers.find("cpp", installed("clangd"), NOTHING)
    assert (found.path, found.words, found.name) == (str(tmp_path / "bin" / "clangd"), ["clangd"], "clangd")
    assert set(found.languages) >= {"c", "cpp", "cuda-cpp"}
    (found,) = servers.find("toml", installed("taplo"), NOTHING)
    assert found.words == ["taplo", "lsp", "stdio"]


def test_of_several_directories_the_first_counts(installed, tmp_path):
    path = installed("pylsp", place="venv") + b":" + installed("pylsp", "ruff", place="system")
    found = servers.find("python", path, NOTHING)
    assert [one.path for one in found] == [
        str(tmp_path / "venv" / "pylsp"),
        str(tmp_path / "system" / "ruff"),
    ]


@pytest.mark.parametrize("path", [b"", b".", b"bin", b":", b"./bin:", b"node_modules/.bin"])
def test_what_the_project_brings_along_is_not_found(installed, tmp_path, monkeypatch, path):
    installed("pylsp")
    installed("pylsp", place="node_modules")
    (tmp_path / "pylsp").write_text("#!/bin/sh\n")
    (tmp_path / "pylsp").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert servers.find("python", path, NOTHING) == []
    assert servers.find("python", path, Settings([(OWN, {"lsp-python": "./pylsp; bin/pylsp"})])) == []


def test_a_directory_of_the_project_that_the_user_put_on_the_path_is_the_users_choice(installed):
    assert named(servers.find("python", installed("pylsp", place="venv"), NOTHING)) == [("pylsp", TYPES)]


def test_for_an_unknown_language_there_is_none(installed):
    path = installed("pylsp")
    assert servers.find("cobol", path, NOTHING) == []
    assert servers.find("", path, NOTHING) == []


# What is configured


def test_a_command_takes_the_place_of_the_table(installed, tmp_path):
    path = installed("pylsp", "ruff", "mine")
    said = Settings([(OWN, {"lsp-python": "mine --log '/tmp/a b' ; ruff server"})])
    found = servers.find("python", path, said)
    assert [(one.path, one.words) for one in found] == [
        (str(tmp_path / "bin" / "mine"), ["mine", "--log", "/tmp/a b"]),
        (str(tmp_path / "bin" / "ruff"), ["ruff", "server"]),
    ]
    assert named(found) == [("mine", TYPES), ("ruff", LINT)]
    assert servers.usual(found) == found
    assert named(servers.find("rust", installed("rust-analyzer"), said)) == [("rust-analyzer", TYPES)]


def test_a_command_may_be_a_path_and_begin_at_home(installed, tmp_path, monkeypatch):
    installed("mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    for command in ("~/bin/mine -v", f"{tmp_path}/bin/mine -v"):
        (found,) = servers.find("python", b"", Settings([(OWN, {"lsp-python": command})]))
        assert (found.path, found.words) == (str(tmp_path / "bin" / "mine"), [found.path, "-v"])
    for command in ("~/bin", "~/bin/other", "/no/such", "''"):
        assert servers.find("python", b"", Settings([(OWN, {"lsp-python": command})])) == []


def test_modules_are_called_by_their_name_and_the_same_program_has_two(installed):
    path = installed("python3", "pylsp", "clangd")
    said = Settings([(OWN, {"lsp-python": "python3 -m pylsp; python3 -m ruff server; pylsp; pylsp -v"})])
    names = [one.name for one in servers.find("python", path, said)]
    assert names == ["pylsp", "ruff", "pylsp-2", "pylsp-3"]
    (found,) = servers.find("c", path, Settings([(OWN, {"lsp-c": "clangd -m 3"})]))
    assert found.name == "clangd"


@pytest.mark.parametrize("none", ["", " ; ", False])
def test_a_language_can_have_none(installed, none):
    said = Settings([(OWN, {"lsp-python": none})])
    assert servers.find("python", installed("pylsp"), said) == []
    assert servers.advice("python", said) == ""


def test_a_language_may_be_spelled_as_an_editor_does(installed):
    said = Settings([(OWN, {"lsp-c++": "mine", "lsp-sh": "mine"})])
    assert set(said.commands) == {"cpp", "shellscript"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("pylsp 'half", "no closing quotation"),
        ("pylsp \\", "no escaped character"),
        ("py\0lsp", "a nul is in no command"),
        (True, "a command, or false, is wanted"),
        (5, "a command, or false, is wanted"),
    ],
)
def test_what_is_wrongly_written_is_said_and_nothing_else_is_started(installed, value, words):
    said = Settings([(OWN, {"lsp-python": value})])
    path = installed("pylsp", "gopls")
    assert servers.find("python", path, said) == []
    assert servers.advice("python", said) == f"{OWN}: lsp-python: {words}"
    assert servers.find("go", path, said)
    assert "rust" in servers.advice("rust", said)


def test_the_users_word_counts_more_than_the_administrators_but_for_off(installed):
    path = installed("theirs", "mine")
    both = Settings([(SYSTEM, {"lsp-python": "theirs"}), (OWN, {"lsp-python": "mine"})])
    assert named(servers.find("python", path, both)) == [("mine", TYPES)]
    mended = Settings([(SYSTEM, {"lsp-python": "'"}), (OWN, {"lsp-python": "mine"})])
    assert named(servers.find("python", path, mended)) == [("mine", TYPES)]
    for own in (True, False):
        off = Settings([(SYSTEM, {"lsp": False}), (OWN, {"lsp": own, "lsp-python": "mine"})])
        assert servers.find("python", path, off) == []
        assert servers.advice("python", off) == f"language servers are turned off by lsp in {SYSTEM}"


@pytest.mark.parametrize("value", [False, "off", "false", 0])
def test_the_user_can_turn_them_off_and_is_not_told_so_again(installed, value):
    said = Settings([(SYSTEM, {}), (OWN, {"lsp": value})])
    assert servers.find("python", installed("pylsp"), said) == []
    assert OWN in said.off
    assert servers.advice("python", said) == ""


@pytest.fixture
def files(home, monkeypatch, tmp_path):
    """``files(system, own)`` writes both configurations."""
    monkeypatch.setattr(servers, "SYSTEM", str(tmp_path / "rbridge.conf"))
    monkeypatch.setenv("HOME", str(home.path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "rbridge").mkdir(parents=True)

    def write(system: str | None, own: str | None) -> None:
        for path, text in (
            (tmp_path / "rbridge.conf", system),
            (tmp_path / "config/rbridge/config.toml", own),
        ):
            if text is not None:
                path.write_text(text, "utf-8")

    return write


def test_without_files_nothing_is_configured(files):
    found = servers.settings({})
    assert (found.off, found.commands, found.faults) == ("", {}, {})


def test_both_files_are_read_the_way_the_other_settings_are(files):
    files(
        'lsp-go = "gopls -remote=auto"\nlsp-rust = "theirs"\n',
        '# mine\nlsp-python = "~/bin/ä; ruff server" # two\nlsp-rust = false\nlsp-c = [1]\n'
        "[limits]\nlsp = false\n",
    )
    found = servers.settings({})
    assert found.off == ""
    assert found.commands == {
        "go": [["gopls", "-remote=auto"]],
        "python": [["~/bin/ä"], ["ruff", "server"]],
        "rust": [],
    }


def test_the_administrators_off_beats_the_users_on(files):
    files("lsp = false\n", "lsp = true\n")
    found = servers.settings({})
    assert servers.SYSTEM in found.off
    assert not found.own


def test_the_users_own_off_is_the_users(files):
    files("", "lsp = false\n")
    assert servers.settings({}).own


def test_under_sudo_there_are_none(files, monkeypatch):
    files("", "lsp = true\n")
    monkeypatch.setattr(servers.os, "geteuid", lambda: 0)
    found = servers.settings({b"SUDO_UID": b"1000"})
    assert (found.off, found.own) == ("no language server is started under sudo", False)
    assert servers.advice("python", found) == found.off


def test_what_counts_for_sudo_is_the_shell_that_opened_the_document(files, monkeypatch):
    monkeypatch.setenv("SUDO_UID", "1000")
    monkeypatch.setattr(servers.os, "geteuid", lambda: 0)
    assert servers.settings({}).off == ""
    monkeypatch.setattr(servers.os, "geteuid", lambda: 1000)
    assert servers.settings({b"SUDO_UID": b"1000"}).off == ""  # sudoedit's editor, or somebody's own shell


# What is advised


def test_what_would_serve_is_said_with_the_way_to_get_it():
    assert servers.advice("python", NOTHING) == (
        "no language server for python on the PATH of the shell that opened the file: "
        "basedpyright would serve (pip install basedpyright)"
    )
    assert servers.advice("cobol", NOTHING) == ""
    for language in spoken():
        assert servers.advice(language, NOTHING).isprintable()


def test_a_configured_program_that_is_not_there_is_named():
    said = Settings([(OWN, {"lsp-python": "mine -v; ~/other"})])
    assert servers.advice("python", said) == (
        "lsp-python: there is no mine or ~/other on the PATH of the shell that opened the file"
    )


# The language


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("/a/train.py", "python"),
        ("/a/TRAIN.PY", "python"),
        ("/a.b/x.pyi", "python"),
        ("/a/x.c", "c"),
        ("/a/x.C", "cpp"),
        ("/a/x.h", "cpp"),
        ("/a/x.F90", "fortran"),
        ("/a/x.R", "r"),
        ("/a/job.slurm", "shellscript"),
        ("/a/x.tsx", "typescriptreact"),
        ("/a/CMakeLists.txt", "cmake"),
        ("/a/Dockerfile", "dockerfile"),
        ("/a/go.mod", "gomod"),
        ("/home/ada/.bashrc", "shellscript"),
        ("/a/notes.txt", ""),
        ("/a/x.m", ""),
        ("/a/py", ""),
        ("/a/x.py.bak", ""),
        ("/a.py/x", ""),
        ("/a/x.", ""),
        ("", ""),
    ],
)
def test_a_name_tells_the_language(path, language):
    assert servers.language_of(path) == language


@pytest.mark.parametrize(
    ("first", "language"),
    [
        (b"#!/usr/bin/python3", "python"),
        (b"#!/usr/bin/python3.11", "python"),
        (b"#!/opt/python3.13t", "python"),
        (b"#! /usr/bin/env python", "python"),
        (b"#!/usr/bin/env -S python3 -u", "python"),
        (b"#!/usr/bin/env -S PYTHONPATH=/x:/y python3 -I -m this", "python"),
        (b"#!/usr/bin/env -S uv run --script", "python"),
        (b"#!/home/ada/.venv/bin/pypy3.9", "python"),
        (b"#!/bin/sh -e", "shellscript"),
        (b"#!/bin/bash -l\r", "shellscript"),
        (b"#!/usr/bin/env node", "javascript"),
        (b"#!/usr/bin/perl -w", "perl"),
        (b"#!/usr/bin/Rscript --vanilla", "r"),
        (b"#!/usr/bin/lua5.4", "lua"),
        (b"#!/usr/bin/awk -f", ""),
        (b"#!/usr/bin/shutdown", ""),
        (b"#!/usr/bin/pythonic", ""),
        (b"#!", ""),
        (b"#!/usr/bin/env", ""),
        (b"#!\xff\xfe\x00", ""),
        (b"# python", ""),
        (b"python", ""),
        (b"", ""),
    ],
)
def test_else_a_first_line_does(first, language):
    assert servers.language_of("/a/run", first) == language
    assert servers.language_of("/a/run.txt", first) == language


def test_a_name_counts_more_than_a_first_line():
    assert servers.language_of("/a/x.py", b"#!/bin/sh") == "python"


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("python", "python"),
        ("Python", "python"),
        ("sh", "shellscript"),
        ("bash", "shellscript"),
        ("c++", "cpp"),
        ("objc", "objective-c"),
        ("cuda", "cuda-cpp"),
        ("tex", "latex"),
        ("plaintex", "latex"),
        ("js", "javascript"),
        ("typescript.tsx", "typescriptreact"),
        ("go.mod", "gomod"),
        ("matlab", "matlab"),
        ("plaintext", ""),
        ("", ""),
    ],
)
def test_an_editors_word_for_a_language_is_understood(said, language):
    assert servers.known(said) == language
