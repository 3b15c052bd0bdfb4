"""PyPI's rmate, the client that ``pip install rmate`` gives, in an environment of its own: both install a
command of that name.
"""

from __future__ import annotations

from tests.harness import setup


def command() -> list[str]:
    """The command line of PyPI's rmate; installed when missing."""
    python = setup.rmate_python()
    return [str(python), str(python.parent / "rmate")]
