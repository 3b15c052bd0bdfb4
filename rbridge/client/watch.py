"""Watching the open files: one look at a time, at most 20 a second, and none in the loop's own thread that
may block.

A stat of a file on this machine's own disks is done at once; everything else, and whatever a change takes, in
a thread. A look that takes longer than :data:`SLOW` is waited for no longer: others get their turns, save
those on a file system that does not answer.
"""

from rbridge.client.pool import Pool
from rbridge.client.rota import Rota
from rbridge.client.shown import Shown
from rbridge.client.standing import device

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Optional, Union

    from rbridge.client.delivery import Document
    from rbridge.client.follow import Followed, Growth
    from rbridge.client.loop import Loop, Timer
    from rbridge.client.pool import Job
    from rbridge.client.watched import Change, Watched

    News = Union[Change, Growth, Shown]
    Key = Union[Document, Shown]
    File = Union[Watched, Followed, Shown]

SLOW = 1.0
"""Seconds that the others wait for a look."""


class Watch:
    """Looks at files in turn and tells *tell* of each document's news, in the loop's thread.

    While it is paused nobody is looked at: nobody could be told.
    """

    def __init__(
        self, loop: "Loop", tell: "Callable[[Key, News], None]", pool: "Optional[Pool]" = None
    ) -> None:
        self._loop = loop
        self._pool = Pool(loop) if pool is None else pool
        self._tell = tell
        self._rota = Rota()
        self._files: "Dict[Key, File]" = {}
        self._timer: "Optional[Timer]" = None
        self._looking: "Dict[Key, Job]" = {}
        self._paused = False

    def add(self, document: "Document", file: "Union[Watched, Followed]") -> None:
        """Watch *file* for *document*."""
        self._files[document] = file
        self._rota.add(document, self._loop.clock(), file.steady)
        self._plan()

    def show(self, shown: "Shown") -> None:
        """Look at what the user sees of a folder; the file that he turned to stays the first."""
        self._files[shown] = shown
        self._rota.add(shown, self._loop.clock(), turned=False)
        self._plan()

    def remove(self, document: "Key") -> None:
        """Watch it no longer; what a look under way finds is dropped."""
        self._files.pop(document, None)
        self._rota.remove(document)
        self._plan()

    def focus(self, document: "Document") -> None:
        """The user turned to it."""
        self._rota.focus(document, self._loop.clock())
        self._plan()

    def saved(self, document: "Document", file: "Watched") -> None:
        """Its content is new by a save of ours: *file* starts from there, whatever a look under way finds."""
        if document in self._files:
            self._files[document] = file
            self.focus(document)

    def pause(self, paused: bool) -> None:
        """Stop looking, or go on."""
        self._paused = paused
        self._plan()

    def file(self, document: "Document") -> "Optional[File]":
        """What is known of *document*'s file."""
        return self._files.get(document)

    def silent(self, document: "Document") -> float:
        """Seconds for which a look at *document*'s file has not got on, 0 if there is none."""
        job = self._looking.get(document)
        return job.silent if job is not None else 0.0

    def _plan(self) -> None:
        """Have the next look happen in time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._paused:
            return
        now = self._loop.clock()
        turn = self._rota.next(now)
        if turn is not None:
            left = max([0.0] + [SLOW - job.silent for job in self._looking.values()])
            self._timer = self._loop.at(max(left, turn[0] - now), self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.clock()
        turn = self._rota.next(now)
        if turn is None or turn[0] > now:
            self._plan()
            return
        document = turn[1]
        file = self._files[document]
        busy = document in self._looking or self._pool.stuck(_device(document))
        if busy or file.quiet():
            self._rota.looked(document, now)
            self._plan()
            return

        def looked(news: "Any", _error: "Optional[BaseException]") -> None:
            self._looked(document, file, news)

        self._looking[document] = self._pool.do(_device(document), lambda: file.look(now), looked)
        self._plan()

    def _looked(self, document: "Key", file: "File", news: "Optional[News]") -> None:
        now = self._loop.clock()
        del self._looking[document]
        self._rota.looked(document, now)
        if self._files.get(document) is file:
            if news is not None or file.missing:
                self._rota.soon(document, now)
            if news is not None:
                self._tell(document, news)
        self._plan()


def _device(key: "Key") -> int:
    """The file system of *key*, -1 if that is not known."""
    return key.device if isinstance(key, Shown) else device(key)
