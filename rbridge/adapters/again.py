"""Brings a text that an editor has open to the front: its window, and the editor where that can be told."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import trio

logger = logging.getLogger("rbridge")

PATIENCE = 10.0  # seconds for a running program to be told


async def tell(words: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> None:
    """Run *words*, which ask a running program for something that is no loss if it is not done."""
    environ = {**environ, "PWD": str(cwd)}
    try:
        with trio.fail_after(PATIENCE):
            done = await trio.run_process(
                list(words), cwd=cwd, env=environ, capture_stdout=True, capture_stderr=True, check=False
            )
    except trio.TooSlowError:
        logger.info("%s: no answer within %g s", words[0], PATIENCE)
    except OSError as error:
        logger.info("%s: %s", words[0], error.strerror)
    else:
        if done.returncode:
            logger.info("%s: ended with status %d", words[0], done.returncode)
