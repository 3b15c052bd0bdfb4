"""The table that a run prints: a line per number as soon as it is known."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.measure import Series

WIDTHS = (54, 15, 10, 28, 6)
HEAD = ("what", "measured", "goal", "peer", "")


@dataclass(frozen=True)
class Goal:
    """*most* (or *least*) the value may be, shown as *text*."""

    text: str
    most: float = float("inf")
    least: float = float("-inf")

    def met(self, value: float) -> bool:
        return self.least <= value <= self.most


class Table:
    """Counts goals met and missed; a missed one stays in the table, with a mark."""

    def __init__(self) -> None:
        self.met = 0
        self.missed: list[str] = []

    def section(self, title: str) -> None:
        print(f"\n{title}", flush=True)
        self._line(HEAD)
        print("  " + "-" * (sum(WIDTHS) + len(WIDTHS)), flush=True)

    def compare(self, what: str, ours: Series, peer: Series, most: float) -> None:
        """A time of ours against the peer's: the median of the rounds' ratios must be at most *most*."""
        ratio = ours.ratio(peer)
        goal = Goal(f"<= {most:g} x", most=most)
        self.row(
            what, f"{milliseconds(ours.median)}", goal, f"{peer.name} {milliseconds(peer.median)}", ratio
        )

    def speed(self, what: str, ours: Series, peer: Series, size: int, least: float) -> None:
        """A throughput of ours against the peer's: at least *least* times as fast."""
        ratio = peer.ratio(ours)
        goal = Goal(f">= {least:g} x", least=least)
        rates = [f"{size / series.median / 1e6:.0f} MB/s" for series in (ours, peer)]
        self.row(what, rates[0], goal, f"{peer.name} {rates[1]}", ratio)

    def faster(self, what: str, ours: Series, peer: Series, least: float) -> None:
        """A time of ours against the peer's, which takes at least *least* times as long: the medians' ratio,
        since a slow peer ran in fewer rounds.
        """
        ratio = peer.median / ours.median
        shown = f"{peer.name} {milliseconds(peer.median)}"
        self.row(what, milliseconds(ours.median), Goal(f">= {least:g} x", least=least), shown, ratio)

    def value(self, what: str, value: float, unit: str, most: float, peer: str = "") -> None:
        """A number that has a limit of its own."""
        shown = Goal(f"<= {most:g} {unit}", most=most)
        self._say(what, f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}", shown, peer, value)

    def row(self, what: str, measured: str, goal: Goal, peer: str, ratio: float) -> None:
        self._say(what, f"{measured} {ratio:.2f}x", goal, peer, ratio)

    def _say(self, what: str, measured: str, goal: Goal, peer: str, value: float) -> None:
        if goal.met(value):
            self.met += 1
            mark = "ok"
        else:
            self.missed.append(what)
            mark = "MISSED"
        self._line((what, measured, goal.text, peer, mark))

    def note(self, text: str) -> None:
        print(f"    {text}", flush=True)

    def _line(self, cells: tuple[str, ...]) -> None:
        print(
            "  " + " ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip(),
            flush=True,
        )

    def sum(self) -> str:
        text = f"{self.met} goals met, {len(self.missed)} missed"
        return f"{text}: {'; '.join(self.missed)}" if self.missed else text


def milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"
