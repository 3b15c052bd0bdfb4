"""Editing here when nothing is listening: ``--else COMMAND``, or ``fallback`` in the configuration.

With it ``rbridge open`` can be $EDITOR: a ``git commit`` without a laptop ends up in vim and not in an error.
"""

import os
import shlex

from rbridge import paths
from rbridge.client import rcfiles
from rbridge.errors import NotListening, RbridgeError, UsageError

MYPY = False
if MYPY:
    from typing import Callable, List

    from rbridge.client.options import Options
    from rbridge.client.source import Source

TAKES_LINE = frozenset(
    # fmt: off
    (
        "vi",
        "vim",
        "vim.basic",
        "vim.tiny",
        "nvim",
        "view",
        "gvim",
        "vimx",
        "elvis",
        "nano",
        "pico",
        "emacs",
        "mg",
        "emacsclient",
        "micro",
        "kak",
        "joe",
        "jed",
        "ne",
        "mcedit",
        "nvi",
        "ex",
        "jove",
        "zile",
    )
    # fmt: on
)
"""Editors that take ``+LINE`` before a path."""


def edit_here(
    options: "Options", sources: "List[Source]", reason: RbridgeError, report: "Callable[[str], None]"
) -> None:
    """Hand over to the fallback editor, if there is one, because of *reason*."""
    words = [] if any(source.port for source in sources) else command(options)
    if words:
        run(words, sources, reason, report)


def command(options: "Options") -> "List[str]":
    """The words of the fallback, empty if there is none. Raises UsageError when it cannot be split."""
    text = options.fallback
    origin = "--else"
    if not text:
        told = rcfiles.parse_config(rcfiles.read_text(paths.config_file())).get("fallback", "")
        text = told if isinstance(told, str) else ""
        origin = "fallback in " + paths.config_file()
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError("{}: {}".format(origin, str(error).lower())) from None


def argv(words: "List[str]", sources: "List[Source]") -> "List[str]":
    """The whole command line that edits *sources* here, at their lines where the editor understands that."""
    takes_line = os.path.basename(words[0]) in TAKES_LINE
    out = list(words)
    for source in sources:
        if source.line and takes_line:
            out.append("+{}".format(source.line))
        out.append("./" + source.path if source.path.startswith(("-", "+")) else source.path)
    return out


def run(
    words: "List[str]", sources: "List[Source]", reason: RbridgeError, report: "Callable[[str], None]"
) -> None:
    """Become the editor. Returns never; raises NotListening when it cannot be started."""
    if any(source.stdin for source in sources):
        raise NotListening("{}; {} cannot edit standard input".format(reason, words[0]))
    report("nobody is listening: opening in {} here".format(words[0]))
    line = argv(words, sources)
    for source in sources:
        source.close()
    try:
        os.execvp(line[0], line)
    except OSError as error:
        raise NotListening(
            "{}; and {} cannot be started: {}".format(reason, words[0], (error.strerror or "").lower())
        ) from None
