"""Where a view is shown."""

import sublime


def show_new(how, fill):
    """Make a view as ``buffer/open`` or ``folder/open`` says, and have ``fill(view)`` put its text there.

    Returns the view.
    """
    if how.get("newWindow") or not sublime.windows():  # on macOS there may be none
        sublime.run_command("new_window")
    window = sublime.active_window()
    before = window.active_view()
    view = window.new_file()
    view.set_scratch(True)
    fill(view)
    if how.get("keepFocus"):
        if before is not None and before.is_valid():
            window.focus_view(before)
    else:
        show(view, how)
    return view


def show(view, how):
    """Bring a view to the front, unless the user is to stay where they are."""
    window = view.window()
    if window is None or how.get("keepFocus"):
        return
    window.focus_view(view)
    window.bring_to_front()


def go_to(view, line, column):
    """Put the cursor at *line* and *column*, from 1, where they are given."""
    if line < 1:
        return
    start = view.text_point(line - 1, 0)
    point = min(start + max(column - 1, 0), view.line(start).end())
    view.sel().clear()
    view.sel().add(sublime.Region(point))
    view.show_at_center(point)
