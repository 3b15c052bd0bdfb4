"""What two versions of a text have in common: stretches of bytes, in the order in which both have them.

Equal ends are compared in large slices, at the speed of memory. What lies between is cut at lines that occur
once in both, as in a patience diff; where there are none (binary data, one endless line), at short pieces of
the one that are found once in the other. This is done in a window at the first difference, which grows only
while nothing is found: the cost follows the edits, not the size of the file. The work is bounded; what it
does not reach counts as new.
"""

from bisect import bisect_left
from itertools import accumulate

MYPY = False
if MYPY:
    import mmap
    from typing import Any, Dict, List, Tuple, Union

    Buffer = Union[bytes, bytearray, memoryview, mmap.mmap]
    Sliced = Any  # what has a length and gives slices: a Buffer, or a file that is read for them
    Match = Tuple[int, int, int]

SLICE = 64 * 1024  # compared at a time: larger ones come fresh from the system, a page fault for every 4 KiB
WINDOW = 32 * 1024
WIDEST = 2 * 1024 * 1024
NEEDLE = 24  # bytes that are taken for the same place when they occur once
SHORTEST = 6  # a shorter stretch costs more than it saves
LONG_LINE = 64  # from here on it pays to look for what is equal inside of a changed line
SAMPLE = 64  # lines that tell whether two texts of as many lines are alike
WORK = 96 * 1024 * 1024
"""Bytes that are looked at more closely, about 2 s of them, before the rest counts as new."""

_EACH = 512  # what the look at one gap costs beside


def find(base: "Buffer", text: "Buffer") -> "List[Match]":
    """``(offset in base, offset in text, length)`` of what they have in common, rising in both offsets."""
    found: "List[Match]" = []
    gaps = [(0, len(base), 0, len(text))]
    work = min(WORK, 1024 * 1024 + 12 * (len(base) + len(text)))
    while gaps:
        i, base_end, j, text_end = gaps.pop()
        work -= _EACH
        same = prefix(base, i, base_end, text, j, text_end)
        if same:
            found.append((i, j, same))
            i, j = i + same, j + same
        same = suffix(base, i, base_end, text, j, text_end)
        if same:
            base_end, text_end = base_end - same, text_end - same
            found.append((base_end, text_end, same))
        if min(base_end - i, text_end - j) < SHORTEST or work < 0:
            continue
        anchors, cost = _anchors(base, i, base_end, text, j, text_end)
        work -= cost + _EACH * len(anchors)
        for a, b, length in anchors:
            if length:
                found.append((a, b, length))
            if a > i and b > j:
                gaps.append((i, a, j, b))
            i, j = a + length, b + length
        if anchors:
            gaps.append((i, base_end, j, text_end))
    return _merged(found)


def _merged(found: "List[Match]") -> "List[Match]":
    """The stretches in their order, joined where they touch, without those that are too short."""
    found.sort()
    return [match for match in _runs(found) if match[2] >= SHORTEST]


def _runs(found: "List[Match]") -> "List[Match]":
    """The same stretches, with those joined that touch in both texts."""
    runs: "List[Match]" = []
    begin = start = length = 0
    for a, b, more in found:
        if begin + length == a and start + length == b:
            length += more
            continue
        if length:
            runs.append((begin, start, length))
        begin, start, length = a, b, more
    return runs + [(begin, start, length)] if length else runs


def cut(buffer: "Sliced", start: int, end: int) -> bytes:
    """A slice as bytes: comparing views is a hundred times slower."""
    piece = buffer[start:end]
    return piece if type(piece) is bytes else bytes(piece)


def prefix(a: "Buffer", i: int, a_end: int, b: "Buffer", j: int, b_end: int) -> int:
    """How many bytes ``a[i:a_end]`` and ``b[j:b_end]`` have in common at their start."""
    limit = min(a_end - i, b_end - j)
    done, step = 0, 64
    while done < limit:
        step = min(step, limit - done)
        one, other = cut(a, i + done, i + done + step), cut(b, j + done, j + done + step)
        if one != other:
            low, high = 0, step  # the first difference is in there
            while high - low > 1:
                middle = (low + high) // 2
                if one[low:middle] == other[low:middle]:
                    low = middle
                else:
                    high = middle
            return done + low
        done += step
        step = min(4 * step, SLICE)
    return limit


def suffix(a: "Buffer", i: int, a_end: int, b: "Buffer", j: int, b_end: int) -> int:
    """The same at their end."""
    limit = min(a_end - i, b_end - j)
    done, step = 0, 64
    while done < limit:
        step = min(step, limit - done)
        one, other = (
            cut(a, a_end - done - step, a_end - done),
            cut(b, b_end - done - step, b_end - done),
        )
        if one != other:
            low, high = 0, step  # the last difference is in there
            while high - low > 1:
                middle = (low + high) // 2
                if one[middle:high] == other[middle:high]:
                    high = middle
                else:
                    low = middle
            return done + step - high
        done += step
        step = min(4 * step, SLICE)
    return limit


def _anchors(
    base: "Buffer", i: int, base_end: int, text: "Buffer", j: int, text_end: int
) -> "Tuple[List[Match], int]":
    """Stretches that surely belong together, and what it cost to find them; some may have no length."""
    width, cost = WINDOW, 0
    while True:
        x = cut(base, i, min(i + width, base_end))
        y = cut(text, j, min(j + width, text_end))
        cost += len(x) + len(y)
        whole = i + len(x) == base_end and j + len(y) == text_end
        anchors = _by_lines(x, y, whole) or _by_needle(x, y)
        if anchors:
            return [(i + a, j + b, length) for a, b, length in anchors], cost
        if whole or cost > WORK:
            return [], cost
        if width >= WIDEST:
            anchors, more = _far(base, i, base_end, text, j, text_end)
            return anchors, cost + more
        width *= 8


