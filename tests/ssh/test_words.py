"""The command line of ``rbridge ssh``: the real ssh is asked whether it reads the same words the same way."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

import pytest

from rbridge.errors import UsageError
from rbridge.ssh import words
from rbridge.ssh.words import Words

OWN = {"--no-deploy": False, "--node": True, "--help": False}


def split(*arguments: str) -> Words:
    return words.split(arguments, OWN)


def checked(*arguments: str) -> Words:
    said = split(*arguments)
    words.check(said)
    return said


def asked(arguments: Sequence[str]) -> tuple[int, str]:
    done = subprocess.run(
        ["ssh", "-F", "/dev/null", "-G", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_options_host_and_command_are_told_apart() -> None:
    said = checked(
        "-F", "cfg", "-p", "2222", "-oPort=3", "-vJjump", "gpu1", "ls", "-l", "-x", "--", "a b", ""
    )
    assert said.options == ("-Fcfg", "-p2222", "-oPort=3", "-v", "-Jjump")
    assert said.host == "gpu1"
    assert said.command == ("ls", "-l", "-x", "--", "a b", "")


LINES = [
    "gpu1",
    "-p 23 gpu1",
    "gpu1 -p 23",
    "gpu1 -p 23 ls -p 24",
    "gpu1 ls -p 24",
    "-p23 gpu1 -l ada -- -p 24",
    "gpu1 -- -p 23",
    "-- gpu1 -p 23",
    "-p 23 -- gpu1 -l ada",
    "-AXCp2222 -lada gpu1",
    "-Xp 2222 ada@gpu1",
    "-NT -4 gpu1",
    "-tt gpu1 -6",
    "gpu1 -4 -p 9 other -l ada",
    "-o Port=5 -oUser=ada gpu1",
    "ssh://ada@gpu1:2200 -p 3",
    "ssh://ada@gpu1:2200",
    "ssh://gpu1 -p 3 -l ada",
    "ssh://ada@gpu1:2200/ -oPort=3 -l bob -oUser=bob",
    "-l bob -p 3 ssh://ada@gpu1:2200",
    "ada@gpu1 -l bob -p 3",
    "-l bob ada@gpu1",
    "-M -S /tmp/x-%h gpu1",
    "-MM gpu1",
    "-J a,b@c:5 gpu1",
    "-L 8080:localhost:80 gpu1 -R 9:localhost:9 -D 1080",
    "-i /nonexistent -c aes128-ctr -m hmac-sha2-256 -b ::1 -e none gpu1",
    "ada@x@gpu1",
    "gpu1 -",
]


@pytest.mark.parametrize("line", LINES)
def test_ssh_reads_the_words_as_they_were_typed(line: str) -> None:
    said = checked(*line.split(" "))
    code, printed = asked(line.split(" "))
    assert code == 0
    assert asked([*said.options, *said.target]) == (0, printed)


def test_every_option_of_this_ssh_is_known_as_a_flag_or_with_a_value() -> None:
    usage = subprocess.run(["ssh"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"\[-([0-9A-Za-z]+)\]", usage)
    assert found is not None
    flags, valued = set(found.group(1)), set(re.findall(r"\[-(.) ", usage))
    assert valued <= words.VALUED
    assert not flags & words.VALUED
    for letter in sorted(flags | valued):
        said = split(f"-{letter}", *(["value"] if letter in valued else []), "gpu1")
        assert said.host == "gpu1", letter
        assert said.options or said.hint, letter
        assert "unknown" not in said.wrong, letter


def test_a_tag_is_spelled_so_that_an_older_ssh_does_not_take_it_for_the_host() -> None:
    assert checked("-P", "work", "gpu1").options == ("-oTag=work",)


def test_our_own_options_are_taken_out_wherever_options_stand() -> None:
    said = checked("--no-deploy", "-v", "--node", "login2", "gpu1", "--help", "-N", "ls", "--no-deploy")
    assert said.own == {"--no-deploy": "", "--node": "login2", "--help": ""}
    assert said.options == ("-v", "-N")
    assert said.command == ("ls", "--no-deploy")
    assert checked("--node=a=b", "gpu1").own == {"--node": "a=b"}


def test_the_value_of_an_option_of_ssh_is_not_taken_for_one_of_ours() -> None:
    assert checked("-l", "--help", "gpu1") == Words({}, ("-l--help",), "gpu1")


def test_no_word_of_the_command_is_taken_for_an_option_again() -> None:
    said = checked("-v", "gpu1", "--", "-p", "23")
    assert said.target == ("--", "gpu1", "-p", "23")


WRONG = [
    ("", "no host"),
    ("-v", "no host"),
    ("-p 2222", "no host"),
    ("--", "no host"),
    ("-p", "option -p needs a value"),
    ("-vp", "option -p needs a value"),
    ("gpu1 -l", "option -l needs a value"),
    ("-Z gpu1", "unknown option -Z"),
    ("-vZ gpu1", "unknown option -Z"),
    ("-1 gpu1", "unknown option -1"),
    ("-h", "unknown option -h"),
    ("--nonsense gpu1", "unknown option --nonsense"),
    ("--no-deploy=yes gpu1", "unknown option --no-deploy=yes"),
    ("--node", "option --node needs a value"),
    ("-- -oProxyCommand=x", "-oProxyCommand=x is no host: it begins with '-'"),
    ("- ls", "- is no host: it begins with '-'"),
    ("-O exit gpu1", "rbridge ssh does not take -O"),
    ("-G gpu1", "rbridge ssh does not take -G"),
    ("-V", "rbridge ssh does not take -V"),
    ("-Q key", "rbridge ssh does not take -Q"),
    ("-w 0 gpu1", "rbridge ssh does not take -w"),
    ("-gL8080:a:80 gpu1", "rbridge ssh does not take -g"),
]


@pytest.mark.parametrize(("line", "message"), WRONG)
def test_what_is_wrong_is_said(line: str, message: str) -> None:
    said = split(*line.split())
    with pytest.raises(UsageError) as caught:
        words.check(said)
    assert str(caught.value) == message
    assert caught.value.exit_code == 64


def test_empty_words_are_no_host_and_no_value() -> None:
    assert split("").wrong == "the host is an empty word"
    assert split("-l", "", "gpu1").wrong == "option -l needs a value"


def test_what_is_refused_comes_with_what_to_run_instead() -> None:
    for letter, value in {"G": [], "V": [], "g": [], "O": ["exit"], "Q": ["key"], "w": ["0"]}.items():
        assert ("run: " in split(f"-{letter}", *value, "gpu1").hint) == (letter != "g")
    assert "-L '*:PORT:" in split("-g", "gpu1").hint


def test_control_characters_do_not_reach_the_terminal() -> None:
    with pytest.raises(UsageError) as caught:
        words.check(split("--\x1b[2J", "gpu1"))
    assert "\x1b" not in str(caught.value)


def test_a_mistake_does_not_hide_a_plea_for_help() -> None:
    assert "--help" in split("-Z", "--help").own


WAY = ["-4", "-Fcfg", "-p22", "-lada", "-ikey", "-Jjump", "-C", "-K", "-oUser=ada", "-oProxyCommand=x %h"]
BOTH = ["-A", "-a", "-X", "-Y", "-x", "-oForwardAgent=yes", "-oforwardx11 yes"]
SESSION = [
    "-t",
    "-T",
    "-n",
    "-N",
    "-f",
    "-s",
    "-L1:a:2",
    "-R1:a:2",
    "-D1",
    "-Wa:1",
    "-e^",
    "-q",
    "-v",
    "-Elog",
]
SESSION_TOO = ["-oRemoteCommand=ls", "-oREMOTECOMMAND ls", "-o =RemoteCommand = ls", "-oLocalForward=1 a:2"]
SESSION_TOO += ['-o"RemoteCommand" ls', "-o\tRemoteCommand\tls", "-oSessionType=none", "-oLogLevel=QUIET"]
SHARING = ["-M", "-S/x", "-oControlPath=/x", "-oControlMaster auto", "-ocontrolpersist=5"]


def test_each_option_goes_to_who_needs_it() -> None:
    each = [*WAY, *BOTH, *SESSION, *SESSION_TOO, *SHARING]
    said = checked(*each, "gpu1")
    assert said.options == tuple(each)
    assert list(said.way) == WAY + BOTH
    assert list(said.session) == BOTH + SESSION + SESSION_TOO
    assert list(said.shell) == WAY + BOTH + SESSION + SESSION_TOO


@pytest.mark.parametrize("option", SESSION_TOO)
def test_the_keyword_is_found_where_ssh_finds_it(option: str) -> None:
    code, printed = asked([option, "gpu1"])
    assert code == 0
    assert printed != asked(["gpu1"])[1]


@pytest.mark.parametrize("option", ["-f", "-s", "-q", "-y", "-E/nonexistent/log", "-oSessionType=subsystem"])
def test_what_would_keep_ssh_from_answering_is_not_asked(option: str) -> None:
    assert words.asking(["-4", option, "-p22"]) == ("-4", "-p22")


def test_what_changes_the_answer_is_asked() -> None:
    each = ["-S/x", "-M", "-N", "-t", *WAY]
    assert list(words.asking(each)) == each
