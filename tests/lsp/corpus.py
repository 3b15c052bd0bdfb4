"""Messages of every kind that the protocol has, made of the types that another project has made of its model.

What is in them is what a bridge could be tempted to change: texts that begin like a URI, numbers in unusual
spellings, blanks, escapes, members that nobody knows. Only a :class:`Slot` differs between the two sides.
Which members those are is said here by their names, and nowhere taken from the table that is being tested.
"""

from __future__ import annotations

import enum
import itertools
import json
import random
import typing
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import attrs
from lsprotocol import types as lsp

DEEP = 9  # levels, then only what has to be there

TEXTS = (
    "file:///home/ada/train.py",
    "rbridge://gpu1/home/ada/train.py?0123456789abcdef01234567",
    'file:///etc/passwd "is" a \\ file\n\tof this machine',
    "gr\u00fc\u00df \u4f60\u597d \U0001f600 \u2028\u00a0\x7f",
    "half \ud800 a character",
    "pylsp@gpu1:run command:x",
    "",
    "std::map<std::string, int> a[i](x) & vec![1]",
)
NUMBERS = ("0", "-1", "9", "9007199254740993", "123456789012345678901234567890", "1.0e0", "-0", "1E2", "0.10")
UNKNOWN = {
    "uri": TEXTS[0],
    "jsonrpc": "1.0",
    "command": {"command": "x", "title": TEXTS[2]},
    "documentation": {"value": "[x](command:y)"},
    "list": [None, True, [], {}],
}
FRESH = "x-unheard-of"  # a member that is in every object

URIS = {"uri", "target_uri", "old_uri", "new_uri", "scope_uri", "base_uri", "root_uri"}
MORE_URIS = {("NotebookCell", "document")}
LINKS = {("CodeDescription", "href"), ("DocumentLink", "target")}
COMMANDS = {("Command", "command"), ("ExecuteCommandParams", "command")}
KEYS = {("WorkspaceEdit", "changes")}
MARKDOWN = "[docs](https://docs.example/a_(b)) `x` <https://docs.example/> ~~~ file:///home/ada/train.py"
FIXED: dict[tuple[str, str], Any] = {
    ("ConfigurationItem", "section"): "python.analysis",
    ("ShowDocumentParams", "external"): False,
    ("MarkupContent", "value"): MARKDOWN,
    ("Unregistration", "id"): "u",
    ("Unregistration", "method"): "textDocument/hover",
}
"""What is left out or refused otherwise, as other tests show."""

REFUSED = ("CreateFile", "RenameFile", "DeleteFile")


@dataclass(frozen=True)
class Slot:
    """A string that *server* and *editor* write differently."""

    server: str
    editor: str


@dataclass(frozen=True)
class Digits:
    """A number as it is spelled."""

    text: str


@dataclass
class Message:
    """A text of *pieces*, for either side."""

    pieces: list[str | Slot] = field(default_factory=list)

    def __str__(self) -> str:
        return self.text("server")

    def text(self, side: str) -> str:
        said = (one if isinstance(one, str) else json.dumps(getattr(one, side)) for one in self.pieces)
        return "".join(said)


