"""The keeper with an ssh that is made up, on a clock that jumps ahead; a cancel leaves nothing of it.

Long, because all of it needs the one ssh that is made up.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter

import pytest
import trio
import trio.testing

from rbridge.ssh.events import Carrier, Failed, State, Way
from rbridge.ssh.keeper import LOGIN, PART, RAISE, Keeper
from rbridge.ssh.messages import Remedy
from rbridge.ssh.reasons import Reason
from rbridge.ssh.tunnel import GRACE, PATIENCE, SLOW
from tests.harness.cancelling import at_every_step

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

MINE = Carrier("/run/cm.1", 1, own=True)
USERS = Carrier("/home/u/.ssh/cm", 2, own=False)
AWAY = Failed(Reason("refused", "connection refused", "", Remedy.NETWORK))
BUSY = Failed(Reason("busy", "too many logins", "", Remedy.TIME))
KILLED = Reason("agent-ended", "over stdio: the agent ended", "", Remedy.TIME)
SECRET = Failed(Reason("password", "wants a password", "rbridge connect gpu1", Remedy.PERSON))


class FakeSsh:
    """An ssh to a host: *fails* is what login and raise raise next, in order."""

    def __init__(self):
        self.masters: dict[int, trio.Event] = {}  # the living ones by pid, and what ends them
        self.fails: dict[str, list[BaseException | None]] = {"login": [], "raise": []}
        self.calls = []
        self.running = Counter()
        self.pids = iter(range(100, 1000))
        self.answers = True
        self.way = Way.FORWARD
        self.agent = trio.Event()  # ends what carries over stdio
        self.in_reach = trio.Event()
        self.in_reach.set()
        self.takes = 0.1  # seconds for each call
        self.leave_hangs = False

    def user_makes(self, carrier):
        self.masters[carrier.pid] = trio.Event()
        return carrier

    def end(self, pid):
        self.masters.pop(pid).set()

    async def _call(self, what):
        self.calls.append((what, round(trio.current_time(), 2)))
        self.running[what] += 1
        try:
            await trio.sleep(self.takes)
            error = self.fails[what].pop(0) if self.fails.get(what) else None
            if error is not None:
                raise error
        finally:
            self.running[what] -= 1

    async def login(self):
        await self._call("login")
        return self.user_makes(Carrier("/run/cm.1", next(self.pids), own=True))

    async def raise_(self, carrier):
        await self._call("raise")
        assert carrier.pid in self.masters
        self.agent = trio.Event()
        return self.way

    async def carry(self, carrier):
        self.running["carry"] += 1
        try:
            await self.agent.wait()
            return KILLED
        finally:
            self.running["carry"] -= 1

    async def probe(self, carrier):
        await self._call("probe")
        if not self.answers:
            await trio.sleep_forever()
        return carrier.pid in self.masters

    async def watch(self, carrier):
        self.running["watch"] += 1
        try:
            if carrier.pid in self.masters:
                await self.masters[carrier.pid].wait()
        finally:
            self.running["watch"] -= 1

    async def _part(self, what, carrier):
        self.calls.append((what, round(trio.current_time(), 2)))
        await trio.sleep(3600 if self.leave_hangs else self.takes)
        if carrier.own and carrier.pid in self.masters:
            self.end(carrier.pid)

    async def leave(self, carrier):
        await self._part("leave", carrier)

    async def kill(self, carrier):
        await self._part("kill", carrier)

    async def reachable(self):
        away = not self.in_reach.is_set()
        self.calls.append(("reachable", round(trio.current_time(), 2)))
        await self.in_reach.wait()
        return away

    def named(self, what):
        return [when for name, when in self.calls if name == what]


class Kept:
    def __init__(self, **how):
        self.ssh = FakeSsh()
        self.told = []
        self.begin = trio.current_time()
        self.keeper = Keeper("gpu1", self.ssh, self.tell, chance=lambda: 1.0, **how)

    def tell(self, state, reason):
        self.told.append((state.value, reason.name if reason else ""))

    async def reaches(self, state, within=1000.0):
        assert await self.keeper.wait_for([state], within) is state
        return trio.current_time() - self.begin

    def take(self, carrier=MINE):
        self.keeper.take(self.ssh.user_makes(carrier))


@pytest.fixture
async def kept(nursery):
    kept = Kept()
    nursery.start_soon(kept.keeper.run)
    return kept


async def test_a_master_of_the_user_carries_the_tunnel(autojump_clock, kept):
    kept.take(USERS)
    await kept.reaches(State.UP, within=0.2)
    assert kept.told == [("connecting", ""), ("up", "")]
    assert kept.keeper.carrier == USERS
    assert kept.ssh.named("login") == []


async def test_over_stdio_an_agent_is_carried_and_begun_again_when_it_ends(autojump_clock, kept):
    kept.ssh.way = Way.STDIO
    kept.take()
    await kept.reaches(State.UP)
    assert kept.keeper.way is Way.STDIO
    await trio.testing.wait_all_tasks_blocked()
    assert +kept.ssh.running == Counter(watch=1, carry=1)
    kept.ssh.agent.set()
    await kept.reaches(State.CONNECTING, within=0.05)
    await kept.reaches(State.UP, within=0.2)
    kept.ssh.agent.set()
    await kept.reaches(State.DOWN, within=0.05)
    assert kept.keeper.reason == KILLED
    assert kept.ssh.named("login") == []
    began = trio.current_time()
    await kept.reaches(State.UP)
    assert trio.current_time() - began == pytest.approx(2 * SLOW + kept.ssh.takes)
    await trio.testing.wait_all_tasks_blocked()
    assert +kept.ssh.running == Counter(watch=1, carry=1)


async def test_an_agent_is_carried_while_it_is_doubted_and_not_beyond(autojump_clock, kept):
    kept.ssh.way = Way.STDIO
    kept.take()
    await kept.reaches(State.UP)
    kept.keeper.silent()
    await kept.reaches(State.SUSPECT)
    await trio.testing.wait_all_tasks_blocked()
    assert kept.ssh.running["carry"] == 1
    await kept.reaches(State.UP)
    kept.ssh.way = Way.FORWARD
    kept.ssh.end(MINE.pid)
    await kept.reaches(State.CONNECTING, within=0.05)
    await kept.reaches(State.UP)
    assert kept.keeper.way is Way.FORWARD
    await trio.testing.wait_all_tasks_blocked()
    assert +kept.ssh.running == Counter(watch=1)


async def test_while_it_is_up_nothing_runs_but_the_watch(autojump_clock, kept):
    kept.take()
    await kept.reaches(State.UP)
    await trio.testing.wait_all_tasks_blocked()
    assert +kept.ssh.running == Counter(watch=1)
    calls = len(kept.ssh.calls)
    assert trio.lowlevel.current_statistics().seconds_to_next_deadline == float("inf")
    await trio.sleep(3600)
    assert len(kept.ssh.calls) == calls


async def test_what_was_asked_before_it_runs_is_done_then(autojump_clock, nursery):
    kept = Kept()
    kept.take()
    assert kept.keeper.state is State.CONNECTING
    nursery.start_soon(kept.keeper.run)
    await kept.reaches(State.UP)


async def test_a_master_that_ends_is_replaced_at_once(autojump_clock, kept):
    kept.take()
    await kept.reaches(State.UP)
    await trio.sleep(60)
    kept.ssh.end(MINE.pid)
    before = trio.current_time()
    await kept.reaches(State.CONNECTING)
    await kept.reaches(State.UP)
    assert trio.current_time() - before == pytest.approx(0.2)
    assert kept.keeper.alone


async def test_a_master_that_a_password_made_needs_the_user_when_it_ends(autojump_clock, kept):
    kept.ssh.fails["login"] = [SECRET]
    kept.take()
    await kept.reaches(State.UP)
    kept.ssh.end(MINE.pid)
    await kept.reaches(State.NEEDS_YOU)
    assert kept.keeper.reason is SECRET.reason
    kept.keeper.want()
    kept.keeper.woke()
    kept.keeper.network()
    await trio.sleep(3600)
    assert len(kept.ssh.named("login")) == 1
    kept.take(Carrier("/run/cm.1", 3, own=True))
    await kept.reaches(State.UP)


async def test_it_is_up_soon_after_the_host_is_in_reach_again(autojump_clock, kept):
    kept.keeper.want()
    await kept.reaches(State.UP)
    kept.ssh.fails["login"] = [AWAY]
    kept.ssh.in_reach = trio.Event()
    await trio.sleep(60)
    kept.ssh.end(kept.keeper.carrier.pid)
    await kept.reaches(State.DOWN)
    await trio.sleep(24 * 3600)
    assert len(kept.ssh.named("login")) == 2  # none was made in vain
    kept.ssh.in_reach.set()
    before = trio.current_time()
    await kept.reaches(State.UP)
    assert trio.current_time() - before == pytest.approx(0.2)


async def test_a_busy_host_is_left_in_peace(autojump_clock, kept):
    kept.ssh.fails["login"] = [BUSY, BUSY]
    kept.keeper.want()
    assert await kept.reaches(State.UP) == pytest.approx(SLOW + 2 * SLOW + 4 * 0.1)
    assert kept.ssh.named("reachable") == []


async def test_a_doubt_that_the_host_dispels(autojump_clock, kept):
    kept.take()
    await kept.reaches(State.UP)
    kept.keeper.silent()
    assert kept.keeper.state is State.SUSPECT
    await kept.reaches(State.UP, within=0.2)
    await trio.sleep(60)
    assert kept.ssh.named("reachable") == []


async def test_a_master_that_does_not_answer_is_parted_from_before_the_next_login(autojump_clock, kept):
    kept.keeper.want()
    await kept.reaches(State.UP)
    kept.ssh.answers = False
    kept.keeper.woke()
    before = trio.current_time()
    await kept.reaches(State.CONNECTING)
    assert trio.current_time() - before == pytest.approx(PATIENCE)
    await kept.reaches(State.UP)
    assert [name for name, _ in kept.ssh.calls[-3:]] == ["kill", "login", "raise"]
    assert kept.ssh.named("login")[-1] == pytest.approx(kept.ssh.named("kill")[0] + 0.1)
    assert len(kept.ssh.masters) == 1


async def test_one_that_may_cost_a_password_is_kept_while_the_host_is_out_of_reach(autojump_clock, kept):
    kept.take()
    await kept.reaches(State.UP)
    kept.ssh.answers = False
    kept.ssh.in_reach = trio.Event()
    kept.keeper.silent()
    await trio.sleep(1000)
    assert kept.keeper.state is State.SUSPECT
    kept.ssh.in_reach.set()
    before = trio.current_time()
    await kept.reaches(State.UP)
    assert trio.current_time() - before == pytest.approx(GRACE + 3 * 0.1)


async def test_a_login_that_the_user_overtakes_is_stopped(autojump_clock, kept):
    kept.keeper.want()
    await trio.sleep(0.05)
    kept.take()
    await kept.reaches(State.UP)
    assert +kept.ssh.running == Counter(watch=1)
    assert list(kept.ssh.masters) == [MINE.pid]


async def test_a_login_that_is_done_when_nobody_wants_it_any_more_is_left(autojump_clock, kept, monkeypatch):
    done = trio.Event()

    async def login():
        with trio.CancelScope(shield=True):
            await done.wait()
        return kept.ssh.user_makes(Carrier("/run/cm.1", 50, own=True))

    monkeypatch.setattr(kept.ssh, "login", login)
    kept.keeper.want()
    await trio.testing.wait_all_tasks_blocked()
    kept.take()
    done.set()
    await kept.reaches(State.UP)
    assert list(kept.ssh.masters) == [MINE.pid]
    assert len(kept.ssh.named("leave")) == 1


async def test_what_never_comes_to_an_end_is_a_failure_of_the_network(autojump_clock, kept):
    kept.ssh.takes = 1e6
    kept.keeper.want()
    assert await kept.reaches(State.DOWN) == pytest.approx(LOGIN)
    assert (kept.keeper.reason.name, kept.keeper.reason.remedy) == ("timeout", Remedy.NETWORK)
    kept.take()
    before = trio.current_time()
    await kept.reaches(State.DOWN)
    assert trio.current_time() - before == pytest.approx(RAISE)


@pytest.mark.parametrize(
    "error", [OSError("no"), ExceptionGroup("several", [ValueError("a"), KeyError("b")])]
)
async def test_a_mistake_of_ours_is_logged_and_tried_again_slowly(
    autojump_clock, kept, caplog, monkeypatch, error
):
    monkeypatch.setattr(logging.getLogger("rbridge"), "propagate", True)
    kept.ssh.fails["login"] = [error]
    kept.keeper.want()
    await kept.reaches(State.DOWN)
    assert kept.keeper.reason.remedy is Remedy.TIME
    assert any(record.exc_info and record.exc_info[1] is error for record in caplog.records)
    assert await kept.reaches(State.UP) == pytest.approx(SLOW + 0.3)


async def test_a_failure_that_a_nursery_wrapped_is_still_one(autojump_clock, kept):
    kept.ssh.fails["login"] = [ExceptionGroup("one", [SECRET])]
    kept.keeper.want()
    await kept.reaches(State.NEEDS_YOU)


async def test_a_watch_and_a_probe_that_break_end_nothing(autojump_clock, kept, monkeypatch):
    real, broken = kept.ssh.watch, [True]

    async def watch(carrier):
        if broken:
            broken.pop()
            raise OSError("no pidfd")
        await real(carrier)

    async def breaks(*_):
        raise OSError("no")

    monkeypatch.setattr(kept.ssh, "watch", watch)
    monkeypatch.setattr(kept.ssh, "probe", breaks)
    kept.take()
    await kept.reaches(State.UP)
    await trio.sleep(60)
    kept.keeper.silent()
    assert kept.keeper.state is State.SUSPECT
    monkeypatch.setattr(kept.ssh, "reachable", breaks)
    await kept.reaches(State.UP)
    assert kept.keeper.carrier != MINE


async def test_a_listener_that_fails_ends_nothing_and_one_may_call_back(autojump_clock, nursery):
    kept = Kept()

    def tell(state, _reason):
        if state is State.UP:
            kept.keeper.disconnect()
        raise ValueError("a mistake")

    kept.keeper = Keeper("gpu1", kept.ssh, tell)
    nursery.start_soon(kept.keeper.run)
    kept.take()
    await kept.reaches(State.ENDED)


async def test_disconnect_leaves_the_master_and_ends(autojump_clock):
    kept = Kept()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kept.keeper.run)
        kept.take(USERS)
        await kept.reaches(State.UP)
        kept.keeper.disconnect()
    assert len(kept.ssh.named("leave")) == 1
    assert +kept.ssh.running == Counter()
    kept.keeper.want()
    kept.take()
    kept.keeper.disconnect()
    assert kept.keeper.state is State.ENDED
    assert kept.told[-1] == ("ended", "")


async def test_only_the_master_that_carries_the_tunnel_is_watched(autojump_clock, kept):
    kept.take(USERS)
    await kept.reaches(State.UP)
    kept.take()
    await kept.reaches(State.UP)
    assert set(kept.ssh.masters) == {USERS.pid, MINE.pid}
    assert +kept.ssh.running == Counter(watch=1)
    kept.ssh.end(USERS.pid)
    await trio.testing.wait_all_tasks_blocked()
    assert kept.keeper.state is State.UP


async def test_a_master_that_will_not_be_left_holds_nothing_up_for_long(autojump_clock, kept):
    kept.ssh.leave_hangs = True
    kept.take()
    await kept.reaches(State.UP)
    kept.take(USERS)
    assert await kept.reaches(State.UP) == pytest.approx(PART + 2 * 0.1)


async def test_who_waits_is_told_where_it_stands_when_the_time_is_over(autojump_clock, kept):
    assert await kept.keeper.wait_for([State.UP], 5.0) is State.DOWN
    assert kept.keeper.since == kept.begin
    kept.take()
    assert kept.keeper.since == kept.begin + 5.0


async def test_cancelled_anywhere_it_leaves_no_master_of_ours_and_no_task(autojump_clock):
    kept = []

    async def scenario():
        one = Kept()
        kept.append(one)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.keeper.run)
            one.ssh.fails["login"] = [None, AWAY]
            one.keeper.want()
            await one.reaches(State.UP)
            one.ssh.answers = False
            one.keeper.silent()
            await one.reaches(State.CONNECTING)
            await one.reaches(State.UP)
            one.take(USERS)
            await one.reaches(State.UP)
            one.keeper.disconnect()

    async def afterwards():
        one = kept.pop()
        assert +one.ssh.running == Counter()
        assert set(one.ssh.masters) <= {USERS.pid}

    assert await at_every_step(scenario, afterwards) > 30
