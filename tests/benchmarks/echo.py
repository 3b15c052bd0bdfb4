"""A language server that answers at once, so that what is measured is the way to it and back.

``hover`` gets a small answer, ``completion`` one of 180 KB, ``test/count`` how many ``didChange`` have come.
The standard library only, and no time for anything: answers are put together from bytes.
"""

import json
import os

PIECE = 1 << 20
ITEMS = 1000

HOVER = json.dumps(
    {"contents": {"kind": "plaintext", "value": "def unique_symbol(name: str) -> str"}}
).encode()
COMPLETION = json.dumps(
    {
        "isIncomplete": False,
        "items": [
            {
                "label": f"symbol_{number}",
                "kind": 3,
                "detail": "def (name: str, count: int = 1) -> str",
                "sortText": f"09.9999.symbol_{number}",
                "data": {"uri": "file:///home/ada/project/train.py", "position": [6, 18], "id": number},
            }
            for number in range(ITEMS)
        ],
    }
).encode()
CAPABILITIES = {"textDocumentSync": 2, "hoverProvider": True, "completionProvider": {"resolveProvider": True}}
INITIALIZED = json.dumps({"capabilities": CAPABILITIES, "serverInfo": {"name": "echo"}}).encode()


def main() -> None:
    """Until its input ends."""
    buffer = bytearray()
    changes = 0
    while True:
        data = os.read(0, PIECE)
        if not data:
            return
        buffer += data
        while True:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                break
            size = int(buffer[16:end])  # "Content-Length: " and nothing else is all that comes here
            if len(buffer) < end + 4 + size:
                break
            body = bytes(buffer[end + 4 : end + 4 + size])
            del buffer[: end + 4 + size]
            if b'"textDocument/didChange"' in body:
                changes += 1
                continue
            said = json.loads(body)
            method = said.get("method")
            if method == "exit":
                return
            if "id" in said and method:
                answer(said["id"], method, changes)


def answer(number: object, method: str, changes: int) -> None:
    """Write the answer to a request."""
    results = {
        "initialize": INITIALIZED,
        "textDocument/hover": HOVER,
        "textDocument/completion": COMPLETION,
        "test/count": b"%d" % changes,
    }
    result = results.get(method, b"null")
    body = b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (json.dumps(number).encode(), result)
    left = memoryview(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    main()
