"""What the laptop asks of an open folder, or about an open document, and the answers.

No answer is made before the one ahead of it was written, so that a slow line holds up what is asked and not
the memory. A connection that ends takes all requests with it.
"""

import json

from rbridge.client import openings
from rbridge.client.crew import Crew
from rbridge.client.refused import Refused, refusal
from rbridge.errors import RemoteProtocolError
from rbridge.wire import codec, packing, values
from rbridge.wire.limits import ASK, ASKED
from rbridge.wire.records import End, Record

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Optional, Union

    from rbridge.client.channel import Channel
    from rbridge.client.child import Child
    from rbridge.client.delivery import Document
    from rbridge.client.session import Session
    from rbridge.client.source import Source


def about(session: "Session", channel: "Channel", document: "Document", record: Record) -> None:
    """``ask`` or ``cancel`` about *document*. Raises RemoteProtocolError."""
    if document.inquiries is None:
        if document.source.folder:
            from rbridge.client.folder import Folder

            document.inquiries = Folder(session, document)
        else:
            from rbridge.client.library import Library

            document.inquiries = Library(session, document)
    if record.command == "ask":
        document.inquiries.ask(channel, record)
    else:
        document.inquiries.cancel(record)


class Asked:
    """One request, with its *body* as it comes. *over*: nothing more is said of it; *enough*: nothing more
    is wanted.

    *child* is the process that is at work on it. :meth:`write` and :meth:`finish` are for the channel.
    """

    __slots__ = (
        "_inquiries",
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

    def __init__(self, inquiries: "Inquiries", channel: "Channel", headers: "Dict[str, str]") -> None:
        self._inquiries = inquiries
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
        return "{} {}".format(self.do, path or "it")

    def write(self, data: bytes) -> None:
        """A piece of the body; of one that is too large nothing is kept."""
        self._size += len(data)
        self.body = self.body + data if self.body is not None and self._size <= ASK else None

    def finish(self) -> None:
        """It is complete."""
        self._inquiries.begin(self)

    def abort(self) -> None:
        """The rest will not come."""
        self.over = True


class Inquiries:
    """Those asked of the open *document* in *session*. What can be asked is for a subclass."""

    def __init__(self, session: "Session", document: "Document") -> None:
        self.session = session
        self.document = document
        self.crew = Crew(session.loop)
        self.asked: "Dict[str, Asked]" = {}

    # for a subclass

    def do(self, asked: Asked, body: bytes) -> None:
        """Have *asked*, with its *body*, done. Raises Refused, RemoteProtocolError and OSError."""
        if asked.do != "open":
            raise Refused("failed", "it is not known here how to '{}'".format(asked.do))
        openings.begin(self, asked)

    def find(self, said: "Dict[str, str]") -> "Source":
        """The file that is to be opened, at hand; in a thread. Raises Refused, Outside and OSError."""
        raise NotImplementedError

    # what comes

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
        if asked.child is not None or not asked.begun:
            self.refuse(asked, Refused("cancelled", "cancelled: {}".format(asked.what)))

    def void(self) -> None:
        """The connection is lost: nobody waits for anything."""
        for asked in list(self.asked.values()):
            self.end(asked)
        openings.void(self)

    def close(self) -> None:
        """The document is closed."""
        self.void()

    def begin(self, asked: Asked) -> None:
        """*asked* is complete: have it done."""
        if asked.number in self.asked or len(self.asked) >= ASKED:
            self.refuse(asked, Refused("busy", "{} requests are under way there".format(ASKED)))
            return
        self.asked[asked.number] = asked
        try:
            body = asked.body
            if body is None:
                limit = "cannot {}: more than {} MiB at once: open it and save it".format(
                    asked.what, ASK >> 20
                )
                raise Refused("too-large", limit)
            self.do(asked, body)
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
