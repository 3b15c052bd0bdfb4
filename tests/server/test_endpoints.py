import json
import os
import stat

from rbridge.server import endpoints


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
