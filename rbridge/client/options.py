"""The command line of ``rbridge open`` and ``rmate``.

Options may stand before, between and behind the paths until ``--``; short ones may be joined (``-wf``,
``-l5``), long ones abbreviated as far as they are unique. Every option of the ruby, bash and python rmate
means here what it means there. The n-th ``-l``, ``-m`` and ``-t`` belongs to the n-th PATH, ``+L`` to the
next one that has no line yet, or, when none follows, to the first one without.
"""

from rbridge.errors import UsageError

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Optional, Tuple

PORT = 52698
TIMEOUT = 10.0
DIGITS = 18  # of a number that makes sense; int() itself gives up at 4300

FLAGS: "Dict[str, Tuple[str, bool]]" = {
    "wait": ("wait", True),
    "no-wait": ("wait", False),
    "new": ("new", True),
    "no-new": ("new", False),
    "read-only": ("read_only", True),
    "force": ("force", True),
    "keep-focus": ("keep_focus", True),
    "no-keep-focus": ("keep_focus", False),
    "large": ("large", True),
    "sudo": ("sudo", True),
    "follow": ("follow", True),
    "verbose": ("verbose", True),
    "help": ("help", True),
    "version": ("version", True),
}

VALUES = {
    "line": "LINE",
    "name": "NAME",
    "type": "TYPE",
    "host": "HOST",
    "port": "PORT",
    "socket": "PATH",
    "unixsocket": "PATH",
    "timeout": "SECONDS",
    "else": "COMMAND",
    "head": "N",
    "lines": "A:B",
    "on": "LAPTOP",
    "via": "NODE",
}

SHORT = {
    "w": "wait",
    "l": "line",
    "n": "new",
    "m": "name",
    "t": "type",
    "r": "read-only",
    "f": "force",
    "k": "keep-focus",
    "H": "host",
    "p": "port",
    "s": "socket",
    "v": "verbose",
    "h": "help",
    "?": "help",
}


class Request:
    """One PATH and what was said about it. *line* and *column* count from 1, 0 means not given.

    *selection* is what followed ``-l`` as it was given, for editors that understand more than a line.
    """

    __slots__ = ("column", "line", "name", "path", "selection", "type")

    def __init__(self, path: str) -> None:
        self.path = path
        self.line = 0
        self.column = 0
        self.selection = ""
        self.name = ""
        self.type = ""


class Options:
    """What the command line said; ``None``, ``""`` and port 0 mean not given.

    *lines* is the first and the last line of a part, where the last one may be 0: to the end of the file.
    """

    __slots__ = (
        "fallback",
        "follow",
        "force",
        "help",
        "host",
        "keep_focus",
        "large",
        "lines",
        "new",
        "on",
        "port",
        "read_only",
        "requests",
        "socket",
        "sudo",
        "timeout",
        "verbose",
        "version",
        "via",
        "wait",
    )

    def __init__(self) -> None:
        self.requests: "List[Request]" = []
        self.wait = False
        self.new = False
        self.read_only = False
        self.force = False
        self.keep_focus = False
        self.large = False
        self.sudo = False
        self.follow = False
        self.verbose = False
        self.help = False
        self.version = False
        self.host = ""
        self.port = 0
        self.socket = ""
        self.timeout: "Optional[float]" = None
        self.fallback = ""
        self.lines: "Optional[Tuple[int, int]]" = None
        self.on = ""
        self.via = ""

    @property
    def patience(self) -> float:
        """Seconds that the other side has for an answer."""
        return TIMEOUT if self.timeout is None else self.timeout


