"""Writes the single-file client: the portable core as a zip behind a few lines of shell.

``python -m rbridge.build [-o FILE]`` writes it, executable, and prints its size and sha256. The same
sources give the same bytes. Comments, docstrings and annotations are left out, which makes it a third
smaller and the first start, which compiles, 2 ms faster; each line keeps its number, for tracebacks. What is
left is indented by single spaces. The modules lie in two bundles (:mod:`rbridge.archive`), those that are
needed before the first byte (:data:`EARLY`) and the rest: that makes the file a quarter smaller than a zip.

The shell finds a Python 3.6 or later and has it import from the file itself (:mod:`rbridge.archive`), told
so through ``-c``: running a zip as a script goes through ``runpy``, which costs 4 to 9 ms at each start.
``python3 FILE`` works too, for a home that nothing may be executed from.
"""

from __future__ import annotations

import ast
import hashlib
import io
import os
import shlex
import sys
import tempfile
import tokenize
import zipfile
from collections.abc import Iterator
from pathlib import Path

from rbridge import __version__
from rbridge.archive import BUNDLES

PACKAGE = Path(__file__).resolve().parent
DEFAULT = Path("dist/rbridge")
OLDEST = (3, 6)
NEWEST = (3, 14)

PORTABLE = (
    "__init__.py",
    "__main__.py",
    "archive.py",
    "errors.py",
    "findings.py",
    "laptop.py",
    "mounts.py",
    "paths.py",
    "private.py",
    "system.py",
    "tcpowner.py",
    "client/*.py",
    "wire/*.py",
)
"""The portable core, as patterns below the package."""

EARLY = frozenset(
    # fmt: off
    (
        "__init__.py",
        "__main__.py",
        "archive.py",
        "client/__init__.py",
        "client/delivery.py",
        "client/headers.py",
        "client/leftovers.py",
        "client/locate.py",
        "client/main.py",
        "client/options.py",
        "client/patience.py",
        "client/probe.py",
        "client/sending.py",
        "client/settings.py",
        "client/sockets.py",
        "client/source.py",
        "errors.py",
        "paths.py",
        "private.py",
        "system.py",
        "tcpowner.py",
        "wire/__init__.py",
        "wire/buffer.py",
        "wire/codec.py",
        "wire/connection.py",
        "wire/limits.py",
        "wire/records.py",
        "wire/state.py",
    )
    # fmt: on
)
"""What a start needs before its first byte is sent; tests/layers/test_start.py holds this against it."""

LOADER = "archive.py"
OUTSIDE = ("__init__.py", LOADER)
"""What lies in the zip itself: Python's own zipimport has to find it."""
TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say
READABLE = 0o100644 << 16
UNIX = 3
INDENT = 4
"""Spaces by which the sources are indented."""

HEADER = """\
#!/bin/sh
# rbridge {version}, the host's side. Behind these lines lies a zip of Python source,
# without its comments: unzip -p shows it.
# MIT licence. RBRIDGE_PYTHON names the Python to use; else the first of these that is {oldest} or later.
for python in "$RBRIDGE_PYTHON" {candidates}; do
  case ":$RBRIDGE_TRIED:" in *":$python:"*) continue ;; esac
  command -v "$python" >/dev/null 2>&1 || continue
  RBRIDGE_TRIED="$RBRIDGE_TRIED:$python"
  export RBRIDGE_TRIED
  exec "$python" -I -S -c '{start}' "$0" "$@"
done
echo "rbridge: this host has no Python {oldest} or later (looked for python3 and others on PATH);" \\
  "name one in RBRIDGE_PYTHON, or load it (module load python)" >&2
exit 69
"""

# Any Python 3 can read this: one that is too old hands over to the next.
START = """
import os, sys
del sys.argv[0]
if sys.version_info < {oldest}:
    os.execv("/bin/sh", ["sh"] + sys.argv)
del os.environ["RBRIDGE_TRIED"]
path = os.path.abspath(sys.argv[0])
with open(path, "rb") as file:
    data = file.read()
exec(data[-{begin}:-{end}])
install(path, data)
from rbridge.__main__ import main
sys.exit(main())
"""

# What runs for `python3 FILE`; any Python can read it.
MAIN = """\
import os
import sys

if sys.version_info < {oldest}:
    sys.exit("rbridge: needs Python {dotted} or later, this is " + sys.version.split()[0])

from rbridge.archive import install

path = os.path.abspath(sys.argv[0])
with open(path, "rb") as file:
    install(path, file.read())

from rbridge.__main__ import main

sys.exit(main())
"""

# Found first where the shell looks: what a system ships starts fast and does not change with the user's
# environment (a conda on a network file system takes seconds, a pyenv shim 100 ms).
FIRST = ("/usr/bin/python3", "/usr/libexec/platform-python", "python3")


def modules() -> list[str]:
    """The portable core's files, relative to the package, sorted."""
    found = (path for pattern in PORTABLE for path in PACKAGE.glob(pattern))
    return sorted(path.relative_to(PACKAGE).as_posix() for path in found)


def source(name: str) -> bytes:
    """What the single file holds of the module *name*."""
    return narrow(bare((PACKAGE / name).read_bytes()))


