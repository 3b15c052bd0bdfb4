"""A language server that does what it is told: run under the name of a real one, from the host's PATH.

What it is told is in ``fake.json`` beside its program's directory, or in the directory that FAKE names:

- ``pid``: a file to which its pid is added, a line each
- ``heard``: a file to which each message that it gets is added, a line each
- ``capabilities``: of its answer to ``initialize``
- ``answers``: results by method; a request of another method gets null
- ``die``: methods at which it ends, with ``words`` on standard error and status 3
- ``mute``: methods that it does not answer
- ``garbage``: what it says at its start in place of anything else

A ``textDocument/hover`` is answered with the text that the document has, as it was told, with VIRTUAL_ENV.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    told = json.loads((Path(os.environ["FAKE"]) / "fake.json").read_text())
    note(told, "pid", str(os.getpid()))
    if "garbage" in told:
        sys.stdout.write(told["garbage"])
        sys.stdout.flush()
    texts: dict[str, str] = {}
    while (said := read()) is not None:
        note(told, "heard", json.dumps(said))
        method = said.get("method", "")
        if method in told.get("die", ()):
            sys.stderr.write(told.get("words", ""))
            return 3
        if method == "exit":
            return 0
        learn(texts, method, said.get("params"))
        if "id" in said and method and method not in told.get("mute", ()):
            write({"id": said["id"], "result": answer(told, texts, method, said.get("params"))})
    return 0


def learn(texts: dict[str, str], method: str, params: Any) -> None:
    """Keep the texts of documents; changes are of whole texts."""
    if method == "textDocument/didOpen":
        texts[params["textDocument"]["uri"]] = params["textDocument"]["text"]
    elif method == "textDocument/didChange":
        texts[params["textDocument"]["uri"]] = params["contentChanges"][-1]["text"]


def answer(told: dict[str, Any], texts: dict[str, str], method: str, params: Any) -> Any:
    if method == "initialize":
        return {
            "capabilities": {"textDocumentSync": 1, "hoverProvider": True, **told.get("capabilities", {})}
        }
    if method == "textDocument/hover":
        text = texts.get(params["textDocument"]["uri"], "no such document")
        return {"contents": f"{os.environ.get('VIRTUAL_ENV', '')}:{text}"}
    return told.get("answers", {}).get(method)


def note(told: dict[str, Any], name: str, line: str) -> None:
    if name in told:
        with open(told[name], "a") as file:
            file.write(f"{line}\n")


def read() -> Any:
    """The next message, None at the end."""
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return json.loads(sys.stdin.buffer.read(length)) if length else None


def write(message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
