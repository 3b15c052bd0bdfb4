import pytest
import trio

from rbridge.server import consent
from rbridge.server.consent import Consent


async def test_a_question_waits_for_its_answer(nursery):
    asking = Consent(300)
    question = asking.question("open x?")
    answers = []

    async def ask():
        answers.append(await asking.wait(question))

    nursery.start_soon(ask)
    await trio.testing.wait_all_tasks_blocked()
    assert [one.text for one in asking.pending()] == ["open x?"]
    assert asking.answer(question.id, True) is question
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [True]
    assert asking.pending() == []


async def test_no_is_no():
    asking = Consent(300)
    question = asking.question("open x?")
    asking.answer(question.id, False)
    assert await asking.wait(question) is False


async def test_nobody_answers(autojump_clock):
    asking = Consent(300)
    assert await asking.wait(asking.question("open x?")) is False
    assert trio.current_time() == 300
    assert asking.pending() == []


def test_an_answer_to_nothing():
    assert Consent(300).answer("beef", True) is None


def test_too_many_questions_are_not_asked():
    asking = Consent(300)
    questions = [asking.question("open x?") for _ in range(consent.WAITING)]
    assert len({question.id for question in questions}) == consent.WAITING
    assert asking.question("one more?") is None


@pytest.mark.parametrize(("answer", "allowed"), [("Open", True), ("Refuse", False)])
async def test_an_answer_in_the_editor_counts(answer, allowed):
    asked = []

    async def ask(text, answers):
        asked.append((text, tuple(answers)))
        return answer

    asking = Consent(300, ask)
    assert await asking.wait(asking.question("open x?")) is allowed
    assert asked == [("open x?", ("Open", "Refuse"))]
    assert asking.pending() == []


@pytest.mark.parametrize("fails", [False, True])
async def test_where_nobody_answers_in_the_editor_the_command_still_does(nursery, fails):
    async def ask(text, answers):
        if fails:
            raise RuntimeError("no")

    asking = Consent(300, ask)
    question = asking.question("open x?")
    answers = []

    async def wait():
        answers.append(await asking.wait(question))

    nursery.start_soon(wait)
    await trio.testing.wait_all_tasks_blocked()
    asking.answer(question.id, True)
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [True]


async def test_the_question_is_taken_back_when_it_was_answered_elsewhere(nursery, autojump_clock):
    taken_back = []

    async def ask(text, answers):
        try:
            await trio.sleep_forever()
        finally:
            taken_back.append(text)

    asking = Consent(300, ask)
    question = asking.question("open x?")
    nursery.start_soon(asking.wait, question)
    await trio.testing.wait_all_tasks_blocked()
    asking.answer(question.id, False)
    await trio.testing.wait_all_tasks_blocked()
    assert taken_back == ["open x?"]
    assert await asking.wait(asking.question("open y?")) is False
    assert taken_back == ["open x?", "open y?"]
