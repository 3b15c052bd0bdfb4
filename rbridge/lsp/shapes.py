"""What is to be looked at in a message of the protocol, and where in its text that stands.

A :class:`Shape` is made of the types in :mod:`rbridge.lsp.model`. Alternatives are one shape: an object that
may be a Location or a LocationLink is looked into for what either has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from rbridge.lsp import jsontext
from rbridge.lsp.model import OPTIONS, PARAMS, PARTIAL, RESULTS, STRUCTURES

Path = tuple[Any, ...]
"""Where a value is in a larger one: names of members and numbers of elements."""


class Shape:
    """*leaf*: the letters of what a string is. *keys*: the members of an object; *rest*: any other member's,
    whose names are of the kind *key*. *element*: of an array. *names*: the structures that it may be.
    *members*: it may be an object that has something; *full*: it is not empty.
    """

    __slots__ = ("element", "full", "key", "keys", "leaf", "members", "names", "rest")

    def __init__(self) -> None:
        self.leaf = ""
        self.key = ""
        self.keys: dict[str, Shape] = {}
        self.rest: Shape | None = None
        self.element: Shape | None = None
        self.names: frozenset[str] = frozenset()
        self.members = False
        self.full = False

    def __bool__(self) -> bool:
        return self.full

    def settle(self) -> None:
        """It has all that it will have."""
        self.members = bool(self.keys or self.key or self.rest)
        self.full = bool(self.members or self.leaf or self.element)


class Spot:
    """A string that is of kind *kind*, a letter, at *path*: *value*, written from *start* to *end*.

    *name*: it is the name of a member. An object or an array where the specification has none, but something
    else to be looked at, is a spot of kind OTHER, with no value: programs read it in several ways.
    """

    __slots__ = ("end", "kind", "name", "path", "start", "value")

    def __init__(self, kind: str, start: int, end: int, value: str, path: Path, name: bool = False) -> None:
        self.kind = kind
        self.start = start
        self.end = end
        self.value = value
        self.path = path
        self.name = name


_made: dict[tuple[str, ...], Shape] = {}


def shape(types: Iterable[Any]) -> Shape:
    """The shape of a value that is of one of *types*."""
    alternatives = sorted({repr(one): one for one in types}.items())
    mark = tuple(spelled for spelled, _ in alternatives)
    if mark not in _made:
        _made[mark] = Shape()  # before it is complete: a type may have itself in it
        _fill(_made[mark], [one for _, one in alternatives])
    return _made[mark]


def _fill(made: Shape, types: Sequence[Any]) -> None:
    keys: dict[str, list[Any]] = {}
    elements: list[Any] = []
    rest: list[Any] = []
    for one in types:
        if isinstance(one, str) and not one.startswith("@"):
            made.leaf += one
        elif isinstance(one, tuple) and one[0] == "[]":
            elements += one[1]
        elif isinstance(one, tuple):
            made.key += one[1]
            rest += one[2]
        else:
            if isinstance(one, str):
                made.names |= {one[1:]}
            for name, types_ in (STRUCTURES[one[1:]] if isinstance(one, str) else one).items():
                keys.setdefault(name, []).extend(types_)
    made.keys = {name: shape(types_) for name, types_ in keys.items()}
    made.element = shape(elements) if elements else None
    made.rest = shape(rest) if rest else None
    made.settle()


def _any(letter: str) -> Shape:
    """Any value, of whose strings each is of the kind *letter*."""
    made = Shape()
    made.leaf = made.key = letter
    made.rest = made.element = made
    made.settle()
    return made


OTHER = ""

NOTHING = shape(())

DOCUMENT = shape(("@TextDocumentIdentifier",))

UNKNOWN = shape(
    (
        {
            "textDocument": ("@TextDocumentIdentifier",),
            "textDocuments": (("[]", ("@TextDocumentIdentifier",)),),
        },
        "@Location",
        "@LocationLink",
        ("[]", ("@Location", "@LocationLink")),
    )
)
"""What a message of an editor may have whose method is not in the specification."""

ANSWER = _any("A")
"""The answer of a server to a request that is not in the specification."""

NOTE = _any("N")
"""The parameters of a server's notification that is not in the specification."""


@cache
def of_params(method: str) -> Shape:
    """What the parameters of *method* have."""
    return shape(PARAMS[method]) if method in PARAMS else NOTHING


@cache
def of_result(method: str) -> Shape:
    return shape(RESULTS[method]) if method in RESULTS else NOTHING


@cache
def of_partial(method: str) -> Shape:
    """What a partial result of *method* has, which comes by ``$/progress``."""
    return shape(PARTIAL[method]) if method in PARTIAL else of_result(method)


@cache
def of_options(method: str) -> Shape:
    """What the options have with which *method* is registered."""
    return shape(OPTIONS[method]) if method in OPTIONS else NOTHING


def spots(text: str, part: jsontext.Part, of: Shape) -> list[Spot]:
    """What there is in *part*, a value of that shape, in the order of the text."""
    found: list[Spot] = []
    if _has(part.value, of):
        _walk(text, part.start, part.value, of, (), found)
    return found


def _numbered(name: str) -> bool:
    """Whether an object that has *name* is like an array to some programs."""
    return name.isdecimal()


def _has(value: Any, of: Shape) -> bool:
    """Whether there is anything in *value*: most of a message need not be looked at in its text."""
    if isinstance(value, str):
        return bool(of.leaf)
    if isinstance(value, dict):
        if not of.members:
            return of.full
        if of.element is not None and any(
            _numbered(name) and _has(value[name], of.element) for name in value
        ):
            return True
        if (of.key and value) or (of.rest and any(_has(one, of.rest) for one in value.values())):
            return True
        if len(of.keys) < len(value):
            return any(name in value and _has(value[name], inner) for name, inner in of.keys.items())
        return any(name in of.keys and _has(one, of.keys[name]) for name, one in value.items())
    if isinstance(value, list):
        inner = of.element
        return of.full if inner is None else any(_has(one, inner) for one in value)
    return False


