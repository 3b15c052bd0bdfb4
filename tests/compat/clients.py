"""Models of the rmate clients that people use: the bytes each one sends, and how it takes a save apart.

The models are as brittle as the programs: what makes a program lose a save raises :class:`Broken` here.
"""

from __future__ import annotations

import hashlib
import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass


class Broken(Exception):
    """The program fails here: it exits, loses the save, or writes something else."""


@dataclass(frozen=True)
class File:
    path: str
    content: bytes | None
    """None: there is no such file yet."""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Word:
    """A command from the server, as the program understood it."""

    command: str
    token: str
    data: bytes = b""


class PlainClient(ABC):
    """One connection of one program. :meth:`open` says what it says, :meth:`next` reads as it reads."""

    waits = True
    """Whether it reads the greeting before it sends anything."""
    many_files = True

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.stream = sock.makefile("rb")

    def open(self, *files: File) -> bytes:
        """Send *files*, and return the greeting."""
        greeting = self.stream.readline() if self.waits else b""
        self.sock.sendall(self.transcript(*files))
        return greeting or self.stream.readline()

    def transcript(self, *files: File) -> bytes:
        return b"".join(self.record(file) for file in files) + b".\n"

    def token(self, file: File) -> str:
        return file.name

    def record(self, file: File) -> bytes:
        return self.headers(file) + block(file) + b"\n"

    def headers(self, file: File) -> bytes:
        return (
            f"open\ndisplay-name: vm:{file.name}\nreal-path: {file.path}\n"
            f"data-on-save: yes\nre-activate: yes\ntoken: {self.token(file)}\n"
        ).encode()

    @abstractmethod
    def next(self) -> Word | None:
        """The next command, None at the end of the connection."""

    def close(self) -> None:
        self.stream.close()
        self.sock.close()

    def _line(self) -> str:
        return self.stream.readline().decode()


def block(file: File) -> bytes:
    content = file.content or b""
    return b"data: %d\n%s" % (len(content), content)


class Ruby(PlainClient):
    """textmate/rmate 1.5: exits at a command that it does not know, a blank line being one."""

    def record(self, file: File) -> bytes:
        if file.content is None:
            return super().record(file)
        # Its data is written as a line: a newline follows unless there is one.
        gap = b"" if file.content.endswith(b"\n") else b"\n"
        return self.headers(file) + block(file) + gap + b"\n"

    def next(self) -> Word | None:
        command = self._line()
        if not command:
            return None
        command = command.rstrip("\r\n")
        variables, data = {}, b""
        while text := self._line().rstrip("\r\n"):
            name, separator, value = text.partition(": ")
            if not separator:
                raise Broken(f"ruby: no value in {text!r}")
            variables[name] = value
            if name == "data":
                data += self.stream.read(int(value))
        if command not in ("save", "close"):
            raise Broken(f"ruby: unknown command {command!r}, exiting")
        return Word(command, variables["token"], data)


class Bash(PlainClient):
    """aurora/rmate 1.0: takes what stands behind the last colon of a line."""

    def next(self) -> Word | None:
        command = self._line()
        if not command:
            return None
        token, data = "", b""
        while text := self._line().strip():
            name, value = text.partition(":")[0], text.rpartition(":")[2].lstrip()
            if name == "token":
                token = value
            elif name == "data":
                data += self.stream.read(int(value))
        if command.strip() not in ("save", "close"):
            raise Broken(f"bash: does nothing for {command!r}")
        return Word(command.strip(), token, data)


class Perl(PlainClient):
    """davidolrik/rmate-perl: one file, asks for a new window, removes LF only, keeps the last data block."""

    many_files = False

    def headers(self, file: File) -> bytes:
        return super().headers(file) + b"new: yes\n"

    def next(self) -> Word | None:
        command = self._line()
        if not command:
            return None
        options, data = {}, b""
        while text := self._line().removesuffix("\n"):
            name, _, value = text.partition(":")
            options[name] = value.lstrip()
            if name == "data":
                data = self.stream.read(int(value))
        if command not in ("save\n", "close\n"):
            raise Broken(f"perl: does nothing for {command!r}")
        return Word(command.strip(), options["token"], data)


