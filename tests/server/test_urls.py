"""Which URLs of a host may be shown, and where they lead here."""

from __future__ import annotations

import pytest

from rbridge.errors import Denied
from rbridge.server.urls import LONGEST, checked, is_loopback, led, page, without_secrets


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "https://a-b.example.org:8443/p;x=1/%20?q=[1]&r='2'#f",
        "http://192.0.2.1/",
        "http://[2001:db8::1]:80/",
        "http://xn--e1afmkfd.xn--p1ai/",
        "http://gpu1_a.cluster/",
    ],
)
def test_these_may(url: str) -> None:
    assert checked(url).geturl() == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http:///x",
        "http://user@example.org/",
        "http://example.org:80@evil.org/",
        "http://example.org\\@evil.org/",
        "http://example.org/ x",
        "http://example.org/\n",
        'http://example.org/"',
        "http://example.org/<script>",
        "http://ex\u0430mple.org/",
        "http://example.org/\u202e",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://[::1/",
        "http://-x.org/",
        "--http://example.org/",
        "http://example.org/" + "x" * LONGEST,
    ],
)
def test_these_may_not(url: str) -> None:
    with pytest.raises(Denied):
        checked(url)


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True),
        ("localhost.", True),
        ("LocalHost", True),
        ("x.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("0.0.0.0", True),
        ("[::1]", True),
        ("[::]", True),
        ("[::ffff:127.0.0.1]", True),
        ("[::ffff:192.0.2.1]", False),
        ("192.168.0.1", False),
        ("localhost.example.org", False),
    ],
)
def test_what_means_the_laptop_itself(host: str, is_here: bool) -> None:
    assert is_loopback(checked(f"http://{host}:8888/")) is is_here


def test_a_page_of_a_port_is_at_the_port_here_whatever_host_it_names() -> None:
    assert led(checked("https://localhost:8888/a?b=c#d"), 9000) == "https://localhost:9000/a?b=c#d"
    assert led(checked("http://evil.org/a"), 9000) == "http://127.0.0.1:9000/a"
    assert led(checked("http://[::1]:1/"), 9000) == "http://127.0.0.1:9000/"


def test_what_may_be_secret_is_left_out() -> None:
    assert without_secrets("http://h:1/a?token=1#2") == "http://h:1/a"


def test_a_page_leads_there_and_says_nothing_else() -> None:
    text = page("http://h/?a=1&b='2'")
    assert 'content="0;url=http://h/?a=1&amp;b=&#x27;2&#x27;"' in text
    assert "no-referrer" in text
