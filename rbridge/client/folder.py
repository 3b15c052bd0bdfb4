"""A folder that the user opened: what the laptop asks of it, and the answers.

What takes long goes to threads (:mod:`rbridge.client.crew`) or to a process of its own
(:mod:`rbridge.client.child`); the loop only passes on. No answer is made before the one ahead of it was
written, so that a slow line holds up a search and not the memory. A connection that ends takes all requests
with it.
"""

import json
import os

from rbridge.client import openings
from rbridge.client.child import Child
from rbridge.client.crew import Crew
from rbridge.client.entries import KEPT
from rbridge.client.files import Files, names, paths
from rbridge.client.news import gather
from rbridge.client.refused import Refused, refusal
from rbridge.client.root import Root
from rbridge.client.seeking import job
from rbridge.client.shown import Shown
from rbridge.errors import RemoteProtocolError
from rbridge.wire import codec, packing, values
from rbridge.wire.limits import ASK, ASKED, SHOWN
from rbridge.wire.records import End, Record

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Union

    from rbridge.client.channel import Channel
    from rbridge.client.delivery import Document
    from rbridge.client.session import Session

FILES = ("stat", "read", "make", "write", "move", "remove")
CHANGING = ("make", "write", "move", "remove")
SEEKING = ("find", "search")

SEEN = 2 * SHOWN
"""Directories and files of which it is known how they were when they were listed."""

UNHEARD = 10.0
"""Seconds that what is said may be on its way to the laptop."""


def about(session: "Session", channel: "Channel", document: "Document", record: Record) -> None:
    """What the laptop says of the folder *document*. Raises RemoteProtocolError."""
    if document.folder is None:
        document.folder = Folder(session, document)
    if record.command == "ask":
        document.folder.ask(channel, record)
    else:
        document.folder.cancel(record)


class Asked:
    """One request, with its *body* as it comes. *over*: nothing more is said of it; *enough*: nothing more
    is wanted.

    *child* is the process that is at work on it. :meth:`write` and :meth:`finish` are for the channel.
    """

    __slots__ = (
        "_folder",
        "_size",
        "begun",
        "body",
        "channel",
        "child",
        "do",
        "enough",
        "headers",
        "number",
        "over",
    )

    def __init__(self, folder: "Folder", channel: "Channel", headers: "Dict[str, str]") -> None:
        self._folder = folder
        self._size = 0
        self.channel = channel
        self.headers = headers
        self.number = str(values.request(headers.get("request")))
        self.do = headers.get("do", "")
        self.body: "Optional[bytes]" = b""
        self.child: "Optional[Child]" = None
        self.begun = False
        self.enough = False
        self.over = False

    @property
    def what(self) -> str:
        """What messages call it."""
        try:
            path = codec.unquote(self.headers.get("path", ""))
        except RemoteProtocolError:
            path = self.headers.get("path", "")
        return "{} {}".format(self.do, path or "the folder")

    def write(self, data: bytes) -> None:
        """A piece of the body; of one that is too large nothing is kept."""
        self._size += len(data)
        self.body = self.body + data if self.body is not None and self._size <= ASK else None

    def finish(self) -> None:
        """It is complete."""
        self._folder.begin(self)

    def abort(self) -> None:
        """The rest will not come."""
        self.over = True


