"""What the single-file client compiles and imports before its first byte is on the wire.

A first start compiles all of it. Later ones find it compiled, and compile no more than what looks for it
(:mod:`rbridge.archive`): the design's goal of 20 KB of source holds for them. What is compiled is the text
that lies in the single file, without comments, docstrings and annotations (:func:`rbridge.build.bare`).
The true goal is the time, which ``python -m tests.benchmarks open`` measures beside PyPI's rmate. Of what a
first start compiles the protocol's tables, buffer and connection are 15 %, the search for the listener 14 %,
the sending 13 %, the command line 8 %, the protocol's spelling 9 %.
"""

import sys

from rbridge import build
from tests.harness.wait import until

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
# Bytes that may be compiled; whoever makes it smaller lowers these too.
FIRST = 70_000  # at a first start, beside the loader
AGAIN = 20_000  # at a later one

# A plain server in a thread of the client's own process, a finder that finds nothing, a compile that counts:
# both ask, each time, whether the client has sent anything yet; on loopback what was sent can be read at
# once. With "stay" the client goes on to its end, and the process that it leaves keeps its code.
SPY = """
import _socket, _thread, builtins, os, select, sys

file, begin, end, path, stay = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
listener.bind(("127.0.0.1", 0))
listener.listen(20)
accepted, early, sizes, over, command = [], [], [], [], os.getpid()

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
    if over or os.getpid() != command:  # the process in the background holds none of these connections
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
    loader = build.source(build.LOADER)
    begin = len(data) - data.index(loader)
    path = home.file("notes.txt", "text\n")
    words = [sys.executable, "-I", "-S", "-c", SPY, single, str(begin), str(begin - len(loader)), path]
    size, *names = home.run([*words, stay]).ok().out.split()
    return int(size), names


def file(name):
    """The file below the package that holds the module *name*."""
    path = "/".join(name.split(".")[1:])
    return path + ".py" if (build.PACKAGE / (path + ".py")).exists() else (path + "/__init__.py").lstrip("/")


def test_little_is_compiled_before_the_first_byte(home, builds, proof):
    size, early = before_the_first_byte(home, builds.file)
    assert "rbridge.client.main" in early
    assert "rbridge.client.compiled" not in early
    assert not COSTLY & set(early)
    sizes = {name: len(build.source(file(name))) for name in early if name.split(".")[0] == "rbridge"}
    first = sum(sizes.values())
    proof(f"the single file compiles {first:,} bytes in {len(sizes)} modules before its first byte")
    assert size == first + len(build.source(build.LOADER))
    assert first <= FIRST, sizes
    assert {*map(file, sizes), build.LOADER} == build.EARLY


def test_hardly_anything_is_compiled_at_a_later_start(home, builds, proof):
    before_the_first_byte(home, builds.file, "stay")
    until(lambda: list(home.state.glob("code.*")), what="the code is kept")
    until(lambda: not home.processes(), what="the process in the background ends")
    size, early = before_the_first_byte(home, builds.file)
    assert "rbridge.client.main" in early
    assert not COSTLY & set(early)
    size += len(build.START)
    proof(f"a later start of the single file compiles {size:,} bytes before its first byte")
    assert size <= AGAIN