def _walk(text: str, at: int, value: Any, of: Shape, path: Path, found: list[Spot]) -> int:
    """Add what *value*, which begins at *at* and has something, has to *found*; where it ends."""
    if isinstance(value, str):
        end = jsontext.string(text, at)[1]
        found.append(Spot(of.leaf, at, end, value, path))
        return end
    if not (of.element if isinstance(value, list) else of.members):
        end = jsontext.skip(text, at)
        found.append(Spot(OTHER, at, end, "", path))
        return end
    at = jsontext.after(text, at + 1)
    if isinstance(value, list):
        assert of.element is not None
        for number, one in enumerate(value):
            at = jsontext.after(text, _one(text, at, one, of.element, (*path, number), found))
    else:
        while text[at] != "}":
            name, start = jsontext.key(text, at)
            inner = of.keys.get(name)
            if inner is None:
                inner = of.element if of.element is not None and _numbered(name) else of.rest
                if of.key:
                    end = jsontext.string(text, at)[1]
                    found.append(Spot(of.key, at, end, name, (*path, name), name=True))
            end = _one(text, start, value[name], inner or NOTHING, (*path, name), found)
            at = jsontext.after(text, end)
    return at + 1


def _one(text: str, at: int, value: Any, of: Shape, path: Path, found: list[Spot]) -> int:
    """A member or an element: where it ends."""
    return _walk(text, at, value, of, path, found) if _has(value, of) else jsontext.skip(text, at)


def strings(value: Any, of: Shape) -> list[tuple[str, str]] | None:
    """The kinds and values of the spots that *value* has; None where they are more than values of members.

    Nothing is looked for in the text: most of what a server says has nothing that is to be changed, or has
    the same URI many times.
    """
    found: list[tuple[str, str]] = []
    return found if _collect(value, of, found) else None


def _collect(value: Any, of: Shape, found: list[tuple[str, str]]) -> bool:
    """Add to *found*; whether there are only strings."""
    if isinstance(value, str):
        if of.leaf:
            found.append((of.leaf, value))
        return True
    if isinstance(value, list):
        inner = of.element
        if inner is None:
            return not of.full
        return all(_collect(one, inner, found) for one in value)
    if not isinstance(value, dict) or not of.full:
        return True
    if not of.members or of.key or of.rest or (of.element and any(map(_numbered, value))):
        return False
    for name, inner in of.keys.items():
        if name in value and not _collect(value[name], inner, found):
            return False
    return True


def swapped(text: str, part: jsontext.Part, counts: Mapping[str, int], new: Mapping[str, str]) -> str | None:
    """*text* with *new* strings for the spots of *part* that have these values, of which there are *counts*.

    None where it is not plain that a value is written nowhere else, or in another way: no string may have an
    escape, and none that is no spot may be the same.
    """
    said = text[part.start : part.end]
    if "\\" in said or not new.keys().isdisjoint(new.values()):
        return None
    for value in new:
        if not value[:1].isalpha() or said.count(f'"{value}"') != counts[value]:
            return None
    for value, there in new.items():
        said = said.replace(f'"{value}"', jsontext.written(there))
    return text[: part.start] + said + text[part.end :]


def spliced(text: str, changes: Sequence[tuple[Spot, str]]) -> str:
    """*text* with other strings in place of some of its spots, which are in the order of the text."""
    pieces, last = [], 0
    for spot, value in changes:
        pieces += [text[last : spot.start], jsontext.written(value)]
        last = spot.end
    return "".join((*pieces, text[last:]))


def within(name: str, of: Shape) -> Shape:
    """The shape of an object that has *of* as its member *name*."""
    made = Shape()
    made.keys[name] = of
    made.settle()
    return made


def removed(text: str, at: int, paths: Iterable[Path]) -> str:
    """*text* without the members and elements at *paths* of the value that begins at *at*."""
    pieces, last = [], 0
    for start, end in _cuts(text, at, paths):
        pieces.append(text[last:start])
        last = end
    return "".join((*pieces, text[last:]))


def _cuts(text: str, at: int, paths: Iterable[Path]) -> list[tuple[int, int]]:
    """What is to be cut out for what is at *paths*, with a comma each, in the order of the text."""
    below: dict[Any, list[Path]] = {}
    for path in paths:
        below.setdefault(path[0], []).append(path[1:])
    parts = _parts(text, at)
    gone = [() in below.get(step, ()) for step, _, _ in parts]
    starts = [start for _, start, _ in parts]
    ends = [jsontext.skip(text, value) for _, _, value in parts]
    cuts: list[tuple[int, int]] = []
    kept: int | None = None  # the last one that stays
    for number, (step, _, value) in enumerate(parts):
        if not gone[number]:
            cuts += _cuts(text, value, below[step]) if step in below else []
            kept = number
        elif number and gone[number - 1]:
            continue  # it is in the cut before
        else:
            last = next((one for one in range(number, len(parts)) if not gone[one]), len(parts))
            if last < len(parts):
                cuts.append((starts[number], starts[last]))
            else:
                cuts.append((starts[number] if kept is None else ends[kept], ends[-1]))
    return cuts


def _parts(text: str, at: int) -> list[tuple[Any, int, int]]:
    """What is in the value at *at*: names or numbers, where they begin, and where their values do."""
    if text[at] == "{":
        return list(jsontext.members(text, at))
    if text[at] == "[":
        return [(number, start, start) for number, start in enumerate(jsontext.elements(text, at))]
    return []
