"""What happens to the open files on the host is told to the laptop: ``changed``, ``gone`` and ``append``.

``watch`` looks at the files; here its news become records. What a save of ours did is none, and while nobody
is connected nobody looks: ``resume`` says what a file is when the laptop is back.
"""

import os

from rbridge.client.delivery import OPEN, SMALL
from rbridge.client.follow import Followed, Growth
from rbridge.client.shown import Shown
from rbridge.client.stamp import Stamp
from rbridge.client.watch import Watch
from rbridge.client.watched import Change, Watched

MYPY = False
if MYPY:
    from typing import Any, Dict, Optional, Tuple, Union

    from rbridge.client.content import Found
    from rbridge.client.delivery import Document
    from rbridge.client.session import Session

ALL_OF_IT = 1 << 62
"""An offset that no file reaches: a look from there on begins anew, with the end of the file."""


class News:
    """Those of the documents of *session*."""

    def __init__(self, session: "Session") -> None:
        self.session = session
        self.watch = Watch(session.loop, self.told, session.resident.pool)
        self.watch.pause(not session.ready)

    def begin(self, document: "Document") -> None:
        """The editor has it, and it is known what was sent."""
        source = document.source
        if document.state != OPEN or source.stdin or (source.part and not source.follow):
            return
        if source.follow:

            def known(identity: "Any", _error: "Optional[BaseException]") -> None:
                if document.state == OPEN:
                    file = Followed(document.real, source.start + document.size, identity)
                    self.watch.add(document, file)

            self.session.resident.work(document, lambda: _identity(document), known)
            return
        base = document.target.base if document.target is not None else None
        now = self.session.loop.clock()
        if isinstance(base, Stamp):
            self.watch.add(document, Watched(document.real, base.sha256, base.size, base, now))
        else:
            self.watch.add(document, Watched(document.real, document.sha256, document.size, None, now))

    def end(self, document: "Document") -> None:
        """It is closed."""
        self.watch.remove(document)

    def known(self, document: "Document", sha256: str, size: int, stamp: "Optional[Stamp]" = None) -> None:
        """The laptop has, or was told, a content that was not news: a save, or the answer to a question.

        *sha256* is "" for a file that does not exist.
        """
        file = self.watch.file(document)
        if isinstance(file, Watched):
            self.watch.saved(document, Watched(document.real, sha256, size, stamp, file.read_at))
        elif file is not None:  # what was appended meanwhile may have been lost on its way
            self.watch.remove(document)
            self.watch.add(document, Followed(document.real, ALL_OF_IT, None))

    def found(self, document: "Document", found: "Found") -> None:
        """The same, of what a look at the file found."""
        if found.reason in ("", "gone"):
            self.known(document, found.sha256, found.size, found.stamp)

    def moved(self, document: "Document") -> None:
        """Its file has another name, by our doing."""
        file = self.watch.file(document)
        if file is not None and not isinstance(file, Shown):
            file.real = document.real
            file.missing = 0
            if isinstance(file, Watched):
                file.name = os.path.basename(document.real)

    def told(self, document: "Union[Document, Shown]", news: "Union[Change, Growth, Shown]") -> None:
        """The watch has found something; while a save is being written it may be that save."""
        if isinstance(news, Shown):
            news.told(news)
            return
        if isinstance(document, Shown):
            return
        file = self.watch.file(document)

        def say() -> None:
            if document.state == OPEN and self.watch.file(document) is file:
                self.say(document, news)

        self.session.resident.worker(document).after(say)

    def say(self, document: "Document", news: "Union[Change, Growth]") -> None:
        """Say it to the daemon."""
        texts, token = self.session.texts, document.source.token
        if isinstance(news, Growth):
            self.grown(document, news)
            return
        if news.kind == "gone":
            texts.gone(document, news.reason, news.message)
            return
        headers = {"token": token, "sha256": news.sha256, "size": str(news.size)}
        if news.replaced:
            headers["replaced"] = "yes"
        if news.grows:
            headers["grows"] = "yes"
        if news.body is None or len(news.body) > SMALL:
            texts.tell(document, headers)
            return
        if news.encoding:
            headers["encoding"] = news.encoding
        if news.base:
            headers["base"] = news.base
        texts.say("changed", headers, news.body)

    def grown(self, document: "Document", news: Growth) -> None:
        """Say what was appended to a followed file."""
        from rbridge.wire import packing

        headers: "Dict[str, str]" = {"token": document.source.token, "at": str(news.at)}
        if news.restart:
            headers["restart"] = "yes"
        for start in range(0, max(1, len(news.data)), SMALL):
            piece = news.data[start : start + SMALL]
            headers["at"] = str(news.at + start)
            said = dict(headers)
            self.session.texts.say("append", said, packing.said(piece, said))
            headers.pop("restart", None)


def gather(session: "Session") -> News:
    """Those of *session*, from now on."""
    if session.news is None:
        session.news = News(session)
    return session.news


def _identity(document: "Document") -> "Optional[Tuple[int, int]]":
    """Device and inode of a followed file when it was sent."""
    try:
        found = document.before or os.stat(document.real)
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
