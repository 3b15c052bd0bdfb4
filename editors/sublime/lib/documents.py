"""The documents that are open here, each in a buffer that has no file.

Sublime Text calls such a buffer modified for ever: it has nothing to compare it with. So ours are scratch
buffers while the host has what they hold, and others while it lacks something; that is what the tab shows,
and what decides whether closing it asks.
"""

import hashlib
import posixpath

import sublime

from . import filling, link, messages, text

READ_ONLY_HERE = "Sublime Text cannot hold all of its characters: it is shown read-only"
STALE, NO_CONFLICT = -32011, -32013
COMPARED = 1 << 20  # characters up to which a text that was changed back is known for what it was
MARK = "rbridge"  # the view's setting that says what it shows, and the key of what the status bar shows

docs = {}  # by id
by_buffer = {}  # by buffer id; those included that the daemon does not know any more


class Document:
    """One document and what is known of it. *sent*: bytes that were written, and not known to be there."""

    def __init__(self, params):
        self.id = params["id"]
        self.host = params.get("host") or ""
        self.path = params.get("path") or ""
        self.name = posixpath.basename(self.path) or params.get("name") or "untitled"
        self.language = params.get("language") or ""
        self.read_only = bool(params.get("readOnly"))
        self.base = params.get("base")
        self.form = text.Form()
        self.state = "clean"
        self.message = ""
        self.connected = True
        self.lost = False
        self.saving = False
        self.sent = None
        self.digest = None
        self.going = 0  # the change count of what was written last
        self.waiters = []  # what goes on when the save that runs is over
        self.views = set()  # ids
        self.buffer = None  # id
        self.filling = False
        self._clean = (0, "Unix")  # the change count and line ends of what the host has
        self._content = (0, None)  # and what that was: how long, and of a short text the digest

    @property
    def view(self):
        """One of its views, the shown one of several where there is one; None without any."""
        found = [one for one in map(sublime.View, sorted(self.views)) if one.is_valid()]
        shown = [one for one in found if one.window() and one.window().active_view() == one]
        return (shown or found or [None])[0]

    def modified(self):
        """Whether the buffer holds something that the host is not known to have."""
        view = self.view
        if view is None:
            return False
        now = (view.change_count(), view.line_endings())
        if now != self._clean and now[1] == self._clean[1] and self._is_content_of(view):
            self._clean = now  # it was changed back
        return now != self._clean

    def _is_content_of(self, view):
        size, digest = self._content
        return view.size() == size and digest is not None and digest == _digest(view)

    def on_its_way(self):
        """Whether a save runs that has all of the buffer."""
        return self.saving and self.view is not None and self.view.change_count() == self.going

    def saved(self, count):
        """The host has what the buffer held when its change count was *count*."""
        view = self.view
        if view is not None and view.change_count() == count:
            self._clean = (count, view.line_endings())
            self._content = (view.size(), _digest(view))

    def said(self):
        """How it stands, in a word or two."""
        return (
            "closed"
            if self.lost
            else "no rbridge"
            if not link.ready
            else "conflict"
            if self.state == "conflict"
            else "saving"
            if self.saving
            else "waiting"
            if self.sent is not None
            else "not connected"
            if not self.connected
            else "modified"
            if self.modified()
            else "saved"
        )


def _digest(view):
    if view.size() > COMPARED:
        return None
    return hashlib.sha256(text.of(view).encode("utf-8", "surrogatepass")).digest()


def of(view):
    """The document of a view, None where it is not ours or not known to the daemon any more."""
    doc = known(view)
    return doc if doc is not None and not doc.lost else None


def known(view):
    return by_buffer.get(view.buffer_id()) if view is not None and view.is_valid() else None


def refresh(doc):
    """Show how it stands."""
    if doc.buffer not in by_buffer or doc.view is None:
        return
    unsaved = doc.modified()
    doc.view.set_scratch(not unsaved)
    said = f"{messages.printable(doc.host)}: {doc.said()}"
    if doc.read_only:
        said += ", read-only"
    for number in doc.views:
        view = sublime.View(number)
        if view.is_valid():
            about = view.settings().get(MARK)
            if about is not None and about.get("unsaved") != unsaved:
                view.settings().set(MARK, dict(about, unsaved=unsaved))
            view.set_status(MARK, said)
            view.set_status(MARK + "_path", messages.printable(doc.path or doc.name))


def entitle(doc):
    """Name its tab: FILE (HOST), with as much of the directories before it as tells it from others."""
    others = {one.view.name() for one in by_buffer.values() if one is not doc and one.view is not None}
    parts = [part for part in doc.path.split("/") if part] or [doc.name]
    for count in range(1, len(parts) + 1):
        title = "{} ({})".format("/".join(parts[-count:]), doc.host)
        if messages.printable(title) not in others:
            break
    else:
        title = f"{doc.path} ({doc.host}~{doc.id[:6]})"
    view = doc.view
    view.set_name(messages.printable(title))
    view.settings().set(MARK, {"kind": "document", "id": doc.id, "host": doc.host, "path": doc.path})


