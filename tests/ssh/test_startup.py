"""``rbridge deploy --ipython`` on a real host: what it puts into IPython's profile, and what it leaves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from rbridge.ssh import startup
from tests.harness.environment import Home
from tests.ssh.test_visit_sh import content, visiting
from tests.ssh.trip import Trip

PLACE = ".ipython/profile_default/startup/50-rbridge.py"


def file(trip: Trip) -> Path:
    return trip.host.path / PLACE


def deploy(trip: Trip) -> str:
    return trip.run("deploy", "--no-path", "--ipython").ok().err


def test_it_is_python_3_6_and_ends_without_a_name_left() -> None:
    text = startup.content().decode()
    ast.parse(text, feature_version=(3, 6))
    ast.parse(startup.MAGIC.read_text(), feature_version=(3, 6))
    space: dict[str, object] = {}
    exec(text, space)
    assert set(space) == {"__builtins__"}


def test_without_an_ipython_it_is_one_line_and_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    exec(startup.content(), {})
    assert capsys.readouterr().err == (
        "rbridge: there is no %rbridge here: name 'get_ipython' is not defined\n"
    )


def test_it_is_put_and_renewed_and_taken_away(trip: Trip) -> None:
    said = deploy(trip)
    assert f"%rbridge is in ~/{PLACE} on gpu1: new IPython shells and Jupyter kernels have it" in said
    assert file(trip).read_bytes() == startup.content()
    assert "%rbridge is in" in deploy(trip)
    record = trip.host.path / ".rbridge/deployed"
    assert sum(line.startswith("ipython ") for line in record.read_text().splitlines()) == 1
    trip.run("deploy", "--remove").ok()
    assert not (trip.host.path / ".ipython").exists()


def test_one_of_an_older_rbridge_is_renewed(trip: Trip) -> None:
    deploy(trip)
    older = b"# rbridge 0.0.1\n"
    file(trip).unlink()
    trip.laptop.env["PYTHONPATH"] = str(_older(trip, older)) + ":" + trip.laptop.env["PYTHONPATH"]
    deploy(trip)
    assert file(trip).read_bytes() == older
    trip.laptop.env["PYTHONPATH"] = trip.laptop.env["PYTHONPATH"].partition(":")[2]
    deploy(trip)
    assert file(trip).read_bytes() == startup.content()


def _older(trip: Trip, content: bytes) -> Path:
    """A directory whose sitecustomize has the laptop put *content* in place of today's file."""
    patch = f"from rbridge.ssh import startup\nstartup.content = lambda: {content!r}\n"
    return trip.laptop.file("older/sitecustomize.py", patch).parent


def test_one_that_the_user_changed_is_left_by_deploy_and_by_remove(trip: Trip) -> None:
    deploy(trip)
    mine = file(trip).read_bytes() + b"# mine\n"
    file(trip).write_bytes(mine)
    said = deploy(trip)
    assert f"left ~/{PLACE} on gpu1: it is not as rbridge deploy put it there" in said
    assert "was changed since it was deployed" in trip.run("deploy", "--remove").ok().err
    assert file(trip).read_bytes() == mine


def test_a_file_or_a_link_of_the_users_own_is_left(trip: Trip) -> None:
    file(trip).parent.mkdir(parents=True)
    file(trip).write_text("x = 1\n")
    assert "left" in deploy(trip)
    assert file(trip).read_text() == "x = 1\n"
    file(trip).unlink()
    file(trip).symlink_to("elsewhere.py")
    assert "left" in deploy(trip)
    trip.run("deploy", "--remove").ok()
    assert file(trip).is_symlink()
    assert not file(trip).exists()


def test_what_ipython_put_beside_it_stays(trip: Trip) -> None:
    deploy(trip)
    history = trip.host.file(".ipython/profile_default/history.sqlite", "x")
    trip.run("deploy", "--remove").ok()
    assert history.exists()
    assert not file(trip).parent.exists()


@pytest.mark.parametrize("said", ["/place", "~/place", "place", ""])
async def test_ipythons_own_directory_is_obeyed(home: Home, said: str) -> None:
    given = f"{home.path}/place" if said == "/place" else said
    async with visiting(home, IPYTHONDIR=given) as there:
        path, did = await there.ipython(b"x = 1\n")
        again = await there.ipython(b"x = 1\n")
    top = ".ipython" if said in ("place", "") else "place"  # a relative one depends on where you are
    assert (path, did) == (f"{home.path}/{top}/profile_default/startup/50-rbridge.py", "put")
    assert again == (path, "had")
    assert content(path) == b"x = 1\n"


@pytest.mark.parametrize(
    ("mode", "code", "words"), [(0o777, 77, "can be changed by others"), (0o775, 0, "%rbridge is in")]
)
def test_where_all_users_can_write_nothing_is_put(trip: Trip, mode: int, code: int, words: str) -> None:
    file(trip).parent.mkdir(parents=True)
    file(trip).parent.chmod(mode)
    ran = trip.run("deploy", "--no-path", "--ipython")
    assert ran.code == code
    assert words in ran.err
    assert file(trip).exists() == (code == 0)


def test_a_profile_that_cannot_be_made_has_its_words_and_the_client_is_there(trip: Trip) -> None:
    trip.host.file(".ipython", "in the way")
    ran = trip.run("deploy", "--no-path", "--ipython")
    assert ran.code == 73
    assert f"{trip.host.path}/.ipython/profile_default/startup on gpu1" in ran.err
    assert trip.client.exists()
