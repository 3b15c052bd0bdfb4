"""A folder that the user opened: what the laptop asks of it.

What takes long goes to threads (:mod:`rbridge.client.crew`) or to a process of its own
(:mod:`rbridge.client.child`); the loop only passes on.
"""

import json
import os

from rbridge.client import openings
from rbridge.client.child import Child
from rbridge.client.entries import KEPT
from rbridge.client.files import Files, names, paths
from rbridge.client.inquiries import Asked, Inquiries, pack
from rbridge.client.news import gather
from rbridge.client.refused import Refused, refusal
from rbridge.client.root import Root
from rbridge.client.seeking import job
from rbridge.client.shown import Shown
from rbridge.wire.limits import SHOWN

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterator, List, Optional, Tuple

    from rbridge.client.delivery import Document
    from rbridge.client.session import Session
    from rbridge.client.source import Source

FILES = ("stat", "read", "make", "write", "move", "remove")
CHANGING = ("make", "write", "move", "remove")
SEEKING = ("find", "search")

SEEN = 2 * SHOWN
"""Directories and files of which it is known how they were when they were listed."""

UNHEARD = 10.0
"""Seconds that what is said may be on its way to the laptop."""


class Folder(Inquiries):
    """The open *document*, a folder, in *session*."""

    def __init__(self, session: "Session", document: "Document") -> None:
        super().__init__(session, document)
        source = document.source
        self.root = Root(os.dup(source.fd), source.real)
        self.files = Files(self.root, session.resident.states, source.read_only)
        self._shown: "List[Shown]" = []
        self._seen: "Dict[Tuple[str, ...], Shown]" = {}  # those that were listed or shown lately

    def stop(self, asked: Asked) -> None:
        """End *asked*, if that can be."""
        if asked.do == "watch":
            self._hide()
            asked.begun = False
        super().stop(asked)

    def void(self) -> None:
        self._hide()
        super().void()

    def close(self) -> None:
        super().close()
        self.crew.after(self.root.close)  # what is being done in threads is done first

    def do(self, asked: Asked, body: bytes) -> None:
        if asked.do in FILES:
            self._file(asked, body)
        elif asked.do == "list":
            self._list(asked, self.files.pages(asked.headers))
        elif asked.do in SEEKING:
            self._seek(asked)
        elif asked.do == "watch":
            self._watch(asked, paths(body, SHOWN))
        else:
            super().do(asked, body)

    def find(self, said: "Dict[str, str]") -> "Source":
        return openings.find(self, said)

    def _file(self, asked: Asked, body: bytes) -> None:
        do = getattr(self.files, asked.do)
        keeps = self.session.resident.hold() if asked.do in CHANGING else None

        def done(answer: "Any", error: "Optional[BaseException]") -> None:
            if keeps is not None:
                keeps()
            if error is not None:
                self.refuse(asked, refusal(asked.what, error))
                return
            said, headers = answer
            if asked.do == "move":
                said = {"documents": openings.moved(self.session, said["from"], said["to"])}
            self.answer(asked, said, headers)

        def work() -> "Any":
            said, headers = do(asked.headers, body)
            return said if asked.do == "move" else pack(said, headers), headers

        self.work(asked, work, done)

    def _list(self, asked: Asked, pages: "Iterator[Tuple[Dict[str, Any], bool]]") -> None:
        """The next page of a directory; when it was written, the one behind it, if that is wanted."""

        def work() -> "Any":
            self._see(asked.headers.get("path", ""))
            said, more = next(pages)
            headers: "Dict[str, str]" = {}
            return pack(said, headers), headers, more  # it is long: better packed here than in the loop

        def done(answer: "Any", error: "Optional[BaseException]") -> None:
            self.session.loop.at(KEPT + 0.1, self.files.listing.forget)
            if error is not None:
                self.refuse(asked, refusal(asked.what, error))
                return
            said, headers, more = answer
            self.answer(asked, said, headers, more and not asked.enough, written)

        def written() -> None:
            if not asked.over:
                self._list(asked, pages)

        self.work(asked, work, done)

    def _seek(self, asked: Asked) -> None:
        """A find, or a search; the one before is not wanted any more."""
        for other in list(self.asked.values()):
            if other.do == asked.do and other is not asked:
                self.stop(other)
        work, seconds, late = job(asked.headers, self.root.fd)

        def written() -> None:
            if asked.child is not None:
                asked.child.go_on()

        def heard(kind: str, body: bytes) -> None:
            nonlocal late
            if kind == "E":
                self.refuse(asked, Refused("failed", body.decode("utf-8", "replace")))
                return
            if kind == "M":
                late = late if asked.do == "search" else body
                if asked.child is not None:
                    asked.child.pause()
            headers: "Dict[str, str]" = {}
            self.answer(asked, pack(body, headers), headers, kind == "M", written)

        def over() -> None:
            self.answer(asked, incomplete(late), {})

        asked.begun = True
        asked.child = Child(self.session.loop, work, heard, over, (self.root.fd,), seconds)

    def _watch(self, asked: Asked, wanted: "List[str]") -> None:
        """Look at what is *wanted*, in place of what was."""
        for other in list(self.asked.values()):
            if other.do == "watch" and other is not asked:
                self.stop(other)

        def told(shown: Shown) -> None:
            if not asked.over:
                shown.untold, shown.told_at = False, self.session.loop.clock()
                self.answer(asked, {"changed": [shown.path]}, {}, True)

        def look() -> "List[Shown]":
            return [self._see(path) for path in wanted]

        def begun(found: "Any", error: "Optional[BaseException]") -> None:
            if error is not None:
                self.refuse(asked, refusal("watch", error))
            elif not asked.over:
                self._shown = found
                watch = gather(self.session).watch
                for one in found:
                    one.told = told
                    # what was said as this watch was on its way is not listened to
                    one.untold = one.untold or self.session.loop.clock() - one.told_at < UNHEARD
                    watch.show(one)
                self.answer(asked, {"changed": []}, {}, True)

        self.work(asked, look, begun)

    def _see(self, path: str) -> Shown:
        """What is at *path*, since it was first listed or shown: a change after that is news whenever it is
        watched. In a thread. Raises Refused, Outside and OSError.
        """
        way = names(path)
        one = self._seen.pop(tuple(way), None)
        if one is None:
            one = Shown(self.root, way, path)
            one.begin()
        self._seen[tuple(way)] = one
        while len(self._seen) > SEEN:
            self._seen.pop(next(iter(self._seen)), None)
        return one

    def _hide(self) -> None:
        """Look at nothing any more."""
        shown, self._shown = self._shown, []
        if self.session.news is not None:
            for one in shown:
                self.session.news.watch.remove(one)


def incomplete(body: bytes) -> "Dict[str, Any]":
    """What was found, as the last answer of what took too long."""
    said: "Dict[str, Any]" = json.loads(body.decode("utf-8"))
    said.update(truncated=True, by="")
    return said
