"""The text that setup adds to ssh_config, and finds again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.errors import UsageError
from rbridge.ssh import sshconfig

PATHS = (
    "/home/ada/.rbridge/gpu1",
    "1f2e3d4c5b6a7988",
    "/run/user/1000/rbridge/daemon.sock",
    "/h/.ssh/config.d/r",
)
ENTRY = sshconfig.socket_entry("gpu1", *PATHS, "")
OTHER = sshconfig.port_entry("gpu2", 52698, "127.0.0.1:52698", "/run/daemon.sock")


def test_a_block_is_found_again_and_not_taken_for_edited() -> None:
    fragment = sshconfig.parse(sshconfig.head(()).put(ENTRY).put(OTHER).text)
    assert fragment.hosts == ("gpu1", "gpu2")
    block = fragment.find("gpu1")
    assert block is not None
    assert (block.text, block.edited) == (ENTRY.text, False)


def test_a_block_that_was_changed_by_hand_is_seen() -> None:
    text = ENTRY.text.replace("daemon.sock", "other.sock")
    block = sshconfig.parse(text).find("gpu1")
    assert block is not None
    assert block.edited


def test_a_new_block_takes_the_place_of_the_old_one() -> None:
    before = sshconfig.head(()).put(ENTRY).put(OTHER)
    other = sshconfig.port_entry("gpu1", 52699, "127.0.0.1:52698", "/run/daemon.sock")
    assert before.put(other).text == before.text.replace(ENTRY.text, other.text)


def test_what_stands_between_blocks_is_kept() -> None:
    fragment = sshconfig.parse(f"# mine\r\n{ENTRY.text}Host a\n    Port 1\n{OTHER.text}tail")
    assert fragment.drop("gpu1").drop("gpu2").text == "# mine\r\nHost a\n    Port 1\ntail"
    assert not fragment.drop("gpu1").drop("gpu2").is_empty()


def test_a_file_without_blocks_is_empty_again() -> None:
    head = sshconfig.head(("/h/.ssh/config.d",))
    after = sshconfig.parse(head.put(ENTRY).text).drop("gpu1")
    assert after.is_empty()
    assert after.made == ("/h/.ssh/config.d",)


def test_a_block_without_its_end_is_text_of_somebody_else() -> None:
    cut = ENTRY.text.rpartition("# rbridge")[0]
    fragment = sshconfig.parse(cut + OTHER.text)
    assert fragment.hosts == ("gpu2",)
    assert fragment.text == cut + OTHER.text


@given(st.lists(st.sampled_from([ENTRY.text, OTHER.text, "x\n", "\r\n", "\x0c", " #\n", ENTRY.text[:90]])))
def test_parsing_loses_no_byte(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert sshconfig.parse(text).text == text


@pytest.mark.parametrize("host", ["gpu1", "gpu1.example.org", "10.0.0.1", "::1", "a_b-c"])
def test_plain_names_are_hosts(host: str) -> None:
    assert sshconfig.check_host(host) == host


@pytest.mark.parametrize(
    "host",
    [
        "*",
        "gpu?",
        "!gpu",
        "a b",
        'a"b',
        "a'b",
        "a%h",
        "a,b",
        "-oProxyCommand=x",
        "",
        "ada@gpu1",
        "ssh://a/",
        "a\n",
    ],
)
def test_a_host_that_ssh_config_would_take_for_more_is_refused(host: str) -> None:
    with pytest.raises(UsageError):
        sshconfig.check_host(host)


@pytest.mark.parametrize("bad", ["'", '"', "\\", "%", "*", "$", "`", "\n", "{"])
def test_a_path_that_a_command_or_a_token_could_hide_in_is_refused(bad: str) -> None:
    with pytest.raises(UsageError, match="cannot hold it"):
        sshconfig.socket_entry("gpu1", f"/home/a{bad}b", *PATHS[1:], "")


def test_a_path_too_long_for_a_socket_is_refused_and_the_port_named() -> None:
    longest = 107 - len("/1f2e3d4c-1234567890-4194304.sock")
    sshconfig.socket_entry("gpu1", "/" + "x" * (longest - 1), *PATHS[1:], "")
    with pytest.raises(UsageError, match="108 bytes") as caught:
        sshconfig.socket_entry("gpu1", "/" + "x" * longest, *PATHS[1:], "")
    assert "--port" in caught.value.hint


def test_the_port_is_forwarded_with_its_address() -> None:
    assert "    RemoteForward 127.0.0.1:52698 127.0.0.1:52698" in OTHER.lines


@pytest.mark.parametrize(
    "line",
    [
        "Include config.d/rbridge.conf",
        "include config.d/*",
        "Include ~/.ssh/config.d/*.conf",
        'Include other "/h/.ssh/config.d/rbridge.conf" # ours',
        "  Include=/h/.ssh/*/rbridge.conf\r",
    ],
)
def test_an_include_that_is_there_already_is_seen(line: str) -> None:
    assert _is_included(f"# first\n{line}\nHost a\n")


@pytest.mark.parametrize(
    "text",
    [
        "Include config.d/other*\n",
        "Include *\n",
        "Host a\nInclude config.d/*\n",
        "Match all\nInclude config.d/*\n",
        "",
    ]
    + ["#Include config.d/*\n", "Include # config.d/*\n"],
)
def test_an_include_that_does_not_count_for_each_host_is_not_enough(text: str) -> None:
    assert not _is_included(text)


def _is_included(text: str) -> bool:
    return sshconfig.is_included(text, "/h/.ssh/config.d/rbridge.conf", "/h/.ssh", "/h")


@pytest.mark.parametrize("text", ["", "Host a\n", "Host a", "Host a\r\nPort 1\r\n", "\n", "# \xe9\udcff\n\n"])
def test_an_include_comes_first_and_goes_without_a_trace(text: str) -> None:
    line = "Include config.d/rbridge.conf"
    after = sshconfig.include(text, line)
    assert after.startswith(line)
    assert ("\r\n" in after) == ("\r\n" in text)
    assert sshconfig.exclude(after, line) == text


def test_lines_written_since_stay_when_the_include_goes() -> None:
    text = "# new\nInclude config.d/rbridge.conf\r\nHost a\n"
    assert sshconfig.exclude(text, "Include config.d/rbridge.conf") == "# new\nHost a\n"


def test_aliases_are_hosts_without_patterns() -> None:
    text = 'Host gpu1 "gpu2" *.example.org\nhost=login !bad # note\nInclude conf.d/*\nMatch host x\nPort 9\n'
    assert sshconfig.names(text) == (["gpu1", "gpu2", "login"], ["conf.d/*"])