def narrow(text: bytes) -> bytes:
    """*text* with one space where there were four: a seventh less to compile, and 4 KB less to carry."""
    lines = text.splitlines()
    inside: set[int] = set()  # of a string that goes over several lines
    for token in tokenize.tokenize(io.BytesIO(text).readline):
        if token.type == tokenize.STRING:
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
    for row, line in enumerate(lines, 1):
        if row not in inside:
            left = line.lstrip(b" ")
            lines[row - 1] = b" " * ((len(line) - len(left) + INDENT - 1) // INDENT) + left
    return b"".join(line + b"\n" for line in lines)


def bare(text: bytes) -> bytes:
    """*text* without what no interpreter needs: comments, docstrings, and what is for a type checker only.

    Each line that is left has the number that it had.
    """
    lines = text.splitlines()
    tree = ast.parse(text)
    for row, begin, end in sorted([*_comments(text, lines), *_annotations(tree, lines)], reverse=True):
        line = lines[row - 1]
        lines[row - 1] = (line[:begin] + line[end:]).rstrip()
    for node, word in _needless(tree):
        assert node.end_lineno is not None
        first = (lines[node.lineno - 1][: node.col_offset] + word).rstrip()
        lines[node.lineno - 1 : node.end_lineno] = [first] + [b""] * (node.end_lineno - node.lineno)
    return b"".join(line + b"\n" for line in lines)


Cut = tuple[int, int, int]
"""What is to go of a line: its number, the first byte, the first one behind."""


def _comments(text: bytes, lines: list[bytes]) -> Iterator[Cut]:
    for token in tokenize.tokenize(io.BytesIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            yield row, len(token.line[:column].encode("utf-8")), len(lines[row - 1])


def _annotations(tree: ast.Module, lines: list[bytes]) -> Iterator[Cut]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            begin, annotation = node.col_offset + len(node.arg.encode("utf-8")), node.annotation
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            assert node.target.end_col_offset is not None
            begin, annotation = node.target.end_col_offset, node.annotation
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns is not None:
            annotation = node.returns
            before = lines[annotation.lineno - 1][: annotation.col_offset]
            begin = len(before[: before.rindex(b"->")].rstrip())
        else:
            continue
        assert annotation.end_col_offset is not None
        yield annotation.lineno, begin, annotation.end_col_offset


def _needless(tree: ast.Module) -> Iterator[tuple[ast.stmt, bytes]]:
    """The statements that do nothing, each with what has to stand in its place."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        empty = node is not tree and all(map(_does_nothing, body))
        for one in filter(_does_nothing, body):
            yield one, b"pass" if empty and one is body[0] else b""


def _does_nothing(node: ast.stmt) -> bool:
    """A string by itself, or what only a type checker is to see (``if MYPY:``)."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "MYPY"
        and not node.orelse
    )


def candidates() -> list[str]:
    """The Pythons that the shell tries, in order."""
    versions = range(NEWEST[1], OLDEST[1] - 1, -1)
    return [*FIRST, *(f"python3.{minor}" for minor in versions), "pypy3"]


def header(begin: int, end: int, python: str = "") -> bytes:
    """The shell lines in front of the zip; *begin* and *end*: where archive.py lies, from the file's end."""
    first = [shlex.quote(python)] if python else []
    text = HEADER.format(
        version=__version__,
        oldest=".".join(map(str, OLDEST)),
        candidates=" ".join([*first, *candidates()]),
        start=START.format(oldest=OLDEST, begin=begin, end=end),
    )
    return os.fsencode(text)


def content(python: str = "") -> bytes:
    """The whole file; it tries *python* first, for a host where it would find none by itself."""
    loader = source(LOADER)
    draft = archive(b"")
    begin = len(draft) - draft.index(loader)
    return archive(header(begin, begin - len(loader), python))


def archive(prefix: bytes) -> bytes:
    """*prefix*, and behind it the zip, in which the module that reads it is not compressed."""
    main = MAIN.format(oldest=OLDEST, dotted=".".join(map(str, OLDEST)))
    packed = [name for name in modules() if name not in OUTSIDE]
    written = io.BytesIO()
    written.write(prefix)
    with zipfile.ZipFile(written, "a") as zipped:
        _add(zipped, "__main__.py", main.encode("ascii"), zipfile.ZIP_DEFLATED)
        for name in OUTSIDE:
            _add(zipped, f"rbridge/{name}", source(name), zipfile.ZIP_STORED)
        for name, is_early in zip(BUNDLES, (True, False), strict=True):
            files = [each for each in packed if (each in EARLY) is is_early]
            _add(zipped, name, bundle(files), zipfile.ZIP_DEFLATED)
    return written.getvalue()


def bundle(names: list[str]) -> bytes:
    """The modules *names* as one file."""
    texts = [source(name) for name in names]
    index = "".join(f"rbridge/{name} {len(text)}\n" for name, text in zip(names, texts, strict=True))
    return index.encode("ascii") + b"\n" + b"".join(texts)


def _add(zipped: zipfile.ZipFile, name: str, data: bytes, method: int) -> None:
    entry = zipfile.ZipInfo(name, TIME)
    entry.compress_type = method
    entry.create_system = UNIX
    entry.external_attr = READABLE
    zipped.writestr(entry, data, compresslevel=9)


def write(path: Path) -> str:
    """Write the file in one step, so that no one ever runs half of it; returns its sha256 in hex."""
    data = content()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o755)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return hashlib.sha256(data).hexdigest()


def main(argv: list[str] | None = None) -> int:
    """``python -m rbridge.build [-o FILE]``."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="python -m rbridge.build", description="Write the single-file client."
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=DEFAULT, metavar="FILE", help=f"default: {DEFAULT}"
    )
    path: Path = parser.parse_args(argv).output
    try:
        digest = write(path)
    except OSError as error:
        print(f"rbridge: cannot write {path}: {error.strerror}", file=sys.stderr)
        return 73
    print(f"{path}  {path.stat().st_size} bytes  sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
