"""JSON-RPC 2.0 with Content-Length framing over a Unix socket.

Two threads of its own read and write, and make and take apart what goes over the socket: a text of 60 MB
must not stop the editor. Everything that a caller gives to be called is called in the main thread.
"""

import contextlib
import json
import queue
import re
import socket
import threading

import sublime

LIMIT = 16 * 1024 * 1024  # bytes of a message
HEADERS = 4096
LOST = -32000  # our own code: the connection ended before the answer
LENGTH = re.compile(rb"^content-length: *(\d+)\r?$", re.IGNORECASE | re.MULTILINE)


def failed(code, message, data=None):
    """An error as an answer has it."""
    return {"code": code, "message": message, "data": data}


class Peer:
    """One connection. *on* has ``ready()``, ``closed()``, ``request(method, params, answer)`` and
    ``notice(method, params)``; all are called in the main thread, in the order of what came.
    """

    def __init__(self, path, on):
        self._on = on
        self._pending = {}
        self._last = 0
        self._over = False
        self._outgoing = queue.Queue()
        self._socket = socket.socket(socket.AF_UNIX)
        threading.Thread(target=self._read, args=(path,), name="rbridge reads", daemon=True).start()

    def request(self, method, params, callback):
        """Ask; ``callback(result, error)`` comes exactly once. Returns the number of the request."""
        if self._over:
            sublime.set_timeout(lambda: callback(None, failed(LOST, "rbridge is not running")), 0)
            return 0
        self._last += 1
        self._pending[self._last] = callback
        self._send({"id": self._last, "method": method, "params": params})
        return self._last

    def notify(self, method, params):
        self._send({"method": method, "params": params})

    def close(self):
        """End the connection; what was asked and not answered gets an error."""
        if self._over:
            return
        self._over = True
        self._outgoing.put(None)
        with contextlib.suppress(OSError):  # it has ended already, or never began
            self._socket.shutdown(socket.SHUT_RDWR)
        pending, self._pending = self._pending, {}
        for callback in pending.values():
            callback(None, failed(LOST, "the connection to rbridge was lost"))
        self._on.closed()

    def _send(self, message):
        if not self._over:
            self._outgoing.put(dict(message, jsonrpc="2.0"))

    def _answer(self, number, result, error):
        self._send({"id": number, "error": error} if error else {"id": number, "result": result or {}})

    # In the threads

    def _write(self):
        while True:
            message = self._outgoing.get()
            if message is None:
                return
            body = json.dumps(message).encode()
            try:
                self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            except OSError:
                sublime.set_timeout(self.close, 0)
                return

    def _read(self, path):
        try:
            self._socket.connect(path)
            threading.Thread(target=self._write, name="rbridge writes", daemon=True).start()
            sublime.set_timeout(self._ready, 0)
            with self._socket.makefile("rb") as stream:
                while self._message(stream):
                    pass
        except (OSError, ValueError, AttributeError):
            pass  # gone, or no JSON-RPC: in either case it is closed
        finally:
            sublime.set_timeout(self._gone, 0)

    def _ready(self):
        if not self._over:
            self._on.ready()

    def _gone(self):
        self.close()
        self._socket.close()

    def _message(self, stream):
        """Take in one message. False at the end of the connection, and where it is none."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline(HEADERS)
            if not line or len(head) > HEADERS:
                return False
            head += line
        length = LENGTH.search(head)
        if length is None or int(length.group(1)) > LIMIT:
            return False
        size = int(length.group(1))
        body = stream.read(size)
        if len(body) < size:
            return False
        message = json.loads(body.decode())
        params = message.get("params") or {}
        if not isinstance(params, dict):
            return False
        sublime.set_timeout(lambda: self._take(message, params), 0)
        return True

    # In the main thread

    def _take(self, message, params):
        if self._over:
            return
        number, method = message.get("id"), message.get("method")
        if method is None:
            callback = self._pending.pop(number, None)
            if callback is not None:
                error = message.get("error")
                callback(None if error else message.get("result") or {}, error)
        elif number is None:
            self._on.notice(method, params)
        else:
            self._on.request(method, params, lambda result, error: self._answer(number, result, error))
