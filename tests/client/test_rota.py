"""The schedule of looks: who is next, and how rarely."""

import pytest

from rbridge.client.rota import FOCUSED, GAP, SLOWEST, Rota


def look(rota: Rota, now: float) -> tuple[float, object]:
    """The next look, done at its time."""
    turn = rota.next(now)
    assert turn is not None
    when, key = max(turn[0], now), turn[1]
    rota.looked(key, when)
    return when, key


def test_nobody_is_looked_at_when_nothing_is_open() -> None:
    assert Rota().next(0.0) is None


def test_the_focused_file_is_looked_at_every_two_seconds() -> None:
    rota = Rota()
    rota.add("a", 0.0)
    now, times = 0.0, []
    for _ in range(5):
        now, _key = look(rota, now)
        times.append(now)
    assert times == [2.0, 4.0, 6.0, 8.0, 10.0]


def test_others_back_off_to_half_a_minute() -> None:
    rota = Rota()
    rota.add("other", 0.0)
    rota.add("focused", 0.0)
    now, times = 0.0, []
    while now < 200:
        now, key = look(rota, now)
        if key == "other":
            times.append(now)
    pauses = [after - before for before, after in zip(times, times[1:], strict=False)]
    assert pauses[:4] == pytest.approx([2, 4, 8, 16], abs=0.2)
    assert pauses[5:] == pytest.approx([SLOWEST] * len(pauses[5:]), abs=0.2)


def test_what_is_only_shown_does_not_take_the_place_of_the_focused_file() -> None:
    rota = Rota()
    rota.add("file", 0.0)
    rota.add("shown", 0.0, turned=False)
    assert rota.focused == "file"
    now, times = 0.0, []
    while now < 60:
        now, key = look(rota, now)
        if key == "file":
            times.append(now)
    assert len(times) >= 28


def test_a_followed_log_does_not_fall_back() -> None:
    rota = Rota()
    rota.add("log", 0.0, steady=True)
    rota.add("focused", 0.0)
    now, times = 0.0, []
    while now < 60:
        now, key = look(rota, now)
        if key == "log":
            times.append(now)
    assert len(times) >= 28


def test_a_file_that_the_user_turns_to_is_looked_at_soon() -> None:
    rota = Rota()
    rota.add("a", 0.0)
    rota.add("b", 0.0)
    now = 0.0
    while now < 100:
        now, _ = look(rota, now)
    rota.focus("a", now)
    seen = [look(rota, now) for _ in range(3)]
    assert any(key == "a" and when <= now + FOCUSED for when, key in seen)


def test_at_most_twenty_looks_a_second_however_many_files_are_open() -> None:
    rota = Rota()
    for number in range(1000):
        rota.add(number, 0.0)
    now, times = 0.0, []
    while now < 60:
        now, _ = look(rota, now)
        times.append(now)
    for begin in range(2, 60):
        assert sum(begin <= when < begin + 1 for when in times) <= 1 / GAP + 1


def test_a_thousand_others_do_not_hold_up_the_focused_one() -> None:
    rota = Rota()
    for number in range(1000):
        rota.add(number, 0.0)
    now, times = 0.0, []
    while now < 60:
        now, key = look(rota, now)
        if key == 999:
            times.append(now)
    assert max(after - before for before, after in zip(times, times[1:], strict=False)) <= FOCUSED + 2 * GAP


def test_every_one_of_many_gets_its_turn() -> None:
    rota = Rota()
    for number in range(300):
        rota.add(number, 0.0)
    now, seen = 0.0, set()
    while now < 40:
        now, key = look(rota, now)
        seen.add(key)
    assert len(seen) == 300


def test_a_file_that_was_closed_is_not_looked_at() -> None:
    rota = Rota()
    rota.add("a", 0.0)
    rota.remove("a")
    rota.looked("a", 1.0)
    rota.focus("a", 1.0)
    assert rota.next(5.0) is None
    assert len(rota) == 0


def test_who_is_next_is_found_without_asking_all() -> None:
    rota = Rota()
    for number in range(50):
        rota.add(number, 0.0)
    now = 0.0
    for turn in range(5000):
        now, _ = look(rota, now)
        rota.focus(turn % 50, now)
    assert len(rota._heap) <= 4 * len(rota) + 17
    for number in range(50):
        rota.remove(number)
    assert rota.next(now) is None
