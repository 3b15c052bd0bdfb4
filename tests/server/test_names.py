import pytest

from rbridge.server import names


@pytest.mark.parametrize(
    ("display_name", "real_path", "host", "shown", "parts"),
    [
        ("gpu1:train.py", "/home/u/train.py", "gpu1", "train.py", ("home", "u", "train.py")),
        (
            "gpu1:src/train.py",
            "/home/u/src/train.py",
            "gpu1",
            "src/train.py",
            ("home", "u", "src", "train.py"),
        ),
        ("train.py", "", "host", "train.py", ("train.py",)),  # gomate
        ("vm:untitled (stdin)", "", "vm", "untitled (stdin)", ("untitled (stdin)",)),  # ruby, stdin
        ("vm:-", "-", "vm", "-", ("-",)),  # silverzhao, stdin
        ("", "", "host", "untitled", ("untitled",)),
        ("a:b:c.txt", "/tmp/b:c.txt", "a", "b:c.txt", ("tmp", "b:c.txt")),
        ("../..:x", "/x", "host", "../..:x", ("x",)),
        ("h:../../../.bashrc", "", "h", "../../../.bashrc", (".bashrc",)),
        ("h:x", "/home/../../etc/./passwd", "h", "x", ("home", "__", "__", "etc", "passwd")),
        ("h:x", "//a//b/", "h", "x", ("a", "b")),
        (".hidden:x", "/x", "host", ".hidden:x", ("x",)),
    ],
)
def test_place(display_name, real_path, host, shown, parts):
    place = names.place(display_name, real_path)
    assert (place.host, place.name, place.parts) == (host, shown, parts)


def test_a_link_peer_says_its_host_itself():
    assert names.place("train.py", "/train.py", "gpu2").host == "gpu2"
    assert names.place("gpu1:train.py", "/train.py", "../etc").host == "gpu1"


@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\x1b[31m", "\udcff", "\u202e", "\x7f"])
def test_control_characters_reach_neither_screen_nor_path(bad):
    place = names.place(f"h:a{bad}b.py", f"/d{bad}/a{bad}b.py")
    for text in (place.name, place.path, *place.parts):
        assert bad not in text
        assert text.isprintable()
        text.encode("utf-8")
    assert place.parts[-1].endswith(".py")


@pytest.mark.parametrize(
    "name", ["x" * 300 + ".py", "ü" * 200 + ".py", "." * 300, "x" * 20 + "." + "y" * 300]
)
def test_a_long_name_is_cut_and_leaves_room_for_the_editors_own(name):
    made = names.component(name)
    assert len(made.encode()) <= names.NAME_MAX - 16
    assert made not in (".", "..")
    assert not name.endswith(".py") or made.endswith(".py")


def test_two_long_names_stay_two():
    assert names.component("x" * 300 + "1.py") != names.component("x" * 300 + "2.py")


def test_a_long_path_keeps_its_end():
    place = names.place("h:x.py", "/" + "/".join(["directory"] * 1000) + "/x.py")
    assert place.parts[-2:] == ("directory", "x.py")
    assert len(place.parts) <= names.DEPTH
    assert sum(len(part) + 1 for part in place.parts) <= names.PATH_ROOM


@pytest.mark.parametrize("name", ["", ".", "..", "/", " "])
def test_a_component_is_never_one_that_means_something_else(name):
    assert names.component(name).strip("_") == ""
    assert names.component(name)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("", (0, 0)),
        ("7", (7, 0)),
        ("7:3", (7, 3)),
        ("7:3-9:1", (7, 3)),
        (" 7", (7, 0)),
        ("x", (0, 0)),
        ("-1", (0, 0)),
        ("9" * 50, (999999999, 0)),
    ],
)
def test_position(selection, expected):
    assert names.position(selection) == expected
