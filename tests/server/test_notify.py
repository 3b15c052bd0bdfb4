import sys

import pytest
import trio

from rbridge.server import notify
from rbridge.server.notify import Notifier, command
from tests.harness.wait import until_async

WRITE = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + chr(10))"


@pytest.fixture
def shown(tmp_path):
    return tmp_path / "shown"


@pytest.fixture
async def notifier(shown, nursery):
    made = Notifier([sys.executable, "-c", WRITE, str(shown)])
    nursery.start_soon(made.run)
    return made


@pytest.mark.parametrize(
    ("environ", "programs", "expected"),
    [
        ({}, [], []),
        ({}, ["notify-send"], []),
        ({"DISPLAY": ":0"}, ["notify-send"], "/bin/notify-send"),
        ({"WAYLAND_DISPLAY": "w"}, ["notify-send"], "/bin/notify-send"),
        ({}, ["osascript"], "/bin/osascript"),
    ],
)
def test_what_shows_notifications_here(environ, programs, expected):
    found = command(environ, lambda name: f"/bin/{name}" if name in programs else None)
    assert found[:1] == ([expected] if expected else [])


def test_the_message_can_be_no_option_of_notify_send():
    assert command({"DISPLAY": ":0"}, lambda name: name)[-2:] == ["--", "rbridge"]


async def test_shown_in_order_and_cleaned(notifier, shown):
    notifier.tell("first")
    notifier.tell("second\n\x1b[2J")
    await until_async(lambda: shown.read_text().count("\n") == 2)
    first, second = shown.read_text().splitlines()
    assert first == "first"
    assert second.startswith("second")
    assert second.isprintable()


async def test_always_logged(caplog, monkeypatch):
    monkeypatch.setattr(notify.logger, "propagate", True)
    Notifier([]).tell("it failed")
    assert "it failed" in caplog.text


async def test_a_flood_does_not_fill_the_desktop(notifier, shown, caplog):
    for number in range(100):
        notifier.tell(str(number))
    await until_async(lambda: shown.read_text().count("\n") == notify.PER_MINUTE)
    await trio.testing.wait_all_tasks_blocked()
    assert shown.read_text().count("\n") == notify.PER_MINUTE


async def test_a_program_that_is_gone_is_tried_once(nursery, caplog):
    made = Notifier(["/nonexistent/notify-send"])
    nursery.start_soon(made.run)
    made.tell("x")
    await until_async(lambda: not made._argv)
    made.tell("y")


async def test_a_program_that_hangs_is_ended(nursery, monkeypatch, shown):
    monkeypatch.setattr(notify, "DEADLINE", 1.0)
    made = Notifier(["sh", "-c", f'[ "$1" = hang ] && exec sleep 600; echo "$1" > {shown}', "sh"])
    nursery.start_soon(made.run)
    made.tell("hang")
    made.tell("next")
    await until_async(lambda: shown.read_text() == "next\n")
