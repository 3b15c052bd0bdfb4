import pytest

from rbridge import errors

TREE = {
    # sysexits.h
    errors.UsageError: 64,
    errors.ProtocolError: 65,
    errors.LocalProtocolError: 65,
    errors.RemoteProtocolError: 65,
    errors.NoInput: 66,
    errors.NotListening: 69,
    errors.RbridgeError: 70,
    errors.CannotCreate: 73,
    errors.SaveLost: 74,
    errors.TryAgain: 75,
    errors.Denied: 77,
}


@pytest.mark.parametrize(("kind", "code"), TREE.items())
def test_exit_codes_are_those_of_sysexits(kind, code):
    assert kind("something").exit_code == code
    assert issubclass(kind, errors.RbridgeError)


def test_the_tree_is_all_there_is():
    found = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)}
    assert found == set(TREE)


def test_the_line_holds_the_hint():
    assert errors.Denied("cannot read a.py").line() == "cannot read a.py"
    assert errors.Denied("cannot read a.py", "run chmod").line() == "cannot read a.py (run chmod)"


def test_the_line_is_one_line_without_control_characters():
    line = errors.NoInput("no file a\nb\x1b[31m", "see\tthere").line()
    assert "\n" not in line
    assert line.isprintable()
