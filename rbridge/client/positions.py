"""Positions in a file, and numbers, as the command line spells them: what most commands have none of."""

from rbridge.client.options import DIGITS, is_decimal
from rbridge.errors import UsageError

MYPY = False
if MYPY:
    from typing import Dict, List, Optional, Tuple

    from rbridge.client.options import Request


def seconds(value: str, option: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < 86400:
        raise UsageError("{}: '{}' is not a number of seconds".format(option, value))
    return number


def count(value: str, option: str) -> int:
    if not is_decimal(value) or int(value) < 1:
        raise UsageError("{}: '{}' is not a number of lines".format(option, value))
    return int(value)


def lines(value: str, option: str) -> "Tuple[int, int]":
    first, colon, last = value.partition(":")
    if colon and (first or last):
        start = count(first, option) if first else 1
        end = count(last, option) if last else 0
        if not end or start <= end:
            return start, end
    raise UsageError("{}: '{}' is not A:B, a first and a last line".format(option, value))


def position(text: str) -> "Optional[Tuple[int, int]]":
    """Line and column of ``12``, ``12:5`` or a TextMate selection that begins so (``12:5-14:2``, ``3x2&7``).

    None when it is none of these; what follows the first position is for TextMate alone.
    """
    digits = _digits(text)
    rest = text[len(digits) :]
    column = ""
    if rest.startswith(":"):
        column = _digits(rest[1:])
        if not column:
            return None
        rest = rest[1 + len(column) :]
    if not is_decimal(digits) or len(column) > DIGITS or (rest and rest[0] not in "-+x&"):
        return None
    return int(digits), int(column or 0)


def _digits(text: str) -> str:
    count = 0
    while count < len(text) and text[count] in "0123456789":
        count += 1
    return text[:count]


def split_position(path: str) -> "Optional[Tuple[str, int, int]]":
    """The parts of ``PATH:LINE``, ``PATH:LINE:COL`` (a compiler's trailing colon is allowed), else None."""
    words = (path[:-1] if path.endswith(":") else path).rsplit(":", 2)
    found: "List[int]" = []
    while len(words) > 1 and len(found) < 2 and is_decimal(words[-1]):
        found.insert(0, int(words.pop()))
    name = ":".join(words)
    if not found or not name:
        return None
    return name, found[0], found[1] if len(found) == 2 else 0


def share_out(
    requests: "List[Request]", lists: "Dict[str, List[str]]", plus: "List[Tuple[int, str]]"
) -> None:
    """Give the n-th ``-l``, ``-m``, ``-t`` to the n-th path, each ``+L`` to the next one without a line."""
    for request, value in zip(requests, lists["line"]):
        place(request, value, "-l")
    for request, value in zip(requests, lists["name"]):
        request.name = value
    for request, value in zip(requests, lists["type"]):
        request.type = value
    for index, value in plus:
        waiting = [request for request in requests[index:] if not request.selection]
        waiting = waiting or [request for request in requests if not request.selection]
        if waiting:
            place(waiting[0], value, "+" + value)
        elif position(value) is None:
            raise UsageError("+{}: not LINE or LINE:COLUMN".format(value))


def place(request: "Request", selection: str, option: str) -> None:
    """Take line and column from *selection*, as in ``12``, ``12:5`` or TextMate's ``12:5-14``."""
    found = position(selection)
    if found is None:
        raise UsageError("{}: '{}' is not LINE or LINE:COLUMN".format(option, selection))
    request.line, request.column = found
    request.selection = selection
