"""What the daemon says: requests, notices, and what became of all after a lost connection."""

import sublime

from . import beside, documents, folders, link, messages, saving, window

AGAIN = 20  # ms until it is looked again whether a document is there
docs = documents.docs

_opening = set()  # ids


def open_document(params):
    """``buffer/open``, and what ``fs/open`` answered. Inside link.go: result and error."""
    doc = docs.get(params["id"])
    if doc is None:
        _opening.add(params["id"])
        data, base = yield from documents.fetched(params["id"], "buffer/read")
        _opening.discard(params["id"])
        if data is None:
            return None, base
        doc = docs.get(params["id"])
    if doc is None:
        doc = documents.Document(params)
        doc.base = base
        how = dict(params, keepFocus=True) if params.get("diff") else params  # buffer/diff shows it
        window.show_new(how, lambda view: documents.add(doc, view, data))
    elif not params.get("diff"):
        window.show(doc.view, params)
    window.go_to(doc.view, params.get("line") or 0, params.get("column") or 0)
    return {}, None


def _question(params):
    """Asked in a list, and not in a dialog: one that comes while the user types must not take a key for an
    answer. So its first line chooses nothing.
    """
    choices = list(params["answers"])
    if not sublime.windows():
        return {}, None

    def ask(resume):
        sublime.active_window().show_quick_panel(
            ["Decide later"] + choices, resume, placeholder=messages.printable(params["message"])
        )

    number = yield ask
    return ({"answer": choices[number - 1]} if number > 0 else {}), None


def _changed(params):
    doc = docs.get(params["id"])
    if doc is not None:
        link.go(_take(doc, params))
    elif params["id"] in _opening:
        sublime.set_timeout(lambda: _changed(params), AGAIN)


def _take(doc, params):
    taken = yield from documents.reload(doc, params.get("force") is True)
    if taken:
        beside.mark(doc)
    if not taken:
        documents.conflict(doc)
    base = doc.base if taken else params["base"]
    yield link.call("buffer/taken", {"id": doc.id, "base": base, "taken": taken})


def _state(params):
    doc = docs.get(params["id"])
    if doc is None:
        return
    doc.message, doc.connected = params.get("message") or "", params.get("connected") is not False
    if params["state"] == "conflict":
        documents.conflict(doc)
    elif params["state"] == "clean" and doc.sent is not None and not doc.saving:
        link.go(saving.look(doc, params["base"]))
    doc.state = params["state"]
    documents.refresh(doc)


def _closed(params):
    doc = docs.get(params["id"])
    if doc is None:
        return
    why = ": " + params["message"] if params.get("message") else ""
    if doc.modified():
        documents.lose(doc)
        said = "{} was closed on {}; the text stays (File > Save As){}"
        messages.warning(said.format(doc.name, doc.host, why))
    else:
        documents.lose(doc)
        documents.drop(doc)
        messages.info(f"{doc.name} was closed on {doc.host}{why}")


def _show(params):
    say = {"error": messages.error, "warning": messages.warning}.get(params.get("kind"), messages.info)
    say(params.get("message") or "")


def _shown():
    """What initialize says is open here."""
    buffers = [{"id": doc.id, "base": doc.base, "modified": doc.modified()} for doc in docs.values()]
    return {"buffers": buffers, "folders": folders.shown()}


def _begun(result):
    """Connected, for the first time or again: what became of everything meanwhile."""
    back = {one["id"]: one for one in result.get("buffers") or ()}
    for doc in list(docs.values()):
        if doc.id in back:
            _goes_on(doc, back[doc.id])
        else:
            documents.lose(doc)
            messages.warning(f"{doc.name} is closed on {doc.host}; the text stays (File > Save As)")
    folders.begun(result.get("folders") or ())
    focus(sublime.active_window().active_view() if sublime.windows() else None)


def _goes_on(doc, about):
    doc.connected, doc.message = about.get("connected") is not False, about.get("message") or ""
    if about["state"] == "conflict":
        documents.conflict(doc)
    doc.state = about["state"]
    documents.refresh(doc)
    link.go(_again(doc, about))


def _again(doc, about):
    if doc.sent is not None and (yield from saving.look(doc, about["base"])):
        return
    if doc.sent is not None and doc.digest is None and about["state"] == "clean":  # nobody promised anything
        doc.sent = None
        messages.error(f"{doc.name} is not saved on {doc.host}: the connection was lost before")
    if about["base"] != doc.base:
        if (yield from documents.reload(doc)):
            beside.mark(doc)
        else:
            documents.conflict(doc)
    documents.refresh(doc)


def _lost():
    for doc in docs.values():
        documents.refresh(doc)
    folders.lost()
    if docs:
        messages.warning("connection lost, tried again; the texts stay")


def _refused(error):
    said = "rbridge refused this plug-in: {} (rbridge plugin install sublime)"
    messages.error(said.format(error["message"]))


def focus(view):
    """The user looks at *view* now."""
    doc = documents.of(view)
    link.notify("buffer/focus", {"id": doc.id} if doc is not None else {})


def start():
    requests = {
        "buffer/open": open_document,
        "buffer/diff": beside.show,
        "question": _question,
        "folder/open": folders.open_folder,
    }
    notices = {
        "buffer/changed": _changed,
        "buffer/state": _state,
        "buffer/closed": _closed,
        "window/show": _show,
        "folder/focus": folders.focus,
        "folder/state": folders.state,
        "folder/closed": folders.closed,
        "fs/found": folders.found,
        "fs/changed": folders.changed,
    }
    link.start(link.Given(requests, notices, _shown, _begun, _lost, _refused))
