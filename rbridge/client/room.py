"""Descriptors for a command with many files: each of them takes one until it is sent."""

import resource

SPARE = 256
"""Descriptors for everything else."""


def make_room(files: int) -> None:
    """Have descriptors for that many *files*, as far as this user may."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files + SPARE
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        except (OSError, ValueError):
            return  # macOS allows less than it says: then the last files are refused
