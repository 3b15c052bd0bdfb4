"""Puts characters into a view. The API lets only a text command do that."""

import sublime

from . import text

_waiting = {}  # by view id, what the command is to do; not its arguments, which macros and sessions keep


def fill(view, characters, first):
    """Make *characters* all that is in *view*. *first*: there is nothing to go back to.

    Only what differs is touched: selections stay with their text. False where the buffer cannot hold them.
    """
    locked, settings = view.is_read_only(), view.settings()
    view.set_read_only(False)
    tabs = settings.get("translate_tabs_to_spaces")
    if tabs:
        settings.set("translate_tabs_to_spaces", False)  # else an insertion would make spaces of tabs
    old = text.of(view)
    start, end = text.differing(old, characters)
    if len(old) != start + end or len(characters) != start + end:
        _waiting[view.id()] = (start, len(old) - end, characters[start : len(characters) - end])
        try:
            view.run_command("rbridge_fill")
        finally:
            _waiting.pop(view.id(), None)
    if tabs:
        settings.set("translate_tabs_to_spaces", tabs)
    if first:
        view.clear_undo_stack()
    view.set_read_only(locked)
    return text.of(view) == characters


def carry_out(view, edit):
    """What the text command does."""
    start, end, characters = _waiting[view.id()]
    view.replace(edit, sublime.Region(start, end), characters)
