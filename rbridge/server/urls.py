"""URLs that a host would like to have shown: which may be, and where they lead on this laptop.

What a browser reads differently from a person is refused: names before an ``@``, letters that look like
others, numbers that are an address.
"""

from __future__ import annotations

import html
import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from rbridge.errors import Denied

LONGEST = 8192
_FIT = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # printable ASCII without blanks, quotes, <, >, \, ^, ` and braces
_NAME = re.compile(r"([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z]([a-z0-9-]*[a-z0-9])?\.?")


def checked(url: str) -> SplitResult:
    """*url*, taken apart, if it is one that may be shown. Raises Denied."""
    if len(url) > LONGEST or not _FIT.fullmatch(url):
        raise Denied("it is no URL of printable ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Denied("it is no URL") from None
    if parts.scheme not in ("http", "https") or port == 0:
        raise Denied("only http and https URLs are shown")
    if "@" in parts.netloc:
        raise Denied("a URL with a user's name in it is not shown")
    if not parts.hostname or not (_address(parts.hostname) or _NAME.fullmatch(parts.hostname)):
        raise Denied("its host is none that can be shown")
    return parts


def is_loopback(parts: SplitResult) -> bool:
    """Whether that is on the machine that the browser runs on."""
    host = (parts.hostname or "").rstrip(".")
    address = _address(host)
    if address is not None:
        mapped = getattr(address, "ipv4_mapped", None) or address
        return bool(mapped.is_loopback or mapped.is_unspecified)
    return host == "localhost" or host.endswith(".localhost")


def led(parts: SplitResult, port: int) -> str:
    """The same page at *port* of this laptop."""
    host = "localhost" if parts.hostname == "localhost" else "127.0.0.1"
    return parts._replace(netloc=f"{host}:{port}").geturl()


def without_secrets(url: str) -> str:
    """*url* without what may be a password."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


def page(url: str) -> str:
    """A page that leads to *url*: so that a browser's command line does not show it."""
    said = html.escape(url, quote=True)
    return (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">\n'
        f'<meta http-equiv="refresh" content="0;url={said}"><title>rbridge</title></head>\n'
        f'<body><a href="{said}">go on</a></body></html>\n'
    )


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
