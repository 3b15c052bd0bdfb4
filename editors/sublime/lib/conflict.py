"""The host's file is another one than the text here stands on: compare, overwrite, reload."""

import sublime

from . import beside, documents, filling, link, messages, saving, text


def ask(doc):
    """Ask what to do; no answer leaves everything as it is."""
    view = doc.view
    if view is None or view.window() is None or doc.state != "conflict":
        return
    choices = (
        ("Compare", "both texts side by side", compare),
        ("Overwrite", "your text goes over the host's", overwrite),
        (
            "Reload",
            "the host's text comes here, yours is given up",
            lambda one: link.go(documents.theirs(one)),
        ),
    )

    def chosen(number):
        if number >= 0 and not doc.lost:
            choices[number][2](doc)

    view.window().show_quick_panel(
        [[title, detail] for title, detail, _ in choices],
        chosen,
        placeholder=f"{doc.name} was changed on {doc.host}:",
    )


def overwrite(doc):
    saving.save(doc, force=True)


def compare(doc):
    """Show the host's text beside the buffer, and what differs in the buffer's own gutter."""
    link.go(_compare(doc))


def _compare(doc):
    data, error = yield from documents.fetch(doc, "buffer/theirs")
    if data is None:
        data, error = yield from documents.fetch(doc, "buffer/read")  # no conflict: what is there
    view = doc.view
    if data is None:
        messages.error("cannot compare {}: {}".format(doc.name, error["message"]))
        return
    if view is None or view.window() is None:
        return
    window, characters = view.window(), text.decode(data)[0]
    other = window.new_file()
    other.set_scratch(True)
    other.settings().set(documents.MARK, {"kind": "comparison", "id": doc.id})
    other.set_name(f"{doc.name}: on {doc.host}")
    if view.syntax() is not None:
        other.assign_syntax(view.syntax())
    filling.fill(other, characters, True)
    other.set_read_only(True)
    beside.put(view, other)
    view.set_reference_document(characters)
    window.focus_view(other)
    window.focus_view(view)


def reload(doc):
    """The user wants the host's text here, after a word where something would be lost."""
    if doc.modified() and doc.state != "conflict":
        question = f"Give up what was typed into {doc.name} for the text on {doc.host}?"
        if not sublime.ok_cancel_dialog(question, "Reload"):
            return
    link.go(documents.theirs(doc), lambda _: beside.mark(doc))
