"""Snippets in completions: texts that some editors do not only insert.

The specification's have places to fill in, and variables. What expands them in Emacs also runs what stands in
backquotes, or in ``$(...)``, as Lisp; in Vim, as a command of the shell; and elsewhere a variable may be the
clipboard. A snippet with any of that becomes the plain text that it begins with.

Specification: LSP 3.18, "Snippet Syntax"; what is added by yasnippet 0.14, UltiSnips 3.2, Visual Studio Code.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

METHODS = frozenset(("textDocument/completion", "completionItem/resolve", "textDocument/inlineCompletion"))
"""What is answered with snippets."""

SNIPPET = 2  # InsertTextFormat
PLAIN = 1
VARIABLES = frozenset(
    (
        "TM_CURRENT_LINE",
        "TM_CURRENT_WORD",
        "TM_FILENAME",
        "TM_FILENAME_BASE",
        "TM_LINE_INDEX",
        "TM_LINE_NUMBER",
        "TM_SELECTED_TEXT",
    )
)
"""Those that say nothing but what the document is."""

_ESCAPED = re.compile(r"\\.", re.DOTALL)
_RUN = re.compile(r"`|\$\(")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
_PLACE = re.compile(
    r"""\$\{ \w+ (?: :(?P<default>[^${}]*) | \|(?P<choice>[^,|{}]*)[^{}]* | [^{}:|]* ) \} | \$\w+ """,
    re.VERBOSE,
)
_TEXTS = ("insertText", "textEditText", "label")


def harmless(method: str, result: Any) -> Any:
    """The *result* of *method* without snippets that do more; the same object where there was none."""
    if not any(does_more(of[name]) for _, found in _snippets(method, result) for of, name in found):
        return result
    made = copy.deepcopy(result)
    for item, found in _snippets(method, made):
        if any(does_more(of[name]) for of, name in found):
            for of, name in found:
                of[name] = plain(of[name])
            if method == "textDocument/inlineCompletion":
                item["insertText"] = item["insertText"]["value"]
            else:
                item["insertTextFormat"] = PLAIN
    return made


def _snippets(method: str, result: Any) -> Iterator[tuple[Any, list[tuple[Any, str]]]]:
    """The completions in *result* that are snippets, and where their texts are."""
    default = SNIPPET if method == "completionItem/resolve" else None
    if isinstance(result, dict) and isinstance(result.get("itemDefaults"), dict):
        default = result["itemDefaults"].get("insertTextFormat")
    listed = result.get("items", [result]) if isinstance(result, dict) else result
    for item in listed if isinstance(listed, list) else ():
        if not isinstance(item, dict):
            continue
        if method == "textDocument/inlineCompletion":
            places: list[tuple[Any, str]] = [(item.get("insertText"), "value")]
        elif item.get("insertTextFormat", default) == SNIPPET:
            places = [*((item, name) for name in _TEXTS), (item.get("textEdit"), "newText")]
        else:
            continue
        yield (
            item,
            [one for one in places if isinstance(one[0], dict) and isinstance(one[0].get(one[1]), str)],
        )


def does_more(text: str) -> bool:
    """Whether an editor might do anything with the snippet *text* but insert it."""
    bare = _ESCAPED.sub("", text)
    return bool(_RUN.search(bare)) or any(one not in VARIABLES for one in _VARIABLE.findall(bare))


def plain(snippet: str) -> str:
    """What stands in the text before any place is filled in."""
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found[0][1])
        return f"\0{len(kept) - 1}\0"

    text, last = _ESCAPED.sub(keep, snippet.replace("\0", "")), ""
    while text != last:  # from the innermost place outwards
        text, last = _PLACE.sub(lambda found: found["default"] or found["choice"] or "", text), text
    return re.sub("\0([0-9]+)\0", lambda found: kept[int(found[1])], text)
