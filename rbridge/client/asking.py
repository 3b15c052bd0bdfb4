"""Asking the processes in the background about what is open: for ``status``, ``close``, ``resolve``."""

import os
import sys
from _socket import timeout

from rbridge import paths
from rbridge.client import handover, sockets
from rbridge.client.intercom import spelled
from rbridge.client.within import Silent, within
from rbridge.errors import RbridgeError, UsageError, clean

MYPY = False
if MYPY:
    from typing import Dict, Iterable, List, Tuple

    from rbridge.client.intercom import Intercom, Message
    from rbridge.client.undelivered import Undelivered

NOTHING = 66
"""The code of an answer that knows no such document."""

SILENT = 75
"""The code for a process that does not answer."""

LEADS = 1.0
"""Seconds to find out where a path leads."""

LOGIN = "/run/user/{}/rbridge"
"""Where one lies that was started in a login; cron and batch jobs have no variable that says so."""


class Answer:
    """What one process said: its *messages* and the exit *code*; *trouble*: why it is not all."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.messages: "List[Message]" = []
        self.code = SILENT
        self.trouble = ""

    def of(self, command: str) -> "List[Message]":
        return [message for message in self.messages if message.command == command]

    def close(self) -> None:
        for message in self.messages:
            message.close()


def ask(command: str, headers: "Dict[str, str]", patience: float = handover.ANSWER) -> "List[Answer]":
    """What each process of ours says to a request; one that is dead is none. Raises nothing.

    Each has *patience* seconds from one message to the next.
    """
    answers = []
    for path in everywhere():
        answer = Answer(path)
        try:
            intercom = handover.call(path)
        except handover.Declined as error:
            if error.hung:
                answer.trouble = str(error)
                answers.append(answer)
            continue
        answers.append(answer)
        try:
            intercom.send_all(spelled(command, headers))
            intercom.sock.settimeout(patience)
            listen(intercom, answer)
        except timeout:
            answer.trouble = "no answer within {:g} s".format(patience)
        except (OSError, RbridgeError) as error:
            answer.trouble = clean(str(error))
        finally:
            intercom.close()
    return answers


def everywhere() -> "List[str]":
    """The paths of all such sockets in the directories that are safe."""
    from rbridge.private import check_private

    found: "List[str]" = []
    places = paths.runtime_candidates()
    login = LOGIN.format(os.geteuid())
    if not os.environ.get("RBRIDGE_RUNTIME_DIR") and login not in places:
        places.append(login)
    for directory in places:
        try:
            check_private(directory)
            names = os.listdir(directory)
        except (OSError, RbridgeError):
            continue
        found += [os.path.join(directory, one) for one in sorted(names) if sockets.ours(one)]
    return found


def listen(intercom: "Intercom", answer: Answer) -> None:
    """Read up to the exit code. Raises OSError and RbridgeError."""
    while True:
        message = intercom.next()
        if message is None:
            if intercom.ended:
                answer.trouble = "it hung up"
                return
            intercom.receive()
            continue
        if message.command == "done":
            answer.code = message.number("code")
            return
        if message.command == "refused":
            answer.trouble = message.get("message")
            return
        answer.messages.append(message)


def where(path: str) -> "Dict[str, str]":
    """The headers that name *path*, as it is called and where it leads; none for "".

    Where its file server does not answer, the path as it is called has to do.
    """
    if not path:
        return {}
    port = ":" + path.lstrip(":")
    if port[1:].isdigit() and not os.path.lexists(path):
        return {"path": port, "real": port}
    try:
        named = os.path.abspath(path)
        try:
            real = within(LEADS, lambda: os.path.realpath(path))
        except Silent:
            real = named
        return {"path": named, "real": real}
    except OSError:
        raise UsageError("{}: the current directory is gone".format(path), "give an absolute path") from None


def undelivered(where: "Dict[str, str]") -> "Tuple[List[Undelivered], str]":
    """The files of which a text never got here, at or below what :func:`where` named, or all of them.

    And why it cannot be told, "" if it can.
    """
    try:
        states = paths.state_dir(create=False)
        if not os.path.isdir(os.path.join(states, "undelivered")):  # as nearly always
            return [], ""
        from rbridge.client import undelivered
        from rbridge.client.reception import below

        found = undelivered.remembered(states)
    except RbridgeError as error:
        return [], error.line()
    except OSError as error:
        return [], "cannot tell which texts never got here: {}".format((error.strerror or "").lower())
    asked, real = where.get("path", ""), where.get("real", "")
    return [one for one in found if not asked or below(one.real, asked, real)], ""


def words(arguments: "Iterable[str]", flags: "Dict[str, str]") -> "Tuple[List[str], List[str]]":
    """The flags (by their names in *flags*) and the paths of a command line. Raises UsageError."""
    given: "List[str]" = []
    paths: "List[str]" = []
    rest = iter(arguments)
    for word in rest:
        if word == "--":
            paths.extend(rest)
        elif word.startswith("-") and word != "-":
            if word not in flags:
                raise UsageError("unknown option {}".format(word), "--help lists them")
            given.append(flags[word])
        else:
            paths.append(word)
    if any(not path for path in paths):
        raise UsageError("'' is no name of a file")
    return given, paths


def show(text: str) -> None:
    """Write *text* to stdout in whatever encoding that has."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))


def say(line: str) -> None:
    """One clean line on stderr."""
    sys.stderr.write(clean(line) + "\n")


def report(line: str) -> None:
    """One clean line on stderr about what went wrong."""
    say("rbridge: " + line)


def silent(answers: "List[Answer]") -> int:
    """Report each process that did not answer; 75 if there is one, else 0."""
    code = 0
    for answer in answers:
        if answer.trouble:
            report("the process at {} does not tell what is open: {}".format(answer.path, answer.trouble))
            code = SILENT
    return code
