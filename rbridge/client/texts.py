"""What the daemon of a session is told of the files: their texts, and what became of them on the host."""

from rbridge.client import content
from rbridge.client.delivery import OPEN, SENT
from rbridge.client.joins import words
from rbridge.client.opens import Opens
from rbridge.errors import NotListening, RbridgeError, clean
from rbridge.wire import codec, packing
from rbridge.wire.records import End, Record

MYPY = False
if MYPY:
    from typing import Any, Dict, Optional

    from rbridge.client.channel import Channel
    from rbridge.client.delivery import Document
    from rbridge.client.session import Session


class Texts:
    """Says them for *session*."""

    def __init__(self, session: "Session") -> None:
        self.session = session
        self.opens = Opens(session)

    def open(self, document: "Document") -> None:
        """Say ``open`` with the text: a small one when there is room for it, a large one on its own."""
        if document in self.session.unsaid:
            self.session.unsaid.remove(document)
        if document.source.folder:
            self.folder(document)
        else:
            self.opens.add(document)

    def folder(self, document: "Document") -> None:
        """Say ``folder``, or ``port``."""
        from rbridge.client import directory

        main = self.session.main
        assert main is not None
        if document.state != SENT:
            return
        options, new = self.session.resident.request(document)
        main.say(directory.record(document.source, options, new))

    def not_sent(self, document: "Document", error: BaseException, main: "Channel") -> None:
        """A large file could not be sent over a connection of its own, beside *main*."""
        if document.state == SENT and self.session.main is None and self.session.identity:
            self.session.unsaid.append(document)  # when the daemon is there again
        elif document.state == SENT and self.session.main in (
            main,
            None,
        ):  # else it was asked for at the resume
            what = "{}: not opened: {}".format(document.source.shown, words(error))
            self.session.resident.failed(
                document, error if isinstance(error, RbridgeError) else NotListening(what)
            )

    def note(self, document: "Document", headers: "Dict[str, str]") -> str:
        """What the laptop says to the user with ``opened``, or has not said: an older one shows no diff."""
        note = clean(codec.unquote(headers.get("note", "")))
        side, document.source.diff = document.source.diff, ""
        if note or headers.get("diff") == "yes" or not side.startswith("left"):
            return note
        line = "{} shows no diff: its rbridge is an older one; both files are open"
        return line.format(self.session.label)

    def resume(self, document: "Document", selection: str = "", show: bool = False, diff: str = "") -> None:
        """Say what *document*'s file holds now. *show*: have the user see it again, at *selection*, or
        compared as *diff* says.
        """
        if document.source.folder:
            from rbridge.client.directory import again

            show = show or bool(document.source.port and document.state == SENT)  # the url was not heard
            self.session.say(Record("resume", again(document.source, show, bool(document.waiting))))
            return

        def said(found: "Any", error: "Optional[BaseException]") -> None:
            if error is not None:
                found = content.Found(reason="failed", message=words(error))
            headers = {"token": document.source.token}
            if found.reason in ("", "gone"):
                headers.update(found.headers())
            else:  # it cannot be told: a save finds out
                self.session.resident.log(found.message)
                headers.update(known(document))
            if document.serial:
                headers["save"] = str(document.serial)
            if show:
                headers["re-activate"] = "yes"
                for name, value in (("selection", selection), ("diff", diff)):
                    if value:
                        headers[name] = value
            if document.state in (SENT, OPEN):
                if not show:  # else the daemon may have other things to do than to look at it
                    self.found(document, found)
                self.session.say(Record("resume", headers))

        self.session.resident.look(document, False, said)

    def fetch(self, channel: "Channel", document: "Document") -> None:
        """Say what is in the file."""

        def sent(found: "Any", error: "Optional[BaseException]") -> None:
            if error is not None:
                found = content.Found(reason="failed", message=words(error))
            self.changed(channel, document, found, {"fetched": "yes"})

        self.session.resident.look(document, True, sent)

    def tell(self, document: "Document", headers: "Dict[str, str]") -> None:
        """Say a change that is too large to be held, as the file is now; *headers* say what kind it is."""

        def sent(found: "Any", error: "Optional[BaseException]") -> None:
            if error is None:
                self.changed(None, document, found, headers)

        self.session.resident.look(document, True, sent)

    def changed(
        self,
        channel: "Optional[Channel]",
        document: "Document",
        found: content.Found,
        beside: "Dict[str, str]",
    ) -> None:
        """Say *found* as ``changed``, or ``gone``. It is the base of what is edited from here on."""
        token = document.source.token
        self.found(document, found)
        if found.reason:
            self.gone(document, found.reason, found.message, channel)
            return
        headers = dict(beside, token=token, sha256=found.sha256, size=str(found.size))
        if found.stamp is not None and document.target is not None and not document.source.read_only:
            document.target.base = found.stamp
        if found.data is None:
            self.session.joins.text(document, found, headers, lambda error: self.not_fetched(document, error))
            return
        self.say("changed", headers, packing.said(found.data, headers), channel)

    def not_fetched(self, document: "Document", error: BaseException) -> None:
        """A large text could not be sent over a connection of its own."""
        message = "{} could not be sent: {}".format(document.source.shown, words(error))
        self.session.resident.log(message)
        self.gone(document, "failed", message)

    def found(self, document: "Document", found: content.Found) -> None:
        """The laptop is told of it, so the watch need not."""
        if self.session.news is not None:
            self.session.news.found(document, found)

    def gone(
        self, document: "Document", reason: str, message: str, channel: "Optional[Channel]" = None
    ) -> None:
        """Say that there is no text any more."""
        headers = {"token": document.source.token, "reason": reason, "message": codec.quote(clean(message))}
        self.session.say(Record("gone", headers), channel)

    def say(
        self, command: str, headers: "Dict[str, str]", body: bytes, channel: "Optional[Channel]" = None
    ) -> bool:
        """Say a record with a *body*, as ``Session.say`` says one without."""
        to = channel if channel is not None and not channel.closed else self.session.main
        if to is None or not self.session.ready:
            return False
        wire = to.peer.wire

        def made() -> bytes:
            head = wire.send(Record(command, headers, len(body)))
            wire.body_sent(len(body))
            return head + body + wire.send(End())

        to.later(made)
        return True


def known(document: "Document") -> "Dict[str, str]":
    """The headers for the content that the laptop was last told of."""
    from rbridge.client.stamp import Stamp

    base = document.target.base if document.target is not None else None
    if isinstance(base, Stamp):
        return {"size": str(base.size), "sha256": base.sha256}
    if document.sha256:
        return {"size": str(document.size), "sha256": document.sha256}
    return {"absent": "yes"} if base is None else {"size": "0", "sha256": "0" * 64}
