"""Writes ``rbridge/lsp/model.py`` out of the meta model of the Language Server Protocol.

``python -m tests.lsp.model metaModel.json`` takes the file of that name which is published with the
specification (microsoft.github.io/language-server-protocol) and with vscode-languageserver-node.
"""

from __future__ import annotations

import json
import pprint
import sys
from pathlib import Path
from typing import Any

OUT = Path(__file__).parents[2] / "rbridge/lsp/model.py"

HEAD = '''"""Where in the messages of the protocol there is what has to be looked at on the way.

Written by ``python -m tests.lsp.model`` out of the meta model of version {version}; not to be edited.

A type is a tuple of alternatives: a letter, ``@NAME`` of one in STRUCTURES, ``("[]", type)`` for an array,
and ``("{{}}", letter, type)`` for an object whose keys are of a kind. The letters:

D a document's URI, U another resource's, L a link that is followed at a click, F a file that is to be
created, renamed or deleted, P a path, S a URI's scheme in a filter, G a glob in a filter, C the name of a
command, K Markdown. Long, because it is a table.
"""

'''

LEAVES = {
    ("CodeDescription", "href"): "L",
    ("DocumentLink", "target"): "L",
    ("CreateFile", "uri"): "F",
    ("DeleteFile", "uri"): "F",
    ("RenameFile", "oldUri"): "F",
    ("RenameFile", "newUri"): "F",
    ("FileCreate", "uri"): "D",
    ("FileDelete", "uri"): "D",
    ("FileRename", "oldUri"): "D",
    ("FileRename", "newUri"): "D",
    ("_InitializeParams", "rootPath"): "P",
    ("Command", "command"): "C",
    ("ExecuteCommandParams", "command"): "C",
    ("MarkupContent", "value"): "K",
    ("FileOperationFilter", "scheme"): "S",
    **{(f"TextDocumentFilter{kind}", "scheme"): "S" for kind in ("Language", "Scheme", "Pattern")},
    **{(f"NotebookDocumentFilter{kind}", "scheme"): "S" for kind in ("NotebookType", "Scheme", "Pattern")},
}
"""What the meta model has as a string, or as any URI."""

GLOBS = {
    f"{of}DocumentFilter{kind}"
    for of in ("Text", "Notebook")
    for kind in ("Language", "Scheme", "Pattern", "NotebookType")
}
"""Where ``pattern``, as a string, is matched with a whole path."""

ALSO_MARKDOWN = {
    ("CompletionItem", "documentation"),
    ("InlayHint", "tooltip"),
    ("InlayHintLabelPart", "tooltip"),
    ("ParameterInformation", "documentation"),
    ("SignatureInformation", "documentation"),
}
"""Where a string has to be plain text, and some editors have it as Markdown all the same."""

OPAQUE = ("LSPAny", "LSPObject", "LSPArray")

Type = tuple[Any, ...]


