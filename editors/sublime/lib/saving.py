"""Saving: from the user's command to the host's word."""

import sublime

from . import beside, conflict, documents, link, messages, rpc, text

CONFLICT, UNCERTAIN = -32011, -32012

others = False  # Sublime Text saves what is not ours right now


def save(doc, force=False, encoding=None, done=None):
    """The user saves. ``done(saved)`` is called when it is known what became of it."""
    done = done or (lambda saved: None)
    why = _cannot(doc)
    if encoding is not None and why is None:
        form = text.named(encoding)
        if form is None:
            why = f"it is written as UTF-8 or Western (ISO 8859-1), not as {encoding}"
        else:
            doc.form = form
            doc.view.set_encoding(form.title)
    if why is None:
        view = doc.view
        try:
            data = text.encode(text.of(view), doc.form, view.line_endings())
        except text.Unencodable as error:
            why = str(error)
    if why is not None:
        messages.error(f"{doc.name} is not saved: {why}")
        done(False)
        return
    link.go(send(doc, data, view.change_count(), force), done)


def _cannot(doc):
    """Why it cannot be saved, as far as that is known here."""
    if doc.lost:
        return f"it is not open on {doc.host} any more; File > Save As writes a copy here"
    if not link.ready:
        return "rbridge is not running; the text stays here"
    if doc.read_only:
        return "it is read-only"
    return None


def send(doc, data, count, force=False):
    """Send a text, inside link.go, after those that were sent before: each stands on the base that the last
    one left. Returns whether the host has it. *count*: the buffer's change count when it held this.
    """
    while doc.saving:
        yield doc.waiters.append
    doc.saving, doc.sent, doc.digest, doc.going = True, data, None, count
    documents.refresh(doc)
    result = error = None
    for part in text.pack(data):
        part.update(id=doc.id, base=doc.base)
        if force:
            part["force"] = True
        result, error = yield link.call("buffer/write", part)
        if result is None:
            break
    doc.saving = False
    _settle(doc, count, result, error)
    documents.refresh(doc)
    waiters, doc.waiters = doc.waiters, []
    for resume in waiters:
        resume()
    return doc.sent is None and doc.state == "clean"


def _settle(doc, count, result, error):
    """What the daemon said of a text."""
    if result is not None and result.get("outcome") in ("saved", "sent"):
        doc.base, doc.sent, doc.state = result["base"], None, "clean"
        doc.saved(count)
        how = "{} saved on {}" if result["outcome"] == "saved" else "{} sent to {}, which confirms nothing"
        messages.info(how.format(doc.name, doc.host))
        beside.mark(doc)
    elif result is not None:
        doc.digest = result.get("digest")
        messages.warning(result.get("message") or f"{doc.name} is kept until its host is back")
    elif error["code"] in (rpc.LOST, UNCERTAIN):
        doc.digest = (error.get("data") or {}).get("digest")
        said = "{}: not known yet whether {} has it: {}"
        messages.error(said.format(doc.name, doc.host, error["message"]))
    else:
        doc.sent = None
        messages.error("{} is not saved on {}: {}".format(doc.name, doc.host, error["message"]))
        if error["code"] == CONFLICT:
            doc.state = "conflict"
            sublime.set_timeout(lambda: conflict.ask(doc), 0)


def look(doc, base):
    """A kept or uncertain text may have arrived, now that the host's has the digest *base*. Inside link.go.

    Where the daemon did not say the digest of what was sent, since the connection to it was lost first, its
    text is read.
    """
    if doc.digest is not None:
        arrived = doc.digest == base
    else:
        data, base = yield from documents.fetch(doc, "buffer/read")
        arrived = data is not None and data == doc.sent
    view = doc.view
    if not arrived or view is None:
        return False
    try:
        same = text.encode(text.of(view), doc.form, view.line_endings()) == doc.sent
    except text.Unencodable:
        same = False
    if same:
        doc.saved(view.change_count())
    doc.base, doc.sent, doc.digest, doc.state = base, None, None, "clean"
    messages.info(f"{doc.name} saved on {doc.host}")
    documents.refresh(doc)
    return True


def save_all(window):
    """Save ours that are modified, and let Sublime Text save the others."""
    global others
    for doc in list(documents.docs.values()):
        if doc.modified():
            save(doc)
    ours = list(documents.by_buffer.values())
    for doc in ours:
        if doc.view is not None:
            doc.view.set_scratch(True)  # else Sublime Text would ask for a name on this machine
    others = True
    try:
        window.run_command("save_all")
    finally:
        others = False
        for doc in ours:
            documents.refresh(doc)
