"""What a URL means on the host: a port of its own, another page, or Jupyter's page that leads to one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rbridge.client import browse
from rbridge.client.browse import Browse, loopback, target
from rbridge.client.options import Options, Request
from rbridge.client.source import Source
from rbridge.errors import Denied, NoInput, UsageError
from tests.client.residents import Shown

URL = "http://localhost:8888/tree?token=secret"
PAGE = '<meta http-equiv="refresh" content="1;url={0}" /><a href="{0}">here</a>'


def find(url: str) -> Source:
    command = Browse([], "rbridge browse")
    command.say = Shown().say  # type: ignore[method-assign]
    return command.find(Request(url), Options())


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "runtime"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(directory))
    return directory


def page(directory: Path, url: str = URL, mode: int = 0o600) -> Path:
    path = directory / "jpserver-1-open.html"
    path.write_text(PAGE.format(url.replace("&", "&amp;")))
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "127.0.0.1",
        "127.1.2.3",
        "[::1]",
        "[::]",
        "0.0.0.0",
        "a.localhost",
        os.uname()[1],
    ],
)
def test_a_loopback_url_is_a_port_of_this_host(host: str) -> None:
    found = find(f"http://{host}:8888/a?b#c")
    assert (found.port, found.real, found.path) == ("8888:", ":8888", "port 8888")
    assert found.url == f"http://{host}:8888/a?b#c"


@pytest.mark.parametrize(("url", "port"), [("http://localhost/", "80:"), ("https://localhost/", "443:")])
def test_without_a_port_it_is_the_usual_one(url: str, port: str) -> None:
    assert find(url).port == port


@pytest.mark.parametrize("host", ["127.evil.org", "localhost.evil.org", "128.0.0.1", "example.org"])
def test_what_only_looks_like_it_is_somebody_elses(host: str) -> None:
    assert not loopback(host)


def test_any_other_url_goes_as_it_is_and_what_may_be_secret_is_not_shown() -> None:
    found = find("https://example.org/login?state=secret#more")
    assert (found.port, found.shown) == ("0", "https://example.org/login")
    assert found.url == "https://example.org/login?state=secret#more"
    assert find("https://example.org/login").real != found.real


def test_what_no_line_can_carry_is_encoded() -> None:
    assert find('https://example.org/ \n"é').url == "https://example.org/%20%0A%22%C3%A9"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "ftp://h/",
        "ftp://h:21/",
        "javascript:alert(1)",
        "http://",
        "http://u@h/",
        "http://h:99999/",
        "http://h:x/",
    ]
    + ["data:text/html,x", "http://[::1/", "https://h/" + "x" * 8000],
)
def test_nothing_else_is_shown(url: str) -> None:
    with pytest.raises(UsageError):
        find(url)


def test_jupyters_page_leads_to_its_server_with_the_token(runtime: Path) -> None:
    found = find(page(runtime, URL + "&a=b").as_uri())
    assert (found.port, found.url) == ("8888:", URL + "&a=b")
    assert "secret" not in found.shown


def test_one_that_all_may_read_counts_where_nobody_else_gets_in(runtime: Path) -> None:
    path = page(runtime, mode=0o644)
    assert target(path.as_uri()) == URL
    runtime.chmod(0o755)
    with pytest.raises(Denied, match="can be reached by others"):
        target(path.as_uri())


def test_one_that_others_may_write_does_not(runtime: Path) -> None:
    with pytest.raises(Denied, match="only you can write"):
        target(page(runtime, mode=0o620).as_uri())


def test_nor_does_a_link(runtime: Path, tmp_path: Path) -> None:
    (runtime / "link.html").symlink_to(page(tmp_path))
    with pytest.raises(NoInput):
        target((runtime / "link.html").as_uri())


def test_nor_one_that_lies_elsewhere(runtime: Path, tmp_path: Path) -> None:
    for url in (page(tmp_path).as_uri(), f"file://{runtime}/../jpserver-1-open.html", "file:///etc/passwd"):
        with pytest.raises(Denied, match="only of a page in"):
            target(url)


def test_nor_a_pipe(runtime: Path) -> None:
    os.mkfifo(runtime / "pipe", 0o600)
    with pytest.raises(Denied):
        target((runtime / "pipe").as_uri())


def test_nor_one_that_leads_to_another_host_or_nowhere(runtime: Path) -> None:
    with pytest.raises(Denied, match="another host"):
        find(page(runtime, "https://example.org/").as_uri())
    page(runtime).write_text("nothing")
    with pytest.raises(NoInput, match="leads nowhere"):
        target((runtime / "jpserver-1-open.html").as_uri())


def test_another_users_is_not_read(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = page(runtime)
    monkeypatch.setattr(browse.os, "geteuid", lambda: 12345)
    with pytest.raises(Denied):
        target(path.as_uri())


def test_its_help_says_how_programs_use_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert browse.run(["--help"]) == 0
    assert "BROWSER='rbridge browse %s'" in capsys.readouterr().out
