"""What two versions of a text have in common."""

from __future__ import annotations

import mmap
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbridge.wire import matching
from rbridge.wire.matching import find, prefix, rising, suffix

calm = settings(deadline=None)

LINES = [f"{i:06} a line that is like no other\n".encode() for i in range(40_000)]
"""1.4 MB of it, more than the widest window holds of one version."""

WORDS = st.lists(st.sampled_from([b"a\n", b"b\n", b"", b"\n", b"abc", b"x" * 70, b"\0\xff"]), max_size=30)


def holds(base: bytes, text: bytes) -> list[tuple[int, int, int]]:
    """What was found, after a look at whether it is true."""
    found = find(base, text)
    there = at = 0
    for a, b, length in found:
        assert a >= there
        assert b >= at
        assert length >= matching.SHORTEST
        assert base[a : a + length] == text[b : b + length]
        there, at = a + length, b + length
    assert at <= len(text)
    return found


def missing(base: bytes, text: bytes) -> int:
    """Bytes of the text that were not found in the base."""
    return len(text) - sum(length for _, _, length in holds(base, text))


@calm
@given(WORDS, WORDS)
def test_what_is_found_is_in_both_and_rises(base: list[bytes], text: list[bytes]) -> None:
    holds(b"".join(base), b"".join(text))


@calm
@given(st.binary(max_size=400), st.binary(max_size=400))
def test_the_same_for_any_bytes(base: bytes, text: bytes) -> None:
    holds(base, text + base[10:300] + text)


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 319, 320, 321, 70_000, 200_000])
def test_common_ends_are_measured_to_the_byte(length: int) -> None:
    same = random.Random(length).randbytes(length)
    assert prefix(same + b"a", 0, length + 1, b"!" + same + b"b", 1, length + 2) == length
    assert suffix(b"a" + same, 0, length + 1, b"b" + same + b"!", 0, length + 1) == length
    assert prefix(same, 0, length, same, 0, length) == length
    assert suffix(same, 0, length, same, 0, length) == length


def test_of_two_edits_far_apart_only_they_are_missing() -> None:
    base = b"".join(LINES)
    text = b"".join([*LINES[:4000], b"the first\n", *LINES[4001:20_000], b"put in\n", *LINES[20_000:]])
    assert len(holds(base, text)) == 3
    assert missing(base, text) <= len(b"the first\nput in\n")


def test_lines_put_in_moved_and_taken_out() -> None:
    text = [*LINES[:10], *LINES[60:100], *LINES[20:50], b"new\n" * 3, *LINES[110:300]]
    assert missing(b"".join(LINES[:300]), b"".join(text)) <= 30 * len(LINES[0]) + 12


def test_inside_of_a_changed_line_what_is_equal_is_found() -> None:
    row = b",".join(b"%d" % n for n in range(100_000, 100_400))
    base = b"".join([*LINES[:5], row, b"\n", *LINES[5:9]])
    text = base.replace(b"100050", b"x").replace(b"100300", b"y")
    assert missing(base, text) <= 16


def test_data_without_a_line_end() -> None:
    base = random.Random(1).randbytes(300_000).replace(b"\n", b"").replace(b"\r", b"")
    text = base[:1000] + b"put in" + base[1000:90_000] + base[91_000:200_000] + b"?" + base[200_001:]
    assert missing(base, text) <= 8


def test_the_same_name_everywhere_is_changed_line_by_line() -> None:
    base = b"".join(b"    self.value_%d = compute(%d)\n" % (n, n) for n in range(1000))
    assert missing(base, base.replace(b"self", b"this")) <= 5 * 1000


@pytest.mark.parametrize("count", [300, 5000])
def test_where_every_line_was_changed_at_one_end_the_other_is_found(count: int) -> None:
    base = b"".join(b"%06d a line that is like no other %06d\n" % (n, n) for n in range(count))
    assert missing(base, b"    " + base.replace(b"\n", b"\n    ")) <= 4 * (count + 1)
    assert missing(base, base.replace(b"\n", b"\r\n")) <= 2 * count
    assert missing(base, base.replace(b"0 a", b"0 one").replace(b"5 a", b"5 two")) <= 3 * count


def test_lines_that_repeat_without_end() -> None:
    base = b"the same line again\n" * 5000
    text = base[:20_000] + b"one\n" + base[20_000:60_000] + b"two\n" + base[60_000:]
    assert missing(base, text) <= 200


@pytest.mark.parametrize("kind", ["bytes", "view", "mmap"])
def test_much_that_was_put_in_or_taken_out_beside_another_edit(kind: str) -> None:
    base = b"".join(LINES) + b"".join(LINES).upper()
    put_in = random.Random(2).randbytes(5_000_000).hex().encode()[: 3 << 20]
    text = base[:500] + put_in + base[500:900_000] + b"and this\n" + base[900_000:]
    with as_buffer(kind, base) as one, as_buffer(kind, text) as other:
        for a, b in ((one, other), (other, one)):
            found = find(a, b)
            assert sum(length for _, _, length in found) >= len(base) - 64


@contextmanager
def as_buffer(kind: str, data: bytes) -> Iterator[bytes | memoryview | mmap.mmap]:
    """*data* as *kind* of buffer."""
    if kind == "bytes":
        yield data
    elif kind == "view":
        yield memoryview(data)
    else:
        with mmap.mmap(-1, len(data)) as mapped:
            mapped[:] = data
            yield mapped


def test_the_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = count_looks(monkeypatch)
    base = b"".join(LINES[:20_000])
    monkeypatch.setattr(matching, "WORK", 200_000)
    assert missing(base, base.replace(b"line", b"word")) > len(base) // 2
    assert 0 < sum(looks) < 20 * 2 * matching.WINDOW


def count_looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    real, looks = matching._by_lines, []

    def by_lines(x: bytes, y: bytes, whole: bool) -> list[tuple[int, int, int]]:
        looks.append(len(x) + len(y))
        return real(x, y, whole)

    monkeypatch.setattr(matching, "_by_lines", by_lines)
    return looks


def test_the_cost_follows_the_edits_not_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = count_looks(monkeypatch)
    base = b"".join(LINES)
    holds(base, base.replace(b"000100 a", b"000100 one").replace(b"030000 a", b"030000 one"))
    assert sum(looks) <= 4 * matching.WINDOW


def test_a_text_written_anew_shares_nothing_worth_having_though_its_lines_are_as_many() -> None:
    base = b"".join(b"        first.of(%05d)\n" % (7 * n % 3001) for n in range(3000))
    text = b"".join(b"        another_thing.is[%05d]\n" % (7 * n % 2999 + 50_000) for n in range(3000))
    assert len(find(base, text)) <= 2  # its two ends
    alike = base.replace(b"first", b"other")
    assert len(find(base, alike)) == 3001
    holds(base, text)
    holds(base, alike)


def orders() -> Iterator[list[int]]:
    for seed in range(50):
        numbers = list(range(9))
        random.Random(seed).shuffle(numbers)
        yield numbers


def test_the_longest_rising_selection() -> None:
    for numbers in orders():
        chosen = rising(list(zip(numbers, range(9), strict=True)))
        assert chosen == sorted(chosen)
        assert [n for _, n in chosen] == sorted(n for _, n in chosen)
        best = [1] * 9
        for i in range(9):
            best[i] += max((best[j] for j in range(i) if numbers[j] < numbers[i]), default=0)
        assert len(chosen) == max(best)
