"""Searches in the files of a folder, each with its results in a tab of its own."""

import itertools

from . import browsing, documents, filling, folders, link, messages, window
from .tree import escape, shown

MOST = 1000  # matches

searches = {}  # by view id
_names = itertools.count(1)


class Search:
    """One search; *matches* by the number of the line that shows each."""

    def __init__(self, folder, query):
        self.folder = folder
        self.query = query
        self.stream = f"search-{next(_names)}"
        self.view = None
        self.matches = {}
        self.said = "searching"
        self.number = 0  # of the request, 0 when it is over
        self._by_path = {}

    def add(self, params):
        """More matches, each once."""
        for one in params.get("matches") or ():
            path = one["path"] if one.get("encoded") else escape(one["path"])
            self._by_path.setdefault(path, []).append(one)
        self.show()

    def show(self):
        if self.view is None or not self.view.is_valid():
            return
        lines = [f"{self.query!r} in {self.folder.title}: {self.said}"]
        self.matches = {}
        for path, found in self._by_path.items():
            lines += ["", shown(path) + ":"]
            for one in found:
                self.matches[len(lines)] = (path, one)
                lines.append("{:>6}: {}".format(one["line"], messages.printable(one["text"])))
        filling.fill(self.view, "\n".join(lines) + "\n", True)

    def over(self, result, error):
        self.number = 0
        folders.streams.pop(self.stream, None)
        if error is not None:
            self.said = error["message"]
        else:
            count = sum(map(len, self._by_path.values()))
            self.said = "{} in {}".format(_many(count, "match"), _many(len(self._by_path), "file"))
            if result.get("truncated"):
                self.said += ", there are more"
            if result.get("by"):
                self.said += " (by {})".format(result["by"])
        self.show()


def _many(count, word):
    return "{} {}{}".format(count, word, "" if count == 1 else "es" if word == "match" else "s")


def ask(folder, window_):
    """Ask for what is searched; nothing is searched for nothing."""
    window_.show_input_panel(
        f"Search in {folder.title}:",
        "",
        lambda typed: start(folder, typed) if typed else None,
        None,
        None,
    )


def start(folder, query):
    search = Search(folder, query)

    def begin(view):
        search.view = view
        searches[view.id()] = search
        settings = view.settings()
        settings.set(documents.MARK, {"kind": "results"})
        settings.set("rbridge_results", True)
        settings.set("word_wrap", False)
        view.set_name(f"{messages.printable(query)} in {folder.host}")
        view.set_read_only(True)
        search.show()

    window.show_new({}, begin)
    folders.streams[search.stream] = search.add
    about = {"folder": folder.id, "query": query, "limit": MOST, "stream": search.stream}
    search.number = link.ask("fs/search", about, search.over)


def cancel(view):
    """Give up a search that still runs."""
    search = searches.get(view.id())
    if search is not None:
        link.cancel(search.number)


def open_match(view):
    """Enter: go to the match that the cursor is on."""
    search = searches.get(view.id())
    if search is None:
        return
    row = view.rowcol(view.sel()[0].b)[0]
    if row in search.matches:
        path, one = search.matches[row]
        browsing.open_file(search.folder, path, one["line"], one["column"])


def forget(view):
    """Its view was closed."""
    search = searches.pop(view.id(), None)
    if search is not None:
        link.cancel(search.number)
        folders.streams.pop(search.stream, None)
