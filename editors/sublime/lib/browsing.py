"""What a user does with a folder: open, make, rename, remove, find."""

import sublime

from . import documents, link, messages
from .tree import above, below, meant, of_message, shown, spelled

NEEDS_WORD = -32014
FOUND = 10000  # files that a search by name offers at most


def told(folder, what, error):
    """An error in one line; where it may be stale, what is shown of that directory is listed again."""
    messages.error("{}: {}".format(shown(what) or folder.title, error["message"]))
    folder.refresh(above(what))


def fine(folder):
    """Whether *folder* can be changed; if not, that is said."""
    if folder.read_only:
        messages.error(f"{folder.title} is shown read-only: nothing in it is changed")
    return not folder.read_only


def open_entry(folder):
    """Enter: unfold a directory or fold it, open a file."""
    entry = folder.entry()
    if entry is None:
        return
    if entry.directory:
        folder.unfold(entry.path, entry.path not in folder.tree.unfolded)
    else:
        open_file(folder, entry.path)


def fold(folder, wanted):
    """Right and left: unfold, or fold what the cursor is on or else what it is in."""
    entry = folder.entry()
    if entry is None:
        return
    if wanted:
        if entry.directory:
            folder.unfold(entry.path)
    elif entry.directory and entry.path in folder.tree.unfolded:
        folder.unfold(entry.path, False)
    elif above(entry.path):
        folder.choose(above(entry.path))


def open_file(folder, path, line=0, column=0):
    link.go(_open(folder, path, line, column))


def _open(folder, path, line, column):
    about = folder.about(path)
    if line:
        about.update(line=line, column=column)
    result, error = yield link.call("fs/open", about)
    if error is None and "viewer" in result:
        said = "{} is shown by {}, for reading: Sublime Text shows no {}"
        messages.info(said.format(result["name"], result["viewer"], result["kind"]))
        return
    if error is None:
        from . import session  # which knows this module by the way of folders

        _, error = yield from session.open_document(dict(result, line=line, column=column))
    if error is not None:
        told(folder, path, error)


def make(folder, window, directory):
    """Ask for the path of a new file or directory, and make it."""
    if not fine(folder):
        return
    near = _here(folder)

    def done(typed):
        path = meant(typed, below(near, "x"))
        if path:
            link.go(_make(folder, path, directory or typed.endswith("/")))

    what = "New folder in {}:" if directory else "New file in {}:"
    window.show_input_panel(what.format(folder.title), shown(near) + "/" if near else "", done, None, None)


def _here(folder):
    """The directory that the cursor is on or in."""
    entry = folder.entry()
    if entry is None:
        return ""
    return entry.path if entry.directory and entry.path in folder.tree.unfolded else above(entry.path)


def _make(folder, path, directory):
    about = folder.about(path, kind="directory" if directory else "file")
    if not directory:
        about["text"] = ""
    _, error = yield link.call("fs/make", about)
    if error is not None:
        told(folder, path, error)
        return
    folder.refresh(above(path))
    if not directory:
        yield from _open(folder, path, 0, 0)


def rename(folder, window):
    """Ask for a new path of what the cursor is on, and move it there."""
    entry = folder.entry()
    if entry is None or not fine(folder):
        return

    def done(typed):
        to = meant(typed, entry.path)
        if to and to != entry.path:
            link.go(_rename(folder, entry.path, to))

    window.show_input_panel("Rename to:", shown(entry.path), done, None, None)


def _rename(folder, path, to):
    about = folder.about(path, **spelled(to, "to"))
    if "encoded" in about:
        about.update(path=path, to=to)
    _, error = yield link.call("fs/move", about)
    if error is not None:
        told(folder, path, error)
        return
    documents.moved(folder.host, folder.whole(path), folder.whole(to))
    folder.refresh(above(path))
    folder.refresh(above(to))


def remove(folder):
    """Remove what the cursor is on, after a question."""
    entry = folder.entry()
    if entry is not None and fine(folder):
        link.go(_remove(folder, entry.path))


def _remove(folder, path):
    about = folder.about(path)
    _, error = yield link.call("fs/remove", about)
    if error is None or error["code"] != NEEDS_WORD:
        if error is not None:
            told(folder, path, error)
        return
    data = error.get("data") or {}
    directory, count = data.get("type") == "directory", data.get("entries") or 0
    question = f"Remove {shown(path)} on {folder.host}?"
    if directory and count:
        more = "more than " if data.get("more") else ""
        question = "Remove the folder {} on {}, and the {}{} in it?".format(
            shown(path), folder.host, more, "1 name" if count == 1 else f"{count} names"
        )
    if not sublime.ok_cancel_dialog(question, "Remove"):
        return
    _, error = yield link.call("fs/remove", dict(about, recursive=directory, confirmed=True))
    if error is not None:
        told(folder, path, error)
    else:
        folder.refresh(above(path))


def find(folder, window):
    """Ask for some letters of a path, and offer the files that have them; all for none."""
    window.show_input_panel(
        f"Find file in {folder.title}:",
        "",
        lambda typed: link.go(_find(folder, window, typed)),
        None,
        None,
    )


def _find(folder, window, typed):
    about = {"folder": folder.id, "query": typed, "limit": FOUND}
    result, error = yield link.call("fs/find", about)
    if error is not None:
        told(folder, "", error)
        return
    paths = of_message(result)
    if not paths:
        messages.info(f"no file in {folder.title} has {typed!r}")
        return
    more = ", there are more" if result.get("truncated") else ""
    window.show_quick_panel(
        [shown(path) for path in paths],
        lambda number: open_file(folder, paths[number]) if number >= 0 else None,
        placeholder=f"{len(paths)} of {folder.title}{more}",
    )


def close(folder):
    folder.view.close()


def refresh(folder):
    folder.refresh()
