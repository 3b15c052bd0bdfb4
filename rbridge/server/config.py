"""The daemon's settings: ``config.toml``, and what the command line puts in their place.

Precedents for the numbers: OpenSSH's LoginGraceTime (120 s) and MaxStartups, nginx' client_header_timeout
(60 s), h11's and nginx' 16 KB for a header, Apache's 100 header lines.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from rbridge import paths
from rbridge.errors import UsageError
from rbridge.wire import limits as wire

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONNECTIONS = 2048  # a plain rmate client uses one per file, and 1,000 open files are to work
HANDSHAKE = 30.0  # seconds from the connection to the end of its first header block, and of each later one
STALL = 120.0  # seconds without a byte in the middle of a body, either way
ANSWER = 120.0  # seconds from the last byte of a save to its answer
CONSENT = 300.0  # seconds that a question waits for `rbridge allow`
SHUTDOWN = 5.0  # seconds that the end of the daemon waits for saves under way
SESSIONS = 256  # without a connection, waiting for their hosts to come back
DIAL = 10.0  # seconds that a host may take to open a further connection
SPOOL = 1 << 30  # bytes of undelivered text on this laptop
LOG = 1 << 20  # bytes of one log file; there are three

CLASSIC = ("allow", "ask", "deny")
DEFAULT_PORT = 52698  # rmate's own
PORTS = 16  # of one host on this laptop
LAST_PORT = 65535


@dataclass(frozen=True)
class Limits:
    """How much one peer may ask for; sizes in bytes, times in seconds."""

    connections: int = CONNECTIONS
    line: int = wire.LINE
    headers: int = wire.HEADERS
    body: int = wire.BODY
    records: int = wire.RECORDS
    handshake: float = HANDSHAKE
    stall: float = STALL
    answer: float = ANSWER
    consent: float = CONSENT
    shutdown: float = SHUTDOWN
    sessions: int = SESSIONS
    dial: float = DIAL
    spool: int = SPOOL
    log: int = LOG

    def wire(self) -> wire.Limits:
        return wire.Limits(line=self.line, headers=self.headers, body=self.body, records=self.records)


@dataclass(frozen=True)
class HostConfig:
    """A host to which the daemon connects when it starts, with *options* of ssh. *ports* are those of it that
    are then here, each with its number here.
    """

    host: str
    options: tuple[str, ...] = ()
    ports: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Config:
    """What ``rbridge serve`` is to do. An empty *listen* stands for both default listeners."""

    listen: tuple[str, ...] = ()
    editor: str | None = None
    terminal: str | None = None
    diff: str | None = None
    classic: str = "allow"
    notify: bool = True
    spool: bool = True
    lsp: bool = True
    ports: bool = True
    hosts: tuple[HostConfig, ...] = ()
    limits: Limits = field(default_factory=Limits)


_SHARED = ("fallback", "host")
"""Keys that other parts of rbridge read from the same file."""

_PAIR = re.compile(r"([0-9]{1,5})(?::([0-9]{1,5}))?")
_SERVERS = "lsp-"  # and a language: its servers, for the side where they run


def load(path: str | None = None) -> Config:
    """Read *path*, by default the configuration file; a file that does not exist means the defaults.

    Raises UsageError that names the file, the key and what is allowed there.
    """
    file = Path(path if path is not None else paths.config_file())
    try:
        with file.open("rb") as stream:
            said = tomllib.load(stream)
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not valid TOML: {error}") from error
    return read(said, str(file))


def read(said: Mapping[str, Any], source: str) -> Config:
    """Make a Config of a parsed *said*; *source* names it in errors."""
    said = {key: value for key, value in said.items() if not key.startswith(_SERVERS)}
    _check_names(said, Config, source, "", _SHARED)
    values: dict[str, Any] = {}
    for key, value in said.items():
        if key in _SHARED:
            continue
        if key == "limits":
            values[key] = _limits(value, source)
        elif key == "listen":
            values[key] = _listen(value, source)
        elif key == "hosts":
            values[key] = _hosts(value, source)
        elif key == "classic":
            if value not in CLASSIC:
                raise UsageError(f"{source}: classic is {value!r}", "allowed: " + ", ".join(CLASSIC))
            values[key] = value
        else:
            wanted = bool if key in ("notify", "spool", "lsp", "ports") else str
            if not isinstance(value, wanted):
                raise UsageError(f"{source}: {key} is {value!r}", f"allowed: {_WORDS[wanted]}")
            values[key] = value
    config = Config(**values)
    if not config.ports and any(one.ports for one in config.hosts):
        raise UsageError(f"{source}: ports is false, and hosts.ports names some", "remove one of them")
    return config


def override(config: Config, *, listen: tuple[str, ...] = (), editor: str | None = None) -> Config:
    """*config* with what the command line says in place of it."""
    if listen:
        config = replace(config, listen=listen)
    return replace(config, editor=editor) if editor is not None else config


_WORDS: dict[type, str] = {bool: "true or false", str: "a string", int: "a whole number above 0"}


def _check_names(
    said: Mapping[str, Any], kind: type, source: str, prefix: str, also: tuple[str, ...]
) -> None:
    known = [item.name for item in fields(kind)]
    for key in said:
        if key not in known and key not in also:
            raise UsageError(f"{source}: unknown key {prefix}{key}", "known: " + ", ".join(known))


def _listen(value: Any, source: str) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise UsageError(f"{source}: listen is {value!r}", "allowed: an address, or a list of them")
    return tuple(listed)


def _hosts(value: Any, source: str) -> tuple[HostConfig, ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise UsageError(f"{source}: hosts is {value!r}", "allowed: tables, each one under [[hosts]]")
    return tuple(_host(one, source) for one in value)


def _host(said: Mapping[str, Any], source: str) -> HostConfig:
    _check_names(said, HostConfig, source, "hosts.", ())
    host, options = said.get("host"), said.get("options", [])
    if not isinstance(host, str) or not host or host.startswith("-"):
        raise UsageError(f"{source}: hosts.host is {host!r}", "allowed: what you give to ssh, as 'gpu1'")
    if not isinstance(options, list) or not all(isinstance(one, str) for one in options):
        raise UsageError(f"{source}: hosts.options is {options!r}", "allowed: a list such as ['-p', '2222']")
    return HostConfig(host, tuple(options), _ports(said.get("ports", []), source))


def _ports(value: Any, source: str) -> tuple[tuple[int, int], ...]:
    if not isinstance(value, list) or len(value) > PORTS:
        raise UsageError(
            f"{source}: hosts.ports is {value!r}", f"allowed: a list of up to {PORTS}, as [8888]"
        )
    found: dict[int, int] = {}
    for one in value:
        number, wanted = _port(one)
        if not number or not wanted:
            allowed = f"allowed: numbers up to {LAST_PORT}, as 8888, or '6006:16006' for 16006 here"
            raise UsageError(f"{source}: hosts.ports has {one!r}", allowed)
        if number in found or wanted in found.values():
            raise UsageError(f"{source}: hosts.ports has {one!r} twice", "name each port once")
        found[number] = wanted
    return tuple(found.items())


def _port(value: Any) -> tuple[int, int]:
    """The port there, and the one here; 0 for what is none."""
    if isinstance(value, str) and (match := _PAIR.fullmatch(value)):
        there, here = (int(word) for word in (match[1], match[2] or match[1]))
    elif isinstance(value, int) and not isinstance(value, bool):
        there = here = value
    else:
        return 0, 0
    return (there, here) if 0 < there <= LAST_PORT and 0 < here <= LAST_PORT else (0, 0)


def _limits(value: Any, source: str) -> Limits:
    if not isinstance(value, dict):
        raise UsageError(f"{source}: limits is {value!r}", "allowed: a table, [limits]")
    _check_names(value, Limits, source, "limits.", ())
    for key, number in value.items():
        whole = isinstance(getattr(Limits(), key), int)
        wanted = (int,) if whole else (int, float)
        if isinstance(number, bool) or not isinstance(number, wanted) or not number > 0:
            allowed = "a whole number above 0" if whole else "seconds above 0"
            raise UsageError(f"{source}: limits.{key} is {number!r}", f"allowed: {allowed}")
    return Limits(**value)
