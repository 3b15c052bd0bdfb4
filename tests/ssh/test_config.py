"""What rbridge makes of ``ssh -G``: all against the real ssh, and one master where the answer says it is."""

from __future__ import annotations

import inspect
import json
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import trio

from rbridge.errors import NoInput, NotListening, TryAgain, UsageError
from rbridge.server.names import HOST
from rbridge.ssh import config, words
from rbridge.ssh.config import Destination
from tests.harness.environment import ROOT, Home
from tests.harness.sshd import Sshd
from tests.harness.wait import until

Ask = Callable[..., Destination]
PERSON = pwd.getpwuid(os.getuid())


@pytest.fixture
def home() -> Iterator[Home]:
    made = Home()
    yield made
    made.close()


@pytest.fixture(params=["now", "trio"])
def ask(request: pytest.FixtureRequest, home: Home) -> Ask:
    """Asks with the configuration file ``ssh_config`` in the home directory, in both ways."""
    home.file("ssh_config")

    def now(asked: str, *options: str, **more: object) -> Destination:
        each = {"cwd": str(home.path), "environ": home.env, **more}
        function = config.ask_now if request.param == "now" else _with_trio
        return function(asked, ["-Fssh_config", *options], **each)  # type: ignore[arg-type]

    return now


def _with_trio(
    asked: str, options: list[str], cwd: str, environ: dict[str, str] | None, deadline: float = 10.0
) -> Destination:
    return trio.run(config.ask, asked, options, cwd, environ, deadline)


def test_the_configuration_says_who_and_where(home: Home, ask: Ask) -> None:
    home.file("ssh_config", "Host gpu1\n HostName 10.0.0.1\n User ada\n Port 2200\n")
    found = ask("gpu1")
    assert (found.asked, found.known_as, found.user) == ("gpu1", "gpu1", "ada")
    assert (found.hostname, found.port, found.direct) == ("10.0.0.1", 2200, True)
    assert (found.control_path, found.control_master, found.jump, found.proxy) == ("", False, "", "")
    assert found.host_key_names == ("[10.0.0.1]:2200", "10.0.0.1")
    assert (found.known_hosts_command, found.host_keys_checked) == (False, True)
    assert (found.options, found.cwd) == (("-Fssh_config",), str(home.path))


def test_options_count_as_they_do_for_ssh(ask: Ask) -> None:
    found = ask("gpu1", "-p23", "-oUser=ada", "-Jlogin1", "-oHostName=h.example")
    assert (found.port, found.user, found.jump, found.hostname) == (23, "ada", "login1", "h.example")
    assert not found.direct


def test_options_that_keep_ssh_from_answering_do_not(home: Home, ask: Ask) -> None:
    found = ask("gpu1", "-f", "-s", "-q", "-v", "-y", "-tt", "-N", "-Elog", "-L1:a:2", "-M")
    assert (found.known_as, found.control_master) == ("gpu1", True)
    assert not (home.path / "log").exists()


ASKED = {
    "gpu1": "gpu1",
    "GPU1": "GPU1",
    "ada@gpu1": "gpu1",
    "ada@corp@gpu1": "gpu1",
    "ssh://gpu1": "gpu1",
    "ssh://ada@gpu1:2200": "gpu1",
    "ssh://ada@gpu1/": "gpu1",
    "gpu1.example.com": "gpu1.example.com",
    "10.0.0.1": "10.0.0.1",
    "::1": "0--1.ipv6",
    "ada@fe80::1%eth0": "fe80--1seth0.ipv6",
}


@pytest.mark.parametrize(("asked", "name"), ASKED.items())
def test_a_host_is_known_by_its_name_alone(ask: Ask, asked: str, name: str) -> None:
    found = ask(asked)
    assert found.known_as == name
    assert HOST.fullmatch(name)
    assert found.user == (asked.removeprefix("ssh://").rpartition("@")[0] or PERSON.pw_name)


@pytest.mark.parametrize("asked", ["ssh://[::1]:22", "ssh://ada@[::1]:22"])
def test_an_address_in_a_uri_is_left_to_ssh(ask: Ask, asked: str) -> None:
    assert config.known_as(asked) == "0--1.ipv6"
    found = _or_complaint(lambda: ask(asked))
    assert found in ("::1", f"ssh does not take {asked} for a host")


def _or_complaint(question: Callable[[], Destination]) -> str:
    """The host name, or what is wrong. QUIRK: OpenSSH 9.2 takes no address in brackets in a URI."""
    try:
        return question().hostname
    except UsageError as error:
        return str(error)


UNFIT = [
    "",
    "ada@",
    "@",
    "ssh://",
    "-v",
    "a b",
    "a\nb",
    "a\x1bb",
    "a\0b",
    "a/b",
    "../x",
    ".x",
    "a:b",
    "é",
    "x" * 65,
]


@pytest.mark.parametrize("asked", UNFIT)
def test_what_cannot_name_a_documents_host_is_refused(ask: Ask, asked: str) -> None:
    with pytest.raises(UsageError, match="cannot name a host") as caught:
        ask(asked)
    assert str(caught.value).isprintable()
    assert "Host line" in caught.value.hint


