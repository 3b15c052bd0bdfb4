"""The code that a start of the single file keeps: whole, of this very file, and of nobody but us."""

import _frozen_importlib_external
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from rbridge import archive, paths
from rbridge.archive import Archive
from rbridge.client import compiled
from tests.client.editors import LINK
from tests.harness.wait import until
from tests.test_archive import FILES, make

NAME = f"code.{sys.implementation.cache_tag}"


@pytest.fixture
def state(tmp_path, monkeypatch):
    """The state directory, which is not there yet."""
    monkeypatch.setenv("RBRIDGE_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def kept(state):
    """What a first start left."""
    compiled.keep(start())
    assert start().code
    return state / NAME


def start(**more):
    """A start of a single file with FILES and *more*, as far as its archive is concerned."""
    made = Archive("/where/it/lies", make({**FILES, **more}))
    made.load()
    return made


def test_nothing_is_kept_before_the_first_start(state):
    first = start()
    assert first.code == {}
    assert not state.exists()


def test_holds_what_the_archive_holds_and_nothing_else(kept):
    assert set(start().code) == set(FILES)


def test_is_a_file_of_ours_alone(kept):
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in kept.parent.iterdir()] == [NAME]


def test_the_umask_opens_nothing(state):
    before = os.umask(0)
    try:
        compiled.keep(start())
    finally:
        os.umask(before)
    assert (state / NAME).stat().st_mode & 0o777 == 0o600


def test_every_truncation_is_noticed(kept):
    data = kept.read_bytes()
    for length in range(len(data)):
        kept.write_bytes(data[:length])
        assert start().code == {}, length


@pytest.mark.parametrize("place", [0, 20, 60, -1])
def test_a_changed_byte_is_noticed(kept, place):
    data = bytearray(kept.read_bytes())
    data[place] ^= 1
    kept.write_bytes(data)
    assert start().code == {}


@pytest.mark.parametrize("data", [b"", b"garbage" * 1000, b"\0" * 4096])
def test_garbage_is_noticed(kept, data):
    kept.write_bytes(data)
    assert start().code == {}


def test_code_of_another_build_is_not_used_and_goes(kept):
    new = start(**{"parcel/more.py": "x = 1\n"})
    assert new.code == {}
    compiled.keep(new)
    assert "parcel/more.py" in start(**{"parcel/more.py": "x = 1\n"}).code
    assert start().code == {}
    assert [path.name for path in kept.parent.iterdir()] == [NAME]


def test_code_of_another_bytecode_is_not_used(kept, monkeypatch):
    monkeypatch.setattr(_frozen_importlib_external, "MAGIC_NUMBER", b"\1\2\r\n")
    assert start().code == {}


def test_another_interpreter_has_a_file_of_its_own(kept, monkeypatch):
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(cache_tag="other-10"))
    other = start()
    assert other.code == {}
    compiled.keep(other)
    assert {path.name for path in kept.parent.iterdir()} == {NAME, "code.other-10"}


def test_an_interpreter_that_keeps_no_code_keeps_none_here(state, monkeypatch):
    monkeypatch.setattr(sys, "implementation", SimpleNamespace(cache_tag=None))
    assert start().kept == ""


@pytest.mark.parametrize("mode", [0o640, 0o602, 0o604])
def test_a_file_that_others_can_reach_is_not_used(kept, mode):
    kept.chmod(mode)
    assert start().code == {}


@pytest.mark.parametrize("mode", [0o750, 0o702, 0o755])
def test_a_directory_that_others_can_reach_is_not_used(kept, mode):
    kept.parent.chmod(mode)
    assert start().code == {}


def test_a_directory_that_others_can_replace_is_not_used(kept):
    kept.parent.parent.chmod(0o777)
    assert start().code == {}
    kept.parent.parent.chmod(0o1777)
    assert start().code


@pytest.mark.parametrize("which", ["directory", "file"])
def test_what_belongs_to_another_user_is_not_used(kept, monkeypatch, which):
    own = os.stat(kept if which == "file" else kept.parent).st_ino
    real = os.fstat

    def fstat(fd):
        found = real(fd)
        uid = found.st_uid + 1 if found.st_ino == own else found.st_uid
        return os.stat_result((*found[:4], uid, *found[5:]))

    monkeypatch.setattr(os, "fstat", fstat)
    assert start().code == {}


def test_a_link_to_the_file_is_not_followed(kept):
    kept.rename(kept.parent / "elsewhere")
    kept.symlink_to("elsewhere")
    assert start().code == {}


def test_a_link_to_the_directory_is_not_followed(kept, state):
    moved = state.rename(state.parent / "elsewhere")
    state.symlink_to(moved)
    first = start()
    assert first.code == {}
    compiled.keep(first)
    assert state.is_symlink()


def test_a_pipe_in_its_place_does_not_hold_up_the_start(kept):
    kept.unlink()
    os.mkfifo(kept, 0o600)
    assert start().code == {}


def test_a_link_in_its_place_is_replaced_and_not_written_through(state):
    state.mkdir(0o700)
    (state / "precious").write_text("precious")
    (state / NAME).symlink_to("precious")
    compiled.keep(start())
    assert (state / "precious").read_text() == "precious"
    assert start().code


def test_where_nothing_can_be_written_nothing_is_kept(state, monkeypatch):
    def denied(*args, **options):
        raise PermissionError("read-only")

    state.mkdir(0o700)
    first = start()
    monkeypatch.setattr(os, "open", denied)
    compiled.keep(first)
    assert os.listdir(state) == []


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null/state"])
def test_where_there_can_be_no_directory_nothing_is_kept(monkeypatch, place):
    monkeypatch.setenv("RBRIDGE_STATE_DIR", place)
    compiled.keep(start())
    assert start().code == {}


