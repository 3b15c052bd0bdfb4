"""The hosts of a daemon: what commands hear of their tunnels, and what is left for the next one."""

from __future__ import annotations

import json
import os
import stat
from functools import partial

import pytest
import trio

from rbridge import paths
from rbridge.errors import TryAgain
from rbridge.server import hosts
from rbridge.server.config import HostConfig
from rbridge.server.hosts import RECORD, Hosts
from rbridge.server.kept import Deployed, Kept, Laptop
from rbridge.ssh import config
from rbridge.ssh.config import Destination
from rbridge.ssh.events import Carrier, Failed, Way
from rbridge.ssh.logins import Logins
from rbridge.ssh.reasons import Reason, Remedy

GPU1 = Destination(
    asked="gpu1",
    options=("-p2222",),
    known_as="gpu1",
    user="ada",
    hostname="gpu1.cluster",
    port=2222,
    control_path="",
    control_master=False,
    direct=True,
    jump="",
    proxy="",
    host_key_names=("gpu1.cluster",),
    known_hosts=(),
    known_hosts_command=False,
    cwd="/",
)
PASSWORD = Reason("password-wanted", "it wants a password", "run: rbridge connect gpu1", Remedy.PERSON)
ASLEEP = Reason("timed-out", "it does not answer", "", Remedy.NETWORK)


class FakeKept:
    """A host whose ssh does what the test says: *refuses* is the reason why it cannot be reached, if any."""

    refuses: Reason | None = None
    made: list[FakeKept] = []

    def __init__(self, laptop, name, destination, environ):
        self.name, self.destination, self.environ = name, destination, dict(environ)
        self.deploys, self.looks, self.deployed = True, False, Deployed()
        self.full = False
        self.identity = f"machine-{name}"
        self.left: list[Carrier] = []
        self.closed = False
        self.remote = "/home/ada/.rbridge/gpu1/one.sock"
        self.gate: trio.Event | None = None
        FakeKept.made.append(self)

    async def reachable(self):
        await trio.sleep_forever()

    async def login(self):
        return self._unless(Carrier("/own", 7, True))

    async def raise_(self, carrier):
        self._unless(None)
        self.deployed = Deployed(("it is at ~/.local/bin/rbridge",), "/home/ada/.bashrc")
        return Way.FORWARD

    def _unless(self, value):
        if FakeKept.refuses is not None:
            raise Failed(FakeKept.refuses)
        return value

    async def probe(self, carrier):
        return True

    async def watch(self, carrier):
        await trio.sleep_forever()

    async def leave(self, carrier):
        if self.gate is not None:
            await self.gate.wait()
        self.left.append(carrier)

    async def kill(self, carrier):
        self.left.append(carrier)

    async def close(self):
        self.closed = True


class Served:
    def __init__(self, laptop, nursery):
        self.told: list[str] = []
        self.runtime = paths.runtime_dir()
        common = Laptop(
            "0123456789abcdef", self.runtime, None, None, Logins("/nowhere"), None, self.told.append
        )
        self.hosts = Hosts(common, laptop.documents, nursery)

    @property
    def record(self):
        return os.path.join(self.runtime, RECORD)

    async def connect(self, destination=GPU1, **more):
        request = {"destination": destination.to_json(), "control": "/control", "pid": 5, "own": True, **more}
        return await self.hosts.connect(request)


@pytest.fixture
async def served(directories, laptop, nursery, monkeypatch):
    FakeKept.refuses, FakeKept.made = None, []
    monkeypatch.setattr(hosts, "Kept", FakeKept)
    monkeypatch.setattr(hosts, "single_file", lambda: None)
    return Served(laptop, nursery)


async def test_a_host_that_nobody_connected(served):
    answer = await served.hosts.standing(GPU1.to_json())
    assert (answer["ok"], answer["state"]) == (True, "none")
    assert served.hosts.rows() == []


async def test_connect_answers_when_the_tunnel_is_up(served):
    answer = await served.connect()
    assert (answer["ok"], answer["name"], answer["state"], answer["control"]) == (
        True,
        "gpu1",
        "up",
        "/control",
    )
    assert answer["deployed"] == ["it is at ~/.local/bin/rbridge"]
    assert answer["rc"] == "/home/ada/.bashrc"
    again = await served.hosts.standing(GPU1.to_json())
    assert again["state"] == "up"
    assert "rc" not in again  # what was asked once is not asked at each shell


async def test_what_the_command_has_is_what_ssh_runs_with(served):
    await served.connect(environ={"SSH_AUTH_SOCK": "/agent", "LD_PRELOAD": "/evil"}, deploy=False, look=True)
    (kept,) = FakeKept.made
    assert kept.environ["SSH_AUTH_SOCK"] == "/agent"
    assert kept.environ.get("LD_PRELOAD") != "/evil"
    assert (kept.deploys, kept.looks) == (False, True)


