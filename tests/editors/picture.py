"""A picture of a terminal's screen, as docs/images has it: SVG, its colours as the terminal has them."""

from __future__ import annotations

import io
from xml.etree import ElementTree

from rich.console import Console
from rich.text import Text

# As rich's own, without the fonts that it would have a reader fetch.
_FORMAT = """<svg class="terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px;
 line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def picture(screen: str, width: int, title: str) -> str:
    """The SVG of *screen*: lines with ANSI colours, *width* columns wide; *title* stands above it."""
    console = Console(
        record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text.from_ansi(screen), soft_wrap=True)
    made = console.export_svg(title=title, code_format=_FORMAT, unique_id="t")
    return "\n".join(line.rstrip() for line in made.splitlines()) + "\n"


def words(svg: str) -> str:
    """What stands in a picture, for a look at it."""
    return "".join(ElementTree.fromstring(svg).itertext()).replace("\xa0", " ")
