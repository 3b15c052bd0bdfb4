"""A directory as something to be opened: whether it can be, and what our daemon is told of it."""

import os
import stat

from rbridge.client.delivery import Document
from rbridge.client.headers import wire_text
from rbridge.client.refusal import wrong_kind
from rbridge.client.sending import send_all
from rbridge.errors import Denied, NoInput, NotListening, UsageError
from rbridge.wire import codec
from rbridge.wire.records import Record

MYPY = False
if MYPY:
    from typing import Dict

    from rbridge.client.delivery import Delivery
    from rbridge.client.options import Options
    from rbridge.client.source import Source


def check(source: "Source", options: "Options", found: os.stat_result) -> "Source":
    """*source*, at hand as the directory that *found* says it is. Raises UsageError, Denied and NoInput."""
    path = source.path
    if not stat.S_ISDIR(found.st_mode):
        raise wrong_kind(path, found.st_mode)
    for given, name in (
        (options.lines is not None, "--head and --lines need"),
        (options.follow, "--follow needs"),
    ):
        if given:
            raise UsageError("{} a file: {} is a directory".format(name, path))
    try:
        source.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        opened = os.fstat(source.fd)
        source.mode = stat.S_IMODE(opened.st_mode)
        source.device = opened.st_dev
        os.stat(".", dir_fd=source.fd)  # reading its names is one permission, going in another
    except OSError as error:
        words = "cannot open {}: {}".format(path, (error.strerror or str(error)).lower())
        source.close()
        raise (Denied if isinstance(error, PermissionError) else NoInput)(words) from None
    source.folder = True
    source.path = source.real  # what the user types for it is often a dot
    return source


def send(delivery: "Delivery", source: "Source") -> Document:
    """Say ``folder``. Raises NoInput where nobody knows what that is, and NotListening."""
    delivery.unspoilt = True
    if not delivery.first.link:
        what = "not opened: {} is {}, and {} is an rmate server, which takes files only"
        kind, hint = ("no file", "") if source.port else ("a directory", "give the files in it, or ")
        label = delivery.first.label
        raise NoInput(what.format(source.path, kind, label), hint + "connect to rbridge there")
    peer = delivery.begin_session()
    document = Document(source, peer)
    if source.fd >= 0:
        document.before = os.fstat(source.fd)
    start = delivery.link(peer)
    said = record(source, delivery.options, delivery.fresh and delivery.options.new)
    delivery.fresh = delivery.unspoilt = False
    try:
        send_all(peer.sock, start + peer.wire.say(said), delivery.options.patience)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        what = "{}: {} closed the connection while it was sent ({})"
        raise NotListening(what.format(source.path, peer.label, why), "nothing was changed") from None
    return document


def record(source: "Source", options: "Options", new: bool) -> Record:
    """``folder``, or ``port``. *new*: in a window of its own."""
    if source.port:
        return Record("port", port(source, True))
    said = headers(source, options)
    if new:
        said["new"] = "yes"
    return Record("folder", said)


def port(source: "Source", show: bool) -> "Dict[str, str]":
    """The headers that say which port; *show*: in the browser, too."""
    number, _, wanted = source.port.partition(":")
    said = {"port": number, "wanted": wanted, "url": codec.quote(source.url) if show else ""}
    return dict({name: value for name, value in said.items() if value}, token=source.token)


def headers(source: "Source", options: "Options") -> "Dict[str, str]":
    """Those of ``folder``."""
    said = named(source, options.wait)
    said["re-activate"] = "no" if options.keep_focus else "yes"
    if options.keep_focus:
        said["keep-focus"] = "yes"
    return said


def again(source: "Source", show: bool, waits: bool) -> "Dict[str, str]":
    """Those of its ``resume``, with which a daemon that was started anew shows it as the one before it did;
    *show*: the user has opened it again.
    """
    # absent: a daemon that knows no ports says that it does not know this one, and nothing else happens
    said = dict(port(source, show), absent="yes") if source.port else dict(named(source, waits), folder="yes")
    if show:
        said["re-activate"] = "yes"
    return said


def named(source: "Source", waits: bool) -> "Dict[str, str]":
    """What is said of it at all times; *waits*: a command does until it is closed."""
    name = source.name or "{}:{}".format(os.uname().nodename, source.real)
    said = {
        "token": source.token,
        "display-name": codec.quote(wire_text(name)),
        "real-path": codec.quote(wire_text(source.real)),
    }
    for given, word in ((source.read_only, "read-only"), (waits, "wait")):
        if given:
            said[word] = "yes"
    return said
