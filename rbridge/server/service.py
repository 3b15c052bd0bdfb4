"""What all connections of one daemon share."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from rbridge import __version__
from rbridge.server.config import Config
from rbridge.server.consent import Consent
from rbridge.server.documents import Documents
from rbridge.server.keys import Keys
from rbridge.server.ports import Ports
from rbridge.server.sessions import Sessions
from rbridge.wire import codec


@dataclass(frozen=True)
class Service:
    """*laptop* and *identity* are what the daemon calls itself; without *keys* no host can prove anything."""

    config: Config
    documents: Documents
    sessions: Sessions
    consent: Consent
    laptop: str
    identity: str
    keys: Keys | None = None
    ports: Ports = field(default_factory=Ports)

    def greeting(self, nonce: str = "") -> str:
        """What a host hears first; *nonce* is what its proof is to answer."""
        editor = self.documents.tools.adapter.name
        return codec.greeting(self.laptop, __version__, editor, identity=self.identity, nonce=nonce)


def nonce() -> str:
    """32 random hexadecimal digits, used once."""
    return secrets.token_hex(16)
