"""``rbridge close`` on the host: the editor on the laptop closes files of this host."""

import sys

from rbridge.client import asking

MYPY = False
if MYPY:
    from typing import List

    from rbridge.client.undelivered import Undelivered

USAGE = """\
usage: rbridge close [PATH]...

Closes the files that are open at or below each PATH; without PATH all that were
opened on this host. Where nothing is open, it is forgotten that a laptop keeps
a text of files there that never got here: 'rbridge status' shows these. Ends
with 66 if there is nothing at a PATH.
"""

FLAGS = {"-h": "help", "--help": "help"}


def run(arguments: "List[str]", alone: bool = True) -> int:
    """``rbridge close`` with *arguments*; the exit code. Unless *alone*, that nothing is open is not said.

    Raises UsageError.
    """
    flags, paths = asking.words(arguments, FLAGS)
    if flags:
        sys.stdout.write(USAGE)
        return 0
    codes = [close(path, alone) for path in paths or [""]]
    return next(filter(None, codes), 0)


def close(path: str, alone: bool) -> int:
    """Close what is open at or below *path*, or all ("")."""
    where = asking.where(path)
    kept, trouble = asking.undelivered(where) if path else ([], "")
    answers = asking.ask("close", where)
    rows = [row for answer in answers for row in answer.of("row")]
    for row in rows:
        line = "{}: closed".format(row.get("path"))
        if row.get("state") not in ("clean", "opening"):
            line += " while {}: what {} has of it is in 'rbridge recover list' there".format(
                row.get("state"), row.get("laptop")
            )
        asking.say(line)
    code = asking.silent(answers)
    if code or rows:
        return code
    if kept or trouble:
        return forget(kept, trouble)
    if alone:
        if path:
            asking.report("nothing is open at {}".format(path))
        else:
            asking.say("nothing is open")
    return asking.NOTHING if path else 0


def forget(kept: "List[Undelivered]", trouble: str) -> int:
    """The user knows that these texts never got here; *trouble*: why there may be more."""
    from rbridge import paths
    from rbridge.client import undelivered

    code = 0
    for one in kept:
        try:
            undelivered.forget(paths.state_dir(create=False), one.real, one.identity)
        except OSError as error:
            trouble = "{}: {}".format(one.real, (error.strerror or "").lower())
            continue
        line = "{}: forgotten here; what {} has of it is still in 'rbridge recover list' there"
        asking.say(line.format(one.real, one.laptop))
    if trouble:
        asking.report(trouble)
        code = 74
    return code