async def test_one_that_needs_its_user_says_what_to_do(served):
    FakeKept.refuses = PASSWORD
    answer = await served.connect()
    assert (answer["state"], answer["said"], answer["code"]) == ("needs-you", "it wants a password", 77)
    assert served.told == ["gpu1: it wants a password (run: rbridge connect gpu1)"]


async def test_one_that_fails_for_now_is_told_at_once(served):
    FakeKept.refuses = ASLEEP
    with trio.fail_after(5):
        answer = await served.connect()
    assert (answer["state"], answer["code"]) == ("down", 69)
    assert served.told == []  # it is tried again: nobody need do anything


async def test_two_spellings_of_one_place_are_one_tunnel(served):
    await served.connect()
    await served.connect(GPU1._replace(asked="gpu1.cluster", options=()))
    assert len(FakeKept.made) == 1


async def test_two_accounts_of_one_host_have_two_names(served):
    await served.connect()
    await served.connect(GPU1._replace(user="bob"))
    await served.connect(GPU1._replace(user="bob", port=23))
    names = [row["name"] for row in served.hosts.rows()]
    assert (
        names[:2] == ["gpu1", "gpu1-" + GPU1._replace(user="bob", port=23).digest[:8]] or "gpu1-bob" in names
    )
    assert len(set(names)) == 3


async def test_one_that_was_made_with_options_is_found_by_its_name_unless_there_is_another(served):
    plain = GPU1._replace(port=22, options=())
    await served.connect()
    assert (await served.hosts.standing(plain.to_json()))["state"] == "none"
    assert (await served.hosts.standing(plain.to_json(), "gpu2"))["state"] == "none"
    assert (await served.hosts.standing(plain.to_json(), "gpu1"))["digest"] == GPU1.digest
    await served.connect(plain)
    assert (await served.hosts.standing(plain.to_json(), "gpu1"))["digest"] == plain.digest


@pytest.mark.parametrize("word", ["gpu1", "other"])
async def test_disconnect_by_name_or_as_it_was_asked_for(served, word):
    await served.connect(GPU1._replace(asked="other"))
    answer = await served.hosts.disconnect(word)
    assert (answer["ok"], answer["names"]) == (True, ["gpu1"])
    (kept,) = FakeKept.made
    assert ([one.pid for one in kept.left], kept.closed) == ([5], True)
    assert (await served.hosts.standing(GPU1.to_json()))["state"] == "none"


async def test_a_connect_right_after_a_disconnect_makes_a_new_one(served):
    await served.connect()
    (first,) = FakeKept.made
    first.gate = trio.Event()
    async with trio.open_nursery() as both:
        both.start_soon(served.hosts.disconnect, "gpu1")
        await trio.testing.wait_all_tasks_blocked()
        both.start_soon(served.connect)
        await trio.testing.wait_all_tasks_blocked()
        assert len(FakeKept.made) == 1
        first.gate.set()
    assert (await served.hosts.standing(GPU1.to_json()))["state"] == "up"
    assert len(FakeKept.made) == 2


async def test_disconnect_of_what_is_not_connected(served):
    answer = await served.hosts.disconnect("gpu9")
    assert (answer["ok"], answer["code"]) == (False, 66)


@pytest.mark.parametrize(
    "wrong", [{"destination": None}, {"destination": {}}, {"control": 1}, {"pid": "5"}, {"own": "yes"}]
)
async def test_nonsense_is_an_error_of_who_says_it(served, wrong):
    request = {"destination": GPU1.to_json(), "control": "/c", "pid": 5, "own": True, **wrong}
    with pytest.raises(ValueError, match="destination|master"):
        await served.hosts.connect(request)


async def test_what_is_kept_is_written_down_for_us_alone(served):
    await served.connect(environ={"SSH_AUTH_SOCK": "/agent"})
    assert stat.S_IMODE(os.stat(served.record).st_mode) == 0o600
    (entry,) = json.loads(await trio.Path(served.record).read_text())
    assert (entry["control"], entry["pid"], entry["environ"]["SSH_AUTH_SOCK"]) == ("/control", 5, "/agent")


async def test_the_end_gives_all_back_and_leaves_no_record(served):
    await served.connect()
    await served.connect(GPU1._replace(user="bob"))
    await served.hosts.end()
    assert all(kept.left and kept.closed for kept in FakeKept.made)
    assert not await trio.Path(served.record).exists()


async def test_the_next_daemon_takes_over_what_a_killed_one_left(served, laptop, nursery):
    await served.connect()
    later = Served(laptop, nursery)
    await later.hosts.take_over()
    assert (await later.hosts.standing(GPU1.to_json()))["state"] == "up"
    assert later.hosts.rows()[0]["control"] == "/control"


