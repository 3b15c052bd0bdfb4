"""kill -9 of client, daemon, ssh and sshd's process, in every state of a document, through a real sshd.

Six tunnels, a document in each, and each document in another state. In one round each tunnel loses one of its
parts, in the next the daemon is killed under all of them. Then what was killed is started again, and what
must hold is looked at: the file is an old or a new text as a whole, an acknowledged text is on the disk, and
what was saved and not acknowledged is delivered, or kept, or in conflict. The plan is drawn from a seed.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.ground import Ground, Grounds, Tunnel, gone, kill
from tests.harness.wait import until

STATES = ["clean", "dirty", "saving", "pending", "conflict", "waiting"]
PARTS = ["client", "ssh", "sshd"]
TIMES = 5  # each part in each state
DAEMON = 12  # rounds in which the daemon is killed
SEED = 3
SIZE = 6_000_000  # of a text that is still being saved when something is killed
Count = Callable[..., None]


def plan(times: int, rounds: int) -> list[dict[str, str]]:
    """What is killed in each round: a part for each state."""
    chance = random.Random(SEED)
    orders = {state: chance.sample(PARTS * times, 3 * times) for state in STATES}
    drawn = [{state: orders[state][turn] for state in STATES} for turn in range(3 * times)]
    drawn += [dict.fromkeys(STATES, "daemon") for _ in range(rounds)]
    chance.shuffle(drawn)
    return drawn


PLAN = plan(TIMES, DAEMON)
MORE = plan(TIMES * 4, DAEMON * 4)[len(PLAN) :]


@dataclass
class Case:
    """One document in one round. *old* is acknowledged, *new* is what the editor has, *there* what was put on
    the host meanwhile; *late*: what is not saved yet is saved only when all runs again.
    """

    tunnel: Tunnel
    state: str
    victim: str
    old: bytes
    new: bytes
    late: bool
    there: bytes | None = None
    waiter: subprocess.Popen[bytes] | None = None
    pids: list[int] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.tunnel.document.path

    def whole(self) -> None:
        """The file is one of the texts that were in it."""
        text = self.path.read_bytes()
        allowed = (self.old, self.new) if self.there is None else (self.there,)
        assert text in allowed, f"{self.state}, {self.victim}: {len(text)} bytes, {text[:40]!r}"

    def __str__(self) -> str:
        return f"{self.state} document, {self.victim} killed"


def staged(case: Case) -> bool:
    """The new text is on its way to the disk, or there."""
    others = [one for one in case.path.parent.iterdir() if one != case.path]
    return bool(others) or case.path.stat().st_size == SIZE


def prepare(ground: Ground, case: Case) -> int:
    """Bring the document into its state; returns how many kills that took."""
    tunnel, opened = case.tunnel, case.tunnel.document.opened
    if case.state == "conflict":
        case.there = b"changed on the host: " + case.new
        case.path.write_bytes(case.there)
        opened.write(case.new)
        until(lambda: ground.keeps(case.path, case.new), what="the conflict")
    elif case.state == "pending" and case.victim in ("ssh", "sshd"):
        end = tunnel.forward.process.pid if case.victim == "ssh" else tunnel.served_by()
        tunnel.suspend(end)
        opened.write(case.new)
        until(lambda: case.tunnel.document.opened.content == case.new)
    elif case.state == "pending":
        tunnel.down()
        opened.write(case.new)
        until(lambda: ground.keeps(case.path, case.new), what="the text is kept")
        return 1
    return 0


def strike(ground: Ground, cases: list[Case]) -> None:
    """Kill what is to be killed. A save that is to be under way then has just begun."""
    for case in cases:
        if case.victim == "client":
            case.pids = [case.tunnel.resident]
        elif case.victim == "ssh":
            case.pids = [case.tunnel.forward.process.pid]
        elif case.victim == "sshd":
            case.pids = [case.tunnel.served_by()]
    for case in cases:
        if case.state == "saving":
            case.tunnel.document.opened.write(case.new)
            until(lambda case=case: staged(case), what="the save has begun")  # type: ignore[misc]
            for pid in case.pids:
                kill(pid)
    if cases[0].victim == "daemon":
        ground.daemon.kill()
    for case in cases:
        if case.state != "saving":
            for pid in case.pids:
                kill(pid)


def late(case: Case) -> None:
    """The editor saves what it had in its window."""
    if case.state in ("clean", "dirty", "waiting"):
        case.tunnel.document.opened.write(case.new)


def survived(ground: Ground, case: Case) -> None:
    """The session went on: everything lands, or is in conflict until the user has settled it."""
    path, opened = case.path, case.tunnel.document.opened
    if case.there is not None:
        until(lambda: ground.keeps(path, case.new), what=f"{case}: both texts are kept")
        case.whole()
        word = f"{ground.kept(path).about.host}:{path}"  # type: ignore[union-attr]
        settled(ground, "--mine", word)
    until(lambda: path.read_bytes() == case.new, what=f"{case}: the text lands")
    until(lambda: ground.kept(path) is None, what=f"{case}: what was acknowledged is erased")
    if case.waiter is not None:
        opened.quit()
        _, err = case.waiter.communicate(timeout=30)
        assert case.waiter.returncode == 0, err


def settled(ground: Ground, choice: str, word: str) -> None:
    """Settle the conflict of *word* as a user does, as soon as the host is there again."""

    def done() -> bool:
        ran = ground.laptop("resolve", choice, word)
        assert ran.code == 0, ran
        return True

    until(done, what=f"{word} is settled")


def started_again(ground: Ground, case: Case) -> None:
    """The client was killed: its text is on the laptop, and offered when the file is opened again."""
    path, before = case.path, case.tunnel.document.opened
    if case.waiter is not None:
        _, err = case.waiter.communicate(timeout=30)
        assert case.waiter.returncode == 74, err
        assert b"has ended: whether the last save is on the disk is not known" in err
    landed = case.state == "saving" and path.read_bytes() == case.new
    if not landed:
        until(lambda: ground.keeps(path, case.new), what=f"{case}: the text is kept")
    case.whole()
    ran = case.tunnel.open(path.name)
    case.whole()
    entry = ground.kept(path)
    assert landed or "keeps an undelivered text of it" in ran.out + ran.err, f"{case}: {ran}"
    before.give_up()
    if entry is None:
        return
    sent = ground.laptop("recover", "send", "-y", entry.about.id)
    if case.there is None:
        until(lambda: path.read_bytes() == case.new, what=f"{case}: the text lands: {sent}")
    else:
        assert sent.code != 0, f"{case}: {sent}"
        assert ground.keeps(path, case.new), f"{case}: {sent}"
        assert path.read_bytes() == case.there
        assert ground.laptop("close", entry.about.id).code == 75
        assert ground.keeps(path, case.new), "closing it erases nothing"
        ground.laptop("recover", "drop", "-y", entry.about.id).ok()
        case.tunnel.document.opened.write(case.new)
        until(lambda: path.read_bytes() == case.new, what=f"{case}: the next save lands")
    if case.waiter is not None:
        case.tunnel.document.opened.give_up()


@pytest.fixture(scope="module")
def grounds() -> Iterator[Grounds]:
    made = Grounds(STATES)
    yield made
    made.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "number" in metafunc.fixturenames:
        everything = metafunc.config.getoption("--all")
        metafunc.parametrize("number", range(len(PLAN) + len(MORE) * everything))


def test_what_was_saved_is_there_whatever_is_killed(number: int, grounds: Grounds, faults: Count) -> None:
    chance = random.Random(f"{SEED}/{number}")
    with grounds.use() as ground:
        cases = []
        for tunnel in ground.tunnels:
            state = tunnel.name
            size = SIZE if state == "saving" else 200
            new = chance.randbytes(size)
            waiter = None
            if state == "waiting":
                waiter = tunnel.wait_for(f"train-{number}.py", chance.randbytes(50))
            elif tunnel.document is None:
                tunnel.open("train.py", chance.randbytes(50))
            old = tunnel.document.path.read_bytes()
            when = chance.random() < 0.5
            cases.append(Case(tunnel, state, (PLAN + MORE)[number][state], old, new, when, waiter=waiter))
        kills = sum([prepare(ground, case) for case in cases])
        strike(ground, cases)
        for case in cases:
            case.whole()
            if not case.late:
                late(case)
        if cases[0].victim == "daemon":
            ground.serve_again()
        ground.up([case.tunnel for case in cases if not case.tunnel.alive or case.victim == "sshd"])
        for case in cases:
            if case.late:
                late(case)
        for case in cases:
            if case.victim == "client":
                started_again(ground, case)
            else:
                survived(ground, case)
        for case in cases:
            if case.waiter is not None:
                until(lambda case=case: gone(case.tunnel.resident), what="the client ends")  # type: ignore[misc]
                case.path.unlink()
        kills += sum(len(case.pids) for case in cases) + (cases[0].victim == "daemon")
        faults("kills", kills)


def test_a_hundred_kills_in_every_state() -> None:
    for part in PARTS:
        for state in STATES:
            assert sum(one[state] == part for one in PLAN) >= 5
    assert sum(one["clean"] == "daemon" for one in PLAN) == DAEMON
    assert len(PARTS) * len(STATES) * TIMES + DAEMON >= 100
