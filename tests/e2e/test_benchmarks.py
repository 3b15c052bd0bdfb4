"""The benchmarks' own parts at their smallest: what they measure happens, and bytes stay below the goals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import folders
from tests.benchmarks.deltas import text_of
from tests.benchmarks.far import Distance, Far
from tests.benchmarks.save import EDITS, MOST_BACK, MOST_TO_HOST, ONE_LINE
from tests.benchmarks.savers import Laptop, Rbridge, Rmate
from tests.benchmarks.scale import World
from tests.harness.environment import Home

AWAY = Distance(20, 50e6)
SIZE = 200_000


@pytest.fixture
def laptop() -> Iterator[Laptop]:
    home = Home("laptop")
    made = Laptop(home)
    yield made
    made.close()
    home.close()


@pytest.fixture
def far() -> Iterator[Far]:
    host = Home("host")
    with Far(AWAY, host) as made:
        yield made
    host.close()


def test_a_save_over_a_long_link_takes_one_trip_there_and_one_back_and_few_bytes(
    laptop: Laptop, far: Far
) -> None:
    base = text_of(SIZE)
    saver = Rbridge(far, "one", base, laptop)
    for number, (name, most) in enumerate(MOST_TO_HOST.items()):
        took = saver.save(EDITS[name](base, number))
        assert took.said is not None
        assert took.acknowledged is not None
        assert took.visible >= AWAY.rtt / 2000
        assert took.acknowledged >= AWAY.rtt / 1000
        assert 0 < took.said.down <= most
        assert 0 < took.said.up <= MOST_BACK
    saver.close()


def test_a_peer_sends_the_whole_text_over_the_same_link(laptop: Laptop, far: Far) -> None:
    base = text_of(SIZE)
    saver = Rmate(far, "one", base, laptop)
    took = saver.save(EDITS[ONE_LINE](base, 0))
    assert took.visible >= AWAY.rtt / 2000 + AWAY.carries(SIZE)
    assert took.link.up >= SIZE
    saver.close()


def test_folders_are_listed_found_in_and_searched_by_whatever_is_there() -> None:
    with folders.World(50, 20, 30) as world:
        flat = world.open("flat")
        assert min(flat.first(), flat.listed(), flat.held()) > 0
        project = world.open("project")
        assert min(project.found("rg"), project.searched("rg"), project.program("rg", "--files")) > 0
        assert world.open("project", without=["rg", "git"]).searched("python") > 0
        folders.repository(project.root)
        assert world.open("project", without=["rg"]).searched("git grep") > 0


def test_files_of_several_hosts_are_saved_and_nothing_of_them_is_left() -> None:
    world = World(2)
    try:
        world.open(2)
        world.open(6)
        assert len(world.documents) == 6
        assert len(world.clients()) == 2
        for number, path in enumerate(world.documents):
            assert world.save(path, number) > 0
            assert b"# %08d " % number in Path(path).read_bytes()
        assert world.end() == []
        assert world.clients() == []
    finally:
        world.close()