def parse(argv: "List[str]") -> Options:
    """What *argv*, without the command's own name, asks for. Raises UsageError."""
    options = Options()
    paths: "List[str]" = []
    lists: "Dict[str, List[str]]" = {"line": [], "name": [], "type": []}
    plus: "List[Tuple[int, str]]" = []
    words = iter(argv)
    for word in words:
        if word == "--":
            paths.extend(words)
        elif word.startswith("--"):
            name, given, value = word[2:].partition("=")
            name = full_name(name, word)
            if name in FLAGS:
                if given:
                    raise UsageError("--{} takes no value".format(name))
                setattr(options, *FLAGS[name])
            else:
                _store(options, lists, name, value if given else _next(words, "--" + name), "--" + name)
        elif word.startswith("-") and word != "-":
            _short(options, lists, word, words)
        elif word[:1] == "+" and word[1:2].isdigit():
            plus.append((len(paths), word[1:]))
        else:
            paths.append(word)
    options.requests = [Request(path) for path in paths]
    if plus or any(lists.values()):
        from rbridge.client import positions

        positions.share_out(options.requests, lists, plus)
    _check(options)
    return options


def full_name(name: str, word: str) -> str:
    """The option that *word* means, which begins with *name*. Raises UsageError."""
    if name in FLAGS or name in VALUES:
        return name
    fits = [known for known in (*FLAGS, *VALUES) if name and known.startswith(name)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise UsageError("{} may be --{}".format(word, " or --".join(sorted(fits))))
    raise _unknown(word)


def _unknown(word: str) -> UsageError:
    return UsageError(
        "unknown option {}".format(word), "--help lists them; write ./{} if that is a file".format(word)
    )


def _short(options: Options, lists: "Dict[str, List[str]]", word: str, words: "Any") -> None:
    """A word of one-letter options; the last one may have its value behind it, joined or not."""
    for index, letter in enumerate(word[1:], 1):
        name = SHORT.get(letter)
        if name is None:
            raise _unknown(word if len(word) == 2 else "-{} in {}".format(letter, word))
        if name in FLAGS:
            setattr(options, *FLAGS[name])
            continue
        rest = word[index + 1 :]
        _store(options, lists, name, rest or _next(words, "-" + letter), "-" + letter)
        return


def _next(words: "Any", option: str) -> str:
    for word in words:
        return str(word)
    raise UsageError("{} needs a value".format(option))


def _store(options: Options, lists: "Dict[str, List[str]]", name: str, value: str, option: str) -> None:
    if name in lists:
        lists[name].append(value)
    elif name in ("socket", "unixsocket"):
        options.socket = _filled(value, option)
    elif name == "host":
        options.host = _filled(value, option)
    elif name in ("on", "via"):
        setattr(options, name, _filled(value, option))
    elif name == "else":
        options.fallback = _filled(value, option)
    elif name == "port":
        options.port = port_number(value, option)
    else:
        from rbridge.client import positions

        if name == "timeout":
            options.timeout = positions.seconds(value, option)
        elif options.lines is not None:
            raise UsageError("--head and --lines: one of them, once")
        elif name == "head":
            options.lines = (1, positions.count(value, option))
        else:
            options.lines = positions.lines(value, option)


def _filled(value: str, option: str) -> str:
    if not value:
        raise UsageError("{} needs a value".format(option))
    return value


def port_number(value: str, origin: str) -> int:
    """*value* as a TCP port; raises UsageError that names *origin*."""
    if not is_decimal(value) or not 0 < int(value) < 65536:
        raise UsageError("{}: '{}' is not a port (1 to 65535)".format(origin, value))
    return int(value)


def is_decimal(text: str) -> bool:
    """Whether *text* is a number that makes sense."""
    return 0 < len(text) <= DIGITS and not text.strip("0123456789")


def _check(options: Options) -> None:
    dashes = sum(request.path == "-" for request in options.requests)
    if dashes > 1:
        raise UsageError("'-' can be given once: there is one standard input")
    if dashes:
        options.wait = True
        if options.lines is not None:
            raise UsageError("--head and --lines need a file, not '-'")
        if options.follow:
            raise UsageError("--follow needs a file, not '-'")
    if options.follow and options.lines is not None:
        raise UsageError("--follow shows the end of a file: not with --head or --lines")
