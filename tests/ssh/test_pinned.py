"""What ``--node`` makes of a host: the options of ssh that lead to one certain machine."""

from __future__ import annotations

import socket

import pytest

from rbridge.errors import UsageError
from rbridge.ssh import pinned, words
from tests.harness.environment import Home
from tests.harness.wait import free_port

OWN = {"--node": True}


@pytest.fixture
def config(home: Home) -> str:
    text = "Host login\n  HostName 127.0.0.9\n  User me\n  Port {}\nHost far\n  ProxyJump login\n"
    return str(home.file("config", text.format(free_port())))


def asked(config: str, *arguments: str):
    return pinned.ask(words.split(["-F", config, *arguments], OWN), "/")


def test_a_node_that_answers_is_gone_to_directly(config: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        destination, said = asked(config, "login", "--node", "127.0.0.1", "-p", port)
    assert said.options == ("-oHostName=127.0.0.1", f"-F{config}", f"-p{port}")
    assert (destination.hostname, destination.user, destination.direct) == ("127.0.0.1", "me", True)
    assert destination.known_as == "127.0.0.1"
    assert destination.host_key_names[0] == f"[127.0.0.1]:{port}"


def test_one_that_does_not_is_reached_through_the_host(config: str) -> None:
    destination, said = asked(config, "me2@login", "--node=node7.invalid")
    assert said.options[0] == "-oHostName=node7.invalid"
    assert destination.jump == f"me2@login:{destination.port}"
    assert (destination.hostname, destination.known_as) == ("node7.invalid", "node7.invalid")


def test_a_jump_host_of_the_configuration_is_kept(config: str) -> None:
    destination, said = asked(config, "far", "--node", "node7.invalid")
    assert (destination.jump, destination.hostname) == ("login", "node7.invalid")
    assert len(said.options) == 2


def test_a_connection_that_is_shared_under_the_name_is_not_taken_for_the_node_s(config: str) -> None:
    shared = ("-o", "ControlMaster=auto")
    for path, taken in (("/run/cm-%n", False), ("/run/cm-%h", True)):
        with open(config, "a") as file:
            file.write(f"Host {path[-1]}\n  HostName 127.0.0.9\n  ControlMaster auto\n  ControlPath {path}\n")
        destination, _ = asked(config, path[-1], "--node", "node7.invalid")
        assert (bool(destination.control_path), destination.control_master) == (taken, taken)
    destination, _ = asked(config, *shared, "-S", "/run/mine", "login", "--node", "node7.invalid")
    assert destination.control_path == "/run/mine"


@pytest.mark.parametrize(
    ("host", "bare"), [("a", "a"), ("u@a", "a"), ("ssh://u@a:7", "a"), ("ssh://a/", "a"), ("u@::1", "[::1]")]
)
def test_the_word_that_ssh_s_configuration_knows(host: str, bare: str) -> None:
    assert pinned._bare(host) == bare


def test_a_uri_with_an_address_keeps_its_brackets() -> None:
    assert pinned._bare("ssh://u@[::1]") == "[::1]"
    assert pinned._bare("ssh://u@[::1]:22") == "[::1]"


@pytest.mark.parametrize("node", ["", "-oProxyCommand=x", "u@node", "ssh://node"])
def test_what_is_no_machine(config: str, node: str) -> None:
    with pytest.raises(UsageError):
        asked(config, "login", f"--node={node}")
