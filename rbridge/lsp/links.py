"""Links in Markdown that a language server wrote: what an editor would open at a click, or load by itself.

A link may lead to the web, or to a file of the host. One with any other scheme leads nowhere: an editor may
run a command for ``command:``, and opens files of the laptop for ``file:``. Pictures are not loaded: the host
would learn from where, and when, they are looked at. What only looks like a link, in code, is treated as one;
what may be a picture or a link, as a picture.

Specification: CommonMark 0.31, and HTML as browsers read it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from html import unescape
from urllib.parse import unquote

NOWHERE = "#"
WEB = ("http", "https", "mailto")

# Where a line ends within a link, the next one may begin with the mark of a quotation.
_TARGET = re.compile(
    r"""(?P<close> \]\([\s>]* | \][ \t]*:[\s>]* )
        (?P<quote> (?: <[ \t]* )? )
        (?P<there> (?: \\. | [^\\\s<>"'()] | \([^\s<>"'()]*\) )+ )""",
    re.VERBOSE,
)
_AUTOLINK = re.compile(r"<(?P<there>[A-Za-z&\\][^<>\s:]*:(?!:)[^<>\s]*)>")  # C++ has ::
_TAG = re.compile(r"""<[A-Za-z](?:[^<>"']|"[^"]*"|'[^']*')*""")
_ATTRIBUTE = re.compile(
    r"""(?P<name> (?<=[\s"'/]) [^\s"'<>/=]+ ) (?P<is> \s*=\s* )
        (?: "(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<bare>[^\s"'>]+) )""",
    re.VERBOSE,
)
_FOLLOWED = ("action", "cite", "formaction", "href", "longdesc", "xlink:href")
_LOADED = (
    "background", "code", "codebase", "data", "dynsrc", "lowsrc", "manifest", "ping", "poster", "src",
    "srcdoc", "srcset", "style",
)  # fmt: skip
_DEFINITION = re.compile(r"\[(?P<label>(?:\\.|[^\\\[\]])+)\]:")
_BRACKET = re.compile(r"!?\[|\]")
_BETWEEN = re.compile(r"(\n[ \t>]*\n)")  # paragraphs
_CODE = re.compile(r"(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)")
_DOUBTFUL = re.compile(r"[`<\\|~]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PATH = re.compile(r"[/\\~.]|.*/\.\./")  # what some editors look for on their own machine
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_IGNORED = re.compile(r"[\x00-\x20\x7f-\xa0\xad\u200b-\u200f\u2028-\u202f\ufeff]")
_BLANKS = re.compile(r"[\s>]+")

Rename = Callable[[str], str | None]
"""What the editor calls a ``file:`` URI of the server, None if that is nothing of its host."""


def harmless(text: str, rename: Rename) -> str:
    """*text*, Markdown, with links to nothing but the web, and files that *rename* knows."""
    if "](" not in text and "]:" not in text and "<" not in text:
        return text
    pictures = _pictures(text) if "![" in text else frozenset()
    made: set[str | None] = set()

    def target(found: re.Match[str]) -> str:
        there = NOWHERE if found.start() in pictures else allowed(found["there"], rename)
        made.add(there)
        return found[0] if there is None else found["close"] + found["quote"] + there

    def autolink(found: re.Match[str]) -> str:
        there = None if found["there"] in made else allowed(found["there"], rename)
        return found[0] if there is None else f"<{there}>" if ":" in there else there

    text = _TARGET.sub(target, text)
    if "<" not in text:
        return text
    attribute = partial(_attribute, rename=rename)
    return _AUTOLINK.sub(autolink, _TAG.sub(lambda tag: _ATTRIBUTE.sub(attribute, tag[0]), text))


def allowed(there: str, rename: Rename) -> str | None:
    """What has to stand in place of the target *there*; None if that may stay."""
    meant = _IGNORED.sub("", _ESCAPE.sub(r"\1", unescape(there)))
    found = _SCHEME.match(meant)
    if found is None:
        if _PATH.match(meant):
            return rename(f"file://{meant}") or NOWHERE
        bare = unquote(meant)
        return NOWHERE if _PATH.match(bare) or _SCHEME.match(bare) else None
    if found[1].lower() in WEB:
        return None
    if found[1].lower() == "file":
        return rename(meant) or NOWHERE
    return NOWHERE


def _attribute(found: re.Match[str], rename: Rename) -> str:
    """An attribute of an element of HTML."""
    name = found["name"].lower()
    value = next(one for one in (found["double"], found["single"], found["bare"]) if one is not None)
    there: str | None = None
    if name in _LOADED or name.startswith("on"):
        there = NOWHERE
    elif name in _FOLLOWED:
        there = allowed(value, rename)
    return found[0] if there is None else f'{found["name"]}{found["is"]}"{there}"'


def _pictures(text: str) -> frozenset[int]:
    """Where in *text* the brackets close behind which a picture's target stands."""
    found: set[int] = set()
    labels: set[str] = set()
    at = 0
    for paragraph in _BETWEEN.split(text):
        if "![" in paragraph:
            _in_paragraph(paragraph, at, found, labels)
        at += len(paragraph)
    if labels:
        for one in _DEFINITION.finditer(text):
            if _normal(one["label"]) in labels:
                found.add(one.end() - 2)
    return frozenset(found)


def _in_paragraph(text: str, at: int, found: set[int], labels: set[str]) -> None:
    """Add to *found* and *labels* what *text*, which begins at *at*, has as targets and names of pictures.

    Where more than code within a line may hide brackets, whatever comes after ``![`` is a picture.
    """
    plain = _CODE.sub(lambda code: " " * len(code[0]), text)
    doubtful = _DOUBTFUL.search(plain) is not None
    if doubtful:
        plain = text
    opened: list[tuple[bool, int]] = []  # whether it is a picture's, and where the text in the bracket begins
    after = -1  # where a picture's text has ended, and its label may follow
    any_yet = False
    for one in _BRACKET.finditer(plain):
        if one[0] != "]":
            picture = one[0] == "![" or one.start() == after
            any_yet = any_yet or picture
            opened.append((picture, one.end()))
            continue
        picture, begin = opened.pop() if opened else (False, 0)
        if picture or (doubtful and any_yet):
            labels.add(_normal(text[begin : one.start()]))
            found.add(at + one.start())
            after = one.end()


def _normal(label: str) -> str:
    """A label as it is compared with another."""
    return _BLANKS.sub(" ", label).strip().casefold()
