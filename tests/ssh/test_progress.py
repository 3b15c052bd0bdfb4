"""The line of a transfer that runs."""

import io

import pytest

from rbridge.ssh import progress
from rbridge.ssh.progress import Line, amount, clock


@pytest.fixture
def now(monkeypatch):
    """Seconds on the clock; set the first entry."""
    clock_ = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock_[0])
    return clock_


def test_nothing_where_nobody_watches():
    out = io.StringIO()
    line = Line(out, shown=False)
    line.moved("a", 1, 2)
    line.done("a", 2)
    assert out.getvalue() == ""


def test_percent_bytes_rate_and_the_time_that_is_left(now):
    out = io.StringIO()
    line = Line(out, shown=True)
    line.moved("loss.png", 0, 4_000_000)
    now[0] += 1
    line.moved("loss.png", 1_000_000, 4_000_000)
    shown = out.getvalue()
    assert shown.startswith("\rloss.png")
    assert shown.split()[1:] == ["25%", "1.0", "MB", "1.0", "MB/s", "00:03", "ETA"]


def test_a_file_that_is_through_keeps_its_line(now):
    out = io.StringIO()
    line = Line(out, shown=True)
    line.moved("a", 0, 10)
    now[0] += 2
    line.done("a", 10)
    assert out.getvalue().split() == ["a", "100%", "10", "B", "5", "B/s", "00:02"]
    assert out.getvalue().endswith("\n")


def test_it_is_not_drawn_more_often_than_one_can_look(now):
    out = io.StringIO()
    line = Line(out, shown=True)
    for at in range(50):
        now[0] += 0.001
        line.moved("a", at, 50)
    assert out.getvalue() == ""


def test_a_name_from_the_host_cannot_move_the_cursor():
    out = io.StringIO()
    Line(out, shown=True).done("a\x1b[2J", 1)
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (1_234_567, "1.2 MB"), (5e17, "500 PB")],
)
def test_amounts(count, shown):
    assert amount(count) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0, "00:00"), (61.9, "01:01"), (3661, "1:01:01")])
def test_clock(seconds, shown):
    assert clock(seconds) == shown
