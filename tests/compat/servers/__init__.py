"""Models of the rmate servers that people use: how each one reads, answers and ends a connection.

Every model is as strict as the program it stands for: what that program drops, misreads or never answers, the
model drops, misreads and never answers. The sources are named in each module; the code is our own.
"""

from __future__ import annotations

from tests.compat.servers.base import PlainServer, Tab
from tests.compat.servers.processes import Pricci1, RmateServer, ZedRmateServer
from tests.compat.servers.sublime import RemoteSubl, Rsub
from tests.compat.servers.textmate import TextMate
from tests.compat.servers.vscode import RemoteVSCode, RmateVSCode

SERVERS: dict[str, type[PlainServer]] = {
    "textmate": TextMate,
    "rsub": Rsub,
    "remotesubl": RemoteSubl,
    "remote-vscode": RemoteVSCode,
    "rmate-vscode": RmateVSCode,
    "zed": ZedRmateServer,
    "rmate-server": RmateServer,
    "pricci1": Pricci1,
}

__all__ = [
    "SERVERS",
    "PlainServer",
    "Pricci1",
    "RemoteSubl",
    "RemoteVSCode",
    "RmateServer",
    "RmateVSCode",
    "Rsub",
    "Tab",
    "TextMate",
    "ZedRmateServer",
]
