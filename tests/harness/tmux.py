"""A private tmux server: keys go in, the text on the screen comes out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from tests.harness.environment import Home
from tests.harness.wait import Never, until

WIDTH, HEIGHT = 100, 30


class Tmux:
    """A server with one session and, at first, one window that runs a plain ``sh``.

    Its socket lies in the test's own directory, as *name*. *target* is a window or pane as tmux names them;
    the empty string is the current one.
    """

    def __init__(self, home: Home, name: str = "tmux") -> None:
        self.home = home
        self._base = ["tmux", "-S", str(home.root / name), "-f", "/dev/null"]
        env = {"PS1": "$ ", "ENV": "/dev/null"}
        self._call("new-session", "-d", "-s", "t", "-x", str(WIDTH), "-y", str(HEIGHT), "sh", env=env)
        self._call("set-option", "-g", "escape-time", "0")
        self._call("set-option", "-g", "status", "off")
        self.pid = int(self._call("display-message", "-p", "#{pid}"))
        # TMUX as a program inside sees it: what makes rbridge open windows here.
        self.variable = f"{home.root / name},{self.pid},0"

    def _call(self, *words: str, env: dict[str, str] | None = None) -> str:
        return self.home.run([*self._base, *words], env=env).ok().out.rstrip("\n")

    def window(self, command: Sequence[str], name: str = "w") -> str:
        """Run *command* in a new window and make it the current one; returns the window's id."""
        words = ["new-window", "-P", "-F", "#{window_id}", "-n", name, "-t", "t:", shlex.join(command)]
        return self._call(*words)

    def windows(self) -> list[str]:
        """The names of all windows."""
        return self._call("list-windows", "-t", "t", "-F", "#{window_name}").splitlines()

    def keys(self, *keys: str, target: str = "") -> None:
        """Press keys by tmux's names: ``keys("C-x", "Enter")``."""
        self._call("send-keys", "-t", target or "t:", *keys)

    def type(self, text: str, target: str = "") -> None:
        """Type *text* as it is."""
        self._call("send-keys", "-t", target or "t:", "-l", "--", text)

    def line(self, text: str, target: str = "") -> None:
        """Type *text* and press Enter."""
        self.type(text, target)
        self.keys("Enter", target=target)

    def screen(self, target: str = "") -> str:
        """What can be seen now."""
        return self._call("capture-pane", "-p", "-t", target or "t:")

    def coloured(self, target: str = "") -> str:
        """The same, with its colours as ANSI sequences."""
        return self._call("capture-pane", "-e", "-p", "-t", target or "t:")

    def resize(self, width: int, height: int) -> None:
        """Make the window *width* columns and *height* lines large."""
        self._call("resize-window", "-t", "t:", "-x", str(width), "-y", str(height))

    def wait_for(self, text: str, deadline: float = 20.0, target: str = "") -> str:
        """Wait until *text* can be seen; returns the screen. Fails with the screen as it was last."""
        try:
            until(lambda: text in self.screen(target), deadline)
        except Never as error:
            raise Never(f"{text!r} is not on the screen:\n{self.screen(target)}") from error
        return self.screen(target)

    def wait_gone(self, text: str, deadline: float = 20.0, target: str = "") -> str:
        """Wait until *text* can be seen no longer."""
        until(lambda: text not in self.screen(target), deadline, f"{text!r} leaves the screen")
        return self.screen(target)

    def close(self) -> None:
        """End the server and all that runs in it."""
        self.home.run([*self._base, "kill-server"])
