"""What happens to a document, and what is then to be done: the words between :mod:`rbridge.server.document`,
which decides, and :mod:`rbridge.server.editing`, which carries out.

A digest is the sha256 of a text in hex, :data:`ABSENT` where there is no file, ``""`` where it is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

from rbridge.adapters.base import Outcome, Result, State

ABSENT = "absent"
"""What stands for the digest of a file that does not exist; also the wire's word for it, in ``base``."""

ANY = "any"
"""The wire's word, in ``over``, for whatever the host has there now."""


@dataclass(frozen=True)
class Opened:
    """The editor has the text."""


@dataclass(frozen=True)
class Failed:
    """The editor could not be started."""

    message: str


@dataclass(frozen=True)
class Saved:
    """The editor saved: *serial* is the number of this save, *digest* that of its text."""

    serial: int
    digest: str = ""


@dataclass(frozen=True)
class Delivered:
    """The host has save *serial*: on disk where *result* is SAVED, handed over where it is SENT."""

    serial: int
    result: Result = Result.SAVED


@dataclass(frozen=True)
class Refused:
    """The host did not write: *reason* is a word of the protocol, *message* a clean line, *there* the digest
    of what it has now.
    """

    serial: int
    reason: str
    message: str
    there: str = ""


@dataclass(frozen=True)
class Unanswered:
    """Save *serial* was sent, and no answer came in time."""

    serial: int


@dataclass(frozen=True)
class Lost:
    """The connection to the host ended without a word."""


@dataclass(frozen=True)
class Resumed:
    """The host is back: *present* is the digest of its file, *newest* the newest save it brought to disk."""

    present: str
    newest: int = 0


@dataclass(frozen=True)
class HostChanged:
    """The file on the host is another one now; its text lies here, whole and verified."""

    digest: str


@dataclass(frozen=True)
class HostGone:
    """There is nothing on the host that could be read: *reason* is ``gone`` where the file is no more."""

    reason: str
    message: str


@dataclass(frozen=True)
class Taken:
    """The editor has the host's text of this *digest* in place of its own."""

    digest: str


@dataclass(frozen=True)
class NotTaken:
    """The editor left its text alone."""

    digest: str


@dataclass(frozen=True)
class Settle:
    """The user's word in a conflict: ``mine`` goes over the host's text, ``theirs`` over the editor's, or the
    next save goes ``over`` the host's.
    """

    choose: str


@dataclass(frozen=True)
class HostClosed:
    """The host closed the document."""


@dataclass(frozen=True)
class EditorClosed:
    """The editor closed the document."""


@dataclass(frozen=True)
class Stopping:
    """The daemon ends."""


Event = (
    Opened
    | Failed
    | Saved
    | Delivered
    | Refused
    | Unanswered
    | Lost
    | Resumed
    | HostChanged
    | HostGone
    | Taken
    | NotTaken
    | Settle
    | HostClosed
    | EditorClosed
    | Stopping
)


@dataclass(frozen=True)
class Send:
    """Send save *serial*, which stands on *base*, to the host; *over*: the user's word to overwrite exactly
    that content, ANY whatever is there.
    """

    serial: int
    base: str = ""
    over: str = ""


@dataclass(frozen=True)
class Keep:
    """Put save *serial* into the spool, then answer it, and *overtaken*, with *result* and *message*."""

    serial: int
    result: Result
    message: str
    overtaken: tuple[int, ...] = ()
    alert: bool = True


@dataclass(frozen=True)
class Drop:
    """What the spool has of this document is on the host now."""


@dataclass(frozen=True)
class SetAside:
    """The user chose the host's text: save *serial* stays in the spool, never to be delivered."""

    serial: int


@dataclass(frozen=True)
class Answer:
    """Tell the adapter, which waits for save *serial*, what became of it."""

    serial: int
    outcome: Outcome


@dataclass(frozen=True)
class Show:
    """Show *state* in the editor, and tell a link host."""

    state: State
    message: str = ""


@dataclass(frozen=True)
class SayOpened:
    """Tell the host that the text is open: the answer to ``resume``."""


@dataclass(frozen=True)
class Fetch:
    """Ask the host for what it has now; it comes as HostChanged."""


@dataclass(frozen=True)
class Replace:
    """Put the host's text of this *digest* in place of the editor's; answered by Taken or NotTaken."""

    digest: str


@dataclass(frozen=True)
class KeepTheirs:
    """Keep the host's text that came last beside the editor's, to be shown and chosen in the conflict."""

    digest: str


@dataclass(frozen=True)
class EndEditor:
    """Ask the adapter to close the text."""


@dataclass(frozen=True)
class Alert:
    """Tell the user on the laptop."""

    message: str


@dataclass(frozen=True)
class RefuseOpen:
    """Tell the host that the file cannot be opened."""

    reason: str
    message: str


@dataclass(frozen=True)
class CloseHost:
    """Tell the host that the document is closed; *unsaved*: a text of it stays on the laptop."""

    unsaved: bool = False


Command = (
    Send
    | Keep
    | Drop
    | SetAside
    | Answer
    | Show
    | SayOpened
    | Fetch
    | Replace
    | KeepTheirs
    | EndEditor
    | Alert
    | RefuseOpen
    | CloseHost
)
