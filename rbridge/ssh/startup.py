"""The file that ``rbridge deploy --ipython`` puts into IPython's profile on a host."""

from __future__ import annotations

from pathlib import Path

from rbridge import __version__

MAGIC = Path(__file__).with_name("magic.py")

# IPython runs it in the user's own namespace. The module gets one of its own, so that neither %reset nor a
# variable named 'list' reaches it, and leaves no name behind.
FILE = """\
# rbridge {version}: %rbridge. 'rbridge deploy --ipython HOST' put it here, '--remove' takes it away.
_rbridge = r'''
{module}'''


def _rbridge_start(text):
    import sys

    try:
        space = {{"__name__": "rbridge_magic"}}
        exec(text, space)
        space["register"](get_ipython())
    except Exception as error:
        sys.stderr.write("rbridge: there is no %rbridge here: {{}}\\n".format(error))


_rbridge_start(_rbridge)
del _rbridge, _rbridge_start
"""


def content() -> bytes:
    """The file's bytes."""
    module = MAGIC.read_text(encoding="ascii")
    assert "'''" not in module
    return FILE.format(version=__version__, module=module).encode("ascii")
