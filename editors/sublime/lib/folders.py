"""The folders of hosts that are shown, each as a tree in a tab of its own.

The side bar shows directories of this machine and nothing else: the API has no way to put others there.
"""

import posixpath

import sublime

from . import documents, filling, link, messages, tree, window
from .tree import Tree, above, of_message, spelled

PAGE = 1000  # entries asked for at once
MOST = 100000  # entries that are asked for at all
WATCHED = 500  # paths that the daemon watches at most
NOT_CONNECTED = -32015

folders = {}  # by id
by_view = {}  # by view id
streams = {}  # by the name of a stream: what takes its messages


class Folder:
    """One folder and its view."""

    def __init__(self, params):
        self.id = params["id"]
        self.host = params.get("host") or ""
        self.path = params.get("path") or ""
        self.read_only = bool(params.get("readOnly"))
        self.connected = True
        self.known = True  # to the daemon
        self.tree = Tree()
        self.view = None
        self.entries = []  # of the view's lines
        self._listing = {}  # by directory: whether it is to be listed again at the end

    @property
    def title(self):
        return messages.printable(f"{self.host}:{self.path}")

    def status(self):
        if not link.ready:
            return "no rbridge"
        if not self.connected or not self.known:
            return "not connected"
        return "read-only" if self.read_only else ""

    def whole(self, path):
        """The path on the host, as documents have it."""
        return posixpath.join(self.path, tree.shown(path))

    def about(self, path, **more):
        """What a request says of *path*."""
        return dict(spelled(path), folder=self.id, **more)

    def show(self):
        """Bring the lines up to date; the selection stays with its entry."""
        view = self.view
        if view is None or not view.is_valid():
            return
        chosen = self.chosen()
        status = self.status()
        lines = self.tree.lines()
        head = self.title + (f"   [{status}]" if status else "")
        if not lines and "" in self.tree.entries:
            lines = [("  (empty)", None)]
        self.entries = [None] + [entry for _, entry in lines]
        filling.fill(view, "\n".join([head] + [line for line, _ in lines]) + "\n", True)
        view.set_status(documents.MARK, self.title + (": " + status if status else ""))
        if chosen is not None:
            self.choose(chosen)

    def chosen(self):
        """The path of the entry that the cursor is on, None where it is on none."""
        selection = self.view.sel()
        row = self.view.rowcol(selection[0].b)[0] if len(selection) else 0
        entry = self.entries[row] if row < len(self.entries) else None
        return entry.path if entry is not None else None

    def entry(self):
        """The entry that the cursor is on."""
        path = self.chosen()
        found = [one for one in self.entries if one is not None and one.path == path]
        return found[0] if found else None

    def choose(self, path):
        """Put the cursor on an entry, if it is shown."""
        rows = [row for row, entry in enumerate(self.entries) if entry is not None and entry.path == path]
        if rows and self.chosen() != path:
            point = self.view.text_point(rows[0], 0)
            self.view.sel().clear()
            self.view.sel().add(sublime.Region(point))
            self.view.show(point)

    def unfold(self, path, wanted=True):
        if wanted:
            self.tree.unfolded.add(path)
            self.refresh(path)
        else:
            self.tree.unfolded.discard(path)
        self.show()
        self._watch()

    def refresh(self, *directories):
        """List these directories again, or without any all that are unfolded."""
        for directory in directories or sorted(self.tree.unfolded):
            if directory in self._listing:
                self._listing[directory] = True
            elif directory in self.tree.unfolded:
                self._listing[directory] = False
                link.go(self._list(directory))

    def _list(self, directory):
        found, after, first = [], None, directory not in self.tree.entries
        while True:
            page, error = yield link.call("fs/list", self._page(directory, after))
            if error is not None:
                if error["code"] != NOT_CONNECTED or first:
                    self.tree.troubles[directory] = error["message"]
                break
            found += page["entries"]
            if page.get("next") is None or len(found) >= MOST:
                self.tree.listed(directory, found)
                break
            if first and len(found) <= tree.MOST:  # later on, what is shown stays until all is known
                self.tree.listed(directory, found)
                self.show()
            after = page["next"] if page.get("encoded") else tree.escape(page["next"])
        again = self._listing.pop(directory)
        self.show()
        self._watch()
        if again and error is None:
            self.refresh(directory)

    def _page(self, directory, after):
        """The request for what comes after the name *after*; that and the path are spelled alike."""
        if after is None:
            return self.about(directory, limit=PAGE)
        if tree.ENCODED.search(directory + after):
            return {"folder": self.id, "path": directory, "after": after, "encoded": True, "limit": PAGE}
        return self.about(directory, limit=PAGE, after=spelled(after)["path"])

    def _watch(self):
        paths = self.tree.watched()[:WATCHED]
        plain = [spelled(path)["path"] for path in paths]
        about = {"folder": self.id, "paths": plain}
        if any("encoded" in spelled(path) for path in paths):
            about.update(paths=paths, encoded=True)
        link.ask("fs/watch", about, lambda result, error: None)


