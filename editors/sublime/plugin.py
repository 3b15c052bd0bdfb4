"""rbridge: files and folders of remote hosts, with no file on this machine. What Sublime Text calls."""

import sublime
import sublime_plugin

from .lib import (
    beside,
    browsing,
    closing,
    conflict,
    documents,
    filling,
    folders,
    link,
    messages,
    saving,
    searching,
    session,
)

OLDEST = 4114  # the first build with View.clear_undo_stack


def plugin_loaded():
    if int(sublime.version()) < OLDEST:
        messages.error(f"Sublime Text {OLDEST} or later is needed")
        return
    for window in sublime.windows():
        for view in window.views():
            _left_over(view)
    session.start()


def _left_over(view):
    """A view of an earlier life, out of a session: what was typed stays, and all else of ours is closed."""
    about = view.settings().get(documents.MARK)
    if not isinstance(about, dict) or documents.known(view) is not None:
        return
    view.settings().erase(documents.MARK)
    if about.get("kind") != "document" or not about.get("unsaved"):
        view.set_scratch(True)
        view.close()
    else:
        view.set_status(documents.MARK, "{}: closed".format(about.get("host")))
        messages.warning(f"{view.name()} is not open any more; File > Save As keeps it")


def plugin_unloaded():
    link.stop()


class RbridgeListener(sublime_plugin.EventListener):
    """Events of all views; those that are not ours are left alone."""

    def on_activated(self, view):
        if view.element() is None and view.window() is not None:
            session.focus(view)

    def on_modified(self, view):
        doc = documents.known(view)
        if doc is not None and not doc.filling:
            documents.refresh(doc)
            beside.modified(doc)

    def on_clone(self, view):
        doc = documents.known(view)
        if doc is not None:
            doc.views.add(view.id())
            documents.refresh(doc)

    def on_post_save(self, view):
        """Save As made it a file of this machine."""
        doc = documents.known(view)
        if doc is not None and view.file_name() is not None:
            documents.forget(doc)
            view.set_scratch(False)
            view.settings().erase(documents.MARK)
            for number in doc.views:
                sublime.View(number).erase_status(documents.MARK)
                sublime.View(number).erase_status(documents.MARK + "_path")

    def on_pre_close(self, view):
        """The last moment at which it still has a window."""
        window = view.window()
        sublime.set_timeout(lambda: beside.closed(view, window), 0)

    def on_close(self, view):
        folders.forget(view)
        searching.forget(view)
        for doc in [one for one in documents.by_buffer.values() if view.id() in one.views]:
            doc.views.discard(view.id())
            if not doc.views:
                documents.forget(doc)

    def on_text_command(self, view, name, args):
        if name == "save" and documents.known(view) is not None:
            return ("rbridge_save_text", args or {})
        if view.window() is not None and closing.concerns(view.window(), name, args or {}):
            return ("rbridge_close_text", {"command": name, "arguments": args or {}})
        return None

    def on_window_command(self, window, name, args):
        if name == "save" and documents.known(window.active_view()) is not None:
            return ("rbridge_save", args or {})
        if name == "save_all" and documents.by_buffer and not saving.others:
            return ("rbridge_save_all", {})
        if closing.concerns(window, name, args or {}):
            return ("rbridge_close", {"command": name, "arguments": args or {}})
        return None


class RbridgeFillCommand(sublime_plugin.TextCommand):
    """For :mod:`lib.filling` only."""

    def run(self, edit):
        filling.carry_out(self.view, edit)


class RbridgeSaveTextCommand(sublime_plugin.TextCommand):
    def run(self, edit, encoding=None, **_):
        saving.save(documents.known(self.view), encoding=encoding)


class RbridgeCloseTextCommand(sublime_plugin.TextCommand):
    def run(self, edit, command, arguments):
        window = self.view.window()
        sublime.set_timeout(lambda: closing.run(window, command, arguments), 0)


class RbridgeSaveCommand(sublime_plugin.WindowCommand):
    def run(self, encoding=None, **_):
        doc = documents.known(self.window.active_view())
        if doc is not None:
            saving.save(doc, encoding=encoding)


class RbridgeSaveAllCommand(sublime_plugin.WindowCommand):
    def run(self):
        saving.save_all(self.window)


class RbridgeCloseCommand(sublime_plugin.WindowCommand):
    def run(self, command, arguments):
        closing.run(self.window, command, arguments)


class _OfDocument:
    def is_enabled(self):
        return documents.of(self.window.active_view()) is not None

    def run(self):
        self.act(documents.of(self.window.active_view()))


class RbridgeCompareCommand(_OfDocument, sublime_plugin.WindowCommand):
    act = staticmethod(conflict.compare)


class RbridgeOverwriteCommand(_OfDocument, sublime_plugin.WindowCommand):
    act = staticmethod(conflict.overwrite)


class RbridgeReloadCommand(_OfDocument, sublime_plugin.WindowCommand):
    act = staticmethod(conflict.reload)


class _OfFolder:
    def is_enabled(self):
        return folders.current(self.window) is not None

    def run(self, **arguments):
        self.act(folders.current(self.window), **arguments)


class RbridgeShowFolderCommand(_OfFolder, sublime_plugin.WindowCommand):
    def act(self, folder):
        folders.focus({"id": folder.id})


class RbridgeOpenEntryCommand(_OfFolder, sublime_plugin.WindowCommand):
    def act(self, folder):
        browsing.open_entry(folder)


class RbridgeFoldCommand(_OfFolder, sublime_plugin.WindowCommand):
    def act(self, folder, unfold=True):
        browsing.fold(folder, unfold)


class RbridgeFindFileCommand(_OfFolder, sublime_plugin.WindowCommand):
    def act(self, folder):
        browsing.find(folder, self.window)


class RbridgeSearchInFilesCommand(_OfFolder, sublime_plugin.WindowCommand):
    def act(self, folder):
        searching.ask(folder, self.window)


class RbridgeNewFileCommand(_OfFolder, sublime_plugin.WindowCommand):
    def act(self, folder):
        browsing.make(folder, self.window, False)


class RbridgeNewFolderCommand(_OfFolder, sublime_plugin.WindowCommand):
    def act(self, folder):
        browsing.make(folder, self.window, True)


class RbridgeRenameCommand(_OfFolder, sublime_plugin.WindowCommand):
    def act(self, folder):
        browsing.rename(folder, self.window)


class RbridgeRemoveCommand(_OfFolder, sublime_plugin.WindowCommand):
    def act(self, folder):
        browsing.remove(folder)


class RbridgeRefreshCommand(_OfFolder, sublime_plugin.WindowCommand):
    def act(self, folder):
        browsing.refresh(folder)


class RbridgeCloseFolderCommand(_OfFolder, sublime_plugin.WindowCommand):
    def act(self, folder):
        browsing.close(folder)


class RbridgeOpenMatchCommand(sublime_plugin.WindowCommand):
    def run(self):
        searching.open_match(self.window.active_view())


class RbridgeCancelSearchCommand(sublime_plugin.WindowCommand):
    def is_enabled(self):
        view = self.window.active_view()
        return view is not None and view.id() in searching.searches

    def run(self):
        searching.cancel(self.window.active_view())
