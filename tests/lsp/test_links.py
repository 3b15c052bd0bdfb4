"""Links in Markdown: what may stay, and what leads nowhere, also as a renderer sees it."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rbridge.lsp import links


def rename(uri: str) -> str | None:
    return uri.replace("file://", "rbridge://gpu1") if uri.startswith("file:///home/") else None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain: text",
        'See [the docs](https://docs.python.org/3/library/os.html#os.path "title").',
        "[a](http://x) <https://y> <mailto:a@b.c> [r]: https://z",
        "[section](#below) [relative](other.md) [odd](a(b)c)",
        "file:///home/u/x.py is a file, https://x/ is not",
        "```rust\nlet v = vec![1, 2];\n```\n\n[docs](https://docs.rs/) and `vec![]`: [a][b]\n\n[b]: https://y",
        ">>> data = \"key:value\"; src='a:b'",
        "a < b and href = c:d",
        "```cpp\nauto f = [](int x) { return a[i](x); };\n```",
        "```python\nd: dict[str, int] = {}\nx = y[1:2]\n```",
        "`List<std::string>` and `a < b: c`",
        "Returns:\n    dict[str]: the result",
        "a `Optional[int]`: the number",
    ],
)
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert links.harmless(text, rename) == text


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("[a](command:x.y?%5B1%5D)", "[a](#)"),
        ("[a](<command:x y>)", "[a](<# y>)"),
        ("[a](\n  command:x)", "[a](\n  #)"),
        ("[a](COMMAND:x)", "[a](#)"),
        ("[a](&#99;ommand:x)", "[a](#)"),
        ("[a](&#x63;ommand&colon;x)", "[a](#)"),
        (r"[a](c\ommand\:x)", r"[a](c\ommand\:x)"),
        (r"[a](command\:x)", "[a](#)"),
        ("[a](file:///etc/passwd)", "[a](#)"),
        ("[a](file:///home/u/x.py#L3)", "[a](rbridge://gpu1/home/u/x.py#L3)"),
        ("[a](javascript:alert(1))", "[a](#)"),
        ("[a](vscode://x/y) [b](data:text/html,x)", "[a](#) [b](#)"),
        ("[a]: command:x", "[a]: #"),
        ("[a]:\n command:x", "[a]:\n #"),
        ("<command:x>", "#"),
        ("<file:///home/u/x.py>", "<rbridge://gpu1/home/u/x.py>"),
        ('<a href="command:x">', '<a href="#">'),
        ("<a href=command:x>", '<a href="#">'),
        ('<a href=" command:x">', '<a href="#">'),
        ("<a href='com\tmand:x' >", '<a href="#" >'),
        ("<A title='>'\nHREF\n=\ncommand:x>", "<A title='>'\nHREF\n=\n\"#\">"),
        ("<a it's href=\"command:x\" '>", "<a it's href=\"#\" '>"),
        ('<button formaction="&#99;ommand:x" onclick="x()">', '<button formaction="#" onclick="#">'),
        ('<img src="https://evil/x.png"/>', '<img src="#"/>'),
        ("<p style=background:url(//evil)>", '<p style="#">'),
        ("> [a]:\n> command:x", "> [a]:\n> #"),
        ("> [a](\n> command:x)", "> [a](\n> #)"),
        ("[a](/etc/passwd) [b](../x) [c](~/x) [d](//evil/x)", "[a](#) [b](#) [c](#) [d](#)"),
        ("[a](<file:///home/u/x.py>)", "[a](<rbridge://gpu1/home/u/x.py>)"),
        ("[a](/home/u/x.py)", "[a](rbridge://gpu1/home/u/x.py)"),
        ("[a](x/../../etc)", "[a](#)"),
        ("![p](//evil/x.png)", "![p](#)"),
        ("![p\nq](https://evil/x.png)", "![p\nq](#)"),
        ("![p](\n> https://evil/x.png)", "![p](\n> #)"),
        ("![p `]` q](https://evil/x.png)", "![p `]` q](#)"),
        ("![p][R  s]\n\n[r\ns]: https://evil/x", "![p][R  s]\n\n[r\ns]: #"),
        ("![r]\n\n[R]: https://evil/x\n[s]: https://fine/", "![r]\n\n[R]: #\n[s]: https://fine/"),
        ("a ` b\n` ![x](https://evil/) `", "a ` b\n` ![x](#) `"),
        ("| ` | ![x](https://evil/) | ` |", "| ` | ![x](#) | ` |"),
        ("![p](https://evil/x.png)", "![p](#)"),
        ("![p](<https://evil/x.png>)", "![p](<#>)"),
        ("![[p]](https://evil/x.png)", "![[p]](#)"),
        ("[![p](https://evil/x.png)](command:x)", "[![p](#)](#)"),
    ],
)
def test_what_leads_elsewhere_leads_nowhere(text: str, after: str) -> None:
    assert links.harmless(text, rename) == after


PIECES = st.sampled_from(
    ["[", "]", "(", ")", "<", ">", "!", ":", "\\", "&#99;", "&colon;", " ", "\n", "\t", "a",
     "command", "file", "javascript", "//", "/home/x", "https", '"', "'", "`", "\u00a0", "\u200b",
     "[a](", "[a]: ", "&Tab;", "![", "![a](", "![a][b]", "](", "\n\n", "\n> ", "<a href=", "<img src=", " x=",
     "```", "|", "~~~\n", "/../", "b"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30).map("".join))
@example("[a](command:x)")
@example("[a](<command:x>)")
@example("[a][b]\n\n[b]: <command:x>")
@example("![a][b]\n\n[b]: <https://x>")
@example("> ![a\n> b](\n> https://x)")
def test_no_renderer_finds_a_link_that_leads_elsewhere(text: str) -> None:
    for html in (False, True):
        rendered = MarkdownIt("gfm-like", {"html": html, "linkify": False})
        rendered.validateLink = lambda url: True  # type: ignore[method-assign]
        reader = Reader()
        reader.feed(rendered.render(links.harmless(text, rename)))
        reader.close()
        for there in reader.loaded:
            assert "//" not in there, (text, there)
            assert ":" not in there, (text, there)
        for there in reader.followed:
            scheme, colon, _ = re.sub(r"[\x00-\x20]", "", there).partition(":")
            if colon and scheme.isalnum() and not scheme[0].isdigit():
                assert scheme.lower() in (*links.WEB, "rbridge"), (text, there)


class Reader(HTMLParser):
    """What a page in HTML has as links, and as pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.followed: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href"):
                (self.loaded if name == "src" else self.followed).append(value or "")


@pytest.mark.parametrize(
    "piece",
    ["]", "![", "![]", "[", "](", "<a ", "<a '", '<a "', "<a x", "x=", "`", "``` ", "\n>", "\\", "[a]: ",
     "<a:", "](((", "> ", " "]
)  # fmt: skip
def test_no_text_takes_long(piece: str) -> None:
    for text in ("![" + piece * (30_000 // len(piece)), "<a " + piece * (30_000 // len(piece)) + "](x:"):
        began = time.process_time()
        links.harmless(text, rename)
        assert time.process_time() - began < 3
