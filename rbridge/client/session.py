"""A session with our daemon: documents that outlive their connection.

One main connection at a time, or none; then the daemon is looked for (``search``), and each document is said
anew with what its file holds by then (``resume``). Records name documents by token, on whichever connection
they come. Saves go only to what this process opened: a token that it did not issue ends the session.
``docs/protocol.md`` has the records and their order.
"""

from rbridge.client import sudo
from rbridge.client.channel import Channel, Owner
from rbridge.client.delivery import CLOSED, LOST, OPEN, SENT
from rbridge.client.heart import Heart
from rbridge.client.introduction import Introduction
from rbridge.client.joins import Joins, words
from rbridge.client.register import SLOWEST
from rbridge.client.saving import CUT_OFF, Saving, answer
from rbridge.client.texts import Texts
from rbridge.errors import Denied, ProtocolError, RemoteProtocolError, clean
from rbridge.wire import codec
from rbridge.wire.records import Record

MYPY = False
if MYPY:
    from typing import Dict, List, Optional, Set

    from rbridge.client.delivery import Delivery, Document
    from rbridge.client.incoming import Incoming
    from rbridge.client.named import Named
    from rbridge.client.news import News
    from rbridge.client.options import Options
    from rbridge.client.probe import Peer
    from rbridge.client.resident import Resident
    from rbridge.client.saver import Outcome
    from rbridge.client.search import Search

FILE = ("opened", "refused", "save", "fetch", "focus", "state", "mine", "ask", "cancel", "close")
FOLDER = ("opened", "refused", "ask", "cancel", "close")
PORT = ("opened", "refused", "state", "close")
STREAM = ("stream", "bytes", "ended")
FAREWELL = 5.0  # seconds that the end waits for a lost daemon, to tell it what was closed


