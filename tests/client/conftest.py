"""What the client's tests share: editors on sockets, and a client that lacks root's powers."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rbridge.client import crew, files, find, grep, settings, source
from rbridge.client.options import parse
from tests.client.editors import PLAIN, Editor, Said, Talk
from tests.client.laptop import Here, Laptop
from tests.client.residents import Background
from tests.client.served import Served
from tests.harness.environment import Home, Ran


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """No test leaves to the next ones what it does about a signal."""
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.fixture
def editor() -> Iterator[Callable[..., Editor]]:
    """``editor(script, path=None, greeting=PLAIN)``: see :class:`tests.client.editors.Editor`."""
    made: list[Editor] = []

    def start(*args: object, **options: object) -> Editor:
        made.append(Editor(*args, **options))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def rendezvous(home: Home) -> Path:
    """The directory of forwarded sockets on the imaginary host."""
    return home.path / ".rbridge" / os.uname().nodename


@pytest.fixture
def powerless() -> list[str]:
    """What to put before a command so that file permissions hold for it, for root as well."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]


@pytest.fixture
def rbridge_open(home: Home, client_command: list[str]) -> Callable[..., Ran]:
    """``rbridge_open(*words)`` runs ``rbridge open`` to its end, once for each way the client is started."""

    def run(*words: str | os.PathLike[str], before: list[str] = (), **options: object) -> Ran:  # type: ignore[assignment]
        return home.run([*before, *client_command, "open", *words], **options)  # type: ignore[arg-type]

    run.command = client_command  # type: ignore[attr-defined]
    return run


@pytest.fixture
def told(home, monkeypatch):
    """``told("-p 5", RMATE_HOST="x")``: the addresses and who named them."""
    for name in ("HOME", "RBRIDGE_RUNTIME_DIR"):
        monkeypatch.setenv(name, home.env[name])

    def ask(words: str = "", name: str = "rmate", **environ: str) -> list[tuple[str, str]]:
        found, _ = settings.endpoints(parse([*words.split(), "a"]), environ, name)
        return [(one.label, one.origin) for one in found]

    return ask


@pytest.fixture
def listening():
    """Make a socket file at a path, with a modification time."""
    kept = []

    def make(path, when: int = 0) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept.append(socket.socket(socket.AF_UNIX))
        kept[-1].bind(str(path))
        os.utime(path, (when, when))

    yield make
    for one in kept:
        one.close()


@pytest.fixture
def sent(home, editor, rbridge_open):
    """``sent("a.py", greeting=...)``: what a plain server was sent, one record per connection."""

    def run(*words: str, files: int = 1, greeting: bytes = PLAIN) -> list[Said]:
        got: list[Said] = []

        def script(talk: Talk) -> None:
            got.append(talk.opened())

        served = editor(script, greeting=greeting)
        ran = rbridge_open(*served.where, *words)
        assert ran.code == 0, ran
        served.result(files)
        return got

    return run


@pytest.fixture
def check(home, monkeypatch):
    """``check("a.py", "--force")``: the source, with the home as current directory; closed at the end."""
    monkeypatch.chdir(home.path)
    made = []

    def ask(*words: str) -> source.Source:
        options = parse(list(words))
        made.append(source.check(options.requests[0], options))
        return made[-1]

    yield ask
    for one in made:
        one.close()


@pytest.fixture
def here(home, monkeypatch):
    """The test's own process is in the imaginary home, with its environment."""
    for name, value in home.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(home.path)
    return home


@pytest.fixture
def background(here) -> Iterator[Callable[..., Background]]:
    """``background(label="tunnel")``: see :class:`tests.client.residents.Background`."""
    made: list[Background] = []

    def start(label: str = "tunnel") -> Background:
        made.append(Background(here.state, label))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def laptop(here) -> Iterator[Callable[..., Laptop]]:
    """``laptop("d.sock", ...)``: see :class:`tests.client.laptop.Laptop`."""
    made: list[Laptop] = []

    def start(name: str = "d.sock", **options: object) -> Laptop:
        made.append(Laptop(here.root / name, **options))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def host(here, laptop) -> Iterator[Here]:
    """A process in the background, in this one, and ``host.laptop`` that it talks to."""
    made = Here(here.state, laptop())
    yield made
    made.close()


@pytest.fixture
def served(host, here, tmp_path, monkeypatch) -> Iterator[Served]:
    """See :class:`tests.client.served.Served`."""
    made = Served(host, here, tmp_path, monkeypatch)
    yield made
    made.end()


@pytest.fixture
def gate(monkeypatch):
    """Reading stops, in its thread, until ``gate.set()``."""
    made = threading.Event()
    real = files.Files.read

    def read(self, said, text):
        assert made.wait(20)
        return real(self, said, text)

    monkeypatch.setattr(files.Files, "read", read)
    monkeypatch.setattr(crew, "STUCK", 60.0)  # as many as that are at a time, and no more
    yield made
    made.set()


@pytest.fixture
def endless(monkeypatch):
    """Finds and searches that go on until they are ended."""

    def seek(_root, *rest):
        rest[-1]("M", json.dumps({"paths": ["so far"], "matches": [{"path": "so far"}]}).encode())
        while True:
            pass

    monkeypatch.setattr(find, "find", seek)
    monkeypatch.setattr(grep, "search", seek)
