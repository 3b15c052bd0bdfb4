"""When the search for a listener finds nobody, or several laptops: what is said."""

from rbridge.client.locate import same_laptop
from rbridge.errors import Denied, NotListening, RbridgeError, TryAgain

MYPY = False
if MYPY:
    from typing import List

    from rbridge.client.locate import Search
    from rbridge.client.probe import Probe

HOW_TO_LISTEN = (
    "on your laptop run 'rbridge serve' and log in with: ssh -R 127.0.0.1:52698:127.0.0.1:52698 HOST"
)


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
    tried = "; ".join(search.failures) or "nothing to try"
    return NotListening("nothing was sent: nobody is listening: {}".format(tried), HOW_TO_LISTEN)


def chosen(answered: "List[Probe]", laptops: "List[str]") -> "Probe":
    """The one of the laptop that ``rbridge use`` named, of those that *answered*. Raises TryAgain."""
    from rbridge.client import use

    wanted = use.chosen()
    for probe in answered:
        if wanted and probe.endpoint.shared and same_laptop(probe.said.laptop, wanted):
            return probe
    raise TryAgain(
        "nothing was sent: {} laptops are listening: {}".format(len(laptops), ", ".join(laptops)),
        "choose one with --on LAPTOP, or once and for all with: rbridge use LAPTOP",
    )
