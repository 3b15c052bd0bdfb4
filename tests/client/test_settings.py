"""Which addresses are tried, in which order."""

from __future__ import annotations

import pytest

from rbridge.client import settings
from rbridge.client.options import parse
from rbridge.errors import UsageError

USUAL = ("localhost:52698", "the usual port")


def test_without_settings_the_usual_port_is_tried(told):
    assert told() == [USUAL]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("-H box", [("box:52698", "--host")]),
        ("-p 5", [("localhost:5", "--port")]),
        ("-H ::1 -p 5", [("[::1]:5", "--host")]),
        ("-s /x", [("/x", "--socket")]),
        ("-s /x -H box", [("/x", "--socket"), ("box:52698", "--host")]),
    ],
)
def test_what_the_command_line_names_is_all_that_is_tried(told, words, expected):
    assert told(words) == expected


def test_a_host_from_the_environment_goes_with_a_port_from_the_command_line(told):
    assert told("-p 5", RMATE_HOST="box") == [("box:5", "--port")]


def test_the_environment_comes_before_the_files(told, home):
    home.file(".rmate.rc", "host: filebox\nport: 7\nunixsocket: /from/file\n")
    assert told(RBRIDGE_SOCKET="/r", RMATE_UNIXSOCKET="/u", RMATE_HOST="envbox") == [
        ("/r", "$RBRIDGE_SOCKET"),
        ("/u", "$RMATE_UNIXSOCKET"),
        ("envbox:7", "$RMATE_HOST"),
        ("/from/file", "~/.rmate.rc"),
        USUAL,
    ]


def test_the_way_that_the_command_line_names_is_all_that_is_tried(told, home, listening, rendezvous):
    listening(rendezvous / "a.sock")
    listening(home.runtime / "via-login1-01234567.sock")
    listening(home.runtime / "via-login2-01234567.sock")
    assert told("--via login1") == [(f"{home.runtime}/via-login1-01234567.sock", str(home.runtime))]
    assert told("--via login3") == []


def test_rc_files_alone(told, home):
    home.file(".rmate.rc", "port = 7\n")
    assert told() == [("localhost:7", "~/.rmate.rc"), USUAL]


def test_auto_is_where_one_came_from(told):
    assert told("-H auto", SSH_CONNECTION="192.0.2.7 50000 192.0.2.1 22") == [("192.0.2.7:52698", "--host")]
    assert told(RMATE_HOST="auto")[0] == ("localhost:52698", "$RMATE_HOST")


def test_the_usual_socket_of_ruby_rmate(told, home, listening):
    listening(home.path / ".rmate.socket")
    assert told() == [("~/.rmate.socket", "the usual place"), USUAL]


def test_an_address_named_twice_is_tried_once(told, rendezvous, listening):
    listening(rendezvous / "a.sock")
    found = told(RBRIDGE_SOCKET=str(rendezvous / "a.sock"))
    assert [origin for _, origin in found] == ["$RBRIDGE_SOCKET", "the usual port"]


def test_a_port_that_is_none_is_refused_from_the_environment_and_noted_from_a_file(told, home):
    with pytest.raises(UsageError, match=r"\$RMATE_PORT: 'x' is not a port"):
        told(RMATE_PORT="x")
    home.file(".rmate.rc", "port: x\n")
    assert told() == [USUAL]


def test_only_a_host_that_the_user_chose_is_named(told, home):
    options = parse(["a"])
    found, _ = settings.endpoints(options, {"RMATE_PORT": "7"})
    assert not any(one.named for one in found)
    found, _ = settings.endpoints(parse(["-H", "localhost", "a"]), {})
    assert found[0].named


@pytest.mark.parametrize(
    ("file", "text", "variables"),
    [
        ("", "", {"RMATE_HOST": "127.0.0.1", "RMATE_PORT": "{port}"}),
        ("", "", {"RMATE_PORT": "{port}"}),
        (
            "",
            "",
            {"RMATE_HOST": "auto", "RMATE_PORT": "{port}", "SSH_CONNECTION": "127.0.0.1 5 127.0.0.1 22"},
        ),
        (".rmate.rc", "host: 127.0.0.1\nport: {port}\n", {}),
        (".rmate.rc", "port: 1\n", {"RMATE_PORT": "{port}"}),
        (".rmate/rmate.rc", "host=127.0.0.1\nport={port}\n", {}),
        (".rmate.rc", "[NOSECTION]\nhost = 127.0.0.1\nport = {port}\n", {}),
        (".rmate.rc", "---\nunixsocket: {socket}\n", {}),
        ("", "", {"RMATE_UNIXSOCKET": "{socket}"}),
        ("", "", {"RBRIDGE_SOCKET": "{socket}", "RMATE_PORT": "1"}),
    ],
)
def test_a_variable_or_a_file_is_all_that_it_takes(home, editor, client_command, file, text, variables):
    """As scripts and dot files of rmate's users have it, without an option."""
    home.file("a.py", "x")
    unix = "{socket}" in text + "".join(variables.values())
    served = editor(lambda talk: talk.close(talk.opened().token), home.root / "s" if unix else None)
    there = {"socket": served.path} if unix else {"port": served.port}
    if file:
        home.file(file, text.format(**there))
    env = {name: value.format(**there) for name, value in variables.items()}
    ran = home.run([*client_command, "open", "-w", "a.py"], env=env)
    assert ran.code == 0, ran
    served.result()
