"""The benchmark's own parts at their smallest: what it measures happens, in one round trip."""

import pytest

from tests.benchmarks.lsp import ECHO, PLACE, RTT, World


@pytest.fixture(scope="module")
def world():
    made = World()
    yield made
    made.close()


def test_messages_come_back_and_changes_arrive_all_ways(world):
    with world.talks(["direct", "loopback", "ssh"], "bench.r", "", ECHO) as talks:
        for talk in talks.values():
            assert talk.about("hover", PLACE)() > 0
            _, found = talk.ask(
                "textDocument/completion", {"textDocument": {"uri": talk.uri}, "position": PLACE}
            )
            assert len(found["items"]) == 1000
            talk.changes(100, float("inf"))
            assert talk.ask("test/count", None)[1] == 100


def test_a_request_takes_one_round_trip(world):
    with world.talks(["far"], "bench.r", "", ECHO) as talks:
        hover = talks["far"].about("hover", PLACE)
        assert RTT <= min(hover() for _ in range(10)) * 1000 < 2 * RTT


def test_a_real_server_answers_both_ways(world):
    direct = [str(world.server("jedi-language-server"))]
    with world.talks(["direct", "loopback"], "bench.py", "jedi-language-server", direct) as talks:
        answers = []
        for talk in talks.values():
            said = {"textDocument": {"uri": talk.uri}, "position": PLACE}
            answers.append(talk.ask("textDocument/hover", said)[1])
        assert "unique_symbol" in str(answers[0])
        assert answers[0] == answers[1]
