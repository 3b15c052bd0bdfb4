"""Where Sublime Text's plug-in looks for the daemon, and where it does not."""

from __future__ import annotations

import pytest

from tests.editors.attach_server import AttachServer
from tests.editors.sublime import READY, Sublime
from tests.harness.environment import Home
from tests.harness.wait import stays


@pytest.mark.parametrize("mode", [0o777, 0o755])
def test_a_runtime_directory_that_others_can_reach_is_not_used(home: Home, mode: int) -> None:
    server = AttachServer(home.runtime / "editor.sock")
    home.runtime.chmod(mode)
    editor = Sublime(home, attached=False)
    try:
        stays(lambda: not server.got, 1.5)
        home.runtime.chmod(0o700)
        editor.until(READY)
    finally:
        editor.kill()
        server.close()


def test_the_place_is_the_daemons(home: Home) -> None:
    """The same directories, in the same order, as the daemon looks at."""
    editor = Sublime(home, attached=False)
    try:
        for environ in (
            {},
            {"XDG_RUNTIME_DIR": str(home.path)},
            {"TMPDIR": "/var/tmp"},
            {"RBRIDGE_RUNTIME_DIR": "/x/"},
        ):
            variables = {"XDG_RUNTIME_DIR": "", "TMPDIR": "", "RBRIDGE_RUNTIME_DIR": "", **environ}
            ours = home.run(
                ["python3", "-c", "from rbridge import paths; print(*paths.runtime_candidates())"],
                env=variables,
            ).ok()
            editor.do(f"__import__('os').environ.update({variables!r})")
            theirs = editor.look("sys.modules['rbridge.lib.place'].candidates()")
            assert theirs == ours.out.split()
    finally:
        editor.kill()
