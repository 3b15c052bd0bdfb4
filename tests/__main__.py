"""``python3 -m tests [AREA...] [--quick | --all]``: sets up what the tests need and runs them.

Any Python 3 can read this file; the rest needs 3.10, as rbridge's laptop side does, and is looked for on PATH
when it is an older one that was asked.
"""

import os
import shutil
import subprocess
import sys

OLDEST = (3, 10)
NEWEST = 14


def newer_python():
    """Path of a Python that is new enough, or None. A version manager's stand-in may not run: ask it."""
    for minor in range(NEWEST, OLDEST[1] - 1, -1):
        found = shutil.which("python3.{}".format(minor))
        if not found:
            continue
        asked = subprocess.call(
            [found, "-c", "import sys; sys.exit(sys.version_info < {})".format(OLDEST)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if asked == 0:
            return found
    return None


def main():
    if sys.version_info < OLDEST:
        found = newer_python()
        if found is None:
            sys.exit(
                "tests: need Python 3.10 or later, this is {}, and there is no other on PATH".format(
                    sys.version.split()[0]
                )
            )
        os.execv(found, [found, "-m", "tests"] + sys.argv[1:])
    from tests.harness.run import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
