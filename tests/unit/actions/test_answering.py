"""Questions reach the knowledge base whatever Rasa took them for, and refusals are honest."""

from __future__ import annotations

import logging
import warnings

import pytest

from actions.answering import ActionAnswerQuestion
from actions.server import configure_logging
from actions.support import ActionCelebrate, ActionEmergencyNumbers, ActionSupport
from actions.wording import read_wording
from knowledge.contact import read_contacts
from tests.unit.actions.fakes import FakeKnowledge, run, tracker


def test_answer_carries_passage_topic_and_related_topics() -> None:
    messages, _ = run(ActionAnswerQuestion(FakeKnowledge()), tracker("biaya rehab berapa"))
    assert messages[0]["text"] == "Gratis di balai BNN."
    assert messages[0]["custom"]["passage_id"] == "rehab.cost.free"
    assert messages[0]["custom"]["topic_id"] == "rehab.cost"
    assert messages[0]["buttons"] == [{"title": "BPJS", "payload": "d:topic:rehab.bpjs"}]


def test_knowledge_hears_the_turns_before_and_who_asks() -> None:
    knowledge = FakeKnowledge()
    slots = {"recent_utterances": ["cara masuk rehab?"], "role": "family", "language": "en", "last_topic": "rehab.x"}
    run(ActionAnswerQuestion(knowledge), tracker("terus biayanya?", slots=slots))
    assert knowledge.asked == [
        (("cara masuk rehab?", "terus biayanya?"), {"speaker": "family", "language": "en", "topic": "rehab.x"})
    ]


def test_confident_knowledge_wins_over_a_wrong_guess() -> None:
    about = tracker("berapa biaya", "nlu_fallback", 0.4, guess=("greet", 0.5))
    messages, _ = run(ActionAnswerQuestion(FakeKnowledge()), about)
    assert messages[0]["custom"]["passage_id"] == "rehab.cost.free"


def test_small_talk_gets_the_reply_to_the_likeliest_intent() -> None:
    about = tracker("hai hai", "nlu_fallback", 0.4, guess=("greet", 0.5))
    messages, _ = run(ActionAnswerQuestion(FakeKnowledge()), about)
    assert messages[0]["response"] == "utter_greet"


def test_clueless_guess_does_not_count() -> None:
    about = tracker("hmm", "nlu_fallback", 0.4, guess=("insult", 0.1))
    messages, _ = run(ActionAnswerQuestion(FakeKnowledge()), about)
    assert (messages[0]["response"], messages[0]["answer"]) == ("utter_no_answer", "Aku di sini.")


def test_unclear_question_offers_topics_and_is_kept_for_review() -> None:
    messages, _ = run(ActionAnswerQuestion(FakeKnowledge()), tracker("bingung"))
    assert messages[0]["buttons"] == [{"title": "Biaya", "payload": "d:topic:rehab.cost"}]
    assert messages[0]["custom"] == {"response": "fallback_unclear", "unanswered": True}


def test_harmful_request_is_refused_with_a_counselor() -> None:
    about = tracker("cara racik", "nlu_fallback", 0.4, guess=("greet", 0.5))
    messages, _ = run(ActionAnswerQuestion(FakeKnowledge()), about)
    assert messages[0]["response"] == "utter_no_answer_counselor"


@pytest.mark.parametrize(("choice", "found"), [("topic:rehab.cost", True), ("topic:rehab.gone", False)])
def test_tapped_topic_is_opened_and_a_vanished_one_leads_to_the_menu(choice: str, found: bool) -> None:
    messages, _ = run(ActionAnswerQuestion(FakeKnowledge()), tracker("/ask_topic", choice=choice))
    assert (messages[0]["custom"].get("topic_id") == "rehab.cost") is found
    assert (messages[0]["response"] == "utter_ask_capabilities") is not found


def test_failing_action_apologises_and_logs_no_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    with warnings.catch_warnings():
        configure_logging()
        messages, events = run(ActionAnswerQuestion(FakeKnowledge()), tracker("rusak kenari"))
    logged = capsys.readouterr().err
    assert ([message["response"] for message in messages], events) == (["utter_trouble"], [])
    assert '"error": "RuntimeError"' in logged
    assert "kenari" not in logged


@pytest.mark.parametrize(
    ("text", "response"), [("kenapa biaya bikin sugesti?", None), ("pengen make, mikir biaya", "utter_report_craving")]
)
def test_feeling_gets_a_passage_only_when_it_is_a_question(text: str, response: str | None) -> None:
    messages, _ = run(ActionSupport(FakeKnowledge(), read_wording()), tracker(text, "report_craving"))
    assert messages[0]["response"] == response


def test_good_news_names_the_time_where_it_was_told() -> None:
    told = tracker("30 hari!", "report_progress", entities=[{"entity": "duration", "value": "30 hari"}])
    celebrate = ActionCelebrate(FakeKnowledge(), read_wording())
    assert run(celebrate, told)[0][0]["duration"] == "30 hari"
    assert run(celebrate, tracker("dapet kerja", "report_progress"))[0][0]["response"] == "utter_report_progress"


def test_question_that_names_a_time_is_no_good_news() -> None:
    asked = tracker("cukup nggak buat biaya tiga bulan?", "report_progress")
    messages, _ = run(ActionCelebrate(FakeKnowledge(), read_wording()), asked)
    assert messages[0]["custom"].get("topic_id") == "rehab.cost"


def test_emergency_numbers_come_from_the_contacts_file() -> None:
    contacts = read_contacts()
    numbers = run(ActionEmergencyNumbers(contacts), tracker("nomor darurat"))[0][0]["numbers"]
    assert contacts.number("ambulance") in numbers
    assert contacts.number("police") in numbers
