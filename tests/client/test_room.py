"""Room for the descriptors of many files."""

from __future__ import annotations

import resource

import pytest

from rbridge.client import room


@pytest.mark.parametrize(
    ("now", "most", "files", "then"),
    [
        (1024, 4096, 2000, 2000 + room.SPARE),
        (1024, 4096, 9000, 4096),
        (1024, 4096, 500, None),
        (1024, resource.RLIM_INFINITY, 9000, 9000 + room.SPARE),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 9000, None),
    ],
)
def test_as_much_as_is_needed_and_may_be_had(
    monkeypatch: pytest.MonkeyPatch, now: int, most: int, files: int, then: int | None
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(room.resource, "getrlimit", lambda _which: (now, most))
    monkeypatch.setattr(room.resource, "setrlimit", lambda _which, pair: asked.append(pair))
    room.make_room(files)
    assert asked == ([] if then is None else [(then, most)])


def test_a_system_that_gives_less_than_it_says_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_which: int, _pair: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(room.resource, "getrlimit", lambda _which: (10, 20))
    monkeypatch.setattr(room.resource, "setrlimit", refuse)
    room.make_room(1000)


def test_a_command_with_more_files_than_the_soft_limit_opens_them_all(home, editor, rbridge_open) -> None:
    names = [f"f{number}" for number in range(320)]
    for name in names:
        home.file(name, name)
    got = []

    def script(talk) -> None:
        got.append(talk.opened())

    served = editor(script, greeting=b"220 laptop RMATE a plain server\n")
    ran = rbridge_open(*served.where, *names, before=["prlimit", "--nofile=256:4096"])
    assert ran.code == 0, ran
    served.result(len(names))
    assert len(got) == len(names)
