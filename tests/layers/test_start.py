"""What the single-file client compiles and imports before its first byte is on the wire.

A first start compiles all of it. Later ones find it compiled, and compile no more than what looks for it
(:mod:`rbridge.archive`): the design's goal of 20 KB of source holds for them. For the first, CODE, the bytes
without comments and docstrings, says what compiling costs: a file without them was no faster. Of what is
left the protocol's tables, buffer and connection are 16 %, the search for the listener 14 %, the command line
12 %, the sending 10 %, the protocol's spelling 8 %. Each still holds rare cases (names that have to be looked
up, errors, options) that could be imported when they occur; the tables keep us from sending nonsense.
"""

import ast
import io
import sys
import tokenize

from rbridge import build
from tests.layers.imports import ROOT

# Modules whose import is felt at every start, and that the way to the first byte can do without.
COSTLY = {
    # fmt: off
    "argparse",
    "collections",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "inspect",
    "json",
    "logging",
    "pathlib",
    "re",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "struct",
    "subprocess",
    "tempfile",
    "threading",
    "traceback",
    "typing",
    "weakref",
    # fmt: on
}
# Bytes; whoever makes it smaller lowers these too.
SOURCE = 110_000  # as it lies in the repository
CODE = 79_000  # without comments, docstrings and blank lines
AGAIN = 20_000  # source that a later start may compile

# A plain server in a thread of the client's own process, a finder that finds nothing, a compile that counts:
# both ask, each time, whether the client has sent anything yet; on loopback what was sent can be read at
# once. With "stay" the client goes on to its end, and so keeps its code.
SPY = """
import _socket, _thread, builtins, os, select, sys

file, begin, end, path, stay = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
listener.bind(("127.0.0.1", 0))
listener.listen(20)
accepted, early, sizes, over = [], [], [], []

def serve():
    while True:
        connection = _socket.socket(fileno=listener._accept()[0])
        connection.send(b"220 laptop RMATE a plain server\\n")
        accepted.append(connection)
        if connection.recv(1, _socket.MSG_PEEK):
            os.write(1, "{} {}".format(sum(sizes), " ".join(early)).encode())
            if not stay:
                os._exit(0)
            over.append(True)
            connection.shutdown(_socket.SHUT_WR)

def sent():
    if over:
        return True
    ready = select.select(accepted, [], [], 0)[0]
    return any(connection.recv(1, _socket.MSG_PEEK) for connection in ready)

class Spy:
    def find_spec(self, name, path=None, target=None):
        if not sent():
            early.append(name)

def spied_compile(source, *rest, **options):
    if not sent():
        sizes.append(len(source))
    return real_compile(source, *rest, **options)

with open(file, "rb") as opened:
    data = opened.read()
real_compile, builtins.compile = compile, spied_compile
exec(compile(data[-begin:-end], file, "exec"))
install(file, data)
sys.meta_path.insert(0, Spy())
_thread.start_new_thread(serve, ())
port = str(listener.getsockname()[1])
sys.argv = ["rbridge", "open", "-w", "-H", "127.0.0.1", "-p", port, path]
from rbridge.__main__ import main
sys.exit(main())
"""


def before_the_first_byte(home, single, stay=""):
    """How many bytes are compiled before the first byte is sent, and which modules are imported."""
    data = single.read_bytes()
    loader = (build.PACKAGE / build.LOADER).read_bytes()
    begin = len(data) - data.index(loader)
    path = home.file("notes.txt", "text\n")
    words = [sys.executable, "-I", "-S", "-c", SPY, single, str(begin), str(begin - len(loader)), path]
    size, *names = home.run([*words, stay]).ok().out.split()
    return int(size), names


def code_bytes(text):
    """How many bytes of *text* are neither comment nor docstring nor blank line."""
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0] - 1] = lines[token.start[0] - 1][: token.start[1]]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return sum(len(line.rstrip().encode()) + 1 for line in lines if line.strip())


def test_comments_and_docstrings_are_not_counted_as_code():
    assert code_bytes('"""Doc,\nlong."""\n\n# why\nx = 1  # because\n') == len("x = 1\n")


def test_little_is_compiled_before_the_first_byte(home, builds, proof):
    size, early = before_the_first_byte(home, builds.file)
    assert "rbridge.client.main" in early
    assert "rbridge.client.compiled" not in early
    assert not COSTLY & set(early)
    ours = [name for name in early if name.split(".")[0] == "rbridge"]
    files = [ROOT.joinpath(*name.split(".")) for name in ours]
    texts = [
        (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text() for path in files
    ]
    source = sum(len(text.encode()) for text in texts)
    sizes = dict(zip(ours, map(code_bytes, texts), strict=True))
    code = sum(sizes.values())
    proof(
        f"the single file compiles {source:,} bytes of source, {code:,} of them code,"
        f" in {len(ours)} modules before its first byte"
    )
    assert size == source + len((build.PACKAGE / build.LOADER).read_bytes())
    assert source <= SOURCE, sizes
    assert code <= CODE, sizes


def test_hardly_anything_is_compiled_at_a_later_start(home, builds, proof):
    before_the_first_byte(home, builds.file, "stay")
    size, early = before_the_first_byte(home, builds.file)
    assert "rbridge.client.main" in early
    assert not COSTLY & set(early)
    size += len(build.START)
    proof(f"a later start of the single file compiles {size:,} bytes before its first byte")
    assert size <= AGAIN
