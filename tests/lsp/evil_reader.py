"""Reads what an editor hears as editors do, generously, and complains of whatever it could act upon.

Which types there are is from another project than the table that is being tested. Where a value is of another
type, it is read as JavaScript and Lua read it: an object for a list, a list for a string.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urlsplit

import attrs
from lsprotocol import types as lsp
from markdown_it import MarkdownIt

from tests.lsp import corpus
from tests.lsp.conversation import ID

Name = tuple[str, str]
IN_MEMORY = f"file:///dev/shm/files/{ID}/gpu1/home/ada/train.py"
WEB = ("http", "https", "mailto")
RENDERERS = [MarkdownIt("gfm-like", {"html": html, "linkify": False}) for html in (False, True)]
for one in RENDERERS:
    one.validateLink = lambda url: True


class Acts(Exception):
    """The editor would do something that it must not."""


def check(value: Any, of: Any) -> int:
    """Look at *value*, of type *of*; how many things an editor could act upon are in it. Raises Acts."""
    count = 0
    for kind, said in actionable(of, value, ("", "")):
        CHECKS[kind](said)
        count += 1
    return count


def check_any(value: Any) -> None:
    """The same for a value of which nobody knows what it means: no string may be a URI of this machine."""
    if isinstance(value, str):
        found = re.match(r"[\s\x00-\x20\ufeff]*([A-Za-z][A-Za-z0-9+.-]*):(/?)", value)
        if found and (found[2] or found[1].lower() in ("file", "command", "javascript")):
            link(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            check_any(key)
            check_any(inner)
    elif isinstance(value, list):
        for inner in value:
            check_any(inner)


def actionable(of: Any, value: Any, name: Name) -> Iterator[tuple[str, str]]:
    """What is in *value*, read as being of type *of*: a kind and a string each."""
    if typing.get_origin(of) is typing.Union:
        an_object = any(attrs.has(one) for one in typing.get_args(of) if isinstance(one, type))
        for one in typing.get_args(of):
            numbered = an_object and isinstance(value, dict) and typing.get_origin(one) is not None
            yield from actionable(one, _numbered(value) if numbered else value, name)
    elif typing.get_origin(of) in (Sequence, typing.Sequence):
        inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else ()
        for one in inner:
            yield from actionable(typing.get_args(of)[0], one, name)
    elif typing.get_origin(of) in (Mapping, typing.Mapping):
        for key, one in value.items() if isinstance(value, dict) else ():
            if name in corpus.KEYS or name[1] == "related_documents":
                yield "document", key
            yield from actionable(typing.get_args(of)[1], one, ("", ""))
    elif isinstance(of, type) and attrs.has(of) and isinstance(value, dict):
        yield from _members(of, value)
    elif of is str and (kind := _kind(name)):
        text = ",".join(map(str, value)) if isinstance(value, list) else value
        if isinstance(text, str):
            yield kind, text


def _numbered(value: dict[str, Any]) -> dict[str, Any]:
    """What is in *value* where it may be an object, and is read as a list."""
    return {key: one for key, one in value.items() if key.isdecimal()}


def _members(of: type[Any], value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    attrs.resolve_types(of, lsp.ALL_TYPES_MAP, {})  # type: ignore[arg-type]
    operation = value.get("kind") in ("create", "rename", "delete")
    if of.__name__ in corpus.REFUSED and operation and {"uri", "oldUri", "newUri"} & set(value):
        yield "operation", str(value)
    if of.__name__ == "ShowDocumentParams" and value.get("external"):
        yield "operation", "external"
    for one in attrs.fields(of):
        member = corpus.spelled(one.name)
        if member in value and not (of.__name__ in corpus.REFUSED and not operation):
            yield from actionable(one.type, value[member], (of.__name__, one.name))


def _kind(name: Name) -> str:
    owner, member = name
    if member in corpus.URIS or name in corpus.MORE_URIS:
        return "document"
    if name in corpus.LINKS:
        return "link"
    if name in corpus.COMMANDS or member == "commands":
        return "command"
    markdown = member in ("documentation", "contents", "tooltip") or owner in ("MarkupContent",)
    return "markdown" if markdown else ""


def document(said: str) -> None:
    if said == IN_MEMORY:
        return
    parts = urlsplit(said)
    fit = parts.query in ("", ID) and re.fullmatch(r"[\w.,:;=+-]*", parts.fragment)
    if not said.startswith("rbridge://gpu1/") or not fit or "/../" in unquote(parts.path) + "/":
        raise Acts(f"a document: {said}")
    if re.search(r"[\x00-\x20\\\x7f]", said):
        raise Acts(f"a document: {said!r}")


def link(said: str) -> None:
    if not re.match("(https?://|mailto:)", said, re.IGNORECASE):
        document(said)


def command(said: str) -> None:
    harmless = ("editor.action.triggerParameterHints", "editor.action.triggerSuggest")
    if said not in harmless and not said.startswith("pylsp@gpu1:"):
        raise Acts(f"a command: {said}")


def operation(said: str) -> None:
    raise Acts(f"an operation: {said}")


def markdown(said: str) -> None:
    """A text, as Markdown with and without HTML."""
    if "](" not in said and "<" not in said and "]:" not in said:
        return
    for renderer in RENDERERS:
        page = Page()
        page.feed(renderer.render(said))
        page.close()
        for there in page.followed:
            scheme, colon, _ = re.sub(r"[\x00-\x20]", "", unquote(there)).partition(":")
            path = there.startswith(("/", "\\", "~", "."))
            named = colon and re.fullmatch(r"[A-Za-z]\w*", scheme, re.ASCII)
            if there == IN_MEMORY:
                continue
            if path or (named and scheme.lower() not in (*WEB, "rbridge")):
                raise Acts(f"a link: {there}, in {said!r}")
            if scheme.lower() == "rbridge":
                document(there)
        if any(there not in ("", "#") for there in page.loaded):
            raise Acts(f"a picture: {page.loaded}, in {said!r}")


class Page(HTMLParser):
    """What a page has as links, and what it loads or runs by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.followed: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "srcset", "poster", "style", "background") or name.startswith("on"):
                self.loaded.append(value or "")
            elif name in ("href", "xlink:href", "action", "formaction"):
                self.followed.append(value or "")


CHECKS = {
    "command": command,
    "document": document,
    "link": link,
    "markdown": markdown,
    "operation": operation,
}
