"""Why ssh failed: from what it wrote to stderr to words, a remedy, and what a person can do.

Pure: text in, values out; the table is ``messages.py``. Nothing is ever tried again in haste: a text that
no row knows is :attr:`Remedy.TIME`, as it may be a host that bans those who knock too often, and may be a
network that comes back.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace

from rbridge.errors import Denied, NotListening, RbridgeError, TryAgain, UsageError, clean
from rbridge.ssh.messages import CONFIGURATION, FORWARDING, KEX, LOGIN, PROXY_GONE, Remedy, Row

__all__ = ["Reason", "Remedy", "error", "forwarding", "other", "read", "silent"]

REFUSED = "forwarding-refused"
NO_SESSION = "session-refused"
"""Reasons that are met by name."""

LONGEST = 65536  # characters of stderr that are looked at, from its end
LONGEST_LINE = 2000  # characters of each of its lines: a hostile host must not make this slow
LONGEST_WORD = 200  # characters of a host's or a file's name that are shown


@dataclass(frozen=True)
class Reason:
    """One failure. *said* goes after "gpu1: "; *hint* says what to do and may be empty; both are one line.

    *name* is a stable slug. *at* is the hop on the way that failed, as far as it is known: "" for the host.
    """

    name: str
    said: str
    hint: str
    remedy: Remedy
    at: str = ""


# What ssh prints beside the reason: never shown as one.
_NOISE = re.compile(
    r"^(?:debug\d: |Warning: |\*\* |@|\s|Pseudo-terminal will not|Authenticated to |Authenticated using "
    r"|Transferred: |Bytes per second: |OpenSSH_|Allocated port |X11 forwarding request |bash: warning: "
    r"|Disconnected from |muxclient: |Permission denied, please |usage: |Exiting, |ControlSocket )"
)
# With -v a few of ssh's notes say more than its errors do.
_TOLD = re.compile(r"^debug1: (?:Server accepts key: |Remote: |get_agent_identities: )")
_GONE = re.compile(rf"(?:{KEX}[^\n]*\n)?(?:^[^\n]*during banner exchange\n)?{PROXY_GONE}", re.MULTILINE)


def read(stderr: str, host: str, way: str = "") -> Reason:
    """Why a login to *host* failed, or a connection to it ended. Never fails.

    *way* is the host's ProxyJump or ProxyCommand as ``ssh -G`` prints it, "" if it has none. What fails at
    a jump is told by that failure's own name and remedy, with the jump in *said* and in :attr:`Reason.at`.
    """
    text = _spoken(stderr)
    broken = _GONE.search(text)
    if broken is None:
        return _match(LOGIN, text, host, host) or _unknown(stderr, text, host)
    hop = _hop(way)
    there = hop if _one_jump(way) else host
    inner = _match(LOGIN, text[: broken.end()], host, there, until=broken.start())
    if inner is None:
        silent = "timed out" in text[broken.start() :]
        last = _last(stderr, text[: broken.start()])
        name, remedy = ("banner-timed-out", Remedy.NETWORK) if silent else ("proxy-failed", Remedy.TIME)
        said = "does not answer" if silent else f"failed{': ' + last if last else ''}"
        said = f"the way over {hop} {said}"
        return Reason(name, said, f"'ssh -v {shlex.quote(clean(host))}' shows more", remedy, hop)
    if inner.name.startswith("jump-"):
        return replace(inner, at=hop)
    if inner.name in CONFIGURATION:
        return inner
    return replace(inner, said=f"on the way over {hop}: {inner.said}", at=hop)


def forwarding(stderr: str, host: str = "", *, free: bool = False) -> Reason:
    """Why ``-O forward`` or a session over a master failed; else what :func:`read` makes of it.

    The command itself never says why the host refused: add what the master, run with ``LogLevel DEBUG1``,
    wrote since. Without that ``forward-failed`` means any of: not allowed, path taken, directory missing;
    where the path was just seen to be *free* it means that forwarding is not allowed. A session whose master
    is killed ends with 255 and no word at all.
    """
    found = _match(FORWARDING, _spoken(stderr), host, host)
    if found is not None and free and found.name == "forward-failed":
        found = _match(FORWARDING, "Master refused forwarding request: ", host, host)
    return found or read(stderr, host)


def silent(host: str, seconds: float) -> Reason:
    """*host* let us in, and then said nothing for so long."""
    hint = f"if 'ssh {shlex.quote(clean(host))} true' hangs too, its shell or its home directory does"
    return Reason("silent", f"did not answer within {seconds:g} s", hint, Remedy.NETWORK)


def other(error: RbridgeError) -> Reason:
    """An error of rbridge's own, met on the way to a tunnel, as a reason."""
    if isinstance(error, UsageError):
        name, remedy = "bad-option", Remedy.PERSON
    elif isinstance(error, Denied):
        name, remedy = "denied", Remedy.PERSON
    elif isinstance(error, NotListening):
        name, remedy = "not-listening", Remedy.NETWORK
    else:
        name, remedy = "unknown", Remedy.TIME
    return Reason(name, clean(str(error)), clean(error.hint), remedy)


