"""Two views beside each other, and what differs in the gutter of the right one: Sublime Text's own marks of
what was changed, against the text of the left one in place of a file.
"""

from . import documents, rpc, text

SIDE = {"cols": [0.0, 0.5, 1.0], "rows": [0.0, 1.0], "cells": [[0, 0, 1, 1], [1, 0, 2, 1]]}
LARGEST = 1 << 20  # characters of a text that is compared again at each key
UNKNOWN = -32009

_layouts = {}  # by the id of each of the two views: their window's layout before
_pairs = {}  # by the id of the right document: the left one's


def put(left, right):
    """Have *left* and *right*, of one window, in two groups of it."""
    window = left.window()
    if window.num_groups() == 1:
        _layouts[left.id()] = _layouts[right.id()] = window.layout()
        window.set_layout(SIDE)
    group, _ = window.get_view_index(left)
    if window.get_view_index(right)[0] == group:
        others = (group + 1) % window.num_groups()
        window.set_view_index(right, others, len(window.views_in_group(others)))


def closed(view, window):
    """A view was closed: if it was one of two, its window is as it was before."""
    before = _layouts.pop(view.id(), None)
    if before is None or window is None or not window.is_valid():
        return
    if [number for number in range(window.num_groups()) if not window.views_in_group(number)]:
        window.set_layout(before)


def mark(doc):
    """Show what differs from what *doc* is compared with, and nothing where it is compared with nothing."""
    left = documents.docs.get(_pairs.get(doc.id))
    if doc.view is None:
        return
    if left is not None and left.view is not None:
        doc.view.set_reference_document(text.of(left.view))
    else:
        doc.view.reset_reference_document()


def modified(doc):
    """What is compared with *doc* is marked anew."""
    if doc.view is not None and doc.view.size() <= LARGEST:
        for right, left in _pairs.items():
            if left == doc.id and right in documents.docs:
                mark(documents.docs[right])


def show(params):
    """``buffer/diff``, inside link.go: result and error."""
    left, right = documents.docs.get(params["left"]), documents.docs.get(params["right"])
    if left is None or right is None or left.view is None or right.view is None:
        return None, rpc.failed(UNKNOWN, "one of them is not here any more")
    _pairs[right.id] = left.id
    window = left.view.window()
    if right.view.window() != window:
        return None, rpc.failed(rpc.LOST, "they are in two windows of Sublime Text")
    before = window.active_view()
    put(left.view, right.view)
    mark(right)
    window.focus_view(left.view)
    window.focus_view(before if params.get("keepFocus") and before is not None else right.view)
    if not params.get("keepFocus"):
        window.bring_to_front()
    return {}, None
    yield  # a generator, as every request