class C(PlainClient):
    """silverzhaojr/rmate.c, as hanklords/rmate.c: sends at once, and looks for its lines in single reads."""

    waits = False
    many_files = False

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._rest = b""

    def next(self) -> Word | None:
        chunk = self._rest or self.sock.recv(1023)
        self._rest = b""
        if not chunk:
            return None
        lines = chunk.split(b"\n", 3)
        if len(lines) < 4:
            raise Broken(f"C: a line is split over two reads: {chunk!r}")
        if not lines[1].startswith(b"token: "):
            raise Broken(f"C: the token does not come first: {lines[1]!r}")
        token, data = lines[1][7:].decode(), lines[3]
        if lines[0] != b"save":
            self._rest = data
            return Word(lines[0].decode(), token)
        if not lines[2].startswith(b"data: "):
            raise Broken(f"C: the data does not follow the token: {lines[2]!r}")
        size = int(lines[2][6:])
        while len(data) < size + 1:
            more = self.sock.recv(size + 1 - len(data))
            if not more:
                raise Broken("C: the save ended early")
            data += more
        self._rest = data[size + 1 :]
        return Word("save", token, data[:size])

    def open(self, *files: File) -> bytes:
        self.sock.sendall(self.transcript(*files))
        greeting = b""
        while not greeting.endswith(b"\n"):
            greeting += self.sock.recv(1)
        return greeting


class HanklordsC(C):
    """Its display-name has no host."""

    def headers(self, file: File) -> bytes:
        return super().headers(file).replace(b"display-name: vm:", b"display-name: ")


class Gomate(PlainClient):
    """mattn/gomate: no real-path, a hash as token, and a dot behind every file."""

    waits = False

    def token(self, file: File) -> str:
        return hashlib.md5(file.path.encode(), usedforsecurity=False).hexdigest()

    def transcript(self, *files: File) -> bytes:
        return b"".join(self.record(file) + b".\n" for file in files)

    def headers(self, file: File) -> bytes:
        return (
            f"open\ndisplay-name: {file.name}\ndata-on-save: yes\nre-activate: yes\n"
            f"token: {self.token(file)}\n"
        ).encode()

    def next(self) -> Word | None:
        while line := self._line():
            command = line.strip()
            if command == "close":
                return Word("close", self._line().partition(": ")[2].strip())
            if command != "save":
                continue
            token = ""
            while text := self._line().strip():
                if text.startswith("token:"):
                    token = text[6:].strip()
                elif text.startswith("data:"):
                    return Word("save", token, self.stream.read(int(text[6:])))
            raise Broken("gomate: a save without data never ends")
        return None


class Jmate(Ruby):
    """jrnewell/jmate: sends at once; for a file that does not exist yet its data line is followed by junk."""

    waits = False

    def headers(self, file: File) -> bytes:
        return super().headers(file).replace(b"vm:", b"127.0.0.1:")

    def record(self, file: File) -> bytes:
        if file.content is None:
            return self.headers(file) + b"data: 0\n0\n"
        return self.headers(file) + block(file) + b"\n"


class Rust(PlainClient):
    """spamwax/rmate-rs: sends at once; wants token and data of a save on the next two lines."""

    waits = False

    def token(self, file: File) -> str:
        return hashlib.sha256(file.path.encode()).hexdigest()[:16]

    def headers(self, file: File) -> bytes:
        return super().headers(file).replace(b"data-on-save", b"selection: \ndata-on-save")

    def next(self) -> Word | None:
        while line := self._line():
            command = line.strip()
            if not command:
                continue
            if command not in ("save", "close"):
                raise Broken(f"rust: unrecognized {command!r}")
            token = self._line().rpartition(":")[2].strip()
            if command == "close":
                if self._line().strip():
                    raise Broken("rust: close takes a token only")
                return Word("close", token)
            size = self._line()
            if not size.startswith("data:"):
                raise Broken(f"rust: the data does not follow the token: {size!r}")
            return Word("save", token, self.stream.read(int(size.rpartition(":")[2])))
        return None


CLIENTS: dict[str, type[PlainClient]] = {
    "ruby": Ruby,
    "bash": Bash,
    "perl": Perl,
    "c": C,
    "c-hanklords": HanklordsC,
    "gomate": Gomate,
    "jmate": Jmate,
    "rust": Rust,
}