def add(doc, view, data):
    """Show *data* in *view*, which is new, as this document. Nothing of it is written by Sublime Text."""
    characters, doc.form, ends = text.decode(data)
    settings = view.settings()
    doc.buffer = view.buffer_id()
    doc.views.add(view.id())
    docs[doc.id] = by_buffer[doc.buffer] = doc
    entitle(doc)
    syntax = _syntax(doc, characters)
    if syntax is not None:
        view.assign_syntax(syntax)
    _fill(doc, view, characters, ends, True)
    if settings.get("detect_indentation"):
        view.run_command("detect_indentation")
    refresh(doc)


def _syntax(doc, characters):
    """The language that the host named, else the one that goes with the name or the first line."""
    word = doc.language.rpartition(".")[2].lower()
    for syntax in sublime.list_syntaxes() if word else ():
        if not syntax.hidden and syntax.name.lower() == word:
            return syntax
    return sublime.find_syntax_for_file(doc.path or doc.name, characters[:1000].partition("\n")[0])


def _fill(doc, view, characters, ends, first):
    doc.filling = True
    try:
        if (
            first and not characters
        ):  # never touched, a buffer would be unmodified for Sublime Text where we say
            filling.fill(view, " ", False)  # that undo led away from what is saved
        whole = filling.fill(view, characters, first)
    finally:
        doc.filling = False
    view.set_line_endings(ends)
    view.set_encoding(doc.form.title)
    if not whole:
        doc.read_only = True
        messages.error(f"{doc.name}: {READ_ONLY_HERE}")
    view.set_read_only(doc.read_only)
    doc.saved(view.change_count())


def fetch(doc, method):
    """A document's text, inside link.go: its bytes and base, or None and the error."""
    return (yield from fetched(doc.id, method))


def fetched(number, method):
    """The same of a document that is not shown yet."""
    while True:
        whole, error = yield link.call(method, {"id": number})
        if whole is None:
            return None, error
        if "chunks" not in whole:
            return text.unpack(whole), whole["base"]
        parts = []
        while len(parts) < whole["chunks"] and error is None:
            about = {"id": number, "base": whole["base"], "chunk": len(parts)}
            part, error = yield link.call(method, about)
            if part is not None:
                parts.append(text.unpack(part))
        if error is None:
            return b"".join(parts), whole["base"]
        if error["code"] != STALE:
            return None, error


def reload(doc, over=False):
    """Take over the host's text, inside link.go; not over what was typed here, unless *over*."""
    data, base = yield from fetch(doc, "buffer/read")
    view = doc.view
    if data is None or view is None or ((doc.modified() or doc.saving) and not over):
        return False
    characters, doc.form, ends = text.decode(data)
    _fill(doc, view, characters, ends, False)
    doc.base, doc.sent, doc.digest, doc.state = base, None, None, "clean"
    refresh(doc)
    return True


def conflict(doc):
    """The host's text is another one."""
    new = doc.state != "conflict" and not doc.saving  # a save says it by itself
    doc.state = "conflict"
    refresh(doc)
    if new:
        messages.warning(f"{doc.name} changed on {doc.host} and here: rbridge: Compare")


def theirs(doc):
    """Give up what was written here for what the host has, inside link.go: that comes by buffer/changed."""
    _, error = yield link.call("buffer/resolve", {"id": doc.id, "choose": "theirs"})
    if error is not None and not (error["code"] == NO_CONFLICT and (yield from reload(doc, True))):
        messages.error("cannot read {} again: {}".format(doc.name, error["message"]))


def moved(host, before, after):
    """What was *before* on *host*, a file or a directory, is *after* now."""
    for doc in list(docs.values()):
        if doc.host == host and (doc.path == before or doc.path.startswith(before + "/")):
            doc.path = after + doc.path[len(before) :]
            doc.name = posixpath.basename(doc.path)
            entitle(doc)
            refresh(doc)


def lose(doc):
    """The daemon does not know it any more; its text stays."""
    docs.pop(doc.id, None)
    doc.lost = True
    refresh(doc)


def forget(doc):
    """Its last view is closed, or it is a file of this machine now: the host goes on."""
    docs.pop(doc.id, None)
    by_buffer.pop(doc.buffer, None)
    if not doc.lost:
        link.ask("buffer/close", {"id": doc.id}, lambda result, error: None)


def drop(doc):
    """Close its views without asking, since nothing would be lost, or the user has said so."""
    for number in list(doc.views):
        view = sublime.View(number)
        if view.is_valid():
            view.set_scratch(True)
            view.close()
