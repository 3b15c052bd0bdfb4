"""What is shown of a folder: directories that were listed, which of them are unfolded, and as which lines.

Paths in here are percent-encoded, as the protocol spells names that are no text: ``%XX`` for what cannot be
shown, ``%25`` for a percent sign. Nothing here asks or shows anything.
"""

import re

from .messages import printable

MOST = 20000  # entries of a directory that are shown
FOLDED, UNFOLDED, PLAIN, LEADS = "▸ ", "▾ ", "  ", "\t→ "
ENCODED = re.compile("%(?!25)")


def escape(name):
    """A name that is plain text."""
    return name.replace("%", "%25")


def shown(path):
    """A path as the user reads it: one line, and as it is where it is text."""
    return printable(path if ENCODED.search(path) else path.replace("%25", "%"))


def spelled(path, key="path"):
    """A path as a request says it."""
    if ENCODED.search(path):
        return {key: path, "encoded": True}
    return {key: path.replace("%25", "%")}


def of_message(params, key="paths"):
    """The paths that a message has in ``paths``, and encoded ones in ``encoded``."""
    return [escape(path) for path in params.get(key) or ()] + list(params.get("encoded") or ())


def above(path):
    return path.rpartition("/")[0]


def below(directory, name):
    return f"{directory}/{name}" if directory else name


def meant(typed, near):
    """The path that the user has typed. What it begins with of the directory of *near* is that directory."""
    directory = above(near)
    typed = typed.strip("/")
    if directory and typed.startswith(shown(directory) + "/"):
        return below(directory, escape(typed[len(shown(directory)) + 1 :]))
    return escape(typed)


class Entry:
    """One name in a directory."""

    def __init__(self, directory, about):
        name = about["name"]
        self.path = below(directory, name if about.get("encoded") else escape(name))
        self.directory = about.get("type") == "directory"
        self.link = about.get("link")

    @property
    def order(self):
        return (not self.directory, self.path.lower(), self.path)


class Tree:
    """*entries* by directory, in the order in which they are shown; a directory that is not there was not
    listed. *troubles* by directory: why it could not be. *unfolded*: the directories that are.
    """

    def __init__(self):
        self.entries = {}
        self.troubles = {}
        self.unfolded = {""}

    def listed(self, directory, abouts):
        """All that is known now to be in *directory*."""
        found = sorted((Entry(directory, about) for about in abouts), key=lambda one: one.order)
        self.entries[directory] = found
        self.troubles.pop(directory, None)
        kept = {one.path for one in found if one.directory}
        for path in [one for one in self.entries if above(one) == directory and one and one not in kept]:
            self.forget(path)

    def forget(self, path):
        """A directory is gone."""
        for one in [one for one in self.entries if one == path or one.startswith(path + "/")]:
            del self.entries[one]
        self.unfolded -= {one for one in self.unfolded if one == path or one.startswith(path + "/")}

    def watched(self):
        """The directories of which news are wanted."""
        return sorted(one for one in self.unfolded if one in self.entries)

    def lines(self):
        """Each line as ``(text, entry)``; the entry is None where there is none."""
        return list(self._lines("", 0))

    def _lines(self, directory, depth):
        indent = "  " * depth
        for entry in self.entries.get(directory, ())[:MOST]:
            name = shown(entry.path.rpartition("/")[2]) + "/" * entry.directory
            leads = LEADS + printable(entry.link) if entry.link else ""
            open_here = entry.directory and entry.path in self.unfolded
            sign = UNFOLDED if open_here else FOLDED if entry.directory else PLAIN
            yield indent + sign + name + leads, entry
            if open_here:
                yield from self._lines(entry.path, depth + 1)
        more = len(self.entries.get(directory, ())) - MOST
        if more > 0:
            yield f"{indent}{PLAIN}… {more} more are not shown: find them by name", None
        if directory in self.troubles:
            yield f"{indent}{PLAIN}… {printable(self.troubles[directory])}", None