def open_folder(params):
    """``folder/open``, inside link.go: result and error."""
    folder = folders.get(params["id"]) or _of_before(params)
    if folder is None:
        folder = Folder(params)
        folders[folder.id] = folder
        folder.view = window.show_new(params, lambda view: _begin(folder, view))
    else:
        del folders[folder.id]
        folder.id, folder.known, folder.connected = params["id"], True, True
        folders[folder.id] = folder
        folder.show()
        window.show(folder.view, params)
    folder.refresh()
    return {}, None
    yield  # a generator, as every request


def _of_before(params):
    """The one of this host and path that an earlier daemon had shown."""
    for folder in folders.values():
        if not folder.known and (folder.host, folder.path) == (params.get("host"), params.get("path")):
            return folder
    return None


def _begin(folder, view):
    folder.view = view
    by_view[view.id()] = folder
    settings = view.settings()
    settings.set(documents.MARK, {"kind": "folder", "id": folder.id})
    for name, value in (("rbridge_folder", True), ("word_wrap", False), ("gutter", False), ("rulers", [])):
        settings.set(name, value)
    settings.set("draw_white_space", "none")
    settings.set("highlight_line", True)
    view.set_name("{} ({})".format(messages.printable(folder.path.rpartition("/")[2] or "/"), folder.host))
    view.set_read_only(True)
    folder.show()


def current(window_):
    """The folder that a command in this window is about: the one that has the keys, else one it shows."""
    view = window_.active_view()
    if view is not None and view.id() in by_view:
        return by_view[view.id()]
    here = [one for one in folders.values() if one.view is not None and one.view.window() == window_]
    every = here or list(folders.values())
    return every[-1] if every else None


def shown():
    """What initialize says of those that are shown."""
    return [{"id": one.id, "host": one.host, "path": one.path} for one in folders.values()]


def begun(known):
    """Connected, for the first time or again; *known* are those that go on."""
    back = {one["id"]: one for one in known}
    for folder in folders.values():
        folder.known = folder.id in back
        folder.connected = folder.known and back[folder.id].get("connected") is not False
        folder.show()
        if folder.connected:
            folder.refresh()


def lost():
    for folder in folders.values():
        folder.show()


def focus(params):
    folder = folders.get(params["id"])
    if folder is not None:
        window.show(folder.view, {})


def state(params):
    folder = folders.get(params["id"])
    if folder is not None:
        folder.connected = params.get("connected") is not False
        folder.show()
        if folder.connected:
            folder.refresh()


def changed(params):
    folder = folders.get(params["folder"])
    for path in of_message(params) if folder is not None else ():
        folder.refresh(path if path in folder.tree.entries else above(path))


def closed(params):
    folder = folders.pop(params["id"], None)
    if folder is not None:
        by_view.pop(folder.view.id(), None)
        why = f": {params['message']}" if params.get("message") else ""
        messages.info(f"{folder.title} was closed{why}")
        folder.view.close()


def forget(view):
    """Its view was closed."""
    folder = by_view.pop(view.id(), None)
    if folder is not None:
        folders.pop(folder.id, None)
        link.ask("folder/close", {"id": folder.id}, lambda result, error: None)


def found(params):
    if params.get("stream") in streams:
        streams[params["stream"]](params)
