"""What can go wrong, with the exit code and the hint that go with it.

The tree::

    RbridgeError             70  every error a user may see
      UsageError             64  the command line, or a setting, makes no sense
      ProtocolError          65  what was said on the wire makes no sense
        LocalProtocolError       ... by us: a mistake in rbridge itself
        RemoteProtocolError      ... by the peer
      NoInput                66  no such file, or not something that can be edited
      NotListening           69  nobody answers, or an address cannot be had
      CannotCreate           73  a file or directory cannot be made
      SaveLost               74  a save failed, or what became of it is not known
      TryAgain               75  not now: busy, running already, or undecided
      Denied                 77  permission denied, or a peer that is not us

Exit codes are those of sysexits.h. ``str(error)`` is the one line a user sees: it names the thing, what
happened and what state the data is in; ``hint`` says what to do next and may be empty.
"""


class RbridgeError(Exception):
    """Base of all errors that end in one line on stderr and an exit code."""

    exit_code = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def line(self) -> str:
        """The message and its hint as the single line that a user sees."""
        text = str(self)
        return clean("{} ({})".format(text, self.hint) if self.hint else text)


class UsageError(RbridgeError):
    exit_code = 64


class ProtocolError(RbridgeError):
    exit_code = 65


class LocalProtocolError(ProtocolError):
    """We tried to say something that the protocol does not allow here."""


class RemoteProtocolError(ProtocolError):
    """The peer said something that the protocol does not allow here."""


class NoInput(RbridgeError):
    exit_code = 66


class NotListening(RbridgeError):
    exit_code = 69


class CannotCreate(RbridgeError):
    exit_code = 73


class SaveLost(RbridgeError):
    exit_code = 74


class TryAgain(RbridgeError):
    exit_code = 75


class Denied(RbridgeError):
    exit_code = 77


def clean(text: str) -> str:
    """*text* as it may be shown: one line, no control characters, no lone surrogates.

    File names and everything that came over the wire pass through here before they reach a terminal.
    """
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown.encode("utf-8", "replace").decode("utf-8")
