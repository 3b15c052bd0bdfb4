"""Files that a language server named, opened for the laptop: what a definition leads to.

Within the project they can be changed; outside of it, as in what a package manager has installed, they are
for reading.
"""

import os
import stat

from rbridge.client.inquiries import Inquiries
from rbridge.client.openings import looked_at, requested
from rbridge.client.refused import Refused
from rbridge.client.source import Source
from rbridge.paths import encodable
from rbridge.wire import codec

MYPY = False
if MYPY:
    from typing import Dict


class Library(Inquiries):
    """What is asked about a document that is no folder."""

    def find(self, said: "Dict[str, str]") -> Source:
        path = encodable(codec.unquote(said.get("path", "")))
        named = self.session.named
        if named is None or path not in named:
            raise Refused("outside", "cannot open {}: no language server has named it".format(path))
        found = Source(path, path, requested(path, said))
        found.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            state = os.fstat(found.fd)
            if not stat.S_ISREG(state.st_mode):
                raise Refused("failed", "cannot open {}: it is no file".format(path))
            found.resolved = os.path.realpath(path)
            found.read_only = not named.within(found.resolved)
            found.shell = self.document.source.shell
            return looked_at(found, state, path)
        except BaseException:
            found.close()
            raise
