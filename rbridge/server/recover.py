"""``rbridge recover send``: a kept text goes to the host after all, through a document that is open there."""

from __future__ import annotations

from typing import Any

import trio

from rbridge.adapters.base import Result, State
from rbridge.errors import NoInput, TryAgain, UsageError
from rbridge.server import older
from rbridge.server.documents import Documents
from rbridge.server.editing import Editing
from rbridge.server.spool import About, Spool

Answer = dict[str, Any]


async def send(documents: Documents, document: str, sure: bool) -> Answer:
    """Deliver what the spool has of *document*.

    ``ok`` and ``said``: what became of it. Else ``error``, ``hint`` and the exit ``code``; or ``ask``: a
    question for the user, whose yes is to come as *sure*.
    """
    spool = documents.tools.spool
    if spool is None:
        return _no(UsageError.exit_code, "rbridge serve keeps no texts", "set spool = true in config.toml")
    entry = await trio.to_thread.run_sync(spool.get, document)
    if entry is None:
        return _no(NoInput.exit_code, "nothing is kept under this id", "rbridge recover lists what is")
    about = entry.about
    where = f"{about.path} on {about.host}"
    own = next((one for one in documents.all() if one.text.id == about.id), None)
    target = _target(documents, about)
    if own is not None and not about.replaced and (target is None or own.row()["connected"]):
        return _waits(own, where)
    if target is None:
        return _no(
            TryAgain.exit_code, f"{where} is not open", f"open it there first: rbridge open {about.path}"
        )
    doubt = _doubt(target, about)
    if doubt and not sure:
        return {"ok": False, "ask": f"{doubt}: send it the text of {about.name}?"}
    outcome = await target.recover(entry.file, about.base)
    if outcome.result is Result.SAVED:
        if own is not None:
            own.delivered(about.sha256)
        await trio.to_thread.run_sync(_drop, spool, about)
        await older.tell(documents, about.host, about.path)
        return {"ok": True, "said": f"{where}: saved"}
    if outcome.result is Result.SENT:
        return {"ok": True, "said": f"{where}: sent; this host confirms nothing, so the text is still kept"}
    message = outcome.message or f"{where}: {outcome.result.value}"
    return _no(TryAgain.exit_code, message, f"rbridge recover save {about.id} FILE makes a copy of it")


def _drop(spool: Spool, about: About) -> None:
    """The host has the text of *about*: erase it, unless a newer one has taken its place meanwhile."""
    now = spool.get(about.id)
    if now is not None and now.about.sha256 == about.sha256:
        spool.drop(about.id)


def _target(documents: Documents, about: About) -> Editing | None:
    """Where the text can go: to its own session, else to its host, else to who says that it is that host."""
    open_now = [one for one in documents.find(about.host, about.path) if one.row()["connected"]]
    return min(open_now, key=lambda one: _rank(one, about), default=None)


def _rank(one: Editing, about: About) -> int:
    if about.session and one.session.secret == about.session:
        return 0
    return 1 if one.session.identity and one.session.identity == about.identity else 2


def _doubt(target: Editing, about: About) -> str:
    """Why the host may not be the one that the text is for; empty if it is."""
    if _rank(target, about) < 2:
        return ""
    if target.session.identity and about.identity:
        return f"{about.host} is another machine than the one the text came from, or its key was changed"
    return f"{about.host} has not proved that it is {about.host}"


def _waits(own: Editing, where: str) -> Answer:
    """The document is open here still, and delivers its text itself."""
    row = own.row()
    if not row["connected"]:
        said = "has no connection"
        hint = f"it is sent when the host is back; has its client ended: rbridge open {own.text.path}"
    elif row["state"] == State.CONFLICT.value:
        said, hint = "is in conflict", f"rbridge resolve {own.text.host}:{own.text.path}"
    else:
        said, hint = f"is {row['state']}", "the text is being delivered"
    return _no(TryAgain.exit_code, f"{where} {said}", hint)


def _no(code: int, error: str, hint: str) -> Answer:
    return {"ok": False, "code": code, "error": error, "hint": hint}