def test_an_alias_names_a_host_whatever_its_address_is(home: Home, ask: Ask) -> None:
    home.file("ssh_config", "Host odd\n HostName x_y.example\n HostKeyAlias Other\n")
    found = ask("odd")
    assert (found.known_as, found.hostname, found.host_key_names) == ("odd", "x_y.example", ("other",))


def test_a_control_path_comes_expanded_and_absolute(home: Home, ask: Ask) -> None:
    home.file("ssh_config", "Host *\n ControlMaster autoask\n ControlPath 'c m-%h-%p-%r-%n-%%-${WHAT}'\n")
    home.env["WHAT"] = "x"
    found = ask("Foo", "-p23", "-lada")
    assert found.control_path == f"{home.path}/c m-foo-23-ada-Foo-%-x"
    assert found.control_master
    assert ask("foo", "-S~/cm").control_path == f"{PERSON.pw_dir}/cm"
    assert ask("foo", "-Snone").control_path == ""


@pytest.mark.parametrize(
    ("value", "wanted"), [("yes", True), ("auto", True), ("ask", True), ("autoask", True), ("no", False)]
)
def test_it_is_told_whether_a_master_is_wanted(ask: Ask, value: str, wanted: bool) -> None:
    assert ask("gpu1", f"-oControlMaster={value}").control_master is wanted


def test_a_real_master_is_where_the_answer_says() -> None:
    home = Home()
    server = Sshd(home)
    try:
        path = f"{home.root}/${{WHAT}} %C.%n.%p"
        server.add_host("shared", f'ControlPath "{path}"', "ControlMaster auto", "ControlPersist 60")
        home.env["WHAT"] = "c m"
        home.run(["ssh", "-F", server.config, "-o", "LogLevel=QUIET", "shared", "true"]).ok()
        found = config.ask_now("shared", [f"-F{server.config}"], str(home.path), home.env)
        assert os.path.basename(found.control_path).startswith("c m ")
        idle = ["ssh", "-F", "/dev/null", "-oProxyCommand=false", "-S", found.control_path, "-O"]
        assert "Master running" in home.run([*idle, "check", "any"]).ok().err
        home.run([*idle, "exit", "any"]).ok()
    finally:
        server.close()
        home.close()


def test_a_proxy_command_keeps_its_tokens_and_there_is_no_direct_way(ask: Ask) -> None:
    found = ask("gpu1", "-oProxyCommand=nc -X 5 %h %p")
    assert (found.proxy, found.direct) == ("nc -X 5 %h %p", False)
    assert ask("gpu1", "-oProxyCommand=none").direct
    assert ask("gpu1", "-Jnone").direct


def test_files_of_known_hosts_are_those_that_ssh_reads(home: Home, ask: Ask) -> None:
    home.file("a b")
    home.file("ssh_config", 'Host *\n UserKnownHostsFile own_%n "a b" c\n GlobalKnownHostsFile ~/%d /g\n')
    there = [str(home.path / name) for name in ("own_gpu1", "a b", "c")]
    assert list(ask("gpu1").known_hosts) == [*there, f"{PERSON.pw_dir}/%d", "/g"]
    root = pwd.getpwuid(0)
    found = ask("gpu1", "-oUserKnownHostsFile=none", f"-oGlobalKnownHostsFile=~{root.pw_name}/x ~no-such/y")
    assert found.known_hosts == (f"{root.pw_dir}/x", f"{home.path}/~no-such/y")


def test_a_default_configuration_has_the_usual_files(ask: Ask) -> None:
    assert f"{PERSON.pw_dir}/.ssh/known_hosts" in ask("gpu1").known_hosts


def test_other_sources_of_host_keys_are_noticed(ask: Ask) -> None:
    assert ask("gpu1", "-oKnownHostsCommand=/bin/true %h").known_hosts_command
    assert not ask("gpu1", "-oStrictHostKeyChecking=no").host_keys_checked
    assert ask("gpu1", "-oStrictHostKeyChecking=accept-new").host_keys_checked
    local = "-oNoHostAuthenticationForLocalhost=yes"
    assert not ask("127.0.0.2", local).host_keys_checked
    assert ask("gpu1", local).host_keys_checked
    assert ask("127.0.0.2", local, "-oHostKeyAlias=x").host_keys_checked


def test_a_canonical_name_is_the_name(home: Home, ask: Ask) -> None:
    home.file("ssh_config", "CanonicalizeHostname yes\nCanonicalDomains invalid\nMatch canonical\n Port 77\n")
    found = ask("localhost.")
    assert (found.known_as, found.hostname.rstrip("."), found.port) == ("localhost.", "localhost", 77)


def test_a_match_exec_runs_where_and_as_the_person_would(home: Home, ask: Ask) -> None:
    home.file("ssh_config", 'Match exec "test -e marker -a $WHAT = x"\n User ada\n')
    home.env["WHAT"] = "x"
    assert ask("gpu1").user == PERSON.pw_name
    home.file("marker")
    assert ask("gpu1").user == "ada"


