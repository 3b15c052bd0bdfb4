"""``rbridge status``, ``close`` and ``resolve`` on the laptop: what is open, how it stands, and its end.

Documents are the daemon's to tell of. Texts in the spool are read from the disk, so that without a daemon
they are seen too.
"""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from posixpath import normpath
from typing import Any

import trio

from rbridge import paths
from rbridge.errors import NoInput, NotListening, TryAgain, UsageError, clean
from rbridge.server import control
from rbridge.server.spool import Entry, Spool
from rbridge.shortids import named, shortened

Say = Callable[[str], None]

UNSAFE = TryAgain.exit_code
UNSETTLED = ("dirty", "saving", "conflict")
LARGEST = 8 << 20  # bytes of a text that is compared line by line
KEPT = "kept"


@dataclass(frozen=True)
class Row:
    """One document, or one text in the spool that belongs to none: *state* is KEPT then.

    *kept* is when the text in the spool was put there, 0 without one.
    """

    id: str
    host: str
    path: str
    editor: str
    state: str
    connected: bool
    message: str = ""
    kept: float = 0.0

    @property
    def where(self) -> str:
        return f"{self.host}:{self.path}"

    @property
    def open(self) -> bool:
        return self.state != KEPT

    @property
    def safe(self) -> bool:
        """Whether the host has every edit of it, as far as the laptop knows."""
        return self.state not in (*UNSETTLED, KEPT) and not self.kept


def kept() -> list[Entry]:
    """What is in the spool, oldest first; nothing is made on the disk for that."""
    root = os.path.join(paths.state_dir(create=False), "spool")
    return Spool(root, 0).entries() if os.path.isdir(root) else []


def asked() -> dict[str, Any]:
    """What the daemon says of all that it has; nothing where none serves here."""
    try:
        return trio.run(control.ask, {"do": "status"})
    except NotListening:
        return {}


def rows() -> tuple[list[Row], bool]:
    """All documents and kept texts, by host and path; and whether a daemon serves here."""
    answer = asked()
    return rows_of(answer), bool(answer)


def rows_of(answer: Mapping[str, Any]) -> list[Row]:
    """All documents of that *answer*, and the kept texts, by host and path."""
    found = {one["id"]: _row(one) for one in answer.get("rows", ())}
    for entry in kept():
        about = entry.about
        if about.id in found:
            found[about.id] = replace(found[about.id], kept=about.time)
        elif not about.replaced:
            found[about.id] = Row(about.id, about.host, about.path, "", KEPT, False, "", about.time)
    return sorted(found.values(), key=lambda row: (row.host, row.path, row.id))


def _row(said: dict[str, object]) -> Row:
    def word(name: str) -> str:
        return clean(str(said.get(name) or ""))

    connected = said.get("connected") is True
    return Row(
        word("id"), word("host"), word("path"), word("editor"), word("state"), connected, word("message")
    )


def matching(found: Sequence[Row], word: str) -> list[Row]:
    """Those that *word* means: an id, HOST:PATH or PATH; a path may be its end, or a directory above it. A
    port is HOST:N, N or :N.
    """
    if not word:
        return list(found)
    if word.startswith(":") and word[1:].isdigit():
        word = word[1:]
    host, colon, path = word.partition(":")
    places = [(row, word) for row in found]
    if colon and "/" not in host:
        places = [(row, path) for row in found if row.host == host] or places
    exact = [row for row, path in places if row.path == path]
    under = [row for row, path in places if _below(row.path, path)]
    ids = set(named([row.id for row in found], word))
    return exact or under or [row for row in found if row.id in ids]


def _below(path: str, wanted: str) -> bool:
    """Whether *wanted* is *path* or a directory above it; a relative one may begin anywhere."""
    wanted = normpath(wanted) if wanted else "."
    if wanted == ".":
        return True
    below = path + "/"
    return below.startswith(wanted + "/") if wanted.startswith("/") else f"/{wanted}/" in below


def status(word: str, quiet: bool, say: Say, tell: Say) -> int:
    """Show the tunnels, and what is open and kept, all or what *word* means; returns the exit code. *tell* is
    for remarks.
    """
    answer = asked()
    found = matching(rows_of(answer), word)
    if quiet:
        return 0 if all(row.safe for row in found) else UNSAFE
    for one in answer.get("hosts", ()) if not word else ():
        say(tunnel(one))
    for line in table(found):
        say(line)
    if not found:
        tell(f"nothing is open{f' at {clean(word)}' if word else ''}")
    if not answer:
        tell("rbridge is not serving here (start it with: rbridge serve)")
    return 0


def tunnel(said: Mapping[str, Any]) -> str:
    """The line of a host to which the daemon keeps a tunnel."""
    name, state = clean(str(said.get("name"))), clean(str(said.get("state")))
    since = said.get("since")
    words = [f"{name}:", "connected" if state == "up" else state.replace("-", " ")]
    if isinstance(since, (int, float)):
        words.append(f"for {age(since)}")
    if state == "up" and said.get("way") == "stdio":
        words.append("over stdio: this host refuses forwarding")
    why = clean(": ".join(str(said[part]) for part in ("said", "hint") if said.get(part)))
    return " ".join(words) + (f" ({why})" if why and state != "up" else "")


def table(found: Sequence[Row], ids: bool = False) -> list[str]:
    """A line each, in columns; with *ids* each begins with what tells it from the others."""
    short = shortened(row.id for row in found)
    cells = [
        [*([short[row.id]] if ids else []), row.where, row.editor, row.state, _remark(row)] for row in found
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True) if width).rstrip()
        for line in cells
    ]


