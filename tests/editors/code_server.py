"""A code-server and a headless Chromium, and the windows in it, for :mod:`tests.editors.vscode`."""

from __future__ import annotations

import json
import shutil
import signal
import socket
from pathlib import Path
from typing import Any, ClassVar

from tests.harness.code import code
from tests.harness.environment import ROOT, Home, rbridge, stop
from tests.harness.wait import free_port, until

HERE = ROOT / "tests" / "editors" / "code"
START = 60.0  # seconds for a window on a machine that is busy
SETTINGS = {
    "files.autoSave": "off",  # as on a desktop; in a browser VS Code saves by itself
    "security.workspace.trust.enabled": False,  # no question at the start; the extension has no say in it
    "extensions.autoUpdate": False,
    "extensions.autoCheckUpdates": False,
    "update.mode": "none",
    "telemetry.telemetryLevel": "off",
    "chat.disableAIFeatures": True,
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "git.enabled": False,
}


class Stage:
    """A code-server and a browser, which all windows of one home share."""

    _made: ClassVar[dict[Path, Stage]] = {}

    def __init__(self, home: Home) -> None:
        found = code()
        self.home = home
        self.calls = home.root / "calls"
        self.calls.mkdir(mode=0o700)
        self.data = home.path / ".local" / "share" / "code-server"
        home.run(rbridge("plugin", "install", "vscode"), env={"PATH": "/usr/bin:/bin"}).ok()
        extensions = home.path / ".vscode" / "extensions"
        shutil.copytree(HERE / "driver", extensions / "rbridge-tests.driver-0.0.1")
        self.settings({})
        self._browser_calls = self.calls / "browser.sock"
        self.port = free_port()
        self._log = home.root / "code-server.log"
        with open(self._log, "wb") as log:
            self._server = home.start(
                [
                    *(found.node, found.server, "--bind-addr", f"127.0.0.1:{self.port}", "--auth", "none"),
                    *("--disable-telemetry", "--disable-update-check", "--disable-workspace-trust"),
                    *("--user-data-dir", self.data, "--extensions-dir", extensions),
                ],
                env={
                    "RBRIDGE_TESTS_CALLS": str(self.calls),
                    "EXTENSIONS_GALLERY": "{}",
                    "TMPDIR": str(home.root),
                },
                stdout=log.fileno(),
                stderr=log.fileno(),
            )
            self._browser = home.start(
                [found.node, HERE / "browser.js", found.modules / "playwright-core", found.chromium]
                + [self._browser_calls],
                env={"TMPDIR": str(home.root)},
                stdout=log.fileno(),
                stderr=log.fileno(),
            )
        until(self._browser_calls.exists, START, "the browser's driver listens")
        until(self._answers, START, "code-server answers")
        self._windows = 0
        self.parked: list[tuple[str, Path]] = []

    @classmethod
    def of(cls, home: Home) -> Stage:
        if home.root not in cls._made:
            cls._made[home.root] = Stage(home)
        return cls._made[home.root]

    @classmethod
    def end(cls, home: Home) -> None:
        made = cls._made.pop(home.root, None)
        if made is not None:
            for process in (made._browser, made._server):
                stop(process, signal.SIGKILL)

    def settings(self, more: dict[str, Any]) -> None:
        directory = self.data / "User"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "settings.json").write_text(json.dumps({**SETTINGS, **more}))

    def browser(self, script: str, **args: Any) -> Any:
        return call(self._browser_calls, script, args)

    def window(self, url: str = "") -> tuple[str, Path]:
        """One more, new or used before; its name, and where its extension host is asked."""
        if self.parked and not url:
            return self.parked.pop()
        before = set(self.hosts())
        self._windows += 1
        name = f"window-{self._windows}"
        self.browser("await open(args.name, args.url)", name=name, url=f"http://127.0.0.1:{self.port}/{url}")
        return name, self.new_host(before)

    def new_host(self, before: set[Path]) -> Path:
        """The extension host that started since *before*, once it listens."""
        made = until(lambda: set(self.hosts()) - before, START, "an extension host runs").pop()
        until(lambda: call(made, "return true", {}), START, "it answers")
        return made

    def hosts(self) -> list[Path]:
        return list(self.calls.glob("window-*.sock"))

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def _answers(self) -> bool:
        assert self._server.poll() is None, self.log()
        with socket.create_connection(("127.0.0.1", self.port), 1):
            return True


def call(path: Path, script: str, args: dict[str, Any]) -> Any:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(START)
        sock.connect(str(path))
        sock.sendall(json.dumps({"code": script, "args": args}).encode())
        sock.shutdown(socket.SHUT_WR)
        parts = []
        while part := sock.recv(1 << 16):
            parts.append(part)
    answer = json.loads(b"".join(parts))
    assert "error" not in answer, f"{script}: {answer['error']}"
    return answer["result"]
