"""How long a save takes until the host has it, and until the laptop knows: over links of several lengths.

A delay proxy stands between ssh and sshd. rsync, scp, sshfs, lsyncd and PyPI's rmate do the same work in the
same run, one at a time and in turns. Goals are for the edit of one line; for others the times are noted.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.deltas import SIZES, text_of
from tests.benchmarks.far import MARK, Distance, Edited, Far
from tests.benchmarks.measure import Series
from tests.benchmarks.savers import FEW, SAVERS, Laptop, NotHere, Saver, Took
from tests.benchmarks.table import Table, milliseconds
from tests.harness.areas import SSH
from tests.harness.environment import Home

PACKAGES = (*SSH, "rsync", "lsyncd", "sshfs")
DISTANCES = (Distance(0), Distance(50), Distance(200), Distance(200, 10e6))
ONE_LINE = "one line"
OURS, RMATE = "rbridge", "rmate"
ROUNDS = 5
ROUNDS_OF_THE_SLOW = 3  # of those that take seconds
SLOW = ("rsync", "rsync over a master", "scp over a master", "lsyncd")
WHOLE = ("rmate", "scp over a master", "sshfs")  # always send all of the text
SMALL = 1_000_000  # bytes up to which a save has a goal in seconds
FAR = 200  # milliseconds at which it has one in times of a peer's

TIMES_FASTER = {"rsync over a master": 9, "lsyncd": 30, "sshfs": 4}
TIMES_FASTER_LARGE = {"rmate": 60, "scp over a master": 60, "sshfs": 60, "rsync over a master": 2}
MOST_SLOWER = 10.0  # milliseconds, than rmate
MOST_TO_HOST = {ONE_LINE: 300, "two distant": 500}
MOST_BACK = 100


def one_line(base: bytes, number: int) -> Edited:
    return _with_lines(base, number, 0.3)


def two_distant(base: bytes, number: int) -> Edited:
    return _with_lines(base, number, 0.1, 0.5)


def whole(base: bytes, number: int) -> Edited:
    """Another letter for each one: no line stays as it was."""
    letters = bytes(range(97, 123))
    turn = 1 + number % 25
    text = base.translate(bytes.maketrans(letters, letters[turn:] + letters[:turn]))
    text += b"# %s\n" % _varied(number)
    return Edited(text, len(text) - MARK)


def _with_lines(base: bytes, number: int, *places: float) -> Edited:
    """*base* with another line at each of *places*, parts of its length."""
    text, at = base, 0
    for place in places:
        at = text.index(b"\n", int(len(text) * place)) + 1
        line = b"    value = compute(alpha, beta) + %s\n" % _varied(number)
        text = text[:at] + line + text[text.index(b"\n", at) + 1 :]
    return Edited(text, at)


def _varied(number: int) -> bytes:
    """*number* in another length than the one before: what lies behind it moves, as after most edits, and a
    transfer that overwrites the old text is not taken for done before it is.
    """
    return b"%d" % (1_000 * 10 ** (number % 2) + number)


EDITS: dict[str, Callable[[bytes, int], Edited]] = {
    ONE_LINE: one_line,
    "two distant": two_distant,
    "whole": whole,
}


@dataclass(frozen=True)
class Part:
    """What of the area is measured; *rounds* None: as many as it takes, fewer for the slow."""

    distances: Sequence[Distance]
    sizes: Sequence[str]
    edits: Sequence[str]
    rounds: int | None = None


def run(
    table: Table,
    quick: bool,
    *,
    rtt: Sequence[float] = (),
    size: Sequence[str] = (),
    edit: Sequence[str] = (),
    rounds: int | None = None,
) -> None:
    """All of the area ``save``, or the part that the options name."""
    sizes = [name for name in SIZES if _named(name, size)] if size else list(SIZES)[: 2 if quick else 3]
    part = Part(
        [one for one in DISTANCES if one.rtt in rtt] if rtt else DISTANCES[2:3] if quick else DISTANCES,
        sizes,
        [name for name in EDITS if _named(name, edit)] if edit else list(EDITS),
        rounds or (2 if quick else None),
    )
    laptop_home = Home("laptop")
    laptop = Laptop(laptop_home)
    try:
        for distance in part.distances:
            host = Home("host")
            try:
                with Far(distance, host) as far:
                    for name in part.sizes:
                        _measure(table, far, laptop, name, part)
            finally:
                host.close()
    finally:
        laptop.close()
        laptop_home.close()


def _named(name: str, wanted: Sequence[str]) -> bool:
    """Whether *name* is one of those *wanted*, which may leave out spaces and what follows a word."""
    return any(name.replace(" ", "").startswith(word) for word in wanted)


def _measure(table: Table, far: Far, laptop: Laptop, size: str, part: Part) -> None:
    """One size over one distance: every edit, by whoever is here."""
    base = text_of(SIZES[size])
    label = f"{size.replace(' ', '').lower()}-{far.distance.rtt:g}-{'rated' if far.distance.rate else 'free'}"
    with contextlib.ExitStack() as stack:
        here: list[Saver] = []
        for kind in SAVERS if ONE_LINE in part.edits else FEW:
            try:
                saver = kind(far, label, base, laptop)
            except NotHere as why:
                table.note(f"{far.distance}, {size}: {kind.name}: not here: {why}")
                continue
            stack.callback(saver.close)
            here.append(saver)
        numbers = itertools.count()
        for edit in part.edits:
            found = _cell(here, edit, base, part.rounds, numbers)
            _report(table, far.distance, size, edit, found)


def _cell(
    here: list[Saver], edit: str, base: bytes, rounds: int | None, numbers: Iterator[int]
) -> dict[str, list[Took]]:
    """Let each save in turns; whoever is quick does so once to warm up, and in more rounds."""
    found: dict[str, list[Took]] = {}
    counts = {saver.name: _rounds(saver, edit, len(base), rounds) for saver in here}
    for step in range(-1, max(counts.values())):
        text = EDITS[edit](base, next(numbers))
        turn = step % len(here)
        for saver in here[turn:] + here[:turn]:
            count = counts[saver.name]
            if step >= count or (step < 0 and (saver.name in SLOW or count == 1)):
                continue
            took = saver.save(text)
            if step >= 0:
                found.setdefault(saver.name, []).append(took)
    return found


def _rounds(saver: Saver, edit: str, size: int, rounds: int | None) -> int:
    """How often *saver* runs: once, or not at all, where it would take half a minute."""
    if edit != ONE_LINE and not isinstance(saver, FEW):
        return 0
    if size > 2 * SMALL and saver.far.distance.rtt >= FAR:
        if saver.name in WHOLE:
            return 1 if edit == ONE_LINE else 0
        if edit == "whole":
            return 1 if saver.name == OURS else 0
    if rounds is not None:
        return rounds
    if saver.name in SLOW and edit != ONE_LINE:
        return 1
    return ROUNDS_OF_THE_SLOW if saver.name in SLOW or size > 2 * SMALL else ROUNDS


def _report(table: Table, distance: Distance, size: str, edit: str, found: dict[str, list[Took]]) -> None:
    what = f"{distance}, {size}, {edit}"
    series = {name: Series(name, [took.visible for took in takes]) for name, takes in found.items()}
    if edit == ONE_LINE:
        _goals(table, what, distance, SIZES[size], found, series)
    said = [took.said for took in found[OURS] if took.said is not None]
    if edit in MOST_TO_HOST:
        to_host = median(one.down for one in said)
        table.value(f"{what}: to the host", to_host, "B", MOST_TO_HOST[edit], _bytes(found, "up"))
        table.value(f"{what}: back", median(one.up for one in said), "B", MOST_BACK, _bytes(found, "down"))
    table.note(f"{what}:")
    for name, takes in found.items():
        table.note(_line(name, takes))


def _goals(
    table: Table,
    what: str,
    distance: Distance,
    size: int,
    found: dict[str, list[Took]],
    series: dict[str, Series],
) -> None:
    ours = series[OURS]
    answered = [took.acknowledged or 0.0 for took in found[OURS]]
    if size <= SMALL:
        peer = f"{RMATE} {milliseconds(series[RMATE].median)}"
        table.value(f"{what}: visible", ours.median * 1000, "ms", distance.rtt / 2 + 15, peer)
        table.value(f"{what}: acknowledged", median(answered) * 1000, "ms", distance.rtt + 25)
    if distance.rtt < FAR:
        return
    if size <= SMALL:
        later = (ours.median - series[RMATE].median) * 1000
        table.value(f"{what}: later than {RMATE}", later, "ms", MOST_SLOWER)
        goals = TIMES_FASTER
    elif distance.rate is not None:
        goals = TIMES_FASTER_LARGE
    else:
        return
    for name, least in goals.items():
        if name in series:
            table.faster(f"{what}: visible", ours, series[name], least)


def _bytes(found: dict[str, list[Took]], way: str) -> str:
    name = "rsync over a master"
    if name not in found:
        return ""
    # the other way about: towards the host is what ssh's client sends
    return f"rsync {median(getattr(took.link, way) for took in found[name]):,.0f} B"


def _line(name: str, takes: list[Took]) -> str:
    answered = [took.acknowledged for took in takes if took.acknowledged is not None]
    words = [f"{name:<20} visible {milliseconds(median(took.visible for took in takes)):>9}"]
    words.append(f"done {milliseconds(median(answered)):>9}" if answered else " " * 14)
    up, down = (median(getattr(took.link, way) for took in takes) for way in ("up", "down"))
    words.append(f"ssh's bytes {up:>12,.0f} to the host, {down:>10,.0f} back  ({len(takes)} rounds)")
    said = [took.said for took in takes if took.said is not None]
    if said:
        to, back = median(one.down for one in said), median(one.up for one in said)
        words.append(f"before ssh {to:,.0f} and {back:,.0f}")
    return "  ".join(words)
