"""Between a document's bytes and a buffer: each byte comes back as it came."""

import base64
import codecs

import sublime

LARGE, CHUNK = 4 * 1024 * 1024, 2 * 1024 * 1024  # bytes; JSON may make six of one, a message has 16 MiB
ENDS = {"Unix": "\n", "Windows": "\r\n", "CR": "\r"}
UTF_8, LATIN_1 = "utf-8", "latin-1"
NAMES = {  # what "Save with Encoding" says: the encoding, and whether a byte order mark comes before it
    "utf-8": (UTF_8, False),
    "utf-8 with bom": (UTF_8, True),
    "western (iso 8859-1)": (LATIN_1, False),
}


class Unencodable(ValueError):
    """A text that cannot become bytes; says why."""


class Form:
    """How bytes are a buffer's characters; line ends apart, which the view has."""

    def __init__(self, encoding=UTF_8, mark=False):
        self.encoding = encoding
        self.mark = mark

    @property
    def title(self):
        """As Sublime Text calls it."""
        if self.encoding == LATIN_1:
            return "Western (ISO 8859-1)"
        return "UTF-8 with BOM" if self.mark else "UTF-8"


def named(title):
    """The form of that name, None for one that is not ours to write."""
    found = NAMES.get(title.lower())
    return Form(*found) if found else None


def unpack(part):
    """The bytes of what a message carries."""
    said = part.get("text")
    return said.encode() if said is not None else base64.b64decode(part.get("base64") or "")


def pack(data):
    """The messages that carry these bytes: one, or the chunks of a large text."""
    try:
        data.decode()
        utf8 = True
    except UnicodeDecodeError:
        utf8 = False

    def carry(piece):
        return {"text": piece.decode()} if utf8 else {"base64": base64.b64encode(piece).decode()}

    if len(data) <= LARGE:
        return [carry(data)]
    parts, at = [], 0
    while at < len(data):
        stop = min(at + CHUNK, len(data))
        while utf8 and stop < len(data) and data[stop] & 0xC0 == 0x80:
            stop -= 1  # not through a character
        parts.append(carry(data[at:stop]))
        at = stop
    for number, part in enumerate(parts):
        part.update(chunk=number, of=len(parts))
    return parts


def decode(data):
    """The characters of these bytes, their form, and the line ends as Sublime Text calls them."""
    form = Form()
    if data.startswith(codecs.BOM_UTF8):
        form.mark = True
    try:
        text = data[len(codecs.BOM_UTF8) if form.mark else 0 :].decode()
    except UnicodeDecodeError:
        form = Form(LATIN_1)  # each byte a character: nothing is lost
        text = data.decode(LATIN_1)
    ends = text.count("\n")
    if ends and ends == text.count("\r\n"):
        return text.replace("\r\n", "\n"), form, "Windows"
    return text, form, "Unix"  # a CR that is no part of a uniform line end is a character


def encode(text, form, line_endings):
    """The bytes of these characters. Raises Unencodable."""
    end = ENDS.get(line_endings, "\n")
    if end != "\n":
        text = text.replace("\n", end)
    try:
        data = text.encode(form.encoding)
    except UnicodeEncodeError as error:
        lacking = text[error.start : error.start + 1]
        raise Unencodable(
            f"it has characters that {form.title} lacks, {lacking!r} is one; "
            "File > Save with Encoding > UTF-8 changes that"
        ) from None
    return (codecs.BOM_UTF8 if form.mark else b"") + data


def of(view):
    """All characters of a view."""
    return view.substr(sublime.Region(0, view.size()))


def differing(old, new):
    """Where *old* and *new* differ: from which character, and how many at the end are the same."""
    least = min(len(old), len(new))
    first = _same(least, lambda count: old[:count] == new[:count])
    last = _same(least - first, lambda count: old[len(old) - count :] == new[len(new) - count :])
    return first, last


def _same(most, holds):
    """The largest count up to *most* for which *holds*, which holds for all smaller ones."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low