def error(reason: Reason, host: str, kept: str = "") -> RbridgeError:
    """*reason* as the error of a command; *kept* says, if given, what became of the user's texts."""
    message = clean(f"{host}: {reason.said}{'; ' + kept if kept else ''}")
    if reason.name in CONFIGURATION:
        return UsageError(message, reason.hint)
    if reason.name in ("no-ssh", REFUSED):
        return NotListening(message, reason.hint)
    kinds = {Remedy.NETWORK: NotListening, Remedy.TIME: TryAgain, Remedy.PERSON: Denied}
    return kinds[reason.remedy](message, reason.hint)


def _spoken(stderr: str) -> str:
    """ssh's lines with plain ends, without its debugging notes but for those that tell a reason."""
    lines = stderr[-LONGEST:].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(
        line[:LONGEST_LINE] for line in lines if not re.match(r"debug\d: ", line) or _TOLD.match(line)
    )


def _match(
    rows: tuple[Row, ...], text: str, host: str, there: str, until: int | None = None
) -> Reason | None:
    """The first row that fits; *until* bounds what *seen* looks at, *also* looks at the whole text."""
    end = len(text) if until is None else until
    for row in rows:
        seen = row.seen.search(text, 0, end)
        also = row.also.search(text) if row.also else None
        if seen is None or (row.also and also is None):
            continue
        found = {**(also.groupdict() if also else {}), **seen.groupdict(), "host": host, "there": there}
        words = {name: clean((value or "").strip())[:LONGEST_WORD] for name, value in found.items()}
        quoted = {name: shlex.quote(value) for name, value in words.items()}
        return Reason(row.name, row.said.format_map(words), row.hint.format_map(quoted), row.remedy)
    return None


def _unknown(stderr: str, text: str, host: str) -> Reason:
    last = _last(stderr, text)
    said = f"ssh failed: {last}" if last else "ssh ended without a word"
    return Reason("unknown", said, f"'ssh -v {shlex.quote(clean(host))}' shows more", Remedy.TIME)


def _last(stderr: str, text: str) -> str:
    """The last line of *text* that may be a reason; ssh's own, which end in CR LF, before a banner's."""
    own = {line[:-1][:LONGEST_LINE] for line in stderr[-LONGEST:].split("\n") if line.endswith("\r")}
    lines = [line for line in text.split("\n") if line.strip() and not _NOISE.match(line)]
    chosen = [line for line in lines if line in own] or lines
    return clean(chosen[-1].strip())[: 2 * LONGEST_WORD] if chosen else ""


def _one_jump(way: str) -> bool:
    return bool(way) and not _is_command(way) and "," not in way


def _is_command(way: str) -> bool:
    return " " in way or ("/" in way and not way.startswith("ssh://"))


def _hop(way: str) -> str:
    """What stands between, in words that follow "over"."""
    way = clean(way.strip())
    if not way:
        return "its proxy"
    if _is_command(way):
        return f"the proxy command {shlex.quote(way.split()[0])}"
    return " or ".join(way.split(","))[:LONGEST_WORD]
