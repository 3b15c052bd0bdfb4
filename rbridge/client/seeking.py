"""A find or a search as it is asked for, made ready for a process of its own."""

from functools import partial

from rbridge.client import find, grep
from rbridge.client.refused import Refused
from rbridge.wire import codec, values
from rbridge.wire.limits import BODY, FOUND

MYPY = False
if MYPY:
    from typing import Callable, Dict, List, Tuple

    from rbridge.client.child import Say

    Seeking = Tuple[Callable[[Say], None], float, bytes]

USUAL = 1000
"""Paths, or matches, that are enough where nothing else is said."""

CASES = ("yes", "no", "smart")


def job(said: "Dict[str, str]", root: int) -> "Seeking":
    """What the process does below the directory *root*, for how long, and what is told if it took longer.

    Raises RemoteProtocolError and Refused for a request that makes no sense.
    """
    query = codec.unquote(said.get("query", ""))
    limit = min(values.size(said["limit"], BODY), FOUND) if "limit" in said else USUAL
    if said.get("do") == "find":
        return partial(find.find, root, query, limit), find.SECONDS, b'{"paths": []}'
    if not query:
        raise Refused("failed", "cannot search for nothing")
    case = values.one_of(said.get("case", "smart"), CASES)
    wanted = grep.Wanted(
        query,
        said.get("regex") == "yes",
        case,
        said.get("word") == "yes",
        globs(said.get("include", "")),
        globs(said.get("exclude", "")),
        limit,
    )
    return partial(grep.search, root, wanted), grep.SECONDS, b'{"matches": []}'


def globs(value: str) -> "List[str]":
    """Those that a header names."""
    return [glob for glob in map(codec.unquote, value.split(",")) if glob.strip("/")]
