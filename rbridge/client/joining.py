"""A further connection of a session that is only beginning: for a large file that nothing is to wait for."""

from rbridge.client.introduction import Introduction, answer, introduce
from rbridge.client.sending import send_all
from rbridge.errors import NotListening

MYPY = False
if MYPY:
    from rbridge.client.delivery import Delivery
    from rbridge.client.probe import Peer


def join(delivery: "Delivery") -> "Peer":
    """That connection, ready for a file. Raises NotListening, Denied and ProtocolError."""
    main = delivery.begin_session()
    patience = delivery.options.patience
    try:
        start = delivery.link(main)
        if start:
            send_all(main.sock, start, patience)
        if not delivery.answered:
            Introduction(main, delivery.secret, delivery.report).check(answer(main, patience))
            delivery.answered = True
    except OSError as error:
        raise NotListening("{}: {}".format(main.label, (error.strerror or str(error)).lower())) from None
    peer = delivery.peer()
    try:
        introduce(peer, Introduction(peer, delivery.secret, delivery.report, join="0"), patience)
    except BaseException:
        peer.sock.close()
        raise
    return peer
