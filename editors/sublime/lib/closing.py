"""Closing: what the host lacks is asked about, and who waits on a host is let go.

Sublime Text asks by itself about a buffer that is no scratch buffer, but its Save would make a file of this
machine; and with hot exit it does not ask at the end at all. So the commands that close are taken over, where
something of ours is unsaved. The button of a tab gives no command: there Sublime Text asks.
"""

import sublime

from . import documents, link, messages, saving

LEAVE = 2000  # ms to wait for the daemon when Sublime Text ends
ONE = ("close", "close_file")
OF_WINDOW = ("close_window", "close_workspace", "close_project")
MANY = OF_WINDOW + ("close_all",)
INDEXED = ("close_by_index", "close_others_by_index", "close_to_right_by_index")
COMMANDS = ONE + MANY + INDEXED + ("close_selected", "exit")

_given_up = set()  # ids of documents whose changes the user does not want
_awaited = set()  # ids of documents that are closed once a save that runs is over
_leaving = False  # Sublime Text ends, and all has been asked


def concerns(window, name, arguments):
    """Whether a command is carried out by :func:`run` in place of Sublime Text."""
    if _leaving:
        return False
    if name == "exit" and documents.docs:
        return True
    return name in COMMANDS and bool(_unsaved(_views(window, name, arguments)))


def _views(window, name, arguments):
    """The views that a command closes."""
    if name == "exit":
        return [view for one in sublime.windows() for view in one.views()]
    if name in MANY:
        return window.views()
    if name in ONE:
        return [view for view in [window.active_view()] if view is not None]
    if name == "close_selected":
        sheets = window.selected_sheets()
    else:
        group, index = arguments.get("group", -1), arguments.get("index", -1)
        group = window.active_group() if group < 0 else group
        every = window.sheets_in_group(group)
        if name == "close_by_index":
            sheets = every[index : index + 1] if index >= 0 else [window.active_sheet()]
        elif name == "close_to_right_by_index":
            sheets = every[index + 1 :]
        else:
            sheets = every[:index] + every[index + 1 :]
    found = [sheet.view() for sheet in sheets if sheet is not None]
    return [view for view in found if view is not None]


def _unsaved(views):
    """The documents of which these are the last views, and of which the host lacks something."""
    going = {view.id() for view in views}
    found = {doc.id: doc for doc in map(documents.of, views) if doc is not None}
    return [doc for doc in found.values() if doc.views <= going and _to_ask(doc)]


def _to_ask(doc):
    return doc.id not in _given_up and doc.modified()


def run(window, name, arguments, views=None):
    """Ask about what is unsaved, save what is to be saved, and then close.

    *views*: what the command is about; while a host is waited for the user may turn to another tab.
    """
    found = _views(window, name, arguments) if views is None else views
    views = [view for view in found if view.is_valid()]
    to_save = []
    for doc in _unsaved(views):
        if doc.on_its_way() and doc.id not in _awaited:
            _wait(doc, lambda: run(window, name, arguments, views))
            return
    for doc in _unsaved(views):
        if doc.view.window() is not None:
            doc.view.window().focus_view(doc.view)
        _awaited.discard(doc.id)
        question = f"{doc.path or doc.name} has changes that are not on {doc.host}. Save them?"
        answer = sublime.yes_no_cancel_dialog(question, "Save", "Don't Save")
        if answer == sublime.DIALOG_CANCEL:
            _given_up.clear()
            return
        if answer == sublime.DIALOG_YES:
            to_save.append(doc)
        else:
            _given_up.add(doc.id)
    if to_save:
        _save(to_save, lambda: run(window, name, arguments, views))
    else:
        _close(window, name, arguments, views)


def _wait(doc, then):
    """Go on when the save of all that there is has its outcome. Who does not wait gives the command again."""
    messages.info(f"{doc.name} is closed as soon as {doc.host} has it")
    _awaited.add(doc.id)

    def over():
        if doc.id in _awaited:
            _awaited.discard(doc.id)
            sublime.set_timeout(then, 0)

    doc.waiters.append(over)


def _save(to_save, then):
    """Save one after the other, and go on only when all are saved."""
    if not to_save:
        then()
        return

    def done(saved):
        if saved is True:
            _save(to_save[1:], then)
        else:
            _given_up.clear()

    saving.save(to_save[0], done=done)


def _close(window, name, arguments, views):
    for view in views:
        doc = documents.of(view)
        if doc is not None and doc.id in _given_up:
            view.set_scratch(True)

    def carry_out():
        if window.is_valid():
            window.run_command(name, arguments)
        elif name == "exit":  # a window may go with its last tab
            sublime.run_command(name)

    if name == "exit":
        _leave(carry_out)
    elif name in OF_WINDOW:
        carry_out()
    else:
        for view in views:
            if view.is_valid():
                view.close()
    _given_up.clear()


def _leave(then):
    """Sublime Text ends: what is ours is closed before, so that its session does not keep it."""
    open_still = set(documents.docs)

    def over(number=None):
        global _leaving
        if open_still:
            open_still.discard(number)
            if number is None or not open_still:
                open_still.clear()
                _leaving = True
                try:
                    then()
                finally:
                    _leaving = False

    for doc in list(documents.docs.values()):
        link.ask("buffer/close", {"id": doc.id}, lambda result, error, number=doc.id: over(number))
        doc.lost = True
        documents.drop(doc)
    for view in _views(None, "exit", {}):  # folders, comparisons, results
        if documents.MARK in view.settings() and documents.known(view) is None:
            view.close()
    sublime.set_timeout(over, LEAVE)
