"""The browser of this laptop: found, and told to show a page, without a shell."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from subprocess import DEVNULL

import trio

from rbridge.errors import CannotCreate, NotListening
from rbridge.server import urls
from rbridge.server.documents import Documents

PROGRAMS = (
    "xdg-open",
    "wslview",
    "gio open",
    "sensible-browser",
    "x-www-browser",
    "firefox",
    "chromium",
    "google-chrome",
)
PLAIN = re.compile(r"[A-Za-z0-9:/._~@,+\[\]-]+")  # what sh, cmd and PowerShell read as it stands
READ = 60.0  # seconds until a page that leads to a secret URL is removed
FAILS = 3.0  # seconds in which a browser that cannot be started says so


def command(
    environ: Mapping[str, str],
    which: Callable[[str], str | None] = shutil.which,
    platform: str = sys.platform,
) -> list[str]:
    """What shows a URL, with ``%s`` for it. Raises NotListening where there is nothing."""
    for said in environ.get("BROWSER", "").split(os.pathsep):
        try:
            words = shlex.split(said)
        except ValueError:
            continue
        # our own is for hosts: it would ask ourselves again
        if words and os.path.basename(words[0]) != "rbridge" and which(words[0]):
            return words if "%s" in said else [*words, "%s"]
    for name in ("open",) if platform == "darwin" else PROGRAMS:
        program, *more = name.split()
        found = which(program)
        if found:
            return [found, *more, "%s"]
    raise NotListening("there is no browser on the laptop", "name one there in $BROWSER")


async def show(documents: Documents, url: str) -> None:
    """Have *url* shown, which was checked. What may be secret of it, or mean something to a shell that the
    browser's command goes through, stands in no command line.

    Raises NotListening where there is no browser, CannotCreate where there is no room for a page.
    """
    words = command(os.environ)
    identifier = ""
    if url != urls.without_secrets(url) or not PLAIN.fullmatch(url):
        identifier, directory = documents.tools.files.create_directory("browser", ("page",))
        place = directory / "open.html"
        try:
            fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w", encoding="ascii") as file:
                file.write(urls.page(url))
        except OSError as error:
            documents.tools.files.wipe(identifier)
            raise CannotCreate(f"no page can be made on the laptop: {error.strerror}") from None
        url = place.as_uri()
    documents.start(partial(_shown, documents, [word.replace("%s", url) for word in words], identifier))


async def _shown(documents: Documents, words: list[str], page: str) -> None:
    """Start it, and remove its *page* when that was read."""
    try:
        try:
            process = await trio.lowlevel.open_process(
                words, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
            )
        except OSError as error:
            documents.tools.notifier.tell(f"{words[0]} cannot be started: {error.strerror}")
            return
        begun = trio.current_time()
        with trio.move_on_after(READ):
            code = await process.wait()
            if code and trio.current_time() < begun + FAILS:
                documents.tools.notifier.tell(f"{words[0]} did not show a page: it ended with {code}")
            if page:
                await trio.sleep_until(begun + READ)
    finally:
        if page:
            documents.tools.files.wipe(page)
    await process.wait()  # a browser that was not running yet stays
