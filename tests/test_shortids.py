import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge import shortids
from rbridge.server import files
from rbridge.shortids import named, shortened

A = "aaaaaaaa" + "1111111122222222"
B = "aaaaaaaa" + "1111111133333333"
C = "bbbbbbbb" + "9999999999999999"


def test_what_is_shown_tells_them_apart():
    assert shortened([A, C]) == {A: "111111", C: "999999"}
    assert shortened([A, B]) == {A: "111111112", B: "111111113"}
    assert shortened([]) == {}


@pytest.mark.parametrize(
    ("word", "found"),
    [(A, [A]), ("1111", [A, B]), ("111111112", [A]), ("9", [C]), ("aaaaaaaa", [A, B]), ("x", []), ("", [])],
)
def test_what_a_word_means(word, found):
    assert named([A, B, C], word) == found


def test_an_id_of_another_length_is_shown_from_its_beginning():
    assert shortened(["0123456789abcdef"]) == {"0123456789abcdef": "012345"}
    assert named(["0123456789abcdef"], "0123") == ["0123456789abcdef"]


@given(
    st.lists(
        st.text("0123456789abcdef", min_size=24, max_size=24), max_size=20, unique_by=lambda one: one[8:]
    )
)
def test_what_is_shown_means_one(ids):
    for one, short in shortened(ids).items():
        assert named(ids, short) == [one]


def test_an_id_is_made_as_it_is_read():
    assert shortids.MARK == files.MARK
    assert shortids.WHOLE == files.MARK + files.UNIQUE
