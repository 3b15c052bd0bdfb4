"""URIs taken apart, and documents named for the other side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbridge.lsp import uris
from rbridge.lsp.uris import Absent, Foreign, Places

ID, OTHER = "0123456789abcdef01234567", "76543210fedcba9876543210"
FILES = b"/dev/shm/rbridge-1000/files"
DOCUMENTS = {ID: b"/home/ada/train.py", OTHER: b"/home/ada/\xff ?#%.py"}


def find(document: str, path: bytes) -> tuple[str, bytes] | None:
    return next(((one, there) for one, there in DOCUMENTS.items() if one == document or there == path), None)


def places(*, in_memory: bool = False) -> Places:
    return Places("gpu1", FILES, find, in_memory=in_memory)


PATHS = st.binary(max_size=40).map(lambda raw: uris.normal(b"/" + raw.replace(b"\0", b"/")))


@given(PATHS)
def test_a_path_comes_back_from_its_uri(path: bytes) -> None:
    assert uris.parse(uris.file_uri(path)).path == path
    assert uris.parse(uris.remote_uri("gpu1", path)).path == path


@given(PATHS)
def test_a_path_goes_to_the_server_and_back(path: bytes) -> None:
    for one in (places(), places(in_memory=True)):
        if one.scheme == "file" and path not in DOCUMENTS.values():
            with pytest.raises(Absent) as absent:
                one.to_editor(uris.file_uri(path))
            assert absent.value.path == path
        else:
            assert one.to_server(one.to_editor(uris.file_uri(path))) == uris.file_uri(path)


@pytest.mark.parametrize(
    "said",
    [
        "file:///home/ada/train.py",
        "file:/home/ada/train.py",
        "FILE:///home/ada/train.py",
        "file://localhost/home/ada/train.py",
        "file://LocalHost/home/ada/train.py",
        "file:///home/ada/%74rain.py",
        "file:///home//ada/./x/../train.py",
        "file:///home/ada/x/%2E%2e/train.py",
        "file:///../../home/ada/train.py",
        "file:////home/ada/train.py",
    ],
)
def test_every_spelling_of_a_document_is_that_document(said: str) -> None:
    assert places().to_editor(said) == f"rbridge://gpu1/home/ada/train.py?{ID}"
    assert places(in_memory=True).to_editor(said) == f"file://{FILES.decode()}/{ID}/gpu1/home/ada/train.py"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "train.py",
        "/home/ada/train.py",
        "file:train.py",
        "file:",
        "file://",
        "file://gpu1/home/ada/train.py",
        "file://localhost.evil/home/ada/train.py",
        "file://%6Cocalhost%00/home",
        "file:///home/%00",
        "file:///home/%zz",
        "file:///home/%",
        "file:///home/a b",
        "file:///home/\nada",
        "file:\\\\\\home\\ada",
        "file:///home\\ada",
        "file:///home/ada/train.py?x",
        " file:///home/ada/train.py",
        "file:///home/ada/train.py#/../../../../etc/passwd",
        "file:///home/ada/train.py#%2F..",
        "file:///home/ada/\ud800.py",
        "file://\ud800/home/ada/train.py",
        "rbridge://gpu1/home/ada/train.py",
        "rbridge://gpu2/home/ada/train.py",
        "https://example.org/",
        "untitled:Untitled-1",
        "jdt://contents/x",
        "vscode-remote://ssh-remote/home",
        "javascript:alert(1)",
        "data:text/html,x",
        "command:x",
    ],
)
def test_what_is_no_file_of_the_host_is_foreign_to_the_editor(said: str) -> None:
    for one in (places(), places(in_memory=True)):
        with pytest.raises(Foreign):
            one.to_editor(said)


@pytest.mark.parametrize(
    ("said", "path"),
    [
        (f"rbridge://gpu1/home/ada/train.py?{ID}", b"/home/ada/train.py"),
        (f"rbridge://elsewhere/nothing?{ID}", b"/home/ada/train.py"),
        ("rbridge://gpu1/home/ada/other.py", b"/home/ada/other.py"),
        ("RBRIDGE://gpu1/home/ada/x/../other.py", b"/home/ada/other.py"),
        ("rbridge://gpu1/home/ada/a b\u00e4%20%.py", b"/home/ada/a b\xc3\xa4 %.py"),
        (f"file:///dev/shm/rbridge-1000/files/{ID}/gpu1/home/ada/train.py", b"/home/ada/train.py"),
        (f"file:/dev/shm/rbridge-1000/files/{OTHER}/gpu1/whatever", DOCUMENTS[OTHER]),
    ],
)
def test_what_the_editor_names_is_found(said: str, path: bytes) -> None:
    assert places().path(said) == path


@pytest.mark.parametrize(
    "said",
    [
        "rbridge://gpu2/home/ada/train.py",
        "rbridge://GPU1/home/ada/train.py",
        "rbridge:/home/ada/train.py",
        "rbridge://gpu1/home/ada/train.py?0123",
        f"rbridge://gpu1/home/ada/train.py?{'a' * 24}",
        "file:///home/ada/laptop.py",
        f"file:///dev/shm/rbridge-1000/files/{'a' * 24}/gpu1/home/ada/train.py",
        f"file:///dev/shm/rbridge-1000/files/../files/{'a' * 24}/gpu1/x",
        f"file:///dev/shm/rbridge-1000/files/{ID}",
        f"file:///dev/shm/rbridge-1000/filesx/{ID}/gpu1/home",
        f"file://gpu1/dev/shm/rbridge-1000/files/{ID}/gpu1/x",
        "untitled:Untitled-1",
        "no uri",
    ],
)
def test_what_is_not_of_the_host_does_not_go_to_its_server(said: str) -> None:
    with pytest.raises(Foreign):
        places().to_server(said)


def test_an_editor_gets_a_document_by_the_name_that_it_gave_it() -> None:
    one = places()
    one.opened("rbridge://gpu1/home/ada/%74rain.py")
    assert one.to_editor("file:///home/ada/train.py") == "rbridge://gpu1/home/ada/%74rain.py"
    one.closed(f"rbridge://gpu1/home/ada/train.py?{ID}")
    assert one.to_editor("file:///home/ada/train.py") == f"rbridge://gpu1/home/ada/train.py?{ID}"


def test_a_fragment_stays() -> None:
    assert places().to_editor("file:///home/ada/x.py#L3") == "rbridge://gpu1/home/ada/x.py#L3"


def test_a_file_that_an_editor_of_files_has_not_got_is_absent() -> None:
    with pytest.raises(Absent) as absent:
        places(in_memory=True).to_editor("file:///usr/lib/os.py")
    assert absent.value.path == b"/usr/lib/os.py"
    with pytest.raises(Foreign):
        places(in_memory=True).linked("file:///usr/lib/os.py")


def test_filters_of_the_server_are_made_for_the_editors_uris() -> None:
    assert (places().scheme, places(in_memory=True).scheme) == ("rbridge", "file")
    assert places().glob("/home/ada/**") == "/home/ada/**"
    assert places(in_memory=True).glob("/home/ada/**") == "**/home/ada/**"
    assert places(in_memory=True).glob("**/*.py") == "**/*.py"


def test_files_and_documents_of_hosts_are_told_from_the_web() -> None:
    assert uris.is_ours("FILE:///x")
    assert uris.is_ours("rbridge://gpu1/x")
    assert not uris.is_ours("https://x")
    assert not uris.is_ours("x")