def _by_lines(x: bytes, y: bytes, whole: bool) -> "List[Match]":
    """Lines that occur once in both. If there are none, and *whole* says that this is all there is, lines of
    the same number belong together where they are alike; else those with an end or a start that occurs once
    (of a text that was indented, or whose line ends were changed); else the first ones that are equal.
    """
    old, new = x.splitlines(True), y.splitlines(True)
    if len(old) == 1 and len(new) == 1:
        return []
    pairs = _once(old, new)
    old_at, new_at = [0] + list(accumulate(map(len, old))), [0] + list(accumulate(map(len, new)))
    if pairs:
        return _runs([(old_at[m], new_at[n], len(new[n])) for m, n in pairs])
    if whole and len(old) == len(new) and _alike(old, new):
        return [(old_at[n], new_at[n], 0) for n in range(1, len(new))]
    ends = [line[-NEEDLE:] for line in new]
    pairs = _once([line[-NEEDLE:] for line in old], ends)
    if pairs:
        return [(old_at[m + 1] - len(ends[n]), new_at[n + 1] - len(ends[n]), len(ends[n])) for m, n in pairs]
    starts = [line[:NEEDLE] for line in new]
    pairs = _once([line[:NEEDLE] for line in old], starts)
    if pairs or not whole:
        return [(old_at[m], new_at[n], len(starts[n])) for m, n in pairs]
    first = _first(old)
    steps = [(first[line] + n, n) for n, line in enumerate(new) if line in first]
    if not steps:
        return []
    n = min(steps)[1]
    place, at = old_at[first[new[n]]], new_at[n]
    same = prefix(x, place, len(x), y, at, len(y))
    return [(place, at, same)] if same >= NEEDLE else []


def _alike(old: "List[bytes]", new: "List[bytes]") -> bool:
    """Whether lines of the same number have half of their bytes in common, as far as a sample of them tells.
    In a text that was written anew it is the indentation: each such stretch costs more than it saves.
    """
    same = size = 0
    for n in range(0, len(new), 1 + len(new) // SAMPLE):
        one, other = old[n], new[n]
        start = prefix(one, 0, len(one), other, 0, len(other))
        same += start + suffix(one, start, len(one), other, start, len(other))
        size += len(other)
    return 2 * same >= size


def _once(old: "List[bytes]", new: "List[bytes]") -> "List[Tuple[int, int]]":
    """The numbers of what occurs once in both lists, rising in both."""
    old_last, old_first = dict(zip(old, range(len(old)))), _first(old)
    new_last, new_first = dict(zip(new, range(len(new)))), _first(new)
    pairs = [
        (old_last[line], k)
        for line, k in new_last.items()
        if line in old_last and new_first[line] == k and old_first[line] == old_last[line]
    ]
    return rising(pairs) if pairs else []


def _first(lines: "List[bytes]") -> "Dict[bytes, int]":
    return dict(zip(reversed(lines), range(len(lines) - 1, -1, -1)))


def rising(pairs: "List[Tuple[int, int]]") -> "List[Tuple[int, int]]":
    """The longest selection of *pairs* that rises in both numbers, which are each unique."""
    pairs.sort(key=_second)
    firsts = [m for m, _ in pairs]
    if firsts == sorted(firsts):
        return pairs
    tops: "List[int]" = []  # the smallest last number of a selection of each length
    places: "List[int]" = []  # which pair that is
    before: "List[int]" = []  # for each pair: the one before it in its selection
    for index, m in enumerate(firsts):
        length = bisect_left(tops, m)
        if length == len(tops):
            tops.append(m)
            places.append(index)
        else:
            tops[length], places[length] = m, index
        before.append(places[length - 1] if length else -1)
    chosen = []
    index = places[-1]
    while index >= 0:
        chosen.append(pairs[index])
        index = before[index]
    return chosen[::-1]


def _second(pair: "Tuple[int, int]") -> int:
    return pair[1]


def _by_needle(x: bytes, y: bytes) -> "List[Match]":
    """A short piece that occurs once in both, looked for at places further and further apart."""
    if min(len(x), len(y)) < LONG_LINE:
        return []
    at, step = 0, NEEDLE
    while at + NEEDLE <= len(y):
        needle = y[at : at + NEEDLE]
        place = x.find(needle)
        once = place >= 0 and x.find(needle, place + 1) < 0
        if once and y.find(needle) == at and y.find(needle, at + 1) < 0:
            return [(place, at, NEEDLE)]
        at += step
        step += step // 4
    return []


def _far(
    base: "Buffer", i: int, base_end: int, text: "Buffer", j: int, text_end: int
) -> "Tuple[List[Match], int]":
    """The same in all that is left, where much was put in or taken out, from both ends; and the cost."""
    size = 4 * NEEDLE
    away, cost = 0, 0
    while away + size <= text_end - j and cost < WORK // 2:
        for at in (j + away, text_end - away - size):
            needle = cut(text, at, at + size)
            place = _search(base, needle, i, base_end)
            cost += (base_end - i) // 16
            if place >= 0 and _search(base, needle, place + 1, base_end) < 0:
                return [(place, at, size)], cost
        away = max(2 * away, WINDOW)
    return [], cost


def _search(buffer: "Buffer", needle: bytes, start: int, end: int) -> int:
    """Where in ``buffer[start:end]`` *needle* is, -1 if nowhere; a view is copied piece by piece."""
    if not isinstance(buffer, memoryview):
        return buffer.find(needle, start, end)
    step = 4 * 1024 * 1024
    while start < end:
        place = cut(buffer, start, min(start + step + len(needle) - 1, end)).find(needle)
        if place >= 0:
            return start + place
        start += step
    return -1