async def test_a_record_that_makes_no_sense_is_passed_over(served):
    for text in ("", "[1, {}]", '{"a": 1}', '[{"destination": {}, "control": "/c"}]'):
        await trio.Path(served.record).write_text(text)
        await served.hosts.take_over()
    assert served.hosts.rows() == []


async def test_configured_hosts_are_connected_at_the_start(served, monkeypatch):
    async def ask(host, options, cwd):
        assert (host, options) == ("gpu1", ("-p2222",))
        return GPU1

    monkeypatch.setattr(config, "ask", ask)
    async with trio.open_nursery() as running:
        running.start_soon(served.hosts.run, (HostConfig("gpu1", ("-p", "2222")),))
        with trio.fail_after(5):
            while not any(row["state"] == "up" for row in served.hosts.rows()):
                await trio.testing.wait_all_tasks_blocked()
        running.cancel_scope.cancel()
    assert served.hosts.rows()[0]["control"] == "/own"


async def test_ports_that_are_configured_are_asked_for_and_need_no_question(served, monkeypatch):
    async def ask(host, options, cwd):
        await asking.wait()
        return GPU1

    class Configured:
        def __init__(self, kept, keeper, wanted, ports, tell):
            self.said = (kept.name, wanted)

        async def run(self):
            brought.append(self.said)
            raise ValueError("a mistake in it does not end the tunnel")

    brought, known, asking = [], [], trio.Event()
    monkeypatch.setattr(config, "ask", ask)
    monkeypatch.setattr(hosts, "Configured", Configured)

    async def wonder():
        for number in (8888, 6006):
            known.append(await served.hosts.configured("machine-gpu1", number))

    async with trio.open_nursery() as running:
        running.start_soon(wonder)
        running.start_soon(served.hosts.run, (HostConfig("gpu1", ports=((8888, 18888),)),))
        await trio.testing.wait_all_tasks_blocked()
        assert known == []  # ssh has not said yet which machine is meant
        asking.set()
        with trio.fail_after(5):
            while not (brought and len(known) == 2):
                await trio.testing.wait_all_tasks_blocked()
        running.cancel_scope.cancel()
    assert brought == [("gpu1", ((8888, 18888),))]
    assert known == [True, False]
    assert served.hosts.rows()[0]["state"] == "up"


async def test_a_configured_host_that_ssh_does_not_know_is_told_of(served, monkeypatch):
    from rbridge.errors import UsageError

    async def ask(host, options, cwd):
        raise UsageError("no such option")

    monkeypatch.setattr(config, "ask", ask)
    async with trio.open_nursery() as running:
        running.start_soon(served.hosts.run, (HostConfig("gpu1"),))
        with trio.fail_after(5):
            while not served.told:
                await trio.testing.wait_all_tasks_blocked()
        running.cancel_scope.cancel()
    assert "gpu1: not connected: no such option" in served.told[0]


async def test_more_than_enough(served, monkeypatch):
    monkeypatch.setattr(hosts, "MOST", 1)
    await served.connect()
    answer = await served.connect(GPU1._replace(user="bob"))
    assert (answer["ok"], answer["code"]) == (False, 75)


async def test_a_full_disk_only_means_that_nobody_takes_over(served, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", partial(full))
    assert (await served.connect())["state"] == "up"
    assert [name for name in os.listdir(served.runtime) if name.startswith(RECORD)] == []


# Of a host that is kept: what needs none


class FakeAgent:
    """An agent that ends at once; *follow* is called before that is known."""

    def __init__(self, follow=None):
        self.closed = False
        self._follow = follow

    async def carry(self, local):
        if self._follow is not None:
            self._follow()
        return TryAgain("the agent ended")

    async def close(self):
        self.closed = True


@pytest.fixture
def kept(tmp_path):
    laptop = Laptop("0123456789abcdef", str(tmp_path), None, None, Logins("/nowhere"), None, print)
    return Kept(laptop, "gpu1", GPU1, {})


def carrier(kept, pid=2**22 + 1):
    return Carrier(os.path.join(os.path.dirname(kept.local), "cm"), pid, own=True)


async def test_the_end_of_an_agent_is_not_that_of_the_next_one(kept):
    after = FakeAgent()
    kept._agent = FakeAgent(lambda: setattr(kept, "_agent", after))
    assert (await kept.carry(carrier(kept))).name == "agent-ended"
    assert kept._agent is after


async def test_a_master_that_came_too_late_is_left_without_the_tunnel_of_another(kept):
    kept._over, kept._agent = carrier(kept), FakeAgent()
    running = kept._agent
    await kept.leave(carrier(kept, 2**22 + 2))
    assert not running.closed
    await kept.leave(carrier(kept))
    assert running.closed