class Folder:
    """Those asked of the open *document*, a folder, in *session*."""

    def __init__(self, session: "Session", document: "Document") -> None:
        source = document.source
        self.session = session
        self.document = document
        self.root = Root(os.dup(source.fd), source.real)
        self.files = Files(self.root, session.resident.states, source.read_only)
        self.crew = Crew(session.loop)
        self.asked: "Dict[str, Asked]" = {}
        self._shown: "List[Shown]" = []
        self._seen: "Dict[Tuple[str, ...], Shown]" = {}  # those that were listed or shown lately

    def ask(self, channel: "Channel", record: Record) -> None:
        """A request begins. Raises RemoteProtocolError when it has no number."""
        channel.arriving = Asked(self, channel, record.headers)
        self.session.resident.renew(self.document)  # an editor of files has all of them laid out first

    def cancel(self, record: Record) -> None:
        """Nobody wants an answer any more; what is being done is done."""
        asked = self.asked.get(str(values.request(record.headers.get("request"))))
        if asked is not None:
            self.stop(asked)

    def stop(self, asked: Asked) -> None:
        """End *asked*, if that can be."""
        asked.enough = True
        if asked.do == "watch":
            self._hide()
        if asked.child is not None or asked.do == "watch" or not asked.begun:
            self.refuse(asked, Refused("cancelled", "cancelled: {}".format(asked.what)))

    def void(self) -> None:
        """The connection is lost: nobody waits for anything."""
        self._hide()
        for asked in list(self.asked.values()):
            self.end(asked)
        openings.void(self)

    def close(self) -> None:
        """It is closed; what is being done in threads is done first."""
        self.void()
        self.crew.after(self.root.close)

    def begin(self, asked: Asked) -> None:
        """*asked* is complete: have it done."""
        if asked.number in self.asked or len(self.asked) >= ASKED:
            self.refuse(asked, Refused("busy", "{} requests are under way in the folder".format(ASKED)))
            return
        self.asked[asked.number] = asked
        try:
            body = asked.body
            if body is None:
                limit = "cannot {}: more than {} MiB at once: open it and save it".format(
                    asked.what, ASK >> 20
                )
                raise Refused("too-large", limit)
            if asked.do in FILES:
                self._file(asked, body)
            elif asked.do == "list":
                self._list(asked, self.files.pages(asked.headers))
            elif asked.do in SEEKING:
                self._seek(asked)
            elif asked.do == "watch":
                self._watch(asked, paths(body, SHOWN))
            elif asked.do == "open":
                openings.begin(self, asked)
            else:
                raise Refused("failed", "it is not known here how to '{}'".format(asked.do))
        except (Refused, RemoteProtocolError, OSError) as error:
            self.refuse(asked, refusal(asked.what, error))

    def work(
        self, asked: Asked, job: "Callable[[], Any]", then: "Callable[[Any, Optional[BaseException]], None]"
    ) -> None:
        """Have *job* done in a thread, unless *asked* is over by then, and *then* called."""

        def work() -> "Any":
            if asked.over:
                raise Refused("cancelled", "")
            asked.begun = True
            return job()

        self.crew.do(work, then)

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

    # what is said

    def refuse(self, asked: Asked, error: Refused) -> None:
        """It was not done."""
        headers = {"reason": error.reason, "message": codec.quote(error.message)}
        self.answer(asked, error.body, headers)

    def answer(
        self,
        asked: Asked,
        said: "Union[Dict[str, Any], bytes, None]",
        headers: "Dict[str, str]",
        more: bool = False,
        written: "Optional[Callable[[], None]]" = None,
    ) -> None:
        """Say it, the last word unless there is *more*; bytes as they are. *written*: called when it goes."""
        if asked.over:
            return
        first = {"token": self.document.source.token, "request": asked.number}
        if more:
            first["more"] = "yes"
        first.update(headers)
        body = said if isinstance(said, bytes) else pack(said, first)
        if not more:
            self.end(asked)
        session = self.session
        to = asked.channel if not asked.channel.closed else session.main
        if to is None or not session.ready:
            return
        wire = to.peer.wire

        def made() -> bytes:
            head = wire.send(Record("answer", first, len(body)))
            wire.body_sent(len(body))
            if written is not None:
                session.loop.soon(written)
            return head + body + wire.send(End())

        to.later(made)

    def end(self, asked: Asked) -> None:
        """Nothing more is said of it."""
        asked.over = True
        child, asked.child = asked.child, None
        if child is not None:
            child.kill()
        if self.asked.get(asked.number) is asked:
            del self.asked[asked.number]


def pack(said: "Union[Dict[str, Any], bytes, None]", headers: "Dict[str, str]") -> bytes:
    """The body of an answer, packed where that pays; *headers* say so."""
    if said is None:
        return b""
    body = said if isinstance(said, bytes) else json.dumps(said).encode("ascii")
    return packing.said(body, headers, packing.QUICKLY)


def incomplete(body: bytes) -> "Dict[str, Any]":
    """What was found, as the last answer of what took too long."""
    said: "Dict[str, Any]" = json.loads(body.decode("utf-8"))
    said.update(truncated=True, by="")
    return said
