"""Where the daemon's socket lies: the same search as the daemon's own, and the same checks.

A directory that is ours alone, in it a socket that is ours alone. Nothing is created.
"""

import os
import stat

OTHERS = 0o077


def _alone(path, is_kind):
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return is_kind(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & OTHERS


def _safe(directory):
    try:
        above = os.stat(os.path.dirname(directory)).st_mode
    except OSError:
        return False
    return _alone(directory, stat.S_ISDIR) and (not above & stat.S_IWOTH or bool(above & stat.S_ISVTX))


def _owner(path):
    try:
        return os.stat(path).st_uid
    except OSError:
        return None


def candidates():
    """The directories that may hold it, the best first."""
    named = os.environ.get("RBRIDGE_RUNTIME_DIR", "")
    if named:
        return [os.path.abspath(named)]
    own, places = f"rbridge-{os.getuid()}", []
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/") and _owner(runtime) == os.getuid():
        places.append(os.path.join(runtime, "rbridge"))
    places.append("/dev/shm/" + own)
    temporary = os.environ.get("TMPDIR", "")
    places.append(os.path.join(temporary if temporary.startswith("/") else "/tmp", own))
    node = os.uname().nodename.replace("/", "_")
    places.append(os.path.join(os.path.expanduser("~"), ".rbridge", node, "run"))
    return places


def socket():
    """The socket of a daemon of ours, None where there is none."""
    for directory in candidates():
        if _safe(directory):
            path = os.path.join(directory, "editor.sock")
            return path if _alone(path, stat.S_ISSOCK) else None
    return None