def test_a_bad_option_is_told_in_the_words_of_ssh(home: Home, ask: Ask) -> None:
    with pytest.raises(UsageError, match=r"ssh: command-line.*Bad configuration option: foo"):
        ask("gpu1", "-oFoo=1", "-q", "-Elog")
    home.file("ssh_config", "Host *\n Foo bar\n Port x\n")
    with pytest.raises(UsageError) as caught:
        ask("gpu1", "-q", "-Elog")
    said = str(caught.value)
    assert "ssh_config: line 2: Bad configuration option: foo; " in said
    assert "line 3: Bad number 'x'" in said or "line 3: Bad port 'x'" in said
    assert "terminating" not in said
    assert not (home.path / "log").exists()


def test_a_missing_configuration_file_is_named(home: Home) -> None:
    with pytest.raises(UsageError, match="Can't open user config file absent: No such file"):
        config.ask_now("gpu1", ["-Fabsent"], str(home.path), home.env)


def test_what_is_no_option_never_reaches_ssh(ask: Ask) -> None:
    for word in ("gpu2", "", "-", "-l\0x"):
        with pytest.raises(UsageError, match="no options of ssh"):
            ask("gpu1", word)


def test_no_ssh_and_no_directory_have_their_own_words(home: Home, ask: Ask) -> None:
    with pytest.raises(NotListening, match="ssh is not installed") as caught:
        ask("gpu1", environ={**home.env, "PATH": "/nonexistent"})
    assert caught.value.hint == "install OpenSSH"
    with pytest.raises(NoInput, match="gone is not there any more"):
        ask("gpu1", cwd=str(home.path / "gone"))


def test_an_answer_that_does_not_come_is_not_waited_for(home: Home, ask: Ask) -> None:
    home.file("ssh_config", 'Match exec "sleep 100"\n User ada\n')
    begun = time.monotonic()
    with pytest.raises(TryAgain, match="takes over 0.2 s") as caught:
        ask("gpu1", deadline=0.2)
    assert time.monotonic() - begun < 5
    assert "Match exec" in caught.value.hint
    until(lambda: not home.processes(), what="nothing is left of it")


async def test_who_is_cancelled_leaves_nothing_running(home: Home) -> None:
    home.file("ssh_config", 'Match exec "sleep 100"\n User ada\n')
    with trio.move_on_after(0.2) as scope:
        await config.ask("gpu1", ["-Fssh_config"], str(home.path), home.env)
    assert scope.cancelled_caught
    until(lambda: not home.processes(), what="nothing is left of it")


def test_one_digest_for_each_way_to_an_account(home: Home, ask: Ask) -> None:
    home.file("ssh_config", "Host gpu1 g\n HostName 10.0.0.1\n User ada\n")
    digest = ask("gpu1").digest
    assert len(digest) == 32
    assert int(digest, 16)
    same = [ask("g"), ask("ada@10.0.0.1"), ask("ssh://ada@gpu1:22"), ask("gpu1", "-v", "-A", "-S/x")]
    assert {one.digest for one in same} == {digest}
    different = [
        ask("gpu1", option) for option in ("-lbob", "-p23", "-Jj", "-oHostKeyAlias=x", "-oHostName=y")
    ]
    different.append(ask("gpu1", "-oProxyCommand=j"))
    assert len({one.digest for one in different} | {digest}) == 7


def test_json_carries_it_whole(ask: Ask) -> None:
    found = ask("gpu1", "-lada", "-oProxyCommand=nc \udcff", "-p23")
    assert Destination.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_json_of_another_shape_is_refused(ask: Ask) -> None:
    said = ask("gpu1").to_json()
    assert len(said) == len(inspect.signature(Destination).parameters)
    wrong: list[object] = [None, [], "x", {}, {**said, "known_as": "a/b"}, {**said, "port": 0}]
    for name, value in said.items():
        if name not in Destination._field_defaults:  # else one of another version may not have it
            wrong.append({key: one for key, one in said.items() if key != name})
        wrong += [{**said, name: None}, {**said, name: 1 if isinstance(value, bool) else True}]
        if isinstance(value, list):
            wrong += [{**said, name: [1]}, {**said, name: "x"}]
    for one in wrong:
        with pytest.raises(ValueError, match="destination"):
            Destination.from_json(one)


def test_it_loads_without_what_a_live_tunnel_does_not_need() -> None:
    seen = "import rbridge.ssh.config, sys; print(*sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(out.stdout.split())
    assert "rbridge.ssh.words" in loaded
    assert not loaded & {"trio", "click", "dataclasses", "hashlib", "json", "asyncio"}


def test_it_takes_what_the_words_module_gives(home: Home) -> None:
    home.file("cfg", "Host gpu1\n User ada\n")
    said = words.split(["-F", "cfg", "-vp", "2222", "gpu1", "-A", "ls"], {})
    found = config.ask_now(said.host, said.options, str(home.path), home.env)
    assert (found.user, found.port) == ("ada", 2222)
