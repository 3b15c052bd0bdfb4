"""What happens once all is sent: wait for the editor, stay behind, or end, each with its exit code."""

import os

from rbridge.client.session import Interrupted, Session

MYPY = False
if MYPY:
    from rbridge.client.options import Options

EXIT_BY_SIGNAL = 128


def serve(session: Session, options: "Options") -> int:
    """Wait for the editor, then go into the background, or with ``-w`` stay until it is closed."""
    try:
        session.await_opened()
    except Interrupted as error:
        session.goodbye()
        return EXIT_BY_SIGNAL + error.number
    if not session.peers:
        return finish(session)
    if not options.wait:
        return session.result() if not session.stay_behind() else remain(session)
    try:
        session.run()
    except Interrupted as error:
        return interrupted(session, error.number)
    return finish(session)


def interrupted(session: Session, number: int) -> int:
    """The wait was cut short: by Ctrl-C or a lost terminal, then the document stays open, or to end."""
    import signal

    standard_input = any(document.source.stdin for document in session.documents)
    if number == signal.SIGTERM or standard_input:
        session.goodbye()
        if standard_input:
            session.rescue()
    elif session.stay_behind():
        return remain(session)
    return 74 if session.result() == 74 else EXIT_BY_SIGNAL + number


def remain(session: Session) -> int:
    """The life of the process that stays behind; never returns to what the parent was doing."""
    code = 70
    try:
        try:
            code = session.run()
        except Interrupted:
            session.goodbye()
            code = session.result()
    except BaseException as error:  # there is no terminal to show it on
        session.report("unexpected {}: {}".format(type(error).__name__, error))
    finally:
        os._exit(code)


def finish(session: Session) -> int:
    """The exit code, after the text of standard input has been written out."""
    code = session.result()
    for document in session.documents:
        if document.source.stdin and document.state != "refused":
            from rbridge.client import stdin

            stdin.write_out(document.draft.fd if document.draft else document.source.fd)
    return code