def test_a_disk_that_fills_up_leaves_nothing_behind(state):
    state.mkdir(0o700)
    full = ["-c", FULL, state]
    assert subprocess.run([sys.executable, *full], capture_output=True, check=True).stderr == b""
    assert os.listdir(state) == []


FULL = """
import os, resource, sys
os.environ["RBRIDGE_STATE_DIR"] = sys.argv[1]
from rbridge.client import compiled
from tests.client.test_compiled import start
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
compiled.keep(start())
"""


class Turned:
    """A loop whose timers fire when a test wants it."""

    def __init__(self) -> None:
        self.due = []

    def at(self, seconds, callback):
        self.due.append((seconds, callback))

    def turn(self):
        """Call the next one."""
        self.due.pop(0)[1]()


def test_modules_are_compiled_one_by_one_between_events(state):
    state.mkdir(0o700)
    first, loop = start(), Turned()
    keeping = compiled.Keeping(first, loop)
    assert [seconds for seconds, _ in loop.due] == [compiled.LATER]
    for count in range(1, len(FILES) + 1):
        assert start().code == {}
        loop.turn()
        assert len(keeping.code) == count
        assert [seconds for seconds, _ in loop.due] == [0.0] * (count < len(FILES))
    assert start().code == first.code == keeping.code
    kept = (state / NAME).stat().st_mtime_ns
    keeping.finish()
    assert (state / NAME).stat().st_mtime_ns == kept


@pytest.mark.parametrize("turns", [0, 1])
def test_what_is_left_at_the_end_is_compiled_then(state, turns):
    state.mkdir(0o700)
    loop = Turned()
    keeping = compiled.Keeping(start(), loop)
    for _ in range(turns):
        loop.turn()
    keeping.finish()
    assert set(start().code) == set(FILES)
    loop.turn()
    assert loop.due == []


def test_nothing_is_compiled_where_it_cannot_be_kept(state, monkeypatch):
    first, loop = start(), Turned()
    monkeypatch.setattr(first, "compile", None)
    keeping = compiled.Keeping(first, loop)
    loop.turn()
    keeping.finish()
    assert (loop.due, keeping.code) == ([], {})


def test_only_a_single_file_that_had_to_compile_keeps_its_code(kept, monkeypatch):
    assert compiled.later(Turned()) is None  # these are the sources
    monkeypatch.setattr(compiled.__spec__, "loader", start())
    assert compiled.later(Turned()) is None
    kept.unlink()
    monkeypatch.setattr(compiled.__spec__, "loader", start())
    assert compiled.later(Turned()).left == sorted(FILES)


def test_a_plain_server_that_hangs_up_at_once_leaves_time_to_keep_it(home, builds, editor):
    served = editor(lambda talk: talk.opened())
    home.run([builds.file, "open", *served.where, home.file("a")]).ok()
    until(lambda: not home.processes(), what="the client in the background ends")
    assert list(home.state.glob("code.*"))


def test_is_written_by_what_stays_behind(home, builds, editor):
    served = editor(lambda talk: (talk.linked(), talk.file.read()), home.root / "s", LINK)
    ran = home.run([builds.file, "open", *served.where, home.file("a")]).ok()
    assert ran.err.endswith("a: open in vim on mylaptop\n")
    until(lambda: list(home.state.glob("code.*")), what="the code is kept")


def test_a_home_that_is_read_only_is_no_matter(home, builds, editor, powerless):
    home.state.chmod(0o500)
    served = editor(lambda talk: talk.linked(), home.root / "s", LINK)
    ran = home.run([*powerless, builds.file, "open", *served.where, home.file("a")]).ok()
    assert ran.err.endswith("a: open in vim on mylaptop\n")
    until(lambda: not home.processes(), what="the client in the background ends")
    assert list(home.state.iterdir()) == []


def test_what_a_killed_start_left_half_written_goes(kept):
    (kept.parent / f"{NAME}.77").write_text("half")
    compiled.keep(start())
    assert [path.name for path in kept.parent.iterdir()] == [NAME]


def test_starts_at_the_same_time_leave_one_whole_file(state):
    code = "from rbridge.client import compiled; from tests.client.test_compiled import start\n"
    code += "for _ in range(20): compiled.keep(start())"

    def run(_):
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(2) as pool:
        for ran in pool.map(run, range(2)):
            assert ran.returncode == 0, ran.stderr
    assert [path.name for path in state.iterdir()] == [NAME]
    assert start().code


@pytest.mark.parametrize("variable", ["RBRIDGE_STATE_DIR", "XDG_STATE_HOME", "HOME", None])
@pytest.mark.parametrize("value", ["{}", "{}//below/../below/", ""])
def test_lies_where_the_state_directory_is(tmp_path, monkeypatch, variable, value):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RBRIDGE_STATE_DIR", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    (tmp_path / "home").mkdir()
    if variable:
        monkeypatch.setenv(variable, value.format(tmp_path / "home"))
    assert archive.state_place() in (paths.state_dir(create=False), "")
    if value == "{}":
        assert archive.state_place()


@pytest.mark.parametrize("variable", ["XDG_STATE_HOME", "HOME"])
def test_root_does_not_follow_a_users_environment(tmp_path, monkeypatch, variable):
    for name in ("RBRIDGE_STATE_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(archive, "owned_by_root", lambda path: False)
    assert archive.state_place() == ""
