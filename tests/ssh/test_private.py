"""The private sshd: it lets in its own key only, and is gone at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from rbridge.errors import NotListening
from rbridge.ssh import private


async def _output(words: list[str]) -> tuple[int, str]:
    done = await trio.run_process(words, capture_stdout=True, capture_stderr=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode()


async def test_commands_see_the_variables_that_were_given(tmp_path: Path) -> None:
    async with private.private_sshd(tmp_path, {"RBRIDGE_STATE_DIR": str(tmp_path / "a b")}) as ssh:
        assert await _output([*ssh, "echo $RBRIDGE_STATE_DIR"]) == (0, f"{tmp_path}/a b\n")


async def test_another_key_is_refused(tmp_path: Path) -> None:
    async with private.private_sshd(tmp_path, {}) as ssh:
        other = tmp_path / "other"
        await trio.run_process(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other])
        config = tmp_path / "ssh_config"
        config.write_text(config.read_text().replace(f"{tmp_path}/key\n", f"{other}\n"))
        code, said = await _output([*ssh, "echo in"])
    assert code == 255
    assert "Permission denied" in said


async def test_nothing_listens_afterwards(tmp_path: Path) -> None:
    async with private.private_sshd(tmp_path, {}) as ssh:
        assert await _output([*ssh, "true"]) == (0, "")
    code, said = await _output([*ssh, "true"])
    assert code == 255
    assert "refused" in said


async def test_a_server_that_does_not_start_is_an_error_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, "SERVER", private.SERVER + "NoSuchKeyword yes\n")
    with pytest.raises(NotListening, match="did not start") as caught:
        async with private.private_sshd(tmp_path, {}):
            raise AssertionError("it must not come so far")
    assert "NoSuchKeyword" in caught.value.hint or "its log" in caught.value.hint


def test_missing_programs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "_find", lambda name: None if name == "sshd" else "/usr/bin/" + name)
    assert private.missing() == ["sshd"]
