"""A laptop and a host as ``rbridge ssh`` finds them: ssh's configuration here, a bare account there."""

from __future__ import annotations

import functools
import hashlib
import os
import signal
from pathlib import Path

import pytest

from rbridge import build
from rbridge.ssh import singlefile
from rbridge.ssh.singlefile import SingleFile
from tests.compat.editor import Editor
from tests.harness.environment import Home, Ran, rbridge, signalled
from tests.harness.sshd import Sshd
from tests.harness.wait import until

CONFIG = """\
editor = {editor!r}
listen = ["127.0.0.1:0"]
notify = false
"""


class Trip:
    """*laptop*'s user goes to the host of *sshd*. The daemon is started by the commands, as for a user."""

    def __init__(self, laptop: Home, sshd: Sshd) -> None:
        self.laptop = laptop
        self.sshd = sshd
        self.host = sshd.remote
        self.editor = Editor(laptop)
        target = laptop.config / "rbridge" / "config.toml"
        target.parent.mkdir(mode=0o700)
        target.write_text(CONFIG.format(editor=self.editor.spec))
        self.client = self.host.path / ".local" / "bin" / "rbridge"
        _give_client(laptop)

    def words(self, command: str, *words: str, alias: str = "") -> list[str]:
        """``rbridge COMMAND -F CONFIG [options] HOST``: *words* that begin with ``-`` go before HOST."""
        options = [word for word in words if word.startswith("-")]
        rest = [word for word in words if not word.startswith("-")]
        host = alias or self.sshd.alias
        return rbridge(command, "-F", str(self.sshd.config), *options, host, *rest)

    def run(self, command: str, *words: str, alias: str = "", deadline: float = 60.0) -> Ran:
        """Run that to its end."""
        return self.laptop.run(self.words(command, *words, alias=alias), deadline=deadline)

    def here(self, *words: str) -> Ran:
        """``rbridge WORDS`` on the laptop."""
        return self.laptop.run(rbridge(*words))

    def there(self, words: str, *options: str) -> Ran:
        """``rbridge ssh HOST '~/.local/bin/rbridge WORDS'``, in the home directory there."""
        return self.run("ssh", *options, f"cd {self.host.path} && {self.client} {words}")

    def until_standing(self, words: str) -> str:
        """Wait until the first line of ``rbridge status`` here has all of *words*; that line."""
        last = ""

        def found() -> str:
            nonlocal last
            last = self.here("status").ok().out.partition("\n")[0]
            return last if all(word in last for word in words.split()) else ""

        return until(found, 30.0, f"a tunnel that is {words}") or last

    @property
    def daemon(self) -> int:
        """The daemon's pid."""
        return int((self.laptop.runtime / "daemon.lock").read_text())

    def masters(self) -> list[int]:
        """The pids of the laptop's ssh processes that carry a tunnel."""
        return [pid for pid in self.laptop.processes() if b"ControlMaster=yes" in _words(pid)]

    def socket(self) -> Path:
        """The tunnel's end on the host."""
        found = list((self.host.path / ".rbridge" / os.uname().nodename).glob("*.sock"))
        assert len(found) == 1, found
        return found[0]

    def close(self) -> None:
        """End the daemon as a user does; it gives its tunnels back."""
        self.here("serve", "--stop")
        for pid in self.masters():
            signalled(pid, signal.SIGTERM)


@functools.cache
def _client() -> SingleFile:
    content = build.content()
    return SingleFile(content, hashlib.sha256(content).hexdigest())


def _give_client(laptop: Home) -> None:
    """Let the daemon find the client made, as from its second start on: to make it takes a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RBRIDGE_STATE_DIR", str(laptop.state))
        path = singlefile._kept("")
        assert path is not None
        singlefile._keep(path, _client())


def _words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
