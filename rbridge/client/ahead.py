"""What the process in the background may come to need is loaded while it is there to be loaded.

A command imports nothing before it needs it, so that its first byte goes out soon. But this process lives for
days, and meanwhile the package, or the Python that it runs on, is upgraded or removed: an import would then
fail, or give a module of another version, and all documents end with it.
"""

MYPY = False
if MYPY:
    from typing import List

    from rbridge.client.loop import Loop

LATER = 1.0
"""Seconds that the editor has to answer in, before this takes time from that."""

NAMES = (
    # fmt: off
    "threading",
    "zlib",
    "json",
    "pwd",
    "rbridge.mounts",
    "rbridge.private",
    "rbridge.tcpowner",
    "rbridge.wire.auth",
    "rbridge.wire.packing",
    "rbridge.wire.reader",
    "rbridge.client.ancestry",
    "base64",
    "rbridge.client.bulk",
    "rbridge.client.content",
    "rbridge.client.directory",
    "rbridge.client.elsewhere",
    "rbridge.client.folder",
    "rbridge.client.follow",
    "rbridge.client.fruitless",
    "rbridge.client.headers",
    "rbridge.client.incoming",
    "rbridge.client.inquiries",
    "rbridge.client.introduction",
    "rbridge.client.joining",
    "rbridge.client.kept",
    "rbridge.client.key",
    "rbridge.client.lane",
    "rbridge.client.library",
    "rbridge.client.linkheaders",
    "rbridge.client.listing",
    "rbridge.client.lookup",
    "rbridge.client.mine",
    "rbridge.client.news",
    "rbridge.client.passage",
    "rbridge.client.rcfiles",
    "rbridge.client.refusal",
    "rbridge.client.rendezvous",
    "rbridge.client.search",
    "rbridge.client.streams",
    "rbridge.client.undelivered",
    "rbridge.client.use",
    "rbridge.client.via",
    # fmt: on
)
"""All that the modules of this process import inside of a function, and in what those import."""


def load(loop: "Loop") -> "List[str]":
    """Import them in *loop*, one at a time, between the events that come meanwhile; what is still to come."""
    left: "List[str]" = list(reversed(NAMES))

    def step() -> None:
        name = left.pop()
        try:
            __import__(name)
        except ImportError:
            pass  # this Python has no such module: whoever needs it says so
        if left:
            loop.at(0.0, step)

    loop.at(LATER, step)
    return left