class Model:
    """The meta model *said*."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.said = said
        self.structures = {one["name"]: one for one in said["structures"]}
        self.aliases = {one["name"]: one["type"] for one in said["typeAliases"]}
        self.found: dict[str, dict[str, Type]] = {}

    def structure(self, name: str) -> dict[str, Type]:
        """The properties of structure *name*, with what it inherits, that are worth a look."""
        of = self.structures[name]
        properties: dict[str, Type] = {}
        for other in (*of.get("extends", ()), *of.get("mixins", ())):
            properties.update(self.structure(other["name"]))
        properties.update(self.properties(of["properties"], name))
        return properties

    def properties(self, listed: list[dict[str, Any]], name: str) -> dict[str, Type]:
        found = {}
        for one in listed:
            leaf = LEAVES.get((name, one["name"]))
            found[one["name"]] = (leaf,) if leaf else self.type(one["type"])
            if (name, one["name"]) == ("ExecuteCommandOptions", "commands"):
                found[one["name"]] = (("[]", ("C",)),)
            if (name, one["name"]) in ALSO_MARKDOWN:
                found[one["name"]] = ("K", *found[one["name"]])
            if one["name"] == "pattern" and name in GLOBS:
                found[one["name"]] = ("G", *found[one["name"]])
        return {key: value for key, value in found.items() if value}

    def type(self, said: dict[str, Any] | None) -> Type:
        """What there is in a value of this type, () if nothing."""
        if said is None:
            return ()
        kind = said["kind"]
        if kind == "base":
            return {"DocumentUri": ("D",), "URI": ("U",)}.get(said["name"], ())
        if kind == "reference":
            return self.reference(said["name"])
        if kind == "array":
            element = self.type(said["element"])
            return (("[]", element),) if element else ()
        if kind == "map":
            key, value = self.type(said["key"]), self.type(said["value"])
            return (("{}", key[0] if key else "", value),) if key or value else ()
        if kind == "literal":
            literal = self.properties(said["value"]["properties"], "")
            return (literal,) if literal else ()
        if kind in ("or", "and", "tuple"):
            alternatives: list[Any] = []
            for item in said["items"]:
                alternatives += [one for one in self.type(item) if one not in alternatives]
            return tuple(alternatives)
        return ()

    def reference(self, name: str) -> Type:
        if name in OPAQUE:
            return ()
        if name == "MarkedString":
            return ("K", {"language": ("K",), "value": ("K",)})  # code in Markdown, if it ends where it says
        if name in self.aliases:
            return self.type(self.aliases[name])
        if name not in self.structures:
            return ()
        if name not in self.found:
            self.found[name] = {}  # a type that has itself in it has what else it has
            self.found[name] = self.structure(name)
        return (f"@{name}",)

    def messages(self) -> dict[str, dict[str, Type]]:
        """By method: the types of its parts."""
        parts = ("params", "result", "partialResult", "registrationOptions")
        found = {}
        for one in (*self.said["requests"], *self.said["notifications"]):
            found[one["method"]] = {part: self.type(one.get(part)) for part in parts}
        return found

    def registrations(self) -> dict[str, str]:
        """The methods that are registered under another name."""
        every = (*self.said["requests"], *self.said["notifications"])
        return {
            one["method"]: one["registrationMethod"]
            for one in every
            if one.get("registrationMethod", one["method"]) != one["method"]
        }


def pruned(found: dict[str, dict[str, Type]]) -> dict[str, dict[str, Type]]:
    """Only the structures that have anything, and in them only what leads to it."""
    full: set[str] = set()

    def worth(type_: Any) -> bool:
        if isinstance(type_, dict):
            return any(worth(one) for types in type_.values() for one in types)
        if isinstance(type_, str):
            return type_[1:] in full if type_.startswith("@") else True
        if type_[0] == "[]":
            return any(map(worth, type_[1]))
        if type_[0] == "{}":
            return bool(type_[1]) or any(map(worth, type_[2]))
        raise ValueError(type_)

    def cut(type_: Any) -> Any:
        if isinstance(type_, dict):
            return properties(type_)
        if isinstance(type_, str):
            return type_
        return (*type_[:-1], tuple(cut(one) for one in type_[-1] if worth(one)))

    def properties(of: dict[str, Type]) -> dict[str, Type]:
        left = {key: tuple(cut(one) for one in type_ if worth(one)) for key, type_ in of.items()}
        return {key: type_ for key, type_ in left.items() if type_}

    while True:
        more = {name for name, of in found.items() if any(worth(one) for t in of.values() for one in t)}
        if more == full:
            break
        full |= more
    return {name: properties(of) for name, of in found.items() if name in full}


def written(said: dict[str, Any]) -> str:
    """The module for the meta model *said*."""
    model = Model(said)
    messages = model.messages()
    kept = pruned({**model.found, **{f" {method}": parts for method, parts in messages.items()}})
    parts = {method: kept.get(f" {method}", {}) for method in messages}
    structures = {name: of for name, of in kept.items() if not name.startswith(" ")}
    tables: list[tuple[str, str, Any]] = [
        ("STRUCTURES", "dict[str, dict[str, tuple[Any, ...]]]", structures),
        *(
            (name, "dict[str, tuple[Any, ...]]", {m: of[part] for m, of in parts.items() if part in of})
            for name, part in (
                ("PARAMS", "params"),
                ("RESULTS", "result"),
                ("PARTIAL", "partialResult"),
                ("OPTIONS", "registrationOptions"),
            )
        ),
        ("REGISTERED_AS", "dict[str, str]", model.registrations()),
        ("TO_EDITOR", "tuple[str, ...]", directed(said, "serverToClient")),
        ("TO_SERVER", "tuple[str, ...]", directed(said, "clientToServer")),
    ]
    text = HEAD.format(version=said["metaData"]["version"])
    text += "from __future__ import annotations\n\nfrom typing import Any\n\n# fmt: off\n# ruff: noqa: E501\n"
    for name, kind, value in tables:
        text += f"\n{name}: {kind} = {pprint.pformat(value, width=108, sort_dicts=True)}\n"
    return text


def directed(said: dict[str, Any], way: str) -> tuple[str, ...]:
    """The methods that go this way, or both."""
    every = (*said["requests"], *said["notifications"])
    return tuple(sorted(one["method"] for one in every if one["messageDirection"] in (way, "both")))


if __name__ == "__main__":
    OUT.write_text(written(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), encoding="utf-8")
