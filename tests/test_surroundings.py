"""Editors, plug-ins, what is kept on the disk and language servers, as ``rbridge doctor`` tells of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from rbridge import __version__, surroundings
from tests.adapters.plugin import Plugin
from tests.conftest import Start
from tests.harness.environment import Home
from tests.ssh.doctored import of_laptop


async def test_what_is_attached_now(daemon: Start, home: Home) -> None:
    daemon(editor="true")
    streams = [await trio.open_unix_socket(str(home.runtime / "editor.sock")) for _ in range(2)]
    async with (
        Plugin().connected(streams[0], initialize=False) as new,
        Plugin().connected(streams[1], initialize=False) as old,
    ):
        await new.initialize(client={"name": "Neovim", "plugin": __version__, "pid": 5})
        await old.initialize(client={"name": "Vim", "version": "9.1", "plugin": "0.0.9", "pid": 4711})
        found = await trio.to_thread.run_sync(of_laptop, home)
    assert found["attached"]["said"] == "Neovim (pid 5) is attached"
    assert found["attached-old"]["said"] == (
        f"Vim 9.1 (pid 4711) is attached, and its plug-in is 0.0.9: this is rbridge {__version__}"
    )
    assert found["attached-old"]["mend"] == "rbridge plugin install vim, then start it anew"


def test_nobody_is_attached_and_no_server_is_wanted(daemon: Start, home: Home) -> None:
    daemon(editor="true")
    found = of_laptop(home)
    assert "attached" not in found
    assert found["languages"]["said"] == "no editor wants a language server now"
    (home.config / "rbridge").mkdir(mode=0o700)
    (home.config / "rbridge" / "config.toml").write_text("lsp = false\n")
    said = of_laptop(home)["languages"]["said"]
    assert said == f"language servers are turned off by lsp in {home.config}/rbridge/config.toml"


def test_what_editors_keep_is_told_by_the_files_that_they_have(home: Home) -> None:
    home.file(".config/Code/Backups/a1/rbridge/text", "unsaved\n")
    home.file(".config/Cursor/Backups/a1/file/text", "unsaved\n")
    home.file(".local/state/nvim/shada/main.shada", b"\x81names rbridge://gpu1/train.py \xff")
    home.file(".viminfo", "> ~/notes.txt\n")
    found = surroundings.kept(str(home.path))
    assert [one.level.value for one in found] == ["warning", "warning"]
    assert found[0].said == (
        f"VS Code keeps unsaved texts of hosts' documents in {home.path}/.config/Code/Backups/a1/rbridge/text"
    )
    assert found[1].mend == f"rm {home.path}/.local/state/nvim/shada/main.shada  # while the editor is closed"
    home.file(".config/sublime-text/Local/Session.sublime_session", '{"file": "rbridge://gpu1/a"}')
    home.file(".config/sublime-text/Local/Auto Save Session.sublime_session", '{"file": "rbridge://gpu1/a"}')
    sublime = next(one for one in surroundings.kept(str(home.path)) if one.said.startswith("Sublime"))
    assert "Local (2 files)" in sublime.said


@pytest.mark.parametrize(
    ("state", "said", "name"),
    [
        ("runs", "", ""),
        ("idle", "", ""),
        ("off", "turned off by lsp in /etc/rbridge.conf", ""),
        ("exited", "ImportError", "language-server-ended"),
        ("none", "no language server for python", "language-server-none"),
    ],
)
def test_a_language_server_s_state_is_a_level(
    state: str, said: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    row = {"host": "gpu1", "name": "pylsp", "state": state, "said": said}
    (found,) = surroundings.languages([row])
    assert "pylsp on gpu1" in found.said
    assert said in found.said
    assert found.name == (name or "language-server")
    assert bool(found.mend) == bool(name)
