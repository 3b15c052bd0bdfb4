"""The files that settings are read from: rmate's rc files and our ``config.toml``.

rmate clients agree on the names ``host``, ``port`` and ``unixsocket`` and on little else: ruby reads YAML,
python an ini file without sections, bash ``host: x`` or ``host=x`` from files named after the command. One
tolerant reader takes all of these. Of TOML the host reads what stands before the first table and is a string,
a number or a boolean; the rest is the laptop's business.
"""

import os

from rbridge import system

MYPY = False
if MYPY:
    from typing import Dict, List, Mapping, Union

NAMES = ("host", "port", "unixsocket")
SYSTEM = "/etc/rbridge.conf"
"""The administrator's settings, spelled as ours."""

SIZE = 64 * 1024  # bytes of a settings file that are read; real ones have a few lines


def rc_paths(name: str, environ: "Mapping[str, str]", home: str) -> "List[str]":
    """The rc files that exist for a command called *name*; what a later one says wins."""
    homes = [home]
    if os.geteuid() == 0 and environ.get("SUDO_UID", "").isdigit():
        homes.append(system.home_of(int(environ["SUDO_UID"])))  # QUIRK: bash rmate reads the caller's files
    names = ["rmate"] if name in ("rmate", "rbridge", "") else ["rmate", name]
    places = ["/etc/rmate.rc", "/usr/local/etc/rmate.rc"]
    for command in names:
        places += ["/etc/" + command, "/etc/{}.rc".format(command)]
    for place in homes:
        for command in names:
            if place:
                places.append(os.path.join(place, "." + command, command + ".rc"))
                places.append(os.path.join(place, ".{}.rc".format(command)))
    return [
        place for index, place in enumerate(places) if place not in places[:index] and os.path.isfile(place)
    ]


def parse_rc(text: str) -> "Dict[str, str]":
    """What an rc file sets; unknown names, sections and lines that set nothing are passed over."""
    found = {}
    for line in text.splitlines():
        words = line.strip().lstrip(":")
        ends = [words.find(mark) for mark in ":=" if mark in words]
        if words.startswith(("#", ";", "[")) or not ends:
            continue
        name, value = words[: min(ends)].strip().lower(), words[min(ends) + 1 :].strip()
        if name in NAMES and value:
            found[name] = _unquoted(value)
    return {name: value for name, value in found.items() if value}


def _unquoted(value: str) -> str:
    if value[0] in "'\"" and value.find(value[0], 1) > 0:
        return value[1 : value.index(value[0], 1)]
    return value.partition(" #")[0].split()[0] if not value.startswith("#") else ""


def read_text(path: str, size: int = SIZE) -> str:
    """The text of a settings file, at most *size* bytes of it, "" when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(size).decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def parse_config(text: str) -> "Dict[str, Union[str, int, float, bool]]":
    """The plain settings at the top of a TOML file: strings on one line, numbers and booleans."""
    found: "Dict[str, Union[str, int, float, bool]]" = {}
    for line in text.splitlines():
        words = line.strip()
        if words.startswith("["):
            break
        name, equals, value = words.partition("=")
        name, value = name.strip().strip("\"'"), value.strip()
        if equals and name and value and not name.startswith("#"):
            plain = _plain(value)
            if plain is not None:
                found[name] = plain
    return found


def _plain(value: str) -> "Union[str, int, float, bool, None]":
    """A string, number or boolean; None for all that this reader leaves to the laptop."""
    if value.startswith(("'''", '"""', "[", "{")):
        return None
    if value.startswith("'"):
        end = value.find("'", 1)
        return value[1:end] if end > 0 else None
    if value.startswith('"'):
        return _basic_string(value)
    word = value.partition("#")[0].strip()
    if word in ("true", "false"):
        return word == "true"
    for kind in (int, float):
        try:
            return kind(word.replace("_", ""))
        except ValueError:
            continue
    return None


def _basic_string(value: str) -> "Union[str, None]":
    """A TOML basic string at the start of *value*, its escapes undone; None when it has no end."""
    escapes = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
    out: "List[str]" = []
    index = 1
    while index < len(value):
        letter = value[index]
        if letter == '"':
            return "".join(out)
        if letter == "\\":
            index += 1
            letter = value[index : index + 1]
            width = {"u": 4, "U": 8}.get(letter, 0)
            if width:
                digits = value[index + 1 : index + 1 + width]
                if (
                    len(digits) < width
                    or digits.strip("0123456789abcdefABCDEF")
                    or int(digits, 16) > 0x10FFFF
                ):
                    return None
                letter = chr(int(digits, 16))
                index += width
            elif letter in escapes:
                letter = escapes[letter]
            else:
                return None
        out.append(letter)
        index += 1
    return None
