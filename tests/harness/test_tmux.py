import pytest

from tests.harness.wait import Never, until


def test_keys_go_in_and_the_screen_comes_out(tmux):
    tmux.line("echo a-$((6 * 7))-b")
    assert "a-42-b" in tmux.wait_for("a-42-b")


def test_windows_run_commands_with_the_tests_environment(tmux, home):
    window = tmux.window(["sh", "-c", "echo home=$HOME; cat"])
    tmux.wait_for(f"home={home.path}", target=window)
    until(lambda: tmux.windows() == ["sh", "w"], what="tmux has named the first after what runs in it")


def test_a_screen_that_never_comes_is_shown(tmux):
    tmux.wait_for("$")
    with pytest.raises(Never, match="not on the screen:\n.*\\$"):
        tmux.wait_for("nothing like this", 0.1)


def test_it_ends_with_the_test(home, tmux):
    tmux.window(["sleep", "600"])
    tmux.close()
    assert home.run([*tmux._base, "list-windows"]).code == 1