class Session(Owner):
    """The session that *delivery* began. *main* is its main connection, None while it is detached.

    *ready*: the daemon knows who we are, so that documents may be named. *closed* holds the tokens of
    documents that are no more, *farewells* those whose end the daemon has not been told.
    """

    def __init__(self, resident: "Resident", delivery: "Delivery") -> None:
        assert delivery.main is not None
        peer = delivery.main
        self.resident = resident
        self.loop = resident.loop
        self.options: "Options" = delivery.options
        self.secret = delivery.secret
        self.identity = peer.said.identity
        self.label = peer.label
        self.endpoint = peer.endpoint
        self.peer = peer  # of the newest main connection
        self.main: "Optional[Channel]" = Channel(self.loop, peer, self)
        self.ready = True
        self.resuming: "Optional[Introduction]" = None
        self.closed: "Set[str]" = set()
        self.farewells: "List[str]" = []
        self.unsaid: "List[Document]" = []  # never sent: they were opened while it was detached
        self.doubtful: "List[Document]" = []  # sent, but nobody knows whether it got there
        self.texts = Texts(self)
        self.named: "Optional[Named]" = None  # from the first language server on
        self.news: "Optional[News]" = None  # from the first document on whose base is known
        self.joins = Joins(self)
        self.search: "Optional[Search]" = None
        self.heart = Heart(self)

    def start(self, documents: "List[Document]") -> None:
        """Listen to the connections over which *documents* were sent."""
        main = self.main
        assert main is not None
        for document in documents:
            peer = document.peer
            if peer is not main.peer and not any(one.peer is peer for one in self.joins.channels):
                self.joins.add(peer, "0")
        main.start()
        self.heart.beat()

    # what is heard

    def record(self, channel: Channel, record: Record) -> None:
        """The head of a record; what needs its body waits for the end."""
        command = record.command
        if command == "linked":
            self.linked(channel, record)
        elif command == "bye":
            why = clean(codec.unquote(record.headers.get("message", "")))
            self.resident.tell_all("{} ends{}".format(self.label, ": " + why if why else ""))
        elif command == "dial":
            if sudo.confined():
                self.not_dialled(Denied("none is made under sudo"))
            else:
                self.joins.dialled(record.headers.get("dial", ""), self.not_dialled)
        elif command in STREAM:
            from rbridge.client import streams

            streams.heard(self, channel, record)
        elif command in FILE or command in FOLDER:
            token = record.headers.get("token", "")
            document = self.resident.by_token(token)
            if document is not None and document.state in (SENT, OPEN):
                self.about(channel, document, record)
            elif document is not None or token in self.closed:
                if command == "save":
                    self.refuse_late(channel, record)
            else:
                self.drop("{} named a file that was never opened: nothing was written".format(self.label))

    def about(self, channel: Channel, document: "Document", record: Record) -> None:
        """A record about an open *document*."""
        command, headers = record.command, record.headers
        if command not in (PORT if document.source.port else FOLDER if document.source.folder else FILE):
            raise RemoteProtocolError("{} is not said of {}".format(command, document.source.path))
        if command == "opened":
            self.opened(document, headers)
        elif command == "refused":
            self.closed.add(document.source.token)
            message = codec.unquote(headers.get("message", ""))
            self.resident.refused(document, headers.get("reason", ""), message)
        elif command in ("ask", "cancel"):
            from rbridge.client import inquiries

            inquiries.about(self, channel, document, record)
        elif command == "save":
            self.save(channel, document, record)
        elif command == "mine":
            from rbridge.client.mine import Mine

            channel.arriving = Mine(self.resident, document, record)
        elif command == "fetch":
            self.texts.fetch(channel, document)
        elif command == "focus":
            self.resident.focused(document)
        elif command == "state":
            message = codec.unquote(headers.get("message", ""))
            self.resident.stands(document, headers.get("state", ""), message)
            self.resident.older(document, headers.get("undelivered", ""))
        else:
            self.closed_there(document, headers)

    def body(self, channel: Channel, data: bytes) -> None:
        if channel.arriving is not None:
            channel.arriving.write(data)

    def end(self, channel: Channel) -> None:
        arriving, channel.arriving = channel.arriving, None
        if arriving is not None:
            arriving.finish()
            self.heart.beat()

    def eof(self, channel: Channel) -> None:
        self.lost(channel)

    def nonsense(self, channel: Channel, error: ProtocolError) -> None:
        if channel is self.main:
            self.drop("{} said something that makes no sense: {}".format(self.label, error))
        else:
            self.resident.log(
                "{} said something that makes no sense on a further connection: {}".format(self.label, error)
            )
            self.joins.remove(channel)

    def linked(self, channel: Channel, record: Record) -> None:
        """The daemon's answer to our ``link`` on the main connection."""
        if channel is not self.main:
            return
        try:
            if self.resuming is not None:
                self.resuming.check(record)
            elif record.headers.get("standing") == "refused":
                why = clean(codec.unquote(record.headers.get("message", ""))) or "no reason given"
                raise Denied("{} refuses this host: {}".format(self.label, why))
        except Denied as error:
            self.turned_away(error)
            return
        if self.resuming is not None:
            self.resuming = None
            self.ready = True
            if self.search is not None:
                self.search.close()
                self.search = None
            self.resident.attached_again()
            self.catch_up()

    def turned_away(self, error: Denied) -> None:
        """The daemon will not have us: with the first connection that is the end, else others are tried."""
        if self.resuming is None:
            self.drop(error.line())
            return
        self.resident.log(error.line())
        if self.search is not None and self.main is not None:
            self.search.avoid(self.main.peer)
        self.detach()

    def opened(self, document: "Document", headers: "Dict[str, str]") -> None:
        """The user has it; also the answer to ``resume``."""
        document.editor = clean(codec.unquote(headers.get("editor", ""))) or document.editor
        if document in self.doubtful:
            self.doubtful.remove(document)
        if document.failure == CUT_OFF:
            document.failure = ""  # whatever was cut off is settled: the daemon says it again
        self.resident.opened(document, self.texts.note(document, headers))
        self.resident.older(document, headers.get("undelivered", ""))
        self.joins.over(document)

    def save(self, channel: Channel, document: "Document", record: Record) -> None:
        """Take a save in."""

        def answered(incoming: "Incoming", outcome: "Outcome") -> None:
            # if nobody can hear it, ``resume`` settles it
            self.say(answer(document.source.token, incoming.serial, outcome), channel)
            self.resident.renew(document)  # of what the laptop kept, before it answers ``open``

        def slow(incoming: "Incoming", line: str) -> None:
            headers = {"token": document.source.token, "save": incoming.serial, "message": codec.quote(line)}
            self.say(Record("slow", headers), channel)

        self.resident.renew(document, (record.length or 0) / SLOWEST)
        alone = channel is not self.main
        channel.arriving = Saving(self.resident, document, record, channel, alone, answered, slow)
        self.heart.beat()

    def refuse_late(self, channel: Channel, record: Record) -> None:
        """A save that crossed with our ``close``."""
        headers = {"token": record.headers["token"], "save": record.headers.get("save", "")}
        headers.update(reason="gone", message=codec.quote("it is not open any more on the host"))
        self.say(Record("refused", headers), channel)

    def not_dialled(self, error: BaseException) -> None:
        self.resident.log("no further connection to {}: {}".format(self.label, words(error)))

    def closed_there(self, document: "Document", headers: "Dict[str, str]") -> None:
        """The user has closed it; what was saved before is brought to disk first."""
        if document in self.doubtful:  # the answer to ``resume``
            self.doubtful.remove(document)
            if headers.get("unknown") == "yes":  # the daemon has never had it
                self.texts.open(document)
                return
            self.resident.opened(document, "")
        if headers.get("unsaved") == "yes":
            document.owed = "closed there with a text that did not get here"
            if not document.failure:  # else it was said
                document.failure = "unsaved"
                line = "{}: closed with a text that did not get here: {} keeps it"
                self.resident.tell(document, line.format(document.source.shown, self.label))
        if document.state != LOST:
            document.state = CLOSED  # whatever becomes of the connection now
        self.resident.worker(document).after(lambda: self.over(document))

    def over(self, document: "Document") -> None:
        self.closed.add(document.source.token)
        if document.state != LOST:
            document.state = CLOSED
        self.resident.closed(document)
        if self.farewells:  # its last words may be being written; this looks whether there is another
            self.loop.at(FAREWELL, self.unheard)

    def unheard(self) -> None:
        """The daemon did not come back to hear what was closed: with no document that is the end."""
        if not self.resident.documents and not self.ready:
            self.farewells.clear()

    # what is said

    def say(self, record: Record, channel: "Optional[Channel]" = None) -> bool:
        """Say *record* on *channel* if that is alive, else on the main one; whether it can be heard."""
        to = channel if channel is not None and not channel.closed else self.main
        if to is None or not self.ready:
            return False
        to.say(record)
        return True

    def open(self, document: "Document") -> None:
        """Send *document*, now or when the daemon is there again."""
        if self.ready:
            self.texts.open(document)
            if self.heart.moved():
                self.seek()
        else:
            self.unsaid.append(document)
            if self.search is not None:
                self.search.look()

    def close(self, document: "Document") -> None:
        """The host is done with *document*."""
        token = document.source.token
        if document in self.doubtful:
            self.doubtful.remove(document)
        if document in self.unsaid:
            self.unsaid.remove(document)
        elif not self.say(Record("close", {"token": token})):
            self.farewells.append(token)
        document.state = CLOSED
        # its files may be in use in the thread
        self.resident.worker(document).after(lambda: self.over(document))

    def catch_up(self) -> None:
        """On a new main connection: say everything that has to be said of what was before."""
        while self.farewells:
            self.say(Record("close", {"token": self.farewells.pop()}))
        for document in list(self.resident.documents):
            if document in self.unsaid:
                self.texts.open(document)
            else:
                if document.state == SENT and document not in self.doubtful:
                    self.doubtful.append(document)
                self.texts.resume(document)

    # the connection

    def lost(self, channel: Channel) -> None:
        """A connection has ended, or is given up."""
        if channel is self.main:
            self.detach()
        else:
            self.joins.remove(channel)

    def detach(self) -> None:
        """The main connection is no more: look for the daemon."""
        was_ready, self.ready, self.resuming = self.ready, False, None
        main, self.main = self.main, None
        self.joins.close()
        if main is not None:
            self.hang_up(main)
        if not self.identity:
            self.give_up(True)
        elif self.resident.documents or self.farewells:
            if was_ready:
                self.resident.detached()
            self.seek()

    def seek(self) -> None:
        """Look for the daemon, beside a main connection that is silent or in place of a lost one."""
        if self.search is not None:
            self.search.again()
        else:
            from rbridge.client.search import Search

            self.search = Search(self.loop, self.identity, self.options, self.endpoint, self.attach)

    def heard_again(self) -> None:
        """The main connection that was silent is alive."""
        if self.search is not None and self.main is not None and self.ready:
            self.search.close()
            self.search = None

    def attach(self, peer: "Peer") -> None:
        """*peer* is the daemon: go on there. What was the main connection, and looked alive, is dropped."""
        main, self.main = self.main, None
        self.joins.close()
        if main is not None:
            self.hang_up(main)
            if self.ready:
                self.ready = False
                self.resident.detached()
        self.peer = peer
        self.resuming = Introduction(peer, self.secret, self.resident.log, resume=True)
        self.main = Channel(self.loop, peer, self)
        self.main.say(self.resuming.record)
        self.main.start()
        self.heart.beat()

    def hang_up(self, main: Channel) -> None:
        arriving, main.arriving = main.arriving, None
        if arriving is not None:
            arriving.abort()
        main.close()

    def drop(self, why: str) -> None:
        """End a session that cannot be trusted any more."""
        self.resident.tell_all(why)
        for document in self.resident.documents:
            document.code = document.code or 65
        self.give_up(False)

    def give_up(self, alone: bool) -> None:
        """Everything ends with the connection; *alone*: nothing else was said of why."""
        self.stop()
        for document in list(self.resident.documents):
            self.resident.lost(document, alone)

    def stop(self) -> None:
        """Close all connections; nothing is looked for any more."""
        self.ready = False
        self.heart.stop()
        if self.search is not None:
            self.search.close()
            self.search = None
        self.joins.close()
        main, self.main = self.main, None
        if main is not None:
            self.hang_up(main)