def _remark(row: Row) -> str:
    remarks = [] if row.connected or not row.open else ["not connected"]
    if row.kept and row.state != "conflict":  # its message says what settles it
        remarks.append(f"a text is kept here for {age(row.kept)}: rbridge recover")
    if row.message and row.message not in remarks:
        remarks.append(row.message)
    return "; ".join(remarks)


def age(since: float) -> str:
    """How long ago that is: ``40 s``, ``3 min``, ``5 h``, ``12 days``."""
    seconds = max(0, int(time.time() - since))
    for size, unit in ((86400 * 2, "days"), (3600 * 2, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds // {'days': 86400, 'h': 3600, 'min': 60}[unit]} {unit}"
    return f"{seconds} s"


def one(word: str) -> Row:
    """The open document that *word* means. Raises NoInput, and UsageError where it may mean several."""
    found = [row for row in rows()[0] if row.open]
    wanted = matching(found, word)
    if not wanted:
        raise NoInput(f"{clean(word)} is not open", "rbridge status lists what is")
    if len({row.where for row in wanted}) == 1:  # also open still for a client that is gone
        wanted = [row for row in wanted if row.connected] or wanted
    if len(wanted) > 1:
        raise ambiguous(word, wanted)
    return wanted[0]


def ambiguous(word: str, wanted: Sequence[Row]) -> UsageError:
    short = shortened(row.id for row in wanted)
    which = ", ".join(f"{short[row.id]} {row.where}" for row in wanted)
    return UsageError(f"{clean(word)} may be any of: {which}", "say which by its id or as HOST:PATH")


def close(word: str, tell: Say) -> int:
    """Close what *word* means: one document, all below a directory, or all ("")."""
    found, serving = rows()
    if not serving:
        raise NotListening("rbridge is not serving here: nothing is open", "start it with: rbridge serve")
    wanted = matching([row for row in found if row.open], word)
    if not wanted and word:
        raise NoInput(f"{clean(word)} is not open", "rbridge status lists what is")
    if not wanted:
        tell("nothing is open")
        return 0
    if word and not _one_place(wanted, word):
        raise ambiguous(word, wanted)
    answer = trio.run(control.ask, {"do": "close", "ids": [row.id for row in wanted]}, control.WORK)
    waiting = {entry.about.id for entry in kept()}
    code = 0
    for row in wanted:
        if row.id in answer.get("open", ()):
            tell(f"{row.where}: its editor does not close it")
            code = UNSAFE
        elif row.id in waiting:
            tell(f"{row.where}: closed; a text that the host does not have is kept here: rbridge recover")
            code = code or UNSAFE
        else:
            tell(f"{row.where}: closed")
    return code


def _one_place(wanted: Sequence[Row], word: str) -> bool:
    """Whether *word* means one file, or one directory with all that is below it."""
    if len(wanted) == 1:
        return True
    path = word.partition(":")[2] if word.startswith(wanted[0].host + ":") else word
    same_host = len({row.host for row in wanted}) == 1
    return same_host and path.startswith("/") and not any(row.path == normpath(path) for row in wanted)


def resolve(word: str, choose: str, say: Say, tell: Say) -> int:
    """Show the conflict that *word* means, or settle it for ``mine`` or ``theirs``; returns the exit code."""
    row = one(word)
    if choose == "show":
        for line in _difference(row):
            say(line)
        tell(f"--mine puts this laptop's text on {row.host}, --theirs keeps the text there")
        return 0
    answer = trio.run(control.ask, {"do": "resolve", "id": row.id, "choose": choose}, control.WORK)
    if not answer["ok"]:
        raise TryAgain(str(answer["error"]))
    after = _row(answer["row"])
    if after.state in UNSETTLED:
        raise TryAgain(
            f"{row.where} is {after.state}" + (f": {after.message}" if after.message else ""),
            "" if after.connected else "it goes on when the host is back",
        )
    tell(f"{row.where}: {'your text is on the host' if choose == 'mine' else 'the text of the host stays'}")
    return 0


def _difference(row: Row) -> Iterator[str]:
    answer, fds = trio.run(
        control.ask_for_texts, {"do": "resolve", "id": row.id, "choose": "show"}, control.WORK
    )
    try:
        if not answer["ok"] or len(fds) != control.TEXTS:
            raise TryAgain(str(answer.get("error") or f"{row.where}: its texts did not come"))
        theirs, mine = fds
        yield from difference(theirs, mine, f"theirs ({row.where})", "mine (on this laptop)")
    finally:
        for fd in fds:
            os.close(fd)


def difference(theirs: int, mine: int, named_theirs: str, named_mine: str) -> Iterable[str]:
    """A unified diff of two texts, given as descriptors, or a line that says why there is none."""
    texts = [os.pread(fd, LARGEST + 1, 0) for fd in (theirs, mine)]
    sizes = [os.fstat(fd).st_size for fd in (theirs, mine)]
    if texts[0] == texts[1] and max(sizes) <= LARGEST:
        return ["both texts are the same"]
    if max(sizes) > LARGEST or any(b"\0" in text for text in texts):
        kind = "too large to be compared" if max(sizes) > LARGEST else "binary"
        return [f"{kind}: {sizes[0]:,} bytes, {named_theirs}; {sizes[1]:,} bytes, {named_mine}"]
    before, after = map(_lines, texts)
    return difflib.unified_diff(before, after, clean(named_theirs), clean(named_mine), lineterm="")


def _lines(text: bytes) -> list[str]:
    """Lines as a terminal may show them; the last one says if it has no end."""
    found = ["\t".join(map(clean, line.split("\t"))) for line in text.decode("utf-8", "replace").split("\n")]
    last = found.pop()
    return [*found, f"{last}\n\\ no line end at the end"] if last else found
