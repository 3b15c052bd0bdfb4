"""One line for the user."""

import sublime


def info(message):
    _say(message)


def warning(message):
    _say(message)


def error(message):
    _say(message, True)


def _say(message, loud=False):
    """In the status bar, for a few seconds, and in the console, where it stays."""
    line = "rbridge: " + printable(message)
    print(line)
    sublime.status_message(("⚠ " if loud else "") + line)


def printable(message):
    """*message* without what a screen would take for a command, or for another line."""
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in str(message))
