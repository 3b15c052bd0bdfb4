"""A path where there is no file yet: whether the first save can create one."""

import os

from rbridge.client.source import accessible
from rbridge.errors import CannotCreate, Denied, NoInput

MYPY = False
if MYPY:
    from rbridge.client.options import Options
    from rbridge.client.source import Source


def check(source: "Source", options: "Options") -> None:
    """See that the first save can create *source*; raises NoInput, CannotCreate or Denied."""
    path = source.path
    if source.read_only:
        raise NoInput("cannot open {}: no such file".format(path))
    if path.endswith("/"):
        raise NoInput("cannot open {}: there is no such directory".format(path))
    # a dangling link: the save creates the file that it points to
    parent = os.path.dirname(os.path.realpath(path))
    try:
        found = os.stat(parent + "/.")
    except OSError:
        raise CannotCreate("cannot create {}: there is no directory {}".format(path, parent)) from None
    source.device = found.st_dev
    if not options.force and not accessible(parent, os.W_OK | os.X_OK):
        raise Denied("cannot create {}: no permission to write in {}".format(path, parent))
