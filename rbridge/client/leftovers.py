"""Whether a crash left something of earlier saves: asked at each start, before the first byte is sent."""

import os


def pending(state_dir: str) -> bool:
    """Whether a save is under way or was cut short by a crash: one listdir."""
    try:
        return bool(os.listdir(directory(state_dir)))
    except OSError:
        return False


def directory(state_dir: str) -> str:
    return os.path.join(state_dir, "saves")
