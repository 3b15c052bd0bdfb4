import json
import os
import stat

import pytest

from rbridge.errors import CannotCreate
from rbridge.server import endpoints
from tests.client.saving import disk


def test_written_for_us_alone_and_removed(directories):
    path = endpoints.write("/run/x", ["127.0.0.1:1"])
    assert path == str(directories / "state" / "endpoints.json")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with open(path) as file:
        said = json.load(file)
    assert (said["pid"], said["runtime"], said["listeners"]) == (os.getpid(), "/run/x", ["127.0.0.1:1"])
    assert os.listdir(directories / "state") == ["endpoints.json"]
    endpoints.remove(path)
    assert os.listdir(directories / "state") == []


def test_another_daemons_file_stays(directories):
    path = endpoints.write("/run/x", [])
    with open(path, "w") as file:
        json.dump({"pid": 1}, file)
    endpoints.remove(path)
    assert os.path.exists(path)


def test_removing_what_is_not_there_or_makes_no_sense(directories):
    path = str(directories / "state" / "endpoints.json")
    endpoints.remove(path)
    with open(path, "w") as file:
        file.write("[]")
    endpoints.remove(path)
    assert os.path.exists(path)


def test_a_full_disk_is_an_error_that_leaves_nothing(directories):
    with disk(directories / "state", "size=4k,mode=700") as state:
        (state / "fill").write_bytes(b"x" * 4096)
        with pytest.raises(CannotCreate, match=r"endpoints\.json: No space left on device"):
            endpoints.write("/run/x", [])
        assert os.listdir(state) == ["fill"]
