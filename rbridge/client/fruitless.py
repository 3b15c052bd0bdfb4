"""When the search for a listener finds nobody, or several laptops: what is said, and which is taken."""

from rbridge.client.locate import same_laptop
from rbridge.errors import Denied, NotListening, RbridgeError, TryAgain

MYPY = False
if MYPY:
    from typing import Dict, List

    from rbridge.client.locate import Search
    from rbridge.client.probe import Probe

HOW_TO_LISTEN = "on your laptop: rbridge connect HOST; 'rbridge doctor' tells more"


def nobody(search: "Search") -> RbridgeError:
    """What to raise when no address is left."""
    if search.options.on and search.answered():
        heard = sorted({probe.said.laptop or probe.endpoint.label for probe in search.answered()})
        return NotListening(
            "nothing was sent: no laptop called {} is listening".format(search.options.on),
            "there is " + ", ".join(heard),
        )
    if search.others:
        return Denied("nothing was sent: who listens is not you: " + "; ".join(search.others), HOW_TO_LISTEN)
    via = search.options.via
    if via:
        hint = "'ssh {0}' has to work here, and a tunnel to end there: on your laptop, rbridge connect {0}"
        why = "; ".join(search.failures[-1:])
        return NotListening("nothing was sent: no way through {}".format(why or via), hint.format(via))
    tried = "; ".join(search.failures) or "nothing to try"
    return NotListening("nothing was sent: nobody is listening: {}".format(tried), HOW_TO_LISTEN)


def chosen(search: "Search") -> "Probe":
    """Of the several laptops that answered the one that is meant. Raises TryAgain when nothing says which.

    What ``rbridge use`` named goes first, then the one whose ssh connection we run in (``ancestry``).
    """
    from rbridge.client import ancestry, use

    answered = [probe for probe in search.answered() if probe.endpoint.shared]
    wanted = use.chosen()
    for probe in answered:
        if wanted and same_laptop(probe.said.laptop, wanted):
            _because(search, probe, "'rbridge use' named it")
            return probe
    for pid in ancestry.ancestors():
        ours = [
            probe
            for probe in answered
            if probe.endpoint.kind == "unix" and ancestry.listener(probe.sock) == pid
        ]
        if len(laptops(ours)) == 1:
            _because(search, ours[0], "this shell runs in the ssh connection that its socket belongs to")
            return ours[0]
        if ours:
            break  # one connection for several laptops
    names = laptops(answered)
    raise TryAgain(
        "nothing was sent: {} laptops are listening: {}".format(len(names), ", ".join(names)),
        "choose one with --on LAPTOP, or once and for all with: rbridge use LAPTOP"
        if len({probe.said.laptop for probe in answered}) == len(names)
        else "choose one with --socket PATH",
    )


def laptops(answered: "List[Probe]") -> "List[str]":
    """What to call each laptop among those that *answered*: its name, with a socket where two share it."""
    first: "Dict[str, Probe]" = {}  # by identity, which a listener need not tell
    for probe in answered:
        first.setdefault(probe.said.identity or probe.said.laptop, probe)
    names = [probe.said.laptop for probe in first.values()]
    return [
        probe.said.laptop
        if names.count(probe.said.laptop) == 1
        else "{} ({})".format(probe.said.laptop, probe.label)
        for probe in first.values()
    ]


def _because(search: "Search", probe: "Probe", why: str) -> None:
    if search.options.verbose:
        search.report("{} leads to {}, which is taken: {}".format(probe.label, probe.said.laptop, why))
