"""The words of ``rbridge ssh [options] HOST [COMMAND]``, taken apart as ssh itself does.

Options stand before HOST and between HOST and COMMAND. Flags may be joined (``-tt``, ``-vp2222``), a value
may follow its letter at once or as the next word, ``--`` ends the options for good. What an option is for:

========== ======================================== ===================================================
kind       options                                  why
========== ======================================== ===================================================
way        -2 -4 -6 -B -b -C -c -F -I -i -J -K -k   they decide how the connection is made, so whoever
           -l -m -P -p, most of -o                  makes the master needs them
both       -A -a -X -x -Y, -o ForwardAgent,         asked for by the session, and granted only by a
           -o ForwardX11, -o ForwardX11Trusted      master that was made with them
session    -D -E -e -f -L -N -n -q -R -s -T -t -v   of one shell or command; a master with them would
           -W -y, -o of the same meaning            forward twice, fall silent, or run a command
sharing    -M -S, -o ControlMaster, -o ControlPath, ``ssh -G`` has to know them: with -S PATH the master
           -o ControlPersist                        at PATH is used, or made there; -M is what rbridge
                                                    does in any case
refused    -G -g -O -Q -V -w                        ssh itself answers them, or a shared connection
                                                    cannot do them; the error says what to run instead
========== ======================================== ===================================================

-P is the tag of OpenSSH 9.4 and is spelled ``-oTag=``: older ones refuse that by name, while their own ``-P``
is a flag, and would take the tag for the host. -1 is unknown, as it is to every ssh of today.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rbridge.errors import UsageError, clean

VALUED = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
"""Letters of the options that take a value."""

_WAY = frozenset("246BbCcFIiJKklmoPp")
_BOTH = frozenset("AaXxY")
_SESSION = frozenset("DEefLNnqRsTtvWy")
_SHARING = frozenset("MS")
_REFUSED = {
    "G": "run: ssh -G HOST",
    "g": "name the address instead: -L '*:PORT:HOST:PORT'",
    "O": "run: ssh -O COMMAND HOST, or: rbridge disconnect HOST",
    "Q": "run: ssh -Q QUERY",
    "V": "run: ssh -V, or: rbridge --version",
    "w": "run: ssh -w TUNNEL HOST",
}

_SHARING_KEYS = frozenset(("controlmaster", "controlpath", "controlpersist"))
_BOTH_KEYS = frozenset(("forwardagent", "forwardx11", "forwardx11trusted", "forwardx11timeout"))
_SESSION_KEYS = frozenset(
    (
        # fmt: off
        "clearallforwardings",
        "dynamicforward",
        "enableescapecommandline",
        "escapechar",
        "exitonforwardfailure",
        "forkafterauthentication",
        "gatewayports",
        "localcommand",
        "localforward",
        "loglevel",
        "logverbose",
        "permitlocalcommand",
        "permitremoteopen",
        "remotecommand",
        "remoteforward",
        "requesttty",
        "sendenv",
        "sessiontype",
        "setenv",
        "stdinnull",
        "streamlocalbindmask",
        "streamlocalbindunlink",
        "syslogfacility",
        "tunnel",
        "tunneldevice",
        # fmt: on
    )
)

# What ssh -G is not asked with: -f and -s want a command, the others would hide what is wrong.
_URI = "ssh://"

_NOT_ASKED = frozenset("Efqsvy")
_NOT_ASKED_KEYS = frozenset(("forkafterauthentication", "loglevel", "sessiontype", "syslogfacility"))


class Words(NamedTuple):
    """A command line. *own* has rbridge's options as they are called, each with its value or "".

    Each of *options* is one word, ``-p2222``; *host* is "" where there is none; *wrong* is the first mistake,
    and *hint* what to do about it, both "" if :func:`check` has nothing to say.
    """

    own: dict[str, str]
    options: tuple[str, ...]
    host: str
    command: tuple[str, ...] = ()
    wrong: str = ""
    hint: str = ""

    @property
    def way(self) -> tuple[str, ...]:
        """The options for whoever makes the connection."""
        return tuple(option for option in self.options if _kind(option) in ("way", "both"))

    @property
    def session(self) -> tuple[str, ...]:
        """The options of this one shell or command, with those that the master needs as well."""
        return tuple(option for option in self.options if _kind(option) in ("session", "both"))

    @property
    def shell(self) -> tuple[str, ...]:
        """All options for a shell over a given master, in their order: all but those that name a master."""
        return tuple(option for option in self.options if _kind(option) != "sharing")

    @property
    def target(self) -> tuple[str, ...]:
        """HOST and COMMAND as they follow the options: nothing in them is taken for an option again."""
        return ("--", self.host, *self.command)


def split(arguments: Sequence[str], own: Mapping[str, bool]) -> Words:
    """Take *arguments* apart; never raises, see :func:`check`.

    *own* are rbridge's long options, ``--name``, each with whether it takes a value (``--name V`` or
    ``--name=V``). They may stand wherever ssh's options may.
    """
    ours: dict[str, str] = {}
    options: list[str] = []
    host: str | None = None
    faults: list[tuple[str, str]] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            if host is None and rest:
                host = rest.pop(0)
            break
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            if name not in own or (equals and not own[name]):
                faults.append((f"unknown option {word}", ""))
            elif own[name] and not equals and not rest:
                faults.append((f"option {name} needs a value", ""))
            else:
                ours[name] = rest.pop(0) if own[name] and not equals else value
        elif word.startswith("-") and word != "-":
            taken: list[str] = []
            _take(word, rest, taken, faults)
            settled = _settled(host or "")
            options += [
                option for option in taken if option[1] not in settled and _key(option) not in settled
            ]
        elif host is None:
            host = word
        else:
            rest.insert(0, word)
            break
    fault = faults[0] if faults else _unfit(host)
    return Words(ours, tuple(options), host or "", tuple(rest), *fault)


def check(words: Words) -> None:
    """Raise UsageError with what is wrong: no host, an option without its value, one that is not known."""
    if words.wrong:
        raise UsageError(clean(words.wrong), words.hint)


def asking(options: Iterable[str]) -> tuple[str, ...]:
    """Those of *options* with which ``ssh -G`` says the same as it would do, and says what is wrong."""
    return tuple(
        option for option in options if option[1] not in _NOT_ASKED and _key(option) not in _NOT_ASKED_KEYS
    )


def _take(word: str, rest: list[str], options: list[str], faults: list[tuple[str, str]]) -> None:
    """Add the options that are joined in *word* to *options*; a value may be the next of the words."""
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        value = ""
        if letter in VALUED:
            value, letters = letters or (rest.pop(0) if rest else ""), ""
        if letter in _REFUSED:
            faults.append((f"rbridge ssh does not take -{letter}", _REFUSED[letter]))
        elif letter not in _WAY | _BOTH | _SESSION | _SHARING:
            faults.append((f"unknown option -{letter}", ""))
        elif letter in VALUED and not value:
            faults.append((f"option -{letter} needs a value", ""))
        elif letter == "P":
            options.append(f"-oTag={value}")
        else:
            options.append(f"-{letter}{value}")


def _settled(host: str) -> frozenset[str]:
    """The options that come too late behind *host*, because it names the user or the port itself."""
    uri = host.startswith(_URI)
    if uri:
        host = host[len(_URI) :].partition("/")[0]
    user, at, host = host.rpartition("@")
    port = uri and ":" in host.rpartition("]")[2]
    return frozenset(("l", "user") if at else ()) | frozenset(("p", "port") if port else ())


def _unfit(host: str | None) -> tuple[str, str]:
    """What is wrong with *host* as a word, and a hint."""
    if host is None:
        return "no host", "run: rbridge ssh HOST"
    if not host:
        return "the host is an empty word", "run: rbridge ssh HOST"
    if host.startswith("-"):
        return f"{host} is no host: it begins with '-'", ""
    return "", ""


def _kind(option: str) -> str:
    """What *option*, one word, is for: "way", "both", "session" or "sharing"."""
    letter, key = option[1], _key(option)
    if letter in _SHARING or key in _SHARING_KEYS:
        return "sharing"
    if letter in _BOTH or key in _BOTH_KEYS:
        return "both"
    if letter in _SESSION or key in _SESSION_KEYS:
        return "session"
    return "way"


def _key(option: str) -> str:
    """The keyword of ``-oKeyword=value`` in lower case, "" for any other option."""
    if option[1] != "o":
        return ""
    words = option[2:].replace("=", " ").split()
    return words[0].strip('"').lower() if words else ""
