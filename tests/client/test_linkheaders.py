"""What our daemon is told."""

from __future__ import annotations

import os

from rbridge import __version__
from tests.client.editors import LINK, Talk

HOST = os.uname().nodename


def test_what_our_daemon_is_told(home, editor, rbridge_open):
    home.file("50%\n.py", "x", 0o640)
    got = []

    def script(talk: Talk) -> None:
        got.append(talk.record())
        got.append(talk.record())
        talk.send(f"opened\ntoken: {got[1].token}\neditor: vim\n\n".encode())

    served = editor(script, home.root / "s", LINK)
    assert rbridge_open("-k", "-l", "5:3", *served.where, "50%\n.py").code == 0
    served.result()
    link, said = got
    assert (link.headers["version"], link.headers["host"]) == (__version__, HOST)
    assert link.headers["cwd"] == str(home.path)
    assert link.headers["pid"].isdigit()
    assert said.headers["real-path"] == str(home.path) + "/50%25%0A.py"
    assert said.headers["display-name"] == f"{HOST}:50%25%0A.py"
    assert (said.headers["selection"], said.headers["mode"]) == ("5:3", "0640")
    assert (said.headers["keep-focus"], said.headers["re-activate"]) == ("yes", "no")
    assert "wait" not in said.headers
