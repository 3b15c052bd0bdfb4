"""Which machine a host is: real known_hosts files, read by the real ssh-keygen, and what is kept of them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trio

from rbridge.errors import CannotCreate, Denied, NotListening, TryAgain
from rbridge.ssh import config, hostkeys
from rbridge.ssh.config import Destination
from rbridge.ssh.hostkeys import Hosts, known
from tests.harness.environment import Home
from tests.harness.sshd import Sshd

FULL = OSError(28, "No space left on device")


class Key:
    """A public key made for the tests."""

    def __init__(self, path: Path, kind: str = "ed25519") -> None:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "a comment SHA256:x", "-f", path], check=True
        )
        self.line = path.with_suffix(".pub").read_text().strip()
        shown = subprocess.run(
            ["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True
        ).stdout.split()
        self.fingerprint = shown[1]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[Key]:
    place = tmp_path_factory.mktemp("keys")
    return [Key(place / "a"), Key(place / "b"), Key(place / "c", "ecdsa")]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [tmp_path / "known hosts", tmp_path / "known_hosts2"]


def destination(files: list[Path], *names: str, checked: bool = True) -> Destination:
    return Destination(
        asked="gpu1",
        options=(),
        known_as="gpu1",
        user="ada",
        hostname="gpu1",
        port=22,
        control_path="",
        control_master=False,
        direct=True,
        jump="",
        proxy="",
        host_key_names=names or ("gpu1",),
        known_hosts=tuple(str(file) for file in files),
        known_hosts_command=False,
        cwd="/",
        host_keys_checked=checked,
    )


async def test_the_keys_of_a_host_come_from_all_files(files: list[Path], keys: list[Key]) -> None:
    a, b, c = keys
    files[0].write_text(f"# gpu1\n\ngpu1,10.0.0.1 {a.line}\nother {b.line}\n")
    assert await known(destination(files)) == {a.fingerprint}
    files[1].write_text(f"  gpu1 {c.line}\n")
    assert await known(destination(files)) == {a.fingerprint, c.fingerprint}
    assert await known(destination(files, "unknown")) == frozenset()


async def test_hashed_names_are_found(files: list[Path], keys: list[Key]) -> None:
    files[0].write_text(f"gpu1 {keys[0].line}\n[gpu1]:2200 {keys[1].line}\n")
    await trio.run_process(["ssh-keygen", "-q", "-H", "-f", files[0]], capture_stderr=True)
    assert "gpu1" not in files[0].read_text()
    assert await known(destination(files)) == {keys[0].fingerprint}
    assert await known(destination(files, "[gpu1]:2200")) == {keys[1].fingerprint}


async def test_patterns_count_as_ssh_has_them(files: list[Path], keys: list[Key]) -> None:
    files[0].write_text(f"*.cluster,!bad.cluster {keys[0].line}\n")
    assert await known(destination(files, "n1.cluster")) == {keys[0].fingerprint}
    assert await known(destination(files, "N1.Cluster")) == {keys[0].fingerprint}
    assert await known(destination(files, "bad.cluster")) == frozenset()


async def test_another_port_has_its_own_keys_or_else_those_of_the_host(
    files: list[Path], keys: list[Key]
) -> None:
    files[0].write_text(f"gpu1 {keys[0].line}\n")
    names = ("[gpu1]:2200", "gpu1")
    assert await known(destination(files, *names)) == {keys[0].fingerprint}
    files[1].write_text(f"[gpu1]:2200 {keys[1].line}\n")
    assert await known(destination(files, *names)) == {keys[1].fingerprint}


async def test_an_authority_counts_as_a_key_of_its_own(files: list[Path], keys: list[Key]) -> None:
    files[0].write_text(f"@cert-authority * {keys[0].line}\ngpu1 {keys[0].line}\n")
    assert await known(destination(files)) == {f"CA {keys[0].fingerprint}", keys[0].fingerprint}


async def test_what_is_revoked_in_any_file_does_not_count(files: list[Path], keys: list[Key]) -> None:
    a, b, _ = keys
    files[0].write_text(f"gpu1 {a.line}\ngpu1 {b.line}\n@cert-authority gpu1 {a.line}\n")
    files[1].write_text(f"@revoked * {a.line}\n")
    assert await known(destination(files)) == {b.fingerprint}


async def test_broken_lines_and_files_that_are_none_are_passed_over(
    files: list[Path], keys: list[Key], tmp_path: Path
) -> None:
    files[0].write_text(f"gpu1\ngpu1 ssh-ed25519 nonsense\n\0\ngpu1 ssh-x AAAA\ngpu1 {keys[0].line}")
    each = [*files, Path("/dev/null"), tmp_path, tmp_path / "absent" / "x"]
    assert await known(destination(each)) == {keys[0].fingerprint}


async def test_where_ssh_checks_nothing_nothing_is_known(files: list[Path], keys: list[Key]) -> None:
    files[0].write_text(f"gpu1 {keys[0].line}\n")
    assert await known(destination(files, checked=False)) == frozenset()


async def test_no_ssh_keygen_has_its_own_words(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, keys: list[Key]
) -> None:
    files[0].write_text(f"gpu1 {keys[0].line}\n")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(NotListening, match="cannot run ssh-keygen: No such file") as caught:
        await known(destination(files))
    assert caught.value.hint == "install OpenSSH"


async def test_a_file_that_cannot_be_read_in_time_is_named(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow = tmp_path / "bin" / "ssh-keygen"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 100\n")
    slow.chmod(0o755)
    files[0].write_text("x")
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(hostkeys, "DEADLINE", 0.1)
    with trio.fail_after(20), pytest.raises(TryAgain, match="known hosts within 0.1 s"):
        await known(destination(files))


def test_ssh_lets_a_changed_key_in_where_it_is_told_not_to_check(keys: list[Key]) -> None:
    """What the rule for unchecked keys is there for: known_hosts has the key of another machine."""
    home = Home()
    server = Sshd(home)
    try:
        ours = (server.directory / "host_key.pub").read_text()
        fingerprint = home.run(["ssh-keygen", "-lf", server.directory / "host_key"]).ok().out.split()[1]
        options = [f"-F{server.config}"]
        right = config.ask_now(server.alias, options, str(home.path), home.env)
        assert trio.run(known, right) == {fingerprint}
        known_hosts = server.directory / "known_hosts"
        known_hosts.write_text(f"{server.alias} {keys[0].line}\n")
        assert ours not in known_hosts.read_text()
        options.append("-oStrictHostKeyChecking=no")
        assert home.run(["ssh", *options, server.alias, "echo in"]).ok().out == "in\n"
        assert trio.run(known, config.ask_now(server.alias, options, str(home.path), home.env)) == frozenset()
    finally:
        server.close()
        home.close()


A, B, C = (f"SHA256:{letter * 43}" for letter in "abc")
CA = f"CA {A}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state" / "hosts"


@pytest.fixture
def hosts(root: Path) -> Hosts:
    return Hosts(str(root))


def test_a_machine_is_the_same_while_it_shares_a_key_with_what_it_was(root: Path, hosts: Hosts) -> None:
    first = hosts.recognise("gpu1", {A, B})
    assert not first.other
    assert first.verified
    assert len(first.id) == 16
    again = [Hosts(str(root)).recognise("gpu1", now) for now in ({A, B}, {B}, {B, C}, {C}, {C, CA}, {CA})]
    assert {(machine.id, machine.other) for machine in again} == {(first.id, False)}
    assert again[-1].keys == {CA}


def test_no_key_in_common_is_another_machine(hosts: Hosts) -> None:
    first = hosts.recognise("gpu1", {A})
    second = hosts.recognise("gpu1", {B})
    assert second.other
    assert second.id != first.id
    assert not hosts.recognise("gpu1", {B}).other
    assert hosts.recognise("gpu1", {CA}).other


def test_a_key_that_was_given_up_does_not_count_any_more(hosts: Hosts) -> None:
    first = hosts.recognise("gpu1", {A, B})
    hosts.recognise("gpu1", {B})
    assert hosts.recognise("gpu1", {A}).id != first.id


def test_a_machine_that_comes_back_has_its_old_id(hosts: Hosts) -> None:
    first, second = hosts.recognise("gpu1", {A}), hosts.recognise("gpu1", {B})
    back = hosts.recognise("gpu1", {A})
    assert (back.id, back.other) == (first.id, True)
    assert not hosts.recognise("gpu1", {A}).other
    assert hosts.recognise("gpu1", {B}).id == second.id


def test_there_is_an_end_to_old_machines_and_to_keys(root: Path, hosts: Hosts) -> None:
    each = [f"SHA256:{number:043d}" for number in range(20)]
    first = hosts.recognise("gpu1", {each[0]})
    for key in each[1:]:
        hosts.recognise("gpu1", {key})
    assert len(json.loads((root / "gpu1.json").read_text())["machines"]) == 5
    assert hosts.recognise("gpu1", {each[0]}).id != first.id
    many = hosts.recognise("gpu2", {f"SHA256:{number:043d}" for number in range(5000)})
    assert len(many.keys) == hostkeys.KEYS
    assert hosts.recognise("gpu2", {f"SHA256:{number:043d}" for number in range(5000)}).id == many.id
    assert os.path.getsize(root / "gpu2.json") * 5 < hostkeys.LONGEST


def test_hosts_of_different_names_are_different_machines(root: Path, hosts: Hosts) -> None:
    names = ["gpu1", "GPU1", "gpu2", "../x", "0--1.ipv6"]
    assert len({hosts.recognise(name, {A}).id for name in names}) == len(names) == len(os.listdir(root))
    assert os.listdir(root.parent) == ["hosts"]


def test_one_machine_under_several_names_is_told_but_for_what_an_authority_signed(
    root: Path, hosts: Hosts
) -> None:
    first = hosts.recognise("gpu1", {A, f"CA {C}"})
    assert first.also == frozenset()
    assert hosts.recognise("login", {B, f"CA {C}"}).also == frozenset()
    (root / "damaged.json").write_text("{")
    second = hosts.recognise("gpu1.example.org", {A, B})
    assert second.also == {first.id, hosts.recognise("login", {B}).id}
    assert hosts.recognise("gpu1", {A}).also == {second.id}


def test_who_shows_no_key_is_unverified_and_not_kept(root: Path, hosts: Hosts) -> None:
    machine = hosts.recognise("gpu1", frozenset())
    assert machine.id.startswith(hostkeys.UNVERIFIED)
    assert (machine.other, machine.verified) == (False, False)
    assert os.listdir(root) == []
    assert hosts.recognise("gpu1", ()).id == machine.id != hosts.recognise("gpu2", ()).id


def test_who_shows_no_key_any_more_is_not_the_machine_that_did(hosts: Hosts) -> None:
    first = hosts.recognise("gpu1", {A})
    machine = hosts.recognise("gpu1", ())
    assert machine.other
    assert machine.id != first.id
    assert hosts.recognise("gpu1", {A}) == first


def test_what_is_kept_is_ours_alone(root: Path, hosts: Hosts) -> None:
    hosts.recognise("gpu1", {A})
    assert stat.S_IMODE(os.lstat(root).st_mode) == 0o700
    assert stat.S_IMODE(os.lstat(root / "gpu1.json").st_mode) == 0o600
    root.chmod(0o750)
    with pytest.raises(Denied, match="mode 0750"):
        hosts.recognise("gpu1", {A})


def test_a_file_that_others_can_reach_is_not_believed(root: Path, hosts: Hosts) -> None:
    hosts.recognise("gpu1", {A})
    (root / "gpu1.json").chmod(0o620)
    with pytest.raises(Denied, match=r"gpu1\.json can be reached by others"):
        hosts.recognise("gpu1", {A})
    (root / "gpu1.json").chmod(0o600)
    (root / "gpu1.json").rename(root / "away")
    (root / "gpu1.json").symlink_to(root / "away")
    with pytest.raises(Denied, match="is a symbolic link"):
        hosts.recognise("gpu1", {A})


GOOD = '{"id": "00000000000000aa", "keys": ["' + A + '"]}'
DAMAGED = [
    "",
    "{",
    "[]",
    "[" * 100000,
    '{"name": "gpu1"}',
    '{"name": "gpu1", "machines": []}',
    '{"name": "gpu1", "machines": [{"id": "00000000000000aa", "keys": []}]}',
    '{"name": "gpu1", "machines": [{"id": "x", "keys": ["' + A + '"]}]}',
    '{"name": "gpu1", "machines": [{"id": "00000000000000aa", "keys": ["x"]}]}',
    '{"name": "gpu1", "machines": [{"id": "00000000000000aa", "keys": [[1]]}]}',
    '{"name": "gpu2", "machines": [' + GOOD + "]}",
    '{"name": "gpu1", "machines": [' + GOOD + "]",
]


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_is_named_and_kept(root: Path, hosts: Hosts, text: str) -> None:
    (root / "gpu1.json").write_text(text)
    (root / "gpu1.json").chmod(0o600)
    with pytest.raises(Denied, match=r"gpu1\.json is no record") as caught:
        hosts.recognise("gpu1", {A})
    assert "remove it" in caught.value.hint
    assert (root / "gpu1.json").read_text() == text


def test_a_good_file_is_read(root: Path, hosts: Hosts) -> None:
    (root / "gpu1.json").write_text('{"name": "gpu1", "machines": [' + GOOD + "]}")
    (root / "gpu1.json").chmod(0o600)
    assert hosts.recognise("gpu1", {A}).id == "00000000000000aa"


def test_a_full_disk_keeps_what_was_kept(root: Path, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    first = hosts.recognise("gpu1", {A})

    def full(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotCreate, match="No space left"):
        hosts.recognise("gpu1", {B})
    assert hosts.recognise("gpu1", {A}).id == first.id  # nothing new to be written
    monkeypatch.undo()
    assert os.listdir(root) == ["gpu1.json"]


def test_several_at_once_see_one_machine(root: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: Hosts(str(root)).recognise("gpu1", {A}), range(6)))
    assert len({machine.id for machine in made}) == 1
    assert not any(machine.other for machine in made)
