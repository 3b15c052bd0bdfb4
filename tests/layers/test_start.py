"""What the single-file client imports before its first byte is on the wire: all of it is compiled first."""

import sys

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
BUDGET = 135_000  # bytes of our source; whoever makes it smaller lowers this too

# A plain server in a thread of the client's own process, and a finder that finds nothing but asks, at each
# import, whether the client has sent anything yet: on loopback what was sent can be read at once.
SPY = """
import _socket, _thread, os, select, sys

file, begin, end, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
listener.bind(("127.0.0.1", 0))
listener.listen(20)
accepted, early = [], []

def serve():
    while True:
        connection = _socket.socket(fileno=listener._accept()[0])
        connection.send(b"220 laptop RMATE a plain server\\n")
        accepted.append(connection)
        if connection.recv(1, _socket.MSG_PEEK):
            os.write(1, "\\n".join(early).encode())
            os._exit(0)

class Spy:
    def find_spec(self, name, path=None, target=None):
        ready = select.select(accepted, [], [], 0)[0]
        if not any(connection.recv(1, _socket.MSG_PEEK) for connection in ready):
            early.append(name)

with open(file, "rb") as opened:
    data = opened.read()
exec(data[-begin:-end])
install(file, data)
sys.meta_path.insert(0, Spy())
_thread.start_new_thread(serve, ())
port = str(listener.getsockname()[1])
sys.argv = ["rbridge", "open", "-w", "-H", "127.0.0.1", "-p", port, path]
from rbridge.__main__ import main
sys.exit(main())
"""


def imported_early(home, single):
    """Names of the modules that are imported before the first byte is sent."""
    data = single.read_bytes()
    loader = (build.PACKAGE / build.LOADER).read_bytes()
    begin = len(data) - data.index(loader)
    path = home.file("notes.txt", "text\n")
    words = [sys.executable, "-I", "-S", "-c", SPY, single, str(begin), str(begin - len(loader)), path]
    return home.run(words).ok().out.split()


def test_little_is_compiled_before_the_first_byte(home, builds, proof):
    early = imported_early(home, builds.file)
    assert "rbridge.client.main" in early
    assert not COSTLY & set(early)
    ours = [name for name in early if name.split(".")[0] == "rbridge"]
    files = [ROOT.joinpath(*name.split(".")) for name in ours]
    sizes = [
        (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).stat().st_size for path in files
    ]
    proof(f"the single file compiles {sum(sizes):,} bytes in {len(ours)} modules before its first byte")
    assert sum(sizes) <= BUDGET, dict(zip(ours, sizes, strict=True))
