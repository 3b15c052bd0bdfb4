"""Taking times beside each other on a machine that is never quiet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Series:
    """The times of one contestant, in seconds, one per round."""

    name: str
    times: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return median(self.times)

    def ratio(self, other: Series) -> float:
        """The median over the rounds of our time by the other's: noise that lasts meets both of them."""
        return median(ours / theirs for ours, theirs in zip(self.times, other.times, strict=True))


def interleave(contestants: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Series]:
    """Let every contestant run once per round, each time in another order; a first round warms up."""
    series = {name: Series(name) for name in contestants}
    names = list(contestants)
    for name in names:
        contestants[name]()
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            series[name].times.append(contestants[name]())
    return series
