"""The laptop's browser: which, and what its command line shows."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rbridge.errors import NotListening
from rbridge.server import browser
from rbridge.server.browser import command


def which(*programs):
    return lambda name: f"/bin/{name}" if name in programs else None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("firefox", ["firefox", "%s"]),
        ("firefox --new-window %s", ["firefox", "--new-window", "%s"]),
        ("nothing:firefox", ["firefox", "%s"]),
        ("'unclosed:firefox", ["firefox", "%s"]),
        ("rbridge browse %s", ["/bin/xdg-open", "%s"]),
        ("", ["/bin/xdg-open", "%s"]),
    ],
)
def test_the_user_says_which_and_else_it_is_found(said, words):
    assert command({"BROWSER": said}, which("firefox", "xdg-open", "rbridge"), "linux") == words


def test_each_system_has_its_own():
    assert command({}, which("open", "xdg-open"), "darwin") == ["/bin/open", "%s"]
    assert command({}, which("open", "gio"), "linux") == ["/bin/gio", "open", "%s"]


def test_there_may_be_none():
    with pytest.raises(NotListening, match="no browser"):
        command({}, which(), "linux")


@pytest.fixture
def shows(laptop, tmp_path, monkeypatch):
    """``shows(text)``: a browser that is this Python with that program; what it wrote down."""
    told = tmp_path / "told"

    def use(text="open(told, 'w').write(url)"):
        program = tmp_path / "browser"
        head = f"#!{sys.executable} -IS\nimport os, sys\nurl, told = sys.argv[1], {str(told)!r}\n"
        program.write_text(head + text + "\n")
        program.chmod(0o755)
        monkeypatch.setenv("BROWSER", str(program))
        return told

    return use


async def test_a_url_without_a_secret_is_given_as_it_is(laptop, shows):
    told = shows("open(told, 'w').write(f'{url} {os.getpid()}')")
    await browser.show(laptop.documents, "http://127.0.0.1:1/lab")
    await laptop.until(lambda: told.exists() and told.read_text())
    url, pid = told.read_text().split()
    assert url == "http://127.0.0.1:1/lab"
    await laptop.until(lambda: gone(pid))  # waited for, before the daemon's end


async def test_one_with_a_secret_is_in_a_page_that_only_the_user_can_read(laptop, shows, monkeypatch):
    monkeypatch.setattr(browser, "READ", 0.5)
    told = shows()
    await browser.show(laptop.documents, "http://127.0.0.1:1/lab?token=secret")
    await laptop.until(lambda: told.exists() and told.read_text())
    page = Path(told.read_text().removeprefix("file://"))
    assert laptop.root in page.parents
    assert looked(page) == (0o600, True)
    await laptop.until(lambda: not laptop.texts())


def gone(pid):
    """Whether it has ended, and was waited for."""
    return not os.path.exists(f"/proc/{pid}")


def looked(page):
    """Its mode, and whether it leads to the URL."""
    return page.stat().st_mode & 0o777, "url=http://127.0.0.1:1/lab?token=secret" in page.read_text()


async def test_the_page_is_removed_although_the_browser_stays(laptop, shows, monkeypatch):
    monkeypatch.setattr(browser, "READ", 0.5)
    told = shows("import time; open(told, 'w').write(str(os.getpid())); time.sleep(1000)")
    await browser.show(laptop.documents, "http://127.0.0.1:1/?token=secret")
    await laptop.until(lambda: told.exists() and told.read_text())
    await laptop.until(lambda: not laptop.texts())
    pid = int(told.read_text())
    os.kill(pid, 9)
    await laptop.until(lambda: gone(pid))


async def test_one_that_fails_is_told(laptop, shows):
    shows("sys.exit(3)")
    await browser.show(laptop.documents, "http://127.0.0.1:1/")
    await laptop.until(lambda: laptop.said.lines)
    assert "ended with 3" in laptop.said.lines[0]
