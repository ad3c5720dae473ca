"""From turns to an answer, over a small knowledge base built for the purpose."""

from __future__ import annotations

import pytest

from knowledge.answer import MAX_CHARACTERS, Answer, Responder
from knowledge.contact import read_contacts
from knowledge.dataset import Scope
from knowledge.index import KnowledgeIndex
from knowledge.language import Normalizer
from tests.unit.knowledge.content import WordEncoder


@pytest.fixture(scope="module")
def responder(small_index: KnowledgeIndex, encoder: WordEncoder, normalizer: Normalizer) -> Responder:
    return Responder(small_index, encoder, normalizer)


def test_a_question_gets_its_topics_passage(responder: Responder) -> None:
    answer = responder.answer(["kapan jadwal jenguk dan kunjungan"])
    assert answer.answered
    assert answer.reason is None
    assert answer.topic_id == answer.topics[0].id == "rehab.visits-phone"
    assert answer.language == "id"


def test_an_answer_carries_number_source_and_date(responder: Responder) -> None:
    text = responder.answer(["kapan jadwal jenguk dan kunjungan"]).text
    assert read_contacts().number("ambulance") in text
    assert "{contact" not in text
    assert text.endswith("Sumber: UNODC: Family skills (2020) · ditinjau 1 Nov 2026")


@pytest.mark.parametrize("speaker", ["family", "resident"])
def test_the_passage_fits_who_asks(responder: Responder, speaker: str) -> None:
    answer = responder.answer(["kapan jadwal jenguk dan kunjungan"], speaker=speaker)
    assert answer.passage_id == f"rehab.visits-phone.{speaker}"


def test_a_relative_is_recognised_by_their_words(responder: Responder) -> None:
    assert responder.answer(["jadwal jenguk kunjungan anak saya"]).passage_id == "rehab.visits-phone.family"


def test_the_language_asked_for_wins(responder: Responder) -> None:
    answer = responder.answer(["kapan jadwal jenguk dan kunjungan"], language="en")
    assert answer.language == "en"
    assert "the English text" in answer.text
    assert "Source: UNODC" in answer.text


def test_an_english_question_is_answered_in_english(responder: Responder) -> None:
    assert responder.answer(["hello my friend, what is the weather like today"]).language == "en"


def test_a_follow_up_is_read_with_the_turn_before(responder: Responder) -> None:
    after = responder.answer(["tanya soal jenguk dan kunjungan", "terus gimana?"])
    assert after.topics[0].id == "rehab.visits-phone"


def test_a_question_that_speaks_for_itself_is_read_alone(responder: Responder) -> None:
    after = responder.answer(["tanya soal jenguk dan kunjungan", "tolong jelaskan biaya bayar dan uang di sini bagaimana"])
    assert after.topics[0].id == "rehab.cost"


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param("", id="empty"),
        pytest.param("   \n", id="blanks"),
        pytest.param("😀", id="one-emoji"),
        pytest.param("?!", id="signs"),
        pytest.param("\ud83d", id="lone-surrogate"),
        pytest.param("привет как дела", id="other-script"),
        pytest.param("<script>alert(1)</script>", id="html"),
        pytest.param("'; DROP TABLE users; --", id="sql"),
        pytest.param("yang di ke dan", id="stop-words"),
        pytest.param("x" * 10_000, id="one-letter-ten-thousand-times"),
        pytest.param("qwrtpsdfg " * 1_000, id="gibberish"),
        pytest.param("123 456 789", id="numbers"),
    ],
)
def test_what_is_no_question_gets_no_passage_and_no_error(responder: Responder, turn: str) -> None:
    answer = responder.answer([turn])
    assert not answer.answered
    assert answer.reason in {scope.value for scope in Scope}
    assert answer.text
    assert answer.passage_id is None


@pytest.mark.parametrize(("turn", "reason"), [("😀", "small_talk"), ("", "unclear"), ("привет как дела", "language")])
def test_the_reason_is_of_the_right_kind(responder: Responder, turn: str, reason: str) -> None:
    assert responder.answer([turn]).reason == reason


def test_no_turns_at_all_are_unclear(responder: Responder) -> None:
    assert responder.answer([]).reason == "unclear"


def test_a_long_utterance_is_read_from_both_ends(responder: Responder) -> None:
    story = "cerita panjang sekali " * 500
    assert len(story) > MAX_CHARACTERS
    for turn in ("kapan jadwal jenguk kunjungan besuk " + story, story + " kapan jadwal jenguk kunjungan besuk"):
        assert responder.answer([turn]).topics[0].id == "rehab.visits-phone"


def test_a_harmful_request_is_refused(responder: Responder) -> None:
    answer = responder.answer(["lolos tes urine pakai apa"])
    assert (answer.answered, answer.reason) == (False, "harmful")


def test_topics_are_best_first_and_scores_are_probabilities(responder: Responder) -> None:
    scores = [topic.score for topic in responder.answer(["biaya rehabilitasi bayar"]).topics]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_tapped_topic_opens_its_passage(responder: Responder, language: str) -> None:
    answer = responder.open_topic("rehab.cost", speaker="resident", language=language)
    assert (answer.passage_id, answer.language) == ("rehab.cost.resident", language)
    assert answer.related == (("family.trust", responder.open_topic("family.trust", language=language).related[0][1]),)


def test_an_unknown_topic_is_a_key_error(responder: Responder) -> None:
    with pytest.raises(KeyError):
        responder.open_topic("rehab.nothing")


def test_unclear_questions_offer_up_to_three_topics(
    responder: Responder, monkeypatch: pytest.MonkeyPatch, small_index: KnowledgeIndex
) -> None:
    answer: Answer = responder._ask_back(responder.answer(["biaya"]).topics, "id")
    assert answer.reason == "unclear"
    assert len(answer.options) == 3
    assert dict(answer.options)["rehab.cost"] == "Biaya rehabilitasi"
