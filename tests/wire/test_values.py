"""What a header's value has to look like."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.errors import RemoteProtocolError
from rbridge.wire import values

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(("value", "number"), [("0", 0), ("7", 7), ("0010", 10), ("100", 100)])
def test_a_size_is_decimal(value: str, number: int) -> None:
    assert values.size(value, 100) == number


@pytest.mark.parametrize("value", [None, "", "-1", "+1", " 1", "1 ", "1_0", "0x1", "1e2", "\u0661", "12 13"])
def test_what_is_no_number_is_neither_a_size_nor_a_serial(value: str | None) -> None:
    for read in (lambda: values.size(value, 100), lambda: values.serial(value), lambda: values.dial(value)):
        with pytest.raises(RemoteProtocolError, match="is no number"):
            read()


@pytest.mark.parametrize("value", ["101", "9" * 5000, str(2**64)])
def test_a_size_has_a_limit(value: str) -> None:
    with pytest.raises(RemoteProtocolError, match="more than 100"):
        values.size(value, 100)


def test_saves_count_from_one_and_dials_from_zero() -> None:
    assert values.serial("1") == values.dial("1") == 1
    assert values.dial("0") == 0
    with pytest.raises(RemoteProtocolError, match="count from 1"):
        values.serial("0")


def test_no_serial_is_too_large_to_be_stored() -> None:
    assert values.serial(str(2**63 - 1)) == 2**63 - 1
    with pytest.raises(RemoteProtocolError, match="more than"):
        values.serial(str(2**63))


def test_a_digest_is_sixty_four_lower_case_hexadecimal_digits() -> None:
    assert values.digest(DIGEST) == DIGEST
    for wrong in (None, "", DIGEST.upper(), DIGEST[1:], DIGEST + "0", DIGEST[:-1] + "g", "absent"):
        with pytest.raises(RemoteProtocolError, match="is no sha256"):
            values.digest(wrong)


def test_a_session_is_a_secret_that_no_error_repeats() -> None:
    assert values.session(DIGEST[:32]) == DIGEST[:32]
    for wrong in (None, "", DIGEST, DIGEST[:31], "5EC2E7" * 5 + "00"):
        with pytest.raises(RemoteProtocolError) as caught:
            values.session(wrong)
        assert not wrong or wrong not in str(caught.value)


def test_a_token_is_a_short_word() -> None:
    assert values.token("a_Z-9") == "a_Z-9"
    for wrong in (None, "", "x" * 65, "a b", "a:b", "\u00e9", "a/b"):
        with pytest.raises(RemoteProtocolError, match="is no token"):
            values.token(wrong)


def test_a_choice_is_one_of_the_words() -> None:
    assert values.one_of("zlib", ("zlib", "delta")) == "zlib"
    for wrong in (None, "", "Zlib", "gzip"):
        with pytest.raises(RemoteProtocolError, match="is none of zlib, delta"):
            values.one_of(wrong, ("zlib", "delta"))


READERS: list[Callable[[str], object]] = [
    values.serial,
    values.dial,
    values.digest,
    values.session,
    values.token,
    lambda value: values.size(value, 9),
]


@pytest.mark.parametrize("read", READERS)
@given(value=st.text())
def test_whatever_is_said_raises_nothing_but_a_remote_error_of_one_line(
    read: Callable[[str], object], value: str
) -> None:
    line = ""
    try:
        read(value)
    except RemoteProtocolError as error:
        line = error.line()
    assert not line or line.isprintable()


def test_a_port_is_one_of_tcp_or_none() -> None:
    assert [values.port(one) for one in ("0", "1", "65535")] == [0, 1, 65535]
    for wrong in ("65536", "-1", "", None, "x", "1" * 5000):
        with pytest.raises(RemoteProtocolError):
            values.port(wrong)


def test_requests_count_from_one() -> None:
    assert values.request("17") == 17
    for wrong in ("0", "", None, "-1", str(2**63)):
        with pytest.raises(RemoteProtocolError):
            values.request(wrong)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (None, []),
        ("", []),
        ("a", ["a"]),
        ("src/100%25/x", ["src", "100%", "x"]),
        ("line%0Aend/%FF", ["line\nend", "\udcff"]),
        ("...", ["..."]),
        ("~", ["~"]),
    ],
)
def test_a_path_in_a_folder_is_its_names(value: str | None, names: list[str]) -> None:
    assert values.inside(value) == names


@pytest.mark.parametrize(
    "value",
    [
        "/",
        "/etc",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "a/.",
        "%2E%2E",
        "a/%2e./b",
        "a%2Fb",
        "%2F",
        "a%2F..%2Fb",
    ],
)
def test_what_could_lead_out_of_a_folder_is_no_path_in_it(value: str) -> None:
    with pytest.raises(RemoteProtocolError, match="no path inside"):
        values.inside(value)


@pytest.mark.parametrize("value", ["a%", "%zz", "a/b%00"])
def test_a_malformed_path_in_a_folder_is_an_error(value: str) -> None:
    with pytest.raises(RemoteProtocolError):
        values.inside(value)


def test_a_side_of_a_diff_is_a_word_and_a_name() -> None:
    assert values.diff("left a-1_B") == ("left", "a-1_B")
    assert values.diff("right " + "x" * 64) == ("right", "x" * 64)


@pytest.mark.parametrize(
    "value", [None, "", "left", "left ", "middle a", "a left", "left  a", "right a b", "right \u00fc"]
)
def test_what_is_no_side_of_a_diff(value: str | None) -> None:
    with pytest.raises(RemoteProtocolError):
        values.diff(value)
