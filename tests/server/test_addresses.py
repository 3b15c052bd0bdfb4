import pytest

from rbridge.errors import UsageError
from rbridge.server import addresses
from rbridge.server.addresses import Tcp, Unix


@pytest.mark.parametrize(
    ("text", "address", "spelled"),
    [
        ("127.0.0.1:52698", Tcp("127.0.0.1", 52698), "127.0.0.1:52698"),
        ("127.0.0.1:0", Tcp("127.0.0.1", 0), "127.0.0.1:0"),
        ("localhost:1", Tcp("127.0.0.1", 1), "127.0.0.1:1"),
        ("[::1]:7", Tcp("::1", 7), "[::1]:7"),
        ("unix:/run/x.sock", Unix("/run/x.sock"), "unix:/run/x.sock"),
        ("unix:/run/../x", Unix("/x"), "unix:/x"),
    ],
)
def test_parse(text, address, spelled):
    assert addresses.parse(text) == address
    assert str(address) == spelled


@pytest.mark.parametrize(
    "text",
    ["", "52698", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "::1:7", "h:1"]
    + ["127.0.0.1:٣", "unix:", "unix:a\0b", "unix:/" + "x" * 100],
)
def test_what_makes_no_sense_says_what_does(text):
    with pytest.raises(UsageError) as caught:
        addresses.parse(text)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["0.0.0.0:52698", "192.168.1.5:52698", "[::]:52698", "8.8.8.8:0"])
def test_other_machines_are_kept_out(text):
    with pytest.raises(UsageError, match="other machines"):
        addresses.parse(text)


def test_home_and_relative_paths_become_absolute(monkeypatch):
    monkeypatch.setenv("HOME", "/home/u")
    assert addresses.parse("unix:~/x.sock") == Unix("/home/u/x.sock")