class Maker:
    """Makes values of types, each time with another choice where there is one; *seed* makes them the same
    again. *slots* are URIs, *schemes* the two sides' in filters.
    """

    def __init__(self, seed: str, slots: Sequence[Slot], scheme: Slot, prefix: str) -> None:
        self.random = random.Random(seed)
        self.seen: set[tuple[Any, ...]] = set()
        self._visits: Counter[tuple[Any, ...]] = Counter()
        self._texts = itertools.cycle(TEXTS)
        self._numbers = itertools.cycle(NUMBERS)
        self._uris = itertools.cycle(slots)
        self._links = itertools.cycle([Slot("https://x.example/a", "https://x.example/a"), *slots])
        self._scheme = scheme
        self._prefix = prefix

    def value(self, of: Any, name: tuple[str, str], depth: int = 0) -> Any:
        """A value of type *of*, for the member *name*, a structure's and its own."""
        found = self._special(name)
        a_list = typing.get_origin(of) in (Sequence, typing.Sequence)
        if found is not None and (of is str or (str in typing.get_args(of) and not a_list) or name in FIXED):
            return found
        if typing.get_origin(of) is typing.Union:
            return self._one_of(typing.get_args(of), name, depth)
        if typing.get_origin(of) is typing.Literal:
            return typing.get_args(of)[0]
        if a_list:
            (inner,) = typing.get_args(of)[:1]
            return [self.value(inner, name, depth + 1) for _ in range(0 if depth > DEEP else 2)]
        if typing.get_origin(of) in (Mapping, typing.Mapping):
            return self._map(of, name, depth)
        if isinstance(of, type) and issubclass(of, enum.Enum):
            return next(iter(of)).value
        if isinstance(of, type) and attrs.has(of):
            return self.structure(of, depth)
        return self._plain(of)

    def structure(self, of: type[Any], depth: int = 0) -> dict[str, Any]:
        """An object with every member that it can have, and one that it has not."""
        attrs.resolve_types(of, lsp.ALL_TYPES_MAP, {})  # type: ignore[arg-type]
        made: dict[str, Any] = {}
        for one in attrs.fields(of):
            if depth > DEEP and one.default is not attrs.NOTHING:
                continue
            made[spelled(one.name)] = self.value(one.type, (of.__name__, one.name), depth + 1)
        made[FRESH] = UNKNOWN
        return made

    def _special(self, name: tuple[str, str]) -> Any:
        owner, member = name
        if name in FIXED:
            return FIXED[name]
        if member in URIS or name in MORE_URIS:
            return next(self._uris)
        if name in LINKS:
            return next(self._links)
        if name in COMMANDS or member == "commands":
            return Slot("fix", f"{self._prefix}fix")
        if member == "scheme" and "Filter" in owner:
            return self._scheme
        if member == "pattern":
            return "**/*.py"
        if member in ("documentation", "contents", "tooltip"):
            return MARKDOWN
        return None

    def _one_of(self, alternatives: Sequence[Any], name: tuple[str, str], depth: int) -> Any:
        fit = [one for one in alternatives if getattr(one, "__name__", "") not in REFUSED]
        fit.sort(key=lambda one: one is type(None))
        mark = (*name, *map(str, fit))
        number = self._visits[mark] % len(fit)
        if depth > DEEP and type(None) in fit:
            number = len(fit) - 1
        self._visits[mark] += 1
        self.seen.add((*mark, number))
        of = fit[number]
        if typing.get_origin(of) in (Sequence, typing.Sequence) or of not in (str,):
            return self._inner(of, name, depth)
        return self.value(of, name, depth)

    def _inner(self, of: Any, name: tuple[str, str], depth: int) -> Any:
        if of is type(None):
            return None
        if isinstance(of, type) and (of in (int, bool, float, object) or issubclass(of, enum.Enum)):
            return self._plain(of) if not issubclass(of, enum.Enum) else next(iter(of)).value
        return self.value(of, (name[0], name[1]) if not attrs.has(of) else (of.__name__, ""), depth)

    def _map(self, of: Any, name: tuple[str, str], depth: int) -> Any:
        _, inner = typing.get_args(of)
        of_uris = name in KEYS or name[1] == "related_documents"
        names: list[Any] = [next(self._uris) if of_uris else next(self._texts)]
        return [(one, self.value(inner, ("", ""), depth + 1)) for one in names] or {}

    def _plain(self, of: Any) -> Any:
        if of is str:
            return next(self._texts)
        if of is bool:
            return self.random.random() < 0.5
        if of in (int, float):
            return Digits(next(self._numbers))
        if of is type(None):
            return None
        return UNKNOWN  # anything

    def written(self, value: Any) -> Message:
        """*value* as a text, with blanks and escapes as a program may set them."""
        message = Message()
        self._write(value, message.pieces)
        return message

    def _write(self, value: Any, out: list[str | Slot]) -> None:
        if isinstance(value, Slot):
            out.append(value)
        elif isinstance(value, Digits):
            out.append(value.text)
        elif isinstance(value, str):
            out.append(self._string(value))
        elif isinstance(value, dict) or (
            isinstance(value, list) and value and all(isinstance(one, tuple) for one in value)
        ):
            self._write_members(list(value.items()) if isinstance(value, dict) else value, out)
        elif isinstance(value, list):
            out.append("[" + self._blank())
            for number, one in enumerate(value):
                out.append("," + self._blank() if number else "")
                self._write(one, out)
            out.append(self._blank() + "]")
        else:
            out.append(json.dumps(value))

    def _write_members(self, members: list[tuple[Any, Any]], out: list[str | Slot]) -> None:
        self.random.shuffle(members)
        out.append("{" + self._blank())
        for number, (name, one) in enumerate(members):
            out.append("," + self._blank() if number else "")
            out.append(name if isinstance(name, Slot) else self._string(name))
            out.append(self._blank() + ":" + self._blank())
            self._write(one, out)
        out.append(self._blank() + "}")

    def _blank(self) -> str:
        return self.random.choice(("", "", "", " ", "\n", "\t", "\r\n  "))

    def _string(self, value: str) -> str:
        return '"' + "".join(map(self._character, value)) + '"'

    def _character(self, one: str) -> str:
        code = ord(one)
        if one in '"\\' or code < 0x20:
            return json.dumps(one)[1:-1]
        if 0xD800 <= code < 0xE000 or (code < 0xD800 and self.random.random() < 0.03):
            return f"\\u{code:04x}"
        if code > 0x7F and self.random.random() < 0.5:
            return json.dumps(one)[1:-1]
        return "\\/" if one == "/" and self.random.random() < 0.1 else one


@dataclass(frozen=True)
class Part:
    """What is made: the *part* of the messages of *method*, of a type."""

    method: str
    part: str  # params, result or partial
    of: Any


def parts() -> Iterator[Part]:
    """Every part of every message of the protocol."""
    for method, (asked, answered, params, _) in sorted(lsp.METHOD_TO_TYPES.items()):
        yield Part(method, "params", params)
        if answered is None:
            continue
        attrs.resolve_types(asked, lsp.ALL_TYPES_MAP, {})  # type: ignore[arg-type]
        attrs.resolve_types(answered, lsp.ALL_TYPES_MAP, {})  # type: ignore[arg-type]
        result = next(one.type for one in attrs.fields(answered) if one.name == "result")
        yield Part(method, "result", result)
        if params is not None and "partial_result_token" in {one.name for one in attrs.fields(params)}:
            yield from _partial(method, result)


def _partial(method: str, result: Any) -> Iterator[Part]:
    if method == "textDocument/diagnostic":
        yield Part(method, "partial", lsp.DocumentDiagnosticReportPartialResult)
    elif method == "workspace/diagnostic":
        yield Part(method, "partial", lsp.WorkspaceDiagnosticReportPartialResult)
    else:
        for one in typing.get_args(result):
            if typing.get_origin(one) in (Sequence, typing.Sequence):
                yield Part(method, "partial", one)


def options() -> Iterator[Part]:
    """The options with which methods are registered."""
    for method, (_, _, _, of) in sorted(lsp.METHOD_TO_TYPES.items()):
        if of is not None:
            yield Part(method, "options", of)


def spelled(name: str) -> str:
    """The member of JSON that is *name* in Python."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(one[:1].upper() + one[1:] for one in rest)
