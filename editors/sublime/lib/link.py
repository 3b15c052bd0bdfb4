"""The connection to the daemon: made again every second when it is not there, for as long as the editor runs.

What waits for answers is a generator that :func:`go` runs: ``result, error = yield call(method, params)``.
"""

import os
import sys
import traceback

import sublime

from . import place, rpc

VERSION = 1
PLUGIN = "0.1.0"
RETRY, OTHER_VERSION = 1000, 60000  # ms

NO_METHOD, FAULT = -32601, -32603

ready = False
_peer = None
_given = None
_refused = False
_turn = 0  # goes up with each start and stop: what was to be tried before is not tried any more


class Given:
    """What the connection calls: *requests* and *notices* by method, a request's being a generator that
    returns result and error; ``shown()`` what ``initialize`` says of buffers and folders, ``begun(result)``,
    ``lost()``, ``refused(error)``.
    """

    def __init__(self, requests, notices, shown, begun, lost, refused):
        self.requests = requests
        self.notices = notices
        self.shown = shown
        self.begun = begun
        self.lost = lost
        self.refused = refused


def go(work, done=None):
    """Run the generator *work*, which yields what it waits for; until the first of these it runs at once.

    ``done(value)`` is called with what it returns. A fault goes to the console and, as an error, to *done*.
    """
    _step(work, done, None)


def _step(work, done, value):
    try:
        waits = work.send(value)
    except StopIteration as end:
        if done is not None:
            done(end.value)
    except Exception as fault:
        traceback.print_exc(file=sys.stderr)
        if done is not None:
            done((None, rpc.failed(FAULT, f"Sublime Text: {fault!r}")))
    else:
        waits(lambda *answer: _step(work, done, answer[0] if len(answer) == 1 else answer))


def call(method, params):
    """To be yielded inside :func:`go`: the daemon's result and error, one of which is None."""
    return lambda resume: ask(method, params, resume)


def ask(method, params, callback):
    """Ask the daemon; ``callback(result, error)`` comes once, later. Returns the number of the request."""
    if _peer is None or not (ready or method == "initialize"):
        sublime.set_timeout(lambda: callback(None, rpc.failed(rpc.LOST, "rbridge is not running")), 0)
        return 0
    return _peer.request(method, params, callback)


def cancel(number):
    if number:
        notify("$/cancelRequest", {"id": number})


def notify(method, params):
    if ready:
        _peer.notify(method, params)


class _Events:
    """What :class:`rpc.Peer` calls."""

    def ready(self):
        go(_begin())

    def closed(self):
        global _peer, ready, _refused
        was, refused = ready, _refused
        _peer, ready, _refused = None, False, False
        if was:
            _given.lost()
        _again(OTHER_VERSION if refused else RETRY)

    def notice(self, method, params):
        if method in _given.notices:
            _given.notices[method](params)

    def request(self, method, params, answer):
        handler = _given.requests.get(method)
        if handler is None:
            answer(None, rpc.failed(NO_METHOD, f"no such method: {method}"))
        else:
            go(handler(params), lambda value: answer(*(value or (None, None))))


def _begin():
    global ready, _refused
    hello = {
        "version": VERSION,
        "client": {
            "name": "Sublime Text",
            "version": sublime.version(),
            "plugin": PLUGIN,
            "pid": os.getpid(),
        },
        "capabilities": {"base64": True, "question": True, "diff": True, "folders": True, "viewer": False},
    }
    hello.update(_given.shown())
    result, error = yield call("initialize", hello)
    if result is not None:
        ready = True
        _given.begun(result)
    elif error["code"] != rpc.LOST:
        _refused = True
        _given.refused(error)
        _peer.close()


def _again(after):
    turn = _turn
    sublime.set_timeout(lambda: _connect(turn), after)


def _connect(turn):
    global _peer
    if turn == _turn and _peer is None:
        path = place.socket()
        if path is None:
            _again(RETRY)
        else:
            _peer = rpc.Peer(path, _Events())


def start(given):
    """Begin to look for the daemon; see :class:`Given`."""
    global _given, _turn
    _given = given
    _turn += 1
    _connect(_turn)


def stop():
    """End the connection and look no more."""
    global _turn
    _turn += 1
    if _peer is not None:
        _peer.close()
    _turn += 1  # the end of a connection has it tried again
